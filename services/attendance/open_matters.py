"""What attendance has left open: what nobody has decided, and what should have followed by itself and has not. SQL that changes nothing."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from services.attendance.counting import TAKES_PLACE, Asked, dropped, is_put_right, meetings
from services.attendance.lists import ListRules
from services.attendance.rosters import words_that_stand
from services.attendance.scanning import MARK_STANDS
from services.attendance.state import WALK_IN
from services.attendance.store import (
    CAME,
    CERTIFICATE,
    FILE,
    IS_CLOSED,
    LIST_TABLE,
    OURS,
    RECORD,
    SESSION,
)
from services.attendance.views import SURVIVOR
from shared.contracts.attendance import Role
from shared.contracts.files import FileKind
from shared.postgres.tables import UNCHANGED

LONG_AFTER = dt.timedelta(days=1)
"""So long after it should have closed an open list is no list that closes in a moment."""
_count = sa.func.count
_MEETING, _GONE = meetings(Asked()), dropped(Asked())


async def open_matters(connection: AsyncConnection, rules: ListRules) -> dict[str, int]:
    """How many of each stand open now."""
    asked = {
        "contradictions": _contradictions(),
        "undecided_imports": _undecided_imports(),
        "lists_left_open": _left_open(rules),
        "certificates_in_doubt": _certificates_in_doubt(rules),
    }
    counts = sa.select(*(one.scalar_subquery().label(name) for name, one in asked.items()))
    return dict((await connection.execute(counts)).one()._mapping)


def _contradictions() -> sa.Select[int]:
    """People of whom a code was read that says otherwise than what somebody has marked, where that mark stands still."""
    return sa.select(_count(UNCHANGED.c.subject.distinct())).where(
        UNCHANGED.c.outcome == MARK_STANDS, UNCHANGED.c.event_id.in_(sa.select(words_that_stand().c.event_id))
    )


def _undecided_imports() -> sa.Select[int]:
    """Reports, and signed lists that were typed in, of which rows are left. Of a meeting the last list that was typed in counts; of reports
    each: a meeting may have several."""
    typed = FILE.c.kind == FileKind.TYPED_LIST
    which = (FILE.c.session_id, FILE.c.meeting_id, FILE.c.kind, sa.case((typed, None), else_=FILE.c.sha256))
    last = (
        sa.select(FILE.c.undecided)
        .ext(distinct_on(*which))
        .where(~FILE.c.is_removed)
        .order_by(*which, FILE.c.decided_at.desc(), FILE.c.sha256)
        .subquery()
    )
    return sa.select(_count()).select_from(last).where(last.c.undecided > 0)


def _left_open(rules: ListRules) -> sa.Select[int]:
    """Lists of meetings that took place, and which nothing has closed."""
    same = sa.and_(LIST_TABLE.c.session_id == _MEETING.c.session_id, LIST_TABLE.c.meeting_id == _MEETING.c.meeting_id)
    until = sa.func.greatest(
        _MEETING.c.ends_at, sa.case((LIST_TABLE.c.decided_by.is_not(None), LIST_TABLE.c.decided_at))
    )
    return (
        sa.select(_count())
        .select_from(_MEETING.outerjoin(LIST_TABLE, same))
        .where(
            _MEETING.c.state.in_(TAKES_PLACE),
            _MEETING.c.ends_at >= rules.live_since,
            until < sa.func.now() - (rules.close_after + LONG_AFTER),
            sa.func.coalesce(LIST_TABLE.c.is_open, sa.true()),
        )
    )


def _put_right() -> sa.Subquery:
    """Sessions in which a list is open to be put right of a day that they have no more."""
    its_list = sa.and_(LIST_TABLE.c.session_id == _GONE.c.session_id, LIST_TABLE.c.meeting_id == _GONE.c.meeting_id)
    return sa.select(_GONE.c.session_id).join(LIST_TABLE, its_list).where(is_put_right(_GONE)).subquery("put_right")


def _certificates_in_doubt(rules: ListRules) -> sa.Select[int]:
    """People who have earned a certificate by the closed lists of a session and have none, or have one of ours that says something else.
    What `decide_certificates` would say, counted without it: nothing, while a list is put right of a day that the session has no more."""
    its_list = sa.and_(
        LIST_TABLE.c.session_id == _MEETING.c.session_id, LIST_TABLE.c.meeting_id == _MEETING.c.meeting_id
    )
    length = sa.func.extract("epoch", _MEETING.c.ends_at - _MEETING.c.starts_at) / 60
    share = sa.func.greatest(1, sa.func.ceil(sa.func.sum(length) * rules.certificates.percent / 100))
    closed = (
        sa.select(_MEETING.c.session_id, share.label("share"))
        .select_from(_MEETING.outerjoin(LIST_TABLE, sa.and_(its_list, IS_CLOSED)))
        .where(_MEETING.c.state.in_(TAKES_PLACE), _MEETING.c.session_id.not_in(sa.select(_put_right().c.session_id)))
        .group_by(_MEETING.c.session_id)
        .having(sa.func.bool_and(LIST_TABLE.c.session_id.is_not(None)), sa.func.bool_or(LIST_TABLE.c.source == OURS))
        .subquery()
    )
    on_list = sa.and_(LIST_TABLE.c.session_id == RECORD.c.session_id, LIST_TABLE.c.meeting_id == RECORD.c.meeting_id)
    human = sa.func.coalesce(SURVIVOR.c.into_id, RECORD.c.person_id).label("human")
    each = (
        sa.select(RECORD.c.session_id, human, sa.func.max(RECORD.c.minutes).label("minutes"))
        .select_from(
            RECORD.join(LIST_TABLE, sa.and_(on_list, IS_CLOSED)).outerjoin(
                SURVIVOR, SURVIVOR.c.person_id == RECORD.c.person_id
            )
        )
        .where(CAME, RECORD.c.role == Role.PARTICIPANT, ~RECORD.c.person_id.startswith(WALK_IN))
        .group_by(RECORD.c.session_id, RECORD.c.meeting_id, human)
        .subquery()  # At one meeting a human was there once, whatever ids they have had.
    )
    earned = (
        sa.select(each.c.session_id, each.c.human, sa.func.sum(each.c.minutes).label("minutes"))
        .group_by(each.c.session_id, each.c.human)
        .subquery()
    )
    holder = sa.func.coalesce(SURVIVOR.c.into_id, CERTIFICATE.c.person_id).label("human")
    held = (
        sa.select(
            CERTIFICATE.c.session_id,
            holder,
            sa.func.max(CERTIFICATE.c.minutes).label("minutes"),
            sa.func.max(CERTIFICATE.c.required_minutes).label("required"),
            sa.func.bool_or(CERTIFICATE.c.source != OURS).label("is_others"),
        )
        .select_from(CERTIFICATE.outerjoin(SURVIVOR, SURVIVOR.c.person_id == CERTIFICATE.c.person_id))
        .where(CERTIFICATE.c.ended.is_(None))
        .group_by(CERTIFICATE.c.session_id, holder)
        .subquery()
    )
    revoked = (
        sa.select(CERTIFICATE.c.session_id, holder, sa.func.max(CERTIFICATE.c.required_minutes).label("required"))
        .select_from(CERTIFICATE.outerjoin(SURVIVOR, SURVIVOR.c.person_id == CERTIFICATE.c.person_id))
        .where(CERTIFICATE.c.ended.is_not(None), CERTIFICATE.c.superseded_by.is_(None), CERTIFICATE.c.source == OURS)
        .group_by(CERTIFICATE.c.session_id, holder)
        .subquery()
    )
    had = sa.and_(revoked.c.session_id == earned.c.session_id, revoked.c.human == earned.c.human)
    same = sa.and_(held.c.session_id == earned.c.session_id, held.c.human == earned.c.human)
    whose = sa.func.coalesce(earned.c.session_id, held.c.session_id)
    minutes = sa.func.coalesce(earned.c.minutes, 0)
    required = sa.func.coalesce(SESSION.c.certificate_minutes, closed.c.share)
    is_missing = sa.and_(held.c.human.is_(None), minutes >= sa.func.least(required, revoked.c.required))
    is_wrong = sa.or_(minutes < sa.func.least(required, held.c.required), minutes != held.c.minutes)
    return (
        sa.select(_count())
        .select_from(
            earned.join(held, same, full=True)
            .join(revoked, had, isouter=True)
            .join(closed, closed.c.session_id == whose)
            .join(SESSION, SESSION.c.session_id == whose)
        )
        .where(
            ~sa.func.coalesce(held.c.is_others, sa.false()),
            sa.or_(is_missing, sa.and_(held.c.human.is_not(None), is_wrong)),
        )
    )
