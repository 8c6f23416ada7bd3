"""A notice is the difference between what is true and what was told, and nothing else."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from services.notifications.app import SERVICE
from services.notifications.decisions import (
    Attempt,
    Outcome,
    Result,
    claim,
    operator_says,
    settle,
)
from services.notifications.kinds.refusal import REFUSED as REFUSED_MAIL
from services.notifications.ledger import UNRENDERABLE, Belief, Notice, NoticeState, OpenNotice, Told
from services.notifications.letters import CANCELLATION, CHANGE, CONFIRMATION
from services.notifications.state import CANCELLED, SCHEDULED, Place, Session
from services.notifications.untold import ENROLMENT, Difference, Truth
from shared.contracts.enrolment import Standing
from shared.contracts.model import Language
from shared.contracts.notifications import NoticeFailed
from tests.campaigns import cases
from tests.mind import knowing_all
from tests.notifications.building import (
    BEFORE,
    LONG_AGO,
    MONDAY,
    NOW,
    TERMS,
    TUESDAY,
    addressee,
    contact,
    meeting,
    open_notice,
    person,
    place,
    session,
    truth,
)
from tests.notifications.test_refusal import refused

SENT = Outcome(Result.SENT, "sent")
LATER = Outcome(Result.LATER, "smtp_450")
REFUSED = Outcome(Result.REFUSED, "smtp_550")
DOUBTFUL = Outcome(Result.DOUBTFUL, "no_answer")
NOT_TRIED = Outcome(Result.NOT_TRIED, "sender_smtp_530")
WITHDRAWN, WAITLISTED = place(Standing.WITHDRAWN), place(Standing.WAITLISTED)


class Ledger:
    """One person's place, with what was told about it, without a database."""

    def __init__(self) -> None:
        self.numbers = iter(range(1, 1000))
        service = replace(SERVICE, new_id=lambda: f"event-{next(self.numbers)}")
        self.working = knowing_all(service, service.working(NOW))
        self.notices = 0

    @property
    def told(self) -> Told | None:
        return self.working[Told].get("person-1", "place/session-1")

    @property
    def notice(self) -> OpenNotice | None:
        return self.working[OpenNotice].get("person-1", "place/session-1")

    def differs(
        self,
        its_place: Place | None = None,
        its_session: Session | None = None,
        now: dt.datetime = NOW,
        **known: Any,
    ) -> Difference | None:
        return truth(its_place, its_session, **known).difference(self.told, now=now)

    def claim(self, known: Truth | None = None) -> Attempt | None:
        """Takes the open notice, or a new one."""
        if self.notice is None:
            self.notices += 1
            self.working[OpenNotice].put(open_notice(notice_id=f"notice-{self.notices}"))
        assert self.notice is not None
        return claim(self.working, self.notice, known or truth(), "lease-1", TERMS)

    def attempt(self, outcome: Outcome, known: Truth | None = None) -> str:
        taken = self.claim(known)
        assert taken is not None
        settle(self.working, taken.notice, outcome, TERMS)
        return taken.difference.letter

    def believed(self) -> str | None:
        return self.told.state.value if self.told else None

    def outcome(self) -> tuple[str, str | None]:
        """Code and problem of the last mail that failed."""
        body = self.working.said[-1].body
        assert isinstance(body, NoticeFailed)
        return body.code, body.problem

    def codes(self) -> list[str]:
        return [getattr(said.body, "code", "sent") for said in self.working.said]


def kind(found: Difference | None) -> str | None:
    return found.letter if found else None


# --- what has to be told -------------------------------------------------------------------


def test_a_place_nobody_was_told_of_is_confirmed() -> None:
    assert kind(Ledger().differs()) == CONFIRMATION


@pytest.mark.parametrize("its_place", [WITHDRAWN, WAITLISTED])
def test_nobody_is_told_of_a_place_they_never_knew_they_had(its_place: Place) -> None:
    assert Ledger().differs(its_place) is None


def test_what_was_told_and_is_true_needs_no_mail() -> None:
    ledger = Ledger()
    ledger.attempt(SENT)
    assert ledger.differs() is None


def test_a_moved_session_is_told_with_what_was_told_before() -> None:
    ledger = Ledger()
    ledger.attempt(SENT)
    found = ledger.differs(its_session=session(TUESDAY))
    assert found is not None
    assert found.letter == CHANGE
    assert (found.before and found.before.says.meetings, found.says.says.meetings) == ((MONDAY,), (TUESDAY,))


