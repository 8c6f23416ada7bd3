"""What a notice may become is what the ledger's table says: all of it happens, and nothing else."""

from __future__ import annotations

import datetime as dt
import random

from services.notifications.decisions import Outcome, Result, came_back, claim, operator_says, repeat, settle
from services.notifications.ledger import MAY_BECOME, UNRENDERABLE, Notice, NoticeState, OpenNotice
from services.notifications.untold import Truth
from shared.contracts.enrolment import Standing
from tests.notifications.building import TERMS, TUESDAY, open_notice, place, session, truth
from tests.notifications.test_decisions import DOUBTFUL, FAR, LATER, NOT_TRIED, REFUSED, SENT, YESTERDAY, Ledger
from tests.notifications.test_returned import HARD

ANSWERS = (SENT, LATER, REFUSED, *[DOUBTFUL] * 6, NOT_TRIED, Outcome(Result.REFUSED, UNRENDERABLE), None)
"""None: whoever sent it was killed."""

Seen = set[tuple[NoticeState, NoticeState]]


class Watched(Ledger):
    """Each notice, from when it was planned: how it stood, and how it stands."""

    def __init__(self, seen: Seen, chance: random.Random) -> None:
        super().__init__()
        self.seen, self.chance = seen, chance
        self.stood: dict[str, NoticeState] = {}

    def plan(self) -> None:
        self.notices += 1
        notice = open_notice(notice_id=f"notice-{self.notices}", rehearses=self.chance.random() < 0.2)
        self.working[OpenNotice].put(notice)
        self.stood[notice.notice_id] = NoticeState.PLANNED

    def look(self, *, acted_on: str) -> None:
        settled = self.working[Notice].get(acted_on)
        if settled is not None:
            stands = settled.state
        elif self.notice is not None and self.notice.notice_id == acted_on:
            stands = NoticeState.ATTEMPTING if self.notice.lease else NoticeState.PLANNED
        else:
            return  # Closed without an outcome.
        if (self.stood[acted_on], stands) != (NoticeState.PLANNED, NoticeState.PLANNED):  # Put off it stays what it is.
            self.seen.add((self.stood[acted_on], stands))
        self.stood[acted_on] = stands

    def is_carried(self, known: Truth) -> None:
        if self.notice is None:
            self.plan()
        assert self.notice is not None
        its_id = self.notice.notice_id
        taken = claim(self.working, self.notice, known, "lease-1", TERMS)
        self.look(acted_on=its_id)
        answer = self.chance.choice(ANSWERS)
        if taken is not None and answer is not None:
            settle(self.working, taken.notice, answer, TERMS)
            self.look(acted_on=its_id)

    def is_acted_on(self) -> None:
        settled = (one for one in map(self.working[Notice].get, self.stood) if one is not None)
        known = self.chance.choice([one for one in settled if MAY_BECOME[one.state]] or [None])
        if known is None:
            return
        says = len(self.working.said)
        match self.chance.choice(("report", "office", "operator")):
            case "report":
                came_back(self.working, known, HARD, soft_before=0)
            case "office" if NoticeState.REPEATED in MAY_BECOME[known.state]:
                repeat(self.working, known, by="office", reason="lost")
            case "operator" if NoticeState.SENT in MAY_BECOME[known.state]:
                operator_says(self.working, known, sent=self.chance.random() < 0.5)
        if len(self.working.said) > says:
            self.look(acted_on=known.notice_id)


def test_whatever_a_notice_may_become_it_becomes_and_nothing_else() -> None:
    chance, seen = random.Random(8), Seen()
    truths = [
        truth(its_place, its_session, mailbox=mailbox, made_of=mailbox)
        for its_place in (place(), place(), place(Standing.WITHDRAWN))
        for its_session in (session(), session(TUESDAY), FAR, YESTERDAY)
        for mailbox in ("k.a", "k.b")
    ]
    for _ in range(500):
        ledger = Watched(seen, chance)
        for _ in range(12):
            ledger.working.now += dt.timedelta(minutes=chance.choice((1, 1, 60 * 24 * 3)))
            if chance.random() < 0.7:
                ledger.is_carried(chance.choice(truths))
            else:
                ledger.is_acted_on()
    assert seen == {(state, following) for state, after in MAY_BECOME.items() for following in after}


def test_the_table_says_it_of_every_state() -> None:
    assert set(MAY_BECOME) == set(NoticeState)
