"""Asking the services for JSON with the standard library alone: a larger client takes longer to load than they take to answer."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from rollcall.connection import Connection
from rollcall.terminal import Exit, Refusal

TIMEOUT_S = 15.0
MOST_BYTES = 4 * 1024 * 1024
"""Books have some kilobytes. Whatever else answers at an address is not read to its end."""


class NoAnswer(Exception):
    """There was none; says what happened instead."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    body: Any
    """None: it was no JSON."""


async def get(url: str, headers: dict[str, str] | None = None) -> Answer:
    """Raises `NoAnswer` when nobody answers within `TIMEOUT_S`."""
    return await asyncio.to_thread(_ask, url, headers or {}, None)


async def post(url: str, headers: dict[str, str], body: bytes) -> Answer:
    """Sends bytes as they are. Raises `NoAnswer` when nobody answers within `TIMEOUT_S`."""
    return await asyncio.to_thread(_ask, url, {"Content-Type": "application/octet-stream"} | headers, body)


def ask(
    found: Connection, service: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """What a service answers a command. A `body` is posted. Refused in a sentence where nobody answers."""
    url, told = found.urls[service] + path, found.headers | dict(headers or {})
    try:
        return asyncio.run(get(url, told) if body is None else post(url, told, body))
    except NoAnswer as error:
        raise Refusal(f"{service} does not answer at {found.urls[service]}: {error}.") from error


def refused(found: Connection, service: str, answer: Answer, *, invalid: Collection[int]) -> Refusal:
    """Why it did not do what it was asked, in its own words; with these statuses, because of what was asked."""
    said = answer.body
    if not isinstance(said, dict) or "title" not in said:
        return Refusal(f"What answers at {found.urls[service]} is not {service}.")
    sentence = f"{service}: {said['title']}: {said.get('detail', '')}."
    return Refusal(sentence, Exit.INVALID if answer.status in invalid else Exit.IMPOSSIBLE)


def _ask(url: str, headers: dict[str, str], body: bytes | None) -> Answer:
    if not url.startswith(("http://", "https://")):
        raise NoAnswer("it is no http address")
    try:
        try:
            answer = urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=TIMEOUT_S)  # noqa: S310  # asked above
        except urllib.error.HTTPError as refused:
            answer = refused  # an answer like any other
        with answer:
            text = answer.read(MOST_BYTES)
    except urllib.error.URLError as error:
        raise NoAnswer(
            type(error.reason).__name__ if isinstance(error.reason, OSError) else str(error.reason)
        ) from error
    except (OSError, HTTPException) as error:
        raise NoAnswer(type(error).__name__) from error
    except ValueError as error:
        raise NoAnswer(f"it is no http address ({error})") from error
    try:
        return Answer(answer.status, json.loads(text))
    except (ValueError, RecursionError):
        return Answer(answer.status, None)
