"""Small whole programmes as outside systems would publish them.

Ids and versions come from small pools on purpose, so that facts meet: duplicates, stale ones, ties, strangers and takeovers.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from shared.contracts.answers import CalendarAnswered
from shared.contracts.attendance import (
    AttendanceCorrected,
    AttendanceListClosed,
    AttendanceListReopened,
    ParticipantAbsent,
    ParticipantAttended,
    ParticipantExcused,
    ParticipantNotAwaited,
    Presence,
)
from shared.contracts.checkin import CheckInScanned
from shared.contracts.directory import (
    ContactForgotten,
    ContactRegistered,
    MemberKind,
    PersonErased,
    PersonMerged,
    PersonRegistered,
    TeamMemberJoined,
    TeamMemberLeft,
)
from shared.contracts.enrolment import (
    EnrolmentWithdrawn,
    ParticipantEnrolled,
    ParticipantWaitlisted,
    PlacesSettled,
    WithdrawalReason,
)
from shared.contracts.marks import Mark, MarkRequested, RecordCorrectionRequested, ReopeningRequested
from shared.contracts.model import Event
from shared.contracts.notices import NoticeRequested
from shared.contracts.notifications import LinkKeyStated, NoticeFailed, NoticeSent
from shared.contracts.office import CorrectionRequested, ExtraPlaceRequested
from shared.contracts.outside import OutsideTaskDone
from shared.contracts.planner import (
    Meeting,
    OutsideTask,
    SessionCancelled,
    SessionRescheduled,
    SessionScheduled,
    times_of,
)
from shared.contracts.portal import EnrolmentRequested, Reply, WithdrawalRequested
from shared.contracts.rules import SourceTakenOver, StageOpened, TopicDefined
from shared.contracts.selection import CityNotSelected, CityQualified, CityWithdrawn
from shared.contracts.survey import TrainingNeedDeclared
from shared.events.envelope import subject_of
from shared.service import Service
from shared.testing import NOON, body_of
from tests.simulation.interleavings import Programme, Said

FIRST_DAY = dt.date(2026, 1, 1)
TRAINING_DAY = (NOON + dt.timedelta(days=30)).date()
AFTERWARDS = NOON + dt.timedelta(days=60)
"""When every training is over and every list closed."""


# --- what is said --------------------------------------------------------------------------

versions: SearchStrategy[int | None] = st.sampled_from([1, 2, 3, 4, 5, 6, None])
cities, people = st.sampled_from(["c1", "c2"]), st.sampled_from(["p1", "p2", "p3"])
sessions, stages = st.sampled_from(["s1", "s1", "s2"]), st.sampled_from([1, 2])
names = st.sampled_from(["A", "B"])


def meetings(days: Sequence[int]) -> list[dict[str, Any]]:
    dates = {f"day-{day}": TRAINING_DAY + dt.timedelta(days=day) for day in days}
    return [
        {"meeting_id": name, "starts_local": f"{date}T09:00:00", "ends_local": f"{date}T15:00:00"}
        for name, date in dates.items()
    ]


def body(model: type[Event], **fields: SearchStrategy[Any]) -> SearchStrategy[Event]:
    return st.fixed_dictionaries(fields).map(lambda drawn: body_of(model, **drawn))


merges = st.permutations(["p1", "p2", "p3"]).map(lambda two: PersonMerged(person_id=two[0], into_person_id=two[1]))
days = st.lists(st.integers(1, 3), min_size=1, max_size=2, unique=True).map(meetings)
session_fields = {
    "session_id": sessions,
    "city_id": cities,
    "phase": st.just(1),
    "kind": st.sampled_from(["supplementary", "supplementary", "in_depth"]),
    "capacity": st.integers(1, 3),
    "meetings": days,
}
membership_fields = {
    "person_id": people,
    "city_id": cities,
    "from_date": st.just(FIRST_DAY),
    "kind": st.sampled_from(list(MemberKind)),
}
moments = st.sampled_from(
    [NOON, NOON + dt.timedelta(days=1)] + [NOON + dt.timedelta(days=30 + day, hours=10) for day in (1, 2, 3)]
)
"""Before every training, and after the closing of each day's list."""
places = {
    "session_id": sessions,
    "person_id": people,
    "city_id": cities,
    "episode": st.integers(1, 2),
    "decided_at": moments,
}
nobody_asked = {"request_source": st.none(), "request_id": st.none()}
at_meeting = {"session_id": sessions, "meeting_id": st.sampled_from(["day-1", "day-1", "day-2"]), "person_id": people}
notices = {
    "notice_id": st.sampled_from(["n1", "n2", "n3"]),
    "recipient": st.sampled_from(["p1", "p2"]),
    "about": st.sampled_from(["place/s1", "place/s1", "waiting/s1", "reminder/s1/day-before"]),
    "sequence": st.integers(0, 2),
    "content": st.sampled_from(["x", "y", None]),
    "address_digest": st.sampled_from(["k.a", "k.b", None]),
}

