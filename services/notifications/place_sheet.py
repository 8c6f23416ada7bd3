"""What a mail about a place shows, and what it carries for a calendar. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from babel.lists import format_list

from services.notifications import letters
from services.notifications.invitation import invitation_of
from services.notifications.letters import PlaceMail
from services.notifications.mime import known_id, one_line
from services.notifications.sheets import CHANGED, GOOD, OFF, Feed, Office, Sheet, place_before, place_of, session_sheet
from services.notifications.templates.shown import NoticeShown
from services.notifications.templates.timetable import days_told
from services.notifications.templates.words import CALENDAR_STEPS, Notice, Words

_TONES = {letters.CONFIRMATION: GOOD, letters.CHANGE: CHANGED, letters.CANCELLATION: OFF}


def place_sheet(mail: PlaceMail, office: Office) -> Sheet:
    """Raises ValueError for values that no mail could carry."""
    words = office.wording.common[mail.language]
    sheet = entry_sheet(mail, office, lambda changed: _notice(mail, words, changed))
    # The last mail holds all that is needed at the door, also for whom others told of the place before.
    sheet = replace(sheet, feed=Feed(), ticket=mail if sheet.page is not None and mail.is_ahead else None)
    # Instead of whom their town sent it may send somebody else again.
    if mail.goes_to_nobody and mail.letter != letters.CANCELLATION and not mail.substituted:
        sheet = _of_nobody(sheet, words)
    return _asking(sheet, words) if mail.asks_for_reply and sheet.page is not None else sheet


def entry_sheet(mail: PlaceMail, office: Office, notice_for: Callable[[tuple[str, ...]], Notice]) -> Sheet:
    """What has to stand in somebody's calendar. `notice_for`: the words, by what is another than was told."""
    known_id("session_id", mail.session_id)
    if not mail.meetings:
        raise ValueError("a notice needs at least one meeting")
    words = office.wording.common[mail.language]
    told = mail.told if mail.letter == letters.CHANGE else ()
    days = days_told(mail.meetings, tuple(one.meetings for one in told), words)
    moved, elsewhere = not all(day.unchanged for day in days), place_before(mail, told) is not None
    changed = _changed(mail, moved=moved, elsewhere=elsewhere)
    notice = notice_for(changed)
    topic, place = one_line(mail.topic_name), place_of(mail)
    is_heard = office.hears_calendars and mail.takes_answers
    invitation = invitation_of(mail, words, topic, place, office.organiser, is_heard=is_heard)
    steps = [text for step in notice.steps for text in (invitation.steps if step == CALENDAR_STEPS else (step,))]
    lead = _lead(mail, words, notice, changed)
    sheet = session_sheet(
        mail, office, words, notice, tone=_TONES[mail.letter], lead=lead, steps=steps, days=days, told=told
    )
    # Whose place is gone has nothing to do on a page about it; a page that is open says so by itself.
    page = None if mail.letter == letters.CANCELLATION else mail
    return replace(sheet, session_id=mail.session_id, invitation=invitation, page=page)


def _of_nobody(sheet: Sheet, words: Words) -> Sheet:
    """The same, and what becomes of the place of whoever cannot come, which each of these mails says last: nobody who waits gets it."""
    assert isinstance(sheet.shown, NoticeShown)
    *steps, last = sheet.shown.steps
    kept = [*steps, last] if sheet.shown.notice.steps[-1] == CALENDAR_STEPS else steps
    return replace(sheet, shown=replace(sheet.shown, steps=[*kept, words.reply.frozen]))


def _asking(sheet: Sheet, words: Words) -> Sheet:
    """The same, asking first whether the person comes."""
    assert isinstance(sheet.shown, NoticeShown)
    steps, reply = sheet.shown.steps, words.reply
    shown = replace(sheet.shown, steps=[reply.step, *steps], page_label=reply.page)
    return replace(sheet, shown=shown, steps_without_page=(reply.step_without_page, *steps))


def _changed(mail: PlaceMail, *, moved: bool, elsewhere: bool) -> tuple[str, ...]:
    """What of it is another than was told, in the order in which it is said."""
    changes = {"topic": mail.another_topic, "when": moved, "where": elsewhere}
    return tuple(name for name, is_so in changes.items() if is_so)


def _notice(mail: PlaceMail, words: Words, changed: tuple[str, ...]) -> Notice:
    """The words for what happened."""
    notices = words.notices
    match mail.letter:
        case letters.CONFIRMATION:
            return notices.substituted_in if mail.substituted else notices.confirmation
        case letters.CANCELLATION:
            if mail.session_cancelled:
                return notices.session_cancelled
            return notices.substituted_out if mail.substituted else notices.place_cancelled
        case letters.CHANGE if not mail.is_ahead:
            return notices.change_past
    match changed:
        case ("when",):
            return notices.change_when
        case ("where",):
            return notices.change_where
        case ("when", "where"):
            return notices.change_both
        case ("topic",):
            return notices.change_topic
        case ():
            return notices.change_other
    return notices.change_several


def _lead(mail: PlaceMail, words: Words, notice: Notice, changed: tuple[str, ...]) -> str:
    """What happened in a sentence or two; while the last mail is in doubt, so that it is true whether it arrived or not."""
    what = format_list([getattr(words.changed, name) for name in changed], locale=words.locale) if changed else ""
    lead = notice.lead.format(what=what)
    return f"{lead} {notice.in_doubt}" if mail.in_doubt and notice.in_doubt else lead
