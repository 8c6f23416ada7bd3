"""The envelope: what CloudEvents 1.0 puts around an event, and how it is written. Read in shared.events.decoding. Knows headers and bytes,
never what an event means.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from string import Formatter
from typing import Any, Generic, Protocol, TypeVar

from pydantic import ValidationError
from pydantic_core import to_json

from shared.contracts import EVENTS, Event
from shared.contracts.model import Request
from shared.events.streams import STREAMS
from shared.values import immutable

ATTRIBUTE_LIMIT = 200
STRUCTURED = "application/cloudevents+json"
BINARY = "application/json"
NO_PARTITION = -1
"""Where commands come from, and what we say ourselves before Kafka has it."""
TOMBSTONE_SOURCE = "tombstone"
"""An empty value names no writer."""

B = TypeVar("B", bound=Event, covariant=True)
E = TypeVar("E", bound=Event)


class Reason(StrEnum):
    """Why a record was set aside."""

    NOT_JSON = "not_json"
    NOT_A_CLOUDEVENT = "not_a_cloudevent"
    HEADER_NOT_UTF8 = "header_not_utf8"
    INVALID_BODY = "invalid_body"
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"
    """Damaged, or packed in a way that cannot be unpacked."""
    WRONG_STREAM = "wrong_stream"
    WRONG_KEY = "wrong_key"
    WRONG_SUBJECT = "wrong_subject"
    TOMBSTONE = "tombstone"
    MISSING_BODY = "missing_body"
    FUTURE_TIME = "future_time"
    FOREIGN_WRITER = "foreign_writer"
    FORMER_WRITER = "former_writer"
    NUMBERING_CHANGED = "numbering_changed"
    REFUSED_BY_DATABASE = "refused_by_database"
    UNDECIDABLE = "undecidable"
    BEHIND_PARKED = "behind_parked"
    UNKNOWN_MEETING = "unknown_meeting"
    IMPLAUSIBLE_TIME = "implausible_time"
    CHANGED_SINCE = "changed_since"
    """Decided on what stands otherwise by now: of the office, which said what it had seen."""
    NO_LIST = "no_list"
    """There is no list to close or to open, or not yet. Over HTTP whoever asked is told so; what the console asks over Kafka is parked."""
    LIST_CLOSED = "list_closed"
    """A mark on a list that has closed: the office corrects it."""
    NOT_THEIRS = "not_theirs"
    """Asked as a trainer of a session by somebody who is none of it, or no longer."""
    ID_REUSED = "id_reused"
    """A request under the id of another one: neither a duplicate nor decidable. A fact that says something else under the id and
    the version of one that was heard: which is meant nobody can know."""


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
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """A value may be missing: Kafka allows it, although nobody's types say so."""
        ...


