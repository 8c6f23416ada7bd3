"""The mail sender's work for the crash points: people with places, an SMTP server that behaves as servers do, and which mails
must reach whom, how often at most."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import os
import signal
from collections import Counter
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from services.notifications import reading, tables
from services.notifications.settings import NotificationsSettings
from shared.contracts.directory import ContactRegistered, PersonRegistered
from shared.contracts.enrolment import Basis, ParticipantEnrolled
from shared.contracts.planner import SessionRescheduled, SessionScheduled
from shared.contracts.rules import TopicDefined
from shared.contracts.selection import CityQualified
from shared.outbox.journal import JOURNAL, OUTBOX
from shared.testing import Message, body_of, eventually, message, settled
from tests.faults.lineage import Scenario, System
from tests.faults.living import Processes
from tests.faults.surroundings import Surroundings
from tests.notifications.receiving import cut, listening

SENT, FAILED, UNKNOWN = "sent", "failed", "unknown"
CONFIRMATION, CHANGE = "confirmation", "change"

_numbers = itertools.count(1)


@dataclass
class Sink:
    """An SMTP server in the test's process: it outlives every sender. Odd answers are used up one a mail."""

    port: int
    answers: dict[str, list[str]] = field(default_factory=dict)
    """By recipient, to DATA; "disconnect" ends the connection without an answer."""
    recipients: dict[str, list[str]] = field(default_factory=dict)
    """By recipient, to RCPT."""
    senders: list[str] = field(default_factory=list)
    """To MAIL."""
    held: dict[str, asyncio.Event] = field(default_factory=dict)
    """A mail to such a recipient is answered once the event is set."""
    reached: Counter[str] = field(default_factory=Counter)
    """By recipient, whatever was answered."""
    accepted: list[tuple[str, str]] = field(default_factory=list)
    """(recipient, Message-ID)"""

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.senders:
            return self.senders.pop(0)
        envelope.mail_from = address
        return "250 ok"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = _next(self.recipients, address)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        address = envelope.rcpt_tos[0]
        self.reached[address] += 1
        if address in self.held:
            await self.held[address].wait()
        answer = _next(self.answers, address)
        if answer == "disconnect":
            cut(server)
        if answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.accepted.append((address, message_from_bytes(envelope.content)["Message-ID"]))
        return answer

    def listening(self) -> AbstractAsyncContextManager[None]:
        return listening(self, self.port)


def _next(answers: dict[str, list[str]], address: str) -> str:
    return answers[address].pop(0) if answers.get(address) else "250 ok"


@dataclass
class Work:
    """Three people with places in one training; and what becomes of the mails to each, in order."""

    scenario: str
    number: int = field(default_factory=lambda: next(_numbers))
    become: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """By person: (kind, state) of each notice."""
    addresses: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.become = {person: [(CONFIRMATION, SENT)] for person in self.people}
        self.addresses = {person: f"{person}@example.org" for person in self.people}

    def id(self, kind: str) -> str:
        return f"{kind}-{self.number}"

    @property
    def people(self) -> tuple[str, str, str]:
        return self.id("one"), self.id("two"), self.id("three")

    @property
    def session(self) -> str:
        return self.id("session")

    @property
    def about(self) -> str:
        return f"place/{self.session}"

    def training(self, model: Any = SessionScheduled, *, version: int = 1, **changes: Any) -> Message:
        date = (dt.datetime.now(dt.UTC) + dt.timedelta(days=30)).date()
        meeting = {"meeting_id": "day-1", "starts_local": f"{date}T09:00:00", "ends_local": f"{date}T15:00:00"}
        fields = {"session_id": self.session, "city_id": self.id("town"), "meetings": [meeting]}
        return message(body_of(model, **{**fields, **changes}), version=version)

    def truth(self) -> list[Message]:
        """Everything that the mails follow from."""
        place: dict[str, Any] = {
            "session_id": self.session,
            "city_id": self.id("town"),
            "episode": 1,
            "basis": Basis.REQUEST,
        }
        now = dt.datetime.now(dt.UTC)
        return [
            message(body_of(CityQualified, city_id=self.id("town"))),
            training := self.training(),
            settled(training),
            *(message(PersonRegistered(person_id=one, given_name="A", family_name="B")) for one in self.people),
            *(message(ContactRegistered(person_id=one, email=self.addresses[one])) for one in self.people),
            *(
                message(ParticipantEnrolled(person_id=one, decided_at=now, **place), source="rollcall/enrolment")
                for one in self.people
            ),
        ]


