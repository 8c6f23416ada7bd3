"""Reading: a Kafka record as an event, something poisonous with a reason, or a type that nobody here knows. Never raises."""

from __future__ import annotations

import datetime as dt
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from pydantic import ValidationError

from shared.contracts import EVENTS, Event
from shared.contracts.model import BODY_LIMIT_BYTES, Fact, without_leap_second
from shared.events.envelope import (
    ATTRIBUTE_LIMIT,
    BINARY,
    STRUCTURED,
    Decoded,
    Echo,
    Heard,
    Poison,
    Reason,
    Record,
    Unknown,
    appended_at,
    pattern_of,
)
from shared.events.oversized import CutRecord
from shared.events.streams import STREAMS, Stream
from shared.values import immutable

FUTURE_TOLERANCE = dt.timedelta(minutes=5)
VERSION_LIMIT = 2**63 - 1
_BINARY = BINARY.encode()
_HANDED_ON = frozenset({"ce_correlationid", "ce_causationid"})
"""For whoever follows a chain of events. They decide nothing, so one that cannot be read is left out."""
_READ = _HANDED_ON | {
    *("content-type", "ce_specversion", "ce_id", "ce_source"),
    *("ce_type", "ce_subject", "ce_time", "ce_aggregateversion"),
}
"""What the envelope reads. Every other header is somebody else's business, whatever its name and bytes (decision 0011)."""
_SPEAKS_CLOUDEVENTS = ("ce_", "ce-", "cloudevents", "content-type")
"""How the names begin by which somebody who writes CloudEvents gives themselves away, also if they are spelt wrongly."""


