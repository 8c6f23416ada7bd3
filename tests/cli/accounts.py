"""What the services say of themselves when everything agrees."""

from __future__ import annotations

import copy
from typing import Any

from services import SERVICES

STREAM = {"published": 10, "heard": 9, "parked": 1, "skipped": 0, "lag": 0}


def books() -> dict[str, Any]:
    common: dict[str, Any] = {
        "streams": {"a": dict(STREAM), "b": dict(STREAM)},
        "outbox": 0,
        "held": 1,
        "held_for_newer": 0,
        "parked": 2,
        "overdue": 0,
        "discarded": 0,
        "unknown_types": 0,
        "stray_erasures": 0,
    }
    requests = {"enrolled": 4, "waitlisted": 1, "refused": 1, "withdrawn": 1, "held": 1}
    presence = {"present": 5, "absent": 2, "not_recorded": 1, "enrolled_on_closed_lists": 8, "lists_not_recorded": 1}
    nobody = (
        "differences",
        "on_their_way",
        "given_up",
        "withheld",
        "bounced",
        "muted",
        "unreachable",
        "outcome_unknown",
        "untold",
        "to_do",
        "refused_for_now",
        "postponed",
        "told_by_others",
        "too_late",
        "calls_for_nobody",
        "paced",
        "rehearsing",
        "rehearsed",
        "rehearsed_to_one_address",
        "asked_in_vain",
    )
    waiting = [
        f"waiting_for_{what}"
        for what in ("person", "contact", "town", "topic", "session", "enrolment", "another_mail", "text")
    ]
    notices = {
        "sent": {"confirmation": 5, "change": 1},
        "ambiguous_attempts": 0,
        **dict.fromkeys((*nobody, *waiting), 0),
    }
    own: dict[str, dict[str, Any]] = {
        "enrolment": {
            "requests": requests,
            "held_over_http": 0,
            "places": dict.fromkeys(
                (
                    "oversold_sessions",
                    "sessions_over_capacity",
                    "two_places_at_once",
                    "unsettled_sessions",
                    "waiting_ahead",
                ),
                0,
            ),
        },
        "attendance": {
            "attendance": presence,
            "open": dict.fromkeys(
                ("contradictions", "undecided_imports", "lists_left_open", "certificates_in_doubt"), 0
            ),
        },
        "notifications": {"notices": notices},
    }
    return {name: {"service": name, **copy.deepcopy(common), **own.get(name, {})} for name in SERVICES}
