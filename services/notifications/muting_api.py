"""Over HTTP: who does without which mails, and the office's word about it, given of what it has looked at."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from services.notifications import reading, store
from services.notifications.acting import acting
from services.notifications.answers import Mutes
from services.notifications.muting import NOTHING_SAID, say_muted
from shared.contracts.model import ID_PATTERN, Line
from shared.contracts.notifications import Mutable
from shared.problems import CHANGED_SINCE, NO_SUCH_PATH, READ, WRITE, Problem
from shared.process.runtime import Runtime
from shared.web.asking import IfMatch, Office, Page, Reader
from shared.web.refusing import may_answer
from shared.web.routes import Routes
from shared.web.tokens import Actor

Recipient = Annotated[str, Path(pattern=ID_PATTERN, description="Who is written to.", examples=["person-0001"])]


class Muting(BaseModel):
    """Which mails somebody is to do without, and why. All of them: what is not named is sent."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"muted": ["reminders"], "reason": "asked for it on the phone"}]},
    )

    muted: list[Mutable] = Field(max_length=len(Mutable))
    reason: Line = Field(description="As it is to be read later.")


def muting_routes(runtime: Runtime) -> Routes:
    """Reading for whoever may read, acting for the office."""
    routes = Routes(prefix="/api/v1")

    @routes.get("/mutes", responses=may_answer(*READ), dependencies=[Reader])
    async def list_mutes(page: Annotated[Page, Query()]) -> list[Mutes]:
        """Who does without some mails, by recipient; the next page begins `after` the last one."""
        async with runtime.reading.connect() as connection:
            return [Mutes.of(row) for row in await reading.mutes(connection, **page.model_dump())]

    @routes.get("/mutes/{recipient}", responses=may_answer(*READ, NO_SUCH_PATH), dependencies=[Reader])
    async def show_mutes(recipient: Recipient) -> Mutes:
        """What one recipient does without, with the tag by which that is changed. Of whoever turned out to be somebody else: what those do."""
        async with runtime.reading.connect() as connection:
            row = await reading.mute(connection, recipient)
        return Mutes.of(row) if row is not None else Mutes.none(recipient)

    @routes.post("/mutes/{recipient}", responses=may_answer(*WRITE, CHANGED_SINCE, NO_SUCH_PATH))
    async def mute(recipient: Recipient, what: Muting, actor: Annotated[Actor, Office], if_match: IfMatch) -> Mutes:
        """Says for somebody which mails they do without; an empty list undoes it. The tag is that of `GET`: what they said themselves
        meanwhile is not overwritten. Said again, it changes nothing. Of whoever turned out to be somebody else it is said of those."""
        async with acting(runtime) as act:
            known, ids = await store.load_mute(act.connection, act.working, recipient)
            if {*(known.muted if known is not None else ())} != {*what.muted}:
                tag = known.tag if known is not None else NOTHING_SAID
                if if_match.strip('"') != tag:
                    raise Problem(CHANGED_SINCE, f"its tag is {tag} now", field="If-Match")
                say_muted(act.working, ids, what.muted, by=actor.name, reason=what.reason)
                await act.take_effect()
        async with runtime.reading.connect() as connection:
            row = await reading.mute(connection, ids[0])
        return Mutes.of(row) if row is not None else Mutes.none(ids[0])

    return routes
