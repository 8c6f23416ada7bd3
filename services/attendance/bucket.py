"""The bytes of attached files in a bucket of an S3-compatible store. Imported only where one is set: its library is not small."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from obstore.exceptions import BaseError
from obstore.store import S3Store

from services.attendance.filing import MOST_BYTES, as_attached, name_of, sha256_of
from services.attendance.paths import FILES_AWAY
from shared.problems import Problem
from shared.values import immutable

if TYPE_CHECKING:
    from obstore.store import S3Config

CONNECT_SECONDS = 5
RETRIES = 2
NO_SUCH_OBJECT = "NoSuchKey"
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")


@immutable
class Bucket:
    """The bytes of every file that was attached, as objects. An object is written by one request, so it is there as a whole or not at all."""

    objects: S3Store
    seconds: float
    """For one file, there or back."""

    async def put(self, session_id: str, content: bytes) -> str:
        sha256 = sha256_of(content)
        if await self.get(session_id, sha256) is None:
            async with self._reached():
                await self.objects.put_async(name_of(session_id, sha256), content, use_multipart=False)
        return sha256

    async def get(self, session_id: str, sha256: str) -> bytes | None:
        async with self._reached():
            try:
                found = await self.objects.get_async(name_of(session_id, sha256))
            except FileNotFoundError as error:
                if _code(error) == NO_SUCH_OBJECT:
                    return None
                raise  # It is the bucket that is not there: that says nothing of what is in it.
            content = b"" if found.meta["size"] > MOST_BYTES else bytes(await found.bytes_async())
        return as_attached(content, sha256)

    async def drop(self, session_id: str, sha256: str) -> None:
        async with self._reached():
            await self.objects.delete_async(name_of(session_id, sha256))

    @asynccontextmanager
    async def _reached(self) -> AsyncIterator[None]:
        """Of what the store answers only its code is told: the whole of it names our key."""
        try:
            async with asyncio.timeout(self.seconds):
                yield
        except (BaseError, OSError) as error:
            why = _code(error) or ("no answer in time" if isinstance(error, TimeoutError) else type(error).__name__)
            raise Problem(FILES_AWAY, f"the bucket for files: {why}") from None


def bucket_of(name: str, endpoint: str | None, region: str, keys: tuple[str, str], seconds: float) -> Bucket:
    """A bucket as the settings name it. None of its requests lasts longer than that; nothing is asked yet."""
    access_key, secret_key = keys
    config: S3Config = {
        "region": region,
        "access_key_id": access_key,
        "secret_access_key": secret_key,
        "checksum_algorithm": "sha256",  # What arrives as something else is refused where it arrives.
    }
    if endpoint:
        config["endpoint"] = endpoint
    return Bucket(
        S3Store(
            name,
            config=config,
            client_options={
                "allow_http": bool(endpoint and endpoint.startswith("http://")),
                "connect_timeout": dt.timedelta(seconds=CONNECT_SECONDS),
                "timeout": dt.timedelta(seconds=seconds),
            },
            retry_config={"max_retries": RETRIES, "retry_timeout": dt.timedelta(seconds=seconds)},
        ),
        seconds,
    )


def _code(error: Exception) -> str | None:
    """By which word S3 names what went wrong."""
    found = _CODE.search(str(error))
    return found[1] if found else None
