"""The books: from what was counted in two places to ✓ or ✗."""

from __future__ import annotations

from typing import Any

import pytest

from rollcall.books import _UNTOLD, Equation, Mails, balanced, equations
from services.notifications.reading import UNTOLD
from tests.cli.accounts import books


def found(its: dict[str, Any], **counted: Any) -> dict[str, Equation]:
    beside = {"requests_published": 8, "mails": Mails(6, 6)} | counted
    return {line.name: line for line in equations(its, **beside)}


def test_books_in_which_everything_agrees_balance() -> None:
    lines = found(books())
    assert balanced(list(lines.values())), [line for line in lines.values() if not line.holds]
    assert lines["requests"].parts == {
        "enrolled": 4,
        "offered": 0,
        "waitlisted": 1,
        "refused": 1,
        "withdrawn": 1,
        "held": 1,
    }


def test_a_record_not_heard_yet_shows_as_lag() -> None:
    its = books()
    its["attendance"]["streams"]["a"] |= {"published": 11, "lag": 1}
    wrong = {name for name, line in found(its).items() if not line.holds}
    assert wrong == {"attendance.heard", "attendance.waiting"}


def test_two_streams_whose_errors_cancel_out_do_not_balance() -> None:
    its = books()
    its["enrolment"]["streams"]["a"]["heard"] += 1
    its["enrolment"]["streams"]["b"]["heard"] -= 1
    lines = found(its)
    assert lines["enrolment.heard"].holds
    assert not lines["enrolment.waiting"].holds
    assert "not so in a, b" in lines["enrolment.heard"].says


def test_a_lost_request_an_oversold_session_and_a_missing_presence_are_each_seen() -> None:
    its = books()
    its["enrolment"]["places"]["oversold_sessions"] = 1
    its["attendance"]["attendance"]["present"] = 4
    wrong = {name for name, line in found(its, requests_published=9).items() if not line.holds}
    assert wrong == {"requests", "oversold", "attendance"}


def test_who_was_given_up_is_named_and_keeps_the_books_from_balancing() -> None:
    its = books()
    its["notifications"]["notices"] |= {"given_up": 2, "waiting_for_contact": 3, "outcome_unknown": 1, "untold": 5}
    lines = found(its)
    assert not lines["told"].holds
    assert lines["told"].parts["given up"] == 2
    assert lines["untold"].holds
    assert lines["untold"].parts == {"given up": 2, "outcome unknown": 1, "waiting for a contact": 3}


def test_who_waits_for_what_nobody_has_said_yet_does_not() -> None:
    its = books()
    its["notifications"]["notices"] |= {"waiting_for_contact": 3, "untold": 3}
    assert balanced(list(found(its).values()))


def test_somebody_untold_whom_no_term_names_is_seen() -> None:
    its = books()
    its["notifications"]["notices"] |= {"untold": 1}
    assert not found(its)["untold"].holds


def test_whose_address_sends_mail_back_is_named_and_what_came_back_was_sent() -> None:
    its = books()
    its["notifications"]["notices"] |= {"withheld": 2, "untold": 2, "bounced": 1}
    lines = found(its, mails=Mails(7, 7))
    assert lines["untold"].holds and lines["untold"].parts == {"withheld": 2}
    assert lines["mail"].holds and lines["mail"].parts["came back"] == 1
    assert not lines["told"].holds and lines["told"].parts["withheld"] == 2


def test_every_term_by_which_a_service_counts_the_untold_has_a_name_here() -> None:
    """One that has none would be missing from the sum."""
    assert set(UNTOLD) <= set(_UNTOLD)


def test_a_mail_too_many_does_not_balance() -> None:
    assert not found(books(), mails=Mails(7, 7))["mail"].holds


def test_a_mail_that_came_twice_is_excused_by_a_lost_answer_only() -> None:
    its = books()
    twice = {"mails": Mails(7, 6)}
    assert not found(its, **twice)["mail.once"].holds
    its["notifications"]["notices"]["ambiguous_attempts"] = 1
    lines = found(its, **twice)
    assert lines["mail"].holds and lines["mail.once"].holds
    assert lines["mail"].parts["sent, answer lost"] == 1


def test_a_lost_answer_does_not_excuse_two_mails() -> None:
    its = books()
    its["notifications"]["notices"]["ambiguous_attempts"] = 1
    assert not found(its, mails=Mails(8, 6))["mail"].holds


def test_a_service_that_is_away_leaves_its_lines_open() -> None:
    its = books() | {"attendance": None}
    lines = found(its)
    assert lines["attendance.heard"].left is None and not lines["attendance"].holds
    assert not balanced(list(lines.values()))


@pytest.mark.parametrize("away", [*([name] for name in books()), [*books()]], ids=" ".join)
def test_whoever_is_away_no_equation_is_left_out(away: list[str]) -> None:
    lines = found(books() | dict.fromkeys(away), requests_published=None, mails=Mails(None, None))
    assert lines.keys() == found(books()).keys()
    unknown = {name for name, line in lines.items() if line.is_unknown}
    assert unknown == {name for name, line in lines.items() if line.service in away} | {"requests", "mail", "mail.once"}
    assert not any(lines[name].holds for name in unknown)


def test_what_was_counted_beside_a_service_that_is_away_is_shown() -> None:
    lines = found(books() | {"enrolment": None, "notifications": None})
    assert (lines["requests"].left, lines["mail"].left, lines["mail"].right) == (8, 6, None)


def test_where_no_mail_server_can_be_asked_its_lines_are_left_out() -> None:
    lines = found(books(), mails=None)
    assert "mail" not in lines and balanced(list(lines.values()))


def test_an_erasure_that_compaction_cannot_follow_does_not_look_well() -> None:
    its = books()
    its["enrolment"]["stray_erasures"] = 1
    wrong = {name for name, line in found(its).items() if not line.holds}
    assert wrong == {"enrolment.waiting"}


def test_a_request_that_came_over_http_and_is_held_is_counted_on_both_sides() -> None:
    """It lies in no stream, and no fact has answered it yet."""
    its = books()
    its["enrolment"]["requests"]["held"] += 1
    assert not found(its)["requests"].holds
    its["enrolment"]["held_over_http"] = 1
    assert found(its)["requests"].holds
