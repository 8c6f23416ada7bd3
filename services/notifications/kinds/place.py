"""Mails about a place: that somebody has one, what changed, and that it is gone."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from services.notifications.kinds import sessions
from services.notifications.kinds.kind import Kind, Reading, Rules
from services.notifications.kinds.matters import OnePlace
from services.notifications.kinds.sessions import LASTS, NOTHING_TOLD, UNSETTLED
from services.notifications.ledger import NOTHING, Content, OpenNotice, Told
from services.notifications.letters import CANCELLATION, CHANGE, CONFIRMATION, PlaceMail, arranged
from services.notifications.place_sheet import place_sheet
from services.notifications.state import CANCELLED, SCHEDULED, Session
from services.notifications.tables import MAILBOX, NOW, PLACE, SESSION, SINCE, TOLD, is_another
from services.notifications.untold import ENROLMENT, Addressee, Difference, standing
from services.notifications.untold import is_another as has_another
from shared.contracts.enrolment import EnrolmentRefused, PlaceFact, Standing
from shared.contracts.model import Language, members
from shared.values import immutable

NAME = "place"


@immutable
class Place(OnePlace):
    """A person's place in a session.

    Decided until the session is over, as it is true and as it was told: who believes that it takes place next week has to
    know that it took place yesterday. Before go-live others told people what was true then.
    """

    @property
    def _content(self) -> str | None:
        facts = self.facts
        return facts.session.content if facts.session and facts.stands(Standing.ENROLLED) else None

    def missed(self, told: Told | None, to: Addressee, *, now: dt.datetime, since: dt.datetime) -> Difference | None:
        session = self.facts.session
        if self.facts.place is None or session is None:
            return None
        end = max(session.ends_at, self.believed(told).until or session.ends_at)
        return self.missed_by(end, told, to, now, since)

    def mail(self, notice: OpenNotice, found: Difference) -> PlaceMail:
        facts, content, language = self.facts, notice.content, notice.language
        if facts.session is None or content is None or language is None or facts.topic_names is None:
            raise RuntimeError(f"{notice.notice_id} was claimed and lacks what it has to say")
        says = content.says
        told = [one.says for one in (found.before, found.certain) if one is not None]
        return PlaceMail(
            session_id=facts.session.session_id,
            letter=found.letter,
            language=language,
            session_kind=facts.session.kind,
            topic_name=says.topic_name or facts.topic_names[0 if language == Language.PL else 1],
            city_name=says.city_name or facts.city_name or "",
            venue=says.venue,
            address=says.address,
            meetings=says.meetings,
            sequence=notice.sequence,
            session_cancelled=found.because == CANCELLED,
            substituted=found.because == sessions.SUBSTITUTED,
            before=arranged(found.before, says),
            certain=arranged(found.certain, says),
            another_topic=any(one.topic not in (None, says.topic) for one in told),
            told_by_others=found.told_by_others,
            in_doubt=found.in_doubt,
            is_ahead=found.is_ahead,
            asks_for_reply=found.is_ahead and facts.asks_for_reply,
        )

    def known(self) -> Content | None:
        known = self.facts.known_before
        return Content(hash=known.content, says=sessions.told_of(known)) if known is not None else None

    def differs(self, told: Told, to: Addressee, now: dt.datetime) -> Difference | None:
        session, content = self.facts.session, self._content
        assert session is not None
        is_over = now >= session.ends_at
        elsewhere = content is not None and not is_over and has_another(told, to)
        if told.content == content and not elsewhere:
            return None
        believes_in_a_place = told.until is not None and now < told.until
        if not believes_in_a_place and (content is None or is_over):
            return None
        certain = standing(told.certain)
        before = standing(told.said) or certain
        says = self.facts.true_now(content)
        if content is None:
            called_off = (before or says).model_copy(update={"hash": None})
            return Difference(CANCELLATION, called_off, certain=certain, because=self._ends_because(session))
        # At another address nothing is known that could change: whoever reads it gets the whole, and an entry of their own.
        if elsewhere:
            return Difference(CONFIRMATION, says, because=self._begins_because)
        # Nor is it a change to whoever was told last, or may have been, that there is no place any more.
        if told.content is None or (told.said is not None and told.said.hash is None):
            return Difference(CONFIRMATION, says, certain=certain, because=self._begins_because)
        return Difference(CHANGE, says, before=before, certain=certain)

    @property
    def _begins_because(self) -> str | None:
        """Whoever comes instead of somebody is told so, where a mail tells them the whole."""
        place = self.facts.place
        return sessions.SUBSTITUTED if place is not None and place.substitute_for is not None else None

    def _ends_because(self, session: Session) -> str | None:
        if session.state == CANCELLED:
            return CANCELLED
        return sessions.SUBSTITUTED if self.facts.is_substituted else None


# --- the same in SQL -----------------------------------------------------------------------

_known = sessions.known_before(Standing.ENROLLED)
_known_content = sa.case((_known.c.state == SCHEDULED, _known.c.content))
_has_place = sa.and_(PLACE.c.state == Standing.ENROLLED, SESSION.c.state == SCHEDULED)
_content = sa.case((_has_place, SESSION.c.content))
_believed = sa.case((NOTHING_TOLD, _known_content), else_=TOLD.c.content)
_until = sa.case((NOTHING_TOLD, sa.case((_known.c.state == SCHEDULED, _known.c.ends_at))), else_=TOLD.c.until)
_end = sa.func.greatest(SESSION.c.ends_at, _until)


def _differs(lasts: sa.ColumnElement[bool], believes: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """At a moment at which the session lasts, or as far as the person knows."""
    has_place = sa.and_(_has_place, lasts)
    return sa.and_(
        sa.or_(believes, has_place),
        sa.or_(_believed.is_distinct_from(_content), sa.and_(has_place, is_another(TOLD.c.mailbox, MAILBOX))),
    )


def _around(places: sa.FromClause) -> sa.FromClause:
    return sessions.around(places, sessions.about(NAME)).outerjoin(_known, sa.true())


def _read(reading: Reading, rules: Rules) -> Place:
    return Place(sessions.read(reading, known=True))


PLACE_KIND = Kind(
    name=NAME,
    letters=(CONFIRMATION, CHANGE, CANCELLATION),
    scope=sessions.SESSIONS,
    around=_around,
    about=sessions.about(NAME),
    content=_content,
    differs=_differs(LASTS, sa.func.coalesce(_until > NOW, sa.false())),
    waits={ENROLMENT: sa.and_(_has_place, UNSETTLED)},
    unknown=sessions.UNKNOWN,
    parts=sessions.PARTS,
    told_by_others=sa.and_(_known_content.is_not(None), _has_place),
    made_of=sessions.MADE_OF,
    columns=(*sessions.READ, *_known.c),
    read=_read,
    sheet=place_sheet,
    needed_at=sa.func.least(SESSION.c.starts_at, sa.case((_known.c.state == SCHEDULED, _known.c.starts_at))),
    settles=1.0,
    concerned_by=sessions.EVERY_MAIL | frozenset(members(PlaceFact)) - {EnrolmentRefused},
    missed_at=_end,
    missed=sa.and_(
        sa.func.coalesce(_end <= NOW, sa.false()),
        _differs(SESSION.c.ends_at == _end, sa.func.coalesce(_until == _end, sa.false())),
        _end > SINCE,
        PLACE.c.heard_at < _end,
        SESSION.c.heard_at < _end,
        TOLD.c.given_up.is_distinct_from(sa.func.coalesce(_content, NOTHING)),
    ),
)
