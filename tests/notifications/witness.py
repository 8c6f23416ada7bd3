"""What people may be told and have to be told, reckoned naively: what is true, and what stands in their inboxes. Knows no code of the service."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field

TOWN = "geonames:776597"
OFFICE = "office"
DAY, MINUTE = dt.timedelta(days=1), dt.timedelta(minutes=1)
BY_OTHERS = "<by-others@x>"
"""By which a mail is known that was none of ours."""
ENDS = ("cancellation", "offer_ended", "waiting_ended", "call_ended", "certificate_revoked", "training_ended")


def begins(day: str) -> dt.datetime:
    """Nine in the morning in Warsaw, in winter."""
    return dt.datetime.fromisoformat(f"{day}T08:00:00+00:00")


def ends(day: str) -> dt.datetime:
    return dt.datetime.fromisoformat(f"{day}T14:00:00+00:00")


def is_the_eve(day: str, now: dt.datetime) -> bool:
    """From three in the afternoon to midnight in Warsaw."""
    eve = begins(day) - DAY
    return eve.replace(hour=14) <= now < eve.replace(hour=23)


@dataclass
class Place:
    """How one person stands, and which time it is that they stand so."""

    state: str = "none"
    life: int = 0
    until: dt.datetime | None = None
    said_at: dt.datetime | None = None
    is_marked: bool = False
    """It names the place in the other training, which is at the same time of day."""
    apart: int = 0
    """The version of what was said of it last that named none, or said that they do not have it: which clash it is."""

    @property
    def is_clashing(self) -> bool:
        return self.state == "enrolled" and self.is_marked

    @property
    def is_active(self) -> bool:
        return self.state in ("enrolled", "offered", "waitlisted")


@dataclass
class Asked:
    """What another system asked to have told to somebody, and until when that is of use."""

    person: str
    letter: str
    until: dt.datetime


@dataclass
class Message:
    """What the office wrote, to whom, and until when that is of use."""

    to: list[str]
    until: dt.datetime
    is_circular: bool = False
    """It is about nobody's own place: who does without such mails gets none."""


@dataclass
class Refusal:
    """The newest of what somebody asked for in vain."""

    which: str
    at: dt.datetime
    is_said: bool
    """Whether it is a mail's matter: they had nothing, and nobody else told them."""
    is_newest: bool = True
    """Nothing was said of their place since."""


@dataclass
class Nominated:
    """The newest nomination of somebody that could not be met."""

    which: str
    at: dt.datetime
    is_said: bool = True
    """It was not before mail went live."""


@dataclass
class Call:
    """That the town may nominate so many people until then."""

    places: int
    until: dt.datetime
    has_ended: bool = False


@dataclass(frozen=True)
class Certificate:
    """The newest of an id; numbers grow."""

    number: str
    is_valid: bool


@dataclass(frozen=True)
class Says:
    """What a mail says, as its reader takes it."""

    about: str
    letter: str
    day: str | None = None
    until: dt.datetime | None = None
    which: str | int | frozenset[tuple[str, int]] | None = None
    """Which certificate, refusal or clash, whose, how many people, or what the lists say."""
    note: str | None = None
    """Which practical note it has."""
    expected: int | None = field(default=None, compare=False)
    """How many people are to come, as it is reckoned anew at each try."""

    @property
    def is_an_end(self) -> bool:
        return self.letter in ENDS


@dataclass
class Mail:
    """One mail that reached a server."""

    person: str
    says: Says
    address: str
    message_id: str
    life: int
    is_certain: bool = False
    """Its outcome is known to us as sent, and it has not come back."""


