"""What no client should send, and some do: it is refused by name, in one shape, and costs nobody else anything."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import uvicorn
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.embedded import ports
from deploy.embedded.postgres import Postgres
from services.enrolment.api import app_of
from services.enrolment.app import SERVICE
from shared.postgres.migrating import migrate
from shared.problems import MEDIA_TYPE, MOST_ERRORS, Refusal
from shared.process.connections import bounded
from shared.process.runtime import Runtime
from shared.settings import HttpLimits, Settings
from shared.testing import eventually
from shared.web import tokens

READER, WRITER = "reader", "writer"
REQUESTS = "/api/v1/sessions/session-0001/requests"
WITHDRAWALS = "/api/v1/sessions/session-0001/withdrawals"
JSON = {"Content-Type": "application/json"}


@contextlib.asynccontextmanager
async def enrolment(postgres: Postgres) -> AsyncIterator[tuple[Runtime, dict[str, str]]]:
    """The service without its Kafka, and tokens by what they may do."""
    made = postgres.ensure("http_hard", "http_hard", "secret").replace("postgresql://", "postgresql+asyncpg://")
    await asyncio.to_thread(migrate, "enrolment", made)
    known = {}
    engine = create_async_engine(made)
    async with engine.begin() as connection:
        for name, scopes in ((READER, ("read",)), (WRITER, ("read", "write", "operate"))):
            known[name], row = tokens.new_token(name, scopes, now=dt.datetime.now(dt.UTC))
            await tokens.store(connection, row)
    await engine.dispose()
    runtime = Runtime(SERVICE, Settings(kafka="127.0.0.1:9", database_url=SecretStr(made), port=0))
    runtime.may_decide.set()
    deciding = asyncio.create_task(runtime.commands.run())
    try:
        yield runtime, known
    finally:
        deciding.cancel()
        await asyncio.gather(deciding, return_exceptions=True)
        await runtime.engine.dispose()


@pytest.fixture(scope="module")
async def service(postgres: Postgres) -> AsyncIterator[tuple[Runtime, dict[str, str]]]:
    async with enrolment(postgres) as made:
        yield made


@pytest.fixture
async def client(service: tuple[Runtime, dict[str, str]]) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who may do everything. An error that nobody answered would be raised here."""
    runtime, known = service
    transport = httpx.ASGITransport(app=app_of(runtime))
    headers = {"Authorization": f"Bearer {known[WRITER]}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://enrolment", headers=headers) as asking:
        yield asking


def refused(answer: httpx.Response) -> str:
    """The kind of problem that an answer is; it has to be one, in the shape of all."""
    assert answer.headers["content-type"] == MEDIA_TYPE, answer.text
    said = Refusal.model_validate_json(answer.content)
    assert said.status == answer.status_code
    assert said.detail and said.remedy
    return said.type.rpartition(":")[2]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/api/v1/towns/a%00b", "not-valid"),
        ("/api/v1/towns/%zz", "not-valid"),
        ("/api/v1/towns/%ff", "not-valid"),
        ("/api/v1/towns/" + "a" * 65, "not-valid"),
        ("/api/v1/towns/Łódź", "not-valid"),
        ("/api/v1/towns/a%2Fb", "no-such-path"),
        ("/api/v1/towns/never-heard-of", "no-such-town"),
        ("/api/v2/towns", "no-such-path"),
        ("/api/v1/towns/", "no-such-path"),
        ("/api/v1//towns", "no-such-path"),
        ("/api/v1/../v1/books/", "no-such-path"),
        ("/api/v1/sessions?after=%00", "not-valid"),
        ("/api/v1/sessions?after=%ff", "not-valid"),
        ("/api/v1/sessions?limit=0", "not-valid"),
        ("/api/v1/sessions?limit=99999999999999999999", "not-valid"),
        ("/api/v1/sessions?limit=NaN", "not-valid"),
        ("/api/v1/sessions?phase=1e400", "not-valid"),
        ("/api/v1/sessions?state=planned", "not-valid"),
        ("/api/v1/parked?reason=never", "not-valid"),
        ("/api/v1/parked?after=programme.cities/0", "not-valid"),
        ("/api/v1/parked?after=programme.cities/0/7", "no-such-record"),
        ("/api/v1/parked?after=enrolment.requests/-1/-8123456789012345678", "no-such-record"),
        ("/api/v1/parked?after=enrolment.requests/-1/-9999999999999999999", "not-valid"),
        ("/api/v1/sessions?" + "&".join(f"n{number}" for number in range(3_000)), "not-valid"),
        ("/api/v1/parked/programme.cities/0/99999999999999999999", "not-valid"),
        ("/api/v1/parked/programme.cities/3000000000/0", "not-valid"),
        ("/api/v1/parked/programme.cities/0/0", "no-such-record"),
    ],
)
async def test_an_address_that_means_nothing_is_refused_by_name(
    client: httpx.AsyncClient, path: str, kind: str
) -> None:
    assert refused(await client.get(path)) == kind


