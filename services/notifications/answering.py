"""What becomes of a calendar's answer: who says it, about what, and whether it is said. Pure.

Who has the organiser's address of an entry has been sent its invitation, or was given it by whoever has. So it is looked at, too, whether it is
the invited person who answers: whoever was forwarded an invitation answers for themselves (0056).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from services.notifications.calendar import entry_uid
from services.notifications.digests import is_the_same
from services.notifications.ledger import Notice, NoticeState
from services.notifications.replies import Attendee, CalendarReply, names, same_mailbox
from services.notifications.replying import CalendarAnswer
from services.notifications.state import Contact, Person
from shared.contracts.answers import CalendarAnswered
from shared.contracts.planner import times_of
from shared.state.working import Working
from shared.values import immutable


class Became(StrEnum):
    """What became of an answer."""

    ANSWERED = "answered"
    REPEATED = "answer_repeated"
    """It was said already; servers send twice."""
    OVERTAKEN = "answer_overtaken"
    """A newer one of the same calendar was heard before it."""
    CALLED_OFF = "answer_called_off"
    """They were told since that what it is about is off, for them or for all."""
    NOT_TOLD = "answer_not_told"
    """No mail has invited them so."""
    ANOTHER_ENTRY = "answer_another_entry"
    """It came to the address of another one."""
    SOMEBODY_ELSE = "answer_somebody_else"
    """It is not the person who was invited that answers."""
    ONE_DAY = "answer_one_day"
    """It is about a day of several: a place is for all of them."""
    NO_WORD = "answer_no_word"
    """It does not say whether they come."""


@immutable
class Invited:
    """Whoever an entry stands for, and what mails told them of it."""

    session_id: str
    person_id: str
    person: Person | None
    contact: Contact | None
    notices: tuple[Notice, ...]
    """About their place, whatever became of them."""
    mailboxes: Mapping[str, str]
    """Of the addresses that answer: the digests by which mails remember where they went."""
    taken_out: tuple[Notice, ...] = ()
    """What took the entry out, of an id that went: mails to whoever that is by now."""

    def mail_numbered(self, sequence: int) -> Notice | None:
        """The mail that they answer, as far as it has left."""
        found = [one for one in self.notices if one.sequence == sequence and _may_have_left(one)]
        return max(found, key=lambda one: one.decided_at, default=None)

    def is_called_off_after(self, sequence: int) -> bool:
        taken_out = {one.said.hash for one in self.taken_out if _may_have_left(one)}
        ends = [one for one in self.notices if one.said.hash is None and _may_have_left(one)]
        return any(one.sequence > sequence for one in ends) or any(
            one.notice_id in taken_out for one in self.notices if one.sequence >= sequence
        )

    def is_them(self, attendee: Attendee, mail: Notice) -> bool:
        """Whether it is who was invited: under the address that the mail went to, or theirs by now, or by name. Many mailboxes have a name
        besides the one that the directory knows, and answer under that."""
        digest = self.mailboxes.get(attendee.address)
        if digest is not None and mail.said.mailbox is not None and is_the_same(mail.said.mailbox, digest):
            return True
        if self.contact is not None and self.contact.email and same_mailbox(attendee.address, self.contact.email):
            return True
        person = self.person
        return person is not None and names(attendee.name, person.given_name or "", person.family_name or "")


def _may_have_left(notice: Notice) -> bool:
    """Also what came back: whoever answers it has it."""
    return notice.state not in (NoticeState.FAILED, NoticeState.TOO_LATE)


def answer(working: Working, invited: Invited, reply: CalendarReply) -> Became:
    """States what this person's calendar answers, if it is theirs to say and nothing newer is known."""
    if reply.uid != entry_uid(invited.session_id, invited.person_id):
        return Became.ANOTHER_ENTRY
    mail = invited.mail_numbered(reply.sequence)
    if mail is None or (invited.person is not None and invited.person.erased):
        return Became.NOT_TOLD
    if mail.said.hash is None or invited.is_called_off_after(reply.sequence):
        return Became.CALLED_OFF
    theirs = [one for one in reply.attendees if invited.is_them(one, mail)]
    if not theirs:
        return Became.SOMEBODY_ELSE
    if reply.is_of_one_day and len(mail.said.says.meetings) > 1:
        return Became.ONE_DAY
    said = {one.reply for one in theirs}
    word = said.pop()
    if said or word is None:
        return Became.NO_WORD
    # A clock that is fast shall not silence those that come after it, nor one that is slow whoever answers at once.
    answered_at = min(max(reply.stamped_at or working.now, mail.decided_at), working.now)
    known = working[CalendarAnswer].get(invited.session_id, invited.person_id)
    if known is not None:
        same = (known.sequence, known.stamped_at, known.reply) == (reply.sequence, reply.stamped_at, word)
        if same and reply.stamped_at is not None:
            return Became.REPEATED
        if (reply.sequence, answered_at) < (known.sequence, known.answered_at):
            return Became.OVERTAKEN
    working.say(
        CalendarAnswered(
            session_id=invited.session_id,
            person_id=invited.person_id,
            reply=word,
            about_times=times_of(mail.said.says.meetings),
            answered_at=answered_at,
            stamped_at=reply.stamped_at,
            sequence=reply.sequence,
            notice_id=mail.notice_id,
            decided_at=working.now,
        )
    )
    return Became.ANSWERED
