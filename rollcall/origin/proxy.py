"""Passes requests through to the services, unchanged. Adds no rights: who asks brings their own token."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
from fastapi import APIRouter, Request, Response

from rollcall.origin.settings import OriginSettings
from shared.problems import TOO_LARGE, Kind, Problem

SERVICE_AWAY = Kind(
    "service-away", 502, "The service is away", "Try again after a while; a command with the same `Idempotency-Key`."
)

# What belongs to one connection and not to the message (RFC 9110, 7.6.1), and what the next hop sets itself.
_HOP_BY_HOP = {
    *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer"),
    *("transfer-encoding", "upgrade", "host", "content-length"),
}
# httpx hands out what it has decompressed; our own server adds the others itself.
_NOT_BACK = _HOP_BY_HOP | {"content-encoding", "date", "server"}


def router(settings: OriginSettings, client: httpx.AsyncClient) -> APIRouter:
    """`/attendance/…`, and so for each service, as the services themselves answer."""
    routes = APIRouter()

    def _too_large() -> Problem:
        return Problem(TOO_LARGE, f"the body is larger than {settings.forward_limit_bytes} bytes")

    async def passed_on(request: Request) -> AsyncIterator[bytes]:
        """The body, piece by piece: nobody keeps the whole of it here."""
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > settings.forward_limit_bytes:
                raise _too_large()
            yield chunk

    async def forward(service: str, path: str, request: Request) -> Response:
        headers = [
            (name, value) for name, value in request.headers.raw if name.decode("latin-1").lower() not in _HOP_BY_HOP
        ]
        said = request.headers.get("content-length", "")
        if said.isascii() and said.isdigit():
            headers.append((b"content-length", said.encode()))  # It goes on as it comes, and is as long as it was.
            if int(said) > settings.forward_limit_bytes:
                raise _too_large()
        has_body = bool(said) or "transfer-encoding" in request.headers
        url = httpx.URL(settings.services[service]).copy_with(raw_path=_target(path, request))
        try:
            answer = await client.request(
                request.method,
                url,
                headers=headers,
                content=passed_on(request) if has_body else None,
                timeout=settings.forward_seconds,
            )
        except httpx.HTTPError as error:
            raise Problem(SERVICE_AWAY, f"{service} does not answer ({type(error).__name__})") from None
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in _NOT_BACK}
        return Response(answer.content, answer.status_code, kept)

    def add(service: str) -> None:
        @routes.api_route(f"/{service}/{{path:path}}", methods=["GET", "POST"], include_in_schema=False)
        async def through(path: str, request: Request) -> Response:
            return await forward(service, path, request)

    for service in settings.services:
        add(service)
    return routes


def _target(path: str, request: Request) -> bytes:
    """The rest of the path as it came, percent-encoding and all."""
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    rest = b"/" + raw.split(b"/", 2)[2] if raw.count(b"/") >= 2 else f"/{path}".encode()
    query: bytes = request.scope.get("query_string", b"")
    return rest.split(b"?")[0] + (b"?" + query if query else b"")
