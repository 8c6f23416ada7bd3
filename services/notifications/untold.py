"""What is true and was not told: the words in which every kind of mail says it. Pure.

Nothing here follows events: a notice is the difference between what is true and what was told. So a session moved from
Monday to Tuesday and back before anything left sends nothing, and a withdrawal whose confirmation may have left sends
its cancellation. What is true of a subject, and how it differs from what was told, its kind knows (`kinds/`).
"""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Protocol

from services.notifications.digests import is_the_same
from services.notifications.ledger import NOTHING, Belief, Content, OpenNotice, Told
from services.notifications.state import Contact, Person
from shared.contracts.model import Language
from shared.values import immutable

JUST_BEFORE = dt.timedelta(microseconds=1)
ENROLMENT = "enrolment"
"""In `Difference.waits_for`: it would tell of what enrolment may be about to take back; it has not been heard about this statement
of the session yet."""
ANOTHER_MAIL = "another_mail"
"""In `Difference.waits_for`: another mail about the same thing has to be told first."""

WITHHELD = "withheld"
"""What stands in the way where mail to an address came back: another address, or an operator's word."""


@immutable
class Difference:
    """What a recipient does not know."""

    letter: str
    """Which mail tells it: the notice's kind."""
    says: Content
    before: Content | None = None
    """In a change: what was told before, if that is known."""
    certain: Content | None = None
    """While it is in doubt whether `before`, or what is called off, was told: what had been told before that."""
    because: str | None = None
    """Why something ended, where the mail says so."""
    told_by_others: bool = False
    """`before` is what was so at go-live: whatever calendar entry there is was not made by a mail of ours."""
    in_doubt: bool = False
    """Nobody knows whether the last mail about it arrived."""
    is_ahead: bool = True
    """Whether what it says, or calls off, is still to come."""
    given_up: bool = False
    """The very mail that would tell it has been given up: nothing of what it was made of has changed since."""
    waits_for: str | None = None
    """What it must not be told before."""

    @property
    def can_be_told(self) -> bool:
        return not self.given_up and self.waits_for is None

    def is_of_before(self, told: Told | None) -> bool:
        """Whether it changes or ends what none of our mails had told."""
        return (told is None or told.said is None) and (self.before is not None or self.says.hash is None)


class Mail(Protocol):
    """All that the mails of one subject share, in one language; equal ones are rendered once."""

    @property
    def language(self) -> Language: ...

    def __hash__(self) -> int: ...


@immutable
class Addressee:
    """To whom a mail goes, as it stands now."""

    person: Person | None
    contact: Contact | None
    mailbox: str | None = None
    """The digest of the address."""
    made_of: str | None = None
    """The digest of all that a mail would be made of."""
    withheld: bool = False
    """Mail to this address came back."""
    muted: bool = False
    """The recipient does without mails of this sort."""

    @property
    def is_unreachable(self) -> bool:
        """Who is erased, or whose contact is forgotten, is never written to; nor who is somebody else, who is written to."""
        is_somebody_else = self.person is not None and self.person.merged_into is not None
        return is_somebody_else or any(one is not None and one.erased for one in (self.person, self.contact))

    @property
    def waits_for(self) -> str | None:
        known = {"person": self.person, "contact": self.contact}
        return next((name for name, value in known.items() if value is None), WITHHELD if self.withheld else None)


def office_at(email: str, name: str, language: Language) -> Addressee:
    """The office as a recipient: nobody states it, so it is as new as the settings, and is never erased."""
    said = ("settings", 1, True, "", dt.datetime.min.replace(tzinfo=dt.UTC))
    person = Person(*said, "office", name, None, False)
    return Addressee(person, Contact(*said, "office", email, language, False))


class Matter(ABC):
    """Everything about one subject that a mail to one recipient depends on, as it stands now. One class a kind; values only."""

    __slots__ = ()

    @property
    @abstractmethod
    def waits_for(self) -> str | None:
        """What has to be known before a mail can be written, and is not."""

    @property
    def forgotten_at(self) -> dt.datetime | None:
        """When what its mails said was forgotten; None: it is known, or made of what is."""
        return None

    @abstractmethod
    def difference(self, told: Told | None, to: Addressee, *, now: dt.datetime) -> Difference | None:
        """What is true and was not told."""

    def missed(self, told: Told | None, to: Addressee, *, now: dt.datetime, since: dt.datetime) -> Difference | None:
        """What had to be told while it was of use, and was not: at the last moment, as it was known then. Nothing of before
        go-live, nor what has been given up already."""
        return None

    def named(self, content: Content, language: Language) -> Content:
        """What a mail in this language says: names that were told once stay what they were. What names nothing is the same in each."""
        return content

    @abstractmethod
    def mail(self, notice: OpenNotice, found: Difference) -> Mail:
        """What the mail is written from."""


@immutable
class Truth:
    """A matter, and who has to know of it."""

    matter: Matter
    to: Addressee
    settling: dt.timedelta = dt.timedelta()
    """How long what is found settles before it is told, unless it is urgent."""
    may_wait: bool = False
    """Whether every other mail goes first."""

    @property
    def waits_for(self) -> str | None:
        return self.to.waits_for or self.matter.waits_for

    @property
    def is_complete(self) -> bool:
        """Whether a mail can be written."""
        return self.waits_for is None and not self.to.is_unreachable and not self.to.muted

    def difference(self, told: Told | None, *, now: dt.datetime) -> Difference | None:
        return self.matter.difference(told, self.to, now=now)

    def missed(self, told: Told | None, *, now: dt.datetime, since: dt.datetime) -> Difference | None:
        """Nobody misses what they do without."""
        is_wanted = not self.to.is_unreachable and not self.to.muted
        return None if not is_wanted else self.matter.missed(told, self.to, now=now, since=since)


def standing(content: Content | None) -> Content | None:
    """What was told, if it left anything to believe in."""
    return content if content is not None and content.hash is not None else None


def is_another(told: Told, to: Addressee) -> bool:
    """Whether the recipient has another address than the one that it was told to."""
    return not is_the_same(told.mailbox, to.mailbox)


def judged(found: Difference, told: Told | None, believed: Told, to: Addressee, *, now: dt.datetime) -> Difference:
    """The difference with what follows from the ledger alone. `believed`: what was told, by us or by others."""
    given_up = (
        told is not None
        and told.given_up == (found.says.hash or NOTHING)
        and is_the_same(told.given_up_for, to.made_of)
    )
    return replace(
        found,
        is_ahead=now < found.says.until,
        in_doubt=believed.state == Belief.MAYBE,
        given_up=given_up,
    )


def never_told(found: Difference | None, believed: Told) -> Difference | None:
    """What was missed, unless that is said already."""
    return None if found is None or believed.given_up == (found.says.hash or NOTHING) else found
