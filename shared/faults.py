"""The one place that tells faults apart: what may pass by itself, what the content of an event caused, and what is ours to mend."""

from __future__ import annotations

import asyncio
from enum import StrEnum

import asyncpg
from aiokafka.errors import KafkaError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

_CONTENT_CLASSES = ("22", "23", "54")  # data exception; integrity constraint violation; program limit exceeded


class Fault(StrEnum):
    TRANSIENT = "transient"
    """Retried with back-off, never parked: connections, time-outs, deadlocks, a database that starts or stops."""
    CONTENT = "content"
    """The same record would be refused for ever: it is looked at event by event and the culprit parked."""
    BUG = "bug"
    """Our own code failed on it: treated like content, so that it stops nobody else, and logged as an error."""


def classify(error: BaseException) -> Fault:
    """What kind of fault this is."""
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return Fault.TRANSIENT
        return _database(error.orig)
    if isinstance(error, OSError | TimeoutError | asyncio.TimeoutError | KafkaError | PoolTimeout):
        return Fault.TRANSIENT
    if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError):
        return _database(error)
    return Fault.BUG


def _database(error: BaseException | None) -> Fault:
    """By SQLSTATE class. What asyncpg cannot even encode has none; it says so with its own DataError."""
    for layer in (error, getattr(error, "__cause__", None)):
        state = getattr(layer, "sqlstate", None) or ""
        if state.startswith(_CONTENT_CLASSES) or isinstance(layer, asyncpg.DataError):
            return Fault.CONTENT
    return Fault.TRANSIENT
