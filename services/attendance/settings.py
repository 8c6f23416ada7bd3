"""What attendance is told. The only file here that reads the environment."""

from __future__ import annotations

import datetime as dt
import itertools
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from services import SERVICES
from services.attendance.certificates import CertificateRules
from services.attendance.documents.sheets import Logo, Programme
from services.attendance.filing import Store
from services.attendance.folder import Folder
from services.attendance.lists import ListRules
from services.attendance.rooms import RoomRules
from services.attendance.targets import Target
from shared.settings import Settings


class LogoFile(BaseModel):
    """A picture for the head of every document: SVG, PNG, JPEG, GIF or WebP."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: Path
    shows: str
    """Read aloud to whoever does not see it."""


class TargetSet(BaseModel):
    """So many new people by the end of this day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    until: dt.date
    people: Annotated[int, Field(ge=0)]


class AttendanceSettings(Settings):
    """When lists close and what stands on documents, beside what every service needs."""

    port: int = SERVICES["attendance"].port
    lists_close_after: dt.timedelta = dt.timedelta(hours=6)
    """A meeting's list closes by itself so long after the meeting's end (`PT6H`)."""
    scans_before: dt.timedelta = dt.timedelta(hours=12)
    scans_after: dt.timedelta = dt.timedelta(hours=12)
    """A code counts for a meeting if it was read no longer before its start, and no longer after its end, than this."""

    late_after: dt.timedelta = dt.timedelta(minutes=15)
    """A code that was read no longer than this after the beginning counts from the beginning."""
    check_in_opens_before: Annotated[dt.timedelta, Field(ge=dt.timedelta(0), le=dt.timedelta(hours=12))] = dt.timedelta(
        hours=1
    )
    """So long before a meeting the screen of its room begins to show a code, with which participants check in by themselves (`PT1H`)."""
    room_code_lives: Annotated[dt.timedelta, Field(ge=dt.timedelta(seconds=10), le=dt.timedelta(minutes=5))] = (
        dt.timedelta(seconds=30)
    )
    """How long a code is shown, in whole seconds; it counts for `room_code_grace` more. The same for every replica."""
    room_code_grace: Annotated[dt.timedelta, Field(ge=dt.timedelta(0), le=dt.timedelta(minutes=5))] = dt.timedelta(
        seconds=60
    )
    console: str | None = None
    """Whose word on `attendance.office` is the office's, by `ce_source`; over HTTP it is that of a token of scope `office`."""

    base_url: str | None = None
    """Where people open links; behind the QR code of a certificate. None: certificates have no code."""
    organiser: str = "szkolenia@rollcall.example.org"
    """Whom readers of pages ask: the address that mails name."""
    organiser_name: str = "Biuro Programu Szkoleń"
    certificate_percent: Annotated[int, Field(ge=1, le=100)] = 80
    """Of the minutes of all meetings; what a session says of itself goes before."""
    certificate_series: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9._:-]{0,40}(\{year\})?[A-Za-z0-9._:-]{0,12}$", min_length=1)
    ] = "RC-{year}"
    """What stands before the number; with `{year}` a series begins anew each year."""
    programme_name: str = "Program Szkoleń"
    """In the head of every document; below, the project's number and, at the foot, who pays for it."""
    programme_project: str | None = None
    programme_funding: str | None = None
    programme_logos: tuple[LogoFile, ...] | None = None
    """As JSON: `[{"file": "/logos/eu.svg", "shows": "Unia Europejska"}]`. Read once, at start."""

    files: Path = Path("/var/lib/rollcall/files")
    """The folder in which attached files are kept: scans of signed lists, agendas, imported reports. All replicas share it. With a bucket
    it holds only ZIPs while they are made, and each replica may have its own."""
    files_bucket: str | None = None
    """The bucket of an S3-compatible store in which attached files are kept instead. It is there already, and nobody else's."""
    files_endpoint: str | None = None
    """Where that store is, such as `https://s3.example.org`; none: at Amazon, in the region."""
    files_region: str = "us-east-1"
    files_access_key: str | None = None
    files_secret_key: SecretStr | None = None
    files_seconds: Annotated[float, Field(gt=0, le=60)] = 20.0
    """For one file, there or back."""

    report_targets: tuple[TargetSet, ...] | None = None
    """How many people are to come who had not come before, as JSON: `[{"until": "2026-12-31", "people": 600}]`. A period begins after the
    one before it."""

    @model_validator(mode="after")
    def _targets_in_order(self) -> Self:
        ends = [one.until for one in self.report_targets or ()]
        if any(later <= sooner for sooner, later in itertools.pairwise(ends)):
            raise ValueError("report_targets: each has to end after the one before it")
        return self

    @model_validator(mode="after")
    def _bucket_with_its_keys(self) -> Self:
        if self.files_bucket and not (self.files_access_key and self.files_secret_key):
            raise ValueError("files_bucket: it needs files_access_key and files_secret_key")
        return self

    @property
    def store(self) -> Store:
        """Where attached files are kept."""
        if not (self.files_bucket and self.files_access_key and self.files_secret_key):
            return Folder(self.files)
        from services.attendance.bucket import bucket_of  # Only here: whoever has a folder does not wait for it.

        keys = (self.files_access_key, self.files_secret_key.get_secret_value())
        return bucket_of(self.files_bucket, self.files_endpoint, self.files_region, keys, self.files_seconds)

    @property
    def targets(self) -> tuple[Target, ...]:
        return tuple(Target(one.until, one.people) for one in self.report_targets or ())

    @property
    def programme(self) -> Programme:
        """The head of every document. OSError: a logo cannot be read."""
        logos = tuple(Logo(one.file.read_bytes(), one.shows) for one in self.programme_logos or ())
        return Programme(self.programme_name, self.programme_project or "", self.programme_funding or "", logos)

    @property
    def rules(self) -> ListRules:
        return ListRules(
            self.lists_close_after,
            self.live_since,
            self.scans_before,
            self.scans_after,
            held_for=self.held_for,
            late_after=self.late_after,
            console=self.console,
            certificates=CertificateRules(self.certificate_percent, self.certificate_series),
            rooms=RoomRules(self.check_in_opens_before, self.room_code_lives, self.room_code_grace),
        )
