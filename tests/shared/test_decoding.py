"""What is read, and what is set aside with which reason."""

from __future__ import annotations

import datetime as dt
import json
from zoneinfo import ZoneInfo

import pytest

from shared.contracts import EVENTS
from shared.contracts.directory import ContactForgotten, ContactRegistered, PersonRegistered
from shared.contracts.planner import SessionScheduled
from shared.contracts.selection import CityQualified
from shared.decoding import decode
from shared.envelope import Heard, Poison, Reason, Unknown, fingerprint, record_of, rfc3339
from shared.testing import NOON, Message, body_of, decoded, json_message, message

CITY = body_of(CityQualified)
KEY = b"geonames:776597"
TYPE = "rollcall.CityQualified.v1"


def reason(message: Message) -> Reason:
    found = decoded(message, at=dt.datetime.now(dt.UTC))
    assert isinstance(found, Poison), found
    return found.reason


def test_binary_mode_is_read_with_everything_around_it() -> None:
    found = decoded(message(CITY, event_id="e-1", version=7, at=NOON), offset=12, partition=3)

    assert isinstance(found, Heard)
    assert (found.event_id, found.version, found.numbered, found.offset, found.partition) == ("e-1", 7, True, 12, 3)
    assert (found.body, found.subject) == (CITY, "city/geonames:776597/stage/1")


def test_structured_mode_means_the_same_as_binary_mode() -> None:
    binary = message(CITY, event_id="e-1", version=7, at=NOON)
    line = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "urn:example:test",
        "type": TYPE,
        "time": NOON.isoformat(),
        "aggregateversion": "7",
        "data": json.loads(CITY.model_dump_json()),
    }
    stream, key, value, headers = record_of(line)

    assert decode(Message(stream, key, value, headers).record()) == decode(binary.record())


def test_a_producer_that_numbers_nothing_is_numbered_by_its_clock_in_microseconds() -> None:
    moment = dt.datetime(2026, 11, 2, 11, 0, 0, 123457, tzinfo=dt.UTC)
    found = decoded(message(CITY, version=None, at=moment))

    assert isinstance(found, Heard)
    assert (found.version, found.numbered) == (1_793_617_200_123_457, False)


def test_a_header_that_is_not_utf8_is_parked_also_if_nobody_knows_the_type() -> None:
    for headers in ({"ce_type": "rollcall.Unheard.v1"}, {}):
        sent = message(CITY, **headers)
        sent.headers = [(name, b"\xff" if name == "ce_id" else value) for name, value in sent.headers]
        assert reason(sent) is Reason.HEADER_NOT_UTF8


def test_an_unknown_type_or_major_is_skipped_and_not_poison() -> None:
    for name in ("rollcall.CityQualified.v2", "com.example.Something"):
        assert isinstance(decoded(message(CITY, ce_type=name)), Unknown)


def test_bytes_that_are_not_json_are_parked() -> None:
    assert reason(Message("programme.cities", KEY, b"\xff{", message(CITY).headers)) is Reason.NOT_JSON


@pytest.mark.parametrize("name", ["ce_id", "ce_source", "ce_type", "ce_time", "ce_specversion", "content-type"])
def test_a_missing_attribute_is_parked(name: str) -> None:
    assert reason(message(CITY, without=name)) is Reason.NOT_A_CLOUDEVENT


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_time", "yesterday"),
        ("ce_time", "2026-11-02T12:00:00"),
        ("ce_time", "0001-01-01T00:00:00+14:00"),
        ("ce_aggregateversion", "-1"),
        ("ce_aggregateversion", "1.5"),
        ("ce_aggregateversion", "٣"),
        ("ce_aggregateversion", "9223372036854775808"),
        ("ce_id", "x" * 201),
        ("ce_id", "a\x00b"),
        ("ce_specversion", "0.3"),
    ],
)
def test_a_malformed_attribute_is_parked(name: str, value: str) -> None:
    assert reason(message(CITY, **{name: value})) is Reason.NOT_A_CLOUDEVENT


