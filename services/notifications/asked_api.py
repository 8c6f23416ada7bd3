"""Over HTTP: the office asks for a mail as another system would, and anybody who may read sees what became of what was asked."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.notifications import reading, store
from services.notifications.answers import AskedNotice, DecidedNotice, Notice
from services.notifications.asked import Asked, asked_id_of
from services.notifications.kinds.asked import AskedFor
from services.notifications.ledger import Told
from services.notifications.settings import NotificationsSettings
from services.notifications.untold import Truth
from shared.contracts.model import ID_PATTERN, Id, Moment
from shared.contracts.notices import Context, NoticeRequested
from shared.contracts.notifications import DeclineReason, NoticeHindrance
from shared.problems import COMMAND, NO_SUCH_PATH, NOT_VALID, READ, Kind, Problem
from shared.process.runtime import Runtime
from shared.web.asking import IdempotencyKey, Office, Page, Reader, command
from shared.web.refusing import may_answer
from shared.web.routes import Routes
from shared.web.tokens import Actor

NO_SUCH_REQUEST = Kind(
    "no-such-request",
    404,
    "No such request",
    "Look its id up in the list of what was asked; one that waits is answered once what it is about is known.",
)
AskedId = Annotated[
    str,
    Path(
        pattern=ID_PATTERN,
        description="What was asked, as its answer names it.",
        examples=["asked-3b9c1f0453d16f1c0a52b7e9"],
    ),
]


class AskingNotice(BaseModel):
    """What somebody is to be told, and of which training it is."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{**NoticeRequested.example}]})  # type: ignore[dict-item]

    person_id: Id
    session_id: Id | None = Field(None, description="Materials and questionnaires always are of a training.")
    context: Context = Field(description="What the mail is to say, by `of`. Nothing in it is read as code.")
    useful_until: Moment | None = Field(
        None, description="Until when it is of use; null: by when it is awaited, else for 14 days."
    )


class AskedPage(Page):
    """Which requests."""

    recipient: Id | None = Field(None, description="Only those to this person.", examples=["person-0001"])


def asked_routes(runtime: Runtime) -> Routes:
    """Asking for the office, looking for whoever may read."""
    routes = Routes(prefix="/api/v1/asked")
    settings = runtime.settings
    assert isinstance(settings, NotificationsSettings)

    @routes.post("", responses=may_answer(*COMMAND))
    async def ask(
        asked: AskingNotice, actor: Annotated[Actor, Office], idempotency_key: IdempotencyKey = None
    ) -> DecidedNotice:
        """Asks for one mail to one person. Answered after the decision is committed; the same Idempotency-Key gets the same answer. What only
        facts make true – a place, a certificate – is declined."""
        try:
            body = NoticeRequested.model_validate(asked.model_dump())
        except ValidationError as error:
            raise Problem(NOT_VALID, error.errors(include_url=False)[0]["msg"], field="session_id") from None
        heard = command(runtime, body, actor, idempotency_key)
        became = await runtime.commands.submit(heard)
        asked_id = asked_id_of(heard.source, heard.event_id)
        stands = await _standing(runtime, settings, asked_id)
        return DecidedNotice(
            request_id=heard.event_id,
            outcome=became.outcome,  # type: ignore[arg-type]  # One of three words, which pydantic looks at.
            event_id=became.event_id,
            waits_for=became.waits_for,
            expires_at=became.expires_at,
            asked_id=asked_id,
            standing=stands,
        )

    @routes.get("", responses=may_answer(*READ), dependencies=[Reader])
    async def list_asked(page: Annotated[AskedPage, Query()]) -> list[AskedNotice]:
        """What was asked and decided, by id; the next page begins `after` the last one. What waits is not among it yet."""
        async with runtime.reading.connect() as connection:
            rows = await reading.asked(connection, **page.model_dump())
        return [shown(row) for row in rows]

    @routes.get("/{asked_id}", responses=may_answer(*READ, NO_SUCH_REQUEST, NO_SUCH_PATH), dependencies=[Reader])
    async def show_asked(asked_id: AskedId) -> AskedNotice:
        """What was decided of one request, the mails that told it, and what stands in the way just now."""
        stands = await _standing(runtime, settings, asked_id)
        if stands is None:
            raise Problem(NO_SUCH_REQUEST, f"nothing was decided of {asked_id}", field="asked_id")
        return stands

    return routes


async def _standing(runtime: Runtime, settings: NotificationsSettings, asked_id: str) -> AskedNotice | None:
    now = runtime.service.clock()
    async with runtime.reading.connect() as connection:
        row = await reading.asked_by_id(connection, asked_id)
        if row is None or row.about is None:
            return shown(row) if row is not None else None
        ids = await store.ids_of_one(connection, row.recipient)
        notices = await reading.notices_about(connection, ids, row.about)
        rules = settings.rules_at(await store.stage(connection, by_settings=settings.rehearse))
        found = await store.look(connection, ids[0], row.about, now, rules)
    hindrance = _hindrance(found[1], found[2], now) if found is not None else None
    return shown(row, [Notice(**one) for one in notices], hindrance)


def _hindrance(told: Told | None, truth: Truth, now: dt.datetime) -> str | None:
    """What stands between them and the mail just now, in a word; None: nothing, or there is nothing to tell any more."""
    found = truth.difference(told, now=now)
    if isinstance(truth.matter, AskedFor) and truth.matter.is_called_off:
        return DeclineReason.SESSION_CANCELLED
    if found is None:
        return None
    if truth.to.is_unreachable:
        return "unreachable"
    if truth.to.muted:
        return NoticeHindrance.MUTED
    return "given_up" if found.given_up else truth.waits_for


def shown(row: Asked, notices: list[Notice] | None = None, hindrance: str | None = None) -> AskedNotice:
    fields: dict[str, Any] = {
        "asked_id": row.asked_id,
        "recipient": row.recipient,
        "about": row.about,
        "session_id": row.session_id,
        "context": row.context.root,
        "useful_until": row.until,
        "declined": row.declined,
        "asked_by": row.request_source,
        "decided_at": row.decided_at,
    }
    return AskedNotice(**fields, notices=notices, hindrance=hindrance)
