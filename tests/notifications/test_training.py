"""What trainers are told of their trainings: whose it is, when it changes, that it is theirs no more, and who comes tomorrow."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
from dataclasses import replace
from typing import Any

import pytest

from services.notifications.kinds.kind import Rules
from services.notifications.kinds.roster import ROSTER, Roster
from services.notifications.kinds.training import TRAINING, TRAINING_CHANGE, TRAINING_ENDED, TRAINING_KIND, Trains
from services.notifications.ledger import Told, told_after
from services.notifications.letters import CANCELLATION, CHANGE, CONFIRMATION, PlaceMail
from services.notifications.mail import Renderer
from services.notifications.place_sheet import place_sheet
from services.notifications.state import CANCELLED, Session
from services.notifications.untold import ENROLMENT, Difference
from shared.contracts.model import Language
from shared.web.links import Purpose
from tests.notifications.building import (
    LONG_AGO,
    MONDAY,
    NOW,
    TUESDAY,
    addressee,
    contact,
    content,
    facts,
    notice,
    person,
    said_then,
    session,
    settled,
    topic,
    town,
)
from tests.notifications.mails import LETTER, RENDERER, ZANETA, body, brief_mail, calendar, received, session_mail
from tests.notifications.office import Office
from tests.notifications.office import settled as settled_notices

pytestmark = pytest.mark.long

RULES = Rules(LONG_AGO, reminder_hour=15)
EVENING = dt.datetime(2026, 11, 22, 14, 0, tzinfo=dt.UTC)
"""Three in the afternoon before Monday, in Warsaw."""


# --- whose training it is --------------------------------------------------------------------


def trained_by(*people: str, version: int = 1, **changes: Any) -> list[Any]:
    its = session(trainers=people, version=version, event_id=f"event-{version}", **changes)
    return [its, said_then(its), settled(its)]


async def known(office: Office, *people: str) -> None:
    await office.is_true(town(), topic(), *map(person, people), *map(contact, people))


async def test_who_is_replaced_is_told_so_and_who_comes_instead_gets_the_training(office: Office) -> None:
    await known(office, "anna", "piotr")
    await office.is_true(*trained_by("anna"))
    async with office.server.listening(), office.sending():
        await settled_notices(office, 1)
        await office.hears(*trained_by("piotr", version=2))
        await settled_notices(office, 3)
        await office.has_looked()
    told = [(to.partition("@")[0], letter) for to, letter, _ in office.server.mails]
    assert told[0] == ("anna", TRAINING)
    assert sorted(told[1:]) == [("anna", TRAINING_ENDED), ("piotr", TRAINING)]


async def test_who_is_replaced_and_put_back_before_anything_left_hears_nothing_of_it(office: Office) -> None:
    await known(office, "anna", "piotr")
    await office.is_true(*trained_by("anna"))
    async with office.server.listening(), office.sending():
        await settled_notices(office, 1)
        await office.is_true(*trained_by("piotr", version=2)[1:])
        await office.hears(*trained_by("anna", version=3))
        await office.has_looked()
    assert len(office.server.mails) == 1


async def test_a_move_and_a_cancellation_are_told_to_trainers_too(office: Office) -> None:
    await known(office, "anna")
    await office.is_true(*trained_by("anna"))
    async with office.server.listening(), office.sending():
        await settled_notices(office, 1)
        await office.hears(*trained_by("anna", version=2, meetings=(TUESDAY,), content="tuesday"))
        await settled_notices(office, 2)
        await office.hears(*trained_by("anna", version=3, content="tuesday", state=CANCELLED))
        await settled_notices(office, 3)
    assert [letter for _, letter, _ in office.server.mails] == [TRAINING, TRAINING_CHANGE, TRAINING_ENDED]


async def test_whoever_turned_out_to_be_a_trainer_is_told_of_their_training_and_of_its_end(office: Office) -> None:
    """The planner names the id that it knows; a directory says that two are one."""
    await known(office, "anna")
    gone = replace(person("a.nowak"), version=2, given_name=None, family_name=None, merged_into="anna")
    await office.is_true(gone, *trained_by("a.nowak"))
    async with office.server.listening(), office.sending():
        assert await settled_notices(office, 1) == [(TRAINING, "sent", None)]
        await office.hears(*trained_by("a.nowak", version=2, state=CANCELLED))
        assert [kind for kind, *_ in await settled_notices(office, 2)] == [TRAINING, TRAINING_ENDED]
        await office.has_looked()
        assert (await office.books())["told_is_true"]
    assert [to for to, *_ in office.server.mails] == ["anna@example.org"] * 2


async def test_who_trained_it_at_go_live_under_another_id_was_told_by_others(office: Office) -> None:
    office.settings.live_since = NOW - dt.timedelta(hours=1)
    await known(office, "anna")
    gone = replace(person("a.nowak"), version=2, given_name=None, family_name=None, merged_into="anna")
    await office.is_true(gone, *trained_by("a.nowak"))
    async with office.server.listening(), office.sending():
        await office.has_looked()
        assert office.server.mails == []


async def test_a_trainer_without_an_address_is_a_line_of_the_books(office: Office) -> None:
    await office.is_true(town(), topic(), person("anna"), *trained_by("anna"))
    assert (await office.books())["notices"]["waiting_for_contact"] == 1


async def test_who_trained_it_at_go_live_is_told_nothing_until_it_changes(office: Office) -> None:
    await known(office, "anna")
    office.settings.mail_since = NOW
    await office.is_true(*trained_by("anna"))
    async with office.server.listening(), office.sending():
        await office.has_looked()
        assert office.server.mails == []
        await office.hears(*trained_by("anna", version=2, content="tuesday", meetings=(TUESDAY,)))
        await settled_notices(office, 1)
    assert [letter for _, letter, _ in office.server.mails] == [TRAINING_CHANGE]


def trains(its: Session | None = None, *, is_so: bool = True) -> Trains:
    return Trains(replace(facts(None, its), place=None), is_so)


def told(its: Session | None = None) -> Told:
    return told_after(None, notice(about="training/session-1", said=content(its)))


def test_a_trainer_is_told_whatever_enrolment_has_still_to_say() -> None:
    its = replace(trains(), facts=replace(trains().facts, settled=False))
    found = its.difference(None, addressee(), now=NOW)
    assert found is not None and found.waits_for is None and found.letter == TRAINING


def test_who_trains_what_is_over_is_told_nothing_new() -> None:
    its = trains()
    assert its.facts.session is not None
    assert its.difference(None, addressee(), now=its.facts.session.ends_at) is None


def test_who_believes_in_a_training_that_is_another_ones_is_told_until_it_is_over() -> None:
    gone, end = trains(is_so=False), session().ends_at
    found = gone.difference(told(), addressee(), now=end - dt.timedelta(seconds=1))
    assert found is not None and (found.letter, found.because) == (TRAINING_ENDED, None)
    assert gone.difference(told(), addressee(), now=end) is None


# --- what it says ----------------------------------------------------------------------------


def training(letter: str = CONFIRMATION, language: Language = Language.PL, **changes: Any) -> PlaceMail:
    return session_mail(letter, language, leads_to=Purpose.LISTS, **changes)


def written(mail: PlaceMail, renderer: Renderer = RENDERER) -> Any:

    prepared = renderer.shared(TRAINING_KIND.sheet(mail, renderer.office))
    return email.message_from_bytes(renderer.message(prepared, ZANETA, LETTER), policy=email.policy.default)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("letter", [CONFIRMATION, CHANGE, CANCELLATION])
def test_each_mail_has_an_entry_for_the_calendar_in_both_languages(letter: str, language: Language) -> None:
    message = written(training(letter, language))
    assert str(calendar(message)["METHOD"]) == ("CANCEL" if letter == CANCELLATION else "REQUEST")
    assert "{" not in body(message, "plain").replace("{calendar}", "!") and "ticket" not in body(message, "html")
    assert message["X-Rollcall-Notice-Kind"] in TRAINING_KIND.letters


def test_who_trains_and_takes_part_has_two_entries() -> None:
    def uid(message: Any) -> str:
        return str(calendar(message).walk("VEVENT")[0]["UID"])

    taking_part = RENDERER.message(RENDERER.shared(place_sheet(session_mail(), RENDERER.office)), ZANETA, LETTER)

    theirs = email.message_from_bytes(taking_part, policy=email.policy.default)
    assert uid(written(training())) != uid(theirs)


# --- the evening before ----------------------------------------------------------------------


def roster(its: Session | None = None, *, is_so: bool = True, settled: bool = True) -> Roster:
    return Roster(replace(facts(None, its), place=None, settled=settled), is_so, 17, RULES)


def differs(its: Roster, now: dt.datetime, told: Told | None = None) -> Difference | None:
    return its.difference(told, addressee(), now=now)


def test_the_roster_leaves_on_the_evening_before_and_is_dropped_once_it_has_begun() -> None:
    its, moment = roster(), dt.timedelta(microseconds=1)
    assert differs(its, EVENING - moment) is None
    found = differs(its, EVENING)
    assert found is not None and found.letter == ROSTER
    assert differs(its, MONDAY.starts_at - moment) is not None
    assert differs(its, MONDAY.starts_at) is None


def test_a_session_that_is_moved_has_another_evening() -> None:
    found = differs(roster(), EVENING)
    assert found is not None
    once = told_after(None, notice(about="roster/session-1/evening-before", kind=ROSTER, said=found.says))
    assert differs(roster(), EVENING, once) is None
    moved = roster(session(TUESDAY))
    assert differs(moved, EVENING, once) is None
    assert differs(moved, EVENING + dt.timedelta(days=1), once) is not None


def test_nobody_is_sent_the_roster_of_what_they_do_not_train() -> None:
    assert differs(roster(is_so=False), EVENING) is None


def test_the_roster_waits_until_enrolment_has_said_who_comes() -> None:
    found = differs(roster(settled=False), EVENING)
    assert found is not None and found.waits_for == ENROLMENT


@pytest.mark.parametrize(
    ("language", "words"), [(Language.PL, "Ile osób ma przyjść"), (Language.EN, "People expected")]
)
def test_the_roster_says_how_many_are_expected_and_leads_to_the_lists(language: Language, words: str) -> None:

    mail = brief_mail(ROSTER, language, figures=(("expected", 17),), leads_to=Purpose.LISTS)
    plain = body(received(mail), "plain").replace("\r\n", "\n")
    assert f"{words}: 17" in plain
