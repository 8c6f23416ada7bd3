"""Tickets: whom they let in, offline, by a public key alone; and by which name they are refused."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.model import Language
from shared.web.links import (
    Link,
    Purpose,
    Refused,
    Rejection,
    Signer,
    Ticket,
    TicketRefused,
    VerifyingKey,
    key_named,
    new_key,
    read,
    read_ticket,
)

NOW = dt.datetime(2026, 10, 6, 7, tzinfo=dt.UTC)
YEAR = dt.timedelta(days=366)
TICKET = Ticket("attendance", "person-0001", "session-0001", NOW + YEAR)


def pair(key_id: str = "k-3b9c1f04", audience: str = "attendance") -> tuple[Signer, VerifyingKey]:
    private, public = new_key()
    return Signer(key_id, private, NOW + YEAR, NOW + 3 * YEAR), VerifyingKey(key_id, audience, public, NOW + 3 * YEAR)


SIGNER, KEY = pair()
TOKEN = SIGNER.ticket(TICKET)


def opened(
    token: str, key: VerifyingKey | None = KEY, *, audience: str = "attendance", now: dt.datetime = NOW
) -> Ticket | TicketRefused:
    return read_ticket(token, audience=audience, key=key, now=now)


def test_a_ticket_says_who_comes_to_which_session_to_whoever_has_the_public_key() -> None:
    assert opened(TOKEN) == TICKET
    assert key_named(TOKEN) == KEY.key_id


def test_the_same_ticket_is_the_same_token_and_fits_a_code_that_a_telephone_reads() -> None:
    assert SIGNER.ticket(TICKET) == TOKEN
    assert len(TOKEN) <= 287  # A QR code of version 12 at level M: 65 modules a side.


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from("ABCxyz019-_"))
def test_whoever_alters_a_ticket_anywhere_gets_in_as_nobody(place: int, letter: str) -> None:
    altered = TOKEN[:place] + letter + TOKEN[place + 1 :]
    if altered != TOKEN:
        assert isinstance(opened(altered), TicketRefused)


def test_altered_is_told_from_forged_under_a_key_of_somebodys_own() -> None:
    head, claims, signature = TOKEN.split(".")
    other = SIGNER.ticket(dataclasses.replace(TICKET, person_id="person-0002")).split(".")[1]
    assert opened(f"{head}.{other}.{signature}") is TicketRefused.ALTERED
    forger, _ = pair()
    assert opened(forger.ticket(TICKET)) is TicketRefused.ALTERED
    elsewhere, _ = pair("k-elsewhere")
    assert opened(elsewhere.ticket(TICKET), None) is TicketRefused.UNKNOWN_KEY
    assert opened(elsewhere.ticket(TICKET)) is TicketRefused.UNKNOWN_KEY
    assert claims


@pytest.mark.parametrize("token", ["", "a.b.c", "person-0001", "ą.ę.ó", "." * 20, TOKEN + ".x", "x" * 5000])
def test_what_is_no_token_is_no_ticket(token: str) -> None:
    assert opened(token) is TicketRefused.UNREADABLE


def test_a_ticket_is_good_for_check_in_alone_and_a_link_is_no_ticket() -> None:
    link = Link("attendance", Purpose.PLACE, "person-0001", "session-0001", Language.PL, "x", NOW + YEAR)
    assert opened(SIGNER.token(link)) is TicketRefused.NOT_FOR_CHECK_IN
    assert opened(SIGNER.ticket(dataclasses.replace(TICKET, audience="enrolment"))) is TicketRefused.NOT_FOR_CHECK_IN
    assert opened(TOKEN, dataclasses.replace(KEY, audience="enrolment")) is TicketRefused.NOT_FOR_CHECK_IN
    for purpose in Purpose:
        assert read(TOKEN, audience="attendance", purpose=purpose, key=KEY, now=NOW) == Rejection(Refused.UNKNOWN)


def test_a_ticket_ends_with_its_time_or_with_its_key() -> None:
    assert opened(TOKEN, now=TICKET.until) is TicketRefused.EXPIRED
    withdrawn = dataclasses.replace(KEY, verifies_until=NOW)
    assert opened(TOKEN, withdrawn) is TicketRefused.EXPIRED
    longest = SIGNER.ticket(dataclasses.replace(TICKET, until=NOW + 9 * YEAR))
    found = opened(longest)
    assert isinstance(found, Ticket)
    assert found.until == SIGNER.verifies_until