@immutable
class Heard(Generic[B]):
    """One event as it was heard: who said what, when it was said, and where and when we heard it.

    Made by name: `from_kafka`, `from_tombstone`, `over_http`, `as_request` for one that was held, `from_ourselves`.
    """

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
    body: B
    tombstone: bool = False

    @property
    def type(self) -> str:
        return self.body.type_name()

    @staticmethod
    def from_kafka(
        record: Record,
        body: E,
        event_id: str,
        source: str,
        subject: str,
        stated_at: dt.datetime,
        number: int | None,
        correlation_id: str | None,
        causation_id: str | None,
    ) -> Heard[E]:
        """What a record's envelope and body say. `number`: its `ce_aggregateversion`, None if its producer numbers nothing."""
        return Heard(  # By position: naming the fields takes as long as reading the time.
            record.topic,
            record.partition,
            record.offset,
            appended_at(record),
            event_id,
            source,
            subject,
            stated_at,
            microseconds(stated_at) if number is None else number,
            number is not None,
            correlation_id,
            causation_id,
            body,
        )

    @staticmethod
    def from_tombstone(record: Record, body: E) -> Heard[E]:
        """What an empty value says: that its key is erased, when the broker got it, by nobody in particular."""
        event_id, at = f"tombstone-{record.partition}-{record.offset}", appended_at(record)
        said = (event_id, TOMBSTONE_SOURCE, subject_of(body), at, None, None, None)
        return replace(Heard.from_kafka(record, body, *said), tombstone=True)

    @staticmethod
    def over_http(command: E, *, source: str, event_id: str, now: dt.datetime) -> Heard[E]:
        """A command: heard when it is made, and of no partition."""
        offset = _offset_of(source, event_id)
        return Heard.as_request(command, NO_PARTITION, offset, now, source=source, event_id=event_id, stated_at=now)

    @staticmethod
    def as_request(
        body: E,
        partition: int,
        offset: int,
        appended_at: dt.datetime,
        *,
        source: str,
        event_id: str,
        stated_at: dt.datetime,
    ) -> Heard[E]:
        """A request where and when it was heard, be it just now or long ago and held since. Nobody numbers requests."""
        return Heard(
            stream=type(body).stream,
            partition=partition,
            offset=offset,
            appended_at=appended_at,
            event_id=event_id,
            source=source,
            subject=subject_of(body),
            stated_at=stated_at,
            version=microseconds(stated_at),
            numbered=False,
            correlation_id=None,
            causation_id=None,
            body=body,
        )

    @staticmethod
    def from_ourselves(
        fact: E,
        *,
        source: str,
        event_id: str,
        version: int,
        said_at: dt.datetime,
        correlation_id: str | None,
        causation_id: str | None,
    ) -> Heard[E]:
        """A fact of our own, as it is applied when it is said, and again when a rebuild reads it in the journal: heard when it was decided."""
        return Heard(  # By position, as above.
            type(fact).stream,
            NO_PARTITION,
            -1,
            getattr(fact, "decided_at", said_at),
            event_id,
            source,
            subject_of(fact),
            said_at,
            version,
            True,
            correlation_id,
            causation_id,
            fact,
        )


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


@immutable
class Echo:
    """A fact of our own, heard back. Nearly always the journal has it, so its body stays unread until that is known."""

    record: Record
    event_id: str


Read = Decoded | Echo
"""What a lane makes of a record."""


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_FIRST_MS, _LAST_MS = -(2**45), 2**45
"""From the year 855 to 3084: within it some minutes can be added to every time."""


def microseconds(moment: dt.datetime) -> int:
    """The moment as whole microseconds since 1970, exactly (a float's 53 bits would not hold them for long)."""
    return (moment - _EPOCH) // _MICROSECOND


@functools.lru_cache(maxsize=1024)
def _moment(milliseconds: int) -> dt.datetime:
    """The broker stamps whole batches: one moment serves hundreds of records. Where senders stamp, a time has its ends all the same."""
    return _EPOCH + dt.timedelta(milliseconds=min(max(milliseconds, _FIRST_MS), _LAST_MS))


def appended_at(record: Record) -> dt.datetime:
    return _moment(record.timestamp)


@functools.cache
def pattern_of(model: type[Event]) -> str:
    """The pattern of a contract's subject in the form that `%` fills, twice as fast as `format`."""
    return model.subject.replace("{", "%(").replace("}", ")s")


def subject_of(body: Event) -> str:
    """The CloudEvents subject that names the body's aggregate, percent-encoded."""
    return pattern_of(type(body)) % body.__dict__  # Ids, numbers and dates hold nothing that needs encoding.


def about_of(body: Request) -> tuple[str, ...]:
    """Whatever arrives about one of these may let the request be decided; the first names its moments."""
    named = (one for pattern in body.about for one in _each(pattern, body.__dict__))
    return tuple(dict.fromkeys(named)) or (subject_of(body),)


def _each(pattern: str, fields: Mapping[str, Any]) -> Iterable[str]:
    """The subject that a pattern names; one for each value where it names a field of several, `person/{people}`; none where it is about no
    such thing."""
    for name in _named_in(pattern):
        if fields[name] is None:
            return ()
        if isinstance(fields[name], tuple):
            return (pattern.format_map({**fields, name: value}) for value in fields[name])
    return (pattern.format_map(fields),)


