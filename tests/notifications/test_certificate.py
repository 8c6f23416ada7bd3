"""What somebody believes of their certificate, and of having been missed, after the mails about both: whatever is put right afterwards."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import replace
from typing import Any

import pytest

from services.notifications.attended import Certificate, Certified, certificate_of, derive_certified
from services.notifications.kinds.certificate import (
    ABSENT,
    AFTER_MISSED,
    ISSUED,
    REACH,
    REPLACED,
    REVOKED,
    THANKS,
    OwnCertificate,
)
from services.notifications.kinds.missed import AFTER_THANKS, CAME, MISSED, MISSED_CORRECTED, NOT_MISSED, Missed
from services.notifications.ledger import Content, NoticeState, Told, told_after
from services.notifications.letters import BriefMail
from services.notifications.untold import Difference
from shared.contracts.certificates import CertificateEnds, CertificateIssued, CertificateSuperseded
from shared.contracts.model import Language
from shared.state.rows import EVERY_ROW
from shared.testing import body_of, heard
from shared.web.links import Purpose
from tests.notifications.building import (
    BEFORE,
    LONG_AGO,
    NOW,
    YESTERDAY,
    addressee,
    certificate,
    certified,
    facts,
    meeting_list,
    notice,
    open_notice,
    place,
    record,
    said_then,
    session,
    settled,
)
from tests.notifications.mails import body, brief_mail, received
from tests.notifications.office import SERVICE, Office
from tests.notifications.office import settled as settled_notices

PAST = session(YESTERDAY)
FIRST, SECOND = "RC-2026-0001", "RC-2026-0002"


def own(
    its: Certified | None = None, *, told_missed: Told | None = None, since: dt.datetime = LONG_AGO
) -> OwnCertificate:
    return OwnCertificate(facts(None, PAST), its or certified(), told_missed, since)


def differs(its: Any, told: Told | None = None, *, now: dt.datetime = NOW) -> Difference | None:
    return its.difference(told, addressee(), now=now)  # type: ignore[no-any-return]


def told(found: Difference | None, about: str = "certificate/session-1", *, at: dt.datetime = NOW) -> Told:
    assert found is not None
    return told_after(None, notice(about=about, kind=found.letter, said=found.says, decided_at=at))


def replaced(**changes: Any) -> Certified:
    return certified(certificate(SECOND, supersedes=FIRST), **changes)


def revoked(**changes: Any) -> Certified:
    return certified(certificate(ended=CertificateEnds.NOT_EARNED), **changes)


COME_BACK = notice(sequence=1, state=NoticeState.BOUNCED, notice_id="notice-2")
"""Another mail than the first, that nobody has read."""


def come_back(known: Told, found: Difference | None) -> Told:
    """The same, once a mail that left afterwards came back."""
    assert found is not None
    left = replace(COME_BACK, about=known.about, kind=found.letter, said=found.says, state=NoticeState.SENT)
    return told_after(told_after(known, left), replace(left, state=NoticeState.BOUNCED))


# --- a certificate ---------------------------------------------------------------------------


def test_whoever_has_a_certificate_is_thanked_once_and_told_its_number() -> None:
    found = differs(own())
    assert found is not None and (found.letter, found.says.hash) == (ISSUED, FIRST)
    assert differs(own(), told(found)) is None


def test_who_was_told_of_one_that_is_replaced_is_told_which_is_valid_now() -> None:
    found = differs(own(replaced()), told(differs(own())))
    assert found is not None and (found.letter, found.says.hash) == (REPLACED, SECOND)


def test_who_never_heard_of_the_first_is_simply_thanked_for_the_second() -> None:
    found = differs(own(replaced()))
    assert found is not None and (found.letter, found.says.hash) == (ISSUED, SECOND)


def test_one_that_is_revoked_is_taken_back_from_whoever_was_told_of_it_and_from_nobody_else() -> None:
    found = differs(own(revoked()), told(differs(own())))
    assert found is not None and (found.letter, found.says.hash) == (REVOKED, None)
    assert differs(own(revoked())) is None


def mail_of(found: Difference | None, its: OwnCertificate) -> BriefMail:
    assert found is not None
    return its.mail(open_notice(content=found.says, language=Language.PL), found)


def names(found: Difference | None, its: OwnCertificate) -> dict[str, str]:
    return dict(mail_of(found, its).named)


def test_of_several_that_followed_the_mail_names_the_one_that_its_reader_holds() -> None:
    known, third = told(differs(own())), "RC-2026-0003"
    its = own(certified(certificate(third, supersedes=SECOND)))
    assert names(differs(its, known), its) == {"number": third, "before": FIRST}
    assert mail_of(differs(its, known), its).of_use_until == its.until
    its = own(certified(certificate(SECOND, supersedes=FIRST, ended=CertificateEnds.NOT_EARNED)))
    assert names(differs(its, known), its)["number"] == FIRST
    its = own(replaced())
    assert names(differs(its, come_back(known, differs(its, known))), its) == {"number": SECOND, "before": FIRST}


def test_the_first_one_that_came_back_is_thanked_for_again_and_replaces_none() -> None:
    """Not as a number of its own: who could not be told at first is told by a later mail, which may come back as well."""
    found = differs(own())
    assert found is not None
    refused = notice(about="certificate/session-1", kind=ISSUED, said=found.says, state=NoticeState.FAILED)
    again = differs(own(), come_back(told_after(None, refused), found))
    assert again is not None and (again.letter, again.says.hash) == (ISSUED, FIRST)


def test_of_one_that_another_one_stands_for_nobody_is_told_that_they_had_not_earned_it() -> None:
    its = own(certified(certificate(ended=CertificateEnds.CORRECTED)))
    assert differs(its, told(differs(own()))) is None


def test_revoked_and_given_back_is_told_as_another_one() -> None:
    gone = told(differs(own(revoked()), told(differs(own()))))
    found = differs(own(replaced()), gone)
    assert found is not None and (found.letter, found.says.hash) == (REPLACED, SECOND)


def test_what_was_issued_before_go_live_is_told_to_nobody_until_it_changes() -> None:
    before = BEFORE - dt.timedelta(days=1)
    assert differs(own(certified(heard_at=before), since=BEFORE)) is None
    for its, letter in ((revoked(first_heard_at=before), REVOKED), (replaced(first_heard_at=before), REPLACED)):
        found = differs(own(its, since=BEFORE))
        assert found is not None and found.letter == letter


def test_after_three_months_nothing_of_it_is_told_any_more_and_that_ends_as_missed() -> None:
    its, end = own(), certified().heard_at + REACH
    assert differs(its, now=end - dt.timedelta(microseconds=1)) is not None
    assert differs(its, now=end) is None
    assert its.missed(None, addressee(), now=end, since=LONG_AGO) is not None
    assert its.missed(told(differs(its)), addressee(), now=end, since=LONG_AGO) is None


def test_another_address_is_not_sent_every_old_certificate() -> None:
    found = differs(own())
    assert found is not None
    once = replace(told(found), mailbox="key.old")
    assert own().difference(once, addressee(mailbox="key.new"), now=NOW) is None


# --- missed ----------------------------------------------------------------------------------


def missed(
    *, absent: bool = True, came: bool = False, closed: bool = True, certified: bool = False, **changes: Any
) -> Missed:
    told_certificate, quiet = changes.pop("told_certificate", None), changes.pop("quiet", True)
    return Missed(facts(None, PAST), absent, came, closed, quiet, certified, told_certificate, LONG_AGO)


def who_came(**changes: Any) -> Missed:
    return missed(absent=False, came=True, **changes)


def told_missed(*, at: dt.datetime = BEFORE) -> Told:
    return told(differs(missed()), "missed/session-1", at=at)


def test_who_came_to_no_day_of_closed_lists_is_missed_once() -> None:
    found = differs(missed())
    assert found is not None and found.letter == MISSED
    assert differs(missed(), told_missed()) is None


@pytest.mark.parametrize("not_so", [{"absent": False}, {"closed": False}])
def test_nobody_is_missed_whom_a_list_excuses_or_while_it_is_open(not_so: dict[str, Any]) -> None:
    assert differs(missed(**not_so)) is None


def test_missed_and_then_present_is_put_right() -> None:
    found = differs(missed(absent=False, came=True), told_missed())
    assert found is not None and (found.letter, found.because) == (MISSED_CORRECTED, CAME)
    excused = differs(missed(absent=False), told_missed())
    assert excused is not None and excused.because == NOT_MISSED


@pytest.mark.parametrize("now", [{"came": True}, {}])
def test_what_put_it_right_and_came_back_is_said_again_for_whoever_believes_that_they_were_missed(
    now: dict[str, bool],
) -> None:
    its = missed(absent=False, **now)
    first = differs(its, told_missed())
    again = differs(its, come_back(told_missed(), first))
    assert first is not None and again is not None and replace(again, in_doubt=False) == first


def test_missed_by_a_mail_that_may_have_left_and_then_present_is_put_right() -> None:
    found = differs(missed())
    assert found is not None
    left = notice(about="missed/session-1", kind=MISSED, said=found.says, state=NoticeState.OVERTAKEN)
    doubtful = told_after(None, left)
    right = differs(who_came(), doubtful)
    assert right is not None and (right.letter, right.because) == (MISSED_CORRECTED, CAME)
    found = differs(own(told_missed=doubtful))
    assert found is not None and found.because == AFTER_MISSED


def test_thanks_that_came_back_are_said_again_and_put_nothing_right() -> None:
    excused = told(differs(missed(absent=False), told_missed()), "missed/session-1")
    thanks = differs(who_came(), excused)
    again = come_back(excused, thanks)
    found = differs(who_came(), again)
    assert found is not None and found.letter == THANKS
    assert differs(missed(absent=False), again) is None
    found = differs(own(told_missed=again))
    assert found is not None and found.because is None


def test_a_certificate_that_nobody_read_of_has_put_nothing_right() -> None:
    left = notice(about="certificate/session-1", kind=ISSUED, said=own()._says(FIRST), decided_at=NOW)
    unread = told_after(told_after(None, left), replace(left, state=NoticeState.BOUNCED))
    found = differs(who_came(told_certificate=unread), told_missed())
    assert found is not None and found.letter == MISSED_CORRECTED


def test_a_list_that_is_open_again_takes_nothing_back_yet() -> None:
    assert differs(missed(absent=False, came=True, closed=False), told_missed()) is None


def test_missed_and_then_certified_is_put_right_by_the_mail_with_the_certificate() -> None:
    assert differs(missed(absent=False, came=True, certified=True), told_missed()) is None
    found = differs(own(told_missed=told_missed()))
    assert found is not None and (found.letter, found.because) == (ISSUED, AFTER_MISSED)


def test_thanked_and_then_absent_hears_that_the_certificate_is_revoked_and_no_more() -> None:
    thanked = told(differs(own()))
    assert differs(missed(told_certificate=thanked)) is None
    found = differs(own(revoked()), thanked)
    assert found is not None and found.letter == REVOKED


def test_who_came_and_has_no_certificate_is_thanked_once_and_led_to_their_papers() -> None:
    found = differs(who_came())
    assert found is not None and found.letter == THANKS
    assert differs(who_came(), told(found, "missed/session-1")) is None
    mail = who_came().mail(open_notice(content=found.says, language=Language.PL), found)
    assert mail.leads_to is Purpose.PAPERS


@pytest.mark.parametrize("not_so", [{"closed": False}, {"quiet": False}, {"certified": True}])
def test_nobody_is_thanked_before_it_is_known_whether_a_certificate_thanks_them(not_so: dict[str, Any]) -> None:
    assert differs(who_came(**not_so)) is None


def test_whom_a_mail_about_a_certificate_has_thanked_is_not_thanked_again_without_it() -> None:
    assert differs(who_came(told_certificate=told(differs(own())))) is None


def test_missed_and_then_present_is_not_thanked_on_top_of_it() -> None:
    corrected = told(differs(who_came(), told_missed()), "missed/session-1")
    assert corrected.content == CAME
    assert differs(who_came(), corrected) is None


def test_thanked_and_then_absent_hears_that_this_was_put_right() -> None:
    thanked = told(differs(who_came()), "missed/session-1")
    found = differs(missed(), thanked)
    assert found is not None and (found.letter, found.because) == (MISSED, AFTER_THANKS)
    assert differs(missed(absent=False), thanked) is None


# --- rows ------------------------------------------------------------------------------------


def test_the_newest_certificate_stands_in_whatever_order_they_are_heard() -> None:
    known = {"session_id": "session-1", "person_id": "person-1", "series": "RC-2026", "issued_on": "2026-10-24"}
    first = known | {"number": FIRST, "serial": 1}
    said = [
        body_of(CertificateIssued, **first),
        body_of(CertificateIssued, **known | {"number": SECOND, "serial": 2, "supersedes": FIRST}),
        body_of(CertificateSuperseded, **first, superseded_by=SECOND),
    ]
    for order in (said, said[::-1], random.Random(1).sample(said, 3)):
        working = SERVICE.working(NOW)
        working[Certified].loaded((), EVERY_ROW)
        for fact in order:
            its = replace(certificate_of(heard(fact)), source="rollcall/attendance")
            derive_certified(working, None, its, heard(fact))
        (row,) = working[Certified]
        assert (row.number, row.ended) == (SECOND, None)


def test_what_others_certified_is_theirs_to_tell() -> None:
    working = SERVICE.working(NOW)
    working[Certified].loaded((), EVERY_ROW)
    fact = heard(body_of(CertificateIssued))
    theirs: Certificate = replace(certificate_of(fact), source="urn:example:archive")
    derive_certified(working, None, theirs, fact)
    assert list(working[Certified]) == []


# --- to the mail server ----------------------------------------------------------------------


async def test_absent_then_present_then_certified_leaves_one_true_belief(office: Office) -> None:
    now = SERVICE.clock()
    its = replace(PAST, version=2, starts_at=now - dt.timedelta(days=1), ends_at=now - dt.timedelta(hours=12))
    theirs = place(heard_at=now)  # Nobody was to be told of it while it was ahead.
    await office.is_true(its, said_then(its), settled(its), theirs, said_then(theirs), record(), meeting_list())
    async with office.server.listening(), office.sending():
        assert await settled_notices(office, 1) == [(MISSED, "sent", None)]
        await office.is_true(certificate(), certified(heard_at=now))
        await settled_notices(office, 2)
        await office.has_looked()
    assert [letter for _, letter, _ in office.server.mails] == [MISSED, ISSUED]


# --- what they say ---------------------------------------------------------------------------


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize(
    ("letter", "because"),
    [
        (ISSUED, None),
        (ISSUED, AFTER_MISSED),
        (REPLACED, None),
        (REVOKED, None),
        (MISSED, None),
        (MISSED, AFTER_THANKS),
        (MISSED_CORRECTED, CAME),
        (MISSED_CORRECTED, NOT_MISSED),
        (THANKS, None),
    ],
)
def test_each_mail_is_whole_in_both_languages(letter: str, because: str | None, language: Language) -> None:
    named = (("number", SECOND), ("before", FIRST))
    mail = brief_mail(letter, language, because=because, named=named, leads_to=Purpose.PAPERS)
    plain = body(received(mail), "plain")
    assert "{" not in plain
    assert (SECOND in plain) == (letter in (ISSUED, REPLACED, REVOKED)) and (FIRST in plain) == (letter == REPLACED)


def test_content_of_what_is_missed_is_no_hash_of_anybody() -> None:
    found = differs(missed())
    assert found is not None and isinstance(found.says, Content) and found.says.hash == ABSENT
