"""Asking the services for JSON with the standard library alone: a larger client takes longer to load than they take to answer."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

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
