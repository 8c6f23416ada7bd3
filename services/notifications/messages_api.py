"""Over HTTP: what the office writes to many at once – looked at first, with how many it goes to, then sent once to each."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Self

from fastapi import Query
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from services.notifications import reading, store
from services.notifications.acting import acting
from services.notifications.answers import PreviewedMessage, WrittenMessage
from services.notifications.messages import Addressed, Writing, digest_of, keep_text, message_id_of, write
from services.notifications.previewing import previewed_message
from services.notifications.writing import Writer
from shared.contracts.enrolment import ACTIVE, Standing
from shared.contracts.model import TEXT_PATTERN, Digest, Id, Line, Moment
from shared.contracts.notifications import Audience
from shared.problems import CHANGED_SINCE, KEY_TAKEN, NOT_VALID, READ, WRITE, Kind, Problem
from shared.process.runtime import Runtime
from shared.web.asking import IdempotencyKey, Office, Page, Reader
from shared.web.refusing import may_answer
from shared.web.routes import Routes
from shared.web.tokens import Actor

NOBODY_THERE = Kind(
    "nobody-there",
    409,
    "Nobody to write to",
    "Look at the preview: nobody stands where this message goes, or all are erased.",
)


def _in_the_session(standing: Standing) -> Standing:
    if not standing.is_active:
        raise ValueError("whoever stands so is not in the session")
    return standing


WrittenTo = Annotated[
    Standing,
    AfterValidator(_in_the_session),
    WithJsonSchema({"type": "string", "enum": [standing.value for standing in ACTIVE]}),
]


class Asking(BaseModel):
    """What the office writes, and to whom."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "audience": "session",
                    "audience_id": "session-0001",
                    "subject": "Bring a laptop",
                    "text": "Please bring a laptop.\n\nThe way there: https://example.org/way",
                    "reason": "the hall has none",
                }
            ]
        },
    )

    audience: Audience
    audience_id: Id | None = Field(None, description="Which session or town; none for `coordinators`.")
    standings: list[WrittenTo] = Field(
        default=[Standing.ENROLLED],
        min_length=1,
        max_length=len(ACTIVE),
        description="Of a session: how those stand who are written to.",
    )
    subject: Line
    text: Annotated[str, StringConstraints(min_length=1, max_length=4000, pattern=TEXT_PATTERN)] = Field(
        description="Plain text; empty lines part paragraphs, and addresses (https://…) lead there. Nothing in it is read as code."
    )
    useful_until: Moment | None = Field(None, description="Until when it is of use; null: for 14 days.")
    reason: Line = Field(description="Why it is written, as it is to be read later.")

    @model_validator(mode="after")
    def _names_whom(self) -> Self:
        if (self.audience_id is None) != (self.audience == Audience.COORDINATORS):
            raise ValueError("audience_id names a session or a town, and nothing for coordinators")
        return self

    def writing(self) -> Writing:
        return Writing(
            self.audience,
            self.audience_id,
            tuple(self.standings) if self.audience == Audience.SESSION else (),
            self.subject,
            self.text,
            self.useful_until,
            self.reason,
        )


class Sending(Asking):
    """The same, once it was looked at."""

    recipients: int = Field(
        ge=1, description="To how many it goes, as the preview said: if it is another number by now, nothing is sent."
    )
    recipients_digest: Digest | None = Field(
        None,
        description="To whom it goes, as the preview said: if it is anybody else by now, nothing is sent. Null: the number alone is compared.",
    )

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [Asking.model_config["json_schema_extra"]["examples"][0] | {"recipients": 24}]  # type: ignore[index,operator]
        },
    )


def messages_routes(runtime: Runtime, writer: Writer) -> Routes:
    """Looking for whoever may read, writing for the office."""
    routes = Routes(prefix="/api/v1/messages")

    @routes.post("/preview", responses=may_answer(*WRITE, NOBODY_THERE), dependencies=[Office])
    async def preview_message(asked: Asking) -> PreviewedMessage:
        """To how many it would go and, as a digest, to whom, who of them would not get it just now and why, and how it reads. Sends nothing and keeps nothing."""
        writing, now = asked.writing(), runtime.service.clock()
        async with runtime.reading.connect() as connection:
            found = await store.audience_of(connection, writing, now)
        if not found:
            raise Problem(NOBODY_THERE, "nobody stands where this message goes")
        return PreviewedMessage(**_counted(writing, found), mail=previewed_message(writing, writer))

    @routes.post("", responses=may_answer(*WRITE, KEY_TAKEN, CHANGED_SINCE, NOBODY_THERE))
    async def write_message(
        asked: Sending, actor: Annotated[Actor, Office], idempotency_key: IdempotencyKey = None
    ) -> WrittenMessage:
        """Writes it to everybody who stands there now, each once, however often this arrives under the same key. Who joins later does not
        get it. Sent again under its key, it also brings back a text that was lost with a database."""
        writing = asked.writing()
        message_id = message_id_of(actor.name, idempotency_key or runtime.service.new_id())
        async with acting(runtime) as act:
            known = await store.load_message(act.connection, act.working, message_id)
            if known and known[0].request_digest != writing.digest:
                raise Problem(KEY_TAKEN, "another message was written under this key", field="Idempotency-Key")
            if known:
                keep_text(act.working, message_id, writing)
            else:
                found = await store.audience_of(act.connection, writing, act.working.now)
                _as_previewed(asked, found, act.working.now)
                write(act.working, message_id, writing, (one.person_id for one in found), by=actor.name)
            await act.take_effect()
        async with runtime.reading.connect() as connection:
            (row,) = await reading.messages(connection, message_id=message_id, after="", limit=1)
        return WrittenMessage(**row)

    @routes.get("", responses=may_answer(*READ), dependencies=[Reader])
    async def list_messages(page: Annotated[Page, Query()]) -> list[WrittenMessage]:
        """What the office wrote, to how many, and to how many of them a mail left, by id; the next page begins `after` the last one."""
        async with runtime.reading.connect() as connection:
            return [WrittenMessage(**row) for row in await reading.messages(connection, **page.model_dump())]

    return routes


def _as_previewed(asked: Sending, found: list[Addressed], now: dt.datetime) -> None:
    if not found:
        raise Problem(NOBODY_THERE, "nobody stands where this message goes")
    if len(found) != asked.recipients:
        raise Problem(
            CHANGED_SINCE, f"it would go to {len(found)} by now, and {asked.recipients} were seen", field="recipients"
        )
    if asked.recipients_digest is not None and asked.recipients_digest != digest_of(one.person_id for one in found):
        detail = f"it would go to {len(found)}, as was seen, but by now not to the same people"
        raise Problem(CHANGED_SINCE, detail, field="recipients_digest")
    if asked.useful_until is not None and asked.useful_until <= now:
        raise Problem(NOT_VALID, "it would be of no use any more", field="useful_until")


def _counted(writing: Writing, found: list[Addressed]) -> dict[str, Any]:
    may_mute = writing.audience != Audience.SESSION
    return {
        "recipients": len(found),
        "recipients_digest": digest_of(one.person_id for one in found),
        "muted": sum(one.is_muted and may_mute for one in found),
        "withheld": sum(one.is_withheld for one in found),
        "without_contact": sum(one.has_no_contact for one in found),
    }
