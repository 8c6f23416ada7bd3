"""Who is reminded of a session, and when: on the day before, by the clocks of its town."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from services.notifications.kinds.kind import Rules
from services.notifications.kinds.reminder import REMINDER, Reminder
from services.notifications.ledger import Told, told_after
from services.notifications.state import CANCELLED, Place, Session, noon_before
from services.notifications.untold import ENROLMENT, Difference
from shared.contracts.enrolment import Standing
from shared.contracts.notifications import ReminderTold
from shared.contracts.planner import SessionScheduled
from shared.testing import body_of
from tests.notifications.building import (
    LONG_AGO,
    NOW,
    TUESDAY,
    addressee,
    content,
    facts,
    meeting,
    notice,
    place,
    said_then,
    session,
)

RULES = Rules(LONG_AGO, reminder_hour=15)
SUNDAY_15 = dt.datetime(2026, 11, 22, 14, 0, tzinfo=dt.UTC)
"""The hour of reminding of Monday, in Warsaw."""
MIDNIGHT = dt.datetime(2026, 11, 22, 23, 0, tzinfo=dt.UTC)
WEEKS_AGO = NOW - dt.timedelta(days=20)


def told_of_place(its_session: Session | None = None, *, at: dt.datetime = WEEKS_AGO, **changes: Any) -> Told:
    return told_after(None, notice(said=content(its_session).model_copy(update=changes), decided_at=at))


def reminder(
    its_place: Place | None = None, its_session: Session | None = None, *, rules: Rules = RULES, **changes: Any
) -> Reminder:
    known = changes.pop("told_place", told_of_place(its_session))
    return Reminder(facts(its_place, its_session, **changes), known, rules)


def differs(its: Reminder, *, told: Told | None = None, now: dt.datetime = SUNDAY_15, **to: Any) -> Difference | None:
    return its.difference(told, addressee(**to), now=now)


def reminded(its_session: Session | None = None) -> Told:
    found = differs(reminder(its_session=its_session))
    assert found is not None
    return told_after(None, notice(about="reminder/session-1/day-before", said=found.says, decided_at=SUNDAY_15))


def test_whoever_has_a_place_is_reminded_on_the_day_before_between_the_hour_and_midnight() -> None:
    second = dt.timedelta(seconds=1)
    found = differs(reminder())
    assert found is not None
    assert isinstance(found.says.says, ReminderTold)
    assert (found.letter, found.says.until, found.says.says.rule) == (REMINDER, MIDNIGHT, "day-before")
    assert differs(reminder(), now=SUNDAY_15 - second) is None
    assert differs(reminder(), now=MIDNIGHT - second) is not None
    assert differs(reminder(), now=MIDNIGHT) is None


def test_nobody_is_reminded_twice_and_a_session_that_moves_is_reminded_of_anew() -> None:
    assert differs(reminder(), told=reminded()) is None
    moved = session(TUESDAY)
    a_day_later = SUNDAY_15 + dt.timedelta(days=1)
    its = reminder(its_session=moved, told_place=told_of_place(moved, at=SUNDAY_15 - dt.timedelta(hours=1)))
    assert differs(its, told=reminded(), now=a_day_later) is not None


@pytest.mark.parametrize(
    ("its_place", "its_session"),
    [
        (place(Standing.WITHDRAWN), session()),
        (place(Standing.WAITLISTED), session()),
        (place(), session(state=CANCELLED)),
    ],
)
def test_nobody_without_a_place_is_reminded(its_place: Place, its_session: Session) -> None:
    assert differs(reminder(its_place, its_session)) is None


@pytest.mark.parametrize(
    "told_place",
    [
        told_of_place(at=SUNDAY_15 - dt.timedelta(hours=23)),
        told_of_place(at=SUNDAY_15 + dt.timedelta(hours=1)),
        told_of_place(session(TUESDAY)),
        told_of_place(hash=None),
        None,
    ],
    ids=["a day before", "since", "of another day", "that it is gone", "nothing"],
)
def test_nobody_is_reminded_whom_a_mail_about_the_place_told_just_now_or_has_yet_to_tell(
    told_place: Told | None,
) -> None:
    assert differs(reminder(told_place=told_place), now=SUNDAY_15 + dt.timedelta(hours=2)) is None


def test_nobody_is_reminded_at_an_address_that_does_not_know_of_the_place() -> None:
    its = reminder(told_place=told_of_place(mailbox="k.a"))
    assert differs(its, mailbox="k.b") is None
    assert differs(its, mailbox="k.a") is not None


def test_who_knows_of_the_place_from_others_since_go_live_is_reminded() -> None:
    known = said_then(session())
    assert differs(reminder(told_place=None, known_before=known)) is not None
    just_live = Rules(SUNDAY_15 - dt.timedelta(hours=3), reminder_hour=15)
    assert differs(reminder(told_place=None, known_before=known, rules=just_live)) is None
    assert differs(reminder(told_place=None, known_before=said_then(session(TUESDAY)))) is None


def test_a_reminder_waits_for_enrolment() -> None:
    found = differs(reminder(settled=False))
    assert found is not None
    assert found.waits_for == ENROLMENT


def test_only_a_reminder_that_was_on_its_way_is_missed() -> None:
    its = reminder()
    assert its.missed(None, addressee(), now=MIDNIGHT, since=LONG_AGO) is not None
    assert its.missed(reminded(), addressee(), now=MIDNIGHT, since=LONG_AGO) is None
    assert its.missed(None, addressee(), now=MIDNIGHT - dt.timedelta(seconds=1), since=LONG_AGO) is None


@pytest.mark.parametrize(
    ("starts", "zone", "at"),
    [
        ("2026-10-25T09:00", "Europe/Warsaw", "2026-10-24T13:00"),  # In the night the clocks go back.
        ("2026-10-26T09:00", "Europe/Warsaw", "2026-10-25T14:00"),
        ("2027-03-28T09:00", "Europe/Warsaw", "2027-03-27T14:00"),  # In the night they go forward.
        ("2027-03-29T09:00", "Europe/Warsaw", "2027-03-28T13:00"),
        ("2026-11-23T00:30", "Europe/Warsaw", "2026-11-22T14:00"),
        ("2026-11-23T09:00", "Europe/Vilnius", "2026-11-22T13:00"),
        ("2027-01-01T09:00", "Europe/Warsaw", "2026-12-31T14:00"),
    ],
)
def test_the_hour_is_what_clocks_show_on_the_day_before(starts: str, zone: str, at: str) -> None:
    ends = f"{starts[:11]}15:00"
    body = body_of(
        SessionScheduled,
        meetings=[{"meeting_id": "d", "starts_local": f"{starts}:00", "ends_local": f"{ends}:00", "zone": zone}],
    )
    expected = dt.datetime.fromisoformat(f"{at}+00:00")
    assert noon_before(body) + dt.timedelta(hours=3) == expected
    its_session = session(meeting(starts, ends), noon_before_at=noon_before(body))
    its = reminder(its_session=its_session, told_place=told_of_place(its_session, at=LONG_AGO))
    assert differs(its, now=expected) is not None
    assert differs(its, now=expected - dt.timedelta(seconds=1)) is None


def test_of_several_days_the_first_counts() -> None:
    body = body_of(
        SessionScheduled,
        meetings=[
            {"meeting_id": "b", "starts_local": "2026-11-24T09:00:00", "ends_local": "2026-11-24T15:00:00"},
            {"meeting_id": "a", "starts_local": "2026-11-23T09:00:00", "ends_local": "2026-11-23T15:00:00"},
        ],
    )
    assert noon_before(body) == SUNDAY_15 - dt.timedelta(hours=3)
