"""The envelope: CloudEvents 1.0 in and out of Kafka records. Knows headers and bytes, never what an event means."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import unquote

from pydantic import ValidationError

from shared.contracts import EVENTS, Event
from shared.contracts.model import BODY_LIMIT_BYTES
from shared.streams import STREAMS, Stream
from shared.values import immutable

FUTURE_TOLERANCE = dt.timedelta(minutes=5)
ATTRIBUTE_LIMIT = 200
VERSION_LIMIT = 2**63 - 1
STRUCTURED = "application/cloudevents+json"
BINARY = "application/json"
_BINARY = BINARY.encode()

B = TypeVar("B", bound=Event, covariant=True)


class Reason(StrEnum):
    """Why a record was set aside."""

    NOT_JSON = "not_json"
    NOT_A_CLOUDEVENT = "not_a_cloudevent"
    HEADER_NOT_UTF8 = "header_not_utf8"
    INVALID_BODY = "invalid_body"
    TOO_LARGE = "too_large"
    WRONG_STREAM = "wrong_stream"
    WRONG_KEY = "wrong_key"
    WRONG_SUBJECT = "wrong_subject"
    TOMBSTONE = "tombstone"
    FUTURE_TIME = "future_time"
    FOREIGN_WRITER = "foreign_writer"
    NUMBERING_CHANGED = "numbering_changed"
    REFUSED_BY_DATABASE = "refused_by_database"
    UNDECIDABLE = "undecidable"
    BEHIND_PARKED = "behind_parked"
    UNKNOWN_MEETING = "unknown_meeting"


class Record(Protocol):
    """What we read of a Kafka record."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


@immutable
class Heard(Generic[B]):
    """One event as it was heard: who said what, when it was said, and where and when we heard it."""

    stream: str
    partition: int
    offset: int
    appended_at: dt.datetime
    event_id: str
    source: str
    subject: str
    stated_at: dt.datetime
    version: int
    numbered: bool
    """Whether the producer numbers its versions; otherwise `version` is `stated_at` in microseconds."""
    correlation_id: str | None
    causation_id: str | None
    traceparent: str | None
    body: B
    tombstone: bool = False

    @property
    def type(self) -> str:
        return self.body.type_name()


@immutable
class Poison:
    """A record that cannot be read, with the reason in the words of §4.8."""

    record: Record
    reason: Reason
    detail: str


@immutable
class Unknown:
    """A record whose type, or major version, has no contract here: skipped and remembered."""

    record: Record
    type: str


Decoded = Heard[Event] | Poison | Unknown

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


def microseconds(moment: dt.datetime) -> int:
    """The moment as whole microseconds since 1970, exactly (a float's 53 bits would not hold them for long)."""
    return (moment - _EPOCH) // _MICROSECOND


@functools.lru_cache(maxsize=1024)
def _moment(milliseconds: int) -> dt.datetime:
    """The broker stamps whole batches: one moment serves hundreds of records."""
    return _EPOCH + dt.timedelta(milliseconds=milliseconds)


def appended_at(record: Record) -> dt.datetime:
    return _moment(record.timestamp)


def subject_of(body: Event) -> str:
    """The CloudEvents subject that names the body's aggregate, percent-encoded."""
    return type(body).subject.format_map(body.__dict__)  # Ids, numbers and dates hold nothing that needs encoding.


def key_of(body: Event) -> bytes:
    """The record key: the value of the stream's declared key field."""
    return str(getattr(body, STREAMS[type(body).stream].key)).encode()


def fingerprint(record: Record) -> str:
    """What tells this record from another one at the same offset: its append time and its id, or a checksum of its bytes."""
    for name, value in record.headers:
        if name == "ce_id":
            return f"{record.timestamp}/{value.decode(errors='replace')[:ATTRIBUTE_LIMIT]}".replace("\x00", "\ufffd")
    digest = hashlib.blake2b((record.key or b"") + b"\x00" + (record.value or b"\x00"), digest_size=12).hexdigest()
    return f"{record.timestamp}/{digest}"


