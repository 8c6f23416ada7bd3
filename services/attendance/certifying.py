"""Who has earned a certificate, and what becomes of one when a list is put right. Pure functions from what is known to facts.

It is decided when the list of every meeting of a session is closed, and again whenever something of them changes; said again, it says
nothing. What is not recorded counts for nobody. Given is given: whoever has a certificate keeps it by the threshold of its day.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import defaultdict

from services.attendance.certificates import ISSUED_IN, Certificate, CertificateRules, Series, Topic, issued_on
from services.attendance.lists import closed_list, is_put_right, meeting_once, session_at
from services.attendance.outcomes import is_ours
from services.attendance.state import WALK_IN, MeetingList, Record, Session
from shared.contracts.attendance import Role
from shared.contracts.certificates import (
    CertificateEnds,
    CertificateFact,
    CertificateIssued,
    CertificateState,
    CertificateSuperseded,
)
from shared.state.merged import survivor
from shared.state.ownership import Takeover
from shared.state.working import Working, worked_out_of
from shared.values import immutable


@immutable
class Earned:
    """What the closed lists of a session say of a person."""

    person_id: str
    city_id: str | None
    minutes: int
    days: tuple[dt.date, ...]


def decide_certificates(
    working: Working, session_id: str, rules: CertificateRules, *, at: dt.datetime | None = None
) -> list[CertificateFact]:
    """What has to be said so that everybody who has earned a certificate in the session has the one that says so, and nobody else has
    one of ours. Nothing, while a list is open or a session does not take place. Whoever says it gives each its code.

    `at`: when a list has closed by itself. What is said of the session after that takes nothing, also if it is heard before the closing is
    decided: as if nobody had been late."""
    session = working[Session].get(session_id)
    if session is None or not all_closed(working, session_id) or _is_put_right(working, session):
        return []
    then = session_at(working, session, at) if at is not None else session
    if not (session.state.takes_place or then.state.takes_place):
        return []
    earned = earned_in(working, session)
    held: dict[str, list[Certificate]] = defaultdict(list)
    for certificate in working[Certificate].where("session_id", session_id):
        held[survivor(working, certificate.person_id)].append(certificate)
    its = dataclasses.replace(session, certificate_minutes=then.certificate_minutes)
    desk = _Desk(working, session, rules, min(rules.required(session), rules.required(its)))
    for person_id in sorted(earned.keys() | held.keys()):
        desk.decide(earned.get(person_id) or Earned(person_id, None, 0, ()), held[person_id])
    return desk.facts


def earned_in(working: Working, session: Session) -> dict[str, Earned]:
    """Everybody who was there as a participant, for how long and on which days: by the closed lists, also those of days that were
    dropped after they had taken place. A certificate is somebody's: of a walk-in it has to be said first who that was."""
    closed = {one.meeting_id for one in working[MeetingList].where("session_id", session.session_id) if not one.is_open}
    found: dict[str, list[Record]] = defaultdict(list)
    for record in working[Record].where("session_id", session.session_id):
        if record.person_id.startswith(WALK_IN):
            continue
        if record.meeting_id in closed and record.state.came and record.role == Role.PARTICIPANT:
            found[survivor(working, record.person_id)].append(record)
    return {person_id: _earned(working, session, person_id, records) for person_id, records in found.items()}


def _earned(working: Working, session: Session, person_id: str, records: list[Record]) -> Earned:
    """Of one human: at one meeting they were there once, whatever ids they have had."""
    by_meeting: dict[str, Record] = {}
    for one in sorted(records, key=lambda one: (one.minutes or 0, one.person_id)):
        by_meeting[one.meeting_id] = one
    records = list(by_meeting.values())
    last = max(records, key=lambda one: (one.decided_at, one.meeting_id))
    days = {day for record in records if (day := _day_of(working, session, record)) is not None}
    return Earned(person_id, last.city_id, sum(one.minutes or 0 for one in records), tuple(sorted(days)))


def _day_of(working: Working, session: Session, record: Record) -> dt.date | None:
    """By the clocks of the place, also of a meeting that was dropped since; of one that no word had, when the person was seen there."""
    meeting = session.meeting(record.meeting_id) or meeting_once(working, session, record.meeting_id)
    if meeting is not None:
        return meeting.starts_local.date()
    return record.scanned_at.astimezone(ISSUED_IN).date() if record.scanned_at else None


