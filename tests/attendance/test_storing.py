"""Where attached files lie: a folder and a bucket make the same promises, and what is away is never taken for gone."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from deploy.embedded.ports import choose_free
from services.attendance.bucket import Bucket, bucket_of
from services.attendance.filing import MOST_BYTES, Store, name_of, sha256_of
from services.attendance.folder import Folder
from services.attendance.paths import FILES_AWAY
from services.attendance.settings import AttendanceSettings
from shared.contracts.directory import PersonRegistered
from shared.problems import Problem
from tests.attendance.building import BEFORE, ENDS, SESSION, enrolled, heard, scheduled
from tests.attendance.door import opened

pytestmark = pytest.mark.long

PAGE = b"%PDF-1.7\nsigned by everybody\n"
SHA = sha256_of(PAGE)
SECRET = "key-that-nobody-logs"
PATIENCE = 20.0


@dataclasses.dataclass
class Place:
    """A store, and how its bytes are altered behind its back."""

    store: Store
    overwrite: Callable[[str, bytes], Awaitable[None]]


def bucket_at(url: str, name: str, *, seconds: float = PATIENCE) -> Bucket:
    return bucket_of(name, url, "us-east-1", ("rollcall", SECRET), seconds)


@pytest.fixture(scope="module")
async def s3() -> AsyncIterator[str]:
    """An S3 server of its own process, with the bucket `files`."""
    pytest.importorskip("moto", reason="the S3 server for tests is not installed")
    port = choose_free()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    nowhere = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdout=nowhere, stderr=nowhere)
    try:
        async with httpx.AsyncClient() as http, asyncio.timeout(60):
            while True:
                with contextlib.suppress(httpx.TransportError):
                    assert (await http.put(f"{url}/files")).status_code == 200
                    break
                await asyncio.sleep(0.05)
        yield url
    finally:
        process.kill()
        await process.wait()


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":

        async def write(name: str, content: bytes) -> None:
            (tmp_path / name).write_bytes(content)

        return Place(Folder(tmp_path), write)
    bucket = bucket_at(request.getfixturevalue("s3"), "files")

    async def put(name: str, content: bytes) -> None:
        await bucket.objects.put_async(name, content)

    return Place(bucket, put)


async def test_what_was_kept_is_there_as_it_was_and_kept_twice_it_is_there_once(place: Place) -> None:
    assert await place.store.get("kept", SHA) is None

    assert [await place.store.put("kept", PAGE) for _ in range(2)] == [SHA, SHA]

    assert await place.store.get("kept", SHA) == PAGE


async def test_the_largest_file_is_kept_too(place: Place) -> None:
    page = PAGE.ljust(MOST_BYTES, b"x")

    assert await place.store.get("large", await place.store.put("large", page)) == page


async def test_what_is_taken_away_from_one_session_stays_at_another(place: Place) -> None:
    for session in ("one", "other"):
        await place.store.put(session, PAGE)

    for _ in range(2):  # What is not there is deleted.
        await place.store.drop("one", SHA)

    assert await place.store.get("one", SHA) is None
    assert await place.store.get("other", SHA) == PAGE


@pytest.mark.parametrize("content", [PAGE[:-1], PAGE + b"altered", b"", b"x" * (MOST_BYTES + 1)])
async def test_bytes_that_were_altered_are_not_there_and_keeping_them_again_mends_it(
    place: Place, content: bytes
) -> None:
    await place.store.put("altered", PAGE)
    await place.overwrite(name_of("altered", SHA), content)

    assert await place.store.get("altered", SHA) is None
    await place.store.put("altered", PAGE)
    assert await place.store.get("altered", SHA) == PAGE


FOLDERS, BUCKETS = (
    ("not mounted", "no directory"),
    ("nobody listens", "no such bucket", "no answer", "cut off", "refused"),
)


@pytest.mark.parametrize("away", [*FOLDERS, *BUCKETS])
async def test_what_is_away_is_never_taken_for_gone(away: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    async with _away(away, tmp_path, request) as store:
        with pytest.raises(Problem) as raised:
            await store.get(SESSION, SHA)

    assert (raised.value.refusal.type, raised.value.refusal.status) == (FILES_AWAY.type, 503)
    assert SECRET not in raised.value.refusal.detail


@pytest.mark.parametrize("away", [*FOLDERS, *BUCKETS])
async def test_nothing_is_called_deleted_where_it_cannot_be_reached(
    away: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Once it is there again, so is a scan with everybody's signature of which the office was told that it is gone."""
    async with _away(away, tmp_path, request) as store:
        with pytest.raises(Problem, match="for files"):
            await store.drop(SESSION, SHA)


