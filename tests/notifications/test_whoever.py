"""What was said to one id is told to whoever it turned out to be: once, and not where it is not so of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifications import abandoned, differences, tables
from services.notifications.kinds import KINDS, Subject
from services.notifications.kinds.certificate import ABSENT, AFTER_MISSED, ISSUED, REPLACED, REVOKED, THANKS
from services.notifications.kinds.missed import AFTER_THANKS, CAME, MISSED, MISSED_CORRECTED, NOT_MISSED
from services.notifications.ledger import Told, told_after
from services.notifications.state import Person, Place, Session, place_of
from services.notifications.untold import Difference
from services.notifications.urgency import Priority
from shared.contracts.attendance import Presence
from shared.contracts.certificates import CertificateEnds
from shared.contracts.directory import PersonMerged
from shared.contracts.enrolment import AskedFor, EnrolmentWithdrawn, RefusalReason, Standing
from shared.contracts.model import Language
from shared.state.rows import Row
from shared.testing import body_of, heard
from tests.notifications import building
from tests.notifications.building import (
    BEFORE,
    IN_TWO_DAYS,
    NOW,
    YESTERDAY,
    certificate,
    certified,
    contact,
    content,
    meeting_list,
    nominated,
    notice,
    open_notice,
    person,
    place,
    record,
    refusal,
    said_then,
    session,
    settled,
    topic,
    town,
)
from tests.notifications.office import SERVICE, Office, write_rows
from tests.notifications.office import settled as settled_notices
from tests.notifications.test_kinds import RULES_OF, judged

ENROLMENT = "rollcall/enrolment"
FORMER, LATER = "person-2", NOW + dt.timedelta(hours=1)
PAST = session(YESTERDAY)
FIRST, SECOND = "RC-2026-0001", "RC-2026-0002"
SAID: dict[Subject, Callable[..., Row]] = {
    Subject.REFUSAL: lambda **more: refusal(**({"person_id": FORMER} | more)),
    Subject.NOMINATED: lambda **more: nominated(RefusalReason.NOT_ADMITTED, **({"person_id": FORMER} | more)),
    Subject.CERTIFICATE: lambda **more: certified(certificate(**({"person_id": FORMER} | more))),
}
HASHES = {Subject.REFUSAL: "event-2", Subject.NOMINATED: "nomination-1", Subject.CERTIFICATE: FIRST}


def merged(into: str = "person-1", person_id: str = FORMER) -> Person:
    return replace(person(person_id), given_name=None, family_name=None, merged_into=into)


def told_to(recipient: str, subject: Subject) -> Told:
    said = content().model_copy(update={"hash": HASHES[subject]})
    if subject is Subject.CERTIFICATE:
        fields = dict(said.says) | {"of": "certificate", "number": FIRST, "useful_until": LATER}
        said = type(said).model_validate({"hash": FIRST, "says": fields})
    return told_after(None, notice(recipient=recipient, about=f"{subject}/session-1", said=said))


async def found(engine: AsyncEngine, subject: Subject, *rows: Row, its: Session | None = None) -> dict[str, Difference]:
    """What is to be told of it, by id."""
    its = its or (PAST if subject in (Subject.CERTIFICATE, Subject.MISSED) else session())
    async with engine.begin() as connection:
        await tables.ensure_key(connection)
        await write_rows(connection, town(), topic(), its, settled(its), person(), contact(), *rows)
        said = await judged(connection, KINDS[subject], RULES_OF.get(subject, RULES_OF[Subject.CERTIFICATE]))
    told = {}
    for one in said:
        difference = one["truth"].difference(one["told"], now=NOW)
        assert bool(one["differs"]) == (difference is not None)
        if difference is not None and one["truth"].is_complete:
            told[one["truth"].to.person.person_id] = difference
    return told


@pytest.mark.parametrize("subject", SAID)
async def test_it_is_told_to_whoever_they_turned_out_to_be(engine: AsyncEngine, subject: Subject) -> None:
    assert set(await found(engine, subject, SAID[subject](), merged())) == {"person-1"}


@pytest.mark.parametrize("subject", SAID)
async def test_it_is_not_told_again_to_whom_it_was_told_before(engine: AsyncEngine, subject: Subject) -> None:
    assert await found(engine, subject, SAID[subject](), merged(), told_to(FORMER, subject)) == {}


@pytest.mark.parametrize("subject", SAID)
async def test_what_was_said_to_the_id_that_stays_comes_before_it(engine: AsyncEngine, subject: Subject) -> None:
    own = SAID[subject](person_id="person-1")
    assert set(await found(engine, subject, SAID[subject](), merged(), own)) == {"person-1"}
    assert await found(engine, subject, told_to("person-1", subject)) == {}


@pytest.mark.parametrize("subject", [Subject.REFUSAL, Subject.NOMINATED])
@pytest.mark.parametrize("standing", [Standing.ENROLLED, Standing.WAITLISTED])
async def test_nobody_is_told_that_they_have_no_place_who_has_one_under_another_id(
    engine: AsyncEngine, subject: Subject, standing: Standing
) -> None:
    theirs = place(standing, version=1, heard_at=BEFORE)
    assert await found(engine, subject, SAID[subject](), merged(), theirs) == {}


async def test_who_gave_a_place_back_before_is_told_of_what_they_asked_for_under_another_id(
    engine: AsyncEngine,
) -> None:
    """By which of two versions came first nobody can tell: each id has its own."""
    gone = place(Standing.WITHDRAWN, version=9, heard_at=BEFORE)
    assert set(await found(engine, Subject.REFUSAL, SAID[Subject.REFUSAL](), merged(), gone)) == {"person-1"}
    later = replace(gone, heard_at=NOW)
    assert await found(engine, Subject.REFUSAL, later) == {}


@pytest.mark.parametrize("whose", [FORMER, "person-1"])
async def test_what_is_said_anew_of_a_place_makes_the_day_on_which_it_was_given_back_no_later(
    engine: AsyncEngine, whose: str
) -> None:
    """The merge itself has enrolment say it anew: what they said under the other id is said of it, too."""
    its = refusal(person_id=whose, source=ENROLMENT, decided_at=BEFORE)
    gone = given_back(withdrawn_at=BEFORE - dt.timedelta(hours=1))
    assert set(await found(engine, Subject.REFUSAL, its, merged(), gone)) == {"person-1"}
    assert await found(engine, Subject.REFUSAL, replace(gone, withdrawn_at=NOW)) == {}


@pytest.mark.parametrize("whose", [FORMER, "person-1"])
async def test_who_asked_since_to_be_out_is_told_of_no_refusal_of_before(engine: AsyncEngine, whose: str) -> None:
    """Of what a rule had taken before they asked for it."""
    its = refusal(person_id=whose, source=ENROLMENT, decided_at=BEFORE)
    gone = given_back(withdrawn_at=BEFORE - dt.timedelta(hours=1), asked_for=AskedFor.WITHDRAWAL)
    assert await found(engine, Subject.REFUSAL, its, merged(), gone) == {}


def given_back(**changes: Any) -> Place:
    """As enrolment says it now, whether somebody asked or not."""
    fields = {"session_id": "session-1", "person_id": "person-1", "asked_for": None, "decided_at": NOW} | changes
    return place_of(heard(body_of(EnrolmentWithdrawn, **fields), source=ENROLMENT, version=9, at=NOW))


async def test_a_certificate_that_was_told_under_another_id_is_taken_back_and_replaced(engine: AsyncEngine) -> None:
    known = merged(), told_to(FORMER, Subject.CERTIFICATE)
    ended = SAID[Subject.CERTIFICATE](ended=CertificateEnds.NOT_EARNED)
    assert {one.letter for one in (await found(engine, Subject.CERTIFICATE, ended, *known)).values()} == {REVOKED}
    other = certificate(SECOND, person_id="person-1", serial=2, supersedes=FIRST)
    its = certified(other)
    assert {one.letter for one in (await found(engine, Subject.CERTIFICATE, its)).values()} == {REPLACED}


def told_by_lists(recipient: str, hashed: str | None, letter: str) -> Told:
    says = {"of": "reminder", "rule": letter, "useful_until": LATER} | {"meetings": PAST.meetings}
    fields = dict(content(PAST).says) | says
    said = content(PAST).model_validate({"hash": hashed, "says": fields})
    return told_after(None, notice(recipient=recipient, about="missed/session-1", kind=letter, said=said))


@pytest.mark.parametrize(
    ("state", "told", "letter", "because"),
    [
        (Presence.PRESENT, (CAME, THANKS), None, None),
        (Presence.PRESENT, (ABSENT, MISSED), MISSED_CORRECTED, CAME),
        (Presence.ABSENT, (ABSENT, MISSED), None, None),
        (Presence.ABSENT, (CAME, THANKS), MISSED, AFTER_THANKS),
        (Presence.EXCUSED, (ABSENT, MISSED), MISSED_CORRECTED, NOT_MISSED),
    ],
)
async def test_what_was_told_of_the_lists_to_one_id_was_told_to_the_human(
    engine: AsyncEngine, state: Presence, told: tuple[str, str], letter: str | None, because: str | None
) -> None:
    """One is thanked once, and told once that one was missed; and what was told otherwise is put right."""
    lists = record(state), meeting_list(heard_at=NOW - dt.timedelta(hours=2)), place()
    its = await found(engine, Subject.MISSED, *lists, merged(), told_by_lists(FORMER, *told))
    assert [(one.letter, one.because) for one in its.values()] == ([(letter, because)] if letter else [])


async def test_a_certificate_says_what_was_written_to_any_id_of_its_holder(engine: AsyncEngine) -> None:
    """Whoever read under the one that they had not come is told under the other that they have a certificate after all."""
    its = certified(certificate()), merged(), told_by_lists(FORMER, ABSENT, MISSED)
    assert (await found(engine, Subject.CERTIFICATE, *its))["person-1"].because == AFTER_MISSED
    own = told_by_lists("person-1", CAME, THANKS)
    assert (await found(engine, Subject.CERTIFICATE, own))["person-1"].because is None


async def test_nobody_is_missed_who_heard_under_another_id_that_their_certificate_is_revoked(
    engine: AsyncEngine,
) -> None:
    """It says that they were not there for long enough."""
    lists = record(), meeting_list(heard_at=NOW - dt.timedelta(hours=2)), place()
    assert set(await found(engine, Subject.MISSED, *lists, merged())) == {"person-1"}
    fields = dict(content(PAST).says) | {"of": "certificate", "number": FIRST, "useful_until": LATER}
    said = content(PAST).model_validate({"hash": None, "says": fields})
    revoked = told_after(None, notice(recipient=FORMER, about="certificate/session-1", kind=REVOKED, said=said))
    assert await found(engine, Subject.MISSED, revoked) == {}


ASKED_FOR = session(YESTERDAY, post_test=building.task(IN_TWO_DAYS, NOW - dt.timedelta(hours=20), name="post_test.1"))
"""Of which whoever has not filled it in is reminded since yesterday afternoon."""


def told_of_tasks(recipient: str, subject: Subject, at: dt.datetime) -> Told:
    fields = dict(content(PAST).says) | {"of": "tasks", "tasks": ["post_test.1"], "useful_until": IN_TWO_DAYS}
    said = content(PAST).model_validate({"hash": "post_test.1", "says": fields})
    return told_after(None, notice(recipient=recipient, about=f"{subject}/session-1", said=said, decided_at=at))


async def test_who_was_asked_under_one_id_to_fill_something_in_is_not_asked_again_under_the_other_but_reminded_once(
    engine: AsyncEngine,
) -> None:
    was_there, asked = record(Presence.PRESENT), told_of_tasks(FORMER, Subject.FOLLOWUP, NOW - dt.timedelta(days=3))
    known = was_there, merged()
    assert set(await found(engine, Subject.FOLLOWUP, *known, its=ASKED_FOR)) == {"person-1"}
    assert await found(engine, Subject.UNFILLED, its=ASKED_FOR) == {}
    assert await found(engine, Subject.FOLLOWUP, asked, its=ASKED_FOR) == {}
    assert set(await found(engine, Subject.UNFILLED, its=ASKED_FOR)) == {"person-1"}
    reminded = told_of_tasks(FORMER, Subject.UNFILLED, NOW)
    assert await found(engine, Subject.UNFILLED, reminded, its=ASKED_FOR) == {}


@pytest.mark.parametrize("subject", [Subject.REFUSAL, Subject.NOMINATED])
async def test_of_what_two_ids_were_told_in_vain_the_newest_is_told(engine: AsyncEngine, subject: Subject) -> None:
    """It answers what the human asked for last: as what is said to one id twice."""
    hashes = {Subject.REFUSAL: "event_id", Subject.NOMINATED: "nomination_id"}
    own = SAID[subject](person_id="person-1", **{hashes[subject]: "of-before"})
    newer = SAID[subject](heard_at=BEFORE + dt.timedelta(hours=1))
    both = await found(engine, subject, own, newer, merged())
    assert {who: its.says.hash for who, its in both.items()} == {"person-1": HASHES[subject]}
    assert await found(engine, subject, told_to("person-1", subject)) == {}, "nor what was said before"
    later = SAID[subject](person_id="person-1", heard_at=NOW, **{hashes[subject]: "of-now"})
    both = await found(engine, subject, later)
    assert {who: its.says.hash for who, its in both.items()} == {"person-1": "of-now"}


async def test_nobody_is_thanked_who_has_a_certificate_under_another_id(engine: AsyncEngine) -> None:
    lists = record(Presence.PRESENT), meeting_list(heard_at=NOW - dt.timedelta(hours=2)), place()
    assert set(await found(engine, Subject.MISSED, *lists, merged())) == {"person-1"}
    assert await found(engine, Subject.MISSED, SAID[Subject.CERTIFICATE]()) == {}


async def test_a_certificate_of_a_former_id_leads_its_reader_to_it(office: Office) -> None:
    await office.is_true(PAST, settled(PAST), merged(), SAID[Subject.CERTIFICATE](heard_at=NOW))
    async with office.server.listening(), office.sending():
        assert await settled_notices(office, 1) == [(ISSUED, "sent", None)]
        await office.has_looked()
    assert [mail[:2] for mail in office.server.mails] == [("person-1@example.org", ISSUED)]


@pytest.mark.parametrize("subject", SAID)
async def test_the_merge_itself_is_news_of_it(engine: AsyncEngine, subject: Subject) -> None:
    gone: Any = replace(merged(), heard_at=LATER)
    async with engine.begin() as connection:
        await write_rows(connection, SAID[subject](), person(), gone)
        keys, _ = await differences.news(connection, frozenset({PersonMerged}), mark=LATER, now=NOW)
    assert ("person-1", "session-1") in keys
    assert subject in differences.concerned_by(frozenset({PersonMerged}))


@pytest.mark.parametrize("subject", [*SAID, Subject.MESSAGE, Subject.TRAINING])
@pytest.mark.parametrize("may_have_left", [False, True])
async def test_a_mail_to_whom_somebody_was_taken_for_is_closed_once_they_are_two_again(
    office: Office, subject: Subject, may_have_left: bool
) -> None:
    """It was due for ever: nothing is said of that id any more by which it could be judged."""
    its = PAST if subject is Subject.CERTIFICATE else session(trainers=(FORMER,) if subject is Subject.TRAINING else ())
    others = {Subject.MESSAGE: lambda: building.message(FORMER), Subject.TRAINING: lambda: said_then(its)}
    said: Row = SAID[subject]() if subject in SAID else others[subject]()
    about = f"{subject}/{'message-1' if subject is Subject.MESSAGE else 'session-1'}"
    planned = open_notice(about=about, next_attempt_at=NOW - dt.timedelta(hours=1))
    if may_have_left:
        content_then = content(its).model_copy(update={"hash": "something"})
        planned = replace(planned, kind="other", language=Language.PL, content=content_then, stated_at=BEFORE, doubts=1)
    await office.is_true(town(), topic(), its, settled(its), person(), contact(), person(FORMER), said, planned)
    async with office.server.listening(), office.sending():
        await office.has_looked()
    assert office.server.mails == []
    outcomes = [(state, code) for _, state, code in await office.outcomes()]
    assert outcomes == ([("overtaken", "overtaken")] if may_have_left else [])


@pytest.mark.parametrize("subject", Subject)
async def test_nothing_stands_behind_no_notice_of_any_kind(engine: AsyncEngine, subject: Subject) -> None:
    async with engine.begin() as connection:
        its = {"most": 5, "under_way": (), "rules": RULES_OF.get(subject, RULES_OF[Subject.CERTIFICATE])}
        assert await abandoned.take(connection, SERVICE.working(NOW), (Priority.USUAL, subject), **its) == []
