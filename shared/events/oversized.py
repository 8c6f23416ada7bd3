"""What a record may measure, and what is kept of one that is larger, or that cannot be read at all: a head, its size, a checksum."""

from __future__ import annotations

from dataclasses import dataclass

from aiokafka import ConsumerRecord

from shared.events.envelope import Reason

HEADERS_LIMIT_BYTES = 64 * 1024
"""The body has its limit from the contracts. This one is for key and headers together, names and values. Ours have some hundred bytes."""

HEAD_BYTES = 4 * 1024
"""Enough to see whose it is and what it was meant to be."""

NOT_KEPT = "its bytes were not kept: it cannot be heard again, only sent again"
HEADS = frozenset({Reason.TOO_LARGE, Reason.UNREADABLE})
"""Why a record was cut. What is parked for one of these reasons is a head."""


@dataclass
class CutRecord(ConsumerRecord):  # type: ignore[misc]  # aiokafka has no types
    """A record of which `key`, `value` and `headers` are heads. In its place stands what it was, and why it cannot be heard."""

    reason: Reason
    detail: str
    digest: str
    """A checksum of everything that was sent, also of what was not kept: it tells this record from any other one."""
