"""The types every contract is made of: what an id, a text, a time and a count may be on the wire.

They refuse here what Postgres or a mail server would refuse later for the whole batch: NUL characters, unpaired surrogates,
line breaks in single-line texts, numbers beyond 64 bits, times without a zone.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self, TypeVar, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)

ID_PATTERN = r"^[A-Za-z0-9._:-]{1,64}$"
TEXT_PATTERN = r"^[^\x00]*$"
"""What a Postgres text can hold. pydantic refuses unpaired surrogates by itself as soon as there is a pattern."""
LINE_PATTERN = r"^[^\x00\r\n\u2028\u2029]*$"
"""A single line, for headers, calendars and lists. A pattern is checked three times as fast as a function of ours."""
EARLIEST_YEAR, LATEST_YEAR = 1900, 2999
"""When a training can be. At the ends of what Python can count, some hours before or after it would be no time at all."""
BODY_LIMIT_BYTES = 256 * 1024


D = TypeVar("D", bound=dt.date)


def _written(value: object) -> object:
    """A number is no time, nor are digits that look like one: whether they count seconds or milliseconds would be a guess."""
    if isinstance(value, str) and value[4:5] == "-":
        return without_leap_second(value)
    if isinstance(value, dt.date):
        return value
    raise ValueError("must be written as RFC 3339 has it, such as 2026-10-24T06:52:10Z")


def without_leap_second(text: str) -> str:
    """RFC 3339 has a sixtieth second now and then, and Python has none: it is read as the end of the one before, so that nothing said after
    it is older."""
    return f"{text[:16]}:59.999999{text[19:].lstrip('.0123456789')}" if text[14:19] == "59:60" else text


def _to_utc(moment: dt.datetime) -> dt.datetime:
    if moment.tzinfo is dt.UTC:  # What we say ourselves.
        return moment
    if (
        not moment.utcoffset()
    ):  # What is read, nearly always. `astimezone` asks pydantic's zone again and again: ten times as long.
        return dt.datetime.combine(moment.date(), moment.time(), dt.UTC)  # A fifth of what `replace` takes.
    try:
        return moment.astimezone(dt.UTC)
    except OverflowError:
        raise ValueError("is out of range") from None


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be an IANA time zone such as Europe/Warsaw") from None
    return name


def _naive(moment: dt.datetime) -> dt.datetime:
    if moment.tzinfo is not None:
        raise ValueError("must be local wall time without an offset; the zone stands beside it")
    return _of_trainings(moment)


def _of_trainings(when: D) -> D:
    if not EARLIEST_YEAR <= when.year <= LATEST_YEAR:
        raise ValueError(f"must lie between {EARLIEST_YEAR} and {LATEST_YEAR}")
    return when


Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=LINE_PATTERN)]
OptionalLine = Annotated[str, StringConstraints(max_length=200, pattern=LINE_PATTERN)]
Text = Annotated[str, StringConstraints(max_length=4000, pattern=TEXT_PATTERN)]
Email = Annotated[
    str, StringConstraints(pattern=r"^[^@\s<>\",;:\\\x00-\x1f\x7f]+@[^@\s<>\",;:\\\x00-\x1f\x7f]+$", max_length=254)
]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{24}$")]
PublicKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
"""The 32 bytes of an Ed25519 public key, base64url without padding."""
Count = Annotated[int, Field(strict=True, ge=0, le=10**9)]
Version = Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)]
Moment = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_to_utc)]
LocalTime = Annotated[
    dt.datetime,
    BeforeValidator(_written),
    AfterValidator(_naive),
    # JSON Schema's date-time has an offset.
    WithJsonSchema({"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?$"}),
]
Date = Annotated[dt.date, BeforeValidator(_written)]
TrainingMoment = Annotated[Moment, AfterValidator(_of_trainings)]
TrainingDate = Annotated[Date, AfterValidator(_of_trainings)]
"""When something about a training is decided. It is looked for, and told, on the clocks of where that takes place."""
Zone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_known_zone)]


class Language(StrEnum):
    PL = "pl"
    EN = "en"


class Part(BaseModel):
    """A value inside an event's body. Unknown fields ride along, so that a fact said again loses nothing."""

    model_config = ConfigDict(frozen=True, extra="allow")

    def as_named(self) -> Self:
        """Only what the contract names: what a row keeps, which else would grow with whatever somebody sends along."""
        if not self.model_extra:
            return self
        return self.model_construct(**{name: getattr(self, name) for name in type(self).model_fields})


class Event(Part):
    """The body of one event: flat, snake_case, full state, nothing of the envelope repeated.

    `stream` and `subject` say where it is published and which aggregate it is about; `version` is the contract's major version.
    """

    stream: ClassVar[str]
    subject: ClassVar[str]
    """Pattern of the CloudEvents subject, such as `session/{session_id}`; fields are percent-encoded."""
    version: ClassVar[int] = 1
    example: ClassVar[Mapping[str, object]]
    """One valid body, used in the published schema and by the golden samples."""

    @classmethod
    @functools.cache  # Asked for several times an event.
    def type_name(cls) -> str:
        return f"rollcall.{cls.__name__}.v{cls.version}"


class Fact(Event):
    """An event that states an aggregate's full state."""

    only_by_owner: ClassVar[bool] = False
    """Whether it says what the stream's owner itself has done: nobody else can know it, no archive either."""


class Request(Event):
    """An event that asks for a decision."""

    about: ClassVar[tuple[str, ...]] = ()
    """Patterns, like `subject`, of what it is about: news of any of these may let it be decided while it is held; a field of several
    ids names each of them. Its moments go by the first, which all of one scope share. None: by its own subject alone."""
    scope: ClassVar[str] = ""
    """Pattern of what it holds back while it is held or parked: later requests of the same scope wait their turn. None: nothing."""
    asks_for: ClassVar[str] = ""
    """What it asks for, in the word that answers to it are kept under."""


def members(kinds: Any) -> tuple[type[Any], ...]:
    """The contracts of a closed union, in its order.

    What is decided by kind is decided by `match` over such a union, with `assert_never` at its end: a kind that is added to it and
    forgotten somewhere is found by the type checker. The contract gate finds a contract that is in none.
    """
    return get_args(kinds)
