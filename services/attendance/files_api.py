"""The files of a session over HTTP: attached, listed, fetched, taken away; and all of its papers as one ZIP."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Path, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import Field
from starlette.background import BackgroundTask

from services.attendance import files_reading, views
from services.attendance.attaching import Sent, attach
from services.attendance.dossier import binder_of
from services.attendance.files import File, RemoveFile
from services.attendance.filing import MOST_BYTES, media_type_of, sha256_of
from services.attendance.keeping import Why
from services.attendance.paths import (
    FILE_IS_GONE,
    FILES_AWAY,
    NO_SUCH_FILE,
    NO_SUCH_MEETING,
    NO_SUCH_SESSION,
    NOT_ATTACHABLE,
    SessionId,
    found,
    meeting_of,
)
from services.attendance.settings import AttendanceSettings
from shared.contracts.files import FileKind
from shared.contracts.model import ID_PATTERN, LINE_PATTERN, Language
from shared.problems import COMMAND, NO_SUCH_PATH, NOT_VALID, READ, Problem
from shared.process.runtime import Runtime
from shared.web.answers import DECIDED, Decided, Shape, exemplified
from shared.web.asking import IdempotencyKey, Office, Page, Reader, Writer, command
from shared.web.refusing import may_answer
from shared.web.routes import Routes
from shared.web.tokens import Actor

LARGER = {"/files": MOST_BYTES}
Sha256Path = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="The SHA-256 of its bytes.", examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"])]  # fmt: skip
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The file: a PDF, or a picture as PNG, JPEG or TIFF.",
        "content": {
            "application/octet-stream": {
                "schema": {"type": "string", "format": "binary", "maxLength": MOST_BYTES},
                "examples": {"pdf": {"summary": "The beginning of a PDF", "value": "%PDF-1.7\n"}},
            }
        },
    }
}
_FILE: dict[str, Any] = {
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "session_id": "session-0001",
    "meeting_id": "day-1",
    "kind": "signed_list",
    "name": "lista-dzien-1.pdf",
    "media_type": "application/pdf",
    "size": 182044,
    "undecided": 0,
    "meetings": [{"meeting_id": "day-1", "undecided": 0}],
    "is_removed": False,
    "decided_by": "trainer",
    "note": None,
    "decided_at": "2026-10-26T09:30:00Z",
    "event_id": "0199aa00-0000-7000-8000-000000000009",
}


class OfMeetingShown(Shape):
    """A meeting that a file is of."""

    meeting_id: str
    undecided: int


class FileShown(Shape):
    """A file of a session. What it holds is another question: `GET …/files/{sha256}`."""

    model_config = exemplified(**_FILE)

    sha256: str
    session_id: str
    meeting_id: str | None = Field(
        description="Whose list it is of, of several the first that was named; null: it is of all of the session."
    )
    kind: FileKind
    name: str
    media_type: str = Field(description="By its bytes.")
    size: int = Field(description="In bytes.")
    undecided: int = Field(description="Rows of what was entered that are left for a person to decide.")
    meetings: list[OfMeetingShown] = Field(
        description="Of which it is, each with what is left of its rows; none: of all of the session."
    )
    is_removed: bool = Field(description="It was taken away, and its bytes are deleted; `note` says why.")
    decided_by: str = Field(description="Who has attached it, or taken it away.")
    note: str | None
    decided_at: dt.datetime
    event_id: str = Field(description="The fact that says so.")


class DecidedFile(Decided):
    """What became of a file that was to be attached or taken away."""

    model_config = exemplified(**DECIDED, outcome="FileAttached", file=_FILE)

    outcome: str = Field(
        description="The fact that answered it. `AlreadyAttached`: the session has the same bytes; `AlreadyRemoved`: it is gone."
    )
    file: FileShown


class FilesAsked(Page):
    """A part of a session's files."""


class AnyFile(Response):
    media_type = "application/octet-stream"


class ZipResponse(Response):
    media_type = "application/zip"


