"""What another system asked to have told: that materials or a questionnaire of a training are there, which one may do without, and that
something is awaited of somebody, which nobody does without.

Each is told once, to whom it was accepted for, as long as it is of use and its training is not called off; who could not be told by then ends
as a fact.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import partial
from typing import assert_never

import sqlalchemy as sa

from services.notifications.asked import MATERIALS, TASK, Asked
from services.notifications.kinds import sessions
from services.notifications.kinds.kind import Kind, Reading, Rules, Scope
from services.notifications.kinds.matters import TOLD_NOTHING, missed_until
from services.notifications.kinds.whoever import ids_of, is_for, news_of_ids, under_every_id, with_ids
from services.notifications.ledger import Content, OpenNotice, Told
from services.notifications.letters import AskedMail, in_language
from services.notifications.sheets import Office, Sheet, asked_sheet
from services.notifications.state import CANCELLED, Session
from services.notifications.tables import (
    ASKED,
    CONTACT,
    NOW,
    SESSION,
    SINCE,
    TOLD,
    TOPIC,
    WRITTEN_TO,
    digest,
    is_told,
)
from services.notifications.templates.wording import notices_of
from services.notifications.untold import Addressee, Difference, Matter, judged
from shared.contracts.directory import ContactFact, PersonFact
from shared.contracts.model import members
from shared.contracts.notices import Materials, NoticeRequested, OfOurs, Questionnaire, Task
from shared.contracts.notifications import AskedTold, Mutable
from shared.contracts.planner import SessionFact
from shared.values import immutable

QUESTIONNAIRE = "questionnaire"
AGAIN = "_again"
"""Of what is still awaited after somebody was told: another text."""
LETTERS = {MATERIALS: (MATERIALS, QUESTIONNAIRE), TASK: (TASK,)}


@immutable
class AskedFor(Matter):
    """That another system asked to have something told to somebody."""

    asked: Asked
    session: Session | None
    topic_names: tuple[str, str] | None
    """Polish, English."""
    name: str
    """Which sort it is looked at as."""
    since: dt.datetime
    is_for_them: bool = True
    """Whether it is to be told under this id of theirs."""

    @property
    def waits_for(self) -> str | None:
        if self.asked.session_id is None:
            return None
        known = {"session": self.session, "topic": self.topic_names}
        return next((name for name, value in known.items() if value is None), None)

    @property
    def is_its(self) -> bool:
        return self.asked.about == f"{self.name}/{self.asked.asked_id}"

    @property
    def is_called_off(self) -> bool:
        return self.session is not None and self.session.state == CANCELLED

    def difference(self, told: Told | None, to: Addressee, *, now: dt.datetime) -> Difference | None:
        asked = self.asked
        if not self.is_its or not self.is_for_them or self.is_called_off or asked.until is None or now >= asked.until:
            return None
        if asked.decided_at < self.since or (told is not None and told.content == asked.asked_id):
            return None
        says = AskedTold(asked_id=asked.asked_id, useful_until=asked.until)
        found = Difference(_letter(asked), Content(hash=asked.asked_id, says=says))
        return judged(found, told, told or TOLD_NOTHING, to, now=now)

    def missed(self, told: Told | None, to: Addressee, *, now: dt.datetime, since: dt.datetime) -> Difference | None:
        return missed_until(self.asked.until, self, told, to, now=now, since=since)

    def mail(self, notice: OpenNotice, found: Difference) -> AskedMail:
        language, context = notice.language, self.asked.context.root
        if language is None or self.waits_for is not None or isinstance(context, OfOurs):
            raise RuntimeError(f"{notice.notice_id} was claimed and lacks what it has to say")
        is_again = not isinstance(context, Materials) and context.reminds
        names = self.topic_names if self.session is not None else None
        return AskedMail(
            letter=found.letter,
            language=language,
            situation=context.of + (AGAIN if is_again else ""),
            title=context.title,
            link=context.link,
            until=None if isinstance(context, Materials) else context.awaited_until,
            topic_name=in_language(names, language) if names else None,
            meetings=self.session.meetings if self.session is not None else (),
        )


def _letter(asked: Asked) -> str:
    match asked.context.root:
        case Materials():
            return MATERIALS
        case Questionnaire():
            return QUESTIONNAIRE
        case Task():
            return TASK
        case OfOurs():
            raise RuntimeError(f"{asked.asked_id} was accepted, and only facts say so")
        case never:
            assert_never(never)


# --- what it says --------------------------------------------------------------------------

_NOTICES = notices_of("asked", MATERIALS, QUESTIONNAIRE, QUESTIONNAIRE + AGAIN, TASK, TASK + AGAIN)


def _sheet(mail: AskedMail, office: Office) -> Sheet:
    return asked_sheet(mail, office, _NOTICES.of(office.wording, mail.language)[mail.situation])


# --- the same in SQL -----------------------------------------------------------------------

_its_session = SESSION.c.session_id == ASKED.c.session_id
_takes_place = sa.func.coalesce(SESSION.c.state != CANCELLED, sa.true())
_lasts = sa.and_(ASKED.c.declined.is_(None), ASKED.c.until > NOW)
_untold = sa.and_(ASKED.c.decided_at >= SINCE, TOLD.c.content.is_distinct_from(ASKED.c.asked_id))
_unsaid = TOLD.c.given_up.is_distinct_from(ASKED.c.asked_id)
_is_of_one = ASKED.c.session_id.is_not(None)
UNKNOWN: Mapping[str, sa.ColumnElement[bool]] = {
    "session": sa.and_(_is_of_one, SESSION.c.session_id.is_(None)),
    "topic": sa.and_(SESSION.c.session_id.is_not(None), ~sa.exists().where(TOPIC.c.topic == SESSION.c.topic)),
}
_ids = ids_of(ASKED, "asked_id")
_recipient = _ids.c.person_id
_said = sa.select(ASKED)
ASKINGS = Scope(
    keys=with_ids(ASKED, "asked_id", _ids),
    recipient=_recipient,
    key=ASKED.c.asked_id,
    news={
        ASKED: under_every_id(_said.where(sessions.is_news(ASKED)), ASKED.c.recipient, ASKED.c.asked_id),
        SESSION: under_every_id(
            _said.join(SESSION, _its_session).where(sessions.is_news(SESSION)), ASKED.c.recipient, ASKED.c.asked_id
        ),
        **news_of_ids(ASKED, "asked_id"),
    },
    soon={},
)


def _around(about: sa.ColumnElement[str], asked: sa.FromClause) -> sa.FromClause:
    return (
        asked.outerjoin(SESSION, _its_session)
        .outerjoin(TOLD, is_told(TOLD, _recipient, about))
        .outerjoin(CONTACT, CONTACT.c.person_id == _recipient)
    )


def _read(name: str, reading: Reading, rules: Rules) -> AskedFor:
    asked, session = reading.next(Asked), reading.next(Session)
    name_pl, name_en, is_for_them = reading.values(3)
    assert asked is not None
    return AskedFor(asked, session, (name_pl, name_en) if name_pl else None, name, rules.since, is_for_them)


def _kind(name: str, mutes: Mutable | None) -> Kind:
    about = sa.literal(f"{name}/", sa.Text) + ASKED.c.asked_id
    is_its = sa.func.coalesce(ASKED.c.about == about, sa.false())
    is_for_them = is_for(_ids, about, ASKED.c.asked_id)
    return Kind(
        name=name,
        letters=LETTERS[name],
        scope=ASKINGS,
        around=partial(_around, about),
        about=about,
        content=sa.case((sa.and_(is_its, _lasts, _takes_place), ASKED.c.asked_id)),
        differs=sa.and_(is_its, _lasts, _takes_place, _untold, is_for_them),
        waits={},
        unknown=UNKNOWN,
        parts=(_lasts,),
        told_by_others=sa.false(),
        made_of=digest(*WRITTEN_TO, ASKED.c.asked_id, *sessions.TOPIC_NAMES, sessions.RELEASE),
        columns=(*ASKED.c, *SESSION.c, *sessions.TOPIC_NAMES, is_for_them),
        read=partial(_read, name),
        sheet=_sheet,
        concerned_by=frozenset({NoticeRequested, *members(ContactFact), *members(PersonFact), *members(SessionFact)}),
        missed_at=ASKED.c.until,
        needed_at=ASKED.c.until,
        may_wait=mutes is not None,
        missed=sa.and_(
            is_its, _takes_place, ASKED.c.until <= NOW, ASKED.c.until > SINCE, _untold, _unsaid, is_for_them
        ),
        mutes=mutes,
        yields_to=(ASKED,),
    )


MATERIALS_KIND = _kind(MATERIALS, Mutable.MATERIALS)
TASK_KIND = _kind(TASK, None)
