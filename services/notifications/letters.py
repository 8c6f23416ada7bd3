"""What a mail is written from: the values that the sheets take. Pure."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, TypeVar

from services.notifications.ledger import Content, OpenNotice
from shared.contracts.enrolment import Standing
from shared.contracts.model import Language
from shared.contracts.notifications import Says
from shared.contracts.planner import Meeting, OutsideTask, SessionKind
from shared.values import immutable
from shared.web.links import Purpose

if TYPE_CHECKING:
    from services.notifications.kinds.figures import Figure, SessionAhead
    from services.notifications.kinds.sessions import Facts
    from services.notifications.untold import Difference


Name = TypeVar("Name", str, str | None)
CONFIRMATION, CHANGE, CANCELLATION = "confirmation", "change", "cancellation"
"""The mails about a place."""


def in_language(names: tuple[Name, Name], language: Language) -> Name:
    """Of a name in Polish and in English."""
    return names[0 if language == Language.PL else 1]


@immutable
class Arrangement:
    """When and where a session is, or was told to be; the venue is None when that is not known."""

    meetings: tuple[Meeting, ...]
    venue: str | None
    address: str | None
    city_name: str | None = None
    """None: not known, or not another one."""
    topic_name: str | None = None
    """The topic, if it was another one."""


def arranged(told: Content | None, now: Says) -> Arrangement | None:
    """What was told, beside what is told now: a town or a topic is named only where it is another one."""
    if told is None:
        return None
    says = told.says
    city_name = says.city_name if says.city_id != now.city_id else None
    topic_name = says.topic_name if says.topic != now.topic else None
    return Arrangement(says.meetings, says.venue, says.address, city_name, topic_name)


@immutable
class Given:
    """Something that is to be filled in elsewhere."""

    task: OutsideTask
    link: str
    """With a field for the reader's code, where the tool wants one."""
    until: dt.datetime


@immutable
class PlaceMail:
    """What all mails about places in one session share, in one language and of one kind."""

    session_id: str
    letter: str
    language: Language
    session_kind: SessionKind
    topic_name: str
    city_name: str
    venue: str
    address: str | None
    meetings: tuple[Meeting, ...]
    sequence: int
    """Grows with every change told: calendars ignore what is not newer than what they hold."""
    session_cancelled: bool = False
    """In a cancellation: the session does not take place. Otherwise only this person's place is gone."""
    substituted: bool = False
    """In a cancellation: somebody else of their town comes instead. In a confirmation: they come instead of somebody."""
    before: Arrangement | None = None
    """As it was told before; None when that is not known."""
    certain: Arrangement | None = None
    """While nobody knows whether what is `before` arrived: what the person had been told for certain."""
    another_topic: bool = False
    """Than was told before."""
    told_by_others: bool = False
    """`before` was told by others: what a calendar holds of it is not ours to replace."""
    in_doubt: bool = False
    """Nobody knows whether the last mail about it arrived."""
    is_ahead: bool = True
    asks_for_reply: bool = False
    """Whoever has the place is to say whether they come."""
    is_frozen: bool = False
    """It begins so soon that a reply that one comes is not taken any more."""
    goes_to_nobody: bool = False
    """Nobody who waits gets the place if it is given back."""
    tasks: tuple[Given, ...] = ()
    """What they have not filled in yet."""
    note: str | None = None
    """What to know before coming."""
    takes_answers: bool = False
    """What their calendar says to it is an answer: to a place that one has, and to nothing that somebody else decides."""
    leads_to: Purpose = Purpose.PLACE
    """What its reader opens by its link."""
    whose: str | None = None
    """Under which id of theirs the entry was told that it calls off; None: under the one that it goes to."""
    stays: bool = False
    """In such a mail: they are in the training under the id that it goes to."""

    @property
    def told(self) -> tuple[Arrangement, ...]:
        """All that the person may know of it, the newest first."""
        return tuple(one for one in (self.before, self.certain) if one is not None)

    @property
    def in_calendar(self) -> tuple[Arrangement, ...]:
        """All of ours that may stand in the person's calendar, the newest first."""
        return () if self.told_by_others else self.told


@immutable
class Named:
    """A person as a mail to somebody else names them."""

    name: str
    fate: str | None = None
    """What became of them: the words have a sentence for each."""
    number: int | None = None
    """Their place in line, where that sentence names it."""


