"""Nobody keeps a server from answering: who is slow is closed in time, in a crowd who has been unfinished for longest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from deploy.embedded import ports
from shared.process.connections import bounded
from shared.settings import HttpLimits
from shared.testing import eventually

UNFINISHED = b"GET / HTTP/1.1\r\nHost: x\r\nX-Unfinished: "
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def app(scope: Any, receive: Any, send: Any) -> None:
    """`/large` gives more than a client's buffers take, `/told` answers once it has the whole body."""
    while scope["path"] == "/told" and (await receive()).get("more_body"):
        pass
    body = bytes(64 * 1024 * 1024) if scope["path"] == "/large" else b"ok"
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]}
    )
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    await send({"type": "http.response.body", "body": body[len(body) // 2 :]})


@asynccontextmanager
async def serving(opened: list[Any] | None = None, **limits: Any) -> AsyncIterator[int]:
    """A server's port. `opened` is told of each connection it makes."""
    port = ports.choose_free()
    made_of = bounded(HttpLimits(**limits))

    def made(*arguments: Any, **keywords: Any) -> Any:
        one = made_of(*arguments, **keywords)
        if opened is not None:
            opened.append(one)
        return one

    server = uvicorn.Server(uvicorn.Config(app, port=port, http=made, log_level="error", lifespan="off", ws="none"))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    running = asyncio.create_task(server.serve())
    await eventually(lambda: server.started, what="the server")
    try:
        yield port
    finally:
        server.should_exit = server.force_exit = True
        await running


async def connected(port: int, sent: bytes) -> Streams:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    await writer.drain()
    return reader, writer


async def answer(streams: Streams) -> bytes:
    async with asyncio.timeout(180):
        return await streams[0].readuntil(b"ok")


async def is_closed(streams: Streams) -> bool:
    """Waits until the other side closes."""
    try:
        async with asyncio.timeout(180):
            while await streams[0].read(1 << 16):
                pass
    except ConnectionError:
        pass
    return True


def close(*all_of_them: Streams) -> None:
    for _, writer in all_of_them:
        writer.close()


async def test_in_a_crowd_whoever_is_unfinished_longest_goes_first() -> None:
    async with serving(connections=5) as port:
        crowd = [await connected(port, UNFINISHED) for _ in range(5)]
        for streams in crowd:  # All of them are in before anybody else comes.
            assert not streams[0].at_eof()
        late = await connected(port, REQUEST)
        assert (await answer(late)).startswith(b"HTTP/1.1 200")
        assert await is_closed(crowd[0])
        crowd[4][1].write(b"done\r\n\r\n")
        assert (await answer(crowd[4])).startswith(b"HTTP/1.1 200")
        close(*crowd, late)


async def test_whose_body_does_not_end_is_unfinished_too() -> None:
    told = b"POST /told HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1234"
    opened: list[Any] = []
    async with serving(opened, connections=5) as port:
        answered = await connected(port, b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        await eventually(lambda: opened and opened[0].cycle, what="one that is answered")
        crowd = [answered, *[await connected(port, told) for _ in range(4)]]
        await eventually(lambda: len(opened) == 5 and all(one.cycle for one in opened), what="all headers")
        late = await connected(port, REQUEST)
        assert (await answer(late)).startswith(b"HTTP/1.1 200")
        assert [one.transport.is_closing() for one in opened[:5]] == [False, True, False, False, False]
        crowd[4][1].write(b"56789")
        assert (await answer(crowd[4])).startswith(b"HTTP/1.1 200")
        close(*crowd, late)


async def test_where_all_are_answered_whoever_takes_longest_to_read_goes_first() -> None:
    opened: list[Any] = []
    async with serving(opened, connections=3) as port:
        crowd = [await connected(port, b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(3)]
        await eventually(lambda: len(opened) == 3 and all(one.cycle for one in opened), what="three that are answered")
        late = await connected(port, REQUEST)
        assert (await answer(late)).startswith(b"HTTP/1.1 200")
        assert [one.transport.is_closing() for one in opened] == [True, False, False, False]
        close(*crowd, late)


async def test_a_header_that_does_not_end_is_given_some_seconds() -> None:
    async with serving(header_seconds=0.3) as port:
        silent, unfinished = await connected(port, b""), await connected(port, UNFINISHED)
        second = await connected(port, REQUEST)
        await answer(second)
        second[1].write(UNFINISHED)  # On a connection that is kept, too.
        for streams in (silent, unfinished, second):
            assert await is_closed(streams)
        close(silent, unfinished, second)


async def test_a_header_that_comes_drop_by_drop_is_not_given_more() -> None:
    async with serving(header_seconds=0.5) as port:
        streams = await connected(port, UNFINISHED)
        closed = asyncio.create_task(is_closed(streams))

        async def drip() -> bool:
            streams[1].write(b"x")
            return closed.done()

        await eventually(drip, what="closed all the same")
        close(streams)


async def test_whoever_does_not_read_an_answer_is_not_waited_for() -> None:
    opened: list[Any] = []
    async with serving(opened, request_seconds=0.5) as port:
        streams = await connected(port, b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        other = await connected(port, REQUEST)
        await answer(other)
        read = 0
        await eventually(lambda: opened[0].transport.is_closing(), what="given up by the server")
        try:
            while piece := await streams[0].read(1 << 20):
                read += len(piece)
        except ConnectionError:
            pass
        assert read < 64 * 1024 * 1024
        close(streams, other)


async def test_a_body_that_keeps_coming_is_waited_for_and_a_dripping_one_is_not() -> None:
    begin = b"POST /told HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with serving(request_seconds=0.5, body_bytes_a_second=1000) as port:
        coming, dripping = await connected(port, begin), await connected(port, begin)
        clock, closed = asyncio.get_running_loop(), asyncio.create_task(is_closed(dripping))
        until = clock.time() + 3 * 0.5

        async def both_go_on() -> bool:
            coming[1].write(b"2710\r\n" + b"x" * 10_000 + b"\r\n")
            dripping[1].write(b"1\r\nx\r\n")
            return closed.done() and clock.time() > until

        await eventually(
            both_go_on, what="the slow one closed, and the other one longer at work than an answer may take"
        )
        coming[1].write(b"0\r\n\r\n")
        assert (await answer(coming)).startswith(b"HTTP/1.1 200")
        close(coming, dripping)


async def test_a_connection_is_kept_for_the_next_request() -> None:
    async with serving(header_seconds=0.5, request_seconds=0.5) as port:
        streams = await connected(port, REQUEST)
        for _ in range(3):
            assert (await answer(streams)).startswith(b"HTTP/1.1 200")
            streams[1].write(REQUEST + REQUEST)  # The second one waits behind the first.
            assert (await answer(streams)).startswith(b"HTTP/1.1 200")
        close(streams)
