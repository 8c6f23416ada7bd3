"""What the files of a demo's folder say in the end: the newest fact about everything. Reads JSON, decides nothing.

Part of the oracle, so it shares no code with the services, nor with what writes the files.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

Line = dict[str, Any]

STREAM_OF = {
    "StageOpened": "programme.rules",
    "TopicDefined": "programme.rules",
    "CityQualified": "programme.cities",
    "CityNotSelected": "programme.cities",
    "CityWithdrawn": "programme.cities",
    "PersonRegistered": "programme.people",
    "ContactRegistered": "programme.contacts",
    "TeamMemberJoined": "programme.teams",
    "TeamMemberLeft": "programme.teams",
    "TrainingNeedDeclared": "programme.needs",
    "SessionDrafted": "programme.sessions",
    "SessionScheduled": "programme.sessions",
    "SessionRescheduled": "programme.sessions",
    "SessionCancelled": "programme.sessions",
    "EnrolmentRequested": "enrolment.requests",
    "WithdrawalRequested": "enrolment.requests",
    "PeopleNominated": "enrolment.requests",
    "SubstitutionRequested": "enrolment.requests",
    "OfferAnswered": "enrolment.requests",
    "ReplyGiven": "enrolment.requests",
    "ParticipantEnrolled": "enrolment.events",
    "ParticipantWaitlisted": "enrolment.events",
    "PlaceOffered": "enrolment.events",
    "CheckInScanned": "attendance.scans",
    "ParticipantAttended": "attendance.events",
    "ParticipantAbsent": "attendance.events",
    "AttendanceListClosed": "attendance.events",
    "CertificateIssued": "attendance.events",
}
ASKED = tuple(kind for kind, stream in STREAM_OF.items() if stream == "enrolment.requests")
REQUESTS = (*ASKED, "CheckInScanned")


class Unpredictable(ValueError):
    """The input holds a case whose outcome depends on the order in which streams are heard."""


@dataclass(slots=True)
class Member:
    """One membership as it finally stands."""

    city_id: str
    from_date: str
    until_date: str | None
    kind: str

    def during(self, first: str, last: str) -> bool:
        return self.from_date <= last and (self.until_date is None or self.until_date >= first)


@dataclass(slots=True)
class Session:
    """One session as it finally stands, with the people who want a place in it and still may have one."""

    body: Line
    cancelled: bool
    only_ever_cancelled: bool
    begins: dt.datetime
    ends: dt.datetime
    candidates: set[str] = field(default_factory=set)
    standing: dict[str, str] | None = None
    """Of one with terms of its own: how everybody's place stands, which follows from the order of what was asked."""

    @property
    def has_terms(self) -> bool:
        """Whether it says itself who gets its places."""
        return "nominations_until" in self.body

    def people(self, standing: str) -> set[str]:
        """Who stands so, of one with terms of its own."""
        return {person_id for person_id, stands in (self.standing or {}).items() if stands == standing}

    @property
    def first_day(self) -> str:
        return min(str(meeting["starts_local"]) for meeting in self.body["meetings"])[:10]

    @property
    def last_day(self) -> str:
        return max(str(meeting["ends_local"]) for meeting in self.body["meetings"])[:10]

    @property
    def enrolled(self) -> int:
        if self.standing is not None:
            return len(self.people("enrolled"))
        return min(int(self.body["capacity"]), len(self.candidates))

    @property
    def offered(self) -> int:
        return len(self.people("offered"))

    @property
    def waitlisted(self) -> int:
        if self.standing is not None:
            return len(self.people("waitlisted"))
        return len(self.candidates) - self.enrolled