def test_moved_and_moved_back_before_anything_left_sends_nothing() -> None:
    ledger = Ledger()
    ledger.attempt(SENT)
    ledger.working[OpenNotice].put(open_notice(notice_id="notice-change"))  # Planned while it was on Tuesday.
    assert ledger.claim(truth(its_session=session(MONDAY, heard_at=NOW))) is None
    assert ledger.notice is None
    assert ledger.codes() == ["sent"]


@pytest.mark.parametrize("its_place", [WITHDRAWN, WAITLISTED])
def test_who_loses_a_place_they_were_told_of_gets_a_cancellation(its_place: Place) -> None:
    ledger = Ledger()
    ledger.attempt(SENT)
    found = ledger.differs(its_place)
    assert found is not None
    assert (found.letter, found.because, found.says.says.meetings) == (CANCELLATION, None, (MONDAY,))


def test_a_cancelled_session_says_that_it_is_the_session() -> None:
    ledger = Ledger()
    ledger.attempt(SENT)
    found = ledger.differs(its_session=session(state=CANCELLED))
    assert found is not None
    assert found.because == CANCELLED


def test_who_comes_back_is_confirmed_again_with_a_higher_sequence() -> None:
    ledger = Ledger()
    ledger.attempt(SENT)
    assert ledger.attempt(SENT, truth(WITHDRAWN)) == CANCELLATION
    assert ledger.attempt(SENT) == CONFIRMATION
    assert ledger.told is not None
    assert (ledger.told.sequence, ledger.told.state) == (2, Belief.YES)


def test_nothing_is_told_of_a_session_that_is_over() -> None:
    ledger = Ledger()
    over = session().ends_at
    assert ledger.differs(now=over) is None
    ledger.attempt(SENT)
    assert ledger.differs(WITHDRAWN, now=over) is None
    assert kind(ledger.differs(now=over - dt.timedelta(seconds=1), its_place=WITHDRAWN)) == CANCELLATION


def test_what_stood_before_go_live_is_not_told_however_often_it_is_said_again() -> None:
    assert Ledger().differs(known_before=session()) is None
    assert Ledger().differs(place(heard_at=NOW), session(heard_at=NOW), known_before=session()) is None


def test_a_place_from_before_go_live_hears_of_changes_since() -> None:
    moved, cancelled = session(TUESDAY), session(state=CANCELLED)
    found = Ledger().differs(its_session=moved, known_before=session())
    assert found is not None
    assert (found.letter, found.told_by_others) == (CHANGE, True)
    assert found.before is not None
    assert found.before.says.meetings == (MONDAY,)
    assert kind(Ledger().differs(its_session=cancelled, known_before=session())) == CANCELLATION
    assert kind(Ledger().differs(known_before=session(state=CANCELLED))) == CONFIRMATION


@pytest.mark.parametrize("its_place", [WITHDRAWN, WAITLISTED])
def test_a_place_from_before_go_live_that_ends_after_it_is_called_off(its_place: Place) -> None:
    """Whoever had it knows of it by other ways, and goes there if nobody says that it ended."""
    found = Ledger().differs(its_place, session(TUESDAY), known_before=session())
    assert found is not None
    assert (found.letter, found.says.says.meetings) == (CANCELLATION, (MONDAY,))


def test_who_could_not_be_told_of_a_change_still_believes_what_others_said() -> None:
    ledger, known = Ledger(), session()
    ledger.attempt(REFUSED, truth(its_session=session(TUESDAY), known_before=known))
    assert is_given_up(ledger.differs(its_session=session(TUESDAY), known_before=known))
    assert ledger.differs(known_before=known) is None
    assert kind(ledger.differs(WITHDRAWN, session(TUESDAY), known_before=known)) == CANCELLATION


def test_a_place_from_before_go_live_is_told_that_what_was_ahead_has_taken_place() -> None:
    found = Ledger().differs(its_session=YESTERDAY, known_before=session())
    assert found is not None
    assert (found.letter, found.is_ahead) == (CHANGE, False)


# --- attempts ------------------------------------------------------------------------------


def test_a_withdrawal_after_an_ambiguous_confirmation_sends_its_cancellation() -> None:
    ledger = Ledger()
    ledger.attempt(DOUBTFUL)
    assert ledger.claim(truth(WITHDRAWN)) is None
    assert ledger.codes() == ["overtaken"]
    assert ledger.believed() == "maybe"
    assert ledger.attempt(SENT, truth(WITHDRAWN)) == CANCELLATION
    assert ledger.believed() == "no"


