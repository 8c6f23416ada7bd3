"""Documents as they are asked for: a list of sixty people to be signed, and a certificate with its code, one after the other in one process."""

from __future__ import annotations

import datetime as dt
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

from bench.measuring import Figures, Measured
from bench.surroundings import Servers
from services.attendance.documents.printing import attendance_list_pdf, certificate_pdf
from services.attendance.documents.sheets import AttendanceListSheet, CertificateSheet, Listed, Programme, Training
from shared.contracts.model import Language
from shared.contracts.planner import Meeting

PEOPLE, COPIES = 60, 50
DAY = dt.date(2026, 10, 24)
PROGRAMME = Programme("Program Szkoleń", "POPT.03.01.00-00-0001/26", "Współfinansowane ze środków Unii Europejskiej")
TRAINING = Training(
    "session-0001", "Adaptacja do zmian klimatu", "Urząd Miejski, sala 12", None, "Augustów", ("Teresa Święch",)
)
LIST = AttendanceListSheet(
    Language.PL,
    PROGRAMME,
    TRAINING,
    (
        Meeting(
            meeting_id="day-1",
            starts_local=dt.datetime.fromisoformat("2026-10-24T09:00:00"),
            ends_local=dt.datetime.fromisoformat("2026-10-24T15:00:00"),
            zone="Europe/Warsaw",
        ),
    ),
    tuple(Listed(f"Żółć-Brzęczyszczykiewicz Grażyna {number}", "Węgorzewo") for number in range(PEOPLE)),
    DAY,
)
CERTIFICATE = CertificateSheet(
    Language.PL,
    PROGRAMME,
    "RC-2026-0001",
    "Grażyna Żółć",
    "Adaptacja do zmian klimatu",
    (DAY,),
    360,
    DAY,
    address="https://rollcall.example.org/attendance/certificates/RC-2026-0001/0123456789abcdef",
)


def _list(number: int) -> bytes:
    """Each of other people: what typst has set once it does not set again."""
    people = tuple(replace(one, name=f"{one.name} {number}") for one in LIST.people)
    return attendance_list_pdf(replace(LIST, people=people))


def _certificate(number: int) -> bytes:
    return certificate_pdf(
        replace(CERTIFICATE, number=f"RC-2026-{number:04}", address=f"{CERTIFICATE.address}{number}")
    )


def _printed(make: Callable[[int], bytes], copies: int) -> Measured:
    make(9999)  # The compiler reads its letters once.
    milliseconds = []
    cpu, begun = time.process_time(), time.perf_counter()
    for number in range(copies):
        each = time.perf_counter()
        assert make(number).startswith(b"%PDF")
        milliseconds.append((time.perf_counter() - each) * 1000)
    seconds, used = time.perf_counter() - begun, time.process_time() - cpu
    return Measured(
        copies,
        seconds,
        used,
        0.0,
        more={
            "p50 ms": statistics.median(milliseconds),
            "longest ms": max(milliseconds),
            "CPU ms each": used / copies * 1000,
        },
    )


def run(servers: Servers, rounds: int, scale: float) -> list[Figures]:
    """Each document `rounds` times over."""
    copies = max(int(COPIES * scale), 1)
    made = {f"list of {PEOPLE}": _list, "certificate": _certificate}
    return [
        Figures(name, "PDF/UA-1 by typst", [_printed(make, copies) for _ in range(rounds)], "p50 < 100 ms")
        for name, make in made.items()
    ]
