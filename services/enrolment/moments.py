"""The moments at which enrolment has something to decide: the kinds of its due rows."""

from __future__ import annotations

from shared.contracts.enrolment import SessionMoment

OFFER_ENDS = "offer_ends"
"""Of a place: the offer has not been answered."""
NOMINATIONS_OPEN, PLACES_RELEASED, SESSION_DECIDED = SessionMoment
"""Of a session."""