class _NotReadable(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def decode(record: Record) -> Decoded:
    """Reads one record without ever raising: an event, something poisonous, or a type that is not known here.

    Source: CloudEvents 1.0.2, Kafka protocol binding 1.0.2 (binary and structured content mode).
    """
    try:
        stream = STREAMS[record.topic]
        value = record.value
        if value is None:
            return _tombstone(record, stream)
        if len(value) > BODY_LIMIT_BYTES:
            raise _NotReadable(Reason.TOO_LARGE, f"the body has {len(value)} bytes; the limit is {BODY_LIMIT_BYTES}")
        headers = _headers(record)
        content_type = _content_type(headers.get("content-type") or b"")
        if content_type == STRUCTURED:
            headers, value = _structured(value)
        elif content_type != BINARY:
            raise _NotReadable(Reason.NOT_A_CLOUDEVENT, f"content-type is {content_type or 'missing'!r}")
        type_name = _repeated(headers, "ce_type")
        model = EVENTS.get(type_name)
        if model is None:
            return Unknown(record, type_name)
        return _event(record, stream, headers, value, model)
    except _NotReadable as refused:
        return Poison(record, refused.reason, refused.detail[:1000])
    except (ArithmeticError, ValueError, RecursionError) as error:  # A validator that does not say so itself.
        return Poison(record, Reason.INVALID_BODY, repr(error)[:1000])


def _headers(record: Record) -> dict[str, bytes]:
    """The headers by name, all of them known to be UTF-8. They stay bytes until somebody looks at one."""
    headers = dict(record.headers)
    try:
        if not "".join(headers).isascii():
            "".join(headers).encode()  # The tolerant reader leaves surrogates where a name is not UTF-8.
        for value in headers.values():
            if value is not None and not value.isascii():
                value.decode()
    except UnicodeError as error:
        raise _NotReadable(Reason.HEADER_NOT_UTF8, str(error)) from None
    return headers


def _structured(value: bytes) -> tuple[dict[str, bytes], bytes]:
    """Structured mode: attributes beside `data` in one JSON object. Returned as headers and body of the binary mode."""
    try:
        envelope = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise _NotReadable(Reason.NOT_JSON, str(error)) from None
    if not isinstance(envelope, dict) or not isinstance(envelope.get("data"), dict):
        raise _NotReadable(Reason.NOT_A_CLOUDEVENT, "a structured event is an object with an object `data`")
    attributes = {
        f"ce_{name}": str(item).encode("utf-8", "backslashreplace")  # A lone surrogate is told, not carried on.
        for name, item in envelope.items()
        if name != "data" and item is not None
    }
    return attributes, json.dumps(envelope["data"], ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )


_kept_text = functools.lru_cache(maxsize=4096)(bytes.decode)


def _text(value: bytes) -> str:
    """Text of a header that many records share: half of a record's headers say what the last one's said."""
    return _kept_text(value) if len(value) <= ATTRIBUTE_LIMIT else value.decode()


def _content_type(value: bytes) -> str:
    return BINARY if value == _BINARY else _text(value).partition(";")[0].strip().lower()


def _checked(name: str, text: str) -> str:
    if not text:
        raise _NotReadable(Reason.NOT_A_CLOUDEVENT, f"{name} is missing")
    if len(text) > ATTRIBUTE_LIMIT or not text.isprintable():
        raise _NotReadable(Reason.NOT_A_CLOUDEVENT, f"{name} is longer than {ATTRIBUTE_LIMIT} or not printable")
    return text


def _attribute(headers: Mapping[str, bytes], name: str) -> str:
    return _checked(name, (headers.get(name) or b"").decode())


def _repeated(headers: Mapping[str, bytes], name: str) -> str:
    """An attribute with few different values, such as a source."""
    return _checked(name, _text(headers.get(name) or b""))


def _optional(headers: Mapping[str, bytes], name: str) -> str | None:
    return _attribute(headers, name) if headers.get(name) else None


def _time(text: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text)
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
    text = value.decode()
    if not (text.isascii() and text.isdecimal()) or len(text) > 19 or int(text) > VERSION_LIMIT:
        raise _NotReadable(
            Reason.NOT_A_CLOUDEVENT, f"ce_aggregateversion is no decimal number of at most 63 bits: {text[:40]!r}"
        )
    return int(text)


def _has_nul(value: bytes) -> bool:
    """Whether any string in the JSON holds a NUL, also in fields that no contract knows: Postgres would refuse it."""
    return "\\u0000" in json.dumps(json.loads(value)).replace("\\\\", "")


def _event(
    record: Record, stream: Stream, headers: Mapping[str, bytes], value: bytes, model: type[Event]
) -> Heard[Event]:
    if headers.get("ce_specversion") != b"1.0":
        raise _NotReadable(Reason.NOT_A_CLOUDEVENT, "ce_specversion is not 1.0")
    event_id = _attribute(headers, "ce_id")
    source = _repeated(headers, "ce_source")
    stated_at = _time(_attribute(headers, "ce_time"))
    heard_at = appended_at(record)
    if stated_at > heard_at + FUTURE_TOLERANCE:
        raise _NotReadable(Reason.FUTURE_TIME, f"said at {stated_at.isoformat()}, heard at {heard_at.isoformat()}")
    if model.stream != stream.name:
        raise _NotReadable(Reason.WRONG_STREAM, f"{model.type_name()} belongs to {model.stream}")
    try:
        body = model.model_validate_json(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        reason = Reason.NOT_JSON if first["type"] == "json_invalid" else Reason.INVALID_BODY
        where = ".".join(str(step) for step in first["loc"]) or "body"
        raise _NotReadable(reason, f"{where}: {first['msg']}") from None
    if b"\\u0000" in value and _has_nul(value):
        raise _NotReadable(Reason.INVALID_BODY, "body: must not contain a NUL character")
    if record.key != str(getattr(body, stream.key)).encode():
        raise _NotReadable(Reason.WRONG_KEY, f"the key {(record.key or b'')[:80]!r} is not the body's {stream.key}")
    expected = subject_of(body)
    subject = headers["ce_subject"].decode() if headers.get("ce_subject") is not None else expected
    if subject != expected and unquote(subject) != unquote(expected):
        raise _NotReadable(Reason.WRONG_SUBJECT, f"ce_subject is {subject[:120]!r}, the body says {expected!r}")
    number = headers.get("ce_aggregateversion")
    version = None if number is None else _version(number)
    return Heard(  # By position: naming the fields takes as long as reading the time.
        record.topic,
        record.partition,
        record.offset,
        heard_at,
        event_id,
        source,
        expected,
        stated_at,
        microseconds(stated_at) if version is None else version,
        version is not None,
        _optional(headers, "ce_correlationid"),
        _optional(headers, "ce_causationid"),
        _optional(headers, "ce_traceparent"),
        body,
    )


def _tombstone(record: Record, stream: Stream) -> Heard[Event]:
    """An empty value on a compacted stream stands for the aggregate's erasure, whoever wrote it."""
    if stream.tombstone is None:
        raise _NotReadable(Reason.TOMBSTONE, f"{stream.name} is not compacted: an empty value means nothing there")
    try:
        body = stream.tombstone.model_validate({stream.key: (record.key or b"").decode()})
    except (ValidationError, UnicodeDecodeError):
        raise _NotReadable(Reason.WRONG_KEY, f"the key of the tombstone is no {stream.key}") from None
    heard_at = appended_at(record)
    return Heard(
        stream=record.topic,
        partition=record.partition,
        offset=record.offset,
        appended_at=heard_at,
        event_id=f"tombstone-{record.partition}-{record.offset}",
        source="tombstone",
        subject=subject_of(body),
        stated_at=heard_at,
        version=microseconds(heard_at),
        numbered=False,
        correlation_id=None,
        causation_id=None,
        traceparent=None,
        body=body,
        tombstone=True,
    )


def rfc3339(moment: dt.datetime) -> str:
    """UTC with microseconds and Z, the one form we write."""
    return moment.astimezone(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def headers_of(
    *,
    event_id: str,
    source: str,
    type_name: str,
    subject: str,
    stated_at: dt.datetime,
    version: int | None = None,
    correlation_id: str | None = None,
    causation_id: str | None = None,
    traceparent: str | None = None,
) -> list[tuple[str, bytes]]:
    """The headers of a record in binary mode."""
    attributes: Iterable[tuple[str, str | None]] = (
        ("content-type", BINARY),
        ("ce_specversion", "1.0"),
        ("ce_id", event_id),
        ("ce_source", source),
        ("ce_type", type_name),
        ("ce_subject", subject),
        ("ce_time", rfc3339(stated_at)),
        ("ce_aggregateversion", None if version is None else str(version)),
        ("ce_correlationid", correlation_id),
        ("ce_causationid", causation_id),
        ("ce_traceparent", traceparent),
    )
    return [(name, value.encode()) for name, value in attributes if value is not None]


def record_of(line: dict[str, Any]) -> tuple[str, bytes, bytes, list[tuple[str, bytes]]]:
    """A CloudEvent as a JSON object to (stream, key, value, headers) in structured mode. Raises ValueError naming what is wrong."""
    model = EVENTS.get(str(line.get("type")))
    if model is None:
        raise ValueError(f"type: {line.get('type')!r} is not known")
    try:
        body = model.model_validate(line.get("data"))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ValueError(f"data.{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    for name in ("id", "source", "time"):
        if not isinstance(line.get(name), str) or not line[name]:
            raise ValueError(f"{name}: is missing")
    value = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode()
    return model.stream, key_of(body), value, [("content-type", STRUCTURED.encode())]
