"""The mail to a town's coordinators that says what became of everybody whom the town nominated.

Each answer is told once. It says how each of them stands when it leaves, and not how they stood when the answer was given: who waited then
may have a place by now.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from services.notifications.kinds import coordinators, sessions
from services.notifications.kinds.coordinators import COORDINATES
from services.notifications.kinds.kind import Kind, Reading, Rules
from services.notifications.kinds.matters import Once
from services.notifications.kinds.sessions import LASTS
from services.notifications.ledger import Content, OpenNotice
from services.notifications.letters import BriefMail, Named
from services.notifications.sheets import CALM, Office, Sheet, brief
from services.notifications.tables import ANSWERED, PERSON, PLACE, SESSION, SINCE, TOLD, stands
from services.notifications.templates.wording import OURS, notices_of
from services.notifications.towns import Answered
from services.notifications.untold import Addressee, Difference
from shared.contracts.enrolment import ACTIVE, IN_LINE, NominationAnswered, Nominee, RefusalReason, Standing
from shared.contracts.model import Language
from shared.postgres.merged import survivors_of
from shared.values import immutable

NAME = "nomination"
ANSWER = "nomination_answered"
UNNAMED = "–"
"""Whoever is not known, or asked to be forgotten."""


@immutable
class Now:
    """How one of the nominated stands now, as far as it is known."""

    name: str | None
    standing: Standing | None
    number: int | None
    """Their place in line."""


@immutable
class Outcome(Once):
    """What became of everybody whom a town nominated."""

    answered: Answered
    coordinates: bool
    town_name: str | None
    now: tuple[Now, ...]
    """Of each of them, in the order of the answer."""
    since: dt.datetime

    @property
    def waits_for(self) -> str | None:
        return self.facts.waits_for or ("town" if self.town_name is None else None)

    @property
    def ends_at(self) -> dt.datetime | None:
        return self.facts.session.ends_at if self.facts.session is not None else None

    def found(self, to: Addressee, now: dt.datetime) -> Difference | None:
        session = self.facts.session
        if session is None or now >= session.ends_at or not self.coordinates or self.answered.heard_at < self.since:
            return None
        says = self.facts.true_now(None).says
        return Difference(ANSWER, Content(hash=self.answered.event_id, says=says))

    def mail(self, notice: OpenNotice, found: Difference) -> BriefMail:
        people = tuple(map(_named, self.answered.people, self.now))
        return replace(BriefMail.of(self.facts, notice, found), town=self.town_name, people=people)


def _named(nominee: Nominee, now: Now) -> Named:
    standing = now.standing or nominee.standing
    if standing.is_active:
        return Named(now.name or UNNAMED, standing, now.number)
    # Whoever came in by it and is out again gave the place back, or a rule took it: they are told why.
    return Named(now.name or UNNAMED, nominee.reason or Standing.WITHDRAWN)


# --- what it says --------------------------------------------------------------------------

_FATES = {*RefusalReason, Standing.WITHDRAWN}
"""Of these it has words of its own; of how others stand, if it calls that otherwise than all mails do."""
_NOTICES = notices_of(NAME, ANSWER)
for _language in Language:
    if _other := (set(_NOTICES.of(OURS, _language)[ANSWER].fates) - set(ACTIVE)) ^ _FATES:
        raise ValueError(
            f"nomination.{_language}.toml lacks, or has too many, of what becomes of people: {sorted(_other)}"
        )


def _sheet(mail: BriefMail, office: Office) -> Sheet:
    return brief(mail, office, _NOTICES.of(office.wording, mail.language)[ANSWER], CALM)


# --- the same in SQL -----------------------------------------------------------------------

_slash = sa.literal("/", sa.Text)
_about = sa.literal(f"{NAME}/", sa.Text) + ANSWERED.c.session_id + _slash + ANSWERED.c.nomination_id
_content = sa.case((LASTS, ANSWERED.c.event_id))
_nominee = (
    sa.func.jsonb_array_elements(ANSWERED.c.people)
    .table_valued(sa.column("one", JSONB), with_ordinality="position", name="nominee")
    .render_derived()
)
_person_id = _nominee.c.one.op("->>", return_type=sa.Text)("person_id")
_survivor = survivors_of(PERSON).alias("nominee_survivor")
_human = sa.func.coalesce(_survivor.c.into_id, _person_id)
"""Whoever they turned out to be: theirs is the place."""
_its, _ahead, _who = PLACE.alias("its_place"), PLACE.alias("ahead"), PERSON.alias("nominee_person")
_before_all = sa.literal(dt.datetime(1970, 1, 1, tzinfo=dt.UTC), sa.DateTime(timezone=True))


def _line(place: sa.FromClause) -> sa.Tuple:
    return sa.tuple_(
        -place.c.priority,
        sa.func.coalesce(place.c.queued_at, _before_all),
        sa.func.coalesce(place.c.queue, 0),
        place.c.person_id,
    )


_number = (
    sa.select(sa.func.count())
    .where(_ahead.c.session_id == _its.c.session_id, stands(_ahead, IN_LINE))
    .where(_line(_ahead) <= _line(_its))
    .correlate(_its)
    .scalar_subquery()
)
_one = sa.func.jsonb_build_array(
    sa.case((~_who.c.erased, sa.func.concat_ws(" ", _who.c.given_name, _who.c.family_name))),
    _its.c.state,
    sa.case((stands(_its, IN_LINE), _number)),
)
_now = (
    sa.select(sa.func.jsonb_agg(aggregate_order_by(_one, _nominee.c.position), type_=JSONB))
    .select_from(
        _nominee.outerjoin(_survivor, _survivor.c.person_id == _person_id)
        .outerjoin(_its, sa.and_(_its.c.session_id == ANSWERED.c.session_id, _its.c.person_id == _human))
        .outerjoin(_who, _who.c.person_id == _human)
    )
    .correlate(ANSWERED)
    .scalar_subquery()
)


def _around(answers: sa.FromClause) -> sa.FromClause:
    return coordinators.around(answers, ANSWERED, _about)


def _read(reading: Reading, rules: Rules) -> Outcome:
    answered = reading.next(Answered)
    facts, coordinates, town_name = coordinators.read(reading)
    (found,) = reading.values(1)
    assert answered is not None
    now = tuple(Now(name, Standing(state) if state else None, number) for name, state, number in found or ())
    return Outcome(facts, answered, coordinates, town_name, now, rules.since)


NOMINATION_KIND = Kind(
    name=NAME,
    letters=(ANSWER,),
    scope=coordinators.ANSWERS,
    around=_around,
    about=_about,
    content=_content,
    differs=sa.and_(
        COORDINATES, _content.is_not(None), ANSWERED.c.heard_at >= SINCE, TOLD.c.content.is_distinct_from(_content)
    ),
    waits={},
    unknown=coordinators.UNKNOWN,
    parts=(LASTS,),
    told_by_others=sa.false(),
    made_of=coordinators.MADE_OF,
    columns=(*ANSWERED.c, *coordinators.READ, _now),
    read=_read,
    sheet=_sheet,
    concerned_by=sessions.EVERY_MAIL | {NominationAnswered},
    yields_to=(ANSWERED, SESSION),
)