def test_a_withdrawal_after_a_confirmation_that_certainly_did_not_leave_sends_nothing() -> None:
    ledger = Ledger()
    ledger.attempt(LATER)
    assert ledger.claim(truth(WITHDRAWN)) is None
    assert (ledger.notice, ledger.codes(), ledger.told) == (None, [], None)


def test_an_ambiguous_attempt_gets_one_more_try_as_the_same_mail() -> None:
    ledger = Ledger()
    first = ledger.claim()
    assert first is not None
    settle(ledger.working, first.notice, DOUBTFUL, TERMS)
    ledger.working.now = NOW + dt.timedelta(minutes=1)
    second = ledger.claim()
    assert second is not None
    assert (second.notice.notice_id, second.notice.stated_at, second.notice.sequence) == (
        first.notice.notice_id,
        first.notice.stated_at,
        first.notice.sequence,
    )


def test_a_second_ambiguous_attempt_is_parked_for_an_operator() -> None:
    ledger = Ledger()
    ledger.attempt(DOUBTFUL)
    ledger.attempt(DOUBTFUL)
    assert ledger.codes() == ["outcome_unknown"]
    assert ledger.notice is None
    assert ledger.differs() is None


def test_a_lease_that_ran_out_is_an_ambiguous_attempt() -> None:
    ledger = Ledger()
    assert ledger.claim() is not None  # Its process dies here.
    again = ledger.claim()
    assert again is not None
    assert again.notice.doubts == 1
    assert ledger.claim() is None
    assert ledger.codes() == ["outcome_unknown"]


def test_a_refusal_for_good_is_not_tried_again_until_the_truth_changes() -> None:
    ledger = Ledger()
    ledger.attempt(REFUSED)
    assert ledger.codes() == ["smtp_550"]
    assert is_given_up(ledger.differs())
    assert ledger.claim() is None
    assert ledger.differs(WITHDRAWN) is None
    assert kind(ledger.differs(its_session=session(TUESDAY))) == CONFIRMATION


def test_a_refused_change_leaves_told_what_was_told_before() -> None:
    ledger = Ledger()
    ledger.attempt(SENT)
    ledger.attempt(REFUSED, truth(its_session=session(TUESDAY)))
    assert ledger.told is not None
    assert (ledger.told.state, ledger.told.content) == (Belief.YES, session().content)
    assert ledger.differs() is None  # Moved back: that is what they were told.


def test_a_refusal_after_an_ambiguous_attempt_is_unknown_not_failed() -> None:
    ledger = Ledger()
    ledger.attempt(DOUBTFUL)
    ledger.attempt(REFUSED)
    assert ledger.codes() == ["outcome_unknown"]


def tried(ledger: Ledger, outcome: Outcome, for_days: float, known: Truth | None = None) -> list[float]:
    """Attempts as they become due, for so long; returns the pauses between them in seconds."""
    pauses, until = [], ledger.working.now + dt.timedelta(days=for_days)
    while ledger.working.now < until:
        ledger.attempt(outcome, known)
        if ledger.notice is None:
            break
        pauses.append((ledger.notice.next_attempt_at - ledger.working.now).total_seconds())
        ledger.working.now = ledger.notice.next_attempt_at
    return pauses


FAR = session(meeting("2026-12-21T09:00", "2026-12-21T15:00"))


def test_refusals_for_now_are_tried_for_days_later_and_later() -> None:
    ledger = Ledger()
    pauses = tried(ledger, LATER, 4.9, truth(its_session=FAR))
    assert pauses[:6] == [2, 2, 4, 8, 16, 32]
    assert set(pauses[12:]) == {TERMS.retry_most_seconds}
    assert ledger.codes() == []
    tried(ledger, LATER, 0.2, truth(its_session=FAR))
    assert ledger.codes() == ["smtp_450"]
    assert is_given_up(ledger.differs(its_session=FAR))


def test_another_address_is_tried_for_days_of_its_own() -> None:
    ledger = Ledger()
    tried(ledger, LATER, 4.9, truth(its_session=FAR, mailbox="k.old"))
    assert tried(ledger, LATER, 4.9, truth(its_session=FAR, mailbox="k.new"))[:3] == [2, 2, 4]
    assert ledger.codes() == []


