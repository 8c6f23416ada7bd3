"""A notice is the difference between what is true and what was told, and nothing else."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from services.notifications.decisions import (
    Attempt,
    Difference,
    Outcome,
    Result,
    Truth,
    claim,
    difference,
    operator_says,
    settle,
)
from services.notifications.ledger import DERIVE, Belief, Notice, NoticeState, OpenNotice, Told
from services.notifications.state import CANCELLED, MAKE, Place, Session
from shared.contracts.enrolment import Standing
from shared.contracts.notifications import NoticeFailed, NoticeKind
from shared.working import Working
from tests.notifications.building import (
    BEFORE,
    LONG_AGO,
    MONDAY,
    NOW,
    TERMS,
    TUESDAY,
    open_notice,
    place,
    session,
    truth,
)

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
        self.working = Working(MAKE, "rollcall/notifications", NOW, lambda: f"event-{next(self.numbers)}", DERIVE)
        self.notices = 0

    @property
    def told(self) -> Told | None:
        return self.working[Told].get("person-1", "session-1")

    @property
    def notice(self) -> OpenNotice | None:
        return self.working[OpenNotice].get("person-1", "session-1")

    def differs(
        self, its_place: Place | None = None, its_session: Session | None = None, now: dt.datetime = NOW
    ) -> Difference | None:
        return difference(self.told, its_place or place(), its_session or session(), now=now, since=LONG_AGO)

    def claim(self, known: Truth | None = None) -> Attempt | None:
        """Takes the open notice, or a new one."""
        if self.notice is None:
            self.notices += 1
            self.working[OpenNotice].put(open_notice(notice_id=f"notice-{self.notices}"))
        assert self.notice is not None
        return claim(self.working, self.notice, known or truth(), "lease-1", TERMS)

    def attempt(self, outcome: Outcome, known: Truth | None = None) -> NoticeKind:
        taken = self.claim(known)
        assert taken is not None
        settle(self.working, taken.notice, outcome, TERMS)
        return taken.difference.kind

    def believed(self) -> str | None:
        return self.told.state.value if self.told else None

    def codes(self) -> list[str]:
        return [getattr(said.body, "code", "sent") for said in self.working.said]


def kind(found: Difference | None) -> NoticeKind | None:
    return found.kind if found else None


# --- what has to be told -------------------------------------------------------------------


def test_a_place_nobody_was_told_of_is_confirmed() -> None:
    assert kind(Ledger().differs()) is NoticeKind.CONFIRMATION


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
    assert found.kind is NoticeKind.CHANGE
    assert (found.before and found.before.meetings, found.says.meetings) == ((MONDAY,), (TUESDAY,))


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
    assert (found.kind, found.session_cancelled, found.says.meetings) == (NoticeKind.CANCELLATION, False, (MONDAY,))


def test_a_cancelled_session_says_that_it_is_the_session() -> None:
    ledger = Ledger()
    ledger.attempt(SENT)
    found = ledger.differs(its_session=session(state=CANCELLED))
    assert found is not None
    assert found.session_cancelled


def test_who_comes_back_is_confirmed_again_with_a_higher_sequence() -> None:
    ledger = Ledger()
    ledger.attempt(SENT)
    assert ledger.attempt(SENT, truth(WITHDRAWN)) is NoticeKind.CANCELLATION
    assert ledger.attempt(SENT) is NoticeKind.CONFIRMATION
    assert ledger.told is not None
    assert (ledger.told.sequence, ledger.told.state) == (2, Belief.YES)


def test_nothing_is_told_of_a_session_that_is_over() -> None:
    ledger = Ledger()
    over = session().ends_at
    assert ledger.differs(now=over) is None
    ledger.attempt(SENT)
    assert ledger.differs(WITHDRAWN, now=over) is None
    assert kind(ledger.differs(now=over - dt.timedelta(seconds=1), its_place=WITHDRAWN)) is NoticeKind.CANCELLATION


def test_what_stood_before_go_live_is_not_told() -> None:
    assert difference(None, place(), session(), now=NOW, since=NOW) is None


def test_a_place_from_before_go_live_hears_of_changes_since() -> None:
    since = BEFORE + dt.timedelta(days=1)
    moved, cancelled = session(TUESDAY, heard_at=NOW), session(state=CANCELLED, heard_at=NOW)
    assert kind(difference(None, place(), moved, now=NOW, since=since)) is NoticeKind.CHANGE
    assert kind(difference(None, place(), cancelled, now=NOW, since=since)) is NoticeKind.CANCELLATION
    assert kind(difference(None, place(heard_at=NOW), session(), now=NOW, since=since)) is NoticeKind.CONFIRMATION


# --- attempts ------------------------------------------------------------------------------


def test_a_withdrawal_after_an_ambiguous_confirmation_sends_its_cancellation() -> None:
    ledger = Ledger()
    ledger.attempt(DOUBTFUL)
    assert ledger.claim(truth(WITHDRAWN)) is None
    assert ledger.codes() == ["overtaken"]
    assert ledger.believed() == "maybe"
    assert ledger.attempt(SENT, truth(WITHDRAWN)) is NoticeKind.CANCELLATION
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
    assert ledger.differs() is None
    assert ledger.differs(WITHDRAWN) is None
    assert kind(ledger.differs(its_session=session(TUESDAY))) is NoticeKind.CONFIRMATION


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


def test_refusals_for_now_are_tried_later_and_later_until_there_were_too_many() -> None:
    ledger, pauses = Ledger(), []
    for _ in range(TERMS.attempts_most - 1):
        ledger.attempt(LATER)
        assert ledger.notice is not None
        pauses.append((ledger.notice.next_attempt_at - NOW).total_seconds())
    ledger.attempt(LATER)
    assert pauses == [2, 4]
    assert ledger.codes() == ["smtp_450"]


def test_a_server_that_refuses_us_burns_no_attempts() -> None:
    ledger = Ledger()
    for _ in range(TERMS.attempts_most + 1):
        ledger.attempt(NOT_TRIED)
    assert ledger.notice is not None
    assert (ledger.notice.attempts, ledger.codes()) == (0, [])


def test_who_has_no_contact_or_is_erased_is_not_written_to() -> None:
    erased = replace(truth().person, erased=True)  # type: ignore[type-var]
    for incomplete in (truth(contact=None), truth(person=None), truth(person=erased), truth(city_name=None)):
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
    assert (found.kind, found.before and found.before.meetings) == (NoticeKind.CHANGE, (MONDAY,))


def test_an_outcome_names_no_person_beyond_the_id() -> None:
    ledger = Ledger()
    ledger.attempt(REFUSED)
    body = ledger.working.said[0].body
    assert isinstance(body, NoticeFailed)
    text = body.model_dump_json()
    assert all(word not in text for word in ("Żaneta", "Wiśniewska", "@example.org"))
