"""Anything may happen to facts, clock, mail server and process, in any order: nobody is told what is not so, nor twice, and everybody who has to
know is told, or it is said by name why not. Also before mail is live and after, with a database that is older than its streams, and to whoever
coordinates a town.
"""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test

from services.notifications import store
from services.notifications.attended import ATTENDANCE
from services.notifications.going_live import say_go_live
from services.notifications.messages import Writing, write
from shared.contracts.attendance import (
    AttendanceListClosed,
    AttendanceListReopened,
    ParticipantAbsent,
    ParticipantAttended,
    ParticipantExcused,
)
from shared.contracts.certificates import CertificateEnds, CertificateIssued, CertificateSuperseded
from shared.contracts.directory import MemberKind, PersonRegistered, TeamMemberJoined, TeamMemberLeft
from shared.contracts.enrolment import (
    CallEnd,
    NominationAnswered,
    NominationsCalledOff,
    NominationsInvited,
    SessionAtRisk,
)
from shared.contracts.model import Event
from shared.contracts.notifications import Audience
from shared.contracts.planner import SessionCancelled, SessionRescheduled
from shared.testing import body_of
from tests.campaigns import SHARE, Share, cases
from tests.notifications.machine import (
    DAYS,
    ENROLMENT,
    NOTES,
    PEOPLE,
    STATES,
    TRAINERS,
    Mails,
    World,
    days,
    people,
    results,
)
from tests.notifications.witness import DAY, TOWN, Call, Certificate, Message, Nominated, begins, ends

pytestmark = pytest.mark.long

STEPS = 40
COORDINATORS = ["c1", "c2"]
TEAMS = [("t1",), ("t1",), ("t2",), ("t1", "p2"), ("p1", "p2"), ()]
HOUR = dt.timedelta(hours=1)