@pytest.mark.parametrize("away", [*FOLDERS[1:], *BUCKETS])
async def test_nothing_is_kept_where_it_cannot_be(away: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    async with _away(away, tmp_path, request) as store:
        with pytest.raises(Problem, match="for files"):
            await store.put(SESSION, PAGE)


@contextlib.asynccontextmanager
async def _away(how: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    if how == "not mounted":
        yield Folder(tmp_path / "not mounted")
    elif how == "no directory":
        (tmp_path / name_of(SESSION, SHA)[:2]).write_bytes(b"")
        yield Folder(tmp_path)
    elif how == "nobody listens":
        yield bucket_at(f"http://127.0.0.1:{choose_free()}", "files")
    elif how == "no such bucket":
        yield bucket_at(request.getfixturevalue("s3"), "nobodys")
    else:
        async with _answering(_ANSWERS[how]) as url:
            yield bucket_at(url, "files", seconds=1.0)


_HEAD = b'HTTP/1.1 200 OK\r\nETag: "x"\r\nLast-Modified: Mon, 26 Oct 2026 09:30:00 GMT\r\n'
_REFUSAL = b"<Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>rollcall</AWSAccessKeyId></Error>"
_ANSWERS = {
    "no answer": b"",
    "cut off": _HEAD + b"Content-Length: 100\r\n\r\n" + PAGE,
    "refused": b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n" % len(_REFUSAL) + _REFUSAL,
}


@contextlib.asynccontextmanager
async def _answering(answer: bytes) -> AsyncIterator[str]:
    """A server that says this to whoever asks, or nothing at all, and goes."""
    closing = asyncio.Event()

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        if not answer:
            await closing.wait()
        writer.close()

    server = await asyncio.start_server(say, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        closing.set()
        server.close()


async def test_a_refusal_is_told_by_its_code_alone() -> None:
    async with _answering(_ANSWERS["refused"]) as url:
        with pytest.raises(Problem) as raised:
            await bucket_at(url, "files").put(SESSION, PAGE)

    assert raised.value.refusal.detail == "the bucket for files: SignatureDoesNotMatch"


async def test_whoever_keeps_files_in_a_folder_does_not_load_the_library_of_buckets() -> None:
    asked = "import sys, services.attendance.app; print('obstore' in sys.modules)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", asked, stdout=asyncio.subprocess.PIPE)

    assert (await process.communicate())[0] == b"False\n"


def test_a_bucket_without_keys_starts_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="files_secret_key"):
        told(files_bucket="files", files_access_key="rollcall")


def test_the_secret_key_stands_in_a_file_and_is_shown_to_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key"
    file.write_text(f"{SECRET}\n")
    monkeypatch.setenv("ROLLCALL_FILES_SECRET_KEY_FILE", str(file))

    settings = told(files_bucket="files", files_access_key="rollcall")

    assert settings.files_secret_key == SecretStr(SECRET)
    assert SECRET not in repr(settings) + repr(settings.store)


def told(**settings: Any) -> AttendanceSettings:
    return AttendanceSettings(kafka="127.0.0.1:9", database_url=SecretStr("postgresql://x"), port=0, **settings)


FILES = f"/api/v1/sessions/{SESSION}/files"


def _keys(url: str) -> dict[str, Any]:
    return {
        "files_bucket": "files",
        "files_endpoint": url,
        "files_access_key": "rollcall",
        "files_secret_key": SecretStr(SECRET),
    }


async def test_with_a_bucket_files_are_attached_fetched_put_into_the_zip_and_taken_away_as_ever(
    url: str, s3: str
) -> None:
    async with opened(url, **_keys(s3)) as door:
        await door.runtime.decider.act(
            [heard(PersonRegistered(person_id="anna", given_name="Anna", family_name="Ćwik"), at=BEFORE)]
        )
        await door.runtime.decider.act([scheduled(), enrolled("anna")])
        door.clock[0] = ENDS
        asked = {"name": "lista.pdf", "kind": "signed_list", "meeting_id": "day-1"}
        office = door.by("office")

        attached = await door.http.post(FILES, content=PAGE, params=asked)
        fetched = await door.http.get(f"{FILES}/{SHA}", headers=office)
        papers = await door.http.get(f"/api/v1/sessions/{SESSION}/papers/zip", headers=office)
        left = [one for one in door.files.rglob("*") if one.is_file()]
        gone = await door.http.post(f"{FILES}/{SHA}/remove", json={"note": "of another training"}, headers=office)

        assert attached.json()["outcome"] == "FileAttached"
        assert fetched.content == PAGE
        assert f"signed/day-1-{SHA[:16]}.pdf".encode() in papers.content
        assert left == []  # The ZIP was made there, and is gone.
        assert gone.json()["outcome"] == "FileRemoved"
        assert (await door.http.get(f"{FILES}/{SHA}", headers=office)).status_code == 410


async def test_with_the_bucket_away_nothing_is_recorded_and_nothing_is_called_gone(url: str, s3: str) -> None:
    async with opened(url, **_keys(f"http://127.0.0.1:{choose_free()}")) as door:
        await door.runtime.decider.act([scheduled(), enrolled("anna")])
        door.clock[0] = ENDS
        asked = {"name": "lista.pdf", "kind": "signed_list", "meeting_id": "day-1"}

        answer = await door.http.post(FILES, content=PAGE, params=asked)

        assert (answer.status_code, answer.json()["type"]) == (503, "urn:rollcall:problem:files-away")
        assert answer.headers["retry-after"]
        assert (await door.http.get(FILES)).json() == []
