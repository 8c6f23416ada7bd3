"""What somebody is told whose request for a place was refused: why, once, and what they can do now."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifications.app import SERVICE
from services.notifications.kinds.refusal import MAILED, OPEN_NOW, REFUSED, Refused
from services.notifications.ledger import NOTHING, Told, told_after
from services.notifications.state import CANCELLED, Place, Refusal, Session, refusal_of
from services.notifications.tables import PLACE, REFUSAL
from services.notifications.untold import ANOTHER_MAIL, Difference
from shared.contracts.enrolment import AskedFor, EnrolmentRefused, ParticipantEnrolled, RefusalReason, Standing
from shared.contracts.model import Language
from shared.contracts.notifications import RefusalTold
from shared.contracts.portal import OfferAnswer
from shared.deciding.transaction import Decider
from shared.postgres.database import rows_as
from shared.testing import body_of, heard
from tests.notifications.building import (
    BEFORE,
    IN_TWO_DAYS,
    LONG_AGO,
    NOW,
    addressee,
    content,
    facts,
    meeting,
    notice,
    open_notice,
    place,
    refusal,
    session,
)

NOT_OPEN = refusal(RefusalReason.NOT_OPEN_YET)


def refused(
    its: Refusal | None = None, its_session: Session | None = None, its_place: Place | None = None, **changes: Any
) -> Refused:
    known = replace(facts(its_session=its_session), place=its_place)
    fields: dict[str, Any] = {"told_place": None, "other_is_open": False, "since": LONG_AGO} | changes
    return Refused(known, its or refusal(), **fields)


def differs(its: Refused, told: Told | None = None, *, now: dt.datetime = NOW) -> Difference | None:
    return its.difference(told, addressee(), now=now)


@pytest.mark.parametrize("reason", RefusalReason)
def test_who_asked_for_a_place_is_told_why_there_is_none_where_it_is_of_use(reason: RefusalReason) -> None:
    """Not who has what they asked for, whose newer word counts, to whom nobody writes, or for whom a coordinator asked who is answered."""
    of_no_use = {"already_placed", "withdrawn_since", "asked_since", "person_erased"}
    of_no_use |= {"nominations_closed", "team_by_rule", "not_of_town", "does_not_fit", "session_moved"}
    found = differs(refused(refusal(reason)))
    assert (found.letter if found else None) == (None if reason in of_no_use else REFUSED)
    assert set(MAILED) | of_no_use == set(RefusalReason)


def test_a_refusal_says_which_it_was() -> None:
    found = differs(refused())
    assert found is not None
    assert isinstance(found.says.says, RefusalTold)
    assert (found.says.hash, found.says.says.reason, found.because) == ("event-2", "not_in_team", "not_in_team")


def test_each_refusal_is_told_once() -> None:
    said = content().model_copy(update={"hash": "event-2"})
    told = told_after(None, notice(about="refusal/session-1", said=said))
    assert differs(refused(), told) is None
    assert differs(refused(refusal(event_id="event-3")), told) is not None


@pytest.mark.parametrize(
    "its",
    [
        refusal(RefusalReason.SESSION_STARTED, asked_for=AskedFor.WITHDRAWAL, standing=Standing.ENROLLED),
        refusal(RefusalReason.FROZEN, standing=Standing.ENROLLED),
        refusal(RefusalReason.NO_OFFER, standing=Standing.WAITLISTED),
    ],
    ids=["asked to be out", "has a place", "waits"],
)
def test_who_lacks_nothing_that_they_asked_for_is_told_nothing(its: Refusal) -> None:
    assert differs(refused(its)) is None


def test_what_was_said_of_the_place_since_makes_a_refusal_moot() -> None:
    assert differs(refused(its_place=place(version=3))) is None
    assert differs(refused(its_place=place(Standing.WITHDRAWN, version=1))) is not None
    others = replace(place(heard_at=NOW), source="urn:example:archive")
    assert differs(refused(its_place=others)) is None
    assert differs(refused(its_place=replace(others, heard_at=BEFORE))) is not None


def test_what_was_refused_before_go_live_was_told_by_others() -> None:
    assert differs(refused(since=NOW)) is None


@pytest.mark.parametrize(
    ("its_session", "its", "because"),
    [
        (session(opens_at=IN_TWO_DAYS), NOT_OPEN, "not_open_yet"),
        (session(opens_at=NOW), NOT_OPEN, OPEN_NOW),
        (session(), refusal(RefusalReason.OFFER_EXPIRED), "offer_expired"),
        (session(freeze_hours=96), refusal(RefusalReason.OFFER_EXPIRED), "offer_expired_closed"),
        (session(by_oneself=False), refusal(RefusalReason.NO_PLACE), "no_place_closed"),
        (session(), NOT_OPEN, OPEN_NOW),
        (session(state=CANCELLED), NOT_OPEN, "session_cancelled"),
        (session(meeting("2026-11-20T08:00", "2026-11-20T15:00")), NOT_OPEN, "session_started"),
        (session(), refusal(RefusalReason.FROZEN), "frozen"),
    ],
)
def test_what_somebody_is_told_to_do_is_possible_when_they_read_it(
    its_session: Session, its: Refusal, because: str
) -> None:
    found = differs(refused(its, its_session))
    assert found is not None
    assert found.because == because


def test_a_second_try_says_what_the_first_one_said() -> None:
    its = refused(refusal(RefusalReason.OFFER_EXPIRED), session(freeze_hours=96))
    found = differs(its)
    assert found is not None
    tried = open_notice(language=Language.PL, content=its.named(found.says, Language.PL), stated_at=NOW)
    before = replace(tried, stated_at=NOW - dt.timedelta(days=5))
    assert (its.mail(tried, found).because, its.mail(before, found).because) == (
        "offer_expired_closed",
        "offer_expired",
    )


def test_a_refusal_is_told_until_the_session_is_over() -> None:
    its = refused()
    assert differs(its, now=session().ends_at) is None
    assert its.missed(None, addressee(), now=session().ends_at, since=LONG_AGO) is not None
    assert its.missed(None, addressee(), now=session().ends_at, since=session().ends_at) is None


def test_other_mails_about_the_same_training_go_first() -> None:
    told_place = told_after(None, notice())
    for its in (refused(other_is_open=True), refused(told_place=told_place)):
        found = differs(its)
        assert found is not None
        assert found.waits_for == ANOTHER_MAIL
    unheard = differs(refused(told_place=replace(told_place, given_up=NOTHING)))
    assert unheard is not None
    assert unheard.can_be_told, "nothing waits for what has been given up"


async def test_a_refusal_is_heard_beside_the_place_and_leaves_it_as_it_is(engine: AsyncEngine) -> None:
    ids = {"session_id": "session-1", "person_id": "person-1"}
    enrolled = heard(body_of(ParticipantEnrolled, **ids), source="rollcall/enrolment", version=1, at=BEFORE)
    no = heard(body_of(EnrolmentRefused, **ids), source="rollcall/enrolment", version=2, at=NOW)
    for inputs in ([enrolled], [no]):
        async with engine.begin() as connection:
            await Decider(engine, SERVICE).think(connection, inputs)
    async with engine.connect() as connection:
        (its_place,) = rows_as(Place, await connection.execute(sa.select(PLACE)))
        (its_refusal,) = rows_as(Refusal, await connection.execute(sa.select(REFUSAL)))
    assert (its_place.version, its_place.heard_at) == (1, BEFORE)
    assert (its_refusal.version, its_refusal.reason) == (2, RefusalReason.NOT_IN_TEAM)


@pytest.mark.parametrize(("newest_word", "told"), [(AskedFor.PLACE, True), (AskedFor.WITHDRAWAL, False)])
def test_who_took_an_offer_too_late_is_told_so(newest_word: AskedFor, told: bool) -> None:
    said = body_of(EnrolmentRefused, asked_for=AskedFor.OFFER, last_asked_for=newest_word, reason="offer_expired")
    row = refusal_of(heard(said))
    assert isinstance(row, Refusal)
    assert (differs(refused(replace(row, session_id="session-1"))) is not None) is told


@pytest.mark.parametrize("asked_for", [AskedFor.SUBSTITUTION, AskedFor.NOMINATION])
@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("at_once", [True, False])
async def test_nobody_is_told_what_their_coordinator_asked_in_vain_and_it_replaces_nothing_that_they_asked(
    engine: AsyncEngine, asked_for: AskedFor, is_first: bool, at_once: bool
) -> None:
    """Not while the mail about that is still to leave either."""
    ids: dict[str, Any] = {"session_id": "session-1", "person_id": "person-1", "decided_at": BEFORE}
    their = body_of(EnrolmentRefused, **ids, asked_for=AskedFor.PLACE)
    towns = body_of(EnrolmentRefused, **ids, asked_for=asked_for, reason="not_of_town")
    bodies = [towns, their] if is_first else [their, towns]
    said = [heard(one, source="rollcall/enrolment", version=number) for number, one in enumerate(bodies, 1)]
    for inputs in [said] if at_once else [[one] for one in said]:
        async with engine.begin() as connection:
            await Decider(engine, SERVICE).think(connection, inputs)
    async with engine.connect() as connection:
        (row,) = rows_as(Refusal, await connection.execute(sa.select(REFUSAL)))
    assert (row.asked_for, row.reason) == (AskedFor.PLACE, RefusalReason.NOT_IN_TEAM)
    assert differs(refused(row)) is not None


@pytest.mark.parametrize("newest_word", [AskedFor.PLACE, AskedFor.WITHDRAWAL, None])
@pytest.mark.parametrize(("answered", "told"), [(OfferAnswer.ACCEPT, True), (OfferAnswer.DECLINE, False)])
def test_who_accepts_too_late_is_told_so_whoever_had_asked_for_the_place_and_who_declines_is_not(
    answered: OfferAnswer, told: bool, newest_word: AskedFor | None
) -> None:
    fields = {"last_asked_for": newest_word, "reason": "offer_expired", "answered": answered}
    row = refusal_of(heard(body_of(EnrolmentRefused, asked_for=AskedFor.OFFER, **fields)))
    assert isinstance(row, Refusal)
    assert (differs(refused(replace(row, session_id="session-1"))) is not None) is told