@immutable
class BriefMail:
    """What all mails without a calendar entry about one session share, in one language and of one kind."""

    session_id: str
    letter: str
    language: Language
    session_kind: SessionKind
    topic_name: str
    city_name: str
    venue: str
    address: str | None
    meetings: tuple[Meeting, ...]
    because: str | None = None
    before: Arrangement | None = None
    in_doubt: bool = False
    moment: dt.datetime | None = None
    """What it says besides, such as until when an answer counts; the words say what happens then."""
    figures: tuple[tuple[str, int], ...] = ()
    """Numbers by name; the words have a label for each."""
    figures_before: tuple[tuple[str, int], ...] = ()
    moment_before: dt.datetime | None = None
    """As they were told before."""
    town: str | None = None
    """The town that is written to, or of; the lead names it."""
    town_id: str | None = None
    """The same by its id, of a mail to whoever coordinates it."""
    people: tuple[Named, ...] = ()
    """Those whom it is about, beside whoever reads it."""
    are_more: bool = False
    """Than it names."""
    leads_to: Purpose = Purpose.PLACE
    """What its reader opens by its link, if it has one."""
    of_use_until: dt.datetime | None = None
    """Where that may be long after the session: until when it is told."""
    named: tuple[tuple[str, str], ...] = ()
    """What the lead names beside the town, such as the number of a certificate."""
    also: BriefMail | None = None
    """Another session that it is about as much, and what its reader opens by a link of its own."""
    tasks: tuple[Given, ...] = ()
    """What its reader has not filled in yet."""
    note: str | None = None
    """What to know before coming."""

    @classmethod
    def of(
        cls,
        facts: Facts,
        notice: OpenNotice,
        found: Difference,
        before: Arrangement | None = None,
        says: Says | None = None,
    ) -> BriefMail:
        """`says`: where that is only a part of what the notice says."""
        session, content, language = facts.session, notice.content, notice.language
        if session is None or content is None or language is None or facts.topic_names is None:
            raise RuntimeError(f"{notice.notice_id} was claimed and lacks what it has to say")
        says = says or content.says
        return cls(
            session_id=session.session_id,
            letter=found.letter,
            language=language,
            session_kind=session.kind,
            topic_name=says.topic_name or in_language(facts.topic_names, language),
            city_name=says.city_name or facts.city_name or "",
            venue=says.venue,
            address=says.address,
            meetings=says.meetings,
            because=found.because,
            before=before,
            in_doubt=found.in_doubt,
        )


@immutable
class WrittenMail:
    """What all mails of one message share that the office wrote: its words are values, as everybody else's."""

    letter: str
    language: Language
    audience: str
    subject: str
    text: str


@immutable
class Missing:
    """A session of somebody who gets no mail about it."""

    topic: str
    names: tuple[str | None, str | None]
    """Polish, English."""
    meetings: tuple[Meeting, ...]
    standing: Standing
    offered_until: dt.datetime | None


@immutable
class BouncedMail:
    """What coordinators are told of an address that takes no mail."""

    letter: str
    language: Language
    name: str
    town: str
    missing: tuple[Missing, ...]


@immutable
class DigestMail:
    """What the office is told once a week."""

    letter: str
    language: Language
    at: dt.datetime
    """The hour that it is of."""
    ahead: tuple[SessionAhead, ...]
    figures: tuple[Figure, ...]


@immutable
class AskedMail:
    """What a mail says for which another system asked: its texts are values, as everybody else's."""

    letter: str
    language: Language
    situation: str
    """The words have a text for each."""
    title: str
    link: str | None
    until: dt.datetime | None
    topic_name: str | None
    """Of the training that it is about, if it is about one."""
    meetings: tuple[Meeting, ...]


@immutable
class Recipient:
    person_id: str
    given_name: str
    family_name: str
    email: str


@immutable
class Letter:
    """What one mail is known by. `stated_at` is its Date and the DTSTAMP of its calendar entries."""

    message_id: str
    notice_id: str
    stated_at: dt.datetime
    thread: str | None = None
    """What the mails that belong together refer to."""
    instead_of: str | None = None
    """To whom it would go, were mail live; None: to whom it goes."""