class _NotReadable(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def echo_of(record: Record, ours: bytes) -> Echo | None:
    """The record as an echo, if its `ce_source` is ours: its id is read and nothing else."""
    headers = dict(record.headers)
    if headers.get("ce_source") != ours or not record.value or len(headers) < len(record.headers):
        return None
    event_id = (headers.get("ce_id") or b"").decode(errors="replace")
    return Echo(record, event_id) if event_id and event_id.isprintable() else None


def decode(record: Record) -> Decoded:
    """Reads one record without ever raising: an event, something poisonous, or a type that is not known here.

    Source: CloudEvents 1.0.2, Kafka protocol binding 1.0.2 (binary and structured content mode).
    """
    try:
        if isinstance(record, CutRecord):
            raise _NotReadable(record.reason, record.detail)
        stream = STREAMS[record.topic]
        value = record.value
        if value is None and _is_bare(record):
            return _tombstone(record, stream)
        if value is not None and len(value) > BODY_LIMIT_BYTES:
            raise _NotReadable(Reason.TOO_LARGE, f"the body has {len(value)} bytes; the limit is {BODY_LIMIT_BYTES}")
        headers, doubtful = _headers(record)
        if value and headers.get("content-type") != _BINARY:
            content_type = _content_type(headers.get("content-type") or b"")
            if content_type == STRUCTURED and "content-type" not in doubtful:
                headers, value = _structured(value)
                doubtful = ()  # Of the others nobody reads any.
            elif content_type != BINARY and not doubtful and not _is_unheard_of(headers):
                raise _NotReadable(Reason.NOT_A_CLOUDEVENT, f"content-type is {content_type or 'missing'!r}")
        if doubtful:
            raise _says_two(doubtful[0])
        value = value or _named_by_key(record, stream, headers)
        type_name = _type_name(headers.get("ce_type"))
        model = EVENTS.get(type_name)
        if model is None:
            for name in (_READ - _HANDED_ON) & headers.keys():  # Nobody reads the rest of it.
                _text(name, headers[name] or b"")
            return Unknown(record, type_name)
        kind = _kind(model, record.topic, headers.get("ce_specversion"), headers.get("ce_source"))
        return _event(record, kind, headers, value)
    except _NotReadable as refused:
        return Poison(record, refused.reason, refused.detail[:1000])
    except (ArithmeticError, ValueError, RecursionError) as error:  # A validator that does not say so itself.
        return Poison(record, Reason.INVALID_BODY, f"{type(error).__name__} in a validator")


def _is_bare(record: Record) -> bool:
    """Whether nobody who speaks CloudEvents wrote it. What agents add to every record (trace ids) says nothing about that."""
    return not any(name.lower().startswith(_SPEAKS_CLOUDEVENTS) for name, _ in record.headers)


def _is_unheard_of(headers: Mapping[str, bytes]) -> bool:
    """Whether it says that it is of a type without a contract here. What its body is written in is no business of ours then."""
    return bool(headers.get("ce_type")) and _type_name(headers["ce_type"]) not in EVENTS


def _headers(record: Record) -> tuple[dict[str, bytes], Sequence[str]]:
    """The headers by name, as bytes until somebody reads one; and the names under which two say different things, which is no answer to
    which is meant."""
    headers = dict(record.headers)
    if len(headers) == len(record.headers):
        return headers, ()
    doubtful = []
    for name, value in record.headers:
        if name in _HANDED_ON and value != headers[name]:
            headers[name] = b""
        elif name in _READ and value != headers[name]:
            doubtful.append(name)
    return headers, doubtful


def _says_two(name: str) -> _NotReadable:
    return _NotReadable(Reason.NOT_A_CLOUDEVENT, f"{name} stands there twice and says different things")


def _structured(value: bytes) -> tuple[dict[str, bytes], bytes | None]:
    """Structured mode: attributes beside `data` in one JSON object. Returned as headers and body of the binary mode."""
    said: list[tuple[str, Any]] = []

    def as_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal said
        said = pairs  # Of the outermost object in the end: it is closed last.
        return dict(pairs)

    try:
        envelope = json.loads(value, object_pairs_hook=as_object)
    except (ValueError, RecursionError) as error:
        raise _NotReadable(Reason.NOT_JSON, _why_no_json(error)) from None
    if isinstance(envelope, dict) and len(envelope) < len(said):
        for name, item in said:
            if item != envelope[name] and (name == "data" or f"ce_{name}" in _READ):
                raise _says_two(name)
    if not isinstance(envelope, dict) or "data_base64" in envelope or not isinstance(envelope.get("data"), dict | None):
        raise _NotReadable(Reason.NOT_A_CLOUDEVENT, "a structured event is an object with an object `data`")
    attributes = {
        f"ce_{name}": str(item).encode("utf-8", "backslashreplace")  # A lone surrogate is told, not carried on.
        for name, item in envelope.items()
        if f"ce_{name}" in _READ and item is not None
    }
    data = envelope.get("data")
    if data is None:
        return attributes, None
    return attributes, json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _why_no_json(error: Exception) -> str:
    """What whoever sent it has to mend, also where it is not the JSON itself."""
    match error:
        case json.JSONDecodeError():
            return error.msg
        case UnicodeDecodeError():
            return "it is not UTF-8"
        case RecursionError():
            return "nested too deeply"
        case _:
            return "it holds a number with too many digits"


def _named_by_key(record: Record, stream: Stream, headers: Mapping[str, bytes]) -> bytes:
    """The body of an event without one: an erasure says nothing but whom, and the key says that. Nothing else may lack its body,
    and to lack one erases nobody: who wrote it is asked as of any fact."""
    erasure = stream.tombstone
    if erasure is None or headers.get("ce_type") != erasure.type_name().encode():
        raise _NotReadable(Reason.MISSING_BODY, "the record has no body, and is no erasure that could do without")
    try:
        return json.dumps({stream.key: (record.key or b"").decode()}).encode()
    except UnicodeDecodeError:
        raise _NotReadable(Reason.WRONG_KEY, f"the key of the erasure is no {stream.key}") from None


def _content_type(value: bytes) -> str:
    return _text("content-type", value).partition(";")[0].strip().lower()


def _text(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise _NotReadable(Reason.HEADER_NOT_UTF8, f"{name} is not UTF-8") from None


def _attribute(headers: Mapping[str, bytes], name: str) -> str:
    text = _text(name, headers.get(name) or b"")
    if not text:
        raise _NotReadable(Reason.NOT_A_CLOUDEVENT, f"{name} is missing")
    if len(text) > ATTRIBUTE_LIMIT or not text.isprintable():
        raise _NotReadable(Reason.NOT_A_CLOUDEVENT, f"{name} is longer than {ATTRIBUTE_LIMIT} or not printable")
    return text


@immutable
class _Kind:
    """What all events of one type and source have in common."""

    source: str
    validate: Callable[[bytes], Event]
    key: str
    """The field that must be the record's key."""
    subject: str
    """The pattern of the contract, as `%` fills it."""


@functools.lru_cache(maxsize=4096)
def _type_name(value: bytes | None) -> str:
    return _attribute({"ce_type": value or b""}, "ce_type")


@functools.lru_cache(maxsize=4096)
def _kind(model: type[Event], topic: str, specversion: bytes | None, source: bytes | None) -> _Kind:
    """Half of a record's headers say what the last one's said: that is checked once."""
    if specversion != b"1.0":
        raise _NotReadable(Reason.NOT_A_CLOUDEVENT, "ce_specversion is not 1.0")
    text, stream = _attribute({"ce_source": source or b""}, "ce_source"), STREAMS[topic]
    if model.stream != topic:
        raise _NotReadable(Reason.WRONG_STREAM, f"{model.type_name()} belongs to {model.stream}")
    if issubclass(model, Fact) and model.only_by_owner and text != stream.owner:
        raise _NotReadable(Reason.FOREIGN_WRITER, f"nobody but {stream.owner} can say it, and it is from {text[:80]}")
    return _Kind(text, model.__pydantic_validator__.validate_json, stream.key, pattern_of(model))


def _handed_on(headers: Mapping[str, bytes], name: str) -> str | None:
    if not headers.get(name):
        return None
    try:
        return _attribute(headers, name)
    except _NotReadable:
        return None


def _time(text: str) -> dt.datetime:
    try:
        try:
            moment = dt.datetime.fromisoformat(text)
        except ValueError:
            # RFC 3339 lets `t` and `z` be small.
            moment = dt.datetime.fromisoformat(without_leap_second(text.upper()))
    except ValueError:
        raise _NotReadable(Reason.NOT_A_CLOUDEVENT, f"ce_time is not RFC 3339: {text}") from None
    if moment.tzinfo is dt.UTC:
        return moment
    if moment.tzinfo is None:
        raise _NotReadable(Reason.NOT_A_CLOUDEVENT, f"ce_time has no offset: {text}")
    try:
        return moment.astimezone(dt.UTC)
    except OverflowError:
        raise _NotReadable(Reason.NOT_A_CLOUDEVENT, f"ce_time is out of range: {text}") from None


@functools.lru_cache(maxsize=1024)
def _version(value: bytes) -> int:
    text = _text("ce_aggregateversion", value)
    if not (text.isascii() and text.isdecimal()) or len(text) > 19 or int(text) > VERSION_LIMIT:
        raise _NotReadable(
            Reason.NOT_A_CLOUDEVENT, f"ce_aggregateversion is no decimal number of at most 63 bits: {text[:40]!r}"
        )
    return int(text)


def _has_nul(value: bytes) -> bool:
    """Whether any string in the JSON holds a NUL, also in fields that no contract knows: Postgres would refuse it."""
    return "\\u0000" in json.dumps(json.loads(value)).replace("\\\\", "")


def _event(record: Record, kind: _Kind, headers: Mapping[str, bytes], value: bytes) -> Heard[Event]:
    event_id = _attribute(headers, "ce_id")
    stated_at = _time(_attribute(headers, "ce_time"))
    heard_at = appended_at(record)
    if stated_at > heard_at + FUTURE_TOLERANCE:
        raise _NotReadable(Reason.FUTURE_TIME, f"said at {stated_at.isoformat()}, heard at {heard_at.isoformat()}")
    try:
        body = kind.validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        reason = Reason.NOT_JSON if first["type"] == "json_invalid" else Reason.INVALID_BODY
        where = ".".join(str(step) for step in first["loc"]) or "body"
        raise _NotReadable(reason, f"{where}: {first['msg']}") from None
    if b"\\" in value and b"\\u0000" in value and _has_nul(value):
        raise _NotReadable(Reason.INVALID_BODY, "body: must not contain a NUL character")
    if record.key != getattr(body, kind.key).encode():
        raise _NotReadable(Reason.WRONG_KEY, f"the key {(record.key or b'')[:80]!r} is not the body's {kind.key}")
    subject = kind.subject % body.__dict__
    named = headers.get("ce_subject")
    if named is not None and named != subject.encode() and unquote(_text("ce_subject", named)) != unquote(subject):
        raise _NotReadable(
            Reason.WRONG_SUBJECT, f"ce_subject is {_text('ce_subject', named)[:120]!r}, the body says {subject!r}"
        )
    number = headers.get("ce_aggregateversion")
    traced = not _HANDED_ON.isdisjoint(headers)
    return Heard.from_kafka(
        record,
        body,
        event_id,
        kind.source,
        subject,
        stated_at,
        None if number is None else _version(number),
        _handed_on(headers, "ce_correlationid") if traced else None,
        _handed_on(headers, "ce_causationid") if traced else None,
    )


def _tombstone(record: Record, stream: Stream) -> Heard[Event]:
    """A bare empty value on a compacted stream stands for the aggregate's erasure, whoever wrote it."""
    if stream.tombstone is None:
        raise _NotReadable(Reason.TOMBSTONE, f"{stream.name} is not compacted: an empty value means nothing there")
    try:
        body = stream.tombstone.model_validate({stream.key: (record.key or b"").decode()})
    except (ValidationError, UnicodeDecodeError):
        raise _NotReadable(Reason.WRONG_KEY, f"the key of the tombstone is no {stream.key}") from None
    return Heard.from_tombstone(record, body)
