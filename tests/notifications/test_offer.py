"""What somebody is told of a place that is held for them, and what the mails about their place and their waiting say instead."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from services.notifications.kinds.offer import OFFER, OFFER_CHANGE, OFFER_ENDED, Offer
from services.notifications.kinds.place import Place as PlaceMatter
from services.notifications.kinds.sessions import microseconds
from services.notifications.kinds.waiting import WAITING, WAITING_CHANGE, WAITING_ENDED, Waiting
from services.notifications.ledger import NOTHING, Belief, Content, NoticeState, Told, told_after
from services.notifications.letters import CANCELLATION, CHANGE, CONFIRMATION
from services.notifications.state import CANCELLED, Place, PlaceSaid, Session
from services.notifications.templates.wording import OURS
from services.notifications.untold import ANOTHER_MAIL, ENROLMENT, Difference, Matter
from shared.contracts.enrolment import Standing, WithdrawalReason
from shared.contracts.model import Language
from shared.contracts.notifications import OfferTold
from tests.campaigns import SHARE, Share, cases
from tests.notifications.building import (
    BEFORE,
    IN_TWO_DAYS,
    LONG_AGO,
    MONDAY,
    NOW,
    TUESDAY,
    addressee,
    content,
    facts,
    meeting,
    notice,
    offered,
    open_notice,
    place,
    said_then,
    session,
)

ENROLLED, LISTED = place(), place(Standing.WAITLISTED)
EXPIRED, DECLINED, OUT = (
    place(Standing.WITHDRAWN, reason=reason)
    for reason in (WithdrawalReason.OFFER_EXPIRED, WithdrawalReason.OFFER_DECLINED, WithdrawalReason.LEFT_TEAM)
)
SOONER = NOW + dt.timedelta(hours=5)
BEGUN = session(meeting("2026-11-20T08:00", "2026-11-20T15:00"))


def offer(its_place: Place | None = None, its_session: Session | None = None, **changes: Any) -> Offer:
    own = {name: changes.pop(name, None) for name in ("lapsed", "told_place", "told_waiting")}
    before, other = changes.pop("held_before", (None, None)), changes.pop("other_is_open", False)
    return Offer(facts(its_place or offered(), its_session, **changes), held_before=before, other_is_open=other, **own)


def differs(told: Told | None, its: Offer, *, now: dt.datetime = NOW, **to: Any) -> Difference | None:
    return its.difference(told, addressee(**to), now=now)


def letter(found: Difference | None) -> str | None:
    return found.letter if found else None


def says(its_session: Session | None = None, until: dt.datetime = IN_TWO_DAYS, at: dt.datetime = BEFORE) -> Content:
    its = its_session or session()
    told = OfferTold(**dict(content(its).says) | {"of": "offer"}, offered_at=at, offered_until=until)
    return Content(hash=f"{its.content}/{microseconds(until)}/{microseconds(at)}", says=told)


def told(said: Content | None = None, *, at: dt.datetime = BEFORE, **changes: Any) -> Told:
    said = (said or says()).model_copy(update=changes)
    return told_after(None, notice(about="offer/session-1", said=said, decided_at=at))


def told_of(about: str, *, at: dt.datetime = NOW) -> Told:
    return told_after(None, notice(about=about, decided_at=at))


def test_whoever_is_offered_a_place_is_told_until_when_it_is_held() -> None:
    found = differs(None, offer())
    assert found is not None
    assert (found.letter, found.says.says) == (OFFER, says().says.model_copy(update={"city_name": "Augustów"}))
    assert differs(told(), offer()) is None


@pytest.mark.parametrize("its_place", [ENROLLED, LISTED, EXPIRED, OUT])
def test_nobody_is_told_of_an_offer_that_there_is_not(its_place: Place) -> None:
    assert differs(None, offer(its_place)) is None


@pytest.mark.parametrize(
    ("its_place", "its_session"),
    [(offered(SOONER), session()), (offered(), session(TUESDAY))],
    ids=["deadline", "moved"],
)
def test_an_offer_is_told_anew_when_its_deadline_or_its_session_moves(its_place: Place, its_session: Session) -> None:
    found = differs(told(), offer(its_place, its_session))
    assert found is not None
    assert (found.letter, found.before and found.before.says.meetings) == (OFFER_CHANGE, (MONDAY,))


def test_another_offer_with_the_same_deadline_is_another_offer() -> None:
    """Whoever let the first pass and was asked again has to know that they are."""
    first = differs(None, offer())
    assert first is not None
    assert letter(differs(told(first.says), offer(offered(offered_at=NOW)))) == OFFER


def test_who_takes_the_place_hears_of_it_from_the_mail_about_the_place_and_not_twice() -> None:
    assert differs(told(), offer(ENROLLED)) is None


def test_who_waits_again_hears_of_it_from_the_mail_about_the_list_and_not_twice() -> None:
    assert differs(told(), offer(LISTED)) is None


@pytest.mark.parametrize(
    ("its_place", "its_session", "because"),
    [
        (EXPIRED, session(), "expired"),
        (DECLINED, session(), "declined"),
        (EXPIRED, session(freeze_hours=96), "expired_closed"),
        (DECLINED, session(closes_at=NOW), "declined_closed"),
        (DECLINED, session(by_oneself=False), "declined_closed"),
        (replace(DECLINED, reason=WithdrawalReason.REQUESTED), session(freeze_hours=96), "declined"),
        (OUT, session(), "ended"),
        (offered(), session(state=CANCELLED), "cancelled"),
        (ENROLLED, session(state=CANCELLED), "cancelled"),
        (LISTED, BEGUN, "begun"),
        (LISTED, session(freeze_hours=96), "frozen"),
        (EXPIRED, BEGUN, "begun"),
    ],
)
def test_an_offer_that_ends_without_a_place_says_why(its_place: Place, its_session: Session, because: str) -> None:
    said = its_session if its_session is BEGUN else session()
    found = differs(told(says(said)), offer(its_place, its_session))
    assert found is not None
    assert (found.letter, found.because, found.says.hash) == (OFFER_ENDED, because, None)
    assert differs(None, offer(its_place, its_session)) is None


def test_a_second_try_says_of_its_end_what_the_first_one_said() -> None:
    its = offer(EXPIRED, session(freeze_hours=96))
    found = differs(told(says()), its)
    assert found is not None
    tried = open_notice(language=Language.PL, content=its.named(found.says, Language.PL), stated_at=NOW)
    before = replace(tried, stated_at=NOW - dt.timedelta(days=5))
    assert (its.mail(tried, found).because, its.mail(before, found).because) == ("expired_closed", "expired")


def test_after_the_deadline_nothing_is_told_before_enrolment_has_spoken() -> None:
    """An answer that was sent in time may be heard late."""
    past = offered(NOW)
    assert differs(None, offer(past)) is None
    assert differs(told(says(until=NOW)), offer(past)) is None


def test_nobody_is_told_of_an_offer_once_the_session_has_begun() -> None:
    assert differs(None, offer(its_session=BEGUN)) is None


def test_whose_place_or_waiting_was_told_since_hears_nothing_of_the_offer() -> None:
    for since in ({"told_place": told_of("place/session-1")}, {"told_waiting": told_of("waiting/session-1")}):
        assert differs(told(), offer(OUT, **since)) is None
    before = told_of("waiting/session-1", at=BEFORE - dt.timedelta(days=1))
    assert letter(differs(told(), offer(OUT, told_waiting=before))) == OFFER_ENDED


def test_who_lost_a_place_hears_first_that_it_is_gone() -> None:
    found = differs(None, offer(told_place=told_of("place/session-1")))
    assert found is not None
    assert found.waits_for == ANOTHER_MAIL


@pytest.mark.parametrize("because_of", [None, "key.a"])
def test_nothing_waits_for_a_mail_about_the_place_that_has_been_given_up(because_of: str | None) -> None:
    """Or who could not be told that their place is gone would not hear, either, that another one is held for them."""
    lost = replace(told_of("place/session-1"), given_up=NOTHING, given_up_for=because_of)
    found = differs(None, offer(told_place=lost), made_of="key.a")
    assert found is not None
    assert found.can_be_told
    tried_again = differs(None, offer(told_place=replace(lost, given_up_for="key.b")), made_of="key.a")
    assert tried_again is not None
    assert tried_again.waits_for == ANOTHER_MAIL


def test_nothing_overtakes_a_mail_about_the_place_or_the_list() -> None:
    for its in (offer(other_is_open=True), offer(OUT, other_is_open=True)):
        found = differs(told(says(session(TUESDAY))), its)
        assert found is not None
        assert found.waits_for == ANOTHER_MAIL


def test_an_offer_is_not_told_before_enrolment_has_heard_of_the_session() -> None:
    found = differs(None, offer(settled=False))
    assert found is not None
    assert found.waits_for == ENROLMENT
    ended = differs(told(), offer(OUT, settled=False))
    assert ended is not None
    assert ended.can_be_told


def test_another_address_is_told_of_the_offer_anew() -> None:
    assert letter(differs(told(mailbox="k.a"), offer(), mailbox="k.b")) == OFFER
    assert differs(told(mailbox="k.a"), offer(), mailbox="k.a") is None


def test_what_was_on_offer_at_go_live_was_told_by_others() -> None:
    known = {"known_before": said_then(session()), "held_before": (BEFORE, IN_TWO_DAYS)}
    assert differs(None, offer(**known)) is None
    assert letter(differs(None, offer(its_session=session(TUESDAY), **known))) == OFFER_CHANGE
    assert letter(differs(None, offer(EXPIRED, **known))) == OFFER_ENDED


def test_who_never_heard_of_an_offer_that_lapsed_is_a_fact() -> None:
    lapsed = said_then(offered(NOW))
    assert isinstance(lapsed, PlaceSaid)
    its = offer(EXPIRED, lapsed=lapsed)
    assert letter(its.missed(None, addressee(contact=None), now=NOW, since=LONG_AGO)) == OFFER
    assert its.missed(told(says(until=NOW)), addressee(), now=NOW, since=LONG_AGO) is None
    given_up = replace(told(), state=Belief.NO, content=None, said=None, until=None, given_up=says(until=NOW).hash)
    assert its.missed(given_up, addressee(), now=NOW, since=LONG_AGO) is None
    assert its.missed(None, addressee(), now=NOW, since=NOW) is None
    heard_late = replace(its, lapsed=replace(lapsed, heard_at=NOW))
    assert heard_late.missed(None, addressee(), now=NOW, since=LONG_AGO) is None


def test_that_an_offer_has_ended_harms_nobody_not_to_know() -> None:
    cancelled = session(state=CANCELLED)
    its = offer(EXPIRED, cancelled, lapsed=said_then(offered(NOW)))
    assert letter(differs(told(), its)) == OFFER_ENDED
    assert its.missed(told(), addressee(), now=NOW, since=LONG_AGO) is None


def test_an_offer_in_doubt_is_followed_by_one_that_says_so() -> None:
    doubted = told_after(None, notice(about="offer/session-1", said=says(), state=NoticeState.UNKNOWN))
    found = differs(doubted, offer(OUT))
    assert found is not None
    assert (found.letter, found.in_doubt) == (OFFER_ENDED, True)


# --- in every order ------------------------------------------------------------------------

TRUE = {
    Standing.ENROLLED: {CONFIRMATION, CHANGE},
    Standing.OFFERED: {OFFER, OFFER_CHANGE},
    Standing.WAITLISTED: {WAITING, WAITING_CHANGE},
    Standing.WITHDRAWN: {CANCELLATION, OFFER_ENDED, WAITING_ENDED},
}
DAYS = (MONDAY, MONDAY, TUESDAY)
MOMENTS = (NOW, NOW + dt.timedelta(hours=6), NOW + dt.timedelta(days=2, hours=1), MONDAY.starts_at)


class History:
    """One person and one session: what is true of them, and what they were told by the three kinds that speak of it."""

    def __init__(self, chance: random.Random, *, in_doubt: bool = False) -> None:
        self.chance = chance
        self.in_doubt = in_doubt
        self.now = NOW
        self.session = session()
        self.place: Place = place(Standing.WAITLISTED)
        self.life = 0
        self.told: dict[str, Told] = {}
        self.mails: list[str] = []

    def goes_on(self) -> None:
        """Something else is true."""
        match self.chance.randrange(6):
            case 0:
                state = self.chance.choice((self.session.state, self.session.state, CANCELLED, session().state))
                self.session = session(self.chance.choice(DAYS), state=state)
            case 1:
                self.now = max(self.now, self.chance.choice(MOMENTS))
            case _:
                standing = self.chance.choice(list(TRUE))
                version = self.place.version + 1
                self.life = self.place.version if standing != self.place.state else self.life
                fields: dict[str, Any] = {}
                if standing is Standing.OFFERED:
                    at, until = self.now + dt.timedelta(microseconds=version), self.chance.choice((SOONER, IN_TWO_DAYS))
                    fields = {"offered_at": at, "offered_until": until}
                if standing is Standing.WITHDRAWN:
                    fields = {"reason": self.chance.choice(list(WithdrawalReason))}
                self.place = place(standing, version=version, **fields)

    def matters(self) -> dict[str, Matter]:
        known = facts(self.place, self.session)
        told_place, told_offer, told_waiting = (self.told.get(name) for name in ("place", "offer", "waiting"))
        return {
            "place": PlaceMatter(known),
            "offer": Offer(known, told_place, False, (None, None), None, told_waiting),
            "waiting": Waiting(known, told_place, False, self.life, None, told_offer),
        }

    def tells(self) -> bool:
        """One of the mails that are due is tried: it arrives, or nobody knows whether it did. Whether there was one."""
        due = {
            name: found
            for name, matter in self.matters().items()
            if (found := matter.difference(self.told.get(name), addressee(), now=self.now)) and found.can_be_told
        }
        if not due:
            return False
        name, found = self.chance.choice(list(due.items()))
        self.now += dt.timedelta(seconds=1)
        before = self.told.get(name)
        states = (NoticeState.SENT, NoticeState.UNKNOWN, NoticeState.OVERTAKEN)
        state = self.chance.choices(states, (8, 1, 1) if self.in_doubt else (1, 0, 0))[0]
        outcome = notice(
            about=f"{name}/session-1", said=found.says, sequence=before.sequence + 1 if before else 0, kind=found.letter,
            decided_at=self.now, state=state, language=Language.PL,
        )  # fmt: skip
        self.told[name] = told_after(before, outcome)
        self.mails.append(found.letter)
        return True

    def is_told_what_is_true(self) -> None:
        for _ in range(20):
            if not self.tells():
                break
        else:
            raise AssertionError(f"mails without end: {self.mails}")

    @property
    def expected(self) -> set[str] | None:
        """The mails of which the last has to be one; None: it cannot be said yet."""
        place, its = self.place, self.session
        if its.state == CANCELLED or (place.state == Standing.WAITLISTED and self.now >= its.starts_at):
            return TRUE[Standing.WITHDRAWN]
        if place.state == Standing.OFFERED:
            is_held = place.offered_until is not None and self.now < min(place.offered_until, its.starts_at)
            return TRUE[Standing.OFFERED] if is_held else None
        return TRUE[place.state]


@pytest.mark.campaign
def test_whatever_happens_the_last_mail_says_what_is_true() -> None:
    """Offered, declined, lapsed, offered again, promoted, cancelled, moved, with mails lost and in doubt: in any order."""
    chance, endings = random.Random(5), Counter[str]()
    for _ in range(cases(4000)):
        history = History(chance, in_doubt=True)
        for _ in range(chance.randint(1, 8)):
            history.goes_on()
            if chance.random() < 0.6:
                history.tells()
        history.is_told_what_is_true()
        expected, mails = history.expected, history.mails
        if expected is None:
            continue
        if not mails:
            assert expected == TRUE[Standing.WITHDRAWN], (history.place, history.session)
            continue
        assert mails[-1] in expected, (mails, history.place, history.session, history.told)
        endings[mails[-1]] += 1
    if SHARE is not Share.TASTE:  # A taste meets what is usual.
        assert set().union(*TRUE.values()) == set(endings), endings
    assert NOTHING not in endings


@pytest.mark.parametrize(
    ("kind", "situation"),
    [("offer", "expired"), ("offer", "declined"), ("waiting", "unheard"), ("refusal", "offer_expired")],
)
def test_of_a_place_that_is_not_theirs_any_more_nobody_reads_that_somebody_has_it_for_perhaps_nobody_waits(
    kind: str, situation: str
) -> None:
    promises = {Language.EN: ("goes to", "went", "gone"), Language.PL: ("dostanie", "przeszło")}
    for language, words in promises.items():
        notice = OURS.kinds[kind][language][situation]
        assert not [one for one in words if one in f"{notice.subject} {notice.heading} {notice.lead}"]


@pytest.mark.campaign
def test_nobody_hears_twice_that_it_is_over() -> None:
    """Three kinds speak of the same thing: only one of them says that it has ended."""
    chance, over = random.Random(6), TRUE[Standing.WITHDRAWN]
    for _ in range(cases(4000)):
        history = History(chance)
        for _ in range(chance.randint(1, 8)):
            history.goes_on()
            if chance.random() < 0.6:
                history.tells()
        history.is_told_what_is_true()
        pairs = zip(history.mails, history.mails[1:], strict=False)
        assert not any({before, after} <= over for before, after in pairs), history.mails
