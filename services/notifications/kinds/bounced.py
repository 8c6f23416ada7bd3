"""The mail to a town's coordinators that an address of one of theirs takes no mail: whom to ask for another one, and what of theirs lies ahead.

Each address that is held back is told once, as long as it is held back: another address, or an operator's word, ends it in silence. Not to
whom it is about: they would not get it.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.notifications.kinds import sessions
from services.notifications.kinds.coordinators import (
    COORDINATES,
    COORDINATOR,
    TOWN_NAME,
    ever_in_team,
    is_member,
    memberships,
)
from services.notifications.kinds.kind import Kind, Reading, Rules, Scope
from services.notifications.kinds.matters import TOLD_NOTHING, missed_until
from services.notifications.ledger import Content, OpenNotice, Told
from services.notifications.letters import BouncedMail, Missing
from services.notifications.sheets import bounced_sheet
from services.notifications.state import SCHEDULED
from services.notifications.suppressing import Suppression
from services.notifications.tables import (
    CONTACT,
    NOW,
    PERSON,
    PLACE,
    SESSION,
    SINCE,
    SUPPRESSION,
    TOLD,
    WRITTEN_TO,
    digest,
    is_another,
    is_told,
    mailbox_of,
    stands,
)
from services.notifications.untold import Addressee, Difference, Matter, judged
from shared.contracts.enrolment import ACTIVE, Standing
from shared.contracts.notifications import BouncedTold
from shared.contracts.planner import Meeting
from shared.values import immutable

NAME = "bounced"
ADDRESS_BOUNCED = "address_bounced"
LASTS = dt.timedelta(days=30)
"""For so long after it was held back a coordinator is told."""
MOST = 10
"""So many sessions of theirs are named."""


@immutable
class Bounced(Matter):
    """That an address of somebody in a town's team is held back."""

    suppression: Suppression
    is_held: bool
    """Whether it is still theirs, and they are who they are."""
    is_theirs: bool
    """Whether they are in the town's team today."""
    coordinates: bool
    """Whether whoever is written to coordinates it today."""
    is_oneself: bool
    name: str
    """Their id, where the directory has not said it."""
    town_name: str | None
    missing: tuple[Missing, ...]
    """What lies ahead of them, and they do not hear of."""
    since: dt.datetime

    @property
    def until(self) -> dt.datetime:
        return self.suppression.decided_at + LASTS

    @property
    def waits_for(self) -> str | None:
        return "town" if self.town_name is None else None

    def difference(self, told: Told | None, to: Addressee, *, now: dt.datetime) -> Difference | None:
        its = self.suppression
        if not self.is_held or not self.is_theirs or not self.coordinates or self.is_oneself:
            return None
        if its.heard_at < self.since or now >= self.until or (told is not None and told.content == its.event_id):
            return None
        says = BouncedTold(person_id=its.recipient, status=its.status, useful_until=self.until)
        found = Difference(ADDRESS_BOUNCED, Content(hash=its.event_id, says=says))
        return judged(found, told, told or TOLD_NOTHING, to, now=now)

    def missed(self, told: Told | None, to: Addressee, *, now: dt.datetime, since: dt.datetime) -> Difference | None:
        """Only what was on its way."""
        return missed_until(self.until, self, told, to, now=now, since=since)

    def mail(self, notice: OpenNotice, found: Difference) -> BouncedMail:
        if notice.language is None or self.town_name is None:
            raise RuntimeError(f"{notice.notice_id} was claimed and lacks what it has to say")
        return BouncedMail(ADDRESS_BOUNCED, notice.language, self.name, self.town_name, self.missing)


# --- the same in SQL -----------------------------------------------------------------------

