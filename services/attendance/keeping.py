"""Keeping a list over HTTP: marks while it is open, and what the office puts right. Who asks comes from their token, never from what they
send.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Header
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict
from pydantic.config import JsonDict

from services.attendance import rosters, views
from services.attendance.checking import MOST_SCANS, Became, Key, submitted
from services.attendance.decided import DecidedMark, DecidedReopening, MarkFate, TakenMark
from services.attendance.lists import OF_A_LIST
from services.attendance.marking import AS_IT_WAS
from services.attendance.paths import MeetingId, PersonId, SessionId
from services.attendance.state import Record
from shared.books.holding import HELD_OUTCOME, Outcome
from shared.contracts.attendance import Role
from shared.contracts.marks import Mark, MarkedBy, MarkRequested, RecordCorrectionRequested, ReopeningRequested
from shared.contracts.model import Id, Line, Moment
from shared.deciding.commands import IdReused, NotYet, Undecidable
from shared.events.envelope import Reason
from shared.problems import CHANGED_SINCE, COMMAND, IMPLAUSIBLE_TIME, NO_SUCH_PATH, WRITE
from shared.process.runtime import Runtime
from shared.web.asking import IdempotencyKey, IfMatch, Office, Writer, command
from shared.web.refusing import may_answer
from shared.web.routes import Routes
from shared.web.tokens import Actor


def _whole(value: object) -> object:
    """To JSON 70.0 is 70; a text with digits is a text."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Minutes = Annotated[int, Field(ge=0, le=24 * 60 * 7), BeforeValidator(_whole), Strict()]
IfMatchOrNot = Annotated[
    str | None,
    Header(
        alias="If-Match",
        pattern=r"^[!-~]{1,102}$",
        description=(
            'The `tag`, in quotes, of the record that was looked at; `"0"`: there was none. If it stands otherwise by now, nothing is'
            " done. Without one it is set whatever stands."
        ),
        examples=['"3"'],
    ),
]


_KEPT: JsonDict = {
    "id": "0199aa00-0000-7000-8000-000000000001",
    "session_id": "session-0001",
    "meeting_id": "day-1",
    "person_id": "person-0001",
    "state": "present",
    "made_at": "2026-10-24T07:02:00Z",
    "seen": "0",
}


class Marked(BaseModel):
    """What is to stand on the list of somebody."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"state": "late", "arrived_at": "2026-10-24T08:00:00Z"}]},
    )

    state: Mark
    arrived_at: Moment | None = Field(
        None, description="When they came, if late; else when this was marked, if that was during the meeting."
    )
    left_at: Moment | None = Field(None, description="When they left, if early; else when this was marked.")
    minutes: Minutes | None = Field(None, description="As counted by somebody; else they follow from the times.")
    role: Role | None = Field(
        None,
        description="As what they are there, if they have no place; left out: as what they were. Whoever trains is a trainer.",
    )
    method: MarkedBy = MarkedBy.MANUAL
    made_at: Moment | None = Field(
        None, description="When it was marked, by the clock of the device; without one: now."
    )
    device_id: Id | None = None
    note: Line | None = None


class Corrected(Marked):
    """What is to stand on the list of somebody, and why."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "state": "late",
                    "arrived_at": "2026-10-24T08:00:00Z",
                    "method": "paper",
                    "note": "signed the paper list at ten",
                }
            ]
        },
    )

    note: Line = Field(description="Why, as it is to be read later.")


class KeptMark(Marked):
    """A mark that a device has kept, under the id that it gave it then."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [_KEPT]},
    )

    id: Key
    session_id: Id
    meeting_id: Id
    person_id: Id
    seen: Line | None = Field(None, description="The `tag` of the record that was looked at; `0`: there was none.")


class Marks(BaseModel):
    """What a device has kept."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"marks": [_KEPT]}]},
    )

    marks: Annotated[list[KeptMark], Field(min_length=1, max_length=MOST_SCANS)]


