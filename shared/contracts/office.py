"""What the programme office asks for beside the rules. Only its own console says so: nobody else may write this stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from shared.contracts.model import Id, Line, Request

HIGHEST_PRIORITY = 100
MOST_PLACES = 5_000


class OfficeRequest(Request):
    """Something that the office has decided about a session, and why.

    `seen` is the tag of what the office looked at when it decided, as the API told it: of a place, or of a session. If that stands
    otherwise by now, nothing is done. Without one it is done whatever stands.
    """

    stream = "enrolment.office"

    session_id: Id
    note: Line
    """The reason, as it is to be read later."""
    seen: Line | None = None


class AboutAPlace(OfficeRequest):
    """Of one person's place in the session. It does not wait its turn behind what the person has asked."""

    subject = "session/{session_id}/person/{person_id}"
    about = ("session/{session_id}", "person/{person_id}")

    person_id: Id


_PLACE: dict[str, object] = {"session_id": "session-0101", "person_id": "person-0001"}


class ExtraPlaceRequested(AboutAPlace):
    """The person is to have a place outside the rules: it counts against neither the room nor the share of a town."""

    asks_for = "extra_place"
    example: ClassVar[Mapping[str, object]] = _PLACE | {"note": "speaks on the second day", "seen": "0"}


class PriorityRequested(AboutAPlace):
    """The person's place in line is to have this priority: the highest is next."""

    asks_for = "priority"
    example: ClassVar[Mapping[str, object]] = _PLACE | {"note": "travels with two others", "seen": "3", "priority": 50}

    priority: Annotated[int, Field(strict=True, ge=0, le=HIGHEST_PRIORITY)]


class RemovalRequested(AboutAPlace):
    """The person is to have no place, and is not to get one by asking, until the office gives one or lifts this."""

    asks_for = "removal"
    example: ClassVar[Mapping[str, object]] = _PLACE | {"note": "did not come twice without a word", "seen": "4"}


class RemovalLiftRequested(AboutAPlace):
    """The person may ask for a place again."""

    asks_for = "removal_lift"
    example: ClassVar[Mapping[str, object]] = _PLACE | {"note": "it was somebody of the same name", "seen": "5"}


class CorrectionRequested(OfficeRequest):
    """What is to hold instead of what the planner says of the room, until the planner says another value. All of it: what is not
    named here is as the planner says."""

    subject = "session/{session_id}/correction"
    about = ("session/{session_id}",)
    asks_for = "correction"
    example: ClassVar[Mapping[str, object]] = {
        "session_id": "session-0101",
        "note": "the room was counted anew",
        "seen": "3-0",
        "capacity": 24,
        "places_per_town": 3,
    }

    capacity: Annotated[int, Field(strict=True, ge=1, le=MOST_PLACES)] | None = None
    places_per_town: Annotated[int, Field(strict=True, ge=1, le=MOST_PLACES)] | None = None


OfficeDecision = ExtraPlaceRequested | PriorityRequested | RemovalRequested | RemovalLiftRequested | CorrectionRequested