Spoken = tuple[Event, str]
"""What is said, and by whom."""


def by(sources: Sequence[str], *bodies: SearchStrategy[Event]) -> SearchStrategy[Spoken]:
    return st.tuples(st.one_of(*bodies), st.sampled_from(sources))


WRITERS = ("urn:one", "urn:one", "urn:one", "urn:two", "urn:three")
PORTAL = ("urn:portal",)
archived = {"session_id": st.just("old")}
SPOKEN: dict[str, SearchStrategy[Spoken]] = {
    "programme.rules": by(
        WRITERS,
        body(StageOpened, rule_id=st.sampled_from(["stage:1", "stage:2"]), stage=stages, phase=st.sampled_from([1, 2])),
        body(StageOpened, rule_id=st.sampled_from(["stage:1", "stage:2"]), stage=stages, phase=st.sampled_from([1, 2])),
        body(TopicDefined, name_pl=names),
    ),
    "programme.people": by(
        WRITERS,
        body(PersonRegistered, person_id=people, given_name=names),
        body(PersonRegistered, person_id=people, given_name=names),
        body(PersonErased, person_id=people),
        merges,
    ),
    "programme.contacts": by(
        WRITERS,
        body(ContactRegistered, person_id=people, email=st.sampled_from(["a@example.org", "b@example.org"])),
        body(ContactForgotten, person_id=people),
    ),
    "programme.cities": by(
        WRITERS,
        body(CityQualified, city_id=cities, stage=stages),
        body(CityQualified, city_id=cities, stage=stages),
        body(CityNotSelected, city_id=cities, stage=stages),
        body(CityWithdrawn, city_id=cities, stage=stages),
    ),
    "programme.teams": by(
        WRITERS,
        body(TeamMemberJoined, **membership_fields),
        body(TeamMemberJoined, **membership_fields),
        body(TeamMemberLeft, **membership_fields, until_date=st.sampled_from([FIRST_DAY, TRAINING_DAY])),
    ),
    "programme.needs": by(
        WRITERS,
        body(
            TrainingNeedDeclared,
            city_id=cities,
            need_id=st.sampled_from(["need-1", "need-2"]),
            people=st.integers(1, 3),
        ),
    ),
    "programme.sessions": by(
        WRITERS,
        body(SessionScheduled, **session_fields),
        body(SessionRescheduled, **session_fields),
        body(SessionCancelled, **session_fields),
    ),
    "enrolment.requests": by(
        PORTAL,
        body(EnrolmentRequested, session_id=sessions, person_id=people),
        body(EnrolmentRequested, session_id=sessions, person_id=people),
        body(WithdrawalRequested, session_id=sessions, person_id=people),
    ),
    "enrolment.office": by(  # None of them is the office's console: it is set aside, and changes nothing.
        PORTAL,
        body(ExtraPlaceRequested, session_id=sessions, person_id=people),
        body(CorrectionRequested, session_id=sessions, capacity=st.integers(1, 3)),
    ),
    "enrolment.events": by(
        ("rollcall/enrolment", "rollcall/enrolment", "urn:one", "urn:two"),
        body(ParticipantEnrolled, **places, **nobody_asked),
        body(ParticipantWaitlisted, **places, **nobody_asked),
        body(EnrolmentWithdrawn, **places, **nobody_asked, reason=st.sampled_from(list(WithdrawalReason))),
        body(PlacesSettled, session_id=sessions, session_event_id=st.sampled_from(["e9", "e10", "e11"])),
    ),
    "attendance.scans": by(PORTAL, body(CheckInScanned, **at_meeting)),
    "attendance.office": by(  # None of them is the office's console.
        PORTAL,
        body(MarkRequested, **at_meeting, state=st.sampled_from(list(Mark))),
        body(RecordCorrectionRequested, **at_meeting, state=st.sampled_from(list(Mark))),
        body(ReopeningRequested, session_id=sessions, meeting_id=st.sampled_from(["day-1", "day-2"])),
    ),
    "attendance.events": by(
        ("urn:one", "urn:two"),
        body(ParticipantAttended, **at_meeting | archived, **nobody_asked),
        body(ParticipantAbsent, **at_meeting | archived),
        body(ParticipantExcused, **at_meeting | archived, **nobody_asked),
        body(AttendanceCorrected, **at_meeting | archived, **nobody_asked, state=st.sampled_from(list(Presence))),
        body(ParticipantNotAwaited, **at_meeting | archived),
        body(AttendanceListClosed, session_id=sessions, meeting_id=st.sampled_from(["day-1", "day-2"])),
        body(AttendanceListReopened, session_id=sessions, meeting_id=st.sampled_from(["day-1", "day-2"])),
    ),
    "notifications.events": by(
        ("rollcall/notifications", "rollcall/notifications", "urn:one"),
        body(NoticeSent, **notices),
        body(NoticeFailed, **notices, code=st.sampled_from(["smtp_550", "outcome_unknown", "overtaken", "not_sent"])),
    ),
}
SPOKEN["notifications.answers"] = by(
    ("rollcall/notifications",),
    body(
        CalendarAnswered,
        session_id=sessions,
        person_id=people,
        reply=st.sampled_from(list(Reply)),
        about_times=days.map(lambda some: times_of(map(Meeting.model_validate, some))),
    ),
)
SPOKEN["notifications.requests"] = (
    by(  # None of them may ask: it is set aside. Who may is held to what must be true in any order.
        PORTAL, body(NoticeRequested, person_id=people, session_id=sessions)
    )
)
SPOKEN["programme.tasks"] = by(
    ("urn:one", "urn:two"),
    body(OutsideTaskDone, session_id=sessions, task=st.sampled_from(list(OutsideTask)), respondent=people),
)
SPOKEN["notifications.keys"] = by(
    ("rollcall/notifications",), body(LinkKeyStated, key_id=st.sampled_from(["k-1", "k-2"]))
)
HISTORY: dict[str, SearchStrategy[Spoken]] = {
    "enrolment.events": by(
        ("urn:one", "urn:two"),
        body(ParticipantEnrolled, **places | archived, **nobody_asked),
        body(EnrolmentWithdrawn, **places | archived, **nobody_asked, reason=st.sampled_from(list(WithdrawalReason))),
    )
}
"""What enrolment hears on the stream that it writes itself: trainings of an archive, about which it decides nothing."""


