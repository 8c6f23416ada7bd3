"""The origin: the page and what passes through, without any service behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
import uvicorn

from demo.programme import Story
from deploy.embedded import ports
from rollcall.origin.__main__ import how_served
from rollcall.origin.app import app_of
from rollcall.origin.heard import Seen, event_of
from rollcall.origin.settings import OriginSettings
from rollcall.origin.watching import Watch
from services import SERVICES
from shared.contracts.enrolment import ParticipantEnrolled
from shared.contracts.selection import CityQualified
from shared.events.envelope import record_of
from shared.settings import HttpLimits
from shared.testing import NOON, SOURCE, Message, body_of, eventually, message


class Client:
    """Asks an origin that has nobody behind it."""

    def __getattr__(self, method: str) -> Any:
        return lambda path, **options: asyncio.run(_ask(method.upper(), path, options))


def client() -> Client:
    return Client()


async def _ask(method: str, path: str, options: dict[str, Any]) -> httpx.Response:
    nobody = "http://127.0.0.1:9"
    settings = OriginSettings(
        kafka="127.0.0.1:9",
        services=dict.fromkeys(SERVICES, nobody),
        forward_limit_bytes=100,
    )
    transport = httpx.ASGITransport(app_of(settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as asking:
        return await asking.request(method, path, **options)


def test_the_page_loads_nothing_from_elsewhere() -> None:
    page = client().get("/")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert all(client().get(f"/story/story.{kind}").status_code == 200 for kind in ("css", "js", "svg"))
    assert client().get("/story/secret.txt").status_code == 404


def test_a_service_that_is_away_is_a_problem_that_says_so() -> None:
    answer = client().get("/attendance/api/v1/books")
    assert (answer.status_code, answer.json()["type"]) == (502, "urn:rollcall:problem:service-away")
    assert answer.json()["detail"].startswith("attendance does not answer")
    assert answer.headers["content-type"] == "application/problem+json"


def test_bodies_are_limited_and_other_methods_refused() -> None:
    assert client().post("/enrolment/api/v1/x", content=b"x" * 101).status_code == 413
    refused = client().delete("/enrolment/api/v1/x")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, POST")


@pytest.mark.parametrize("in_pieces", [False, True])
async def test_a_body_goes_on_as_it_came_however_large_a_service_takes_one(in_pieces: bool) -> None:
    """A photograph of the signed list, say."""
    body = b"x" * 1_000_000

    async def behind(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        got = 0
        if b"transfer-encoding: chunked" in head:
            while size := int(await reader.readline(), 16):
                got += len(await reader.readexactly(size))
                await reader.readline()
        elif b"content-length" in head:
            got = len(await reader.readexactly(int(head.partition(b"content-length: ")[2].split()[0])))
        said = f"{head.split()[0].decode()} {got}".encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(said) + said)
        await writer.drain()
        writer.close()

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(10):
            yield body[number * 100_000 : (number + 1) * 100_000]

    async with await asyncio.start_server(behind, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        settings = OriginSettings(kafka="127.0.0.1:9", services=dict.fromkeys(SERVICES, url))
        transport = httpx.ASGITransport(app_of(settings))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as asking:
            posted = await asking.post("/attendance/files", content=pieces() if in_pieces else body)
            got = await asking.get("/attendance/files")
    assert (posted.text, got.text) == ("post 1000000", "get 0")


async def test_a_crowd_of_unfinished_requests_keeps_nobody_from_the_page() -> None:
    nobody = dict.fromkeys(SERVICES, "http://127.0.0.1:9")
    limits = HttpLimits(connections=3)
    settings = OriginSettings(kafka="127.0.0.1:9", services=nobody, port=ports.choose_free(), http=limits)
    server = uvicorn.Server(uvicorn.Config(app_of(settings), lifespan="off", **how_served(settings)))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    running = asyncio.create_task(server.serve())
    await eventually(lambda: server.started, what="the origin")
    crowd = []
    try:
        for _ in range(5):
            crowd.append(await asyncio.open_connection("127.0.0.1", settings.port))
            crowd[-1][1].write(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Unfinished: ")
        async with httpx.AsyncClient(trust_env=False) as asking:
            answer = await asking.get(f"http://127.0.0.1:{settings.port}/health/live")
        assert answer.status_code == 200
        async with asyncio.timeout(60):
            assert await crowd[0][0].read() == b""  # Whoever was waited for longest went.
    finally:
        for _, writer in crowd:
            writer.close()
        server.should_exit = server.force_exit = True
        await running


@pytest.mark.parametrize("path", ["/", "/health/live", "/story/state", "/story/none.css", "/enrolment/health/live"])
def test_head_is_answered_as_get_would_be(path: str) -> None:
    assert client().head(path).status_code == client().get(path).status_code


@pytest.mark.parametrize("name", ["evil.example", "evil@localhost", "localhost.evil.example:8080", ""])
def test_another_host_name_is_refused(name: str) -> None:
    answer = client().get("/", headers={"Host": name})
    assert (answer.status_code, answer.json()["type"]) == (421, "urn:rollcall:problem:foreign-name")


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST:80"])
def test_it_answers_to_its_own_names_at_any_port(name: str) -> None:
    assert client().get("/health/live", headers={"Host": name}).status_code == 200


def test_with_nothing_behind_it_the_state_says_what_is_not_known() -> None:
    state: dict[str, object] = client().get("/story/state").json()
    assert state["programme"] is None and state["steps"] == [] and state["balanced"] is False


async def test_a_service_whose_books_take_too_long_is_there_all_the_same() -> None:
    """While Kafka hangs none can be added up: what the page says then is that it is not ready, and not that it is away."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/health/ready":
            return httpx.Response(503, json={})
        raise httpx.ReadTimeout("Kafka hangs")

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as asking:
        watch = Watch(OriginSettings(), asking)
        watch.services["enrolment"].books = before = {"streams": {}}
        await watch._ask("enrolment")
    one = watch.services["enrolment"]
    assert (one.reachable, one.ready, one.away_since, one.books) == (True, False, None, before)


def test_an_event_is_shown_as_the_services_hear_it_and_what_they_do_not_hear_is_passed_over() -> None:
    good = message(body_of(CityQualified), event_id="one", at=NOON)
    stream, key, value, headers = record_of(
        {
            "specversion": "1.0",
            "id": "one",
            "source": SOURCE,
            "type": "rollcall.CityQualified.v1",
            "time": NOON.isoformat(),
            "data": dict(CityQualified.example),
        }
    )
    traced = [*good.headers, ("x-trace", b"\xf0\x9a")]
    for headers_of_one, body in ((good.headers, good.value), (traced, good.value), (headers, value)):
        event = event_of(Message(stream, key, body, headers_of_one).record(offset=7))
        assert event is not None
        assert (event.kind, event.offset, event.id, event.data["name"]) == ("CityQualified", 7, "one", "Augustów")
    for body in (b"{no", b"[]", b'"x"', b"null", None):
        assert event_of(Message(stream, key, body, good.headers).record()) is None


def test_what_nobody_hears_does_not_end_the_page() -> None:
    """A person's id that is a list, in the very session that the page follows."""
    seen, story = Seen(), SimpleNamespace(**dict.fromkeys(Story.__dataclass_fields__, "s"))
    for body in (b'{"session_id": "s", "person_id": ["x"]}', b'["s"]'):
        sent = message(body_of(ParticipantEnrolled, session_id="s"))
        seen.hear(Message(sent.stream, b"s", body, sent.headers).record(), cast("Story", story))
    assert seen.published["enrolment.events"] == 2 and not seen.recent
