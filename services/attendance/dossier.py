"""The papers of a session in one ZIP, with a table of contents that says what is missing. Nothing of it is kept: it is made when asked for.

What was printed by us is printed anew, so nobody who was erased has a name in it. What others have signed is as they signed it: the table
of contents says where names may stand that are erased here.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from services.attendance import files_reading, views
from services.attendance import sheets_reading as sheets
from services.attendance.answers import OnRoster
from services.attendance.certificates_api import address_of
from services.attendance.documents.printing import attendance_list_pdf, certificate_pdf
from services.attendance.documents.sheets import Programme
from services.attendance.exporting import Cell, as_csv
from services.attendance.files import File
from services.attendance.filing import ENDINGS, Store, sha256_of
from services.attendance.lists import had_closed, is_put_right
from services.attendance.settings import AttendanceSettings
from services.attendance.state import MeetingList, RecordSaid, Session
from shared.contracts.files import FileKind
from shared.contracts.model import Language
from shared.contracts.planner import Meeting
from shared.values import immutable

MOST_CERTIFICATES = 2_000
_FOLDERS = {
    FileKind.SIGNED_LIST: "signed",
    FileKind.AGENDA: "agenda",
    FileKind.TYPED_LIST: "entered",
    FileKind.REPORT: "entered",
    FileKind.OTHER: "other",
}
CONTENTS = "CONTENTS.txt"


@immutable
class Leaf:
    """One paper of the binder: what it is, and how its bytes are made."""

    path: str
    says: str
    made: Callable[[], bytes]


@immutable
class Binder:
    """Everything about a session that an auditor asks for, not yet written."""

    session: Session
    leaves: tuple[Leaf, ...]
    files: tuple[File, ...]
    missing: tuple[str, ...]
    remarks: tuple[str, ...]
    as_of: dt.datetime

    async def written(self, store: Store, folder: Path) -> Path:
        """The ZIP, in a file of its own in this folder that whoever asked removes. One leaf after the other: memory follows the largest."""
        # Where files lie, or would: there is room for as much again, or nowhere.
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        with (
            ExitStack() as unless_whole,
            tempfile.NamedTemporaryFile(dir=folder, prefix="papers-", suffix=".zip", delete=False) as out,
        ):
            path = Path(out.name)
            unless_whole.callback(path.unlink)
            with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
                await self._fill(archive, store)
            unless_whole.pop_all()
        return path

    async def _fill(self, archive: zipfile.ZipFile, store: Store) -> None:
        missing = list(self.missing)
        contents = [await asyncio.to_thread(self._put_leaf, archive, leaf) for leaf in self.leaves]
        for file in self.files:
            who = f"{file.kind}, {file.name!r}, attached by {file.decided_by} at {file.decided_at.isoformat()}"
            if file.is_removed:
                contents.append(f"-  {file.sha256}  taken away: {file.note} ({who})")
                continue
            content = await store.get(file.session_id, file.sha256)
            if content is None:
                missing.append(f"the bytes of {file.sha256}, or they are others by now ({who})")
            else:
                contents.append(await asyncio.to_thread(self._put, archive, path_of(file), content, who))
        archive.writestr(self._info(CONTENTS), "\n".join(self._contents(contents, missing)) + "\n")

    def _put_leaf(self, archive: zipfile.ZipFile, leaf: Leaf) -> str:
        return self._put(archive, leaf.path, leaf.made(), leaf.says)

    def _put(self, archive: zipfile.ZipFile, path: str, content: bytes, says: str) -> str:
        archive.writestr(self._info(path), content)
        return f"{path}  {len(content)} bytes  sha256 {sha256_of(content)}\n    {says}"

    def _info(self, path: str) -> zipfile.ZipInfo:
        info = zipfile.ZipInfo(path, self.as_of.timetuple()[:6])
        info.compress_type = zipfile.ZIP_DEFLATED
        return info

    def _contents(self, contents: Sequence[str], missing: Sequence[str]) -> Iterator[str]:
        yield f"Papers of {self.session.session_id}, as of {self.as_of.isoformat()}"
        yield ""
        yield from contents
        yield ""
        yield "Missing:" if missing else "Nothing is missing."
        yield from (f"- {one}" for one in missing)
        if self.remarks:
            yield ""
            yield from self.remarks


def path_of(file: File) -> str:
    """Where a file lies in the binder: under its hash, so that no name of anybody's is a path."""
    whose = file.meeting_id or "session"
    # An id may hold a colon, which is no part of a file's name everywhere.
    return f"{_FOLDERS[file.kind]}/{whose.replace(':', '_')}-{file.sha256[:16]}.{ENDINGS.get(file.media_type, 'bin')}"


