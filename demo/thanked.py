"""Who must finally know that they have a certificate, or that they were missed: of the trainings scanned today, whose lists are closed
then. Of whom the office finds out later that they were there, both is told. What is over since long others told.

Part of the oracle, so it shares no code with the services, nor with what writes the files.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

from demo.heard import Heard, Line, Session, Unpredictable, instant

LATE = dt.timedelta(minutes=15)
"""Who is scanned later than this was there from then on; whoever is scanned sooner, from the beginning."""
ASKED = 0.8
"""The share of the minutes for which a certificate is given."""
MINUTE = dt.timedelta(minutes=1)


def told_of_attendance(heard: Heard, filled: dict[str, Session]) -> dict[str, int]:
    """Of how many each kind of mail tells, of those who can be written to."""
    scanned: dict[str, dict[str, list[Line]]] = defaultdict(lambda: defaultdict(list))
    for line in heard.requests("CheckInScanned"):
        scanned[line["data"]["session_id"]][line["data"]["person_id"]].append(line["data"])
    certified = missed = 0
    for session_id, scans in scanned.items():
        session = filled[session_id]
        if len(session.body["meetings"]) != 1:
            raise Unpredictable(f"{session_id} is scanned today, and lasts for several days")
        earned = {person_id for person_id, ones in scans.items() if _is_earned(session, ones)}
        earned |= {person_id for corrected, person_id in heard.corrected if corrected == session_id}
        certified += len(earned & heard.reachable)
        missed += len((session.candidates - scans.keys()) & heard.reachable)
    return {"certificate": certified, "missed": missed}


def _is_earned(session: Session, scans: list[Line]) -> bool:
    """The first time counts."""
    moments = [dt.datetime.fromisoformat(one["scanned_at"]) for one in scans]
    if moments != sorted(moments):
        raise Unpredictable(f"{scans[0]['person_id']} was scanned twice, and what was later is said first")
    return is_enough(session, minutes_of(session, scans[0]))


def minutes_of(session: Session, scan: Line | None) -> int:
    """For how many minutes somebody was there who was scanned then; without a scan, for all of them."""
    (meeting,) = session.body["meetings"]
    begins, ends = (instant(meeting[name], meeting["zone"]) for name in ("starts_local", "ends_local"))
    scanned_at = dt.datetime.fromisoformat(scan["scanned_at"]) if scan is not None else begins
    is_late = begins + LATE < scanned_at < ends
    return (ends - (scanned_at if is_late else begins)) // MINUTE


def is_enough(session: Session, minutes: int) -> bool:
    """Whether a certificate is given for so many."""
    return minutes >= (session.ends - session.begins) / MINUTE * ASKED
