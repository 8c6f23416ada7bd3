"""What notifications publishes: who was told what, and by which keys the links in its mails are known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from shared.contracts.model import Count, Digest, Fact, Id, Language, Line, Moment, OptionalLine, Part, PublicKey
from shared.contracts.notices import Context
from shared.contracts.planner import Meeting

ABOUT_PATTERN = r"^[a-z]+(/[A-Za-z0-9._:-]{1,64}){1,3}$"
About = Annotated[str, StringConstraints(pattern=ABOUT_PATTERN)]
"""What a mail is about, such as `place/session-0001`: the first word is its kind of subject, ids follow."""
StatusCode = Annotated[str, StringConstraints(pattern=r"^[245]\.[0-9]{1,3}\.[0-9]{1,3}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,39}$")]


class _OfSession(Part):
    """What a mail told of a session."""

    topic: Id | None = None
    topic_name: Line | None = None
    """As the mail named it."""
    city_id: Id | None = None
    city_name: Line | None = None
    venue: Line
    address: OptionalLine | None = None
    meetings: Annotated[tuple[Meeting, ...], Field(min_length=1, max_length=60)]
    """As the mail told them; in what calls something off, those that it called off."""
    note: Line | None = None
    """Which practical note the mail had, by a name that another text changes; None: none."""
    pre_test: Line | None = None
    """Which test before it the mail asked for, by a name that another link or time changes; None: for none."""

    @property
    def until(self) -> dt.datetime:
        """When it is over, as told."""
        return max(meeting.ends_at for meeting in self.meetings)

    @property
    def needed_at(self) -> dt.datetime:
        """When whoever was told has to act on it, at the latest."""
        return min(meeting.starts_at for meeting in self.meetings)


class SessionTold(_OfSession):
    """When and where a session is."""

    of: Literal["session"] = "session"


class ReminderTold(_OfSession):
    """That a session is tomorrow, by which rule."""

    of: Literal["reminder"] = "reminder"
    rule: Id
    useful_until: Moment

    @property
    def until(self) -> dt.datetime:
        return self.useful_until


class OfferTold(_OfSession):
    """That a place in it is held for the recipient."""

    of: Literal["offer"] = "offer"
    offered_at: Moment | None = None
    """Which offer: when it was made."""
    offered_until: Moment
    """Until when it may be accepted, as told."""

    @property
    def needed_at(self) -> dt.datetime:
        return min(super().needed_at, self.offered_until)


class RefusalTold(_OfSession):
    """That a request for a place in it was refused, and why."""

    of: Literal["refusal"] = "refusal"
    reason: Word
    opens_at: Moment | None = None
    """When enrolment opens, as told."""


class CallTold(_OfSession):
    """That a town may nominate people for it."""

    of: Literal["call"] = "call"
    town_id: Id
    town_name: Line | None = None
    places: Count
    """How many of the town may have a place, as told."""
    nominate_until: Moment

    @property
    def until(self) -> dt.datetime:
        return self.nominate_until

    @property
    def needed_at(self) -> dt.datetime:
        return min(super().needed_at, self.nominate_until)


class RiskTold(_OfSession):
    """That fewer people have confirmed than it needs."""

    of: Literal["risk"] = "risk"
    minimum: Count
    confirmed: Count
    enrolled: Count


class Clashing(Part):
    """One person of those who have a place in both."""

    person_id: Id
    since: Count
    """Which time it is: what the place had been said to be last before, by its version."""


class ClashTold(_OfSession):
    """That it is at the same time as another one in which the recipient, or people of the town that they coordinate, have a place, too."""

    of: Literal["clash"] = "clash"
    other_session_id: Id
    other: SessionTold
    begins_at: Moment
    """When the first of the two begins."""
    people: tuple[Clashing, ...] = ()
    """Of a town: who they are."""

    @property
    def until(self) -> dt.datetime:
        return self.begins_at

    @property
    def needed_at(self) -> dt.datetime:
        return self.begins_at


class CertificateTold(_OfSession):
    """Which certificate of the recipient for it is valid, or was until now."""

    of: Literal["certificate"] = "certificate"
    number: Id
    useful_until: Moment

    @property
    def until(self) -> dt.datetime:
        return self.useful_until


class _Useful(Part):
    """What is of use until a moment that stands in it, and not until a session's."""

    useful_until: Moment

    @property
    def until(self) -> dt.datetime:
        return self.useful_until

    @property
    def needed_at(self) -> dt.datetime:
        return self.useful_until


