"""Notifications over HTTP: what was sent to whom, and what an operator found out about a mail in doubt."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import FastAPI, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from services.notifications import reading, store
from services.notifications.acting import acting
from services.notifications.answers import Notice, NotificationsBooks, SuppressedAddress
from services.notifications.asked_api import asked_routes
from services.notifications.decisions import operator_says, release
from services.notifications.going_live_api import going_live_routes
from services.notifications.ledger import MAY_BECOME, NOT_SENT, NoticeState, OpenNotice, Told
from services.notifications.ledger import Notice as SettledNotice
from services.notifications.ledger_api import NO_SUCH_NOTICE, ledger_routes
from services.notifications.messages_api import messages_routes
from services.notifications.muting_api import muting_routes
from services.notifications.settings import NotificationsSettings
from services.notifications.writing import Writer
from shared.contracts.model import ID_PATTERN, Id, Line
from shared.problems import NO_SUCH_PATH, READ, WRITE, Kind, Problem
from shared.process.runtime import Runtime
from shared.web.app import create_app
from shared.web.asking import Operator, Page, Reader
from shared.web.refusing import may_answer
from shared.web.routes import Routes
from shared.web.tokens import Actor

NOTHING_TO_SETTLE = Kind(
    "nothing-to-settle",
    409,
    "Nothing to settle",
    "Nothing: the notice is not in doubt and has not failed, or a later one told what is true.",
)
LATER_ONE_UNDER_WAY = Kind(
    "later-one-under-way", 409, "Too late", "Wait for what becomes of the later notice about the same subject."
)
NO_SUCH_ADDRESS = Kind(
    "no-such-address", 404, "No such address", "Look it up in the list of addresses: mail to no other was held back."
)
NoticeId = Annotated[
    str, Path(pattern=ID_PATTERN, description="The notice.", examples=["notice-0199aa00-0000-7000-8000-000000000003"])
]


RecipientId = Annotated[str, Path(pattern=ID_PATTERN, description="Whose address.", examples=["person-0001"])]


class Release(BaseModel):
    """Why an address takes mail again."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "The mailbox was full."}]})

    reason: Line | None = None


class NoticePage(Page):
    """Which notices."""

    state: NoticeState | None = None
    recipient: Id | None = Field(None, description="Only those to this person.", examples=["person-0001"])
    session: Id | None = Field(None, description="Only those about this session.", examples=["session-0001"])


class Found(BaseModel):
    """What an operator found out, in the mail server's log or from the person."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"as": "sent"}, {"as": "not_sent"}]})

    sent: Literal["sent", "not_sent"] = Field(alias="as")


def app_of(runtime: Runtime) -> FastAPI:
    """The application with notifications' routes."""
    settings = runtime.settings
    assert isinstance(settings, NotificationsSettings)
    writer = Writer(runtime.decider, settings)
    app = create_app(runtime, "Rollcall notifications", NotificationsBooks)
    read = Routes(prefix="/api/v1", dependencies=[Reader])
    operate = Routes(prefix="/api/v1", dependencies=[Operator])

    @read.get("/notices", responses=may_answer(*READ))
    async def list_notices(page: Annotated[NoticePage, Query()]) -> list[Notice]:
        """Notices by id, oldest first; the next page begins `after` the last one."""
        async with runtime.reading.connect() as connection:
            return [Notice(**row) for row in await reading.notices(connection, **page.model_dump())]

    @read.get("/notices/{notice_id}", responses=may_answer(*READ, NO_SUCH_NOTICE, NO_SUCH_PATH))
    async def show_notice(notice_id: NoticeId) -> Notice:
        """One notice, and what it says."""
        async with runtime.reading.connect() as connection:
            return _there(await reading.notice(connection, notice_id), notice_id)

    @operate.post(
        "/notices/{notice_id}/settle",
        responses=may_answer(*WRITE, NO_SUCH_NOTICE, NO_SUCH_PATH, NOTHING_TO_SETTLE, LATER_ONE_UNDER_WAY),
    )
    async def settle_notice(notice_id: NoticeId, found: Found) -> Notice:
        """Ends the doubt about a notice, or gives a failed one another chance (`not_sent`: what it said is told anew). Said again, it
        changes nothing."""
        async with acting(runtime) as act:
            known = await store.load_settled(act.connection, act.working, notice_id)
            if known is None:
                raise Problem(NO_SUCH_NOTICE, f"{notice_id} is not known or not settled yet", field="notice_id")
            if not _stands_so(known, found):
                told = act.working[Told].get(known.recipient, known.about)
                last = (told.notice_id, told.given_up_by) if told else ()
                if NoticeState.SENT not in MAY_BECOME[known.state] or notice_id not in last:
                    raise Problem(NOTHING_TO_SETTLE, "the notice was sent, or a later one has told what is true")
                if len(act.working[OpenNotice]):
                    raise Problem(LATER_ONE_UNDER_WAY, "a later notice about the same subject is on its way")
                operator_says(act.working, known, sent=found.sent == "sent")
                await act.take_effect()
        async with runtime.reading.connect() as connection:
            return _there(await reading.notice(connection, notice_id), notice_id)

    @read.get("/addresses", responses=may_answer(*READ))
    async def list_addresses(page: Annotated[Page, Query()]) -> list[SuppressedAddress]:
        """Whose mail is held back because some came back, by recipient; the next page begins `after` the last one."""
        async with runtime.reading.connect() as connection:
            return [SuppressedAddress(**row) for row in await reading.suppressed(connection, **page.model_dump())]

    @operate.post("/addresses/{recipient}/release", responses=may_answer(*WRITE, NO_SUCH_PATH, NO_SUCH_ADDRESS))
    async def release_address(
        recipient: RecipientId, asking: Release, actor: Annotated[Actor, Operator]
    ) -> SuppressedAddress:
        """Lets mail to somebody's address through again: what they do not know is told. Another address of theirs needs no word. Said
        again, it changes nothing."""
        async with acting(runtime) as act:
            known = await store.load_suppression(act.connection, act.working, recipient)
            if known is None:
                raise Problem(NO_SUCH_ADDRESS, f"no mail to {recipient} was held back", field="recipient")
            if known.holds:
                release(act.working, known, by=actor.name, reason=asking.reason)
                await act.take_effect()
        return SuppressedAddress(
            recipient=recipient,
            is_held_back=False,
            status=known.status,
            notice_id=known.notice_id,
            since=known.decided_at,
        )

    read.add_to(app)
    operate.add_to(app)
    going_live_routes(runtime).add_to(app)
    muting_routes(runtime).add_to(app)
    messages_routes(runtime, writer).add_to(app)
    asked_routes(runtime).add_to(app)
    ledger_routes(runtime, writer).add_to(app)
    return app


def _stands_so(known: SettledNotice, found: Found) -> bool:
    """Whether it has been settled that way before: whoever did not get the answer says it again, and nothing more is to be done."""
    return known.state == NoticeState.SENT if found.sent == "sent" else known.code == NOT_SENT


def _there(notice: dict[str, Any] | None, notice_id: str) -> Notice:
    if notice is None:
        raise Problem(NO_SUCH_NOTICE, f"{notice_id} is not known", field="notice_id")
    return Notice(**notice)