def takeovers(streams: Sequence[str]) -> SearchStrategy[Spoken]:
    """There and back again, and the same rule said with another meaning."""
    writers = st.sampled_from(["urn:one", "urn:two", "urn:three"])
    pairs = st.tuples(writers, writers).filter(lambda pair: pair[0] != pair[1])
    return st.tuples(st.sampled_from(streams), pairs, st.sampled_from(["a", "b"])).map(
        lambda drawn: (_takeover(*drawn), "urn:office")
    )


def _takeover(stream: str, pair: tuple[str, str], name: str) -> SourceTakenOver:
    rule_id = f"takeover:{stream}:{name}"
    return SourceTakenOver(rule_id=rule_id, in_stream=stream, from_source=pair[0], to_source=pair[1])


BEGINNING: tuple[Event, ...] = (
    StageOpened(rule_id="stage:1", stage=1, phase=1, opened_on=FIRST_DAY),
    body_of(CityQualified, city_id="c1"),
    *(
        TeamMemberJoined(person_id=person, city_id="c1", from_date=FIRST_DAY, kind=MemberKind.PROJECT_STAFF)
        for person in ("p1", "p2", "p3")
    ),
    body_of(SessionScheduled, session_id="s1", city_id="c1", capacity=2, meetings=meetings([1])),
)
"""Every programme begins with a town, its team and a training: so that there is something to decide about."""


@st.composite
def programmes(draw: st.DrawFn, service: Service, about: Sequence[str] = ()) -> Programme:
    """What one service may come to hear: these of its streams, or a few of them at a time, so that their facts meet."""
    spoken = {name: SPOKEN[name] for name in service.heard}
    spoken |= {name: HISTORY[name] for name in service.own if name in HISTORY}
    about = about or draw(st.lists(st.sampled_from(sorted(spoken)), min_size=1, max_size=2, unique=True))
    says = st.one_of(*(spoken[name] for name in about), takeovers(about))
    one = st.tuples(says, versions, st.sampled_from([False] * 9 + [True]))
    drawn = draw(st.lists(one, min_size=8, max_size=30))
    said = [Said(fact, "urn:one", 3, f"begin-{number}") for number, fact in enumerate(BEGINNING)]
    stated: dict[tuple[str, str, str, int | None], list[Event]] = {}
    for number, ((fact, source), version, bare) in enumerate(drawn):
        if source.startswith("rollcall/") or isinstance(fact, SourceTakenOver):
            version = version or 7  # The office and the services number everything.
        elif source in ("urn:two", "urn:three"):
            # Who takes over keeps to one way of numbering: which was the first would depend on when it was let in.
            version = (version or 7) if source == "urn:two" else None
        before = stated.setdefault((fact.stream, subject_of(fact), source, version), [])
        if before and fact not in before and source.startswith("rollcall/"):
            continue  # No service says two things under one version: whoever did would have no log to tell which came later.
        if fact in before[:-1]:
            continue  # Under one version this, then that, then this again: which one is meant nobody can know.
        if fact not in before:
            before.append(fact)
        said.append(
            Said(fact, source, version, f"e{number}", bare and isinstance(fact, PersonErased | ContactForgotten))
        )
    again = draw(st.lists(st.integers(len(BEGINNING), len(said) - 1), max_size=5))
    return Programme([*said, *(said[number] for number in again)])
