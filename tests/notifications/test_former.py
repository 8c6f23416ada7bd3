"""An entry that was told to an id which has gone into another one: it is taken out of the calendar of whoever that is, once, and what they read
of their training beside that is true."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import pytest
from icalendar import Calendar
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifications import differences
from services.notifications.calendar import as_trainer, entry_uid
from services.notifications.kinds import Subject
from services.notifications.kinds.former import ENTRY_CANCELLED, ENTRY_ENDED, ENTRY_GONE, FORMER_KIND
from services.notifications.ledger import NoticeState, Told, told_after
from services.notifications.reading_feeds import own
from services.notifications.state import CANCELLED, SCHEDULED
from services.notifications.tables import ensure_key
from services.notifications.untold import ANOTHER_MAIL, ENROLMENT
from shared.contracts.directory import PersonMerged
from shared.contracts.enrolment import Standing, WithdrawalReason
from shared.contracts.model import Language
from shared.state.rows import Row
from tests.notifications.building import (
    NOW,
    YESTERDAY,
    contact,
    content,
    notice,
    open_notice,
    person,
    place,
    said_then,
    session,
    settled,
    topic,
    town,
)
from tests.notifications.office import Office, write_rows
from tests.notifications.office import settled as settled_notices
from tests.notifications.test_kinds import judged
from tests.notifications.test_whoever import FORMER, found, merged

PLACE, TRAINING, SEQUENCE = "place/session-1", "training/session-1", 2
MOVED = (place(), place(Standing.WITHDRAWN, person_id=FORMER, reason=WithdrawalReason.MERGED))
"""Their places, once enrolment has been heard of the merge."""


def entry(recipient: str = FORMER, about: str = PLACE, **changes: Any) -> Told:
    """What an id was told."""
    its = {"recipient": recipient, "about": about, "notice_id": f"notice-{recipient}", "sequence": SEQUENCE} | changes
    return told_after(None, notice(**its))


async def tells(engine: AsyncEngine, *rows: Row, **more: Any) -> dict[str, str]:
    return {who: one.letter for who, one in (await found(engine, Subject.FORMER, *rows, **more)).items()}


# --- what there is to be told ----------------------------------------------------------------


async def test_who_has_the_place_under_the_id_that_stays_is_rid_of_the_other_entry(engine: AsyncEngine) -> None:
    assert await tells(engine, merged(), entry(), *MOVED) == {"person-1": ENTRY_ENDED}


async def test_as_long_as_the_id_that_went_has_the_place_the_entry_is_right(engine: AsyncEngine) -> None:
    """Enrolment has not been heard of the merge: nobody is told that they have no place."""
    assert await tells(engine, merged(), entry(), place(person_id=FORMER)) == {}


async def test_so_it_is_where_an_id_between_has_it(engine: AsyncEngine) -> None:
    """Enrolment has moved it once, and not yet on."""
    its = merged("person-3"), merged("person-1", "person-3"), entry(), MOVED[1]
    assert await tells(engine, *its, place(person_id="person-3")) == {}
    assert await tells(engine, place(Standing.WITHDRAWN, person_id="person-3"), place()) == {"person-1": ENTRY_ENDED}


async def test_who_has_no_place_any_more_under_either_is_told_that_it_is_gone(engine: AsyncEngine) -> None:
    """Whoever gave it back before anything was told under the id that stays would come."""
    assert await tells(engine, merged(), entry(), place(Standing.WITHDRAWN), MOVED[1]) == {"person-1": ENTRY_GONE}


async def test_a_session_that_is_called_off_is_told_to_whoever_knew_of_it_under_another_id(engine: AsyncEngine) -> None:
    off = session(state=CANCELLED)
    assert await tells(engine, merged(), entry(), *MOVED, its=off) == {"person-1": ENTRY_CANCELLED}
    assert await tells(engine, place(person_id=FORMER), its=off) == {"person-1": ENTRY_CANCELLED}, (
        "wherever the place stands"
    )


@pytest.mark.parametrize(
    ("trained_by", "state", "letter"),
    [
        ("person-1", SCHEDULED, ENTRY_ENDED),
        (FORMER, SCHEDULED, ENTRY_ENDED),
        ("x", SCHEDULED, ENTRY_GONE),
        (FORMER, CANCELLED, ENTRY_CANCELLED),
    ],
)
async def test_so_is_who_trains_it(engine: AsyncEngine, trained_by: str, state: Any, letter: str) -> None:
    its = session(trainers=(trained_by,), state=state)
    assert await tells(engine, merged(), entry(about=TRAINING), its=its) == {"person-1": letter}


async def test_it_is_told_once_and_anew_where_the_entry_was_told_anew(engine: AsyncEngine) -> None:
    said = content().model_copy(update={"hash": f"notice-{FORMER}"})
    known = entry("person-1", f"former/session-1/place/{FORMER}", said=said)
    assert await tells(engine, merged(), entry(), *MOVED, known) == {}
    assert await tells(engine, entry(notice_id="notice-9", sequence=3)) == {"person-1": ENTRY_ENDED}


async def test_what_was_called_off_under_that_id_or_is_over_is_no_entry(engine: AsyncEngine) -> None:
    ended = content().model_copy(update={"hash": None})
    assert await tells(engine, merged(), *MOVED, entry(said=ended)) == {}
    over = session(YESTERDAY)
    assert await tells(engine, entry(said=content(over)), its=over) == {}


async def test_what_may_have_been_told_is_taken_out_as_well_and_the_mail_says_that_nobody_knows(
    engine: AsyncEngine,
) -> None:
    its = await found(engine, Subject.FORMER, merged(), *MOVED, entry(state=NoticeState.UNKNOWN))
    assert its["person-1"].in_doubt
    assert (await found(engine, Subject.FORMER, entry()))["person-1"].in_doubt is False


async def test_of_ids_that_went_one_into_another_each_entry_ends(engine: AsyncEngine) -> None:
    its = (
        merged("person-3"), merged("person-1", "person-3"), entry(), entry("person-3"), *MOVED,
        place(Standing.WITHDRAWN, person_id="person-3"),
    )  # fmt: skip
    async with engine.begin() as connection:
        await ensure_key(connection)
        await write_rows(connection, town(), topic(), session(), settled(), person(), contact(), *its)
        said = await judged(connection, FORMER_KIND)
    assert [one["differs"] for one in said] == [True, True]
    assert {one["truth"].to.person.person_id for one in said} == {"person-1"}


async def test_a_mail_about_the_place_goes_before_it_and_enrolment_speaks_first(engine: AsyncEngine) -> None:
    async def waits(*rows: Row) -> list[str]:
        async with engine.begin() as connection:
            await ensure_key(connection)
            await write_rows(
                connection, town(), topic(), session(), person(), contact(), merged(), entry(), *MOVED, *rows
            )
            (said,) = await judged(connection, FORMER_KIND)
        names = [name for name in FORMER_KIND.waits if said[f"waits_for_{name}"]]
        difference = said["truth"].difference(said["told"], now=NOW)
        assert names == ([difference.waits_for] if difference.waits_for else [])
        return names

    assert await waits() == [ENROLMENT]
    assert await waits(settled()) == []
    assert await waits(open_notice(about=PLACE)) == [ANOTHER_MAIL]
    assert Subject.FORMER in differences.concerned_after(Subject.PLACE, has_ended=True)


async def test_the_merge_is_news_of_it_also_one_further_on(engine: AsyncEngine) -> None:
    later = NOW + dt.timedelta(hours=1)
    async with engine.begin() as connection:
        await write_rows(
            connection, entry(), merged("person-3"), replace(merged("person-1", "person-3"), heard_at=later), person()
        )
        keys, _ = await differences.news(connection, frozenset({PersonMerged}), mark=later, now=NOW)
    assert ("person-1", "session-1") in keys
    assert Subject.FORMER in differences.concerned_by(frozenset({PersonMerged}))


# --- what leaves -----------------------------------------------------------------------------


def entries_in(mail: bytes) -> list[tuple[str, str, int]]:
    """(METHOD, UID, SEQUENCE) of each event that a mail asks a calendar to take."""
    parsed = email.message_from_bytes(mail, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    parts = [part for part in parsed.walk() if part.get_content_type() == "text/calendar"]
    calendar: Any = Calendar.from_ical(parts[0].get_payload(decode=True))
    return [(str(calendar["METHOD"]), str(one["UID"]), int(one["SEQUENCE"])) for one in calendar.walk("VEVENT")]


async def test_the_other_entry_ends_by_its_own_name_after_the_place_is_told(office: Office) -> None:
    """So that a calendar is left with one of the two, and its reader with the place."""
    await office.is_true(town(), topic(), session(), settled(), person(), contact(), person(FORMER), entry())
    await office.is_true(place(person_id=FORMER), said_then(place(person_id=FORMER)))
    async with office.server.listening(), office.sending():
        await office.has_looked()
        assert office.server.mails == []
        await office.hears(replace(merged(), version=2))
        await office.has_looked()
        assert office.server.mails == [], "nothing is so under the id that stays until enrolment has said it"
        moved = (MOVED[0], replace(MOVED[1], version=2))
        await office.hears(*moved, *(said_then(one) for one in moved))
        assert [kind for kind, *_ in await settled_notices(office, 2)] == ["confirmation", ENTRY_ENDED]
        await office.has_looked()
        assert (await office.books())["told_is_true"]
    assert [to for to, *_ in office.server.mails] == ["person-1@example.org"] * 2
    begun, ended = map(entries_in, office.server.contents)
    assert begun == [("REQUEST", entry_uid("session-1", "person-1"), 0)]
    assert ended == [("CANCEL", entry_uid("session-1", FORMER), SEQUENCE + 1)]


async def test_a_trainers_other_entry_ends_by_its_own_name(office: Office) -> None:
    its = session(trainers=(FORMER,))
    await office.is_true(town(), topic(), its, said_then(its), settled(its), person(), contact(), merged())
    await office.is_true(entry(about=TRAINING))
    async with office.server.listening(), office.sending():
        assert [kind for kind, *_ in await settled_notices(office, 2)] == ["training", ENTRY_ENDED]
    begun, ended = map(entries_in, office.server.contents)
    assert begun == [("REQUEST", entry_uid(as_trainer("session-1"), "person-1"), 0)]
    assert ended == [("CANCEL", entry_uid(as_trainer("session-1"), FORMER), SEQUENCE + 1)]


async def test_who_is_two_again_before_it_leaves_keeps_their_entry(office: Office) -> None:
    await office.is_true(town(), topic(), session(), settled(), person(), contact(), person(FORMER), *MOVED)
    await office.is_true(entry(), entry("person-1"), contact(FORMER))
    await office.is_true(
        open_notice(about=f"former/session-1/place/{FORMER}", next_attempt_at=NOW - dt.timedelta(hours=1))
    )
    async with office.server.listening(), office.sending():
        await office.has_looked()
    assert [mail for mail in office.server.mails if mail[1] == ENTRY_ENDED] == []


# --- what a calendar that one subscribes to shows ----------------------------------------------


async def test_a_calendar_that_is_fetched_shows_the_other_entry_as_off(engine: AsyncEngine) -> None:
    """Under the number that the mail has which ends it."""
    async with engine.begin() as connection:
        await write_rows(
            connection, town(), topic(), session(), said_then(session()), settled(), person(), merged(), *MOVED, entry()
        )
        shown = {(one.uid, one.sequence, one.is_off) for one in await own(connection, "person-1", Language.PL, NOW)}
    assert shown == {
        (entry_uid("session-1", "person-1"), 0, False),
        (entry_uid("session-1", FORMER), SEQUENCE + 1, True),
    }


async def test_until_enrolment_has_moved_the_place_it_stands_under_the_name_that_it_was_told_by(
    engine: AsyncEngine,
) -> None:
    async with engine.begin() as connection:
        await write_rows(
            connection,
            town(),
            topic(),
            session(),
            said_then(session()),
            person(),
            merged(),
            place(person_id=FORMER),
            entry(),
        )
        shown = [(one.uid, one.sequence, one.is_off) for one in await own(connection, "person-1", Language.PL, NOW)]
    assert shown == [(entry_uid("session-1", FORMER), SEQUENCE, False)]
