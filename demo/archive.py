"""What the archive says: who had a place, and who came, in the trainings that are over; how places stood in those that it hands over."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter

from demo import days
from demo.coordinators import HandedOver
from demo.directory import Person
from demo.feed import ARCHIVE, Feed
from demo.planner import Course, Training
from demo.shape import Shape
from shared.contracts.attendance import AttendanceListClosed, ParticipantAbsent, ParticipantAttended
from shared.contracts.certificates import CertificateIssued
from shared.contracts.enrolment import Basis, ParticipantEnrolled, ParticipantWaitlisted, PlaceOffered, PlaceState
from shared.contracts.planner import Meeting, SessionKind

PRESENT_SHARE = 0.92
CERTIFIED_SHARE = 0.8
"""Of the days, for a certificate."""
LIST_CLOSES_AFTER = dt.timedelta(hours=6)


def say_history(
    feed: Feed, shape: Shape, trainings: list[Training], teams: dict[str, list[Person]], rng: random.Random
) -> None:
    """States places, attendance and closed lists of every past training; now and then nobody had scanned."""
    past = [training for training in trainings if training.phase == 1 and training.course is not Course.TODAY]
    issued: Counter[int] = Counter()
    for number, training in enumerate(past, start=1):
        people = training.team(teams)
        if training.kind is SessionKind.IN_DEPTH:
            most = min(training.capacity, len(people))
            people = sorted(rng.sample(people, rng.randint(most * 2 // 3, most)), key=lambda person: person.person_id)
        enrolled_at = days.morning(training.first_day - dt.timedelta(days=25))
        for place, person in enumerate(people):
            at = enrolled_at + dt.timedelta(milliseconds=place)
            feed.say(ParticipantEnrolled.model_validate(_place(training, person, at)), ARCHIVE, at)
        recorded = number % shape.unrecorded_every != 0
        came = [_say_list(feed, training, one, people, recorded=recorded, rng=rng) for one in training.meetings]
        _say_certificates(feed, training, people, came, issued)


def say_handed_over(feed: Feed, handed_over: list[HandedOver], now: dt.datetime) -> None:
    """States how places stood when the archive closed: who has one, to whom one was on offer until it closed, who waits."""
    kinds: dict[type[PlaceState], str] = {
        ParticipantEnrolled: "enrolled",
        PlaceOffered: "passed",
        ParticipantWaitlisted: "waiting",
    }
    closed_at = now - dt.timedelta(hours=6)
    for one in handed_over:
        number = 0
        for kind, name in kinds.items():
            for person in getattr(one, name):
                number += 1
                came_at = closed_at - dt.timedelta(days=4) + dt.timedelta(minutes=number)
                fields = _place(one.training, person, came_at) | {"queue": number, "queued_at": came_at}
                if kind is PlaceOffered:
                    offer = {"offered_at": closed_at - dt.timedelta(days=3), "offered_until": closed_at}
                    fields |= offer | {"decided_at": offer["offered_at"]}
                feed.say(kind.model_validate(fields), ARCHIVE, closed_at)


def _place(training: Training, person: Person, at: dt.datetime) -> dict[str, object]:
    return {
        "session_id": training.session_id,
        "person_id": person.person_id,
        "city_id": person.city_id,
        "episode": 1,
        "basis": Basis.TEAM if training.kind is SessionKind.SUPPLEMENTARY else Basis.REQUEST,
        "decided_at": at,
    }


def _say_certificates(
    feed: Feed, training: Training, people: list[Person], came: list[set[str]], issued: Counter[int]
) -> None:
    """A certificate for whoever was there on enough of the days, in a series of the archive's. `issued`: how many there are, by year."""
    issued_at = max(one.ends_at for one in training.meetings) + LIST_CLOSES_AFTER
    year = issued_at.year
    for person in people:
        there = [meeting for meeting, who in zip(training.meetings, came, strict=True) if person.person_id in who]
        if len(there) < CERTIFIED_SHARE * len(training.meetings):
            continue
        issued[year] += 1
        certificate = CertificateIssued(
            number=f"ARCH-{year}-{issued[year]:05}",
            series=f"ARCH-{year}",
            serial=issued[year],
            session_id=training.session_id,
            person_id=person.person_id,
            city_id=person.city_id,
            topic=training.topic,
            days=tuple(one.starts_local.date() for one in there),
            minutes=sum(map(_minutes, there)),
            issued_on=issued_at.date(),
            decided_at=issued_at,
        )
        feed.say(certificate, ARCHIVE, issued_at)


def _minutes(meeting: Meeting) -> int:
    return (meeting.ends_at - meeting.starts_at) // dt.timedelta(minutes=1)


def _say_list(
    feed: Feed, training: Training, meeting: Meeting, people: list[Person], *, recorded: bool, rng: random.Random
) -> set[str]:
    """Says who came, who did not, and that the list is closed. Returns who came."""
    closed_at = meeting.ends_at + LIST_CLOSES_AFTER
    coming = [person for person in people if rng.random() < PRESENT_SHARE] if recorded else []
    arrivals = [(meeting.starts_at + dt.timedelta(seconds=rng.randint(-1200, 900)), person) for person in coming]
    present = sorted(arrivals, key=lambda arrival: (arrival[0], arrival[1].person_id))
    came = {person.person_id for _, person in present}
    absent = [person for person in people if person.person_id not in came] if recorded else []
    for scanned_at, person in present:
        decided_at = scanned_at + dt.timedelta(milliseconds=400)
        record = _record(training, meeting, person, decided_at) | {"scanned_at": scanned_at, "device_id": "door-1"}
        record |= {"minutes": _minutes(meeting)}
        feed.say(ParticipantAttended.model_validate(record), ARCHIVE, decided_at)
    for person in absent:
        feed.say(ParticipantAbsent.model_validate(_record(training, meeting, person, closed_at)), ARCHIVE, closed_at)
    closed = AttendanceListClosed(
        session_id=training.session_id,
        meeting_id=meeting.meeting_id,
        recorded=recorded,
        present=len(present),
        absent=len(absent),
        not_recorded=0 if recorded else len(people),
        decided_at=closed_at,
    )
    feed.say(closed, ARCHIVE, closed_at)
    return came


def _record(training: Training, meeting: Meeting, person: Person, decided_at: dt.datetime) -> dict[str, object]:
    return {
        "session_id": training.session_id,
        "meeting_id": meeting.meeting_id,
        "person_id": person.person_id,
        "city_id": person.city_id,
        "decided_at": decided_at,
    }
