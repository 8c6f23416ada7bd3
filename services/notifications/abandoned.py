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
from services.notifications.ledger import Notice, OpenNotice, Told
from services.notifications.tables import MOST, NOTICE, NOW, OPEN, TOLD, is_of
from services.notifications.untold import Addressee, Difference, Mail, Matter, Truth
from shared.postgres.directly import rows_of
from shared.state.rows import Loaded, loaded_by
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
    ran_out = sa.and_(
        OPEN.c.lease_until <= NOW, OPEN.c.lease != sa.all_(sa.bindparam("under_way", type_=sa.ARRAY(sa.Text())))
    )
    return (
        sa.select(*OPEN.c, *TOLD.c, *NOTICE.c)
        .outerjoin(TOLD, sa.and_(TOLD.c.recipient == OPEN.c.recipient, TOLD.c.about == OPEN.c.about))
        .outerjoin(NOTICE, NOTICE.c.notice_id == OPEN.c.notice_id)
        .where(is_of(kind.name), OPEN.c.priority == sa.bindparam("priority", type_=sa.BigInteger))
        .where(OPEN.c.next_attempt_at <= NOW, sa.or_(OPEN.c.lease_until.is_(None), ran_out))
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
    taken = []
    for row in await rows_of(connection, _of(subject), {"now": working.now} | of_queue | rules.parameters()):
        reading = Reading(row)
        notice, told, outcome = reading.next(OpenNotice), reading.next(Told), reading.next(Notice)
        assert notice is not None
        pair = frozenset([(notice.recipient, notice.about)])
        working[OpenNotice].loaded([notice], Loaded(OpenNotice.KEY, pair))
        working[Told].loaded([told] if told else [], Loaded(Told.KEY, pair))
        working[Notice].loaded([outcome] if outcome else [], loaded_by("notice_id", [notice.notice_id]))
        taken.append((notice, Truth(Nothing(), Addressee(None, None))))
    return taken
