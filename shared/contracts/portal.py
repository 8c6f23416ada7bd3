"""What the portal, the town coordinators and participants themselves ask for: places in sessions, and what they answer to those."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from shared.contracts.model import Id, OptionalLine, Request


class AboutOnePlace(Request):
    """Something asked about one person's place in one session."""

    stream = "enrolment.requests"
    subject = "session/{session_id}/person/{person_id}"
    about = ("session/{session_id}", "person/{person_id}")
    scope = "session/{session_id}/person/{person_id}"

    session_id: Id
    person_id: Id


class EnrolmentRequested(AboutOnePlace):
    """Someone asks for a person's place in a session."""

    asks_for = "place"
    example: ClassVar[Mapping[str, object]] = {"session_id": "session-0101", "person_id": "person-0001"}


class WithdrawalRequested(AboutOnePlace):
    """Someone asks to give a person's place back."""

    asks_for = "withdrawal"
    example: ClassVar[Mapping[str, object]] = {
        "session_id": "session-0101",
        "person_id": "person-0001",
        "reason": "on leave that week",
    }

    reason: OptionalLine | None = None


class OfferAnswer(StrEnum):
    ACCEPT = "accept"
    DECLINE = "decline"


class OfferAnswered(AboutOnePlace):
    """Someone answers the offer of a place that has become free."""

    asks_for = "offer"
    example: ClassVar[Mapping[str, object]] = {
        "session_id": "session-0101",
        "person_id": "person-0001",
        "answer": "accept",
    }

    answer: OfferAnswer


class Reply(StrEnum):
    """What someone who has a place says to it."""

    NONE = "none"
    CONFIRMED = "confirmed"
    DECLINED = "declined"


class ReplyGiven(AboutOnePlace):
    """Someone says whether a person who has a place will come. `declined` gives it back, `none` takes the word back."""

    asks_for = "reply"
    example: ClassVar[Mapping[str, object]] = {
        "session_id": "session-0101",
        "person_id": "person-0001",
        "reply": "confirmed",
    }

    reply: Reply


PlaceRequest = EnrolmentRequested | WithdrawalRequested | OfferAnswered | ReplyGiven
"""What is asked about one place."""


class AboutOneTown(Request):
    """Something that a town's coordinator asks about the town's places in one session."""

    stream = "enrolment.requests"
    subject = "session/{session_id}/city/{city_id}"

    session_id: Id
    city_id: Id


class NominationMode(StrEnum):
    """What becomes of a nomination when not all of its people can be enrolled at once."""

    ALL_OR_NONE = "all_or_none"
    AS_MANY_AS_FIT = "as_many_as_fit"
    """In the order in which they are named; whoever may come and does not fit waits."""


def _each_once(people: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(people)) != len(people):
        raise ValueError("must name each person once")
    return people


People = Annotated[
    tuple[Id, ...],
    Field(min_length=1, max_length=60, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_each_once),
]


class PeopleNominated(AboutOneTown):
    """A town nominates people of its team for a session."""

    about = ("session/{session_id}", "person/{people}")
    scope = "session/{session_id}/city/{city_id}"
    asks_for = "nomination"
    example: ClassVar[Mapping[str, object]] = {
        "session_id": "session-0101",
        "city_id": "geonames:776597",
        "people": ["person-0001", "person-0002"],
        "mode": "as_many_as_fit",
    }

    people: People
    mode: NominationMode


class SubstitutionRequested(AboutOneTown):
    """A town sends somebody else of its team instead of a person who has a place, or waits for one."""

    about = ("session/{session_id}", "person/{leaves}", "person/{comes}")
    scope = "session/{session_id}/person/{leaves}"
    asks_for = "substitution"
    example: ClassVar[Mapping[str, object]] = {
        "session_id": "session-0101",
        "city_id": "geonames:776597",
        "leaves": "person-0001",
        "comes": "person-0003",
    }

    leaves: Id
    comes: Id


TownRequest = PeopleNominated | SubstitutionRequested
"""What is asked about a town's places."""

EnrolmentRequest = PlaceRequest | TownRequest