class WhoItWas(BaseModel):
    """Who a walk-in is."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"person_id": "person-0001", "note": "had forgotten the code"}]}
    )

    person_id: Id
    note: Line = Field(description="How that is known.")


class Why(BaseModel):
    """Why the office decides so."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"note": "the trainer closed it before the afternoon"}]}
    )

    note: Line = Field(description="As it is to be read later.")


def keeping_routes(runtime: Runtime) -> Routes:
    """The routes of whoever keeps a list."""
    routes = Routes(prefix="/api/v1")
    asked = may_answer(*COMMAND, IMPLAUSIBLE_TIME, NO_SUCH_PATH, CHANGED_SINCE)
    of_person = "/sessions/{session_id}/meetings/{meeting_id}/people/{person_id}"

    @routes.post(of_person + "/mark", responses=asked)
    async def mark(
        session_id: SessionId,
        meeting_id: MeetingId,
        person_id: PersonId,
        what: Marked,
        actor: Annotated[Actor, Writer],
        if_match: IfMatchOrNot = None,
        idempotency_key: IdempotencyKey = None,
    ) -> DecidedMark:
        """Marks how somebody is at a meeting whose list is open. One that has closed is corrected by the office."""
        about: dict[str, Any] = {
            "session_id": session_id,
            "meeting_id": meeting_id,
            "person_id": person_id,
            "seen": _seen(if_match),
        }
        return await _about_person(MarkRequested(**about, **_asked(what)), actor, idempotency_key, person_id)

    @routes.post(of_person + "/correction", responses=asked)
    async def correct_record(
        session_id: SessionId,
        meeting_id: MeetingId,
        person_id: PersonId,
        what: Corrected,
        actor: Annotated[Actor, Office],
        if_match: IfMatch,
        idempotency_key: IdempotencyKey = None,
    ) -> DecidedMark:
        """Puts right how somebody was at a meeting, also after its list has closed: its numbers are counted again. The tag is that of the
        record; of somebody of whom there is none, `"0"`."""
        about: dict[str, Any] = {
            "session_id": session_id,
            "meeting_id": meeting_id,
            "person_id": person_id,
            "seen": _seen(if_match),
        }
        body = RecordCorrectionRequested(**about, **_asked(what))
        return await _about_person(body, actor, idempotency_key, person_id)

    @routes.post(of_person + "/link", responses=asked)
    async def link(
        session_id: SessionId,
        meeting_id: MeetingId,
        person_id: PersonId,
        who: WhoItWas,
        actor: Annotated[Actor, Writer],
        if_match: IfMatchOrNot = None,
        idempotency_key: IdempotencyKey = None,
    ) -> DecidedMark:
        """Says who a walk-in is: what is recorded under that id is theirs. Once the list has closed, by a token of scope `office`. The
        answer shows the record of the person."""
        about: dict[str, Any] = {"session_id": session_id, "meeting_id": meeting_id, "person_id": who.person_id}
        about["walk_in"] = person_id
        kind = RecordCorrectionRequested if "office" in actor.scopes else MarkRequested
        body = kind.model_validate(about | {"note": who.note, "seen": _seen(if_match)})
        return await _about_person(body, actor, idempotency_key, who.person_id)

    @routes.post("/marks/batch", responses=may_answer(*WRITE))
    async def set_marks(what: Marks, actor: Annotated[Actor, Writer]) -> list[TakenMark]:
        """Sets marks that a device has kept while it was offline, each decided for itself. They are answered in the order in which they were
        sent. Sent again, also days later, they change nothing and get the same answers."""
        return [mark for mark, _ in await set_several(runtime, [asked_by(one) for one in what.marks], actor)]

    @routes.post("/sessions/{session_id}/meetings/{meeting_id}/reopen", responses=asked)
    async def reopen_list(
        session_id: SessionId,
        meeting_id: MeetingId,
        why: Why,
        actor: Annotated[Actor, Office],
        idempotency_key: IdempotencyKey = None,
    ) -> DecidedReopening:
        """Opens a closed list so that it can be put right: it awaits whom it awaited, and closes anew after some hours, or when
        somebody closes it."""
        body = ReopeningRequested(session_id=session_id, meeting_id=meeting_id, note=why.note)
        heard = command(runtime, body, actor, idempotency_key)
        became = await runtime.commands.submit(heard)
        async with runtime.reading.connect() as connection:
            stands = await views.list_row(connection, session_id, meeting_id)
        if stands is None:
            raise RuntimeError(f"{heard.event_id} was decided and has no list")
        told: dict[str, Any] = {name: getattr(stands, name) for name in OF_A_LIST}
        told |= {"outcome": became.outcome, "event_id": became.event_id}
        return DecidedReopening(request_id=heard.event_id, **told)

    async def _about_person(
        body: MarkRequested | RecordCorrectionRequested, actor: Actor, key: str | None, person_id: str
    ) -> DecidedMark:
        heard = command(runtime, body, actor, key)
        became = await runtime.commands.submit(heard)
        async with runtime.reading.connect() as connection:
            record = await views.record(connection, body.session_id, body.meeting_id, person_id)
        return DecidedMark(
            request_id=heard.event_id,
            session_id=body.session_id,
            meeting_id=body.meeting_id,
            person_id=person_id,
            record=record,
            **asdict(became),
        )

    return routes


