"""The shapes of what mails are about: what kinds have in common, so that a kind says only what is its own. Values only."""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from dataclasses import replace
from typing import ClassVar

from services.notifications.kinds import sessions
from services.notifications.kinds.sessions import Facts
from services.notifications.ledger import Content, OpenNotice, Told, nothing_yet
from services.notifications.letters import BriefMail
from services.notifications.state import SCHEDULED
from services.notifications.untold import (
    ANOTHER_MAIL,
    ENROLMENT,
    JUST_BEFORE,
    Addressee,
    Difference,
    Mail,
    Matter,
    judged,
    never_told,
    standing,
)
from services.notifications.untold import is_another as has_another
from shared.contracts.model import Language
from shared.values import immutable

TOLD_NOTHING = nothing_yet("", "")


def known_of(told: Told | None, before: Told | None) -> Told:
    """What a human knows of a matter: what they were told under this id, or, where that is nothing, what was told to an id that went into it
    (`before`). The same in SQL: `as_known`."""
    if (told is None or told.said is None) and before is not None:
        return before
    return told or TOLD_NOTHING


def missed_until(
    end: dt.datetime | None, matter: Matter, told: Told | None, to: Addressee, *, now: dt.datetime, since: dt.datetime
) -> Difference | None:
    """What was of use until then, and was not told by then: as it was known then."""
    if end is None or not since < end <= now:
        return None
    return never_told(matter.difference(told, to, now=end - JUST_BEFORE), told or TOLD_NOTHING)


@immutable
class OfSession(Matter):
    """Something about one session."""

    facts: Facts

    @property
    def waits_for(self) -> str | None:
        return self.facts.waits_for

    def named(self, content: Content, language: Language) -> Content:
        return self.facts.named(content, language)

    def mail(self, notice: OpenNotice, found: Difference) -> Mail:
        return BriefMail.of(self.facts, notice, found)


@immutable
class Once(OfSession):
    """What is told once, as long as it is of use: by the name of what made it so."""

    @abstractmethod
    def found(self, to: Addressee, now: dt.datetime) -> Difference | None:
        """What there is to be told, were nothing told yet."""

    @property
    @abstractmethod
    def ends_at(self) -> dt.datetime | None:
        """When it is of no use any more."""

    def difference(self, told: Told | None, to: Addressee, *, now: dt.datetime) -> Difference | None:
        found = self.found(to, now)
        if found is None or (told is not None and self.is_known(told, found)):
            return None
        return judged(found, told, told or TOLD_NOTHING, to, now=now)

    def is_known(self, told: Told, found: Difference) -> bool:
        return told.content == found.says.hash

    def missed(self, told: Told | None, to: Addressee, *, now: dt.datetime, since: dt.datetime) -> Difference | None:
        """Only what was on its way: who was not told of it lacks nothing that they need."""
        return missed_until(self.ends_at, self, told, to, now=now, since=since)


@immutable
class OnePlace(OfSession):
    """How one person's place in one session stands: as it begins, changes and ends. Whoever stood so at go-live was told by others."""

    @abstractmethod
    def known(self) -> Content | None:
        """What those were told who stood so at go-live; None: that nothing stood so."""

    @abstractmethod
    def differs(self, told: Told, to: Addressee, now: dt.datetime) -> Difference | None:
        """From what they believe, by whomever it was told."""

    @property
    def heard(self) -> tuple[dt.datetime, ...] | None:
        """When it was heard what makes it so; None: not all of that is known."""
        place, session = self.facts.place, self.facts.session
        return (place.heard_at, session.heard_at) if place is not None and session is not None else None

    def difference(self, told: Told | None, to: Addressee, *, now: dt.datetime) -> Difference | None:
        if self.heard is None:
            return None
        believed = self.believed(told)
        found = self.differs(believed, to, now)
        if found is None:
            return None
        by_others = (told is None or told.said is None) and found.before is not None
        found = replace(found, waits_for=self.first(found, to, now), told_by_others=by_others)
        return judged(found, told, believed, to, now=now)

    def first(self, found: Difference, to: Addressee, now: dt.datetime) -> str | None:
        """What it must not be told before."""
        return ENROLMENT if found.says.hash is not None and not self.facts.settled else None

    def believed(self, told: Told | None) -> Told:
        """What the person was told, by us, or else by others before go-live. Of those who could not be told anything since it still stands."""
        told = told or TOLD_NOTHING
        if told.said is not None or self.facts.known_before is None or self.facts.known_before.state != SCHEDULED:
            return told
        known = self.known()
        return sessions.by_others(told, known) if known is not None else told

    def missed_by(
        self, end: dt.datetime, told: Told | None, to: Addressee, now: dt.datetime, since: dt.datetime
    ) -> Difference | None:
        """What was not told by then, as it was known then."""
        if self.heard is None or not since < end <= now or max(self.heard) >= end:
            return None
        return never_told(self.difference(told, to, now=end - JUST_BEFORE), self.believed(told))


@immutable
class BesidePlace(OnePlace):
    """What may become a place: an offer, or waiting. It is silent where another mail says, or has said since, how the place stands."""

    told_place: Told | None
    """What they were told of a place."""
    other_is_open: bool
    """Whether another mail about how they stand is on its way to them."""

    BEGINS: ClassVar[str]
    CHANGES: ClassVar[str]
    ENDS: ClassVar[str]

    @abstractmethod
    def says(self, now: dt.datetime) -> Content | None:
        """What is so; None: nothing of the kind."""

    def is_over(self, now: dt.datetime) -> bool:
        """Whether what is so no longer has ended for certain."""
        return True

    def begins_because(self, told: Told) -> str | None:
        return None

    @abstractmethod
    def ends_because(self, now: dt.datetime) -> str: ...

    @abstractmethod
    def is_told_otherwise(self, told: Told, now: dt.datetime) -> bool:
        """Or will be, or was since: then other mails say how it stands."""

    def first(self, found: Difference, to: Addressee, now: dt.datetime) -> str | None:
        begins = found.says.hash is not None
        if begins and not self.facts.settled:
            return ENROLMENT
        is_second = self.other_is_open or (begins and sessions.is_to_hear_of_its_end(self.told_place, to, now))
        return ANOTHER_MAIL if is_second else None

    def differs(self, told: Told, to: Addressee, now: dt.datetime) -> Difference | None:
        session = self.facts.session
        assert session is not None
        believes = told.content is not None and told.until is not None and now < max(told.until, session.ends_at)
        before = standing(told.said) or standing(told.certain)
        says = self.says(now)
        if says is not None:
            elsewhere = has_another(told, to)
            if told.content == says.hash and not elsewhere:
                return None
            if believes and before is not None and not elsewhere and _which(told.content) == _which(says.hash):
                return Difference(self.CHANGES, says, before=before)
            return Difference(self.BEGINS, says, because=self.begins_because(told))
        if not self.is_over(now) or not believes or self.is_told_otherwise(told, now):
            return None
        ended = (before or self.facts.true_now(None)).model_copy(update={"hash": None})
        return Difference(self.ENDS, ended, because=self.ends_because(now))


def _which(content: str | None) -> str:
    """Of several that followed one another: the last part of what it is known by."""
    return (content or "").rpartition("/")[2]