def test_a_server_that_refuses_us_burns_no_attempts_and_no_days() -> None:
    ledger = Ledger()
    for day in range(9):
        ledger.working.now = NOW + dt.timedelta(days=day)
        ledger.attempt(NOT_TRIED, truth(its_session=FAR))
    assert ledger.notice is not None
    assert (ledger.notice.attempts, ledger.notice.problem, ledger.codes()) == (0, "sender_smtp_530", [])
    ledger.attempt(LATER, truth(its_session=FAR))
    assert ledger.codes() == []


def test_who_was_put_off_until_the_session_was_over_does_not_look_as_if_they_had_been_told() -> None:
    ledger = Ledger()
    tried(ledger, LATER, 2)
    ledger.working.now = session().ends_at
    assert ledger.claim() is None
    assert (ledger.notice, ledger.outcome()) == (None, ("too_late", "smtp_450"))


@pytest.mark.parametrize(
    ("known", "problem"),
    [
        ({"contact": None}, "contact"),
        ({"person": None}, "person"),
        ({"city_name": None}, "town"),
        ({"topic_names": None}, "topic"),
        ({"settled": False}, "enrolment"),
        ({}, None),
    ],
)
def test_who_was_told_nothing_until_the_session_was_over_ends_as_a_fact_that_says_why(
    known: Any, problem: str | None
) -> None:
    ledger = Ledger()
    ledger.working.now = session().ends_at
    assert ledger.claim(truth(**known)) is None
    assert (ledger.notice, ledger.outcome()) == (None, ("too_late", problem))
    assert truth(**known).missed(ledger.told, now=ledger.working.now, since=LONG_AGO) is None  # It is said once.


def test_a_server_that_refused_us_until_the_session_was_over_leaves_a_fact_for_everybody_it_kept_from_knowing() -> None:
    ledger = Ledger()
    ledger.attempt(NOT_TRIED)
    ledger.working.now = session().ends_at
    assert ledger.claim() is None
    assert ledger.outcome() == ("too_late", "sender_smtp_530")


@pytest.mark.parametrize(
    "known",
    [
        truth(WITHDRAWN),
        truth(place(heard_at=session().ends_at)),
        truth(its_session=session(heard_at=session().ends_at)),
        truth(known_before=session()),
        truth(contact=replace(contact(), erased=True)),  # type: ignore[type-var]
    ],
    ids=["no place", "given afterwards", "said afterwards", "told by others", "forgotten"],
)
def test_nobody_missed_what_they_did_not_have_to_be_told(known: Truth) -> None:
    ledger = Ledger()
    ledger.working.now = session().ends_at + dt.timedelta(hours=1)
    assert ledger.claim(known) is None
    assert ledger.codes() == []


def test_nothing_was_missed_of_what_ended_before_go_live() -> None:
    assert truth().missed(None, now=session().ends_at, since=session().ends_at) is None
    assert (
        kind(truth().missed(None, now=session().ends_at, since=session().ends_at - dt.timedelta(seconds=1)))
        == CONFIRMATION
    )


def test_a_mail_in_doubt_whose_session_is_over_stays_in_doubt() -> None:
    ledger = Ledger()
    ledger.attempt(DOUBTFUL)
    ledger.working.now = session().ends_at
    assert ledger.claim() is None
    assert ledger.codes() == ["outcome_unknown"]


def test_a_mail_in_doubt_is_not_tried_again_once_what_it_said_to_be_ahead_has_passed() -> None:
    """Told of a day in December for certain; of Monday perhaps."""
    ledger = Ledger()
    ledger.attempt(SENT, truth(its_session=FAR))
    ledger.attempt(DOUBTFUL)
    ledger.working.now = session().ends_at
    assert ledger.claim() is None
    assert ledger.codes() == ["sent", "overtaken"]
    found = ledger.differs(now=ledger.working.now)
    assert found is not None
    assert (found.letter, found.is_ahead) == (CHANGE, False)


# --- what giving up depended on ------------------------------------------------------------


def is_given_up(found: Difference | None) -> bool:
    return found is not None and found.given_up


@pytest.mark.parametrize("outcome", [REFUSED, Outcome(Result.REFUSED, UNRENDERABLE)], ids=lambda one: one.code)
def test_what_was_given_up_is_tried_again_once_anything_it_was_made_of_is_another(outcome: Outcome) -> None:
    ledger = Ledger()
    ledger.attempt(outcome, truth(made_of="k.old"))
    assert is_given_up(ledger.differs(made_of="k.old"))
    corrected = truth(made_of="k.new")
    assert not is_given_up(ledger.differs(made_of="k.new"))
    assert ledger.attempt(SENT, corrected) == CONFIRMATION
    assert ledger.differs(made_of="k.newer") is None


