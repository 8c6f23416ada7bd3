"""The moments at which enrolment has something to decide: the kinds of its due rows."""

from __future__ import annotations

OFFER_ENDS = "offer_ends"
"""Of a place: the offer has not been answered."""
NOMINATIONS_OPEN = "nominations_open"
"""Of a session: towns are called to nominate."""
PLACES_RELEASED = "places_released"
"""Of a session: what towns have not used is for all."""
SESSION_DECIDED = "session_decided"
"""Of a session: have enough confirmed?"""
