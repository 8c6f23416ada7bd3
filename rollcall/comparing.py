"""What the services hold against what the oracle counted from the files alone: number by number."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import httpx

from demo.mine import SESSION_ID as MINE_SESSION
from demo.mine import TOWN_ID as MINE_TOWN
from rollcall.comparing_called import Compared, Decided, compare_called, named
from rollcall.connection import Connection
from rollcall.looking import Standing
from rollcall.reading import until_end
from shared.contracts.notifications import NoticeSent
from shared.events.decoding import decode
from shared.events.envelope import Heard

PAGE = 1000
ABOUT_A_PLACE = ("place", "offer", "waiting")
"""Subjects of mails of which the last one says how a person sees their place."""
BELIEFS = {
    "confirmation": "place",
    "change": "place",
    "waiting": "waiting",
    "waiting_change": "waiting",
    "offer": "offer",
    "offer_change": "offer",
}
"""What the last of those mails leaves a person to believe in, by its kind; whoever had another kind believes in nothing."""
COUNTED = {
    "refused": "people told of a refusal",
    "at_risk": "trainings of which the office knows that too few confirmed",
    "call": "coordinators called to nominate",
    "nomination_answered": "coordinators told what became of those they named",
    "certificate": "people told of their certificate",
    "missed": "people told that they were missed",
}
"""Kinds of mail of which it is determined who is told and of what: counted by recipient and subject. The oracle's `told` names them so."""


@dataclass(frozen=True, slots=True)
class Told:
    """Who was told what, as it stands in `notifications.events`."""

    by_kind: dict[str, int]
    standing: dict[str, set[str]]
    """By session, the people whose last word from us is that they have a place."""
    waiting: dict[str, set[str]]
    """By session, those whose last word from us is that they are on its waiting list."""
    offered: dict[str, set[str]]
    """By session, those whose last word from us is that a place is held for them."""
    told_of: dict[str, int]
    """By kind of mail, to how many it told of how many things, each once."""


async def told(found: Connection) -> Told:
    """Reads every notice that was sent. The last mail about a place, an offer or the waiting list says how a person sees it."""
    kinds: Counter[str] = Counter()
    of_kind: dict[str, set[tuple[str, str]]] = defaultdict(set)
    last: dict[tuple[str, str], str] = {}
    async for record in until_end(found.kafka, ("notifications.events",)):
        heard = decode(record)  # one person's notices are in one partition, in order
        if isinstance(heard, Heard) and isinstance(heard.body, NoticeSent):
            kinds[heard.body.kind] += 1
            of_kind[heard.body.kind].add((heard.body.recipient, heard.body.about))
            subject, session_id, *_ = heard.body.about.split("/")
            if subject in ABOUT_A_PLACE:
                last[session_id, heard.body.recipient] = heard.body.kind
    by_belief: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for (session_id, person_id), kind in last.items():
        if kind in BELIEFS:
            by_belief[BELIEFS[kind]][session_id].add(person_id)
    return Told(
        by_kind=dict(sorted(kinds.items())),
        standing=dict(by_belief["place"]),
        waiting=dict(by_belief["waiting"]),
        offered=dict(by_belief["offer"]),
        told_of={kind: len(about) for kind, about in of_kind.items()},
    )


