"""What attendance publishes beside its lists: certificates, numbered, and never edited."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, StringConstraints, model_validator

from shared.contracts.model import Count, Date, Fact, Id, Line, Moment

MOST_SERIAL = 10**9
Serial = Annotated[int, Field(strict=True, ge=1, le=MOST_SERIAL)]
CheckCode = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{8,32}$")]


class CertificateEnds(StrEnum):
    """Why a certificate is valid no longer."""

    CORRECTED = "corrected"
    """What it says was put right: another one says it."""
    NOT_EARNED = "not_earned"
    """By the lists as they were put right the person was not there for long enough."""


class CertificateState(Fact):
    """One certificate; the aggregate is its number. It says nothing that depends on a language, and no name: who reads it prints it.

    What it says of the training and of how long the person was there stands as it was when it was issued, whatever is said of them later.
    """

    stream = "attendance.events"
    subject = "certificate/{number}"

    number: Id
    series: Id
    serial: Serial
    """Its place in the series, which has no gaps where we issue it."""
    session_id: Id
    person_id: Id
    city_id: Id | None = None
    """The town that the person came for."""
    topic: Id | None = None
    title_pl: Line | None = None
    title_en: Line | None = None
    """What the topic was called. None: nobody had named it; the code stands for it."""
    days: Annotated[tuple[Date, ...], Field(max_length=60)] = ()
    """On which the person was there, by the clocks of the place."""
    minutes: Count
    """For how long, over all days."""
    required_minutes: Count = 0
    """How many were asked for then: a threshold that is changed later takes nothing from who has it."""
    issued_on: Date
    code: CheckCode | None = None
    """Stands in the address behind its QR code, so that numbers cannot be tried one after the other. It opens nothing but what is said here.
    None: nobody can look it up by its number."""
    supersedes: Id | None = None
    """The number of the one that the person had before for this training."""
    decided_at: Moment


_CERTIFICATE: dict[str, object] = {
    "number": "RC-2026-0001",
    "series": "RC-2026",
    "serial": 1,
    "session_id": "session-0001",
    "person_id": "person-0001",
    "city_id": "geonames:776597",
    "topic": "climate",
    "title_pl": "Adaptacja do zmian klimatu",
    "title_en": "Climate adaptation",
    "days": ["2026-10-24"],
    "minutes": 360,
    "required_minutes": 288,
    "issued_on": "2026-10-24",
    "code": "k7m2q9x4tbwe",
    "decided_at": "2026-10-24T19:00:00.000000Z",
}


class CertificateIssued(CertificateState):
    """The person has earned it: they were there for as long as the session asks for, by lists that are closed. It is never restated."""

    example: ClassVar[Mapping[str, object]] = _CERTIFICATE


class CertificateSuperseded(CertificateState):
    """It is valid no longer: another one says what it said (`superseded_by`), or it is revoked. What it had said stays as it was."""

    reason: CertificateEnds
    superseded_by: Id | None = None
    example: ClassVar[Mapping[str, object]] = _CERTIFICATE | {
        "reason": "corrected",
        "superseded_by": "RC-2026-0042",
        "decided_at": "2026-10-26T09:30:00.000000Z",
    }

    @model_validator(mode="after")
    def _is_another(self) -> Self:
        if self.superseded_by == self.number:
            raise ValueError("superseded_by must be the number of another certificate")
        return self


CertificateFact = CertificateIssued | CertificateSuperseded