def test_a_fact_that_does_not_say_what_was_given_up_equals_anything() -> None:
    ledger = Ledger()
    ledger.attempt(REFUSED, truth(made_of=None))
    assert is_given_up(ledger.differs(made_of="k.new"))
    ledger.attempt(REFUSED, truth(its_session=session(TUESDAY), made_of="other-key.old"))
    assert is_given_up(ledger.differs(its_session=session(TUESDAY), made_of="k.new"))


def test_a_cancellation_that_was_given_up_is_tried_at_the_corrected_address() -> None:
    ledger = Ledger()
    ledger.attempt(SENT, truth(mailbox="k.a", made_of="k.a"))
    ledger.attempt(REFUSED, truth(WITHDRAWN, mailbox="k.a", made_of="k.a"))
    assert is_given_up(ledger.differs(WITHDRAWN, mailbox="k.a", made_of="k.a"))
    assert ledger.attempt(SENT, truth(WITHDRAWN, mailbox="k.b", made_of="k.b")) == CANCELLATION


def test_an_operator_who_gives_a_failed_notice_another_chance_forgets_no_earlier_doubt() -> None:
    ledger = Ledger()
    ledger.attempt(DOUBTFUL)
    assert ledger.claim(truth(its_session=session(TUESDAY))) is None  # Overtaken: Monday may have been told.
    ledger.attempt(REFUSED, truth(its_session=session(TUESDAY)))
    settled_by_operator(ledger, sent=False)
    assert ledger.believed() == "maybe"
    assert kind(ledger.differs(WITHDRAWN)) == CANCELLATION


def test_a_failure_leaves_an_earlier_doubt_to_the_operator() -> None:
    """The cancellation may have arrived; the place was given again and could not be told; then the session was cancelled."""
    ledger = Ledger()
    ledger.attempt(SENT)
    for _ in range(2):
        ledger.attempt(DOUBTFUL, truth(WITHDRAWN))
    ledger.attempt(REFUSED)
    assert ledger.differs(its_session=session(state=CANCELLED)) is None
    assert ledger.believed() == "maybe"
    settled_by_operator(ledger, sent=False)
    assert kind(ledger.differs(its_session=session(state=CANCELLED))) == CANCELLATION
    assert ledger.differs() is None  # What was told for certain is so again.


# --- the address is part of what was told --------------------------------------------------

A, B = "k.a", "k.b"


def at(mailbox: str | None, its_place: Place | None = None, its_session: Session | None = None) -> Truth:
    return truth(its_place, its_session, mailbox=mailbox, made_of=mailbox)


def test_another_address_gets_a_confirmation_and_nothing_is_called_a_change() -> None:
    ledger = Ledger()
    ledger.attempt(SENT, at(A))
    assert ledger.differs(mailbox=A) is None
    found = ledger.differs(its_session=session(TUESDAY), mailbox=B)
    assert found is not None
    assert (found.letter, found.before) == (CONFIRMATION, None)
    assert ledger.attempt(SENT, at(B)) == CONFIRMATION
    assert ledger.differs(mailbox=B) is None
    assert ledger.attempt(SENT, at(B, its_session=session(TUESDAY))) == CHANGE
    assert ledger.attempt(SENT, at(B, WITHDRAWN)) == CANCELLATION


def test_a_cancellation_goes_to_the_new_address() -> None:
    ledger = Ledger()
    ledger.attempt(SENT, at(A))
    assert ledger.attempt(SENT, at(B, WITHDRAWN)) == CANCELLATION
    assert ledger.differs(WITHDRAWN, mailbox="k.c") is None


def test_back_at_the_old_address_before_anything_left_sends_nothing() -> None:
    ledger = Ledger()
    ledger.attempt(SENT, at(A))
    ledger.attempt(LATER, at(B))
    assert ledger.claim(at(A)) is None
    assert (ledger.notice, ledger.codes()) == (None, ["sent"])


def test_back_at_the_old_address_after_the_new_one_was_told_confirms_there_again() -> None:
    ledger = Ledger()
    for mailbox in (A, B, A):
        assert ledger.attempt(SENT, at(mailbox)) == CONFIRMATION
    assert ledger.told is not None
    assert ledger.told.sequence == 2