class TasksTold(_Useful, _OfSession):
    """That something is to be filled in because of it."""

    of: Literal["tasks"] = "tasks"
    tasks: Annotated[tuple[Line, ...], Field(max_length=10)]
    """What, by names that another link or time changes."""


class _OfNoSession(_Useful):
    """What a mail told that is about no session: nothing of one stands in it."""

    topic: ClassVar[None] = None
    topic_name: ClassVar[None] = None
    city_id: ClassVar[None] = None
    city_name: ClassVar[None] = None
    venue: ClassVar[str] = ""
    address: ClassVar[None] = None
    meetings: ClassVar[tuple[Meeting, ...]] = ()


class Audience(StrEnum):
    """To whom the office writes at once."""

    SESSION = "session"
    """Whoever stands in a session as the office says: has a place, waits …"""
    TOWN = "town"
    """Whoever is in a town's team."""
    COORDINATORS = "coordinators"
    """Whoever coordinates a town, of all towns."""


class MessageTold(_OfNoSession):
    """What the office wrote. Its text is in no event."""

    of: Literal["message"] = "message"
    message_id: Id
    audience: Audience
    audience_id: Id | None = None


class BouncedTold(_OfNoSession):
    """That an address of somebody in a team takes no mail."""

    of: Literal["bounced"] = "bounced"
    person_id: Id
    status: StatusCode | None = None


class DigestTold(_OfNoSession):
    """What stood open for the office in a week."""

    of: Literal["digest"] = "digest"
    week: Line
    """Such as `2026-W48`."""
    open: dict[Word, Count]
    """How many of what; what there was none of is not in it."""


class AskedTold(_OfNoSession):
    """What another system asked to have told. What that was stands in `NoticeAccepted`."""

    of: Literal["asked"] = "asked"
    asked_id: Id


Says = Annotated[
    SessionTold
    | ReminderTold
    | OfferTold
    | RefusalTold
    | CallTold
    | RiskTold
    | ClashTold
    | CertificateTold
    | TasksTold
    | MessageTold
    | BouncedTold
    | DigestTold
    | AskedTold,
    Field(discriminator="of"),
]
"""What a mail said, as far as it is about its subject and not about the recipient. One class a shape; several kinds may share one."""


class NoticeOutcome(Fact):
    """What became of one mail; the aggregate is the notice.

    Says what the mail told, as far as it is about its subject and not about the person: what everybody was told can be
    known again from these facts alone.
    """

    stream = "notifications.events"
    subject = "notice/{notice_id}"
    only_by_owner = True

    notice_id: Id
    recipient: Id
    """A person's id; `office` of what the programme office is told: its address is a setting of the installation."""
    about: About
    kind: Word
    """Which mail it was: `confirmation`, `change`, `cancellation` of a place; `waiting`, `waiting_change`, `waiting_ended` of the
    waiting list; `offer`, `offer_change`, `offer_ended` of a place that is held for somebody; `refused`; `reply_asked`, `reminder`;
    `note_changed`; `at_risk` to the office; `call`, `call_change`, `call_ended`, `nominations_awaited` and `nomination_answered` to a town's
    coordinators, `nominated` to whom they named; `clash` to whom has two places at the same time, and `clashes` to a town's
    coordinators; `training`, `training_change`, `training_ended` and `roster` to trainers; `certificate`,
    `certificate_replaced`, `certificate_revoked`; `missed`, `missed_corrected`, `thanks`;
    `pre_test_awaited`, `after_tasks` and `after_tasks_awaited` of what is to be filled in elsewhere; `address_bounced` to a town's
    coordinators; `digest` to the office, once a week; `message` and `circular`, which the office wrote; `materials`,
    `questionnaire` and `task`, for which another system asked. Others may follow."""
    language: Language
    message_id: Line
    attempts: Count
    doubts: Count = 0
    """Of how many attempts nobody knows whether the mail left."""
    sequence: Count = 0
    """The mail's number among those to this recipient about this subject: the SEQUENCE of its calendar entries."""
    content: Line | None = None
    """What the recipient was to believe, as a hash; None: that there is nothing (any more)."""
    address_digest: Line | None = None
    """Which address it went to: the same for the same address of this person, and nothing that anybody but notifications could
    hold an address against. None in older facts: not known."""
    says: Says
    decided_at: Moment