class Heard:
    """All lines of the folder, each said once, and the newest fact about every aggregate."""

    def __init__(self, folder: Path) -> None:
        manifest = json.loads((folder / "programme.json").read_text(encoding="utf-8"))
        self.now = dt.datetime.fromisoformat(manifest["now"])
        story = manifest["story"]
        self.extra_places = {(story["called_session_id"], story["extra_person_id"])}
        """What the office gives beside the rules: it says so itself, and not in a file."""
        self.corrected = {(story["session_id"], story["absent_person_id"])}
        """Who was there, as the office finds out once the list has closed: it says so itself, too."""
        lines = [
            json.loads(text)
            for path in sorted(folder.glob("0*.jsonl"))
            for text in path.read_text(encoding="utf-8").splitlines()
        ]
        self.published = Counter(STREAM_OF[kind_of(line)] for line in lines)
        first: dict[tuple[str, str], Line] = {}
        for line in lines:  # Said again is not said later: the first time counts.
            first.setdefault((line["source"], line["id"]), line)
        self.said = list(first.values())
        newest: dict[tuple[str, str], Line] = {}
        self.kinds_of: dict[tuple[str, str], set[str]] = defaultdict(set)
        for line in self.said:
            aggregate = (STREAM_OF[kind_of(line)], line["subject"])
            self.kinds_of[aggregate].add(kind_of(line))
            if kind_of(line) not in REQUESTS:
                newest[aggregate] = max(newest.get(aggregate, line), line, key=lambda one: int(one["aggregateversion"]))
        self.newest = newest

    def facts(self, stream: str) -> list[Line]:
        return [line for (said_on, _), line in self.newest.items() if said_on == stream]

    def requests(self, *kinds: str) -> list[Line]:
        return [line for line in self.said if kind_of(line) in kinds]

    @cached_property
    def outcomes(self) -> dict[tuple[str, int], str]:
        """The outcome of every town and stage."""
        return {
            (fact["data"]["city_id"], fact["data"]["stage"]): {
                "CityQualified": "qualified",
                "CityWithdrawn": "withdrawn",
                "CityNotSelected": fact["data"].get("outcome"),
            }[kind_of(fact)]
            for fact in self.facts("programme.cities")
        }

    @cached_property
    def qualified(self) -> dict[int, set[str]]:
        """The towns that take part in each phase."""
        rules = [fact["data"] for fact in self.facts("programme.rules") if kind_of(fact) == "StageOpened"]
        return {
            rule["phase"]: {
                city_id
                for (city_id, stage), outcome in self.outcomes.items()
                if (stage, outcome) == (rule["stage"], "qualified")
            }
            for rule in rules
        }

    @cached_property
    def members(self) -> dict[str, list[Member]]:
        """All memberships of every person who ever had one."""
        members: dict[str, list[Member]] = defaultdict(list)
        for fact in self.facts("programme.teams"):
            body = fact["data"]
            members[body["person_id"]].append(
                Member(body["city_id"], body["from_date"], body.get("until_date"), body["kind"])
            )
        return dict(members)

    @cached_property
    def coordinators(self) -> Counter[str]:
        """How many coordinators each town has who can be written to."""
        return Counter(
            member.city_id
            for person_id, members in self.members.items()
            for member in members
            if member.kind == "coordinator" and member.until_date is None and person_id in self.reachable
        )

    @cached_property
    def sessions(self) -> dict[str, Session]:
        """All sessions, nobody in them yet."""
        return {
            fact["data"]["session_id"]: Session(
                body=fact["data"],
                cancelled=kind_of(fact) == "SessionCancelled",
                only_ever_cancelled=self.kinds_of["programme.sessions", fact["subject"]] == {"SessionCancelled"},
                begins=min(instant(meeting["starts_local"], meeting["zone"]) for meeting in fact["data"]["meetings"]),
                ends=max(instant(meeting["ends_local"], meeting["zone"]) for meeting in fact["data"]["meetings"]),
            )
            for fact in self.facts("programme.sessions")
        }

    @cached_property
    def reachable(self) -> set[str]:
        """The people with an address."""
        return {fact["data"]["person_id"] for fact in self.facts("programme.contacts")}


def kind_of(line: Line) -> str:
    """The type without its prefix and version."""
    return str(line["type"]).split(".")[1]


def instant(wall: str, zone: str) -> dt.datetime:
    return dt.datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(zone)).astimezone(dt.UTC)
