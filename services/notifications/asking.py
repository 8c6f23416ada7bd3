"""The SQL of what other systems ask: what a decision about it looks at, one decider at a time, and what is waited for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence, Set
from typing import cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications import store
from services.notifications.asked import DAY, Asked, Reach, asked_id_of, person_subject
from services.notifications.handlers import request_of
from services.notifications.state import Contact, Person, Session
from services.notifications.tables import ASKED, CONTACT, PERSON, SESSION, muted, withheld
from shared.books.holding import load_held_about
from shared.contracts.directory import PersonFact, PersonMerged
from shared.contracts.notices import NoticeRequested
from shared.contracts.notifications import Mutable
from shared.contracts.planner import SessionFact
from shared.events.envelope import Heard
from shared.postgres.database import any_of
from shared.postgres.roundtrips import Reads
from shared.postgres.tables import HELD_SUBJECT
from shared.service import Inputs
from shared.state.rows import loaded_by
from shared.state.working import Due, Held, Working

MOST_HOPS = 20
"""From one id of a human to the next: people are merged seldom."""
_ONE_DECIDER = sa.text("select pg_advisory_xact_lock(hashtextextended('notifications.requests', 0))")
"""Who is heard of while a request about them is put aside would wake nothing."""
_LATELY = sa.select(ASKED).where(
    any_of(ASKED.c.recipient, "asked_recipients"),
    ASKED.c.declined.is_(None),
    ASKED.c.decided_at > sa.bindparam("asked_since", type_=sa.DateTime(timezone=True)),
)
_REACH = (
    sa.select(PERSON.c.person_id, withheld(PERSON.c.person_id), muted(PERSON.c.person_id, Mutable.MATERIALS))
    .outerjoin(CONTACT, CONTACT.c.person_id == PERSON.c.person_id)
    .where(any_of(PERSON.c.person_id, "reached"))
)
_GONE_INTO = sa.select(PERSON).where(any_of(PERSON.c.merged_into, "gone_into"))
Deciding = NoticeRequested | PersonFact | SessionFact


async def lock(connection: AsyncConnection, inputs: Inputs) -> None:
    """One decider at a time of those who may answer or wake a request; all other facts pass."""
    if any(isinstance(one, Due) or isinstance(one.body, Deciding) for one in inputs):
        await connection.execute(_ONE_DECIDER)


async def load(reads: Reads, working: Working, inputs: Inputs) -> None:
    """What is heard touches, and of what is asked, or may be decided now: whom it is about, and what stands between them and a mail."""
    await store.load(reads, working, inputs)
    asked = [
        cast(Heard[NoticeRequested], one)
        for one in inputs
        if isinstance(one, Heard) and isinstance(one.body, NoticeRequested)
    ]
    woken = {one.subject for one in inputs if isinstance(one, Due)}
    known = [one for one in inputs if isinstance(one, Heard) and isinstance(one.body, PersonFact | SessionFact)]
    woken.update(one.subject for one in known)
    if people := {one.body.person_id for one in known if isinstance(one.body, PersonFact)}:
        reads.rows(working[Person], _GONE_INTO, {"gone_into": sorted(people)}, loaded_by("merged_into", people))
        await reads.run()
        woken.update(person_subject(one.person_id) for one in working[Person] if one.merged_into in people)
    if woken:
        load_held_about(reads, working, woken)
        await reads.run()
    held = [request_of(one) for one in working[Held]] if woken else []
    if asked or held:
        merging = {one.body.into_person_id for one in known if isinstance(one.body, PersonMerged)}
        await _load_about(reads, working, [*asked, *held], merging)


async def _load_about(
    reads: Reads, working: Working, requests: Sequence[Heard[NoticeRequested]], merging: Set[str]
) -> None:
    """`merging`: into whom somebody goes by what is heard together with them."""
    sessions = {(one.body.session_id,) for one in requests if one.body.session_id is not None}
    reads.by_key(working[Session], SESSION, sessions)
    reads.by_key(working[Asked], ASKED, {(asked_id_of(one.source, one.event_id),) for one in requests})
    people, wanted = set[str](), merging | {one.body.person_id for one in requests}
    for _ in range(MOST_HOPS):
        reads.by_key(working[Person], PERSON, {(one,) for one in wanted})
        await reads.run()
        people |= wanted
        rows = (working[Person].get(one) for one in wanted)
        wanted = {row.merged_into for row in rows if row is not None and row.merged_into is not None} - people
        if not wanted:
            break
    keys, named = {(one,) for one in people}, sorted(people)
    since = working.now - DAY
    lately = loaded_by("recipient", people, only=lambda one: one.declined is None and one.decided_at > since)
    reads.rows(working[Asked], _LATELY, {"asked_recipients": named, "asked_since": since}, lately)
    reads.rows(working[Reach], _REACH, {"reached": named}, loaded_by("person_id", people))
    reads.by_key(working[Contact], CONTACT, keys)


async def open_subjects(connection: AsyncConnection, now: dt.datetime) -> list[str]:
    """After a restore: whom held requests are about."""
    return sorted((await connection.execute(sa.select(HELD_SUBJECT).distinct())).scalars())