def test_a_key_that_is_not_the_bodys_is_parked() -> None:
    sent = message(CITY)
    for key in (b"geonames:1", None, b"\xff"):
        assert reason(Message(sent.stream, key, sent.value, sent.headers)) is Reason.WRONG_KEY


def test_a_subject_that_names_another_aggregate_is_parked() -> None:
    assert reason(message(CITY, ce_subject="city/geonames:776597/stage/2")) is Reason.WRONG_SUBJECT


def test_a_percent_encoded_subject_is_the_same_subject() -> None:
    assert isinstance(decoded(message(CITY, at=NOON, ce_subject="city/geonames%3A776597/stage/1")), Heard)


def test_a_type_on_another_stream_is_parked() -> None:
    sent = message(CITY)
    assert reason(Message("programme.teams", sent.key, sent.value, sent.headers)) is Reason.WRONG_STREAM


def test_an_empty_value_is_a_tombstone_only_where_personal_data_is() -> None:
    assert reason(Message("programme.cities", KEY, None)) is Reason.TOMBSTONE

    found = decoded(Message("programme.contacts", b"person-1", None))
    assert isinstance(found, Heard)
    assert (found.tombstone, found.body) == (True, ContactForgotten(person_id="person-1"))


@pytest.mark.parametrize("key", [b"", b"\xff", b"a b", None])
def test_a_tombstone_whose_key_is_no_id_is_parked(key: bytes | None) -> None:
    assert reason(Message("programme.contacts", key, None)) is Reason.WRONG_KEY


def test_a_nul_character_is_parked_wherever_it_stands() -> None:
    known = {**CITY.model_dump(mode="json"), "name": "Augu\x00stów"}
    unknown = {**CITY.model_dump(mode="json"), "note": {"deep": ["a\x00b"]}}
    for body in (known, unknown):
        assert reason(json_message("programme.cities", KEY, body, TYPE)) is Reason.INVALID_BODY


def test_a_backslash_before_u0000_is_no_nul_character() -> None:
    body = {**CITY.model_dump(mode="json"), "note": "written as \\u0000"}
    assert isinstance(decoded(json_message("programme.cities", KEY, body, TYPE), at=dt.datetime.now(dt.UTC)), Heard)


@pytest.mark.parametrize("population", [10**23, 2**63, -1, 1.5, "12"])
def test_a_number_no_column_can_hold_is_parked(population: object) -> None:
    body = {**CITY.model_dump(mode="json"), "population": population}
    assert reason(json_message("programme.cities", KEY, body, TYPE)) is Reason.INVALID_BODY


def test_an_unpaired_surrogate_is_parked() -> None:
    raw = CITY.model_dump_json().replace("Augustów", "\\ud800").encode()
    sent = message(CITY)
    assert reason(Message(sent.stream, sent.key, raw, sent.headers)) in (Reason.INVALID_BODY, Reason.NOT_JSON)


def test_a_time_in_the_future_is_parked_and_a_clock_a_little_ahead_is_not() -> None:
    now = dt.datetime.now(dt.UTC)
    ahead = now + dt.timedelta(minutes=4)
    assert isinstance(decode(message(CITY, at=ahead).record(at=now)), Heard)
    assert reason(message(CITY, at=now + dt.timedelta(minutes=6))) is Reason.FUTURE_TIME


def test_a_body_above_the_limit_is_parked() -> None:
    sent = message(CITY)
    assert reason(Message(sent.stream, sent.key, b" " * (256 * 1024 + 1), sent.headers)) is Reason.TOO_LARGE


def test_a_header_that_is_not_utf8_is_parked() -> None:
    sent = message(CITY)
    assert reason(Message(sent.stream, sent.key, sent.value, [*sent.headers, ("x", b"\xff")])) is Reason.HEADER_NOT_UTF8


def test_an_unknown_value_of_an_enum_is_parked() -> None:
    contact = body_of(ContactRegistered).model_dump(mode="json") | {"language": "de"}
    sent = json_message("programme.contacts", b"person-0001", contact, ContactRegistered.type_name())
    assert reason(sent) is Reason.INVALID_BODY


