"""What a command needs may come late or be away: it is waited for, with a sentence, and given up with one."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.embedded import ports
from rollcall import waiting
from rollcall.connection import Connection
from rollcall.folder import Folder
from rollcall.looking import NobodyAnswers, Standing, look, settled
from rollcall.main import app
from rollcall.publishing import Line, send
from rollcall.reading import until_end
from services import SERVICES

pytestmark = pytest.mark.long


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("ROLLCALL_")]:
        monkeypatch.delenv(name)


async def behind(port: int, broker: str) -> asyncio.Server:
    """From now on the broker answers at this port, too."""
    host, _, number = broker.partition(":")

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while part := await reader.read(65536):
                writer.write(part)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(host, int(number))
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    return await asyncio.start_server(forward, "127.0.0.1", port)


async def until_it_said(capsys: pytest.CaptureFixture[str], words: str) -> None:
    said = ""
    async with asyncio.timeout(180):
        while words not in said:
            said += capsys.readouterr().err
            await asyncio.sleep(0.05)


async def test_a_broker_that_comes_late_gets_everything(streams: str, capsys: pytest.CaptureFixture[str]) -> None:
    port = ports.choose_free()
    line = Line("programme.needs", b"late", b"{}", [("ce_id", b"late-broker")])
    sending = asyncio.create_task(send({"bootstrap_servers": [f"127.0.0.1:{port}"]}, [line]))
    await until_it_said(capsys, "does not answer, or does not let this user in yet: waiting for it, 120 s at most.")
    server = await behind(port, streams)
    try:
        await asyncio.wait_for(sending, 180)
    finally:
        server.close()
    found = [
        one async for one in until_end({"bootstrap_servers": [streams]}, ["programme.needs"]) if one.key == b"late"
    ]
    assert [one.value for one in found] == [b"{}"]


@pytest.mark.parametrize("command", [["tail", "enrolment.events"], ["publish", "FILE"], ["migrate", "--streams"]])
def test_kafka_is_given_up_after_a_limit_with_one_sentence(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "events.jsonl"
    file.touch()
    monkeypatch.setattr(waiting, "PATIENCE_S", 0.5)
    monkeypatch.setenv("ROLLCALL_KAFKA", "127.0.0.1:1")
    monkeypatch.setattr("rollcall.preparing.installed_services", list)
    monkeypatch.setattr("rollcall.publishing.read", lambda *_: ([Line("programme.needs", b"k", b"{}", [])], []))
    result = CliRunner().invoke(app, [part.replace("FILE", str(file)) for part in command])
    assert result.exit_code == 1
    first, last = result.stderr.splitlines()
    assert first.startswith("Kafka at 127.0.0.1:1 does not answer") and "waiting for it" in first
    assert last.startswith("Kafka at 127.0.0.1:1 does not answer") and "within 0 s" in last


@pytest.mark.parametrize("command", [["migrate", "enrolment"], ["token", "create", "--actor", "a", "--scope", "read"]])
def test_a_database_is_given_up_after_a_limit_with_one_sentence(
    command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "PATIENCE_S", 0.5)
    monkeypatch.setenv("ROLLCALL_ENROLMENT_DATABASE_URL", "postgresql://a:b@127.0.0.1:1/c")
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1
    first, last = result.stderr.splitlines()
    assert first == "The database of enrolment does not answer yet: waiting for it, 0 s at most."
    assert last.startswith("The database of enrolment does not answer within 0 s: ")


def test_a_wrong_password_is_not_waited_for(postgres: Any) -> None:
    url = postgres.ensure("guessed", "guessed", "right").replace(":right@", ":wrong@")
    with pytest.raises(waiting.Refusal, match="The database of enrolment does not let us in: "):
        asyncio.run(waiting.postgres(url, "enrolment"))


async def answering(port: int) -> asyncio.Server:
    """A service that is up and has no books yet."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b'{"problems": ["Kafka does not answer yet"]}'
        writer.write(b"HTTP/1.1 503 x\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", port)


def somewhere(port: int, tmp_path: Path) -> Connection:
    urls = dict.fromkeys(SERVICES, f"http://127.0.0.1:{port}")
    return Connection({"bootstrap_servers": ["127.0.0.1:1"]}, urls, None, "rc_1_x", None, Folder(tmp_path))


async def test_status_shows_what_there_is_while_kafka_is_away(tmp_path: Path) -> None:
    port = ports.choose_free()
    server = await answering(port)
    try:
        standing = await look(somewhere(port, tmp_path))
    finally:
        server.close()
    assert not standing.balanced
    assert standing.services["enrolment"].problems == ("Kafka does not answer yet", "its books answer 503")
    assert standing.problems[0].startswith("Kafka at 127.0.0.1:1 does not answer")


async def test_status_with_wait_waits_for_the_services_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = ports.choose_free()
    found = somewhere(port, tmp_path)
    with pytest.raises(NobodyAnswers):
        await settled(found, 0)
    refused, seen = asyncio.Event(), asyncio.Event()

    async def watched(found: Connection) -> Standing:
        try:
            standing = await look(found)
        except NobodyAnswers:
            refused.set()
            raise
        seen.set()
        return standing

    monkeypatch.setattr("rollcall.looking.look", watched)
    looking = asyncio.create_task(settled(found, 600))
    await asyncio.wait_for(refused.wait(), 180)
    server = await answering(port)
    try:
        await asyncio.wait_for(seen.wait(), 180)
    finally:
        looking.cancel()
        server.close()
