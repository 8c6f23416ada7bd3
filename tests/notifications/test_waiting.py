"""What somebody on a waiting list is told, and what the mail about their place says instead."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from services.notifications.kinds.waiting import WAITING, WAITING_CHANGE, WAITING_ENDED, Waiting
from services.notifications.ledger import NOTHING, Belief, Content, NoticeState, Told, told_after
from services.notifications.state import CANCELLED, Place, Session
from services.notifications.untold import ANOTHER_MAIL, ENROLMENT, Difference
from shared.contracts.enrolment import Standing
from shared.contracts.model import Language
from tests.notifications.building import (
    BEFORE,
    LONG_AGO,
    MONDAY,
    NOW,
    TUESDAY,
    addressee,
    content,
    facts,
    meeting,
    notice,
    open_notice,
    place,
    said_then,
    session,
)

LISTED, ENROLLED, WITHDRAWN = place(Standing.WAITLISTED), place(), place(Standing.WITHDRAWN)
BEGUN = session(meeting("2026-11-20T08:00", "2026-11-20T15:00"))
"""An hour ago in Warsaw."""
EARLY = NOW - dt.timedelta(days=9)
FROZEN = session(freeze_hours=96, heard_at=EARLY)
"""Since yesterday."""


def waiting(its_place: Place = LISTED, its_session: Session | None = None, **changes: Any) -> Waiting:
    life = {name: changes.pop(name, None) for name in ("life_before", "told_place", "told_offer")}
    own = {"life": changes.pop("life", 0), "other_is_open": changes.pop("other_is_open", False)}
    return Waiting(facts(its_place, its_session, **changes), **own, **life)


def differs(told: Told | None, its: Waiting, *, now: dt.datetime = NOW, **to: Any) -> Difference | None:
    return its.difference(told, addressee(**to), now=now)


def letter(found: Difference | None) -> str | None:
    return found.letter if found else None


def told(its_session: Session | None = None, life: int = 0, *, at: dt.datetime = BEFORE, **changes: Any) -> Told:
    """They were told that they wait."""
    its = its_session or session()
    said = content(its).model_copy(update={"hash": f"{its.content}/{life}"} | changes)
    return told_after(None, notice(about="waiting/session-1", said=said, decided_at=at))


def told_of_place(said: Content | None = None, *, at: dt.datetime = NOW, off: bool = False) -> Told:
    its = said or content()
    its = its.model_copy(update={"hash": None}) if off else its
    return told_after(None, notice(said=its, decided_at=at))


def test_who_is_on_the_waiting_list_is_told_so_once() -> None:
    assert letter(differs(None, waiting())) == WAITING
    assert differs(told(), waiting()) is None


@pytest.mark.parametrize("its_place", [ENROLLED, WITHDRAWN])
def test_nobody_is_told_of_a_list_they_are_not_on(its_place: Place) -> None:
    assert differs(None, waiting(its_place)) is None


def test_a_session_that_moves_is_told_to_who_waits_with_what_was_told_before() -> None:
    found = differs(told(), waiting(its_session=session(TUESDAY)))
    assert found is not None
    assert (found.letter, found.before and found.before.says.meetings) == (WAITING_CHANGE, (MONDAY,))


def test_a_mail_about_a_place_that_came_back_has_not_said_that_the_waiting_is_over() -> None:
    unread = told_after(told_of_place(), notice(said=content(), state=NoticeState.BOUNCED, decided_at=NOW))
    assert letter(differs(told(), waiting(WITHDRAWN, told_place=unread))) == WAITING_ENDED


def test_who_gets_a_place_is_told_by_the_mail_about_the_place_and_not_twice() -> None:
    assert differs(told(), waiting(ENROLLED)) is None
    assert differs(told(), waiting(ENROLLED, told_place=told_of_place())) is None


def test_who_lost_the_place_again_hears_of_it_from_the_mail_about_the_place() -> None:
    assert differs(told(), waiting(WITHDRAWN, told_place=told_of_place(off=True))) is None


def test_who_had_a_place_that_nobody_told_them_of_hears_that_waiting_has_ended() -> None:
    assert letter(differs(told(), waiting(WITHDRAWN))) == WAITING_ENDED


@pytest.mark.parametrize(
    ("its_place", "its_session", "because"),
    [
        (LISTED, session(state=CANCELLED), "cancelled"),
        (ENROLLED, session(state=CANCELLED), "cancelled"),
        (WITHDRAWN, session(), "withdrawn"),
        (LISTED, BEGUN, "begun"),
        (LISTED, FROZEN, "frozen"),
        (LISTED, replace(BEGUN, freeze_hours=96), "begun"),
    ],
)
def test_waiting_that_ends_without_a_place_says_why(its_place: Place, its_session: Session, because: str) -> None:
    said = its_session if its_session.meetings == BEGUN.meetings else session()
    found = differs(told(said), waiting(its_place, its_session))
    assert found is not None
    assert (found.letter, found.because, found.says.says.meetings) == (WAITING_ENDED, because, said.meetings)
    assert differs(None, waiting(its_place, its_session)) is None


def test_in_a_session_announced_within_its_freeze_one_waits_until_it_begins() -> None:
    late = replace(FROZEN, heard_at=NOW)
    assert differs(told(), waiting(its_session=late)) is None
    assert letter(differs(told(), waiting(its_session=late, announced_at=EARLY))) == WAITING_ENDED


def test_who_was_told_that_the_list_is_closed_waits_again_where_the_session_moves_away_from_its_freeze() -> None:
    closed = told_after(told(), notice(about="waiting/session-1", said=content().model_copy(update={"hash": None})))
    assert differs(closed, waiting(its_session=FROZEN)) is None
    assert letter(differs(closed, waiting(its_session=replace(FROZEN, freeze_hours=0)))) == WAITING


def test_a_second_try_says_of_the_end_of_waiting_what_the_first_one_said() -> None:
    its = waiting(its_session=replace(BEGUN, freeze_hours=96))
    found = differs(told(BEGUN), its)
    assert found is not None
    tried = open_notice(language=Language.PL, content=its.named(found.says, Language.PL), stated_at=NOW)
    before = replace(tried, stated_at=NOW - dt.timedelta(days=2))
    assert (its.mail(tried, found).because, its.mail(before, found).because) == ("begun", "frozen")


def test_who_never_heard_that_they_waited_is_a_fact_once_the_list_is_closed() -> None:
    its, at = waiting(its_session=FROZEN), FROZEN.starts_at - dt.timedelta(hours=96)
    assert its.missed(None, addressee(contact=None), now=at - dt.timedelta(seconds=1), since=LONG_AGO) is None
    assert letter(its.missed(None, addressee(contact=None), now=NOW, since=LONG_AGO)) == WAITING


def test_the_end_is_told_until_the_session_is_over_and_not_after() -> None:
    assert differs(told(BEGUN), waiting(its_session=BEGUN), now=BEGUN.ends_at) is None


def test_who_waits_again_after_a_place_is_told_again() -> None:
    """The same session, another waiting."""
    lost = told_of_place(off=True)
    assert letter(differs(told(), waiting(life=4, told_place=lost))) == WAITING
    assert differs(told(life=4, at=NOW), waiting(life=4, told_place=lost)) is None


def test_who_loses_a_place_to_the_waiting_list_hears_first_that_it_is_gone() -> None:
    found = differs(None, waiting(told_place=told_of_place()))
    assert found is not None
    assert (found.letter, found.waits_for) == (WAITING, ANOTHER_MAIL)
    assert letter(differs(None, waiting(told_place=told_of_place(off=True)))) == WAITING
    unheard = differs(None, waiting(told_place=replace(told_of_place(), given_up=NOTHING)))
    assert unheard is not None
    assert unheard.can_be_told, "nothing waits for what has been given up"


def test_nothing_overtakes_a_mail_about_the_place_that_is_on_its_way() -> None:
    for its in (waiting(other_is_open=True), waiting(WITHDRAWN, other_is_open=True)):
        found = differs(told(session(TUESDAY)), its)
        assert found is not None
        assert found.waits_for == ANOTHER_MAIL


def test_nobody_is_told_that_they_wait_before_enrolment_has_spoken() -> None:
    found = differs(None, waiting(settled=False))
    assert found is not None
    assert found.waits_for == ENROLMENT
    ended = differs(told(), waiting(its_session=session(state=CANCELLED), settled=False))
    assert ended is not None
    assert ended.can_be_told


def test_another_address_is_told_of_the_waiting_anew() -> None:
    known = told(mailbox="k.a")
    assert letter(differs(known, waiting(), mailbox="k.b")) == WAITING
    assert differs(known, waiting(), mailbox="k.a") is None


def test_who_was_on_the_list_at_go_live_hears_of_changes_only() -> None:
    known = said_then(session())
    assert differs(None, waiting(known_before=known, life_before=0)) is None
    assert letter(differs(None, waiting(WITHDRAWN, known_before=known, life_before=0))) == WAITING_ENDED
    assert (
        letter(differs(None, waiting(its_session=session(TUESDAY), known_before=known, life_before=0)))
        == WAITING_CHANGE
    )


def test_who_never_heard_that_they_waited_is_a_fact_once_the_session_begins() -> None:
    its = waiting(its_session=BEGUN)
    missed = its.missed(None, addressee(contact=None), now=NOW, since=LONG_AGO)
    assert letter(missed) == WAITING
    recorded = replace(told(BEGUN), state=Belief.NO, content=None, said=None, until=None, given_up=f"{BEGUN.content}/0")
    assert its.missed(recorded, addressee(), now=NOW, since=LONG_AGO) is None
    assert its.missed(None, addressee(), now=BEGUN.starts_at - dt.timedelta(seconds=1), since=LONG_AGO) is None


def test_who_was_not_told_of_the_end_by_the_end_of_the_session_is_a_fact() -> None:
    its = waiting(its_session=BEGUN)
    assert letter(its.missed(told(BEGUN), addressee(), now=BEGUN.ends_at, since=LONG_AGO)) == WAITING_ENDED
    assert its.missed(told(BEGUN), addressee(), now=BEGUN.ends_at, since=BEGUN.ends_at) is None


def test_a_waiting_mail_in_doubt_is_followed_by_one_that_says_so() -> None:
    said = content().model_copy(update={"hash": f"{session().content}/0"})
    doubted = told_after(None, notice(about="waiting/session-1", said=said, state=NoticeState.UNKNOWN))
    found = differs(doubted, waiting(its_session=session(state=CANCELLED)))
    assert found is not None
    assert (found.letter, found.in_doubt) == (WAITING_ENDED, True)


def test_who_waits_again_is_told_that_a_place_was_held_only_if_an_offer_was_the_last_they_heard_of() -> None:
    """Else it is long ago, and what they lost since is a place."""
    offered = told_after(None, notice(about="offer/session-1", decided_at=BEFORE))
    lost = told_of_place(off=True)
    for its, because in (
        (waiting(told_offer=offered), "again"),
        (waiting(told_offer=offered, told_place=lost, life=4), None),
    ):
        found = differs(None, its)
        assert found is not None
        assert (found.letter, found.because) == (WAITING, because)
    known = replace(told(life=0, at=NOW), told_at=NOW)
    again = differs(known, waiting(told_offer=offered, life=6))
    assert again is not None
    assert again.because is None
