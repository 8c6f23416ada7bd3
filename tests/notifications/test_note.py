"""Who is told that the practical note of a session is another one."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from services.notifications.kinds.kind import Rules
from services.notifications.kinds.note import NOTE_CHANGED, NoteChanged
from services.notifications.kinds.place import Place as PlaceMatter
from services.notifications.ledger import Told, told_after
from services.notifications.state import CANCELLED, Note, Place, Session, note_of, session_of
from services.notifications.untold import ENROLMENT, Difference
from shared.contracts.enrolment import Standing
from shared.contracts.model import Language
from shared.contracts.planner import SessionScheduled
from shared.testing import body_of, eventually, heard
from tests.notifications.building import (
    LONG_AGO,
    MONDAY,
    NOW,
    addressee,
    content,
    facts,
    meeting,
    notice,
    open_notice,
    place,
    said_then,
    session,
    settled,
)
from tests.notifications.mails import body, brief_mail, received, session_mail
from tests.notifications.office import Office
from tests.notifications.office import settled as settled_notices

PARKING, LAPTOP = Note(text="Parking od ul. Młyńskiej.", name="n.1"), Note(text="Weź laptop.", name="n.2")
ITS = session(note=LAPTOP)
HOUR = dt.timedelta(hours=1)


def told_of_place(note: Note | None = PARKING, *, at: dt.datetime = LONG_AGO, **changes: Any) -> Told:
    said = content(ITS)
    says = said.says.model_copy(update={"note": note.name if note is not None else None})
    return told_after(None, notice(said=said.model_copy(update={"says": says, **changes}), decided_at=at))


def changed(its_place: Place | None = None, its_session: Session = ITS, **changes: Any) -> NoteChanged:
    known = changes.pop("told_place", told_of_place())
    return NoteChanged(facts(its_place, its_session, **changes), known, Rules(LONG_AGO))


def differs(its: NoteChanged, told: Told | None = None, *, now: dt.datetime = NOW, **to: Any) -> Difference | None:
    return its.difference(told, addressee(**to), now=now)


def told_of_note(note: Note = LAPTOP, *, at: dt.datetime = NOW) -> Told:
    found = differs(changed(its_session=session(note=note), told_place=told_of_place(None)))
    assert found is not None
    return told_after(None, notice(about="note/session-1/practical-note", said=found.says, decided_at=at))


def test_whoever_comes_is_told_of_another_note_or_of_the_first_once() -> None:
    found = differs(changed())
    assert found is not None
    assert (found.letter, found.says.hash) == (NOTE_CHANGED, LAPTOP.name)
    assert differs(changed(told_place=told_of_place(None))) is not None
    assert differs(changed(told_place=told_of_place(LAPTOP))) is None
    assert differs(changed(), told_of_note()) is None
    assert differs(changed(), now=MONDAY.starts_at) is None


@pytest.mark.parametrize(
    ("its_place", "its_session", "told"),
    [
        (place(Standing.WAITLISTED), ITS, told_of_place()),
        (place(Standing.WITHDRAWN), ITS, told_of_place()),
        (place(), replace(ITS, state=CANCELLED), told_of_place()),
        (place(), session(), told_of_place()),
        (place(), ITS, None),
        (place(), ITS, told_of_place(hash="another day")),
        (place(), session(meeting("2026-11-20T08:00", "2026-11-20T15:00"), note=LAPTOP), told_of_place()),
    ],
    ids=["waits", "withdrawn", "cancelled", "taken away", "not told yet", "moved", "begun"],
)
def test_nobody_is_told_of_a_note_who_does_not_come_or_has_yet_to_hear_of_the_place(
    its_place: Place, its_session: Session, told: Told | None
) -> None:
    assert differs(changed(its_place, its_session, told_place=told)) is None


def test_what_was_read_last_counts_wherever_it_was_read() -> None:
    """Back and forth: the note, then a mail about the place with another one, then the first again."""
    place_since = told_of_place(PARKING, at=NOW + HOUR)
    assert differs(changed(told_place=place_since), told_of_note(), now=NOW + 2 * HOUR) is not None
    place_before = told_of_place(PARKING, at=NOW - HOUR)
    assert differs(changed(told_place=place_before), told_of_note(), now=NOW + 2 * HOUR) is None


def test_whom_others_told_of_the_place_they_told_of_the_note_of_then() -> None:
    then = said_then(session(note=PARKING))
    assert differs(changed(told_place=None, known_before=then)) is not None
    assert differs(changed(told_place=None, known_before=said_then(ITS))) is None


def test_a_note_waits_for_enrolment() -> None:
    found = differs(changed(settled=False))
    assert found is not None
    assert found.waits_for == ENROLMENT


def test_a_note_is_another_one_for_other_words_and_never_makes_a_session_another_one() -> None:
    names = {
        note.name for text in ("Weź laptop.", " Weź\n laptop. ", "Weź dwa.") if (note := note_of(text)) is not None
    }
    assert len(names) == 2
    assert note_of(" \n ") is None
    one, other = (session_of(heard(body_of(SessionScheduled, note=text))) for text in ("Weź laptop.", None))
    assert one.content == other.content


def test_the_mail_about_a_place_says_the_note_and_which_it_was() -> None:
    found = PlaceMatter(facts(None, ITS)).difference(None, addressee(), now=NOW)
    assert found is not None
    assert found.says.says.note == LAPTOP.name


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("letter", [NOTE_CHANGED, "reminder", "confirmation"])
def test_mails_show_the_note_in_its_lines(letter: str, language: Language) -> None:
    note = "Parking <od> ul. Młyńskiej.\n\nWeź laptop."
    mail = (
        session_mail(letter, language, note=note)
        if letter == "confirmation"
        else brief_mail(letter, language, note=note)
    )
    message = received(mail)
    label = {Language.PL: "Warto wiedzieć:", Language.EN: "Good to know:"}[language]
    assert f"{label}\n  Parking <od> ul. Młyńskiej.\n  Weź laptop.\n" in body(message, "plain").replace("\r", "")
    assert "Parking &lt;od&gt;" in body(message, "html")


async def test_another_note_is_one_mail(office: Office) -> None:
    await office.is_true(replace(ITS, heard_at=LONG_AGO), settled(ITS), place(), told_of_place())
    async with office.server.listening(), office.sending():
        assert await settled_notices(office, 1) == [(NOTE_CHANGED, "sent", None)]
        await eventually(lambda: office.server.mails)
        await office.has_looked()
    assert [kind for _, kind, _ in office.server.mails] == [NOTE_CHANGED]


async def test_who_is_given_back_the_place_that_they_know_of_is_told_of_the_note_that_changed_meanwhile(
    office: Office,
) -> None:
    """As the end of it has not left: its notice is closed, and nothing else would bring the note before the look at the whole."""
    office.settings.reconcile_seconds = 3600.0
    gone = place(Standing.WITHDRAWN, version=2)
    ending = open_notice(notice_id="notice-2", next_attempt_at=NOW + HOUR)
    await office.is_true(replace(ITS, heard_at=LONG_AGO), settled(ITS), gone, said_then(gone), told_of_place(), ending)
    async with office.server.listening(), office.sending():
        await office.has_planned()
        await office.hears(place(version=3))
        assert await settled_notices(office, 1) == [(NOTE_CHANGED, "sent", None)]
