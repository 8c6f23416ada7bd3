"""Over HTTP: whether mail is live, and stating that it is."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict

from services.notifications import reading, store
from services.notifications.acting import acting
from services.notifications.answers import MailStage
from services.notifications.going_live import say_go_live
from services.notifications.settings import NotificationsSettings
from shared.contracts.model import Line
from shared.problems import READ, WRITE, Kind, Problem
from shared.process.runtime import Runtime
from shared.web.asking import Operator, Reader
from shared.web.refusing import may_answer
from shared.web.routes import Routes
from shared.web.tokens import Actor

NOTHING_REHEARSED = Kind(
    "nothing-rehearsed", 409, "Nothing is rehearsed", "Nothing: mail of this installation was live from its start."
)


class GoingLive(BaseModel):
    """Why mail is sent from now on."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"reason": "the old system is switched off"}]}
    )

    reason: Line


def going_live_routes(runtime: Runtime) -> Routes:
    """Looking for whoever may read, going live for operators."""
    routes = Routes(prefix="/api/v1")
    settings = runtime.settings
    assert isinstance(settings, NotificationsSettings)

    async def shown() -> MailStage:
        async with runtime.reading.connect() as connection:
            stage = await store.stage(connection, by_settings=settings.rehearse)
            return MailStage(rehearses=stage.rehearses, **await reading.go_live(connection))

    @routes.get("/mail", responses=may_answer(*READ), dependencies=[Reader])
    async def show_mail() -> MailStage:
        """Whether mail is rehearsed, and who stated when that it is live."""
        return await shown()

    @routes.post("/mail/go-live", responses=may_answer(*WRITE, NOTHING_REHEARSED))
    async def go_live(asked: GoingLive, actor: Annotated[Actor, Operator]) -> MailStage:
        """Ends the rehearsal, for good: mail is sent from now on. What was planned before is dropped, and what was so before is not mailed about
        until it changes. Said again, it changes nothing."""
        async with acting(runtime) as act:
            await store.load_go_live(act.connection, act.working)
            stage = await store.stage(act.connection, by_settings=settings.rehearse)
            if not stage.rehearses and stage.live_at is None:
                raise Problem(NOTHING_REHEARSED, "mail has been live since this installation began")
            if stage.rehearses:
                say_go_live(act.working, by=actor.name, reason=asked.reason)
                await act.take_effect()
        return await shown()

    return routes