@dataclass
class Witness:
    """All that is true of one training, and every mail that reached anybody."""

    session_id: str = "s1"
    other: Witness | None = None
    """Another training of the same people, of which they read in the same inboxes."""
    day: str | None = None
    is_cancelled: bool = False
    has_spoken: bool = False
    """Whether enrolment has drawn every consequence from the session's newest statement."""
    note: str | None = None
    """Which practical note the session has; None: none."""
    trainers: tuple[str, ...] = ()
    """Whom the planner names, under whichever id."""
    rehearses: bool = False
    """Nothing reaches anybody as yet, and what would have counts as told."""
    live_at: dt.datetime | None = None
    """When mail went live; None: it always was."""
    places: dict[str, Place] = field(default_factory=lambda: defaultdict(Place))
    addresses: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    """Erased or forgotten: never written to."""
    mutes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    asked: dict[str, Asked] = field(default_factory=dict)
    became: dict[str, str] = field(default_factory=dict)
    """Who turned out to be whom."""
    messages: dict[str, Message] = field(default_factory=dict)
    refusals: dict[str, Refusal] = field(default_factory=dict)
    """Of each id."""
    records: dict[str, str] = field(default_factory=dict)
    """What the list says of each id."""
    is_list_closed: bool = False
    nominated: dict[str, Nominated] = field(default_factory=dict)
    """Of each id."""
    risk: str | None = None
    """What enrolment said last of too few who have confirmed, as far as it is a mail's matter."""
    answers: set[str] = field(default_factory=set)
    """What mails about answers to nominations are about."""
    inbox: list[Mail] = field(default_factory=list)
    doubts: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    """For each person and subject: how many mails were in the inbox when the last attempt ended of which nobody knows how."""
    doubted: set[str] = field(default_factory=set)
    """Message-IDs of attempts of which nobody knew whether they arrived."""
    restored_at: int = 0
    """How many mails were in the inbox when an older database took the place of the one that knew how often each was tried."""
    clashed_before: set[tuple[str, int]] = field(default_factory=set)
    """What the place here said of the other one when mail went live: whoever told of that was not us."""
    coordinator: str | None = None
    call: Call | None = None
    others_called: tuple[str | None, dt.datetime, int] | None = None
    """On which day, until when and how many: of a call that was open when mail went live."""
    certificates: dict[str, Certificate] = field(default_factory=dict)
    """Of each id the newest."""

    def of_another(self, session_id: str) -> Witness:
        """The same people, addresses and mails, and nothing said of it yet."""
        its = Witness(session_id)
        for name in ("addresses", "gone", "mutes", "became", "inbox", "doubts", "doubted"):
            setattr(its, name, getattr(self, name))
        return its

    def _its(self, kind: str) -> str:
        """What mails of a kind are about."""
        return f"{kind}/{self.session_id}"

    def about_what(self, about: str) -> Witness:
        """Who knows of it."""
        is_others = self.other is not None and about.split("/")[1] == self.other.session_id
        return self.other if is_others and self.other is not None else self

    # --- what may be told --------------------------------------------------------------------

    def why_not(self, person: str, address: str, says: Says, now: dt.datetime) -> str | None:
        """Why a mail that is about to leave must not: None, it may."""
        if person in self.gone:
            return "nobody writes to who is erased or forgotten"
        if self.addresses.get(person) != address:
            return f"their address is {self.addresses.get(person)}"
        if says.letter.startswith("certificate"):
            return self._why_not_certified(person, says)
        if says.about.startswith(("call/", "unanswered/")):
            return self._why_not_called(person, says, now)
        if says.about.startswith("nomination/"):
            is_so = person == self.coordinator and says.about in self.answers and self.day and now < ends(self.day)
            return None if is_so else "they do not coordinate the town, or nobody was answered, or it is over"
        if says.about.startswith("digest/"):
            return None if says.about == self._digest_of(now) else "it is not the hour of the digest"
        if says.about.startswith("refusal/"):
            return self._why_not_refused(person, says, now)
        if says.about.startswith("missed/"):
            return self._why_not_missed(person, says)
        if says.about.startswith(("message/", "circular/")):
            return self._why_not_written(person, says, now)
        if says.about.startswith("nominated/"):
            return self._why_not_nominated(person, says, now)
        if says.about.startswith("former/"):
            return self._why_not_former(person, says)
        if says.about.startswith("note/"):
            return self._why_not_note(person, says, now)
        if says.about.startswith("risk/"):
            is_so = says.which == self.risk and self.takes_place and now < begins(self.day or "")
            return None if is_so else f"what was said of a risk last is {self.risk}, or nobody acts on it any more"
        if says.about.startswith(("clash/", "clashes/")):
            return self._why_not_clashing(person, says, now)
        if says.about.startswith(("training/", "roster/")):
            return self._why_not_training(person, says, now)
        place, day = self.places[person], self.day
        takes_place = day is not None and not self.is_cancelled
        is_so = {
            "confirmation": place.state == "enrolled" and takes_place,
            "change": place.state == "enrolled" and takes_place,
            "cancellation": place.state != "enrolled" or not takes_place,
            "offer": self._is_offered(place, now),
            "offer_change": self._is_offered(place, now),
            "offer_ended": not self._is_offered(place, now),
            "waiting": self._waits(place, now),
            "waiting_change": self._waits(place, now),
            "waiting_ended": not self._waits(place, now),
            "reminder": place.state == "enrolled" and takes_place and day is not None and is_the_eve(day, now),
        }
        if says.letter in is_so:
            if not is_so[says.letter]:
                return f"it is not so: {place}, {self.day}, cancelled: {self.is_cancelled}"
            if says.letter == "reminder" and "reminders" in self.mutes[person]:
                return "they do without reminders"
            if not says.is_an_end and says.day != day:
                return f"it is on {day}"
            if says.letter.startswith("offer") and not says.is_an_end and says.until != place.until:
                return f"it is held until {place.until}"
            if not says.is_an_end and not self.has_spoken:
                return "enrolment may be about to take it back"
            return None
        return self._why_not_asked(person, says, now)

    def _why_not_clashing(self, person: str, says: Says, now: dt.datetime) -> str | None:
        theirs = self._clashing(now)
        if says.letter == "clashes":
            is_so = person == self.coordinator and theirs and says.which == theirs
            return None if is_so and self.both_have_spoken else f"what clashes in their town is {theirs}"
        if dict(theirs).get(person) != says.which:
            return f"what clashes is {theirs}"
        if not self.both_have_spoken:
            return "enrolment may be about to take it back"
        return None if self.rehearses or self.knows_both(person) else "they have not heard of both places as they are"

    @property
    def both_have_spoken(self) -> bool:
        return self.has_spoken and self.other is not None and self.other.has_spoken

    def _clashing(self, now: dt.datetime) -> frozenset[tuple[str, int]]:
        """Who has both places, and since when: not of before mail went live, nor when one of the two has begun."""
        if self.other is None or not all(one.takes_place and now < begins(one.day or "") for one in (self, self.other)):
            return frozenset()
        return frozenset(
            (person, place.apart)
            for person, place in self.places.items()
            if place.is_clashing and self.other.places[person].is_clashing and not self._is_of_before(person)
            if person not in self.gone
        )

    def _is_of_before(self, person: str) -> bool:
        return (person, self.places[person].apart) in self.clashed_before

    def knows_both(self, person: str) -> bool:
        return self._knows_place(person) and self.other is not None and self.other._knows_place(person)

    def _knows_place(self, person: str) -> bool:
        told = self._last(person, self._its("place"))
        return told is not None and not told.says.is_an_end and told.says.day == self.day

    @property
    def takes_place(self) -> bool:
        return self.day is not None and not self.is_cancelled

    def _why_not_training(self, person: str, says: Says, now: dt.datetime) -> str | None:
        if says.letter == "training_ended":
            return "they train it" if self.trains(person) else None
        if not self.trains(person):
            return f"it is trained by {self.trainers}, cancelled: {self.is_cancelled}"
        if says.day != self.day:
            return f"it is on {self.day}"
        if says.letter != "roster":
            return None
        if not self._is_evening_of_trainers(now):
            return "it is not the evening before"
        if not self.has_spoken:
            return "enrolment may be about to take it back"
        expected = sum(place.state == "enrolled" for place in self.places.values())
        return f"{expected} are expected" if says.expected != expected else None

    def trains(self, person: str) -> bool:
        return person in map(self.human, self.trainers) and self.day is not None and not self.is_cancelled

    def _is_evening_of_trainers(self, now: dt.datetime) -> bool:
        """From three in the afternoon in Warsaw until it begins, if others had not told them by then."""
        if self.day is None:
            return False
        evening = (begins(self.day) - DAY).replace(hour=14)
        return evening <= now < begins(self.day) and (self.live_at is None or evening >= self.live_at)

    def _why_not_asked(self, person: str, says: Says, now: dt.datetime) -> str | None:
        asked = self.asked.get(says.about)
        if asked is None or (self.human(asked.person), asked.letter) != (person, says.letter):
            return "nobody asked for it"
        if any(one.is_certain for one in self._told_before(person, says.about)):
            return "they were told under another id"
        if now >= asked.until:
            return "it is of no use any more"
        if self.is_cancelled:
            return "its training is called off"
        return "they do without materials" if says.letter == "materials" and "materials" in self.mutes[person] else None

    def _why_not_written(self, person: str, says: Says, now: dt.datetime) -> str | None:
        message = self.messages.get(says.about)
        if message is None or person not in map(self.human, message.to):
            return "the office did not write to them"
        if any(one.is_certain for one in self._told_before(person, says.about)):
            return "they were told under another id"
        if message.is_circular and "messages" in self.mutes[person]:
            return "they do without what the office writes"
        return "it is of no use any more" if now >= message.until else None

    def _why_not_nominated(self, person: str, says: Says, now: dt.datetime) -> str | None:
        newest = self._nomination_of(person)
        if newest is None or newest.which != says.which:
            return f"what they were nominated for in vain last is {newest}"
        if self.places[person].is_active:
            return "they have something in it"
        if any(one.is_certain and one.says.which == says.which for one in self._told_before(person, says.about)):
            return "they were told under another id"
        return None if self.takes_place and now < begins(self.day or "") else "nobody can do anything about it any more"

    def _why_not_note(self, person: str, says: Says, now: dt.datetime) -> str | None:
        if self.places[person].state != "enrolled" or not self.takes_place or now >= begins(self.day or ""):
            return f"they have no place in what is ahead: {self.places[person]}"
        if says.day != self.day or says.note != self.note:
            return f"it is on {self.day}, and the note is {self.note}"
        if not self.has_spoken:
            return "enrolment may be about to take it back"
        if not self._knows_place(person) and (person, self._its("place")) not in self.doubts:
            return "they have not heard of the place as it is"
        return "they have read it" if self._note_read(person) == (self.note,) else None

    def _note_read(self, person: str) -> tuple[str | None] | None:
        """The one that they read last; None: nobody knows."""
        subjects = (self._its("place"), self._about_note)
        if any((person, about) in self.doubts for about in subjects):
            return None
        its = [one for one in self.inbox if one.person == person and one.says.about in subjects]
        if not its or any(not one.is_certain and one.message_id != BY_OTHERS for one in its):
            return None
        return None if its[-1].says.is_an_end else (its[-1].says.note,)

    @property
    def _about_note(self) -> str:
        return f"{self._its('note')}/practical-note"

    def _untold_of_note(self, person: str, now: dt.datetime) -> list[str]:
        """Whoever knows of the place as it is, and read another note with it, or none."""
        told, read = self._last(person, self._its("place")), self._note_read(person)
        if told is None or read is None or self.note is None or not self._knows_place(person):
            return []
        is_theirs = self.places[person].state == "enrolled" and self.takes_place and now < begins(self.day or "")
        is_here = told.message_id == BY_OTHERS or told.address == self.addresses.get(person)
        return [self._about_note] if is_theirs and is_here and read != (self.note,) else []

    def _nomination_of(self, person: str) -> Nominated | None:
        """The newest, under whichever id it was said."""
        theirs = (one for id_, one in self.nominated.items() if self.human(id_) == person)
        newest = max(theirs, key=lambda one: (one.at, one.which), default=None)
        return newest if newest is not None and newest.is_said else None

    def _why_not_former(self, person: str, says: Says) -> str | None:
        _, _, of, former = says.about.split("/")
        if former == person or self.human(former) != person:
            return f"{former} is not them"
        about, told = self._its(of), self._told_of_entry(former, of)
        is_doubtful = (former, about) in self.doubts
        if not is_doubtful and (told is None or (told.says.is_an_end and told.is_certain)):
            return f"{former} was told nothing of it, or that it is gone: {told}"
        if self._still_stands(former, of):
            return f"{former} has it still"
        is_theirs = self._has(person, of)
        letter = "entry_cancelled" if self.is_cancelled else "entry_ended" if is_theirs else "entry_gone"
        if says.letter != letter:
            return f"what is so is {letter}"
        is_to_speak = of == "place" and self.takes_place and not self.has_spoken
        return "enrolment may be about to take it back" if is_to_speak else None

    def _told_of_entry(self, former: str, of: str) -> Mail | None:
        about = self._its(of)
        its = (one for one in self.inbox if (one.person, one.says.about) == (former, about))
        return next(iter(reversed([one for one in its if one.message_id != BY_OTHERS])), None)

    def _has(self, person: str, of: str) -> bool:
        return self.takes_place and (
            self.trains(person) if of == "training" else self.places[person].state == "enrolled"
        )

    def _still_stands(self, former: str, of: str) -> bool:
        return of == "place" and self._has(former, of)

    def _why_not_refused(self, person: str, says: Says, now: dt.datetime) -> str | None:
        refusal = self._refusal_of(person)
        if refusal is None or refusal.which != says.which:
            return f"what they were refused last is {refusal}"
        before = self._told_before(person, says.about)
        if any(one.is_certain and one.says.which == says.which for one in before):
            return "they were told under another id"
        return None if self.day is not None and now < ends(self.day) else "it is over"

    def _refusal_of(self, person: str) -> Refusal | None:
        """What there is to be told: the newest, under whichever id it was said."""
        its, place = self.refusals.get(person), self.places[person]
        theirs = (one for id_, one in self.refusals.items() if self.human(id_) == person)
        formerly = max(theirs, key=lambda one: (one.at, one is its), default=None)
        if its is not None and its is formerly:
            return its if its.is_said and its.is_newest else None
        if formerly is None or not formerly.is_said or place.is_active:
            return None
        return formerly if place.said_at is None or place.said_at <= formerly.at else None

    def _why_not_missed(self, person: str, says: Says) -> str | None:
        record, is_certified = self.records.get(person), self.valid_certificate(person) is not None
        if not self.is_list_closed or is_certified:
            return f"the list is open, or they have a certificate: {is_certified}"
        before = self._told_before(person, says.about)
        is_known = before != [] and all(one.is_certain for one in before) and self._last(person, says.about) is None
        if is_known and (before[-1].says.letter == "missed") == (says.letter == "missed"):
            return "they know it under another id"
        is_so = {"missed": record == "absent", "thanks": record == "came", "missed_corrected": record != "absent"}
        return None if is_so[says.letter] else f"the list says that they {record}"

    def human(self, person: str) -> str:
        return self.became.get(person, person)

    def _told_before(self, person: str, about: str) -> list[Mail]:
        """Mails about it to them under another id."""
        return [
            one
            for one in self.inbox
            if one.says.about == about and one.person != person and self.human(one.person) == person
        ]

    def are_one(self, person: str, into: str) -> None:
        self.became[person] = into
        self.gone.add(person)
        self.mutes[into] |= self.mutes[person]

    def _digest_of(self, now: dt.datetime) -> str | None:
        """On Mondays from eight to midnight in Warsaw."""
        is_its = now.isoweekday() == 1 and 7 <= now.hour < 23
        return f"digest/{now:%G-W%V}" if is_its else None

    def valid_certificate(self, person: str) -> str | None:
        """Its number: their own, or where they have none the newest of an id that went into theirs. It stays with the id that it was issued to."""
        formerly = (one for id_, one in self.certificates.items() if self.human(id_) == person)
        newest = self.certificates.get(person) or max(formerly, key=lambda one: one.number, default=None)
        return newest.number if newest is not None and newest.is_valid else None

    def _why_not_certified(self, person: str, says: Says) -> str | None:
        valid = self.valid_certificate(person)
        if says.letter == "certificate_revoked":
            return f"{valid} is valid" if valid is not None else None
        return f"{valid} is the one that is valid" if says.which != valid else None

    def _why_not_called(self, person: str, says: Says, now: dt.datetime) -> str | None:
        call = self.call
        if person != self.coordinator:
            return "they do not coordinate the town"
        if says.letter == "call_ended":
            return "the town is called" if self._is_called(now) else None
        if call is None or not self._is_called(now):
            return f"the town is not called: {call}"
        if (says.day, says.until, says.which) != (self.day, call.until, call.places):
            return f"it is called otherwise: {call}, on {self.day}"
        if says.letter == "nominations_awaited" and "reminders" in self.mutes[person]:
            return "they do without reminders"
        return None if self.has_spoken else "enrolment may be about to take it back"

    def _is_called(self, now: dt.datetime) -> bool:
        call = self.call
        takes_place = self.day is not None and not self.is_cancelled and now < begins(self.day)
        return takes_place and call is not None and not call.has_ended and now < call.until

    def _is_offered(self, place: Place, now: dt.datetime) -> bool:
        is_held = place.state == "offered" and place.until is not None and now < place.until
        return is_held and self.day is not None and not self.is_cancelled and now < begins(self.day)

    def _waits(self, place: Place, now: dt.datetime) -> bool:
        return place.state == "waitlisted" and self.day is not None and not self.is_cancelled and now < begins(self.day)

    # --- what arrives ------------------------------------------------------------------------

    def arrives(self, mail: Mail) -> str | None:
        """A mail reaches somebody's server. Returns what is wrong with that."""
        if any(one.is_certain for one in self.inbox if one.message_id == mail.message_id):
            return "the same mail left again, and our own words had said that it left"
        before = [one for one in self.inbox[self.restored_at :] if one.message_id == mail.message_id]
        last = next((one for one in reversed(self.inbox) if self._is_about(one, mail)), None)
        doubtful_since = self.doubts.get((mail.person, mail.says.about), -1)
        at = self.inbox.index(last) if last is not None else -1
        self.inbox.append(mail)
        if before:
            if len(before) > 1:
                return "the same mail left three times"
            if mail.message_id not in self.doubted:
                return "the same mail left twice, and there was no doubt about it"
            return None if before[0].says == mail.says else "a second try says something else"
        if last is None or not last.is_certain or doubtful_since > at or last.address != mail.address:
            return None
        if self._said(last) == self._said(mail):
            return f"they know it: {last}"
        return None

    def _is_about(self, one: Mail, other: Mail) -> bool:
        return (one.person, one.says.about) == (other.person, other.says.about)

    def _said(self, mail: Mail) -> tuple[object, ...]:
        if mail.says.is_an_end:
            return ("ended",)
        life = mail.life if mail.says.about.startswith("waiting/") else None
        day = None if mail.says.about.startswith(("clash/", "clashes/")) else mail.says.day
        return (day, mail.says.until, mail.says.which, life)

    # --- what has to be told -----------------------------------------------------------------

    def untold(self, person: str, now: dt.datetime) -> list[str]:
        """What they have to know once everything that stood in the way is gone, and do not."""
        found, place, day = [], self.places[person], self.day
        takes_place = day is not None and not self.is_cancelled
        told = self._last(person, self._its("place"))
        if place.state == "enrolled" and takes_place and day is not None and now < ends(day):
            if told is None or told.says.is_an_end or told.says.day != day:
                found.append(self._its("place"))
        elif (place.state != "enrolled" or not takes_place) and self._believes(told, now):
            found.append(self._its("place"))
        for about, is_so in (
            (self._its("offer"), self._is_offered(place, now)),
            (self._its("waiting"), self._waits(place, now)),
        ):
            told = self._last(person, about)
            knows = told is not None and not told.says.is_an_end and told.says.day == day
            if is_so and not (knows and (place.until is None or (told is not None and told.says.until == place.until))):
                found.append(about)
        found += self._untold_of_certificates(person) + self._untold_of_calls(person, now)
        found += self._untold_of_trainings(person, now) + self._untold_of_clashes(person, now)
        for about, asked in self.asked.items():
            is_muted = asked.letter == "materials" and "materials" in self.mutes[person]
            is_theirs = self.human(asked.person) == person
            is_due = is_theirs and now < asked.until and not self.is_cancelled and not is_muted
            was_tried = self._told_before(person, about) or (
                asked.person != person and (asked.person, about) in self.doubts
            )
            if is_due and not was_tried and self._last(person, about) is None:
                found.append(about)
        for about, message in self.messages.items():
            its = [one for one in message.to if self.human(one) == person]
            was_tried = self._told_before(person, about) or any((one, about) in self.doubts for one in its)
            if message.is_circular and "messages" in self.mutes[person]:
                continue
            if its and now < message.until and not was_tried and self._last(person, about) is None:
                found.append(about)
        found += self._untold_of_refusals(person, now)
        if person == self.coordinator and self.day is not None and now < ends(self.day):
            found += [about for about in sorted(self.answers) if self._last(person, about) is None]
        found += self._untold_of_nominated(person, now) + self._untold_of_former(person, now)
        found += self._untold_of_note(person, now)
        digest = self._digest_of(now)
        if person == OFFICE and digest is not None and self._last(person, digest) is None:
            found.append(digest)
        if person == OFFICE and self.risk is not None and takes_place and day is not None and now < begins(day):
            told = self._last(OFFICE, self._its("risk"))
            found += [self._its("risk")] if told is None or told.says.which != self.risk else []
        return found

    def _untold_of_nominated(self, person: str, now: dt.datetime) -> list[str]:
        about, newest = self._its("nominated"), self._nomination_of(person)
        if newest is None or self.places[person].is_active or not self.takes_place or now >= begins(self.day or ""):
            return []
        told = [*self._told_before(person, about), self._last(person, about)]
        was_tried = any(self.human(one) == person and one != person for one, its in self.doubts if its == about)
        knows = any(one is not None and one.says.which == newest.which for one in told)
        return [] if knows or was_tried else [about]

    def _untold_of_former(self, person: str, now: dt.datetime) -> list[str]:
        """Entries of an id that went into theirs, which nothing but a mail of its own takes out."""
        found = []
        for former in (one for one, into in self.became.items() if into == person):
            for of in ("place", "training"):
                told, about = self._told_of_entry(former, of), f"{self._its('former')}/{of}/{former}"
                if told is None or not told.is_certain or (former, self._its(of)) in self.doubts:
                    continue
                if not self._believes(told, now) or self._still_stands(former, of):
                    continue
                ended = self._last(person, about)
                if ended is None or self.inbox.index(ended) < self.inbox.index(told):
                    found.append(about)
        return found

    def _untold_of_refusals(self, person: str, now: dt.datetime) -> list[str]:
        about, refusal = self._its("refusal"), self._refusal_of(person)
        if refusal is None or self.day is None or now >= ends(self.day):
            return []
        told = [*self._told_before(person, about), self._last(person, about)]
        was_tried = any(self.human(one) == person and one != person for one, its in self.doubts if its == about)
        knows = any(one is not None and one.says.which == refusal.which for one in told)
        return [] if knows or was_tried else [about]

    def _untold_of_certificates(self, person: str) -> list[str]:
        about, number = self._its("certificate"), self.valid_certificate(person)
        told = self._last(person, about) or next(iter(reversed(self._told_before(person, about))), None)
        if number is None:
            knows = told is None or told.says.is_an_end
        else:
            knows = told is not None and told.says.which == number and not told.says.is_an_end
        return [] if knows else [about]

    def _untold_of_clashes(self, person: str, now: dt.datetime) -> list[str]:
        if self.other is None:
            return []
        found, theirs = [], self._clashing(now)
        about = f"clash/{self.session_id}/{self.other.session_id}"
        told = self._last(person, about)
        if person in dict(theirs) and (told is None or told.says.which != dict(theirs)[person]):
            found.append(about)
        of_town = f"clashes/{self.session_id}/{self.other.session_id}/{TOWN}"
        told = self._last(person, of_town)
        named = told.says.which if told is not None else frozenset()
        if person == self.coordinator and isinstance(named, frozenset) and not theirs <= named:
            found.append(of_town)
        return found

    def _untold_of_trainings(self, person: str, now: dt.datetime) -> list[str]:
        found, told, day = [], self._last(person, self._its("training")), self.day
        if self.trains(person) and day is not None:
            if now < ends(day) and (told is None or told.says.is_an_end or told.says.day != day):
                found.append(self._its("training"))
            roster_about = f"{self._its('roster')}/evening-before"
            roster = self._last(person, roster_about)
            if self._is_evening_of_trainers(now) and (roster is None or roster.says.day != day):
                found.append(roster_about)
        elif self._believes(told, now):
            found.append(self._its("training"))
        return found

    def _untold_of_calls(self, person: str, now: dt.datetime) -> list[str]:
        call, about = self.call, f"{self._its('call')}/{TOWN}"
        if call is None or person != self.coordinator:
            return []
        told = self._last(person, about)
        believed = self.others_called
        if told is not None:
            believed = None if told.says.is_an_end else (told.says.day, told.says.until, told.says.which)  # type: ignore[assignment]
        if not self._is_called(now):
            return [about] if believed is not None and now < believed[1] else []
        return [] if believed == (self.day, call.until, call.places) else [about]

    # --- going live --------------------------------------------------------------------------

    def goes_live(self, now: dt.datetime) -> None:
        """What is so at this moment others have told; what was asked for before is dropped."""
        self.live_at, self.rehearses = now, False
        for person, place in self.places.items():
            if place.is_clashing:
                self.clashed_before.add((person, place.apart))
        for person in filter(self.trains, dict.fromkeys(map(self.human, self.trainers))):
            says = Says(self._its("training"), "training", self.day)
            self.inbox.append(Mail(person, says, self.addresses.get(person, ""), BY_OTHERS, 0))
        self.asked.clear()
        self.answers.clear()
        self.messages.clear()
        for refusal in self.refusals.values():
            refusal.is_said = False
        for nominated in self.nominated.values():
            nominated.is_said = False
        self.risk = None
        for person, place in self.places.items():
            its = {"enrolled": "confirmation", "offered": "offer", "waitlisted": "waiting"}
            subjects = {"enrolled": "place", "offered": "offer", "waitlisted": "waiting"}
            if place.state in its and self.day is not None and not self.is_cancelled:
                says = Says(self._its(subjects[place.state]), its[place.state], self.day, place.until, note=self.note)
                self.inbox.append(Mail(person, says, self.addresses.get(person, ""), BY_OTHERS, place.life))
        for person in self.certificates:
            number = self.valid_certificate(person)
            if number is not None:
                says = Says(self._its("certificate"), "certificate", self.day, None, number)
                self.inbox.append(Mail(person, says, self.addresses.get(person, ""), BY_OTHERS, 0))
        call = self.call
        if call is not None:
            self.others_called = (self.day, call.until, call.places) if self._is_called(now) else None

    def addressees(self, people: list[str]) -> list[str]:
        return [*people, OFFICE, *([self.coordinator] if self.coordinator is not None else [])]

    def _last(self, person: str, about: str) -> Mail | None:
        return next((one for one in reversed(self.inbox) if (one.person, one.says.about) == (person, about)), None)

    def _believes(self, told: Mail | None, now: dt.datetime) -> bool:
        """That they have a place in something that is still to come."""
        return told is not None and not told.says.is_an_end and told.says.day is not None and now < ends(told.says.day)