@pytest.mark.parametrize("email", ["a@b@c", "no address", "a@b\r\nBcc: x@y", "@x", "a b@c.d"])
def test_an_address_that_could_carry_a_header_is_parked(email: str) -> None:
    contact = body_of(ContactRegistered).model_dump(mode="json") | {"email": email}
    sent = json_message("programme.contacts", b"person-0001", contact, ContactRegistered.type_name())
    assert reason(sent) is Reason.INVALID_BODY


def test_a_name_with_a_line_break_is_parked() -> None:
    person = body_of(PersonRegistered).model_dump(mode="json") | {"given_name": "A\r\nBcc: b@example.org"}
    sent = json_message("programme.people", b"person-0001", person, PersonRegistered.type_name())
    assert reason(sent) is Reason.INVALID_BODY


def test_a_meeting_that_ends_before_it_starts_is_parked() -> None:
    body = body_of(SessionScheduled).model_dump(mode="json")
    body["meetings"][0]["ends_local"] = body["meetings"][0]["starts_local"]
    sent = json_message("programme.sessions", b"session-0001", body, SessionScheduled.type_name())
    assert reason(sent) is Reason.INVALID_BODY


@pytest.mark.parametrize("year", ["0001", "1899", "3000", "9999"])
def test_a_training_at_the_ends_of_time_is_parked(year: str) -> None:
    """Hours before and after it are counted from it: there they would be no time at all."""
    body = body_of(SessionScheduled).model_dump(mode="json")
    body["meetings"][0] |= {"starts_local": f"{year}-12-31T22:00:00", "ends_local": f"{year}-12-31T23:59:59"}
    sent = json_message("programme.sessions", b"session-0001", body, SessionScheduled.type_name())
    assert reason(sent) is Reason.INVALID_BODY


def test_an_id_beyond_the_pattern_is_parked() -> None:
    for city_id in ("", "x" * 65, "a/b", "ą", "a b"):
        body = CITY.model_dump(mode="json") | {"city_id": city_id}
        assert reason(json_message("programme.cities", city_id.encode(), body, TYPE)) is Reason.INVALID_BODY


def test_deeply_nested_json_is_parked_and_not_a_crash() -> None:
    sent = message(CITY)
    nested = b"[" * 100_000
    assert isinstance(decoded(Message(sent.stream, sent.key, nested, sent.headers)), Poison)
    structured = [("content-type", b"application/cloudevents+json")]
    assert isinstance(decoded(Message(sent.stream, sent.key, nested, structured)), Poison)


def test_unknown_fields_ride_along() -> None:
    body = {**CITY.model_dump(mode="json"), "mayor": "n.n."}
    found = decoded(json_message("programme.cities", KEY, body, TYPE), at=dt.datetime.now(dt.UTC))
    assert isinstance(found, Heard)
    assert json.loads(found.body.model_dump_json())["mayor"] == "n.n."


def test_a_fingerprint_tells_records_at_the_same_offset_apart() -> None:
    first, second = message(CITY, event_id="e-1"), message(CITY, event_id="e-2")
    assert fingerprint(first.record()) != fingerprint(second.record())
    assert fingerprint(first.record()) != fingerprint(first.record(at=NOON + dt.timedelta(milliseconds=1)))
    bare = Message("programme.cities", KEY, b"x")
    assert fingerprint(bare.record()) != fingerprint(Message("programme.cities", KEY, b"y").record())


def test_an_hour_that_comes_twice_is_written_as_the_two_that_it_was() -> None:
    earlier = dt.datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Warsaw"))
    written = [rfc3339(moment) for moment in (earlier, earlier.replace(fold=1))]
    assert written == ["2026-10-25T00:30:00.000000Z", "2026-10-25T01:30:00.000000Z"]


def test_every_contracts_example_survives_the_way_through_a_record() -> None:
    for model in EVENTS.values():
        body = model.model_validate(model.example)
        found = decode(message(body, at=NOON).record())
        assert isinstance(found, Heard)
        assert found.body == body
