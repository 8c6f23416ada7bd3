"""What was said to one id is told to whoever it turned out to be: once, and not where it is not so of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifications import differences, tables
from services.notifications.kinds import KINDS, Subject
from services.notifications.kinds.certificate import ABSENT, ISSUED, REPLACED, REVOKED, THANKS
from services.notifications.kinds.missed import AFTER_THANKS, CAME, MISSED, MISSED_CORRECTED, NOT_MISSED
from services.notifications.ledger import Told, told_after
from services.notifications.state import Person, Place, place_of
from services.notifications.untold import Difference
from shared.contracts.attendance import Presence
from shared.contracts.certificates import CertificateEnds
from shared.contracts.directory import PersonMerged
from shared.contracts.enrolment import AskedFor, EnrolmentWithdrawn, RefusalReason, Standing
from shared.state.rows import Row
from shared.testing import body_of, heard
from tests.notifications.building import (
    BEFORE,
    NOW,
    YESTERDAY,
    certificate,
    certified,
    contact,
    content,
    meeting_list,
    nominated,
    notice,
    person,
    place,
    record,
    refusal,
    session,
    settled,
    topic,
    town,
)
from tests.notifications.office import Office, write_rows
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


async def found(engine: AsyncEngine, subject: Subject, *rows: Row) -> dict[str, Difference]:
    """What is to be told of it, by id."""
    its = PAST if subject in (Subject.CERTIFICATE, Subject.MISSED) else session()
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
