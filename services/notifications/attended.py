"""What is true of who was there: rows of what lists say of people, of whether they are closed, and of certificates. Pure: no SQL, no clock,
no decisions.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from shared.contracts.attendance import AttendanceListReopened, ListFact, Presence, PresenceFact, Role, presence_after
from shared.contracts.certificates import CertificateEnds, CertificateFact, CertificateSuperseded
from shared.events.envelope import Heard
from shared.state.rows import FactRow, Row, meta
from shared.state.working import Working
from shared.values import immutable

ATTENDANCE = "rollcall/attendance"
"""Who issues certificates that are ours: what others certified they have told."""


@immutable
class Record(FactRow):
    """What the list of a meeting says of a person."""

    KEY: ClassVar = ("session_id", "meeting_id", "person_id")

    session_id: str
    meeting_id: str
    person_id: str
    state: Presence
    with_place: bool
    role: Role


@immutable
class MeetingList(FactRow):
    """Whether the list of a meeting is closed."""

    KEY: ClassVar = ("session_id", "meeting_id")

    session_id: str
    meeting_id: str
    is_open: bool


@immutable
class Certificate(FactRow):
    KEY: ClassVar = ("number",)

    number: str
    series: str
    serial: int
    session_id: str
    person_id: str
    minutes: int
    issued_on: dt.date
    supersedes: str | None
    ended: CertificateEnds | None
    """Why it is valid no longer, if it is not."""


@immutable
class Certified(Row):
    """The newest of our certificates of one person for one session, as it stands; follows from `Certificate`."""

    KEY: ClassVar = ("session_id", "person_id")

    session_id: str
    person_id: str
    number: str
    series: str
    serial: int
    minutes: int
    issued_on: dt.date
    supersedes: str | None
    ended: CertificateEnds | None
    heard_at: dt.datetime
    first_heard_at: dt.datetime
    """When anything was heard of the first of them."""


def record_of(heard: Heard[PresenceFact]) -> Record:
    body = heard.body
    return Record(
        *meta(heard),
        body.session_id,
        body.meeting_id,
        body.person_id,
        presence_after(body),
        body.with_place,
        body.role,
    )


def list_of(heard: Heard[ListFact]) -> MeetingList:
    body = heard.body
    return MeetingList(*meta(heard), body.session_id, body.meeting_id, isinstance(body, AttendanceListReopened))


def certificate_of(heard: Heard[CertificateFact]) -> Certificate:
    body = heard.body
    return Certificate(
        *meta(heard),
        body.number,
        body.series,
        body.serial,
        body.session_id,
        body.person_id,
        body.minutes,
        body.issued_on,
        body.supersedes,
        body.reason if isinstance(body, CertificateSuperseded) else None,
    )


def derive_certified(working: Working, old: FactRow | None, new: FactRow, heard: Heard[Any]) -> None:
    """The newest is the one with the highest number, in whatever order they are heard; one that was replaced says nothing by itself."""
    assert isinstance(new, Certificate)
    if new.source != ATTENDANCE:
        return
    before = working[Certified].get(new.session_id, new.person_id)
    order = (new.issued_on, new.series, new.serial)
    first = new.heard_at if before is None else min(before.first_heard_at, new.heard_at)
    if before is not None and (before.issued_on, before.series, before.serial) > order:
        return
    row = Certified(
        new.session_id,
        new.person_id,
        new.number,
        new.series,
        new.serial,
        new.minutes,
        new.issued_on,
        new.supersedes,
        new.ended,
        new.heard_at,
        first,
    )
    working[Certified].put(row)
