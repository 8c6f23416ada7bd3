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


def told(error: BaseException) -> str:
    """What may be written down about an error: what it is, and where it is about; never its text, which may quote a name or an address.

    Postgres names the row that a constraint refused, asyncpg the value it could not send, pydantic what it was given.
    """
    origin = getattr(error, "orig", None) or error
    known = (getattr(layer, name, None) for layer in _layers(origin) for name in ("sqlstate", *_PLACES))
    parts = [type(error).__name__, *dict.fromkeys(str(one) for one in known if one)]
    if isinstance(error, KafkaError | OSError | RuntimeError) and str(error):
        parts.append(str(error)[:300])  # Of hosts, ports and ids; our own sentences hold no names.
    return " ".join(parts)


_PLACES = ("constraint_name", "table_name", "column_name")


def _layers(error: BaseException) -> tuple[BaseException, ...]:
    return (error, error.__cause__) if error.__cause__ is not None else (error,)