def test_an_address_that_is_not_known_to_be_another_gets_nothing() -> None:
    for then, now in ((None, B), (A, None), ("other-key.a", B)):
        ledger = Ledger()
        ledger.attempt(SENT, at(then))
        assert ledger.differs(mailbox=now) is None


def test_a_second_try_says_what_the_first_one_said_or_is_none() -> None:
    """Some mails are known by less than they say, and who has one is never shown another one under its Message-ID."""
    ledger = Ledger()
    assert ledger.attempt(DOUBTFUL, Truth(refused(), addressee())) == REFUSED_MAIL
    moved = Truth(refused(its_session=session(TUESDAY)), addressee())
    assert ledger.claim(moved) is None
    assert ledger.codes() == ["overtaken"]
    assert ledger.attempt(SENT, moved) == REFUSED_MAIL


def test_an_address_that_changes_while_a_mail_is_in_doubt_gets_a_mail_of_its_own() -> None:
    ledger = Ledger()
    ledger.attempt(DOUBTFUL, at(A))
    assert ledger.claim(at(B)) is None
    assert ledger.codes() == ["overtaken"]
    assert ledger.attempt(SENT, at(B)) == CONFIRMATION


def test_an_operator_who_finds_that_the_new_address_was_not_told_has_it_told() -> None:
    ledger = Ledger()
    ledger.attempt(SENT, at(A))
    ledger.attempt(DOUBTFUL, at(B))
    ledger.attempt(DOUBTFUL, at(B))
    assert ledger.differs(mailbox=B) is None
    settled_by_operator(ledger, sent=False)
    assert ledger.differs(mailbox=A) is None
    assert kind(ledger.differs(mailbox=B)) == CONFIRMATION


def test_nothing_goes_to_a_new_address_about_a_session_that_is_over() -> None:
    ledger = Ledger()
    ledger.attempt(SENT, at(A))
    assert ledger.differs(mailbox=B, now=session().ends_at) is None


def test_a_second_try_is_the_same_mail_in_the_same_language() -> None:
    ledger = Ledger()
    ledger.attempt(DOUBTFUL)
    english = replace(contact(), language=Language.EN)  # type: ignore[type-var]
    taken = ledger.claim(truth(contact=english))
    assert taken is not None
    assert taken.notice.language is Language.PL


# --- the end that was told counts too -------------------------------------------------------

YESTERDAY = session(meeting("2026-11-19T09:00", "2026-11-19T15:00"))


def test_who_was_told_of_next_week_is_told_that_it_was_yesterday() -> None:
    ledger = Ledger()
    ledger.attempt(SENT)
    found = ledger.differs(its_session=YESTERDAY)
    assert found is not None
    assert (found.letter, found.before and found.before.says.meetings) == (CHANGE, (MONDAY,))
    assert ledger.differs(its_session=YESTERDAY, now=session().ends_at) is None
    ledger.attempt(SENT, truth(its_session=YESTERDAY))
    assert ledger.differs(its_session=replace(YESTERDAY, state=CANCELLED)) is None


def test_who_was_told_of_next_week_hears_that_what_is_said_to_have_been_yesterday_is_cancelled() -> None:
    ledger = Ledger()
    ledger.attempt(SENT)
    found = ledger.differs(its_session=replace(YESTERDAY, state=CANCELLED))
    assert found is not None
    assert (found.letter, found.says.says.meetings) == (CANCELLATION, (MONDAY,))


def test_while_yesterday_is_in_doubt_next_week_may_still_be_believed() -> None:
    ledger = Ledger()
    ledger.attempt(SENT)
    ledger.attempt(DOUBTFUL, truth(its_session=YESTERDAY))
    ledger.attempt(DOUBTFUL, truth(its_session=YESTERDAY))
    found = ledger.differs(its_session=replace(YESTERDAY, state=CANCELLED))
    assert found is not None
    assert (found.letter, found.certain and found.certain.says.meetings) == (CANCELLATION, (MONDAY,))


def test_who_was_told_that_the_place_is_gone_hears_nothing_more_of_a_session_that_is_over() -> None:
    ledger = Ledger()
    ledger.attempt(SENT)
    ledger.attempt(SENT, truth(WITHDRAWN))
    assert ledger.differs(its_session=YESTERDAY) is None
    assert Ledger().differs(its_session=YESTERDAY) is None