@functools.cache
def _named_in(pattern: str) -> tuple[str, ...]:
    return tuple(name for _, name, _, _ in Formatter().parse(pattern) if name)


def scope_of(body: Event) -> str | None:
    """What later requests wait for while this one is held or parked. None: it holds nobody back."""
    pattern: str = getattr(type(body), "scope", "")  # Facts have none. To ask whether it is a request takes longer.
    return pattern.format_map(body.__dict__) if pattern else None


def key_of(body: Event) -> bytes:
    """The record key: the value of the stream's declared key field."""
    return str(getattr(body, STREAMS[type(body).stream].key)).encode()


def digest_of(body: Event) -> str:
    """What a request asks, kind and content, in 24 letters: its id alone does not tell it from another one under the same id.

    Defaults are left out, so that it stays the same when a contract gets a new field; and what the contract does not name, which
    decides nothing and is not kept of a request that is held.
    """
    kind, said = type(body), body.__dict__
    name_of_kind, fields = _fields(kind)
    content = {name: said[name] for name, is_needed, default in fields if is_needed or said[name] != default}
    return hashlib.blake2b(name_of_kind + to_json(content), digest_size=12).hexdigest()


@functools.cache
def _fields(kind: type[Event]) -> tuple[bytes, tuple[tuple[str, bool, Any], ...]]:
    """What a kind is called; what its contract names, in an order that does not depend on it, whether each has to be said, and what it is
    by default."""
    fields = sorted(kind.model_fields.items())
    return kind.type_name().encode(), tuple((name, field.is_required(), field.default) for name, field in fields)


def _offset_of(source: str, event_id: str) -> int:
    """What tells a command from all others should it be held, and parked later: made of all that it is known by. Below every
    offset there is."""
    digest = hashlib.blake2b(f"{source}\n{event_id}".encode(), digest_size=8).digest()
    return -1 - (int.from_bytes(digest) >> 1)


def fingerprint(record: Record) -> str:
    """What tells this record from another one at the same offset: its append time and its id, or a checksum of its bytes."""
    for name, value in record.headers:
        if name == "ce_id" and value is not None:
            return f"{record.timestamp}/{value.decode(errors='replace')[:ATTRIBUTE_LIMIT]}".replace("\x00", "\ufffd")
    cut: str | None = getattr(record, "digest", None)
    if cut is not None:
        return f"{record.timestamp}/{cut}"
    digest = hashlib.blake2b((record.key or b"") + b"\x00" + (record.value or b"\x00"), digest_size=12).hexdigest()
    return f"{record.timestamp}/{digest}"


def rfc3339(moment: dt.datetime) -> str:
    """UTC with microseconds and Z, the one form we write."""
    return _rfc3339(moment.astimezone(dt.UTC))  # In UTC first: the two readings of an hour that comes twice are equal.


@functools.lru_cache(maxsize=1024)
def _rfc3339(moment: dt.datetime) -> str:
    """What one transaction says, it says at one moment."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


@functools.lru_cache(maxsize=1024)
def _always(source: str, type_name: str) -> tuple[tuple[str, bytes], ...]:
    """What all events of one type and source say."""
    return (
        ("content-type", BINARY.encode()),
        ("ce_specversion", b"1.0"),
        ("ce_source", source.encode()),
        ("ce_type", type_name.encode()),
    )


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
) -> list[tuple[str, bytes]]:
    """The headers of a record in binary mode."""
    headers = [
        *_always(source, type_name),
        ("ce_id", event_id.encode()),
        ("ce_subject", subject.encode()),
        ("ce_time", rfc3339(stated_at).encode()),
    ]
    if version is not None:
        headers.append(("ce_aggregateversion", str(version).encode()))
    if correlation_id is not None:
        headers.append(("ce_correlationid", correlation_id.encode()))
    if causation_id is not None:
        headers.append(("ce_causationid", causation_id.encode()))
    return headers


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
