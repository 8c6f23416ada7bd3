"""What reports must say: who was there, by town, and how many certificates there are. Counted line by line, as one would by hand.

Part of the oracle, so it shares no code with the services, nor with what writes the files.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from demo.heard import Heard, Line, Session, kind_of
from demo.thanked import is_enough, minutes_of

Figures = dict[str, int]
FIGURES = ("present", "absent", "people", "minutes")


def reported(heard: Heard, filled: dict[str, Session]) -> dict[str, Any]:
    """The figures of all towns, and of each, once the lists of today are closed and put right; and certificates by who has issued them."""
    there: list[tuple[str, str, int | None]] = []
    for fact in heard.facts("attendance.events"):
        data = fact["data"]
        if kind_of(fact) == "ParticipantAttended":
            there.append((data["city_id"], data["person_id"], data["minutes"]))
        elif kind_of(fact) == "ParticipantAbsent":
            there.append((data["city_id"], data["person_id"], None))
    today, earned = _today(heard, filled)
    there += today
    by_town: dict[str, list[tuple[str, int | None]]] = defaultdict(list)
    for city_id, person_id, minutes in there:
        by_town[city_id].append((person_id, minutes))
    archived = [fact for fact in heard.facts("attendance.events") if kind_of(fact) == "CertificateIssued"]
    return {
        "total": _figures([(person_id, minutes) for _, person_id, minutes in there]),
        "by_town": {city_id: _figures(lines) for city_id, lines in sorted(by_town.items())},
        "certificates": {"archived": len(archived), "issued": earned},
    }


def _figures(lines: list[tuple[str, int | None]]) -> Figures:
    """`lines`: a person and their minutes at a meeting; None: they did not come."""
    return {
        "present": sum(minutes is not None for _, minutes in lines),
        "absent": sum(minutes is None for _, minutes in lines),
        "people": len({person_id for person_id, minutes in lines if minutes is not None}),
        "minutes": sum(minutes or 0 for _, minutes in lines),
    }


def _today(heard: Heard, filled: dict[str, Session]) -> tuple[list[tuple[str, str, int | None]], int]:
    """Whoever has a place in a training that is scanned today, with their minutes; and how many have earned a certificate."""
    first: dict[str, dict[str, Line]] = defaultdict(dict)
    for line in heard.requests("CheckInScanned"):
        first[line["data"]["session_id"]].setdefault(line["data"]["person_id"], line["data"])
    found: list[tuple[str, str, int | None]] = []
    earned = 0
    for session_id, scans in first.items():
        session = filled[session_id]
        for person_id in session.candidates:
            scan = scans.get(person_id)
            was_there = scan is not None or (session_id, person_id) in heard.corrected
            minutes = minutes_of(session, scan) if was_there else None
            found.append((session.body["city_id"], person_id, minutes))
            earned += minutes is not None and is_enough(session, minutes)
    return found, earned