def test_a_truth_that_comes_back_after_its_mail_was_overtaken_in_doubt_is_told() -> None:
    ledger, tuesday = Ledger(), truth(its_session=session(TUESDAY))
    ledger.attempt(SENT)
    ledger.attempt(DOUBTFUL, tuesday)
    assert ledger.claim() is None  # Back to Monday: overtaken.
    assert kind(ledger.differs()) == CHANGE
    assert ledger.attempt(SENT, tuesday) == CHANGE  # And to Tuesday again, which nobody knows to have been told.


def test_who_may_have_been_told_that_the_place_is_gone_is_confirmed_and_hears_of_no_change() -> None:
    ledger = Ledger()
    ledger.attempt(SENT)
    ledger.attempt(DOUBTFUL, truth(WITHDRAWN))
    assert ledger.claim() is None  # The place is given again: overtaken.
    found = ledger.differs()
    assert found is not None
    assert (found.letter, found.certain and found.certain.says.meetings) == (CONFIRMATION, (MONDAY,))


def test_of_several_mails_in_doubt_each_may_be_believed_until_its_end() -> None:
    ledger, next_year = Ledger(), session(meeting("2027-01-25T09:00", "2027-01-25T15:00"))
    ledger.attempt(SENT)
    for known in (next_year, next_year, YESTERDAY, YESTERDAY):  # Each of both twice: nobody knows whether it arrived.
        ledger.attempt(DOUBTFUL, truth(its_session=known))
    after_monday = session().ends_at + dt.timedelta(days=1)
    found = ledger.differs(its_session=replace(YESTERDAY, state=CANCELLED), now=after_monday)
    assert kind(found) == CANCELLATION


# --- enrolment has the first word -----------------------------------------------------------


def test_nobody_is_told_of_a_place_before_enrolment_was_heard_about_the_sessions_statement() -> None:
    ledger = Ledger()
    found = ledger.differs(settled=False)
    assert found is not None
    assert (found.waits_for, found.can_be_told) == (ENROLMENT, False)
    assert ledger.claim(truth(settled=False)) is None
    assert ledger.notice is None
    ledger.attempt(SENT)
    changed = ledger.differs(its_session=session(TUESDAY), settled=False)
    assert changed is not None
    assert (changed.letter, changed.can_be_told) == (CHANGE, False)


@pytest.mark.parametrize(
    "changes", [{"its_place": WITHDRAWN}, {"its_session": session(state=CANCELLED)}], ids=["withdrawn", "cancelled"]
)
def test_a_cancellation_waits_for_nobody(changes: Any) -> None:
    ledger = Ledger()
    ledger.attempt(SENT)
    found = ledger.differs(**changes, settled=False)
    assert found is not None
    assert (found.letter, found.can_be_told) == (CANCELLATION, True)


def test_a_mail_in_doubt_waits_for_enrolment_with_its_doubt() -> None:
    ledger = Ledger()
    ledger.attempt(DOUBTFUL)
    assert ledger.claim(truth(settled=False)) is None
    assert ledger.notice is not None
    assert (ledger.notice.doubts, ledger.notice.lease, ledger.codes()) == (1, None, [])
    ledger.attempt(SENT)
    assert ledger.codes() == ["sent"]


def test_who_has_no_contact_is_erased_or_somebody_else_is_not_written_to() -> None:
    erased = replace(person(), erased=True)  # type: ignore[type-var]
    merged = replace(person(), merged_into="person-2")  # type: ignore[type-var]
    gone = (truth(person=erased), truth(person=merged))
    for incomplete in (truth(contact=None), truth(person=None), *gone, truth(city_name=None)):
        ledger = Ledger()
        assert ledger.claim(incomplete) is None
        assert (ledger.notice, ledger.codes()) == (None, [])


def test_a_notice_whose_outcome_was_heard_from_our_own_stream_is_closed() -> None:
    ledger = Ledger()
    ledger.attempt(SENT)
    ledger.working[OpenNotice].put(open_notice(notice_id="notice-1", lease="old", lease_until=BEFORE))
    assert ledger.claim(truth(its_session=session(TUESDAY))) is None
    assert ledger.notice is None


# --- an operator ---------------------------------------------------------------------------


def unknown_change() -> Ledger:
    """Told Monday for certain, Tuesday perhaps."""
    ledger = Ledger()
    ledger.attempt(SENT)
    tuesday = truth(its_session=session(TUESDAY))
    ledger.attempt(DOUBTFUL, tuesday)
    ledger.attempt(DOUBTFUL, tuesday)
    return ledger