_whose = SUPPRESSION.c.recipient
_theirs = ever_in_team("theirs")
_of_team = sa.and_(COORDINATOR.c.city_id == _theirs.c.city_id, _theirs.c.person_id == _whose)
_recipient = COORDINATOR.c.person_id
_slash = sa.literal("/", sa.Text)
_about = sa.literal(f"{NAME}/", sa.Text) + _whose + _slash + COORDINATOR.c.city_id
_member, _who, _their = memberships("member_today"), PERSON.alias("whose"), CONTACT.alias("their_contact")
_is_theirs = sa.exists().where(
    _member.c.person_id == _whose,
    _member.c.city_id == COORDINATOR.c.city_id,
    is_member(_member),
)
_is_held = sa.and_(
    SUPPRESSION.c.holds,
    sa.exists().where(
        _their.c.person_id == _whose, ~_their.c.erased, ~is_another(SUPPRESSION.c.mailbox, mailbox_of(_their))
    ),
    ~sa.exists().where(_who.c.person_id == _whose, sa.or_(_who.c.erased, _who.c.merged_into.is_not(None))),
)
_name = sa.func.coalesce(
    sa.select(sa.func.nullif(sa.func.concat_ws(" ", _who.c.given_name, _who.c.family_name), ""))
    .where(_who.c.person_id == _whose)
    .scalar_subquery(),
    _whose,
)
_stands = stands(PLACE, ACTIVE)
_ahead = (
    sa.select(
        SESSION.c.starts_at,
        sa.func.jsonb_build_object(
            *("topic", SESSION.c.topic, "meetings", SESSION.c.meetings, "standing", PLACE.c.state),
            *("name_pl", sessions.TOPIC_NAMES[0], "name_en", sessions.TOPIC_NAMES[1]),
            *("offered_until", PLACE.c.offered_until),
            type_=JSONB,
        ).label("its"),
    )
    .join(SESSION, SESSION.c.session_id == PLACE.c.session_id)
    .where(PLACE.c.person_id == _whose, _stands, SESSION.c.state == SCHEDULED, SESSION.c.starts_at > NOW)
    .order_by(SESSION.c.starts_at, SESSION.c.session_id)
    .limit(MOST)
    .correlate(SUPPRESSION)
    .subquery("of_theirs")
)
_missing = sessions.listed(_ahead)
_until = SUPPRESSION.c.decided_at + sa.literal(LASTS, sa.Interval())
_is_now = SUPPRESSION.c.decided_at > NOW - LASTS
BOUNCES = Scope(
    keys=sa.join(sa.join(SUPPRESSION, _theirs, _theirs.c.person_id == _whose), COORDINATOR, _of_team),
    recipient=_recipient,
    key=_whose,
    news={},
    soon={},
)
"""What we say ourselves wakes nobody: the look at the whole finds it."""


def _around(found: sa.FromClause) -> sa.FromClause:
    return found.outerjoin(TOLD, is_told(TOLD, _recipient, _about)).outerjoin(
        CONTACT, CONTACT.c.person_id == _recipient
    )


def missing_of(found: dict[str, Any]) -> Missing:
    until = found["offered_until"]
    return Missing(
        found["topic"],
        (found["name_pl"], found["name_en"]),
        tuple(map(Meeting.model_validate, found["meetings"])),
        Standing(found["standing"]),
        dt.datetime.fromisoformat(until).astimezone(dt.UTC) if until is not None else None,
    )


def _read(reading: Reading, rules: Rules) -> Bounced:
    suppression = reading.next(Suppression)
    is_held, is_theirs, coordinates, is_oneself, name, town_name, missing = reading.values(7)
    assert suppression is not None
    return Bounced(
        suppression, is_held, is_theirs, coordinates, is_oneself, name, town_name, tuple(map(missing_of, missing)),
        rules.since,
    )  # fmt: skip


_content = sa.case((_is_held, SUPPRESSION.c.event_id))

BOUNCED_KIND = Kind(
    name=NAME,
    letters=(ADDRESS_BOUNCED,),
    scope=BOUNCES,
    around=_around,
    about=_about,
    content=_content,
    differs=sa.and_(
        _is_now,
        _is_held,
        _is_theirs,
        COORDINATES,
        _recipient != _whose,
        SUPPRESSION.c.heard_at >= SINCE,
        TOLD.c.content.is_distinct_from(SUPPRESSION.c.event_id),
    ),
    waits={},
    unknown={"town": TOWN_NAME.is_(None)},
    parts=(_is_now,),
    told_by_others=sa.false(),
    made_of=digest(*WRITTEN_TO, _name, TOWN_NAME, sessions.RELEASE),
    columns=(*SUPPRESSION.c, _is_held, _is_theirs, COORDINATES, _recipient == _whose, _name, TOWN_NAME, _missing),
    read=_read,
    sheet=bounced_sheet,
    concerned_by=frozenset(),
    needed_at=_until,
    yields_to=(SUPPRESSION,),
)