async def compare(
    expected: dict[str, Any],
    standing: Standing,
    notices: Told,
    decided: Decided,
    found: Connection,
    client: httpx.AsyncClient,
) -> list[Compared]:
    """Every number of the oracle beside the one that the services show."""
    sessions = {one["session_id"]: one for one in await _sessions(found, client)}
    towns = await _get(found, client, "enrolment", "/api/v1/towns")
    enrolment = standing.services["enrolment"].books or {}
    newcomers = sum(one["members"] for one in towns if one["city_id"] == MINE_TOWN)
    lines = [
        Compared("towns known", expected["towns"]["known"], sum(one["city_id"] != MINE_TOWN for one in towns)),
        *(
            Compared(f"towns qualified in stage {stage}", count, _qualified(towns, int(stage)))
            for stage, count in expected["towns"]["qualified"].items()
        ),
        Compared("people", expected["people"], enrolment.get("people", 0) - newcomers),
        Compared("sessions", expected["sessions"]["total"], len(sessions)),
        Compared(
            "sessions cancelled", _cancelled(expected), sum(one["state"] == "cancelled" for one in sessions.values())
        ),
        *(
            Compared(f"requests {name}", count, enrolment.get("requests", {}).get(name))
            for name, count in expected["requests"].items()
        ),
    ]
    lines += _places(expected, sessions)
    lines += compare_called(expected["called"], decided)
    lines += _attendance(expected, standing.services["attendance"].books or {})
    lines += _told(expected, notices)
    lines += await _reported(expected["reported"], found, client)
    return lines


def _qualified(towns: list[dict[str, Any]], stage: int) -> int:
    qualified = [
        one for one in towns if any(each["stage"] == stage and each["outcome"] == "qualified" for each in one["stages"])
    ]
    return sum(one["city_id"] != MINE_TOWN for one in qualified)


def _cancelled(expected: dict[str, Any]) -> int:
    return sum(
        count for name, count in expected["sessions"]["by_kind_and_state"].items() if name.endswith("/cancelled")
    )


def _places(expected: dict[str, Any], sessions: dict[str, dict[str, Any]]) -> list[Compared]:
    places = expected["places"]
    ahead = [sessions[name] for name in places["by_session"] if name in sessions]
    past = [one for name, one in sessions.items() if name not in places["by_session"] and one["state"] != "cancelled"]
    differing = [
        name
        for name, its in places["by_session"].items()
        if name not in sessions
        or any(sessions[name][key] != its[key] for key in ("capacity", "enrolled", "offered", "waitlisted"))
    ]
    return [
        Compared("places enrolled", places["enrolled"], sum(one["enrolled"] for one in ahead)),
        Compared("places held on offer", places["offered"], sum(one["offered"] for one in ahead)),
        Compared("places waitlisted", places["waitlisted"], sum(one["waitlisted"] for one in ahead)),
        Compared(
            "places in past sessions", expected["attendance"]["history"]["places"], sum(one["enrolled"] for one in past)
        ),
        Compared(f"sessions filled otherwise{named(differing)}", 0, len(differing)),
    ]


def _attendance(expected: dict[str, Any], books: dict[str, Any] | Any) -> list[Compared]:
    found = books.get("attendance", {})
    names = {
        "lists_closed": ("lists closed", "lists_closed"),
        "lists_not_recorded": ("lists nobody recorded", "lists_not_recorded"),
        "present": ("present", "present"),
        "absent": ("absent", "absent"),
        "not_recorded": ("not recorded", "not_recorded"),
        "places_times_meetings": ("places × meetings of closed lists", "enrolled_on_closed_lists"),
    }
    return [Compared(words, expected["attendance"][name], found.get(its)) for name, (words, its) in names.items()]


async def _reported(expected: dict[str, Any], found: Connection, client: httpx.AsyncClient) -> list[Compared]:
    """The report by town, and who has issued certificates."""
    report: Any = await _get(found, client, "attendance", "/api/v1/reports/by/town")
    towns = {one["key"]: one for one in report["rows"] if one["key"] != MINE_TOWN}
    figures = tuple(expected["total"])
    nothing = dict.fromkeys(figures, 0)
    differing = [
        name or "no town"
        for name in {*expected["by_town"], *towns}
        if any(expected["by_town"].get(name, nothing)[one] != towns.get(name, nothing)[one] for one in figures)
    ]
    certificates = await _pages(found, client, "attendance", f"/api/v1/certificates?limit={PAGE}&after=", "number")
    archived = sum(one["number"].startswith("ARCH-") for one in certificates)
    return [
        *(Compared(f"report: {name}", expected["total"][name], report["total"][name]) for name in figures),
        Compared(f"report: towns counted otherwise{named(differing)}", 0, len(differing)),
        Compared("certificates of the archive", expected["certificates"]["archived"], archived),
        Compared("certificates issued", expected["certificates"]["issued"], len(certificates) - archived),
    ]