async def test_a_filter_that_is_misspelt_is_refused_and_not_passed_over(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/sessions?city=geonames:776597")
    assert refused(answer) == "not-valid"
    assert "city" in answer.json()["detail"]


@pytest.mark.parametrize(
    "asked",
    [
        {"url": "/api/v1/sessions?phase=1&phase=2"},
        {"url": "/api/v1/sessions", "headers": [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]},
        {"url": "/api/v1/sessions", "headers": [("Authorization", "Bearer rc_a_b")]},
    ],
)
async def test_what_stands_there_twice_and_says_different_things_is_refused(
    client: httpx.AsyncClient, asked: dict[str, Any]
) -> None:
    headers = [*client.headers.multi_items(), *asked.pop("headers", [])]
    client.headers.clear()
    assert refused(await client.get(**asked, headers=headers)) == "not-valid"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
async def test_another_method_is_told_which_ones_there_are(client: httpx.AsyncClient, method: str) -> None:
    answer = await client.request(method, "/api/v1/towns")
    assert (refused(answer), answer.status_code, answer.headers["allow"]) == ("no-such-method", 405, "GET, HEAD")


async def test_head_is_answered_as_get_would_be(client: httpx.AsyncClient) -> None:
    for path in ("/health/live", "/api/v1/towns", "/api/v1/towns/never-heard-of"):
        head, get = await client.head(path), await client.get(path)
        assert (head.status_code, head.headers["content-type"]) == (get.status_code, get.headers["content-type"])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"NaN",
        b'{"person_id": NaN}',
        b'{"person_id": 1e400}',
        b'{"person_id": "\xff"}',
        b'{"person_id": "a\\u0000b"}',
        b'{"person_id": "\\ud800"}',
        b'{"person_id": "p", "\\ud800": 1}',
        b'{"person_id": "p", "more": 1}',
        b'{"person_id": "p", "person_id": "q"}',
        b"[" * 60_000,
    ],
)
async def test_a_body_that_does_not_say_who_asks_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    assert refused(await client.post(REQUESTS, content=body, headers=JSON)) == "not-valid"


async def test_a_text_that_nothing_can_keep_is_refused(client: httpx.AsyncClient) -> None:
    for reason in ("a\u0000b", "two\nlines", "x" * 201, 7):
        answer = await client.post(WITHDRAWALS, json={"person_id": "p", "reason": reason})
        assert refused(answer) == "not-valid", reason
    half = await client.post(WITHDRAWALS, content=b'{"person_id": "p", "reason": "\\udfff"}', headers=JSON)
    assert refused(half) == "not-valid"


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json"]
)
async def test_a_body_of_another_kind_is_refused(client: httpx.AsyncClient, kind: str | None) -> None:
    headers = {"Content-Type": kind} if kind else {}
    assert refused(await client.post(REQUESTS, content=b'{"person_id": "p"}', headers=headers)) == "not-valid"


async def test_of_thousands_of_wrong_fields_a_few_are_told(client: httpx.AsyncClient) -> None:
    answer = await client.post(REQUESTS, json={f"field-{number}": 1 for number in range(3_000)})
    assert refused(answer) == "not-valid"
    assert len(answer.json()["errors"]) == MOST_ERRORS
    assert len(answer.content) < 10_000


async def test_a_body_above_the_limit_is_refused_whatever_it_is(client: httpx.AsyncClient) -> None:
    limit = HttpLimits().body_bytes
    answer = await client.post(REQUESTS, content=b"x" * (limit + 1))
    assert (refused(answer), answer.headers["connection"]) == ("too-large", "close")