class Mail(System):
    app = "services.notifications.app"
    scenarios = (
        Scenario("ordinary"),
        Scenario("changed"),
        Scenario("later"),
        Scenario("refused"),
        Scenario("dropped"),
        Scenario("no sender"),
        Scenario("away"),
        Scenario("cut off"),
        Scenario("one refused"),
        Scenario("claim refused"),
        Scenario("told to stop"),
        Scenario("backlog", at_start=True),
    )

    def __init__(self, around: Surroundings, processes: Processes, sink: Sink) -> None:
        super().__init__(around, processes)
        self.sink = sink
        self._all: list[Work] = []

    async def begin(self) -> None:
        await self.around.publish(message(body_of(TopicDefined)))

    def work(self, scenario: str) -> Work:
        self._all.append(Work(scenario))
        return self._all[-1]

    # --- what the world outside does -------------------------------------------------------

    async def prepare(self, work: Work) -> None:
        await self.around.publish(*work.truth())

    async def act(self, work: Work) -> None:
        one, two, three = work.people
        address = work.addresses[one]
        match work.scenario:
            case "later":
                self.sink.answers[address] = ["451 later"]
            case "refused":
                self.sink.recipients[work.addresses[two]] = ["550 nobody here"]
                work.addresses[three] = f"ż-{work.number}@example.org"
                work.become |= {two: [(CONFIRMATION, FAILED)], three: [(CONFIRMATION, FAILED)]}
            case "dropped":
                self.sink.answers[address] = ["disconnect"]
            case "no sender":
                self.sink.senders[:] = ["451 not you"] * 3
            case "cut off" | "one refused" | "told to stop":
                self.sink.held[address] = asyncio.Event()
            case "claim refused":
                refuse = f"check (recipient <> '{one}' or lease is null) not valid"
                await self.around.execute(f"alter table kept.open_notice add constraint refused {refuse}")
        if not self.is_at_start(work.scenario):
            await self.around.publish(*work.truth())
        match work.scenario:
            case "claim refused":
                await self._until_the_others_are_told(work)
                await self.around.execute("alter table kept.open_notice drop constraint refused")
            case "changed":
                await eventually(lambda: self._are_told(work), what="the confirmations")
                work.become = {person: [(CONFIRMATION, SENT), (CHANGE, SENT)] for person in work.people}
                moved = work.training(SessionRescheduled, version=2, venue="Elsewhere")
                await self.around.publish(moved, settled(moved))
            case "cut off" | "one refused" | "told to stop":
                await eventually(lambda: self.sink.reached[address], what="a mail on its way")
                await self._while_a_mail_is_under_way(work, address)

    async def _while_a_mail_is_under_way(self, work: Work, address: str) -> None:
        life = self.processes.life
        match work.scenario:
            case "cut off":
                await self.around.cut_again_and_again(
                    until=lambda: life is None or life.is_over,
                    waiting_for="kept.open_notice",
                    locked=self.sink.held[address].set,  # Its outcome finds no database to be written to.
                )
            case "one refused":
                refuse = f"check (recipient <> '{work.people[0]}') not valid"
                await self.around.execute(f"alter table projection.notice add constraint refused {refuse}")
            case "told to stop" if life is not None and not life.is_over:
                before = life.trace.stat().st_size
                os.kill(life.pid, signal.SIGTERM)
                await eventually(lambda: life.is_over or life.trace.stat().st_size > before, what="that it was heard")
        self.sink.held.pop(address).set()
        if work.scenario == "one refused":
            await self._until_the_others_are_told(work)
            await self.around.execute("alter table projection.notice drop constraint refused")

    async def _until_the_others_are_told(self, work: Work) -> None:
        """Or until the process has died."""
        life = self.processes.life

        async def is_enough() -> bool:
            return life is None or life.is_over or await self._are_told(work, *work.people[1:])

        await eventually(is_enough, what="the others told")

    async def _are_told(self, work: Work, *people: str) -> bool:
        wanted = people or work.people
        rows = await self.around.rows(tables.NOTICE.c.recipient, tables.NOTICE.c.about == work.about)
        return {row.recipient for row in rows} >= set(wanted)

    async def bury(self) -> None:
        await self.around.execute("update kept.open_notice set lease_until = now() where lease is not null")

    # --- what must have come of it ---------------------------------------------------------

    async def unsettled(self, work: Work) -> list[str]:
        notices = await self.around.rows(tables.NOTICE.c.notice_id, tables.NOTICE.c.about == work.about)
        if len(notices) < sum(map(len, work.become.values())):
            return [f"outcomes: {len(notices)} of {work.become}"]
        way = await self.around.rows(tables.OPEN.c.notice_id, tables.OPEN.c.about == work.about)
        return [f"on its way: {row.notice_id}" for row in way] or await self.around.unsettled()

    async def check(self, *works: Work) -> None:
        """Every mail was taken at least once; twice only if an attempt was in doubt, and never more often."""
        for work in works:
            notices = await self.around.rows(tables.NOTICE, tables.NOTICE.c.about == work.about)
            taken = Counter(entry for entry in self.sink.accepted if entry[0] in work.addresses.values())
            for notice in notices:
                copies = taken.pop((work.addresses[notice.recipient], notice.message_id), 0)
                # A second doubt is left to an operator: only where the server itself raises the first one.
                in_doubt = notice.state == UNKNOWN and notice.doubts == 2 and work.scenario != "ordinary"
                assert notice.state in (SENT, FAILED) or in_doubt, notice
                assert (copies > 0) == (notice.state != FAILED), (copies, notice)
                assert copies <= (2 if notice.doubts else 1), (copies, notice)
            assert not taken, "mails that no notice knows"
            became: dict[str, list[tuple[str, str]]] = {}
            for notice in sorted(notices, key=lambda notice: notice.decided_at):
                state = SENT if notice.state == UNKNOWN else str(notice.state)
                became.setdefault(notice.recipient, []).append((str(notice.kind), state))
            assert became == work.become
        said = await self.around.check_said(*([] if len(works) > 1 else [JOURNAL.c.key.in_(works[0].people)]))
        assert len(said) == sum(len(notices) for work in works for notices in work.become.values())

    async def check_whole(self) -> None:
        await self.check(*self._all)
        async with self.around.engine.connect() as connection:
            its = NotificationsSettings(database_url="postgresql+asyncpg://nobody@nowhere/none").rules
            ever = replace(its, since=dt.datetime(1970, 1, 1, tzinfo=dt.UTC))
            books = await reading.books(connection, now=dt.datetime.now(dt.UTC), rules=ever)
        given_up = sum(became[-1][1] == FAILED for work in self._all for became in work.become.values())
        assert books["notices"]["given_up"] == given_up, books
        assert books["told_is_true"] == (not given_up) and books["notices"]["to_do"] == 0, books
        assert await self.around.differing_books() == []
        assert await self.around.rows(OUTBOX) == []
        await self.around.check_whole()