async def binder_of(
    connection: AsyncConnection,
    settings: AttendanceSettings,
    session: Session,
    programme: Programme,
    language: Language,
    *,
    now: dt.datetime,
) -> Binder:
    """What belongs into it, by what is known now."""
    files = await files_reading.files_of(connection, session.session_id, limit=files_reading.MOST_FILES)
    lists = await views.lists_of(connection, session.session_id)
    gone = (await views.days_gone(connection, {session.session_id: session})).get(session.session_id, [])
    planned = (
        one for one in session.meetings if session.state.takes_place or had_closed(lists.get(one.meeting_id), one)
    )
    days = sorted((*planned, *gone), key=lambda one: (one.starts_at, one.meeting_id))
    took_place = {one.meeting_id for one in gone} | {one.meeting_id for one in lists.values() if not one.is_open}
    roster = await views.roster(connection, settings.rules, session)
    said = await files_reading.said_of(connection, session.session_id)
    towns = await views.town_names(connection, [one.city_id for one in said if one.city_id])
    sheet = await sheets.list_sheet(
        connection, settings.rules, session, session.meetings, programme, language, as_of=now, empty_rows=0
    )
    leaves = [
        Leaf("list.pdf", "the attendance list, printed anew", partial(attendance_list_pdf, sheet)),
        Leaf("records.csv", "who was there, as it stands", partial(_records, roster, said, towns, took_place)),
        Leaf(
            "history.csv", "all that was said of it, by whom and why; times by Polish clocks", partial(_history, said)
        ),
    ]
    issued = await sheets.certificates(
        connection, session_id=session.session_id, person_id=None, after="", limit=MOST_CERTIFICATES
    )
    for one in issued:
        its = await sheets.certificate_sheet(connection, one, programme, language, address_of(one, settings.base_url))
        stands = "valid" if one.is_valid else f"not valid: {one.ended}, superseded by {one.superseded_by or 'none'}"
        leaves.append(
            Leaf(
                f"certificates/{one.number.replace(':', '_')}.pdf",
                f"certificate {one.number}, {stands}",
                partial(certificate_pdf, its),
            )
        )
    kept = [file for file in files if not file.is_removed]
    there: set[tuple[FileKind, str | None]] = {(file.kind, one.meeting_id) for file in kept for one in file.meetings}
    there |= {(file.kind, None) for file in kept if file.meeting_id is None}
    missing = list(_missing(days, lists, there))
    remarks = []
    if not session.state.takes_place:
        remarks.append(f"The session is {session.state}: of days that did not take place nothing is asked for.")
    if erased := sum(one.family_name is None and one.given_name is None for one in roster):
        remarks.append(
            f"{erased} of those on the list have no name here, or none any more: what was scanned may show it."
        )
    return Binder(session, tuple(leaves), tuple(files), tuple(missing), tuple(remarks), now)


def _missing(
    days: Sequence[Meeting], lists: Mapping[str, MeetingList], there: set[tuple[FileKind, str | None]]
) -> Iterator[str]:
    """What an auditor would ask for, of each of these days. A scan of the whole session's list is one of each meeting's."""
    for meeting in days:
        its = lists.get(meeting.meeting_id)
        if its is None or its.is_open:
            yield f"the closed list of {meeting.meeting_id}: {_why_open(its, meeting)}"
        if not {(FileKind.SIGNED_LIST, meeting.meeting_id), (FileKind.SIGNED_LIST, None)} & there:
            yield f"the signed list of {meeting.meeting_id}"
    if days and not any(kind is FileKind.AGENDA for kind, _ in there):
        yield "the agenda"


def _why_open(found: MeetingList | None, meeting: Meeting) -> str:
    """Whoever reads of a list that is put right holds certificates of before that."""
    if found is None or not is_put_right(found, meeting):
        return "it is open"
    opened = f"{found.decided_by} opened it at {found.decided_at.isoformat()} to put it right ({found.note})"
    return f"it had closed, and {opened}; until it has closed again certificates are as they were before that"


_HEAD = ("meeting_id", "person_id", "family_name", "given_name", "town", "place", "state", "minutes")
_SAID = (
    *("meeting_id", "person_id", "state", "with_place", "role", "minutes", "arrived_at", "left_at", "scanned_at"),
    *("received_at", "method", "device_id", "decided_by", "note", "because", "reason", "linked_to", "linked_from"),
    *("corrected", "decided_at", "heard_at", "source", "event_id"),
)


def _records(
    roster: Sequence[OnRoster], said: Sequence[RecordSaid], towns: Mapping[str, str], took_place: set[str]
) -> bytes:
    """Who was there, with the town that they came for then; also on days that took place and were dropped, or called otherwise, since."""
    stands = {(one.meeting_id, one.person_id): one for one in said}  # The last word of each.
    rows: list[list[Cell]] = []
    for one in roster:
        planned = {at.meeting_id for at in one.meetings}
        who: list[Cell] = [one.person_id, one.family_name, one.given_name]
        for at in one.meetings:
            record = stands.get((at.meeting_id, one.person_id))
            its = record.city_id if record is not None and record.state.is_told else one.city_id
            state = at.state.value if at.state else None
            rows.append(
                [at.meeting_id, *who, towns.get(its or "") or one.town or its, one.place.value, state, at.minutes]
            )
        for meeting_id in sorted(took_place - planned):
            record = stands.get((meeting_id, one.person_id))
            if record is not None and record.state.is_told:
                its = record.city_id
                town = towns.get(its or "", its)
                rows.append([meeting_id, *who, town, one.place.value, record.state.value, record.minutes])
    return as_csv(_HEAD, rows)


def _history(said: Sequence[RecordSaid]) -> bytes:
    return as_csv(_SAID, [[_cell(getattr(one, name)) for name in _SAID] for one in said])


def _cell(value: object) -> Cell:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if value is None or isinstance(value, str | int | float | dt.datetime | dt.date) else str(value)