class Everything(Mails):
    """The same with a town that is called to nominate, with certificates, with a rehearsal before it and backups in between."""

    def __init__(self) -> None:
        super().__init__()
        self.rehearses = self.has_backup = False
        self.numbers_issued: dict[str, list[str]] = {}

    @initialize(rehearses=st.sampled_from([False, False, True]))
    def is_set_up(self, rehearses: bool) -> None:
        if rehearses:
            self.rehearses = self.witness.rehearses = True
            self.settings = self.settings.model_copy(update={"rehearse": True})
            self._starts()
        for person in [*COORDINATORS, *TRAINERS]:
            self.says(body_of(PersonRegistered, person_id=person), "urn:hr")
            self._lives_at(person, f"{person}@a.example.org")
        self.coordinates("c1")

    # --- a town ------------------------------------------------------------------------------

    @rule(person=st.sampled_from(COORDINATORS))
    def coordinates(self, person: str) -> None:
        """Nobody does besides."""
        its = {"city_id": TOWN, "from_date": dt.date(2026, 3, 10), "kind": MemberKind.COORDINATOR}
        if self.witness.coordinator not in (None, person):
            left = (self.now - dt.timedelta(days=2)).date()
            self.says(body_of(TeamMemberLeft, person_id=self.witness.coordinator, until_date=left, **its), "urn:hr")
        if self.witness.coordinator != person:
            self.says(body_of(TeamMemberJoined, person_id=person, **its), "urn:hr")
            self.witness.coordinator = person

    @rule(places=st.sampled_from([3, 4]), hours=st.sampled_from([20, 60, 100]))
    def a_town_is_called(self, places: int, hours: int) -> None:
        until = self.now + dt.timedelta(hours=hours)
        its = {"session_id": "s1", "city_id": TOWN, "places": places, "until": until, "decided_at": self.now}
        self.says(body_of(NominationsInvited, **its), ENROLMENT)
        self.witness.call = Call(places, until)

    @precondition(lambda self: self.witness.call is not None and not self.witness.call.has_ended)
    @rule()
    def a_call_ends(self) -> None:
        call = self.witness.call
        assert call is not None
        its = {"session_id": "s1", "city_id": TOWN, "places": call.places, "until": call.until, "decided_at": self.now}
        self.says(body_of(NominationsCalledOff, reason=CallEnd.NO_NOMINATIONS, **its), ENROLMENT)
        call.has_ended = True

    @rule()
    def a_nomination_is_answered(self) -> None:
        nomination_id = f"{next(self.numbers):024}"
        its = {"session_id": "s1", "city_id": TOWN, "nomination_id": nomination_id, "decided_at": self.now}
        self.says(body_of(NominationAnswered, **its), ENROLMENT)
        self.witness.answers.add(f"nomination/s1/{nomination_id}")

    @rule(person=people, result=results)
    def is_nominated_in_vain(self, person: str, result: str) -> None:
        person = "p1" if self.is_one else person
        nomination_id = f"{next(self.numbers):024}"
        its = {"session_id": "s1", "city_id": TOWN, "nomination_id": nomination_id, "decided_at": self.now}
        nominee = {"person_id": person, "standing": self.witness.places[person].state, "reason": "not_admitted"}
        self.says(body_of(NominationAnswered, people=[nominee], **its), ENROLMENT)
        self.witness.answers.add(f"nomination/s1/{nomination_id}")
        self.witness.nominated[person] = Nominated(nomination_id, self.now)
        self.sends(most=3, result=result, seconds=25, looks=True)

    @rule(result=results)
    def is_at_risk(self, result: str) -> None:
        """Too few have confirmed."""
        self.says(body_of(SessionAtRisk, session_id="s1", decided_at=self.now), ENROLMENT)
        self.witness.risk = self.event_id
        self.sends(most=3, result=result, seconds=25, looks=True)

    @rule(note=st.sampled_from([*NOTES, None]), speaks=st.booleans(), result=results)
    def the_note_becomes_another(self, note: str | None, speaks: bool, result: str) -> None:
        """What to know before coming, of a session that stays as it is."""
        self.note = note
        model: type[Event] = SessionCancelled if self.witness.is_cancelled else SessionRescheduled
        self._session(model, self.witness.day or DAYS[0], is_cancelled=self.witness.is_cancelled)
        if speaks:
            self.enrolment_has_spoken()
        self.sends(most=3, result=result, seconds=25, looks=True)

    # --- two who are one -----------------------------------------------------------------------

    @precondition(lambda self: self.is_one)
    @rule(result=results)
    def enrolment_hears_that_two_are_one(self, result: str) -> None:
        """And says the place of the id that went of the one that stays."""
        for of in (self.witness, self.other):
            if of.day is not None and of.places["p2"].is_active:
                if not of.places["p1"].is_active:
                    self._place(of, "p1", of.places["p2"].state)
                self._place(of, "p2", "withdrawn")
        self.sends(most=4, result=result, seconds=25, looks=True)

    @precondition(lambda self: not self.is_one)
    @rule(state=st.sampled_from(["enrolled", "enrolled", "waitlisted"]), hears=st.booleans(), result=results)
    def who_was_told_under_both_ids_turns_out_to_be_one(self, state: str, hears: bool, result: str) -> None:
        self.changes_and_is_told("p2", "enrolled", "sent")
        self.changes_and_is_told("p1", state, result)
        self.two_are_one(0)
        if hears:
            self.enrolment_hears_that_two_are_one(result)

    # --- who trains --------------------------------------------------------------------------

    @rule(trainers=st.sampled_from(TEAMS), speaks=st.booleans(), result=results)
    def is_trained_by(self, trainers: tuple[str, ...], speaks: bool, result: str) -> None:
        """Others than before, or nobody. Whoever trains may have a place, too, and be the same human as somebody else."""
        witness = self.witness
        witness.trainers = trainers
        model: type[Event] = SessionCancelled if witness.is_cancelled else SessionRescheduled
        self._session(model, witness.day or DAYS[0], is_cancelled=witness.is_cancelled)
        if speaks:
            self.enrolment_has_spoken()
        self.sends(most=3, result=result, seconds=25, looks=True)

    @rule(trainers=st.sampled_from(TEAMS), hours=st.integers(14, 31), result=results)
    def trainers_hear_of_the_evening(self, trainers: tuple[str, ...], hours: int, result: str) -> None:
        """In the evening before, or at night."""
        self.is_trained_by(trainers, True, "sent")
        evening = begins(self.witness.day or DAYS[0]) - DAY
        self.now = max(self.now, evening.replace(hour=0) + hours * HOUR)
        self.looks(whole=True)
        self.sends(most=3, result=result, seconds=25, looks=True)

    # --- two places at once --------------------------------------------------------------------

    @rule(day=days, person=people, marked=st.sampled_from(["both", "both", "here", "there"]), result=results)
    def has_two_places_at_once(self, day: str, person: str, marked: str, result: str) -> None:
        """Each of which names the other, or as yet one of them."""
        if self.other.day is None:
            self._other_training(day)
        here, there = ("s2" if marked != "there" else None), ("s1" if marked != "here" else None)
        self._place(self.witness, person, "enrolled", clashes_with=here)
        self._place(self.other, person, "enrolled", clashes_with=there)
        for outcome in ("sent", "sent", result):  # After both places.
            self.looks(whole=True)
            self.sends(most=4, result=outcome, seconds=25, looks=True)

    @precondition(lambda self: self.other.day is not None)
    @rule(person=people, state=st.sampled_from(["enrolled", "withdrawn"]), day=days, moves=st.booleans(), result=results)  # fmt: skip
    def the_other_place_changes(self, person: str, state: str, day: str, moves: bool, result: str) -> None:
        if moves:
            self._other_training(day)
        self._place(self.other, person, state)
        self.sends(most=3, result=result, seconds=25, looks=True)

    # --- certificates ------------------------------------------------------------------------

    @rule(person=people, is_revoked=st.booleans())
    def is_certified(self, person: str, is_revoked: bool) -> None:
        """For the first time, anew, or no longer."""
        issued = self.numbers_issued.setdefault(person, [])
        newest, number = self.witness.certificates.get(person), f"RC-2026-{next(self.numbers):04}"
        valid = newest.number if newest is not None and newest.is_valid else None
        is_revoked = is_revoked and valid is not None
        if valid is not None:
            reason = CertificateEnds.NOT_EARNED if is_revoked else CertificateEnds.CORRECTED
            ends = {"reason": reason, "superseded_by": None if is_revoked else number}
            supersedes = issued[-2] if len(issued) > 1 else None
            self._certifies(CertificateSuperseded, person, valid, supersedes=supersedes, **ends)
        if not is_revoked:
            self._certifies(CertificateIssued, person, number, supersedes=issued[-1] if issued else None)
            issued.append(number)
        self.witness.certificates[person] = Certificate(
            valid if is_revoked and valid is not None else number, not is_revoked
        )

    def _certifies(self, model: type, person: str, number: str, **more: object) -> None:
        its = {"number": number, "series": "RC-2026", "serial": int(number.rpartition("-")[2])}
        self.says(body_of(model, session_id="s1", person_id=person, **its, **more), ATTENDANCE)

    # --- lists -------------------------------------------------------------------------------

    @rule(person=people, said=st.sampled_from(["came", "absent", "excused"]), is_over=st.booleans(), result=results)
    def a_list_says(self, person: str, said: str, is_over: bool, result: str) -> None:
        """Of a training that is over by then, now and then, and is closed."""
        if is_over and self.witness.day is not None:
            self.now = max(self.now, ends(self.witness.day) + 2 * DAY)
        its = {"session_id": "s1", "meeting_id": "day-1", "decided_at": self.now}
        record = {"came": ParticipantAttended, "absent": ParticipantAbsent, "excused": ParticipantExcused}[said]
        self.says(body_of(record, person_id=person, **its), ATTENDANCE)
        self.witness.records[person] = said
        if is_over:
            self.a_list_closes_or_opens(False, result)

    @rule(is_open=st.sampled_from([False, False, True]), result=results)
    def a_list_closes_or_opens(self, is_open: bool, result: str) -> None:
        """And so long after that whoever came is thanked."""
        its = {"session_id": "s1", "meeting_id": "day-1", "decided_at": self.now}
        self.says(body_of(AttendanceListReopened if is_open else AttendanceListClosed, **its), ATTENDANCE)
        self.witness.is_list_closed = not is_open
        self.now += 2 * HOUR
        self.looks(whole=True)
        self.sends(most=3, result=result, seconds=25, looks=True)

    # --- what the office writes ----------------------------------------------------------------

    @precondition(lambda self: not self.has_backup)  # A text that is lost with a database waits for its writer.
    @rule(hours=st.sampled_from([1, 20, 200]), is_circular=st.booleans())
    def the_office_writes(self, hours: int, is_circular: bool) -> None:
        """To a session's people, or to those of a town."""
        until, message_id = self.now + dt.timedelta(hours=hours), f"message-{next(self.numbers):024}"
        to = PEOPLE[:1] if self.is_one else PEOPLE
        kind = "circular" if is_circular else "message"
        self.witness.messages[f"{kind}/{message_id}"] = Message(to, until, is_circular)
        audience = (Audience.TOWN, TOWN) if is_circular else (Audience.SESSION, "s1")
        writing = Writing(*audience, () if is_circular else ("enrolled",), "S", "T", until, "R")

        async def act() -> None:
            async with self.decider.unit_of_work() as (connection, thought):
                working = self.service.working(self.now)
                await store.load_message(connection, working, message_id)
                write(working, message_id, writing, to, by="anna")
                await self.decider.write(connection, working)
                thought.add(working)

        self.world.does(act())

    # --- before mail is live -----------------------------------------------------------------

    @precondition(lambda self: self.rehearses)
    @rule(seconds=st.sampled_from([1, 3600]))
    def goes_live(self, seconds: int) -> None:
        assert self.witness.inbox == [], "nothing leaves before mail is live"
        self.now += dt.timedelta(seconds=seconds)
        self.world.does(self._goes_live())
        self.witness.goes_live(self.now)
        self.other.goes_live(self.now)
        self.rehearses = False

    async def _goes_live(self) -> None:
        async with self.decider.unit_of_work() as (connection, thought):
            working = self.service.working(self.now)
            await store.load_go_live(connection, working)
            say_go_live(working, by="anna", reason="the old system is switched off")
            await self.decider.write(connection, working)
            thought.add(working)

    # --- a database that is older than its streams -------------------------------------------

    @rule()
    def is_backed_up(self) -> None:
        self.world.backs_up()
        self.heard, self.own, self.has_backup = [], [], True

    @precondition(lambda self: self.has_backup)
    @rule(arrived=st.booleans(), most=st.integers(0, 3))
    def is_restored(self, arrived: bool, most: int) -> None:
        """In the middle of attempts of which it knows nothing; then our own words are heard, and what others have said since."""
        self.is_killed(arrived, most)
        self.world.restores()
        self.witness.restored_at = len(self.witness.inbox)
        self._starts()
        for heard in (self.own, self.heard):
            if heard:
                self._acts(tuple(heard))

    @rule(person=people, state=st.sampled_from([*STATES]), day=days)
    def what_had_left_is_planned_again(self, person: str, state: str, day: str) -> None:
        """By a database that knew it as planned, and by now something else is so."""
        self.place(person, state, hours=30)
        self.looks(whole=True)
        self.is_backed_up()
        self.sends(most=3, result="sent", seconds=25, looks=True)
        self.moves(day)
        self.enrolment_has_spoken()
        self.is_restored(arrived=False, most=0)

    def teardown(self) -> None:
        if self.rehearses and self.witness.day is not None:
            self.goes_live(1)
        super().teardown()


thorough = settings(
    max_examples=cases(25),
    stateful_step_count=STEPS,
    deadline=None,
    derandomize=SHARE is not Share.WHOLE,  # CI tries the same each time: it never flakes.
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@pytest.mark.campaign
def test_whatever_happens_everybody_is_told_what_is_so_once(database_url: str) -> None:
    class Machine(Everything):
        world = World(database_url)

    try:
        run_state_machine_as_test(Machine, settings=thorough)
    finally:
        Machine.world.close()