_NOTICE: dict[str, object] = {
    "notice_id": "notice-0199aa00-0000-7000-8000-000000000003",
    "recipient": "person-0001",
    "about": "place/session-0001",
    "kind": "confirmation",
    "language": "pl",
    "message_id": "<notice-0199aa00-0000-7000-8000-000000000003@rollcall.example.org>",
    "attempts": 1,
    "doubts": 0,
    "sequence": 0,
    "content": "5b0c7a1f3f6f4d7e9a8b7c6d5e4f3a2b",
    "address_digest": "7c1e.5b0c7a1f",
    "says": {
        "of": "session",
        "topic": "climate",
        "topic_name": "Adaptacja do zmian klimatu",
        "city_id": "geonames:776597",
        "city_name": "Augustów",
        "venue": "Urząd Miejski w Augustowie, sala 12",
        "address": "ul. Młyńska 35, Augustów",
        "meetings": [
            {
                "meeting_id": "day-1",
                "starts_local": "2026-10-24T09:00:00",
                "ends_local": "2026-10-24T15:00:00",
                "zone": "Europe/Warsaw",
            }
        ],
    },
    "decided_at": "2026-10-01T08:15:02.000000Z",
}


class NoticeSent(NoticeOutcome):
    """The mail server accepted the mail."""

    example: ClassVar[Mapping[str, object]] = _NOTICE


class NoticeFailed(NoticeOutcome):
    """The mail did not reach its server for certain; `code` says why, never in the server's words.

    `smtp_550` and the like: refused for good, or for days. `unrenderable`: no mail can carry what it should say.
    `outcome_unknown`: it may have left, an operator has to find out. `overtaken`: it may have left, and a later notice
    tells what is true now. `not_sent`: an operator found out that it had not left. `too_late`: what it should say stopped being of
    use before it could leave, or before anybody knew where to send it; `problem` says what stood in the way.
    """

    code: Line
    problem: Line | None = None
    made_of_digest: Line | None = None
    """The same while the mail would be the very one that failed: same address, name, language, words and release."""
    example: ClassVar[Mapping[str, object]] = _NOTICE | {"code": "smtp_550", "made_of_digest": "7c1e.e0a94d21"}


class NoticeBounced(NoticeOutcome):
    """The mail was accepted and came back: its recipient does not have it. Never a word of what came back."""

    status: StatusCode
    """Why, as servers number it (RFC 3463)."""
    permanent: bool
    """Whether it is the address that takes no mail; else a full mailbox, a filter, somebody's server."""
    again_at: Moment | None = None
    """Of what may pass: when its recipient is told again, at the earliest. Absent: as soon as may be."""
    example: ClassVar[Mapping[str, object]] = _NOTICE | {"status": "5.1.1", "permanent": True}


class NoticeRepeated(NoticeOutcome):
    """The mail left, and the office has it said once more: what its recipient knows is not certain."""

    by: Line
    reason: Line
    was_rehearsed: bool = False
    """It never left: what was only rehearsed is said after all."""
    example: ClassVar[Mapping[str, object]] = _NOTICE | {"by": "Anna", "reason": "deleted by mistake"}


class NoticeRehearsed(NoticeOutcome):
    """The mail was planned and written before mail went live, and was not sent to its recipient: nobody was told by it.

    `code` says what would have kept it from leaving, in the words of NoticeFailed; `shown`: it went to the one address that the installation
    rehearses to.
    """

    code: Line | None = None
    example: ClassVar[Mapping[str, object]] = _NOTICE


