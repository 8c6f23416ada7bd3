"""The addresses that mail comes back to."""

from __future__ import annotations

import pytest

from services.notifications.returning import ReturnPath, thread_of

NOTICE = "notice-0199aa00-0000-7000-8000-000000000003"
OURS = ReturnPath("bounce@rollcall.example.org", "the key")


def test_a_return_address_names_its_notice_and_fits_an_envelope() -> None:
    address = OURS.of(NOTICE)
    assert OURS.notice_of(address) == NOTICE
    assert OURS.of(NOTICE) == address
    assert len(address.partition("@")[0]) <= 64
    assert OURS.notice_of(address.upper()) == NOTICE


def test_nobody_else_makes_one() -> None:
    address = OURS.of(NOTICE)
    assert ReturnPath("bounce@rollcall.example.org", "another key").notice_of(address) is None
    assert OURS.notice_of(address.replace("0003-", "0004-")) is None
    assert OURS.notice_of(address.replace("rollcall.", "")) is None
    assert OURS.notice_of(address.replace("bounce+", "other+")) is None


@pytest.mark.parametrize(
    "address", ["", "bounce@rollcall.example.org", "bounce+@rollcall.example.org", "+-@", "ż+x-y@z"]
)
def test_what_is_no_address_of_ours_names_nothing(address: str) -> None:
    assert OURS.notice_of(address) is None


def test_the_mails_of_one_person_about_one_session_are_one_thread_and_nobody_elses() -> None:
    one = thread_of("person-1", "session-1", "example.org")
    assert one == thread_of("person-1", "session-1", "example.org")
    others = {thread_of(*who, "example.org") for who in (("person-2", "session-1"), ("person-1", "session-2"))}
    assert len({one, *others}) == 3
    assert "person" not in one
