"""The code on a room's screen: what it lets in, until when, and how what it refuses is called. Pure."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from services.attendance.rooms import (
    MOST_REMEMBERED,
    MOST_WRONG,
    ROOM_TEXTS,
    Admitted,
    Guesses,
    RoomRule,
    RoomRules,
    judged,
    next_opening,
    opening_of,
    screen_pass,
)
from services.attendance.state import Session, session_of
from tests.attendance.building import DURING, ENDS, STARTS, day, scheduled

KEY = b"k" * 32
ROOMS = RoomRules()
LIVES, GRACE = ROOMS.code_lives, ROOMS.grace
SECOND = dt.timedelta(seconds=1)
SHOWN = ROOMS.shown_from(DURING)


def session(*meetings: dict[str, object], id: str = "session-0001") -> Session:
    return session_of(scheduled(*meetings, session_id=id))


def code(at: dt.datetime = DURING, meeting: str = "day-1", *, of: str = "session-0001", key: bytes = KEY) -> str:
    return ROOMS.code(key, of, meeting, at)


def judge(typed: str, *others: Session, at: dt.datetime = DURING, of: Session | None = None) -> Admitted | RoomRule:
    return judged(typed, KEY, of or session(), others, at, ROOMS)


def test_the_code_on_the_screen_admits_and_says_since_when_it_was_shown() -> None:
    assert judge(code()) == Admitted("day-1", SHOWN)
    assert SHOWN <= DURING < SHOWN + LIVES


def test_a_code_is_six_digits_and_may_be_typed_with_a_gap() -> None:
    found = code()
    assert len(found) == 6 and found.isdecimal()
    assert judge(f" {found[:3]} {found[3:]} ") == judge(f"{found[:3]}-{found[3:]}") == Admitted("day-1", SHOWN)


def test_another_one_is_shown_after_half_a_minute_and_never_before() -> None:
    assert code(SHOWN) == code(SHOWN + LIVES - SECOND)
    shown = {code(SHOWN + number * LIVES) for number in range(20)}
    assert len(shown) == 20


def test_a_code_that_is_shown_for_no_whole_number_of_seconds_admits_too() -> None:
    odd = RoomRules(code_lives=dt.timedelta(seconds=10.5))
    shown = odd.shown_from(DURING)
    assert shown <= DURING < shown + odd.code_lives
    assert judged(odd.code(KEY, "session-0001", "day-1", DURING), KEY, session(), (), DURING, odd) == Admitted(
        "day-1", shown
    )


def test_it_counts_while_it_is_typed_and_then_is_too_old() -> None:
    until = SHOWN + LIVES + GRACE
    assert judge(code(), at=until - SECOND) == Admitted("day-1", SHOWN)
    assert judge(code(), at=until) is RoomRule.CODE_TOO_OLD
    assert judge(code(), at=SHOWN + dt.timedelta(minutes=30)) is RoomRule.CODE_WRONG


def test_a_code_that_was_not_shown_yet_is_wrong() -> None:
    assert judge(code(SHOWN + LIVES)) is RoomRule.CODE_WRONG


@pytest.mark.parametrize("typed", ["", "0", "abcdef", "１２３４５６", "\ud800", "0" * 20, f"{code()}0"])
def test_what_is_no_code_is_wrong(typed: str) -> None:
    assert judge(typed) is RoomRule.CODE_WRONG


def test_a_code_is_of_one_meeting_of_one_session_under_one_key() -> None:
    assert judge(code(of="session-0002")) is RoomRule.CODE_WRONG
    assert judge(code(of="session-0002"), session(id="session-0002")) is RoomRule.CODE_OF_ANOTHER_MEETING
    two_days = session(day(), day("day-2", days_later=1))
    assert judge(code(meeting="day-2"), of=two_days) is RoomRule.CODE_OF_ANOTHER_MEETING
    assert judge(code(key=b"x" * 32)) is RoomRule.CODE_WRONG


def test_of_two_meetings_of_one_morning_the_code_says_which() -> None:
    both = session(day(), day("group-b"))
    assert judge(code(meeting="group-b"), of=both) == Admitted("group-b", SHOWN)


def test_nobody_checks_in_before_the_hour_or_after_the_end() -> None:
    early, last = STARTS - dt.timedelta(hours=1), ENDS - SECOND
    assert judge(code(early - SECOND), at=early - SECOND) is RoomRule.CHECK_IN_TOO_EARLY
    assert isinstance(judge(code(early), at=early), Admitted)
    assert isinstance(judge(code(last), at=ENDS + GRACE - SECOND), Admitted), "it was on the screen before the end"
    assert judge(code(ENDS + GRACE), at=ENDS + GRACE) is RoomRule.CHECK_IN_TOO_LATE


def test_between_two_days_it_is_too_early_for_the_next() -> None:
    two_days = session(day(), day("day-2", days_later=1))
    evening = ENDS + dt.timedelta(hours=3)
    assert opening_of(two_days, evening, ROOMS) is RoomRule.CHECK_IN_TOO_EARLY
    assert next_opening(two_days, evening, ROOMS) == STARTS + dt.timedelta(hours=23)
    assert next_opening(two_days, ENDS + dt.timedelta(days=2), ROOMS) is None


def test_whoever_was_wrong_too_often_is_told_so_and_nobody_else_is() -> None:
    guesses = Guesses()
    for _ in range(MOST_WRONG):
        assert not guesses.are_too_many("s", "anna")
        guesses.count("s", "anna")
    assert guesses.are_too_many("s", "anna")
    assert not guesses.are_too_many("s", "jan") and not guesses.are_too_many("t", "anna")


def test_what_is_remembered_of_wrong_codes_has_a_limit() -> None:
    guesses = Guesses()
    for number in range(MOST_REMEMBERED + 5):
        guesses.count("s", str(number))
    assert len(guesses._wrong) == MOST_REMEMBERED


def test_the_pass_of_a_screen_is_for_one_meeting_and_one_trainer() -> None:
    ours = screen_pass(KEY, "s", "day-1", "teresa")
    others = (("s", "day-2", "teresa"), ("t", "day-1", "teresa"), ("s", "day-1", "tomek"))
    assert ours not in {screen_pass(KEY, *one) for one in others} and ours != screen_pass(
        b"x" * 32, "s", "day-1", "teresa"
    )


def test_every_rule_has_a_sentence_in_both_languages_and_the_manual_has_them_all() -> None:
    assert set(ROOM_TEXTS) == set(RoomRule)
    manual = (Path(__file__).parents[2] / "docs/integrators.md").read_text()
    assert all(f"| `{rule}` | {ROOM_TEXTS[rule][0]} | {ROOM_TEXTS[rule][1]} |\n" in manual for rule in RoomRule)
    assert all(english and polish and english != polish for english, polish in ROOM_TEXTS.values())
