"""Checking in by oneself: the participant's own link, and the code on the screen of the room. Neither admits anybody without the other.

The link is their ticket, which is good for check-in alone. GET shows and POST acts; what is sent is decided as every code that is read at a
door, with the method `self`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import StrEnum

from fastapi import Request, Response

from services.attendance import rosters
from services.attendance.checking import AUDIENCE, KeptScan, take
from services.attendance.decided import Taken, TakenScan
from services.attendance.lists import ListRules, had_closed
from services.attendance.pages import reading
from services.attendance.pages.opening import is_closed
from services.attendance.rooms import ROOM_TEXTS, Admitted, Guesses, RoomRule, judged, next_opening, opening_of
from services.attendance.scanning import was_there
from services.attendance.state import Record, Session
from services.attendance.store import LINK_KEY, room_key
from shared.contracts.checkin import CheckedIn
from shared.contracts.model import Language
from shared.process.runtime import Runtime
from shared.values import immutable
from shared.web.links import Ticket, TicketRefused, key_named, read_ticket
from shared.web.opening import keys_named
from shared.web.pages.kit import Pages, form_of
from shared.web.routes import Routes
from shared.web.tokens import Actor

CODE_MOST = 20
_REFUSED = {
    RoomRule.TOO_MANY_CODES: 429,
    RoomRule.CHECK_IN_TOO_EARLY: 403,
    RoomRule.CHECK_IN_TOO_LATE: 410,
    RoomRule.NOT_ON_THE_LIST: 403,
}
_TAKEN = {Taken.HELD: 202, Taken.TRY_AGAIN: 503}


class Here(StrEnum):
    """What the page shows."""

    CODE = "code"
    """It asks for the code."""
    PRESENT = "present"
    EARLY = "early"
    OVER = "over"
    CANCELLED = "cancelled"
    NOT_ON_THE_LIST = "not_on_the_list"


@immutable
class Asked:
    """Who asks, and about which session."""

    ticket: Ticket
    session: Session
    ids: tuple[str, ...]
    """All that the human has had."""


def add(routes: Routes, pages: Pages, runtime: Runtime) -> None:
    rules: ListRules = runtime.service.rules
    guesses = Guesses()

    @routes.get("/check-in/{token}")
    async def show(request: Request, token: str) -> Response:
        here = await find(request, token)
        return here if isinstance(here, Response) else await page(request, here)

    @routes.post("/check-in/{token}")
    async def act(request: Request, token: str) -> Response:
        form, here = await form_of(request), await find(request, token)
        if isinstance(here, Response):
            return here
        if not here.session.state.takes_place:
            return await page(request, here, status=409)
        admitted = await judge(here, form.get("code", "")[:CODE_MOST])
        if isinstance(admitted, RoomRule):
            return await page(request, here, status=_REFUSED.get(admitted, 409), refused=ROOM_TEXTS[admitted])
        became = await check_in(token, here.ticket, admitted)
        if became.outcome in (Taken.ACCEPTED, Taken.REPEATED):
            return pages.again(request)
        told = (became.text, became.text_pl)
        return await page(request, here, status=_TAKEN.get(became.outcome, 409), refused=told)

    async def find(request: Request, token: str) -> Asked | Response:
        """Who asks, and of which session; or what is answered instead."""
        ticket = await ticket_of(token)
        if isinstance(ticket, TicketRefused):
            return pages.opens_nothing(request, ticket)
        session = await reading.session(runtime.reading, ticket.session_id)
        if session is None:
            return pages.message(request, "unknown", 404)
        return Asked(ticket, session, await reading.ids_of(runtime.reading, ticket.person_id))

    async def ticket_of(token: str) -> Ticket | TicketRefused:
        named = key_named(token)
        if named is None:
            return TicketRefused.UNREADABLE
        async with runtime.reading.connect() as connection:
            keys = await keys_named(connection, LINK_KEY, {named})
        return read_ticket(token, audience=AUDIENCE, key=keys.get(named), now=runtime.service.clock())

    async def judge(here: Asked, code: str) -> Admitted | RoomRule:
        """What this code comes to, of this person. Asked of each at most so often as they may be wrong."""
        session, about = here.session, (here.ticket.session_id, here.ticket.person_id)
        if await is_not_on_the_list(session, here.ids):
            return RoomRule.NOT_ON_THE_LIST
        if guesses.are_too_many(*about):
            return RoomRule.TOO_MANY_CODES
        key, now = await room_key(runtime.reading), runtime.service.clock()
        found = judged(code, key, session, (), now, rules.rooms)
        if found is RoomRule.CODE_WRONG:
            others = await reading.sessions_at(runtime.reading, now, rules.rooms.opens_before)
            found = judged(code, key, session, others, now, rules.rooms)
        if isinstance(found, RoomRule) and isinstance(opening_of(session, now, rules.rooms), tuple):
            guesses.count(*about)
        return found

    async def is_not_on_the_list(session: Session, ids: Sequence[str]) -> bool:
        """Whoever turned out to be somebody else has the place under the id that stays, and the ticket that was mailed to them before."""
        places = await reading.places(runtime.reading, session.session_id, ids)
        has_none = bool(places) and not any(one.state.has_seat for one in places)
        return has_none and set(ids).isdisjoint(session.trainers)

    async def check_in(token: str, ticket: Ticket, admitted: Admitted) -> TakenScan:
        # The same code sent twice is the same scan: it was read once.
        named = repr((ticket.session_id, admitted.meeting_id, ticket.person_id, admitted.shown_at.isoformat()))
        scan = KeptScan(
            id=f"self.{hashlib.blake2b(named.encode(), digest_size=16).hexdigest()}",
            ticket=token,
            session_id=ticket.session_id,
            meeting_id=admitted.meeting_id,
            person_id=ticket.person_id,
            scanned_at=admitted.shown_at,
        )
        actor = Actor(f"participant:{ticket.person_id}", frozenset())
        (became,) = await take(runtime, rules, [scan], actor, method=CheckedIn.SELF)
        return became

    async def page(
        request: Request, asked: Asked, *, status: int = 200, refused: tuple[str, str] | None = None
    ) -> Response:
        session, ids = asked.session, asked.ids
        now, language = runtime.service.clock(), pages.language(request)
        record = await recorded(session, ids)
        here = await shows(session, ids, record)
        meeting = session.meeting(record.meeting_id) if record else None
        opening = opening_of(session, now, rules.rooms)
        if meeting is None:
            meeting = opening[0] if isinstance(opening, tuple) else None
        return pages.answer(
            request,
            "check_in.html",
            language,
            status=status,
            here=here.value,
            session=session,
            meeting=meeting or min(session.meetings, key=lambda one: abs(one.starts_at - now)),
            record=record,
            opens_at=next_opening(session, now, rules.rooms),
            title=await reading.title(runtime.reading, session, language),
            refused=refused[0 if language is Language.EN else 1] if refused else None,
        )

    async def recorded(session: Session, ids: Sequence[str]) -> Record | None:
        """That they came: to each meeting at which people may check in now; when all is over, to any."""
        opening = opening_of(session, runtime.service.clock(), rules.rooms)
        is_over = opening is RoomRule.CHECK_IN_TOO_LATE
        meetings = opening if isinstance(opening, tuple) else session.meetings if is_over else ()
        about = {(session.session_id, one.meeting_id, person_id) for one in meetings for person_id in ids}
        async with runtime.reading.connect() as connection:
            found = await rosters.records_of_people(connection, about)
        lists = await reading.lists(runtime.reading, session.session_id)
        stands = {
            one.meeting_id
            for one in meetings
            if is_closed(one, lists, rules) or had_closed(lists.get(one.meeting_id), one)
        }
        came = {
            one.meeting_id: record
            for one in meetings
            for (_, meeting_id, _), record in found.items()
            if meeting_id == one.meeting_id and was_there(record, one, rules, is_closed=meeting_id in stands)
        }
        if not came or not (is_over or len(came) == len(meetings)):
            return None
        last = max((one for one in meetings if one.meeting_id in came), key=lambda one: one.starts_at)
        return came[last.meeting_id]

    async def shows(session: Session, ids: Sequence[str], record: Record | None) -> Here:
        if not session.state.takes_place:
            return Here.CANCELLED
        if record is not None:
            return Here.PRESENT
        if await is_not_on_the_list(session, ids):
            return Here.NOT_ON_THE_LIST
        match opening_of(session, runtime.service.clock(), rules.rooms):
            case RoomRule.CHECK_IN_TOO_EARLY:
                return Here.EARLY
            case RoomRule():
                return Here.OVER
            case _:
                return Here.CODE