NoticeFact = NoticeSent | NoticeFailed | NoticeBounced | NoticeRepeated | NoticeRehearsed


class GoLiveStated(Fact):
    """From now on mail is sent. What was so before, others have told whom it concerns, or nobody has: it is not mailed about until it
    changes. Stated once for an installation."""

    stream = "notifications.events"
    subject = "go-live/{recipient}"
    only_by_owner = True
    example: ClassVar[Mapping[str, object]] = {
        "recipient": "all",
        "by": "Anna",
        "reason": "the old system is switched off",
        "decided_at": "2026-10-01T08:20:11.000000Z",
    }

    recipient: Id
    """`all`: everybody is written to."""
    by: Line
    reason: Line
    decided_at: Moment


class _Address(Fact):
    """Whether one recipient's address is written to."""

    stream = "notifications.events"
    subject = "address/{recipient}"
    only_by_owner = True

    recipient: Id
    address_digest: Line
    """Which address of theirs: the same as in the notices that went there."""
    decided_at: Moment


_ADDRESS: dict[str, object] = {
    "recipient": "person-0001",
    "address_digest": "7c1e.5b0c7a1f",
    "decided_at": "2026-10-01T08:20:11.000000Z",
}


class AddressSuppressed(_Address):
    """Mail to this address came back: nothing is sent there until the directory states another one, or an operator lets it through."""

    status: StatusCode
    notice_id: Id
    """The mail that came back last."""
    example: ClassVar[Mapping[str, object]] = _ADDRESS | {
        "status": "5.1.1",
        "notice_id": "notice-0199aa00-0000-7000-8000-000000000003",
    }


class AddressReleased(_Address):
    """An operator lets mail to this address through again."""

    by: Line
    reason: Line | None = None
    example: ClassVar[Mapping[str, object]] = _ADDRESS | {"by": "Anna", "reason": "The mailbox was full."}


AddressFact = AddressSuppressed | AddressReleased


class Mutable(StrEnum):
    """What somebody may do without. Never what happens to their own place: that it is theirs, has changed, or is gone."""

    REMINDERS = "reminders"
    DIGESTS = "digests"
    MESSAGES = "messages"
    """What the office writes to many at once."""
    MATERIALS = "materials"
    """That materials or questionnaires of a training are there."""


class NoticesMuted(Fact):
    """Which mails a recipient does not want. All of it: what is not named is sent."""

    stream = "notifications.events"
    subject = "mutes/{recipient}"
    only_by_owner = True
    example: ClassVar[Mapping[str, object]] = {
        "recipient": "person-0001",
        "muted": ["reminders"],
        "decided_at": "2026-10-01T08:20:11.000000Z",
    }

    recipient: Id
    muted: Annotated[tuple[Mutable, ...], Field(max_length=len(Mutable))]
    by: Line | None = None
    """Who of the office said so; None: whoever had the link of a mail to this recipient."""
    reason: Line | None = None
    decided_at: Moment


class MessageAddressed(Fact):
    """The office writes to this recipient, and to others at once; the aggregate is the message and the recipient. Who is added to whom it
    wrote to later is not written to. Never the text: it may name people, and stands in notifications' own database until it is forgotten."""

    stream = "notifications.events"
    subject = "message/{message_id}/{recipient}"
    only_by_owner = True
    example: ClassVar[Mapping[str, object]] = {
        "message_id": "message-3b9c1f0453d1",
        "recipient": "person-0001",
        "audience": "session",
        "audience_id": "session-0001",
        "useful_until": "2026-10-23T22:00:00.000000Z",
        "by": "Anna",
        "reason": "the hall has no parking",
        "request_digest": "6f1c0a52b7e94d0f8a3c2b1d",
        "decided_at": "2026-10-01T08:20:11.000000Z",
    }

    message_id: Id
    recipient: Id
    audience: Audience
    audience_id: Id | None = None
    """Which session or town; None: all."""
    useful_until: Moment
    """Who could not be told by then is not told any more."""
    by: Line
    reason: Line
    request_digest: Digest
    """What exactly was asked for, text and all: the same under the same key is sent once."""
    decided_at: Moment


