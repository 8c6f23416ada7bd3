"""Looking at a system of which one part answers oddly: that is this part's problem, and the others are shown all the same."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from rollcall.asking import MOST_BYTES
from rollcall.connection import Connection
from rollcall.folder import Folder
from rollcall.looking import Standing, look
from rollcall.understanding import mails_of, understood
from tests.cli.accounts import books

Answer = tuple[int, Any]
Serve = Callable[..., Any]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """`await serve({path: (status, body)})` is an address that answers so; 404 to everything else."""
    servers: list[asyncio.Server] = []

    async def start(answers: dict[str, Answer]) -> str:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
            status, body = answers.get(path, (404, {}))
            text = body if isinstance(body, bytes) else json.dumps(body).encode()
            writer.write(
                b"HTTP/1.1 %d x\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, len(text)) + text
            )
            writer.close()

        servers.append(await asyncio.start_server(answer, "127.0.0.1", 0))
        return f"http://127.0.0.1:{servers[-1].sockets[0].getsockname()[1]}"

    yield start
    for server in servers:
        server.close()


def well(name: str) -> dict[str, Answer]:
    ready = {"ready": True, "service": name, "problems": []}
    return {"/health/ready": (200, ready), "/api/v1/books": (200, books()[name])}


def inbox() -> dict[str, Answer]:
    return {"/api/v1/summary": (200, {"accepted": 6, "distinct_message_ids": 6, "without_message_id": 0})}


async def seen(serve: Serve, tmp_path: Path, *, attendance: dict[str, Answer], mails: dict[str, Answer]) -> Standing:
    answers = {name: well(name) for name in books()} | {"attendance": attendance}
    urls = {name: await serve(its) for name, its in answers.items()}
    nowhere = {"bootstrap_servers": ["127.0.0.1:1"]}
    return await look(Connection(nowhere, urls, await serve(mails), "rc_1_x", None, Folder(tmp_path)))


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in books()["attendance"].items() if key != name}


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ({"/api/v1/books": (401, {"detail": "was revoked"})}, "refuses the token at http://127.0.0.1:.*: was revoked"),
        ({"/api/v1/books": (403, ["no"])}, "refuses the token at .*: 403"),
        ({"/api/v1/books": (500, b"<html>")}, "its books answer 500"),
        ({"/api/v1/books": (200, b"<html>")}, "what answers for its books is no object"),
        ({"/api/v1/books": (200, b"[" * 100_000)}, "what answers for its books is no object"),
        ({"/api/v1/books": (200, {"hello": "world"})}, "another program answers in its place"),
        ({"/api/v1/books": (200, books()["enrolment"])}, "enrolment answers in its place"),
        ({"/api/v1/books": (200, without("overdue"))}, "its books are those of another version .*'overdue'"),
        ({"/api/v1/books": (200, without("discarded"))}, "its books are those of another version .*'discarded'"),
        ({"/health/ready": (503, ["what"])}, None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_whatever_one_service_answers_the_others_are_shown(
    serve: Serve, tmp_path: Path, answers: dict[str, Answer], problem: str | None
) -> None:
    found = await seen(serve, tmp_path, attendance=well("attendance") | answers, mails=inbox())

    assert not any(one.problems for name, one in found.services.items() if name != "attendance")
    assert found.services["enrolment"].ready
    if problem is None:
        assert (found.services["attendance"].ready, found.services["attendance"].problems) == (False, ())
        return
    (said,) = found.services["attendance"].problems
    assert re.search(problem, said), said
    unknown = {line.name for line in found.equations if line.service == "attendance" and line.is_unknown}
    assert unknown == {"attendance.heard", "attendance.waiting", "attendance"}
    assert not found.balanced


async def test_what_a_service_that_is_ready_cannot_do_is_shown(serve: Serve, tmp_path: Path) -> None:
    health = {"ready": True, "service": "attendance", "problems": [], "warnings": ["the mail server refuses us"]}
    answers = well("attendance") | {"/health/ready": (200, health)}
    found = await seen(serve, tmp_path, attendance=answers, mails=inbox())
    assert found.services["attendance"].ready
    assert found.services["attendance"].problems == ("the mail server refuses us",)


async def test_a_service_that_answers_at_the_address_of_another_one_is_not_ready(serve: Serve, tmp_path: Path) -> None:
    found = await seen(serve, tmp_path, attendance=well("enrolment"), mails=inbox())
    assert not found.services["attendance"].ready and found.services["enrolment"].ready


@pytest.mark.parametrize("answers", [{}, {"/api/v1/summary": (200, {"accepted": "many"})}], ids=["away", "no inbox"])
async def test_while_the_inbox_is_away_its_equations_stand_there_as_not_known(
    serve: Serve, tmp_path: Path, answers: dict[str, Answer]
) -> None:
    found = await seen(serve, tmp_path, attendance=well("attendance"), mails=answers)
    assert {line.name for line in found.equations if line.is_unknown} >= {"mail", "mail.once"}
    assert any("is no inbox" in problem for problem in found.problems)
    assert not found.balanced


async def test_an_answer_without_end_is_not_read_to_its_end(serve: Serve, tmp_path: Path) -> None:
    endless = json.dumps({"service": "attendance", "more": "x" * MOST_BYTES}).encode()
    answers = well("attendance") | {"/api/v1/books": (200, endless)}
    found = await seen(serve, tmp_path, attendance=answers, mails=inbox())
    assert found.services["attendance"].problems == ("what answers for its books is no object",)


def test_books_are_understood_as_they_are() -> None:
    assert all(understood(name, its) == (its, None) for name, its in books().items())


def test_of_an_inbox_that_cannot_be_read_nothing_is_known() -> None:
    assert mails_of(None) == mails_of("x") == mails_of({"accepted": "6"})
    assert mails_of({"accepted": 6, "distinct_message_ids": 5}).distinct is None
