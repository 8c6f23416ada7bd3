"""When certificates are decided: behind everything else that an event changes in a session. Never commits or publishes."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from services.attendance.certifying import decide_certificates
from services.attendance.lists import LIST, rules_of
from services.attendance.subjects import session_named
from shared.contracts.certificates import CertificateIssued
from shared.events.envelope import Heard
from shared.state.working import Due, Working

CODE_CHARACTERS = 12
_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
"""None that is taken for another one: a code may be read from paper and typed."""

K = TypeVar("K")
Handlers = Mapping[K, Callable[[Working, Any], None]]


def and_certify(handlers: Handlers[K]) -> dict[K, Callable[[Working, Any], None]]:
    """The same handlers; behind each it is asked whether somebody in the session has earned a certificate by now, or has no longer.

    Of every event, whatever it is about: no list of those that may change a list's truth would stay complete.
    """
    return {kind: _certifying(handler) for kind, handler in handlers.items()}


def on_list(working: Working, heard: Heard[Any]) -> None:
    """Somebody else has closed a list, or opened it again. It is theirs: nothing is counted, but it may have been the last one open."""


def _certifying(handler: Callable[[Working, Any], None]) -> Callable[[Working, Any], None]:
    def handled(working: Working, one: Heard[Any] | Due) -> None:
        handler(working, one)
        session_id = session_named(one.subject) if isinstance(one, Due) else one.body.session_id
        at = one.at if isinstance(one, Due) and one.kind == LIST else None
        certify(working, session_id, cause=one if isinstance(one, Heard) else None, at=at)

    return handled


def certify(working: Working, session_id: str, *, cause: Heard[Any] | None, at: dt.datetime | None = None) -> None:
    """Says what has to be said of the session's certificates, each new one with a code of its own. `at`: when a list has closed by itself."""
    for fact in decide_certificates(working, session_id, rules_of(working).certificates, at=at):
        if isinstance(fact, CertificateIssued):
            fact = fact.model_copy(update={"code": code_of(working.new_id())})
        working.say(fact, cause=cause)


def code_of(unguessable: str) -> str:
    """Twelve letters and digits by which a certificate is asked for, made of an id that nobody can guess: 60 bits."""
    number = int.from_bytes(hashlib.blake2b(unguessable.encode(), digest_size=16, person=b"certificate").digest())
    return "".join(_LETTERS[(number >> 5 * place) & 31] for place in range(CODE_CHARACTERS))