@pytest.mark.parametrize("key", ["", " ", "with space", "k" * 101, "Schlüssel".encode()])
async def test_a_key_that_cannot_be_an_id_is_refused(client: httpx.AsyncClient, key: str | bytes) -> None:
    answer = await client.post(REQUESTS, json={"person_id": "p"}, headers={"Idempotency-Key": key})
    assert refused(answer) == "not-valid"


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        (None, "no-token"),
        ("Basic cm9sbGNhbGw6c2VjcmV0", "no-token"),
        ("Bearer", "no-token"),
        ("Bearer rc_nobody_secret", "unknown-token"),
        ("Bearer " + "rc_" * 3_000, "unknown-token"),
        (b"Bearer rc_\xff_\xff", "unknown-token"),
        (b"Bearer rc_\x00_\x00", "unknown-token"),  # What Postgres refuses would be refused to all who ask with it.
    ],
)
async def test_who_does_not_say_who_asks_is_told_how(
    client: httpx.AsyncClient, token: str | bytes | None, kind: str
) -> None:
    client.headers.clear()
    answer = await client.get("/api/v1/towns", headers={"Authorization": token} if token else {})
    assert (refused(answer), answer.status_code, answer.headers["www-authenticate"]) == (kind, 401, "Bearer")


@pytest.mark.parametrize(
    "sent",
    [
        {"content": b"{", "headers": JSON},
        {"content": b"\xff", "headers": JSON},
        {"content": b'{"person_id": "a", "person_id": "b"}', "headers": JSON},
        {"json": {"person_id": 7}},
        {"params": [("a", "1"), ("a", "2")]},
    ],
    ids=["no JSON", "no text", "two things", "another type", "two names"],
)
async def test_whoever_may_not_ask_is_told_that_and_nothing_of_what_they_sent(
    client: httpx.AsyncClient, service: tuple[Runtime, dict[str, str]], sent: dict[str, Any]
) -> None:
    assert refused(await client.post(REQUESTS, **sent)) == "not-valid"
    client.headers["Authorization"] = f"Bearer {service[1][READER]}"
    assert refused(await client.post(REQUESTS, **sent)) == "not-allowed"
    del client.headers["Authorization"]
    assert refused(await client.post(REQUESTS, **sent)) == "no-token"


async def test_a_token_opens_what_its_scopes_say(
    client: httpx.AsyncClient, service: tuple[Runtime, dict[str, str]]
) -> None:
    client.headers["Authorization"] = f"Bearer {service[1][READER]}"
    assert (await client.get("/api/v1/towns")).status_code == 200
    answer = await client.post(REQUESTS, json={"person_id": "p"})
    assert (refused(answer), answer.status_code) == ("not-allowed", 403)
    assert "'write'" in answer.json()["detail"]


async def test_an_error_of_our_own_is_a_problem_too_and_says_nothing_of_what_it_was_about(
    client: httpx.AsyncClient, service: tuple[Runtime, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("Zofia Zielińska")

    monkeypatch.setattr(service[0].health, "state", fail)
    answer = await client.get("/health/ready")
    assert (refused(answer), answer.status_code) == ("our-fault", 500)
    assert "Zofia" not in answer.text


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\n\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000,
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nno number\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    ],
)
async def test_what_is_no_http_is_answered_in_the_same_shape(
    service: tuple[Runtime, dict[str, str]], sent: bytes
) -> None:
    port, limits = ports.choose_free(), HttpLimits()
    server = uvicorn.Server(
        uvicorn.Config(
            app_of(service[0]),
            port=port,
            http=bounded(limits),
            lifespan="off",
            ws="none",
            log_level="critical",
            h11_max_incomplete_event_size=limits.header_bytes,
        )
    )
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    running = asyncio.create_task(server.serve())
    await eventually(lambda: server.started, what="the server")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    server.should_exit = server.force_exit = True
    await running
    assert head.startswith(b"HTTP/1.1 400 ") and MEDIA_TYPE.encode() in head
    assert json.loads(body)["type"] == "urn:rollcall:problem:not-http"