def file_routes(runtime: Runtime, settings: AttendanceSettings) -> Routes:
    """The routes of whoever keeps the papers of a session."""
    routes = Routes(prefix="/api/v1/sessions/{session_id}")
    store, programme = settings.store, settings.programme
    no_such = (NO_SUCH_SESSION, NO_SUCH_PATH)

    @routes.post(
        "/files",
        responses=may_answer(*COMMAND, *no_such, NO_SUCH_MEETING, NOT_ATTACHABLE, FILES_AWAY),
        openapi_extra=_BODY,
    )
    async def attach_file(
        session_id: SessionId,
        request: Request,
        actor: Annotated[Actor, Writer],
        name: Annotated[
            str,
            Query(
                min_length=1,
                max_length=200,
                pattern=LINE_PATTERN,
                description="As you call it; no name of a person.",
                examples=["lista-dzien-1.pdf"],
            ),
        ],
        kind: Annotated[FileKind, Query(description="`typed_list` and `report` are attached by entering them.")],
        meeting_id: Annotated[str | None, Query(pattern=ID_PATTERN, description="Whose list it is of.")] = None,
        idempotency_key: IdempotencyKey = None,
    ) -> DecidedFile:
        """Attaches a file to a session: a scan of the signed list, an agenda. The same bytes are one file, however often they are sent, and of
        as many meetings as are named."""
        content = await request.body()
        if kind.is_entered:
            raise Problem(NOT_VALID, f"a {kind} is attached by entering it", field="kind")
        media_type = media_type_of(content)
        if media_type is None:
            raise Problem(NOT_ATTACHABLE, "it is empty" if not content else "its bytes are no PDF and no such picture")
        async with runtime.reading.connect() as connection:
            session = found(await views.session_row(connection, session_id), session_id)
            gone = (await views.days_gone(connection, {session_id: session})).get(session_id, [])
        if meeting_id is not None and all(one.meeting_id != meeting_id for one in gone):
            meeting_of(session, meeting_id)
        sent = Sent(session_id, meeting_id, kind, name, media_type, content)
        heard, became = await attach(runtime, store, sent, actor, idempotency_key)
        return DecidedFile(
            request_id=heard.event_id,
            file=await _shown(session_id, sha256_of(content)),
            **asdict(became),
        )

    @routes.get("/files", dependencies=[Reader], responses=may_answer(*READ, *no_such))
    async def list_files(session_id: SessionId, page: Annotated[FilesAsked, Query()]) -> list[FileShown]:
        """The files of a session by their hashes, also those that were taken away; the next page begins `after` the last one."""
        async with runtime.reading.connect() as connection:
            found(await views.session_row(connection, session_id), session_id)
            listed = await files_reading.files_of(connection, session_id, after=page.after, limit=page.limit)
        return [_as_shown(one) for one in listed]

    @routes.get(
        "/files/{sha256}",
        dependencies=[Office],
        responses=may_answer(*READ, NO_SUCH_FILE, FILE_IS_GONE, FILES_AWAY, NO_SUCH_PATH),
        response_class=AnyFile,
    )
    async def fetch_file(session_id: SessionId, sha256: Sha256Path) -> Response:
        """The bytes of a file, as they were attached; for the office alone: there are names and signatures on it."""
        async with runtime.reading.connect() as connection:
            file = await files_reading.file(connection, session_id, sha256)
        if file is None:
            raise Problem(NO_SUCH_FILE, f"{session_id} has no file {sha256}", field="sha256")
        content = None if file.is_removed else await store.get(session_id, sha256)
        if content is None:
            why = "it was taken away" if file.is_removed else "its bytes are not there, or are others"
            raise Problem(FILE_IS_GONE, why, field="sha256")
        return AnyFile(content, headers=_to_be_saved(file.name))

    @routes.post("/files/{sha256}/remove", responses=may_answer(*COMMAND, NO_SUCH_PATH, NO_SUCH_FILE, FILES_AWAY))
    async def remove_file(
        session_id: SessionId,
        sha256: Sha256Path,
        why: Why,
        actor: Annotated[Actor, Office],
        idempotency_key: IdempotencyKey = None,
    ) -> DecidedFile:
        """Takes a file away and deletes its bytes. That it was there, its hash and why it went stay."""
        async with runtime.reading.connect() as connection:
            if await files_reading.file(connection, session_id, sha256) is None:
                raise Problem(NO_SUCH_FILE, f"{session_id} has no file {sha256}", field="sha256")
        body = RemoveFile(session_id=session_id, sha256=sha256, note=why.note)
        heard = command(runtime, body, actor, idempotency_key)
        became = await runtime.commands.submit(heard)
        file = await _shown(session_id, sha256)
        if file.is_removed:  # Also if it was before: whoever died between has left the bytes.
            await store.drop(session_id, sha256)
        return DecidedFile(request_id=heard.event_id, file=file, **asdict(became))

    @routes.get(
        "/papers/zip",
        dependencies=[Office],
        responses=may_answer(*READ, NO_SUCH_SESSION, NO_SUCH_PATH, FILES_AWAY),
        response_class=ZipResponse,
    )
    async def fetch_papers(
        session_id: SessionId,
        language: Annotated[Language, Query(description="The language of documents.")] = Language.PL,
    ) -> Response:
        """All papers of a session as one ZIP, with a table of contents that names what is missing. In it: the list, scans, agenda, imports,
        certificates, records and their history."""
        async with runtime.reading.connect() as connection:
            session = found(await views.session_row(connection, session_id), session_id)
            binder = await binder_of(connection, settings, session, programme, language, now=runtime.service.clock())
        try:
            path = await binder.written(store, settings.files)
        except OSError as error:
            raise Problem(FILES_AWAY, f"the folder for ZIPs that are made: {error.strerror}") from error
        return FileResponse(
            path,
            media_type="application/zip",
            headers=_to_be_saved(f"{session_id}.zip"),
            background=BackgroundTask(path.unlink, missing_ok=True),
        )

    async def _shown(session_id: str, sha256: str) -> FileShown:
        async with runtime.reading.connect() as connection:
            file = await files_reading.file(connection, session_id, sha256)
        if file is None:
            raise RuntimeError(f"{session_id}/{sha256} was decided and is not there")
        return _as_shown(file)

    return routes


def _as_shown(file: File) -> FileShown:
    told = {name: getattr(file, name) for name in FileShown.model_fields}
    told["meetings"] = [OfMeetingShown(**one.model_dump()) for one in file.meetings]
    return FileShown(**told)


def _to_be_saved(name: str) -> dict[str, str]:
    """It is saved and never shown here: whatever is in it, it does nothing at this address."""
    return {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
