"""What notifications hears back from people's calendars: an answer to the invitation in one of its mails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from shared.contracts.model import Count, Digest, Fact, Id, Moment
from shared.contracts.portal import AboutOnePlace, Reply


class CalendarAnswered(AboutOnePlace, Fact):
    """Whoever was invited has answered in their calendar. A fact to notifications, which says it: the newest answer of this person about this
    session, for an older one that comes late to be known by. To enrolment it is a request like any other reply to a place."""

    stream = "notifications.answers"
    only_by_owner = True
    asks_for = "reply"
    example: ClassVar[Mapping[str, object]] = {
        "session_id": "session-0101",
        "person_id": "person-0001",
        "reply": "declined",
        "about_times": "6f1c0a52b7e94d0f8a3c2b1d",
        "answered_at": "2026-10-02T07:30:11.000000Z",
        "stamped_at": "2026-10-02T07:30:11.000000Z",
        "sequence": 1,
        "notice_id": "notice-0199aa00-0000-7000-8000-000000000003",
        "decided_at": "2026-10-02T07:30:14.000000Z",
    }

    reply: Reply
    """`confirmed` and `declined`, as they accept or decline; `none`, if they do not know."""
    about_times: Digest
    """For which times of the session they were invited (`planner.times_of`)."""
    answered_at: Moment
    """When, as their calendar says: never before the mail that invited them, nor after it was heard."""
    stamped_at: Moment | None = None
    """When, by their calendar's clock alone: the same answer that is sent twice is known by it."""
    sequence: Count
    """The number of that mail among those about this place."""
    notice_id: Id
    """That mail."""
    decided_at: Moment