Asked = tuple[str, MarkRequested | RecordCorrectionRequested]
"""What is asked, behind the id by which it is known."""


def asked_by(mark: KeptMark) -> Asked:
    return mark.id, MarkRequested(**_asked(mark))


def _asked(what: Marked) -> dict[str, Any]:
    """What is sent, as a request says it."""
    said = what.model_dump(exclude={"id", "role"})
    return said | ({"role": what.role, "is_role_said": True} if what.role is not None else {})


async def set_several(runtime: Runtime, asked: Sequence[Asked], actor: Actor) -> list[tuple[TakenMark, Record | None]]:
    """Decides these, each for itself: what came of each, and the record that stands then."""
    became: list[Became] = []
    for start in range(0, len(asked), MOST_SCANS):  # As many as share a transaction.
        some = (command(runtime, body, actor, key) for key, body in asked[start : start + MOST_SCANS])
        became += await asyncio.gather(*(submitted(runtime, heard) for heard in some))
    about = [(body.session_id, body.meeting_id, body.person_id) for _, body in asked]
    async with runtime.reading.connect() as connection:
        records = await rosters.records_of_people(connection, set(about))
    return [
        (_taken(key, whom, outcome, records.get(whom)), records.get(whom))
        for (key, _), whom, outcome in zip(asked, about, became, strict=True)
    ]


def _taken(
    id: str,
    about: tuple[str, str, str],
    became: Became,
    record: Record | None,
) -> TakenMark:
    """What is answered of one of several. `about`: (session, meeting, person)."""
    reason: Reason | None = None
    match became:
        case Undecidable(reason=reason):
            changed = reason is Reason.CHANGED_SINCE
            fate = MarkFate.CHANGED_SINCE if changed else MarkFate.REFUSED
        case IdReused():
            fate, reason = MarkFate.REFUSED, Reason.ID_REUSED
        case NotYet():
            fate = MarkFate.TRY_AGAIN
        case Outcome(outcome=outcome):
            fates = {AS_IT_WAS: MarkFate.AS_IT_WAS, HELD_OUTCOME: MarkFate.HELD}
            fate = fates.get(outcome, MarkFate.SET)
    return TakenMark(
        id=id,
        outcome=fate,
        reason=reason,
        detail=None if isinstance(became, Outcome) else str(became),
        session_id=about[0],
        meeting_id=about[1],
        person_id=about[2],
        record=views.shown(record) if record is not None else None,
    )


def _seen(if_match: str | None) -> str | None:
    return None if if_match is None else if_match.strip('"')
