"""Notifications over HTTP: what was sent to whom, and what an operator found out about a mail in doubt."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from services.notifications import reading, store
from services.notifications.decisions import operator_says
from services.notifications.ledger import NoticeState, OpenNotice, Told
from shared.contracts.model import ID_PATTERN
from shared.process.runtime import EVERYTHING, Runtime
from shared.web.app import Problem, allowed, create_app

NoticeId = Annotated[str, Path(pattern=ID_PATTERN)]


class Found(BaseModel):
    """What an operator found out, in the mail server's log or from the person."""

    model_config = ConfigDict(extra="forbid")

    sent: Literal["sent", "not_sent"] = Field(alias="as")


def app_of(runtime: Runtime) -> FastAPI:
    """The application with notifications' routes."""
    app = create_app(runtime, "Rollcall notifications")
    read = APIRouter(prefix="/api/v1", dependencies=[Depends(allowed("read"))])
    operate = APIRouter(prefix="/api/v1", dependencies=[Depends(allowed("operate"))])

    @read.get("/notices")
    async def notices(
        state: NoticeState | None = None,
        person_id: Annotated[str | None, Query(pattern=ID_PATTERN)] = None,
        after: Annotated[str, Query(max_length=64)] = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> list[dict[str, Any]]:
        """Notices by id, oldest first; the next page begins `after` the last one."""
        async with runtime.engine.connect() as connection:
            return await reading.notices(connection, state=state, person_id=person_id, after=after, limit=limit)

    @read.get("/notices/{notice_id}")
    async def notice(notice_id: NoticeId) -> dict[str, Any]:
        async with runtime.engine.connect() as connection:
            return _there(await reading.notice(connection, notice_id), notice_id)

    @operate.post("/notices/{notice_id}/settle")
    async def settle(notice_id: NoticeId, found: Found) -> dict[str, Any]:
        """Ends the doubt about a notice, or gives a failed one another chance (`not_sent`: what it said is told anew)."""
        if not runtime.own_heard.is_set():
            raise Problem(503, "Try again", "still hearing what this service said before", headers={"Retry-After": "5"})
        async with runtime.decider.unit_of_work() as (connection, thought):
            working = runtime.service.working(runtime.service.clock())
            known = await store.load_settled(connection, working, notice_id)
            if known is None:
                raise Problem(404, "No such notice", f"{notice_id} is not known or not settled yet", field="notice_id")
            told = working[Told].get(known.person_id, known.session_id)
            if (
                known.state not in (NoticeState.UNKNOWN, NoticeState.FAILED)
                or told is None
                or told.notice_id != notice_id
            ):
                raise Problem(409, "Nothing to settle", "the notice was sent, or a later one has told what is true")
            if len(working[OpenNotice]):
                raise Problem(409, "Too late", "a later notice about the same place is on its way")
            operator_says(working, known, sent=found.sent == "sent")
            await runtime.decider.write(connection, working)
            thought.add(working)
            thought.has_news(EVERYTHING)  # What it is about may have been heard at any time.
        async with runtime.engine.connect() as connection:
            return _there(await reading.notice(connection, notice_id), notice_id)

    app.include_router(read)
    app.include_router(operate)
    return app


def _there(notice: dict[str, Any] | None, notice_id: str) -> dict[str, Any]:
    if notice is None:
        raise Problem(404, "No such notice", f"{notice_id} is not known", field="notice_id")
    return notice
