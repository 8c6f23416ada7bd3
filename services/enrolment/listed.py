"""What the API lists of one session: offers, replies, requests, towns. Only shapes."""

from __future__ import annotations

import datetime as dt

from pydantic import Field

from services.enrolment.answers import Counted, counts
from shared.contracts.enrolment import AskedFor
from shared.contracts.portal import Reply
from shared.web.answers import Shape, exemplified


class OpenOffer(Shape):
    """A seat that is held for somebody until they answer."""

    model_config = exemplified(
        person_id="person-0001",
        given_name="Zofia",
        family_name="Zielińska",
        city_id="geonames:776597",
        offered_at="2026-10-05T09:00:00Z",
        offered_until="2026-10-07T09:00:00Z",
        event_id="0199aa00-0000-7000-8000-000000000009",
        tag="2",
    )

    person_id: str
    given_name: str | None = Field(description="Null: not known, or erased.")
    family_name: str | None
    city_id: str | None
    offered_at: dt.datetime
    offered_until: dt.datetime
    event_id: str
    tag: str = Field(description="For `If-Match`: the same while nothing is said anew of the place.")


class GivenReply(Shape):
    """What somebody who has a place says to it."""

    model_config = exemplified(
        person_id="person-0001",
        given_name="Zofia",
        family_name="Zielińska",
        city_id="geonames:776597",
        reply="confirmed",
        replied_at="2026-10-06T11:30:00Z",
        event_id="0199aa00-0000-7000-8000-000000000009",
        tag="3",
    )

    person_id: str
    given_name: str | None = Field(description="Null: not known, or erased.")
    family_name: str | None
    city_id: str | None
    reply: Reply
    replied_at: dt.datetime | None
    event_id: str
    tag: str = Field(description="For `If-Match`: the same while nothing is said anew of the place.")


class AnsweredRequest(Shape):
    """A request about a session, and the fact that answered it."""

    model_config = exemplified(
        event_id="0199aa00-0000-7000-8000-000000000009",
        decided_at="2026-10-01T08:15:00Z",
        outcome="ParticipantWaitlisted",
        asked_for="place",
        request_source="urn:example:portal",
        request_id="0199aa00-0000-7000-8000-000000000001",
        asked_at="2026-10-01T08:14:59Z",
        person_id="person-0001",
        city_id="geonames:776597",
        reason=None,
    )

    event_id: str
    decided_at: dt.datetime
    outcome: str = Field(description="The type of the fact.")
    asked_for: AskedFor
    request_source: str
    request_id: str
    asked_at: dt.datetime | None = Field(description="When it had been appended; null: that is not kept.")
    person_id: str | None = Field(description="Null: it was about a town's people, or about the session.")
    city_id: str | None
    reason: str | None = Field(description="The code of a refusal, or of why a place was given up.")


class HeldRequest(Shape):
    """A request that waits for what it is about."""

    model_config = exemplified(
        cursor="3f0c1a5be77d4e1c",
        asked_for="place",
        request_source="urn:example:portal",
        request_id="0199aa00-0000-7000-8000-000000000001",
        asked_at="2026-10-01T08:14:59Z",
        people=["person-0001"],
        waits_for="person",
        expires_at="2026-10-24T13:00:00Z",
    )

    cursor: str = Field(description="What the next page begins `after`.")
    asked_for: AskedFor
    request_source: str
    request_id: str
    asked_at: dt.datetime
    people: list[str]
    waits_for: str
    expires_at: dt.datetime


class TownsPlaces(Counted):
    """What one town has in a session."""

    model_config = exemplified(
        **counts(enrolled=3, offered=1, waitlisted=2),
        city_id="geonames:776597",
        name="Augustów",
        extra=0,
        share=4,
        free=0,
    )

    city_id: str
    name: str | None
    extra: int = Field(description="Beside the rules: of those enrolled, and counted against no share.")
    share: int | None = Field(description="How many of the town may have a place; null: as many as there are.")
    free: int = Field(
        ge=0, description="How many more of the town could have one now: none once places do not move any more."
    )
