"""Signed links: what opens, what does not, and that nobody but whoever has the key can make one."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import string
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.model import Language
from shared.contracts.planner import Meeting
from shared.web.links import (
    MOST_CHARACTERS,
    Link,
    Purpose,
    Refused,
    Rejection,
    Signer,
    VerifyingKey,
    _bytes,
    _text,
    arrangement,
    key_named,
    new_key,
    read,
)

NOW = dt.datetime(2026, 11, 2, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
PRIVATE, PUBLIC = new_key()
SIGNER = Signer("k-1", PRIVATE, NOW + 100 * DAY, NOW + 400 * DAY)
KEY = VerifyingKey("k-1", "enrolment", PUBLIC, NOW + 400 * DAY)
LINK = Link("enrolment", Purpose.PLACE, "person-1", "session-1", Language.EN, "f7ccdfd81863", NOW + 30 * DAY)
TOKEN = SIGNER.token(LINK)
CHARACTERS = string.ascii_letters + string.digits + "-_.=+/%! \nż"


def opened(token: str, key: VerifyingKey | None = KEY, *, audience: str = "enrolment", now: dt.datetime = NOW) -> Any:
    return read(token, audience=audience, purpose=Purpose.PLACE, key=key, now=now)


def unknown(found: Any) -> bool:
    return bool(found == Rejection(Refused.UNKNOWN))


def signed(claims: dict[str, Any], *, header: dict[str, Any] | None = None) -> str:
    """A token under our very key that says something else."""
    private = Ed25519PrivateKey.from_private_bytes(_bytes(PRIVATE))
    return jwt.encode(claims, private, "EdDSA", headers={"kid": "k-1", "typ": None, **(header or {})})


def claims(**changes: Any) -> dict[str, Any]:
    return json.loads(_bytes(TOKEN.split(".")[1])) | changes


def test_a_link_says_what_it_was_made_of_until_its_time_is_over() -> None:
    assert opened(TOKEN) == LINK
    assert opened(TOKEN, now=LINK.until - dt.timedelta(seconds=1)) == LINK
    assert opened(TOKEN, now=LINK.until) == Rejection(Refused.EXPIRED, Language.EN)


def test_the_same_link_under_the_same_key_is_the_same_token() -> None:
    assert SIGNER.token(dataclasses.replace(LINK)) == TOKEN


@given(place=st.integers(0, len(TOKEN) - 1), character=st.sampled_from(CHARACTERS))
def test_a_link_altered_in_any_character_opens_nothing(place: int, character: str) -> None:
    altered = TOKEN[:place] + character + TOKEN[place + 1 :]
    assert opened(altered) == LINK if altered == TOKEN else unknown(opened(altered))


@given(part=st.integers(0, 2), byte=st.integers(0, 10**6), value=st.integers(1, 255))
def test_a_link_altered_in_any_byte_of_what_it_holds_opens_nothing(part: int, byte: int, value: int) -> None:
    parts = TOKEN.split(".")
    held = bytearray(_bytes(parts[part]))
    held[byte % len(held)] ^= value
    parts[part] = _text(bytes(held))
    assert unknown(opened(".".join(parts)))


def test_of_the_ways_to_write_the_same_signature_only_ours_is_taken() -> None:
    head, last = TOKEN[:-1], TOKEN[-1]
    signature = _bytes(TOKEN.split(".")[2])
    same = [c for c in string.ascii_letters + string.digits + "-_" if _bytes((head + c).split(".")[2]) == signature]
    assert len(same) > 1  # Base64 leaves bits unread.
    assert [c for c in same if opened(head + c) == LINK] == [last]


@given(st.text(max_size=MOST_CHARACTERS + 5))
def test_whatever_text_comes_is_answered_and_opens_nothing(text: str) -> None:
    assert unknown(opened(text))
    assert unknown(opened(f"{text}.{text}.{text}"))


@pytest.mark.parametrize(
    "text", ["", ".", "..", TOKEN + "\n", TOKEN + "=", " " + TOKEN, TOKEN[:-1], TOKEN + "." + TOKEN]
)
def test_more_or_less_than_a_token_is_none(text: str) -> None:
    assert unknown(opened(text))


def test_a_link_opens_only_at_its_audience_and_only_for_its_purpose() -> None:
    assert unknown(opened(TOKEN, audience="attendance"))
    assert unknown(opened(TOKEN, dataclasses.replace(KEY, audience="attendance"), audience="attendance"))
    assert unknown(opened(signed(claims(aud="attendance"))))
    # Whoever may sign for one audience says nothing to another.
    assert unknown(opened(TOKEN, dataclasses.replace(KEY, audience="attendance")))
    assert unknown(opened(signed(claims(use="report"))))
    assert opened(signed(claims())) == LINK


def test_a_link_opens_under_no_other_key_and_not_without_one() -> None:
    _, another = new_key()
    assert unknown(opened(TOKEN, dataclasses.replace(KEY, public_key=another)))
    assert unknown(opened(TOKEN, dataclasses.replace(KEY, key_id="k-2")))
    assert unknown(opened(TOKEN, None))


def test_a_token_that_names_no_signature_or_another_way_to_sign_opens_nothing() -> None:
    unsigned = jwt.encode(claims(), None, "none", headers={"kid": "k-1", "typ": None})
    # The public key is public: as the secret of another algorithm it would let anybody sign.
    with_public = jwt.encode(claims(), _bytes(PUBLIC), "HS256", headers={"kid": "k-1", "typ": None})
    assert unknown(opened(unsigned)) and unknown(opened(unsigned + "AA")) and unknown(opened(with_public))


def test_a_link_does_not_outlive_its_key_and_a_withdrawn_key_opens_nothing() -> None:
    late = SIGNER.token(dataclasses.replace(LINK, until=NOW + 9000 * DAY))
    assert opened(late).until == SIGNER.verifies_until
    withdrawn = dataclasses.replace(KEY, verifies_until=NOW)
    assert opened(TOKEN, withdrawn) == Rejection(Refused.EXPIRED, Language.EN)


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": "a b"},
        {"sub": 7},
        {"sid": None},
        {"sid": "x\n"},
        {"lng": "xx"},
        {"exp": "soon"},
        {"exp": 10**40},
        {"arr": 5},
    ],
)
def test_what_is_signed_and_is_no_link_opens_nothing(changes: dict[str, Any]) -> None:
    assert unknown(opened(signed(claims(**changes))))


def test_the_key_that_a_token_names_is_read_without_believing_it() -> None:
    assert key_named(TOKEN) == "k-1"
    assert key_named(f"{_text(b'[' * 400)}.a.b") is None
    assert key_named(f"{_text(json.dumps({'kid': 'x' * 65}).encode())}.a.b") is None
    assert key_named(f"{_text(json.dumps({'kid': ['k-1']}).encode())}.a.b") is None


def test_a_link_is_short_enough_for_a_mail_and_needs_no_escaping_in_an_address() -> None:
    longest = dataclasses.replace(LINK, person_id="p" * 64, session_id="s" * 64)
    token = dataclasses.replace(SIGNER, key_id="k" * 64).token(longest)
    assert len(TOKEN) <= 300 and len(token) < MOST_CHARACTERS
    assert set(token) <= set(string.ascii_letters + string.digits + "-_.")


def test_an_arrangement_is_another_one_exactly_when_time_or_place_is() -> None:
    day = Meeting(
        meeting_id="d1",
        starts_local=dt.datetime(2026, 12, 1, 9),  # noqa: DTZ001
        ends_local=dt.datetime(2026, 12, 1, 15),  # noqa: DTZ001
    )
    two = day.model_copy(update={"meeting_id": "d2"})
    same = arrangement("Urząd", None, (day, two))
    assert arrangement("Urząd", "", (two, day)) == same
    later = day.model_copy(update={"ends_local": dt.datetime(2026, 12, 1, 16)})  # noqa: DTZ001
    others = [("Urząd", None, (later, two)), ("Ratusz", None, (day, two)), ("Urząd", "ul. Długa 1", (day, two))]
    assert same not in [arrangement(*one) for one in others] and len({arrangement(*one) for one in others}) == 3
