"""Open notices behind which nothing stands any more: planned for whoever somebody was taken for, who are two again. Their kind finds nothing to
judge them by, so they are closed here, as what is not true any more: one that may have left with its outcome.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications.differences import Queue
from services.notifications.kinds import KINDS, Subject
from services.notifications.kinds.kind import Reading, Rules
from services.notifications.ledger import OpenNotice, Told
from services.notifications.store import IS_DUE, taken_by
from services.notifications.tables import MOST, NOTICE, OPEN, TOLD, is_of
from services.notifications.untold import Addressee, Difference, Mail, Matter, Truth
from shared.postgres.directly import rows_of
from shared.state.working import Working
from shared.values import immutable


@immutable
class Nothing(Matter):
    """What is so of such a subject."""

    @property
    def waits_for(self) -> str | None:
        return None

    def difference(self, told: Told | None, to: Addressee, *, now: Any) -> Difference | None:
        return None

    def mail(self, notice: OpenNotice, found: Difference) -> Mail:
        raise RuntimeError(f"{notice.notice_id} has nothing to say")


@cache
def _of(subject: Subject) -> sa.Select[Any]:
    kind = KINDS[subject]
    its = (kind.scope.recipient == OPEN.c.recipient, kind.scope.key == sa.func.split_part(OPEN.c.about, "/", 2))
    behind = sa.select(sa.literal(1)).select_from(kind.scope.keys).where(*its, kind.about == OPEN.c.about)
    return (
        sa.select(*OPEN.c, *TOLD.c, *NOTICE.c)
        .outerjoin(TOLD, sa.and_(TOLD.c.recipient == OPEN.c.recipient, TOLD.c.about == OPEN.c.about))
        .outerjoin(NOTICE, NOTICE.c.notice_id == OPEN.c.notice_id)
        .where(IS_DUE, is_of(kind.name), OPEN.c.priority == sa.bindparam("priority", type_=sa.BigInteger))
        .where(~sa.exists(behind.correlate(OPEN)))
        .limit(MOST)
        .with_for_update(of=OPEN, skip_locked=True)
    )


async def take(
    connection: AsyncConnection, working: Working, queue: Queue, *, most: int, under_way: Collection[str], rules: Rules
) -> list[tuple[OpenNotice, Truth]]:
    """Loads and locks what is due of them; asked where nothing else is."""
    priority, subject = queue
    of_queue = {"priority": int(priority), "most": most, "under_way": sorted(under_way)}
    found = await rows_of(connection, _of(subject), {"now": working.now} | of_queue | rules.parameters())
    return [(taken_by(working, Reading(row)), Truth(Nothing(), Addressee(None, None))) for row in found]