def settled_by_operator(ledger: Ledger, *, sent: bool) -> Notice:
    notice = ledger.working[Notice].get("notice-2")
    assert notice is not None
    operator_says(ledger.working, notice, sent=sent)
    settled = ledger.working[Notice].get("notice-2")
    assert settled is not None
    return settled


def test_an_operator_who_finds_that_it_left_ends_the_doubt() -> None:
    ledger = unknown_change()
    assert settled_by_operator(ledger, sent=True).state is NoticeState.SENT
    assert ledger.told is not None
    assert ledger.told.state is Belief.YES
    assert ledger.differs(its_session=session(TUESDAY)) is None


def test_an_operator_who_finds_that_it_did_not_leave_has_it_told_anew() -> None:
    ledger = unknown_change()
    assert settled_by_operator(ledger, sent=False).state is NoticeState.FAILED
    found = ledger.differs(its_session=session(TUESDAY))
    assert found is not None
    assert (found.letter, found.before and found.before.says.meetings) == (CHANGE, (MONDAY,))


def test_an_outcome_names_no_person_beyond_the_id() -> None:
    ledger = Ledger()
    ledger.attempt(REFUSED)
    body = ledger.working.said[0].body
    assert isinstance(body, NoticeFailed)
    text = body.model_dump_json()
    assert all(word not in text for word in ("Żaneta", "Wiśniewska", "@example.org"))


# --- whatever happens ----------------------------------------------------------------------

PLACES = st.sampled_from([place(), place(), WITHDRAWN, WAITLISTED])
SESSIONS = st.sampled_from(
    [session(), session(TUESDAY), FAR, YESTERDAY, session(state=CANCELLED), replace(YESTERDAY, state=CANCELLED)]
)
RESULTS = st.sampled_from([SENT, LATER, REFUSED, DOUBTFUL, NOT_TRIED, Outcome(Result.REFUSED, UNRENDERABLE)])
TRUTHS = st.builds(
    lambda its_place, its_session, mailbox, is_settled: truth(
        its_place, its_session, mailbox=mailbox, made_of=mailbox, settled=is_settled
    ),
    PLACES,
    SESSIONS,
    st.sampled_from(["k.a", "k.b", "k.c"]),
    st.sampled_from([True, True, False]),
)


@hypothesis.settings(max_examples=cases(300), derandomize=True, database=None)
@hypothesis.given(st.lists(st.tuples(TRUTHS, RESULTS), max_size=12), TRUTHS)
def test_whatever_happened_before_in_the_end_the_person_knows_what_is_true_and_is_told_once(
    before: list[tuple[Truth, Outcome]], now: Truth
) -> None:
    """Once the truth stands still, the server takes mail, enrolment has spoken, and an operator has settled what is in doubt."""
    ledger = Ledger()
    for known, outcome in before:
        ledger.working.now += dt.timedelta(minutes=1)
        taken = ledger.claim(known)
        if taken is not None:
            assert known.matter.facts.settled or taken.difference.letter == CANCELLATION
            settle(ledger.working, taken.notice, outcome, TERMS)
    its_facts = now.matter.facts  # type: ignore[attr-defined]
    now = truth(its_facts.place, its_facts.session, mailbox=now.to.mailbox, made_of="k.corrected")
    mails: list[tuple[str, str | None]] = []
    for _ in range(4):
        ledger.working.now += dt.timedelta(days=1) / 24
        taken = ledger.claim(now)
        if taken is not None:
            mails.append((taken.difference.letter, now.to.mailbox))
            settle(ledger.working, taken.notice, SENT, TERMS)
        elif ledger.told is not None and ledger.told.state is Belief.MAYBE:
            last = ledger.working[Notice].get(ledger.told.notice_id)
            if last is not None and last.state is NoticeState.UNKNOWN:
                operator_says(ledger.working, last, sent=True)
    assert ledger.notice is None
    found = now.difference(ledger.told, now=ledger.working.now)
    assert found is None
    assert len(mails) <= 2  # A second try of what was in doubt, and what has to be told besides.
    its_place, its_session = its_facts.place, its_facts.session
    assert its_place is not None
    assert its_session is not None
    has_place = its_place.state == Standing.ENROLLED and its_session.state == SCHEDULED
    if has_place and ledger.working.now < its_session.ends_at:
        assert ledger.told is not None
        assert ledger.told.content == its_session.content
        assert ledger.told.mailbox == now.to.mailbox
    elif not has_place:
        assert ledger.told is None or ledger.told.until is None or ledger.told.until <= ledger.working.now
