"""Over HTTP: the ledger for people – what one person was told and why, how a mail would read, and saying once more what was told."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications import reading, store
from services.notifications.acting import acting
from services.notifications.answers import History, Mutes, Notice, PreviewedMail
from services.notifications.decisions import Terms, repeat
from services.notifications.kinds import Subject, subject_of
from services.notifications.kinds.kind import Rules
from services.notifications.ledger import MAY_BECOME, NoticeState, OpenNotice, Told
from services.notifications.previewing import of_attempt, why_not, would_send
from services.notifications.settings import NotificationsSettings
from services.notifications.writing import Writer
from shared.contracts.model import ID_PATTERN, Line
from shared.contracts.notifications import ABOUT_PATTERN
from shared.problems import NO_SUCH_PATH, READ, WRITE, Kind, Problem
from shared.process.runtime import Runtime
from shared.web.asking import Office, Operator, Reader
from shared.web.refusing import may_answer
from shared.web.routes import Routes
from shared.web.tokens import Actor

NO_SUCH_NOTICE = Kind(
    "no-such-notice",
    404,
    "No such notice",
    "Look its id up in the list of notices; only one that is settled can be settled again.",
)
NOTHING_TO_TELL = Kind(
    "nothing-to-tell", 409, "Nothing to tell", "Nothing: no mail would be sent just now, and the detail says why."
)
NOTHING_TO_REPEAT = Kind(
    "nothing-to-repeat",
    409,
    "Nothing to repeat",
    "Nothing: it never left, a later mail has told what is true or is on its way, or nothing of it is true any more.",
)
PersonId = Annotated[str, Path(pattern=ID_PATTERN, description="Who is written to.", examples=["person-0001"])]
NoticeId = Annotated[
    str, Path(pattern=ID_PATTERN, description="The notice.", examples=["notice-0199aa00-0000-7000-8000-000000000003"])
]


class Subjects(BaseModel):
    """Which mail."""

    model_config = ConfigDict(extra="forbid")

    about: str = Field(
        pattern=ABOUT_PATTERN, description="What it is about, as the ledger names it.", examples=["place/session-0001"]
    )


class Repeating(BaseModel):
    """Why it is said once more."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "deleted by mistake"}]})

    reason: Line


def ledger_routes(runtime: Runtime, writer: Writer) -> Routes:
    """Looking for whoever may read; a mail as it would be sent for operators; saying once more for the office."""
    routes = Routes(prefix="/api/v1")
    settings = runtime.settings
    assert isinstance(settings, NotificationsSettings)

    async def known_stage(connection: AsyncConnection) -> tuple[Rules, Terms]:
        stage = await store.stage(connection, by_settings=settings.rehearse)
        return settings.rules_at(stage), settings.terms_at(stage)

    @routes.get("/recipients/{person_id}/history", responses=may_answer(*READ, NO_SUCH_PATH), dependencies=[Reader])
    async def show_history(person_id: PersonId) -> History:
        """What one person was told: each mail, what became of it, and the facts that it followed from. Those are as they were known then.
        Also what they do without, and whether their address takes mail. The oldest first."""
        async with runtime.reading.connect() as connection:
            found = await reading.history(connection, person_id)
            row = await reading.mute(connection, person_id)
        return History(recipient=person_id, mutes=Mutes.of(row) if row is not None else Mutes.none(person_id), **found)

    @routes.get(
        "/recipients/{person_id}/preview",
        responses=may_answer(*READ, NO_SUCH_PATH, NOTHING_TO_TELL),
        dependencies=[Operator],
    )
    async def preview(person_id: PersonId, asked: Annotated[Subjects, Query()]) -> PreviewedMail:
        """The mail that this person would be sent about this just now, byte for byte. One that nobody has planned yet has no id of its own.
        Sends nothing."""
        _known(asked.about)
        await writer.ready()
        now = runtime.service.clock()
        async with runtime.reading.connect() as connection:
            rules, terms = await known_stage(connection)
            found = await store.look(connection, person_id, asked.about, now, rules)
        if found is None:
            raise Problem(NOTHING_TO_TELL, "nothing is known of it")
        attempt = would_send(runtime.service.working(now), *found, (person_id, asked.about), terms)
        if isinstance(attempt, str):
            raise Problem(NOTHING_TO_TELL, attempt)
        return of_attempt(attempt, writer)

    @routes.post(
        "/notices/{notice_id}/repeat", responses=may_answer(*WRITE, NO_SUCH_NOTICE, NO_SUCH_PATH, NOTHING_TO_REPEAT)
    )
    async def repeat_notice(notice_id: NoticeId, asked: Repeating, actor: Annotated[Actor, Office]) -> Notice:
        """Has once more said what this mail told, if it is still true: one mail more, which says what is true now. Once mail is live, also of one
        that was rehearsed: it is said after all. Said again, it changes nothing; the mail that follows is another notice."""
        async with acting(runtime) as act:
            known = await store.load_settled(act.connection, act.working, notice_id)
            if known is None:
                raise Problem(NO_SUCH_NOTICE, f"{notice_id} is not known or not settled yet", field="notice_id")
            if known.state != NoticeState.REPEATED:
                rules, _ = await known_stage(act.connection)
                told = act.working[Told].get(known.recipient, known.about)
                is_too_soon = rules.rehearses and known.state == NoticeState.REHEARSED
                may_be_said = NoticeState.REPEATED in MAY_BECOME[known.state] and not is_too_soon
                if not may_be_said or told is None or told.notice_id != notice_id:
                    raise Problem(NOTHING_TO_REPEAT, "it never left, or a later mail has told what is true")
                if len(act.working[OpenNotice]):
                    raise Problem(NOTHING_TO_REPEAT, "a later mail about it is on its way")
                repeat(act.working, known, by=actor.name, reason=asked.reason)
                then = act.working[Told].get(known.recipient, known.about)
                found = await store.look(act.connection, known.recipient, known.about, act.working.now, rules)
                if found is not None and (forgotten_at := found[2].matter.forgotten_at) is not None:
                    raise Problem(
                        NOTHING_TO_REPEAT, f"what it said was forgotten on {forgotten_at:%Y-%m-%d}: write it anew"
                    )
                if found is None or found[2].difference(then, now=act.working.now) is None:
                    raise Problem(NOTHING_TO_REPEAT, "nothing of it is true any more, or of use")
                # They would be told nothing, and nobody would learn of that.
                if found[2].to.is_unreachable or found[2].to.muted:
                    raise Problem(NOTHING_TO_REPEAT, why_not(then, found[2], act.working.now))
                await act.take_effect()
        async with runtime.reading.connect() as connection:
            return Notice(**(await reading.notice(connection, notice_id) or {}))

    return routes


def _known(about: str) -> Subject:
    try:
        return subject_of(about)
    except ValueError:
        raise Problem(NOTHING_TO_TELL, f"no mail is about {about}", field="about") from None