def _told(expected: dict[str, Any], notices: Told) -> list[Compared]:
    """A confirmation for everyone with a place, for nobody else, and none about what was over before the start."""
    numbers = expected["told"]["confirmed_by_session"] | expected["told"]["begun_by_session"]
    wrong = [name for name, count in numbers.items() if len(notices.standing.get(name, ())) != count]
    strangers = [
        name for name, people in expected["told"]["people"].items() if notices.standing.get(name, set()) != set(people)
    ]
    waiting = expected["told"]["waiting_by_session"]
    unlisted = [
        name for name in {*waiting, *notices.waiting} if len(notices.waiting.get(name, ())) != waiting.get(name, 0)
    ]
    held = expected["told"]["offered_by_session"]
    misheld = [
        name for name in {*held, *notices.offered} if notices.offered.get(name, set()) != set(held.get(name, ()))
    ]
    others = [
        name for name, people in notices.standing.items() if people and name not in numbers and name != MINE_SESSION
    ]
    return [
        Compared(
            "people told of a place ahead",
            expected["told"]["confirmed"],
            _sum(notices, expected["told"]["confirmed_by_session"]),
        ),
        Compared(
            "people told of today's training",
            sum(expected["told"]["begun_by_session"].values()),
            _sum(notices, expected["told"]["begun_by_session"]),
        ),
        Compared(
            "people told that they wait",
            expected["told"]["waiting"],
            sum(len(notices.waiting.get(name, ())) for name in waiting),
        ),
        Compared(
            "people told of a place held for them",
            expected["told"]["offered"],
            sum(len(people) for people in notices.offered.values()),
        ),
        *(Compared(words, expected["told"][kind], notices.told_of.get(kind, 0)) for kind, words in COUNTED.items()),
        Compared(f"offers told to the wrong people{named(misheld)}", 0, len(misheld)),
        Compared(f"waiting lists told to too few or too many{named(unlisted)}", 0, len(unlisted)),
        Compared(f"sessions told to too few or too many{named(wrong)}", 0, len(wrong)),
        Compared(f"sessions told to the wrong people{named(strangers)}", 0, len(strangers)),
        Compared(f"sessions that nobody should believe in{named(others)}", 0, len(others)),
    ]


def _sum(notices: Told, sessions: dict[str, int]) -> int:
    return sum(len(notices.standing.get(name, ())) for name in sessions)


async def _sessions(found: Connection, client: httpx.AsyncClient) -> list[dict[str, Any]]:
    """All sessions but the newcomer's own."""
    sessions = await _pages(found, client, "enrolment", f"/api/v1/sessions?limit={PAGE}&after=", "session_id")
    return [one for one in sessions if one["session_id"] != MINE_SESSION]


async def _pages(
    found: Connection, client: httpx.AsyncClient, service: str, path: str, key: str
) -> list[dict[str, Any]]:
    """Page by page, each after the last one's key."""
    rows: list[dict[str, Any]] = []
    while True:
        page = await _get(found, client, service, f"{path}{rows[-1][key] if rows else ''}")
        rows += page
        if len(page) < PAGE:
            return rows


async def _get(found: Connection, client: httpx.AsyncClient, service: str, path: str) -> list[dict[str, Any]]:
    url = f"{found.urls[service]}{path}"
    try:
        answer = await client.get(url, headers=found.headers)
    except httpx.RemoteProtocolError:
        # A kept connection that had been closed meanwhile; a new one is made for the next.
        answer = await client.get(url, headers=found.headers)
    rows: list[dict[str, Any]] = answer.raise_for_status().json()
    return rows
