"""Anything that may happen to places, clock, mail server and process: the machine whose histories `test_anything.py` plays.

The planner's and the ledger's own statements on a real Postgres; the mail server, the crashes and the clock are the machine's.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifications import reading, store
from services.notifications.app import service_of
from services.notifications.asked import AskingRules
from services.notifications.bounces import Bounce
from services.notifications.claiming import Group
from services.notifications.decisions import Attempt, Outcome, Result, came_back, message_id, operator_says, release
from services.notifications.ledger import OpenNotice, Told
from services.notifications.muting import say_muted
from services.notifications.sending import Sender
from services.notifications.settings import NotificationsSettings
from services.notifications.state import note_of
from services.notifications.tables import TABLES, ensure_key
from shared.contracts.directory import ContactForgotten, ContactRegistered, PersonErased, PersonMerged, PersonRegistered
from shared.contracts.enrolment import EnrolmentRefused, PlaceChange, PlacesSettled
from shared.contracts.model import Event, members
from shared.contracts.notices import Materials, NoticeRequested, Task
from shared.contracts.notifications import Mutable, NoticeAccepted, NoticeDeclined
from shared.contracts.planner import SessionCancelled, SessionRescheduled, SessionScheduled
from shared.contracts.rules import TopicDefined
from shared.contracts.selection import CityQualified
from shared.deciding.transaction import Decider
from shared.events.envelope import Heard, subject_of
from shared.postgres.database import connect
from shared.postgres.tables import SHARED_TABLES
from shared.state.working import Said
from shared.testing import body_of, heard
from tests.notifications.building import NOW
from tests.notifications.witness import DAY, OFFICE, Asked, Mail, Refusal, Says, Witness, begins

T = TypeVar("T")
PEOPLE = ["p1", "p2"]
TRAINERS = ["t1", "t2"]
DAYS = ["2026-11-21", "2026-11-23", "2026-11-24"]
NOTES = ["Parking", "Laptop"]
ENROLMENT, PLANNER, LMS = "rollcall/enrolment", "urn:planner", "urn:lms"
SENT, LATER = Outcome(Result.SENT, "sent"), Outcome(Result.LATER, "smtp_451")
REHEARSED = Outcome(Result.SENT, "rehearsed")
RESULTS = {
    "sent": SENT,
    "refused": Outcome(Result.REFUSED, "smtp_550"),
    "later": LATER,
    "not_tried": Outcome(Result.NOT_TRIED, "smtp_421"),
    "silent": Outcome(Result.DOUBTFUL, "no_answer"),
    "silent_and_lost": Outcome(Result.DOUBTFUL, "no_answer"),
}
ARRIVES = ("sent", "silent")
HARD, SOFT = Bounce("5.1.1"), Bounce("4.2.2")
NAMED = ("failed", "unknown", "too_late", "bounced")
"""How a mail may end that did not tell it: an operator finds each of them by its name."""
MOST_LOOKS = 80
STATES: dict[str, type[Event]] = {kind.becomes.value: kind for kind in members(PlaceChange)}
people, days = st.sampled_from(PEOPLE), st.sampled_from(DAYS)
results = st.sampled_from([*["sent"] * 5, *RESULTS])


class World:
    """One installation's database, emptied for each history, and a loop of its own."""

    def __init__(self, url: str) -> None:
        self.runner = asyncio.Runner()
        self.url = url
        self.engine: AsyncEngine = self.does(self._connect(url))
        tables = {**SHARED_TABLES, **TABLES}.values()
        names = [*(f"{table.schema}.{table.name}" for table in tables), "kept.outbox", "kept.journal"]
        # What is still to be sent to Kafka nobody asks for here.
        copies = {name: f"backup.{name.replace('.', '_')}" for name in names if name != "kept.outbox"}
        self._emptied = "; ".join(f"delete from {name}" for name in names)  # noqa: S608  # Names of ours.
        self._made = "; ".join(f"create table {copy} as table {name} with no data" for name, copy in copies.items())
        copied = "delete from {}; insert into {} table {}"
        self._backed_up = "; ".join(copied.format(copy, copy, name) for name, copy in copies.items())
        restored = (copied.format(name, name, copy) for name, copy in copies.items())
        self._restored = "; ".join(("delete from kept.outbox", *restored))
        self.does(self._runs(f"create schema backup; {self._made}"))

    async def _connect(self, url: str) -> AsyncEngine:
        engine = connect(url, pool_size=4, statement_timeout_ms=20_000, application="tests")
        async with engine.begin() as connection:
            await ensure_key(connection)
        return engine

    def does(self, what: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(what)

    def empty(self) -> None:
        self.does(self._runs(self._emptied))

    def backs_up(self) -> None:
        self.does(self._runs(self._backed_up))

    def restores(self) -> None:
        self.does(self._runs(self._restored))

    async def _runs(self, statements: str) -> None:
        async with self.engine.begin() as connection:
            raw = await connection.get_raw_connection()
            await raw.driver_connection.execute(statements)  # type: ignore[union-attr]  # Many at once.

    def close(self) -> None:
        self.does(self.engine.dispose())
        self.runner.close()


@dataclass
class UnderWay:
    """A group that is being sent: claimed, and not settled yet."""

    of: Group
    attempts: list[Attempt]


class Mails(RuleBasedStateMachine):
    """One training, two people, everything that may be said of both, and a mail server that does as it likes."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.witness = Witness()
        self.witness.other = self.other = self.witness.of_another("s2")
        self.numbers = itertools.count(1)
        self.versions: dict[str, int] = {}
        self.event_id = ""
        self.has_bounced = self.is_one = False
        self.note: str | None = NOTES[0]
        rules = AskingRules(frozenset({LMS}), a_day=1000)
        self.service = replace(service_of(rules), clock=lambda: self.now, new_id=lambda: f"own-{next(self.numbers)}")
        url = SecretStr(self.world.url)
        # No look depends on the clock of the machine that runs this.
        self.settings = NotificationsSettings(
            database_url=url,
            catch_up_seconds=0,
            reconcile_seconds=1e9,
            rehearse=False,
            office_email="biuro@a.example.org",
            digest_day="monday",
        )
        self.witness.addresses[OFFICE] = "biuro@a.example.org"
        self.groups: list[UnderWay] = []
        self.heard: list[Heard[Any]] = []
        self.own: list[Heard[Any]] = []
        """What others said, and what we did, since the last backup."""
        self.answered: set[str] = set()
        self.wanted: dict[str, Asked] = {}
        self._starts()
        self.world.empty()

    def _starts(self) -> None:
        """A process that remembers nothing."""
        self.decider = Decider(self.world.engine, self.service)
        self.sender = Sender(self.decider, self.settings, streams_heard=_at_once)
        self.decider.said, self.decider.changed = self._said, self.sender.planner.news
        self.groups = []

    def _said(self, said: Sequence[Said]) -> None:
        """Our own words stand in a stream, whatever becomes of the database."""
        source = self.service.source
        self.own += [
            heard(one.body, source=source, event_id=one.event_id, version=one.version, at=self.now) for one in said
        ]
        self.sender.said(said)

    def says(self, body: Event, source: str) -> None:
        subject = subject_of(body)
        self.versions[subject] = self.versions.get(subject, 0) + 1
        self.event_id = f"said-{next(self.numbers)}"
        self._hears(heard(body, source=source, event_id=self.event_id, version=self.versions[subject], at=self.now))

    def _hears(self, one: Heard[Any]) -> None:
        """What was asked for, now or before, may be accepted by it."""
        self.heard.append(one)
        self._acts([one])

    def _acts(self, heard: Sequence[Heard[Any]]) -> None:
        for said in self.world.does(self.decider.act(heard)).said:
            if isinstance(said.body, NoticeAccepted | NoticeDeclined):
                assert said.body.request_id not in self.answered, "what was decided is not decided again"
                self.answered.add(said.body.request_id)
            if isinstance(said.body, NoticeAccepted):
                wanted = self.wanted[said.body.request_id]
                self.witness.asked[said.body.about] = replace(wanted, person=said.body.recipient)

    # --- facts -------------------------------------------------------------------------------

    @initialize(day=days, known=st.booleans(), state=st.sampled_from([*STATES]))
    def begins(self, day: str, known: bool, state: str) -> None:
        self.says(body_of(CityQualified), "urn:cities")
        self.says(body_of(TopicDefined), "urn:office")
        for person in PEOPLE[: 1 + known]:
            self.says(body_of(PersonRegistered, person_id=person), "urn:hr")
            self._lives_at(person, f"{person}@a.example.org")
        self._session(SessionScheduled, day, is_cancelled=False)
        self.enrolment_has_spoken()
        for person in PEOPLE:
            self.place(person, state, hours=30)

    def _session(self, model: type[Event], day: str, *, is_cancelled: bool) -> None:
        meeting = {"meeting_id": "day-1", "starts_local": f"{day}T09:00:00", "ends_local": f"{day}T15:00:00"}
        its = {"session_id": "s1", "meetings": [meeting], "trainers": self.witness.trainers, "note": self.note}
        self.says(body_of(model, **its), PLANNER)
        self.statement = (self.event_id, self.versions["session/s1"])
        self.witness.day, self.witness.is_cancelled, self.witness.has_spoken = day, is_cancelled, False
        self.witness.note = _named(self.note)

    def _other_training(self, day: str) -> None:
        meeting = {"meeting_id": "day-1", "starts_local": f"{day}T09:00:00", "ends_local": f"{day}T15:00:00"}
        self.says(body_of(SessionScheduled, session_id="s2", meetings=[meeting], note=NOTES[0]), PLANNER)
        self.other.day, self.other.note = day, _named(NOTES[0])
        of = {"session_source": PLANNER, "session_event_id": self.event_id}
        self._settles("s2", **of, session_version=self.versions["session/s2"])
        self.other.has_spoken = True

    @rule(day=days)
    def moves(self, day: str) -> None:
        self._session(SessionRescheduled, day, is_cancelled=False)

    @rule(day=days)
    def is_called_off(self, day: str) -> None:
        self._session(SessionCancelled, self.witness.day or day, is_cancelled=True)

    @rule()
    def enrolment_has_spoken(self) -> None:
        event_id, version = self.statement
        of = {"session_source": PLANNER, "session_event_id": event_id, "session_version": version}
        self._settles("s1", **of)
        self.witness.has_spoken = True

    def _settles(self, session_id: str, **of: Any) -> None:
        self.says(body_of(PlacesSettled, session_id=session_id, decided_at=self.now, **of), ENROLMENT)

    @rule(person=people, state=st.sampled_from(["enrolled", "enrolled", "waitlisted", "offered", "withdrawn"]), hours=st.sampled_from([5, 30]))  # fmt: skip
    def place(self, person: str, state: str, hours: int) -> None:
        self._place(self.witness, person, state, hours=hours)

    def _place(self, of: Witness, person: str, state: str, *, hours: int = 30, clashes_with: str | None = None) -> None:
        its, until = of.places[person], self.now + dt.timedelta(hours=hours)
        offered = {"offered_at": self.now, "offered_until": until} if state == "offered" else {}
        marks = {"clashes_with": [clashes_with]} if clashes_with is not None else {}
        its_ids = {"session_id": of.session_id, "person_id": person}
        self.says(body_of(STATES[state], **its_ids, decided_at=self.now, **offered, **marks), ENROLMENT)
        its.life += its.state != state
        its.state, its.until, its.said_at = state, until if offered else None, self.now
        its.is_marked = clashes_with is not None
        if person in of.refusals:
            of.refusals[person].is_newest = False
        if not its.is_clashing:
            its.apart = self.versions[f"session/{of.session_id}/person/{person}"]

    @rule(person=people, where=st.sampled_from("ab"))
    def lives_at(self, person: str, where: str) -> None:
        if person not in self.witness.gone:  # Who is registered again after a merge is somebody of their own again.
            self.says(body_of(PersonRegistered, person_id=person), "urn:hr")
        self._lives_at(person, f"{person}@{where}.example.org")

    def _lives_at(self, person: str, address: str) -> None:
        self.says(body_of(ContactRegistered, person_id=person, email=address), "urn:hr")
        self.witness.addresses[person] = address

    @rule(person=people, model=st.sampled_from([ContactForgotten, PersonErased]), really=st.integers(0, 9))
    def is_gone(self, person: str, model: type[Event], really: int) -> None:
        if really == 0:
            self.says(model(person_id=person), "urn:hr")
            self.witness.gone.add(person)

    @rule(really=st.integers(0, 9))
    def two_are_one(self, really: int) -> None:
        """Nobody writes to an id that went into another one."""
        if really == 0:
            self.says(PersonMerged(person_id="p2", into_person_id="p1"), "urn:hr")
            self.witness.are_one("p2", "p1")
            self.is_one = True

    @rule(
        person=people,
        what=st.sampled_from([Mutable.REMINDERS, Mutable.MATERIALS, Mutable.MESSAGES]),
        is_muted=st.booleans(),
    )
    def mutes(self, person: str, what: Mutable, is_muted: bool) -> None:
        person = "p1" if self.is_one else person
        its = self.witness.mutes[person]
        (its.add if is_muted else its.discard)(what.value)

        async def act() -> None:
            async with self.decider.unit_of_work() as (connection, thought):
                working = self.service.working(self.now)
                _, ids = await store.load_mute(connection, working, person)
                say_muted(working, ids, [Mutable(one) for one in its])
                await self.decider.write(connection, working)
                thought.add(working)

        self.world.does(act())

    @rule(person=people, is_task=st.booleans(), hours=st.sampled_from([1, 20, 200]), again=st.booleans())
    def is_asked(self, person: str, is_task: bool, hours: int, again: bool) -> None:
        until, link = self.now + dt.timedelta(hours=hours), "https://x.example.org/1"
        context = (
            Task(of="task", title="T", awaited_until=until)
            if is_task
            else Materials(of="materials", title="M", link=link)
        )
        body = NoticeRequested(person_id=person, session_id="s1", context=context, useful_until=until)
        event_id = f"asked-{next(self.numbers)}"
        self.wanted[event_id] = Asked(person, "task" if is_task else "materials", until)
        for _ in range(1 + again):
            self._hears(heard(body, source=LMS, event_id=event_id, at=self.now))

    @rule(person=people, is_out=st.booleans(), result=results)
    def is_refused(self, person: str, is_out: bool, result: str) -> None:
        """A place that they asked for: it leaves what they have as it is."""
        person = "p1" if self.is_one else person
        if is_out:
            self.place(person, "withdrawn", hours=30)
        place = self.witness.places[person]
        its = {"session_id": "s1", "person_id": person, "standing": place.state, "decided_at": self.now}
        self.says(body_of(EnrolmentRefused, **its), ENROLMENT)
        self.witness.refusals[person] = Refusal(self.event_id, self.now, not place.is_active)
        self.sends(most=3, result=result, seconds=25, looks=True)

    # --- clock, process, mail server ---------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 25, 25, 120, 120, 3600, 6 * 3600, 26 * 3600]))
    def time_passes(self, seconds: int) -> None:
        self.now += dt.timedelta(seconds=seconds)

    @rule(hours=st.integers(14, 22))
    def it_is_the_eve(self, hours: int) -> None:
        """When people are reminded."""
        eve = begins(self.witness.day or DAYS[0]) - DAY
        self.now = max(self.now, eve.replace(hour=hours))

    @rule(whole=st.booleans())
    def looks(self, whole: bool) -> None:
        self.world.does(self._looks(whole=whole))

    async def _looks(self, *, whole: bool) -> int:
        planner = self.sender.planner
        if whole:
            planner._whole_at = None
        async with planner._engine.connect() as connection:
            return (await planner._look(connection)).total()

    @rule(most=st.integers(1, 3), result=results, seconds=st.sampled_from([0, 25, 25]), looks=st.booleans())
    def sends(self, most: int, result: str, seconds: int, looks: bool) -> None:
        """After a look, and what is found has settled, mostly."""
        if looks:
            self.looks(whole=False)
            self.now += dt.timedelta(seconds=seconds)
        for group in self._takes(most):
            self._reach(group, result)
            self._settle(group, result)

    @rule(person=people, state=st.sampled_from([*STATES]), result=results)
    def changes_and_is_told(self, person: str, state: str, result: str) -> None:
        self.place(person, state, hours=30)
        self.sends(most=3, result=result, seconds=25, looks=True)

    @rule(day=days, result=results)
    def moves_and_is_told(self, day: str, result: str) -> None:
        self.moves(day)
        self.enrolment_has_spoken()
        self.sends(most=3, result=result, seconds=25, looks=True)

    @rule(person=people, state=st.sampled_from(["offered", "waitlisted"]))
    def nobody_takes_the_end_of_a_place(self, person: str, state: str) -> None:
        """And then there is something else to tell, with which its end is tried once more."""
        for its, result in (("enrolled", "sent"), ("withdrawn", "refused"), (state, "refused")):
            self.changes_and_is_told(person, its, result)

    @rule(most=st.integers(1, 3))
    def takes(self, most: int) -> None:
        """And is slow: much may happen before the server answers."""
        self.groups += self._takes(most)

    @precondition(lambda self: self.groups)
    @rule(result=results)
    def the_server_answers(self, result: str) -> None:
        group = self.groups.pop(0)
        self._reach(group, result)
        self._settle(group, result)

    @rule(arrived=st.booleans(), most=st.integers(1, 3))
    def is_killed(self, arrived: bool, most: int) -> None:
        """In the middle of an attempt, before or after the server had the mail. Nothing of it was written."""
        for group in [*self.groups, *self._takes(most)]:
            if arrived:
                self._reach(group, "silent")
            for attempt in group.attempts:
                self._is_in_doubt(attempt)
        self._starts()

    @rule(arrived=st.booleans(), day=days, person=people, state=st.sampled_from([*STATES]))
    def is_killed_and_something_else_is_true(self, arrived: bool, day: str, person: str, state: str) -> None:
        self.looks(whole=True)
        self.now += dt.timedelta(seconds=25)
        self.is_killed(arrived, most=3)
        self.moves(day)
        self.enrolment_has_spoken()
        self.place(person, state, hours=30)
        self.now += dt.timedelta(seconds=120)
        self.sends(most=3, result="sent", seconds=25, looks=True)

    def _takes(self, most: int) -> list[UnderWay]:
        return self.world.does(self._claims(most))

    async def _claims(self, most: int) -> list[UnderWay]:
        groups, staging = [], self.sender._staging
        async with self.world.engine.connect() as connection:
            await staging.look(connection)
            under_way = self.sender._claims.under_way
            due = await store.due(connection, self.now, under_way=under_way, rehearses=staging.rehearses)
            left = [] if staging.rehearses else await store.left_over(connection, self.now, under_way=under_way)
        queues = [(queue, staging.rehearses) for queue in due[:2]] + [(queue, True) for queue in left]
        for queue, rehearses in queues:
            lease = f"lease-{next(self.numbers)}"
            group = Group(queue, lease, *self.sender._by_which(rehearses=rehearses))
            under_way.add(lease)
            await self.sender._writer.ready()
            attempts, _ = await self.sender._claims.claim(group, most=most)
            for attempt in attempts:
                self._is_right(attempt)
            groups.append(UnderWay(group, attempts))
        return groups

    def _is_right(self, attempt: Attempt) -> None:
        _, address = self.sender._writer.written(attempt)  # It can be written.
        if attempt.notice.rehearses and not self.sender._staging.rehearses:
            return  # It was planned before mail went live, and goes nowhere.
        why_not = self.witness.about_what(attempt.notice.about).why_not(
            attempt.notice.recipient, address, _says(attempt), self.now
        )
        assert why_not is None, (attempt.notice, why_not)

    def _reach(self, group: UnderWay, result: str) -> None:
        if result not in ARRIVES:
            return
        for attempt in group.attempts:
            notice, contact = attempt.notice, attempt.truth.to.contact
            if notice.rehearses:
                continue
            assert contact is not None
            assert contact.email is not None
            life = self.witness.about_what(notice.about).places[notice.recipient].life
            mail = Mail(notice.recipient, _says(attempt), contact.email, _id_of(attempt), life)
            wrong = self.witness.arrives(mail)
            assert wrong is None, (mail, wrong)

    def _settle(self, group: UnderWay, result: str) -> None:
        outcome = RESULTS[result]
        self.sender._claims.under_way.discard(group.of.lease)
        if group.attempts:
            outcomes = [(one, REHEARSED if one.notice.rehearses else outcome) for one in group.attempts]
            self.world.does(self.sender._claims.settle(group.of, outcomes))
        for attempt in group.attempts:
            if outcome.result is Result.DOUBTFUL:
                self._is_in_doubt(attempt)
            for mail in self.witness.inbox:
                if mail.message_id == _id_of(attempt):
                    mail.is_certain = outcome is SENT

    def _is_in_doubt(self, attempt: Attempt) -> None:
        if attempt.notice.rehearses:
            return
        about = (attempt.notice.recipient, attempt.notice.about)
        self.witness.doubts[about] = len(self.witness.inbox)
        self.witness.doubted.add(_id_of(attempt))

    # --- what comes of it --------------------------------------------------------------------

    @precondition(lambda self: self.witness.inbox)
    @rule(bounce=st.sampled_from([HARD, SOFT, SOFT]), number=st.integers(0, 9))
    def comes_back(self, bounce: Bounce, number: int) -> None:
        mail = self.witness.inbox[-1 - number % len(self.witness.inbox)]
        for one in self.witness.inbox:
            one.is_certain &= one.message_id != mail.message_id
        self.has_bounced = True
        self.world.does(self._comes_back(_notice_of(mail.message_id), bounce))

    async def _comes_back(self, notice_id: str, bounce: Bounce) -> None:
        async with self.decider.unit_of_work() as (connection, thought):
            working = self.service.working(self.now)
            notice, soft = await store.load_returned(connection, working, notice_id)
            if notice is not None:
                came_back(working, notice, bounce, soft_before=soft)
                await self.decider.write(connection, working)
                thought.add(working)

    @precondition(lambda self: self.has_bounced)
    @rule(person=people)
    def is_let_through(self, person: str) -> None:
        self.world.does(self._lets_through(person))

    async def _lets_through(self, person: str) -> None:
        async with self.decider.unit_of_work() as (connection, thought):
            working = self.service.working(self.now)
            known = await store.load_suppression(connection, working, person)
            if known is not None and known.holds:
                release(working, known, by="anna", reason=None)
                await self.decider.write(connection, working)
                thought.add(working)

    @precondition(lambda self: self.witness.doubted)
    @rule()
    def an_operator_finds_out(self) -> None:
        """Of each mail in doubt, what is so."""
        for notice in self.world.does(self._notices(state="unknown")):
            arrived = any(_notice_of(mail.message_id) == notice["notice_id"] for mail in self.witness.inbox)
            self.world.does(self._finds_out(notice["notice_id"], arrived=arrived))

    async def _finds_out(self, notice_id: str, *, arrived: bool) -> None:
        async with self.decider.unit_of_work() as (connection, thought):
            working = self.service.working(self.now)
            notice = await store.load_settled(connection, working, notice_id)
            assert notice is not None
            told = working[Told].get(notice.recipient, notice.about)
            last = (told.notice_id, told.given_up_by) if told else ()
            if notice_id in last and not len(working[OpenNotice]):
                operator_says(working, notice, sent=arrived)
                await self.decider.write(connection, working)
                thought.add(working)

    async def _notices(self, **which: Any) -> list[dict[str, Any]]:
        async with self.world.engine.connect() as connection:
            return await reading.notices(connection, after="", limit=1000, **which)

    # --- in the end --------------------------------------------------------------------------

    def teardown(self) -> None:
        if self.witness.day is not None:
            self._everybody_is_told()

    def _everybody_is_told(self) -> None:
        """The server takes every mail, enrolment has spoken, and leases run out: whoever is not told by then has a name for it."""
        for group in self.groups:
            self._settle(group, "later")
        self.groups = []
        self._starts()
        self.enrolment_has_spoken()
        was_idle = False
        for _ in range(MOST_LOOKS):
            self.an_operator_finds_out()
            found = self.world.does(self._looks(whole=True))
            taken = self._takes(10)
            for group in taken:
                self._reach(group, "sent")
                self._settle(group, "sent")
            waiting = self.world.does(self._next_moment())
            is_idle = not found and not any(group.attempts for group in taken)
            if is_idle and was_idle and waiting is None:
                break
            if is_idle and waiting is not None:
                self.now = max(self.now + dt.timedelta(seconds=1), waiting)
            # A claim may have closed one in doubt: what follows from that the next look finds.
            was_idle = is_idle and waiting is None
        else:
            raise AssertionError(f"mails without end: {self.witness.inbox[-5:]}")
        standing = self.world.does(self._books())["notices"]
        assert (standing["differences"], standing["to_do"]) == (0, 0), "the books say that something is still to come"
        for person in self.witness.addressees([*PEOPLE, *TRAINERS]):
            both = (self.witness, self.other)
            due = {about for one in both if one.day is not None for about in one.untold(person, self.now)}
            untold = [about for about in sorted(due) if not self._has_a_name(person, about)]
            assert untold == [], (person, untold, self.now, self.witness)

    async def _books(self) -> dict[str, Any]:
        async with self.world.engine.connect() as connection:
            stage = await store.stage(connection, by_settings=self.settings.rehearse)
            return await reading.books(connection, now=self.now, rules=self.settings.rules_at(stage))

    async def _next_moment(self) -> dt.datetime | None:
        async with self.world.engine.connect() as connection:
            # One that is due may wait for a lease on another mail to the same person.
            statement = sa.text(
                "select coalesce(min(at) filter (where at > :now), min(at))"
                " from (select greatest(next_attempt_at, lease_until) as at from kept.open_notice) as waiting"
            )
            found: dt.datetime | None = await connection.scalar(statement, {"now": self.now})
            return found

    def _has_a_name(self, person: str, about: str) -> bool:
        if person in self.witness.gone or person not in self.witness.addresses:
            return True
        if person in {one["recipient"] for one in self.world.does(self._suppressed())}:
            return True
        last = {one["about"]: one["state"] for one in self.world.does(self._notices(recipient=person))}
        if about.startswith("clash/"):  # Nobody hears of a clash with a place that they could not be told of.
            return any(last.get(its) in NAMED for its in (about, "place/s1", "place/s2"))
        return last.get(about) in NAMED

    async def _suppressed(self) -> list[dict[str, Any]]:
        async with self.world.engine.connect() as connection:
            return await reading.suppressed(connection, after="", limit=10)


def _named(note: str | None) -> str | None:
    its = note_of(note)
    return its.name if its is not None else None


async def _at_once() -> None:
    return None


def _id_of(attempt: Attempt) -> str:
    return message_id(attempt.notice.notice_id, "x")


def _notice_of(its_id: str) -> str:
    return its_id[1:].partition("@")[0]


def _says(attempt: Attempt) -> Says:
    content = attempt.notice.content
    assert content is not None
    assert attempt.notice.kind is not None
    says = content.says
    days = [str(meeting.starts_local.date()) for meeting in says.meetings]
    until = getattr(says, "offered_until", None) or getattr(says, "nominate_until", None)
    which = getattr(says, "number", None) or getattr(says, "places", None)
    if attempt.notice.kind == "clash":
        which = int(content.hash or -1)
    if attempt.notice.kind == "clashes":
        which = frozenset((one.person_id, one.since) for one in getattr(says, "people", ()))
    if content.says.of in ("refusal", "risk") or attempt.notice.about.startswith(("missed/", "former/")):
        which = content.hash  # They say by it which it is.
    expected = getattr(attempt.truth.matter, "expected", None)
    note = content.hash if attempt.notice.kind == "note_changed" else getattr(says, "note", None)
    return Says(attempt.notice.about, attempt.notice.kind, days[0] if days else None, until, which, note, expected)