class NoticeHindrance(StrEnum):
    """What stood between a person and a mail that was asked for, when that was decided. Once it is gone, they are told."""

    CONTACT = "contact"
    """Nobody has said their address."""
    WITHHELD = "withheld"
    """Mail to their address came back."""
    MUTED = "muted"
    """They do without such mails."""


class DeclineReason(StrEnum):
    """Why nobody is told what another system asked for."""

    ONLY_FACTS = "only_facts"
    """What it asks for follows from facts alone: a place, a certificate."""
    BEFORE_GO_LIVE = "before_go_live"
    TOO_LATE = "too_late"
    """It is of no use any more."""
    PERSON_UNKNOWN = "person_unknown"
    """For as long as requests wait nobody said who that is."""
    PERSON_ERASED = "person_erased"
    CONTACT_FORGOTTEN = "contact_forgotten"
    SESSION_UNKNOWN = "session_unknown"
    SESSION_CANCELLED = "session_cancelled"
    TOO_MANY = "too_many"
    """So many mails were asked for to this person within a day that one more would be read by nobody."""


class _AnsweredNotice(Fact):
    """What became of a request for a mail, decided once: the aggregate is what was asked."""

    stream = "notifications.events"
    subject = "asked/{asked_id}"
    only_by_owner = True

    asked_id: Id
    """Made of the request's source and id: the same however often it is sent."""
    recipient: Id
    """Who is told: the person who was named, or whoever they turned out to be."""
    session_id: Id | None = None
    context: Context
    request_source: Line
    request_id: Line
    request_digest: Digest
    decided_at: Moment


_ASKED: dict[str, object] = {
    "asked_id": "asked-3b9c1f0453d16f1c0a52b7e9",
    "recipient": "person-0001",
    "session_id": "session-0101",
    "context": {
        "of": "materials",
        "title": "Slajdy z pierwszego dnia",
        "link": "https://materials.example.org/session-0101",
    },
    "request_source": "urn:example:materials",
    "request_id": "materials-0001",
    "request_digest": "6f1c0a52b7e94d0f8a3c2b1d",
    "decided_at": "2026-10-01T08:20:11.000000Z",
}


class NoticeAccepted(_AnsweredNotice):
    """The person is told, as soon as nothing stands in the way, while it is of use. What becomes of the mail say the notices with this `about`."""

    example: ClassVar[Mapping[str, object]] = _ASKED | {
        "about": "materials/asked-3b9c1f0453d16f1c0a52b7e9",
        "useful_until": "2026-10-15T08:20:11.000000Z",
    }

    about: About
    useful_until: Moment
    hindrance: NoticeHindrance | None = None


class NoticeDeclined(_AnsweredNotice):
    """Nobody is told, and why."""

    example: ClassVar[Mapping[str, object]] = _ASKED | {
        "context": {"of": "certificate"},
        "reason": "only_facts",
    }

    reason: DeclineReason


AskedFact = NoticeAccepted | NoticeDeclined


class LinkKeyStated(Fact):
    """Links for this audience that the key signed are notifications' own, as long as nothing else is said of the key.

    The other half of the key stays with notifications; a link itself is in no event. Stated again with an earlier
    `verifies_until`, the key is withdrawn.
    """

    stream = "notifications.keys"
    subject = "link-key/{key_id}"
    only_by_owner = True
    example: ClassVar[Mapping[str, object]] = {
        "key_id": "k-3b9c1f04",
        "audience": "enrolment",
        "public_key": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "verifies_until": "2028-04-01T08:15:02.000000Z",
        "decided_at": "2026-10-01T08:15:02.000000Z",
    }

    key_id: Id
    audience: Id
    """The service that is asked by these links."""
    public_key: PublicKey
    verifies_until: Moment
    decided_at: Moment