@worked_out_of(Session, MeetingList, Takeover)
def all_closed(working: Working, session_id: str) -> bool:
    """Whether every list is closed, at least one of them by us: of a session that others have kept they certify, too."""
    session = working[Session].get(session_id)
    meetings = session.meetings if session is not None else ()
    closed = [closed_list(working, session_id, meeting.meeting_id) for meeting in meetings]
    return None not in closed and any(is_ours(working, one) for one in closed if one is not None)


def _is_put_right(working: Working, session: Session) -> bool:
    """Whether a list is open to be put right of a day that was dropped, or is called otherwise, meanwhile."""
    lists = working[MeetingList].where("session_id", session.session_id)
    return any(is_put_right(one, meeting_once(working, session, one.meeting_id)) for one in lists if one.is_open)


class _Desk:
    """Where the certificates of one session are written out, one person after the other."""

    def __init__(self, working: Working, session: Session, rules: CertificateRules, required: int) -> None:
        self.facts: list[CertificateFact] = []
        self._working = working
        self._session = session
        self._rules = rules
        self._required = required
        self._issued_on = issued_on(working.now)
        self._series = rules.series_of(self._issued_on)
        self._serial = _last_of(working, self._series)
        named = sorted(working[Topic].where("topic", session.topic), key=lambda one: one.rule_id)
        self._topic = named[0] if named else None

    def decide(self, earned: Earned, held: list[Certificate]) -> None:
        newest = [one for one in held if one.superseded_by is None]
        ours = [one for one in newest if is_ours(self._working, one)]
        if any(one.is_valid and one not in ours for one in newest):
            # Another issuer's: it says enough, and is not ours to end. Of ours, issued before theirs was known, none is issued anew.
            for one in ours:
                if one.is_valid and earned.minutes < min(self._required, one.required_minutes):
                    self._end(one, CertificateEnds.NOT_EARNED, None)
            return
        last = max(ours, key=lambda one: _standing(one, earned.person_id), default=None)
        required = self._required if last is None else min(self._required, last.required_minutes)
        if (
            last is None or not last.is_valid
        ):  # Revoked: should that be undone, it was earned by the threshold of its day.
            if earned.minutes >= required:
                self._issue(earned, required, last)
            return
        for other in ours:
            if other.is_valid and other is not last:  # Under another id of theirs: one says it.
                self._end(other, CertificateEnds.CORRECTED, last.number)
        if earned.minutes < required:
            self._end(last, CertificateEnds.NOT_EARNED, None)
        elif not self._says(last, earned):
            self._issue(earned, required, last)

    def _next(self) -> str:
        """The next number of the series that nobody has given to a certificate of theirs."""
        while True:
            self._serial += 1
            number = self._rules.number_of(self._series, self._serial)
            if self._working[Certificate].get(number) is None:
                return number

    def _says(self, certificate: Certificate, earned: Earned) -> bool:
        """Whether it says what is so. What a topic is called, and for which town somebody came, is not what it is for."""
        so = (earned.minutes, earned.days, self._session.topic)
        return (certificate.minutes, certificate.days, certificate.topic) == so

    def _issue(self, earned: Earned, required: int, last: Certificate | None) -> None:
        number = self._next()
        topic = self._topic
        self.facts.append(
            CertificateIssued(
                number=number,
                series=self._series,
                serial=self._serial,
                session_id=self._session.session_id,
                person_id=earned.person_id,
                city_id=earned.city_id,
                topic=self._session.topic,
                title_pl=topic.name_pl if topic else None,
                title_en=topic.name_en if topic else None,
                days=earned.days,
                minutes=earned.minutes,
                required_minutes=required,
                issued_on=self._issued_on,
                supersedes=last.number if last else None,
                decided_at=self._working.now,
            )
        )
        if last is not None:
            self._end(last, last.ended or CertificateEnds.CORRECTED, number)

    def _end(self, certificate: Certificate, reason: CertificateEnds, superseded_by: str | None) -> None:
        fields = {name: getattr(certificate, name) for name in CertificateState.model_fields}
        fields |= {"reason": reason, "superseded_by": superseded_by, "decided_at": self._working.now}
        self.facts.append(CertificateSuperseded(**fields))


def _standing(one: Certificate, person_id: str) -> tuple[bool, bool, dt.date, str, int]:
    """Of several, the highest stands: under the id that stays, for under that one alone is somebody written to."""
    return one.is_valid, one.person_id == person_id, one.issued_on, one.series, one.serial


def _last_of(working: Working, series: str) -> int:
    known = working[Series].get(series)
    return known.last if known else 0
