"""What somebody is told who has places in two trainings at the same time of day, and what the coordinators of their town are told of them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifications import reading, tables
from services.notifications.kinds import KINDS, Subject
from services.notifications.kinds.clash import CLASH, Clash, Known
from services.notifications.kinds.clashes import CLASHES, Clashes, OfTheirs
from services.notifications.ledger import NoticeState, Told, told_after
from services.notifications.mail import Renderer
from services.notifications.state import CANCELLED, Place, Session
from services.notifications.untold import ANOTHER_MAIL, ENROLMENT, Difference
from shared.contracts.enrolment import Standing
from shared.contracts.model import Language
from shared.contracts.notifications import Clashing, ClashTold
from shared.state.rows import Row
from tests.notifications.building import (
    BEFORE,
    LONG_AGO,
    NOW,
    TUESDAY,
    addressee,
    contact,
    content,
    facts,
    meeting,
    member,
    notice,
    open_notice,
    person,
    place,
    said_then,
    session,
    settled,
)
from tests.notifications.mails import RENDERER, ZANETA, body, brief_mail, received
from tests.notifications.office import Office, write_rows
from tests.notifications.office import settled as settled_notices
from tests.notifications.test_kinds import judged

pytestmark = pytest.mark.long

A, B = "session-1", "session-2"
BEGUN = meeting("2026-11-20T08:00", "2026-11-20T15:00")
"""An hour ago."""
ONE, OTHER = session(), session(session_id=B)
MINE, ALSO_MINE = place(clashes_with=(B,)), place(session_id=B, clashes_with=(A,))
TOLD_OF_BOTH = tuple(
    Known(told_after(None, notice(about=f"place/{its.session_id}", said=content(its))), False) for its in (ONE, OTHER)
)


def clash(
    mine: Place = MINE,
    also_mine: Place = ALSO_MINE,
    *,
    one: Session = ONE,
    other: Session = OTHER,
    settled: tuple[bool, bool] = (True, True),
    **changes: Any,
) -> Clash:
    fields: dict[str, Any] = {
        "since": 0,
        "began_at": BEFORE,
        "known": TOLD_OF_BOTH,
        "other_is_open": False,
        "go_live": LONG_AGO,
    } | changes
    both = facts(mine, one, settled=settled[0]), facts(also_mine, other, settled=settled[1])
    return Clash(both[0], other=both[1], **fields)


def differs(its: Clash | Clashes, told: Told | None = None, *, now: dt.datetime = NOW) -> Difference | None:
    return its.difference(told, addressee(), now=now)


def told(found: Difference | None) -> Told:
    assert found is not None
    return told_after(None, notice(about=f"clash/{A}/{B}", said=found.says))


# --- the person ------------------------------------------------------------------------------


def test_who_has_two_places_at_the_same_time_is_told_once_of_both() -> None:
    found = differs(clash())
    assert found is not None
    assert isinstance(found.says.says, ClashTold)
    assert (found.letter, found.says.says.other_session_id, found.says.until) == (CLASH, B, ONE.starts_at)
    assert differs(clash(), told(found)) is None


def test_something_else_that_changes_is_no_other_clash_and_one_that_comes_again_is() -> None:
    moved = clash(one=replace(ONE, venue="Elsewhere", content="x"), known=(Known(None, True), TOLD_OF_BOTH[1]))
    assert differs(moved, told(differs(clash()))) is None
    assert differs(clash(since=3), told(differs(clash()))) is not None


@pytest.mark.parametrize(
    "its",
    [
        clash(place(Standing.WITHDRAWN)),
        clash(also_mine=place(Standing.WITHDRAWN, session_id=B)),
        clash(place(Standing.OFFERED, clashes_with=(B,))),
        clash(place()),
        clash(also_mine=place(session_id=B)),
        clash(one=replace(ONE, state=CANCELLED)),
        clash(other=replace(OTHER, state=CANCELLED)),
        clash(one=session(BEGUN)),
        clash(other=session(BEGUN, session_id=B)),
        clash(go_live=NOW),
    ],
    ids=[
        *("given back", "the other given back", "only offered", "moved away", "the other moved away"),
        *("cancelled", "the other cancelled", "begun", "the other begun", "before go-live"),
    ],
)
def test_there_is_nothing_to_tell_where_there_is_nothing_to_choose(its: Clash) -> None:
    assert differs(its) is None


NOT_TOLD, TOLD_OF_ANOTHER_DAY = Known(None, False), Known(TOLD_OF_BOTH[0].told, False)


@pytest.mark.parametrize(
    ("its", "waits_for"),
    [
        (clash(settled=(False, True)), ENROLMENT),
        (clash(settled=(True, False)), ENROLMENT),
        (clash(other_is_open=True), ANOTHER_MAIL),
        (clash(known=(NOT_TOLD, TOLD_OF_BOTH[1])), ANOTHER_MAIL),
        (clash(known=(TOLD_OF_BOTH[0], NOT_TOLD)), ANOTHER_MAIL),
        (clash(one=session(TUESDAY), known=(TOLD_OF_ANOTHER_DAY, TOLD_OF_BOTH[1])), ANOTHER_MAIL),
        (clash(known=(Known(None, True), TOLD_OF_BOTH[1])), None),
    ],
)
def test_nobody_hears_of_a_clash_before_they_have_heard_of_both_places_as_they_are(
    its: Clash, waits_for: str | None
) -> None:
    found = differs(its)
    assert found is not None
    assert found.waits_for == waits_for


def test_who_was_not_told_before_the_first_begins_is_told_too_late() -> None:
    def missed(its: Clash, known: Told | None = None) -> Difference | None:
        return its.missed(known, addressee(), now=NOW, since=LONG_AGO)

    begun = clash(one=session(BEGUN))
    found = missed(begun)
    assert found is not None
    assert found.letter == CLASH
    assert missed(begun, told(found)) is None
    assert missed(clash()) is None
    assert missed(clash(place(Standing.WITHDRAWN), one=session(BEGUN))) is None
    assert missed(clash(one=session(BEGUN), began_at=NOW)) is None, "nobody knew of it in time"
    failed = notice(said=found.says, state=NoticeState.TOO_LATE, code="too_late")
    assert missed(begun, told_after(None, failed)) is None


# --- their coordinators ----------------------------------------------------------------------

ANNA, BARTEK = OfTheirs("person-2", 0, "Anna Lis"), OfTheirs("person-3", 0, None)


def clashes(*people: OfTheirs, one: Session = ONE, **changes: Any) -> Clashes:
    fields = {"coordinates": True, "town_name": "Augustów"} | changes
    of_one, of_other = (replace(facts(its_session=its), place=None) for its in (one, OTHER))
    return Clashes(of_one, of_other, people or (ANNA, BARTEK), **fields)


def test_coordinators_are_told_in_one_mail_of_all_of_theirs() -> None:
    found = differs(clashes())
    assert found is not None
    assert isinstance(found.says.says, ClashTold)
    assert found.letter == CLASHES
    assert found.says.says.people == (Clashing(person_id="person-2", since=0), Clashing(person_id="person-3", since=0))
    mail = clashes().mail(open_notice(language=Language.PL, content=found.says), found)
    assert ([one.name for one in mail.people], mail.town) == (["Anna Lis", "–"], "Augustów")
    assert differs(clashes(coordinates=False)) is None


def test_they_are_told_again_of_somebody_new_and_not_when_somebody_has_resolved_it() -> None:
    known = told(differs(clashes()))
    assert differs(clashes(), known) is None
    assert differs(clashes(ANNA), known) is None
    assert differs(clashes(ANNA, OfTheirs("person-4", 0, None)), known) is not None
    assert differs(clashes(replace(ANNA, since=4)), known) is not None


def test_coordinators_hear_nothing_of_what_is_off_or_has_begun() -> None:
    assert differs(clashes(one=replace(ONE, state=CANCELLED))) is None
    assert differs(clashes(one=session(BEGUN))) is None
    assert clashes(one=session(BEGUN)).missed(None, addressee(), now=NOW, since=LONG_AGO) is not None


# --- the mail --------------------------------------------------------------------------------


@pytest.mark.parametrize("language", Language)
def test_the_mail_shows_both_trainings_each_with_the_way_to_its_place(language: Language) -> None:
    other = replace(brief_mail(CLASH, language), session_id=B, topic_name="Rynek pracy", venue="Dom Kultury")
    text = body(received(brief_mail(CLASH, language, also=other)), "plain")
    assert text.index("Urząd Miejski") < text.index("Rynek pracy") < text.index("Dom Kultury")
    assert text.count("Żaneta Wiśniewska") == 1


def test_the_first_of_the_two_stands_first_and_each_has_the_name_of_its_topic() -> None:
    sooner = session(meeting("2026-11-23T08:00", "2026-11-23T15:00"), session_id=B, venue="Dom Kultury")
    its = clash(other=sooner, known=(TOLD_OF_BOTH[0], Known(None, True)))
    found = differs(its)
    assert found is not None
    says = its.named(found.says, Language.EN)
    mail = its.mail(open_notice(language=Language.EN, content=says), found)
    assert mail.also is not None
    assert (mail.session_id, mail.venue, mail.also.session_id) == (B, "Dom Kultury", A)
    assert isinstance(says.says, ClashTold)
    assert {says.says.topic_name, says.says.other.topic_name} == {"Climate adaptation"}


def test_each_of_the_two_buttons_leads_to_its_own_place() -> None:
    leads = Renderer(
        sender="a@example.org",
        sender_name="A",
        organiser="a@example.org",
        organiser_name="A",
        page_of=lambda mail, person_id: f"https://x.example.org/{mail.session_id}/{person_id}",
    )
    mail = brief_mail(CLASH, also=replace(brief_mail(CLASH), session_id=B))
    prepared = leads.shared(KINDS[Subject.CLASH].sheet(mail, RENDERER.office))
    assert prepared.page_of is not None
    assert prepared.other_page_of is not None
    assert prepared.page_of(ZANETA.person_id).endswith("session-0001/person-0001")
    assert prepared.other_page_of(ZANETA.person_id).endswith(f"{B}/person-0001")


# --- through the database --------------------------------------------------------------------


def known() -> list[Row]:
    """Two sessions at the same time, settled, and who has a place in both."""
    return [ONE, settled(ONE), OTHER, settled(OTHER), MINE, ALSO_MINE]


async def test_the_places_are_told_first_and_then_the_clash_once_whichever_of_them_is_heard_first(
    office: Office,
) -> None:
    await office.is_true(ONE, settled(ONE), OTHER, settled(OTHER))
    async with office.server.listening(), office.sending():
        await office.hears(ALSO_MINE)
        assert await settled_notices(office, 1) == [("confirmation", "sent", None)]
        await office.hears(MINE)
        outcomes = await settled_notices(office, 3)
        assert sorted(outcomes[:2]) == [("confirmation", "sent", None)] * 2
        assert outcomes[2] == (CLASH, "sent", None)
        await office.has_looked()
    assert [kind for _, kind, _ in office.server.mails].count(CLASH) == 1
    books = await office.books()
    assert books["told_is_true"]
    async with office.engine.connect() as connection:
        for session_id in (A, B):
            found = await reading.notices(connection, session=session_id, after="", limit=9)
            assert CLASH in {one["kind"] for one in found}


async def test_a_clash_that_goes_and_comes_again_is_told_again(office: Office) -> None:
    await office.is_true(*known())
    async with office.server.listening(), office.sending():
        await settled_notices(office, 3)
        gone = replace(MINE, version=2, clashes_with=())
        again = replace(MINE, version=3)
        await office.is_true(*map(said_then, (MINE, gone, again)), again)
        await settled_notices(office, 4)
        await office.has_looked()
        restated = replace(again, version=4, city_id="geonames:1")
        await office.is_true(said_then(restated), restated)
        await office.has_looked()
    assert [kind for _, kind, _ in office.server.mails].count(CLASH) == 2


async def test_each_coordinator_of_the_town_is_told_who_of_theirs_and_nobody_is_named_who_is_erased(
    office: Office,
) -> None:
    towns: list[Row] = [member("person-9"), member("person-8", "geonames:1")]
    erased = ("person-5", "person-6")
    others: list[Row] = [replace(row, person_id=one) for one in ("person-4", *erased) for row in (MINE, ALSO_MINE)]
    people: list[Row] = [person("person-4"), replace(person("person-5"), erased=True)]
    people += [replace(person("person-6"), merged_into="person-4"), person("person-9"), contact("person-9")]
    await office.is_true(*known(), *towns, *others, *people)
    async with office.server.listening(), office.sending():
        await settled_notices(office, 4)
        await office.has_looked()
    assert [to for to, kind, _ in office.server.mails if kind == CLASHES] == ["person-9@example.org"]
    async with office.engine.connect() as connection:
        (found,) = await reading.notices(connection, recipient="person-9", after="", limit=9)
    assert found["about"] == f"clashes/{A}/{B}/geonames:776597"
    assert {one["person_id"] for one in found["said"]["says"]["people"]} == {"person-1", "person-4"}


async def test_a_towns_people_stand_in_the_order_of_the_alphabet(engine: AsyncEngine) -> None:
    names = {"person-4": ("Ewa", "Zych"), "person-5": ("Adam", "Ćwik"), "person-6": ("Jan", "de Vries")}
    people = [replace(person(one), given_name=given, family_name=family) for one, (given, family) in names.items()]
    others: list[Row] = [replace(row, person_id=one) for one in names for row in (MINE, ALSO_MINE)]
    async with engine.begin() as connection:
        await tables.ensure_key(connection)
        await write_rows(
            connection, *known(), *others, *people, member("person-9"), person("person-9"), contact("person-9")
        )
        (found,) = [one["truth"].matter for one in await judged(connection, KINDS[Subject.CLASHES])]
    assert [one.name for one in found.people] == ["Adam Ćwik", "Jan de Vries", "Ewa Zych", None]


async def test_nobody_is_told_of_a_clash_that_was_gone_before_its_mail_left(office: Office) -> None:
    await office.is_true(*known())
    about = f"clash/{A}/{B}"
    await office.is_true(open_notice(about=about, next_attempt_at=NOW + dt.timedelta(seconds=3)))
    gone = replace(MINE, version=2, clashes_with=())
    await office.is_true(said_then(gone), gone)
    async with office.server.listening(), office.sending():
        await settled_notices(office, 2)
        await office.has_looked()
    assert CLASH not in {kind for _, kind, _ in office.server.mails}
