"""Mails about a certificate: that somebody has one, that another one is valid now, and that none is any more.

Told is the newest of ours; what others certified they have told. The mail leads to the page where it is printed, and carries no copy: a copy
goes on saying what has been revoked since.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import sqlalchemy as sa

from services.notifications.attended import Certified
from services.notifications.kinds import sessions
from services.notifications.kinds.kind import Kind, Reading, Rules, Scope
from services.notifications.kinds.matters import TOLD_NOTHING, OfSession, known_of, missed_until
from services.notifications.kinds.whoever import as_known, ids_of, news_of_ids, told_to_former, under_every_id, with_ids
from services.notifications.ledger import NOTHING, OVERTAKEN, Content, OpenNotice, Told
from services.notifications.letters import BriefMail
from services.notifications.sheets import CHANGED, GOOD, OFF, Office, Sheet, brief
from services.notifications.tables import CERTIFICATE, CERTIFIED, NOW, OPEN, SESSION, SINCE, TOLD, WRITTEN_TO, digest
from services.notifications.templates.wording import notices_of
from services.notifications.untold import Addressee, Difference, judged, standing
from shared.contracts.certificates import CertificateEnds, CertificateFact
from shared.contracts.model import members
from shared.contracts.notifications import CertificateTold, ReminderTold
from shared.values import immutable
from shared.web.links import Purpose

NAME = sessions.CERTIFICATE_NAME
ISSUED, REPLACED, REVOKED = "certificate", "certificate_replaced", "certificate_revoked"
AFTER_MISSED = "after_missed"
"""Why somebody is told of a certificate: we had written that they were not there."""
REACH = dt.timedelta(days=90)
"""For so long what has become of a certificate is told: who cannot be reached by then is a line of the books."""
ABSENT = "absent"
"""In what was told by the mail that somebody was missed."""
THANKS = "thanks"
"""Which mail it was that thanked whoever has no certificate."""


def may_believe_missed(told: Told) -> bool:
    """Whether the last that they heard may be that they were missed. Where nobody knows, only the thanks put nothing right."""
    return told.content == ABSENT or (told.content == OVERTAKEN and not was_thanks(told))


def was_thanks(told: Told) -> bool:
    says = told.said.says if told.said is not None else None
    return isinstance(says, ReminderTold) and says.rule == THANKS


@immutable
class OwnCertificate(OfSession):
    """The newest certificate of a person for a session."""

    certified: Certified
    told_missed: Told | None
    """What the human was told of the lists, under whichever id."""
    since: dt.datetime
    told_before: Told | None = None
    """What they were told of it under an id that went into this one."""

    @property
    def content(self) -> str | None:
        return self.certified.number if self.certified.ended is None else None

    @property
    def until(self) -> dt.datetime:
        return self.certified.heard_at + REACH

    def difference(self, told: Told | None, to: Addressee, *, now: dt.datetime) -> Difference | None:
        if self.facts.session is None or now >= self.until or self.certified.heard_at < self.since:
            return None
        # It stays with the id that it was issued to, whoever that is by now.
        found = self._found(known_of(told, self.told_before))
        return judged(found, told, told or TOLD_NOTHING, to, now=now) if found is not None else None

    def missed(self, told: Told | None, to: Addressee, *, now: dt.datetime, since: dt.datetime) -> Difference | None:
        return missed_until(self.until, self, told, to, now=now, since=since)

    def _found(self, told: Told) -> Difference | None:
        by_others = told.said is None and self.certified.first_heard_at < self.since
        if self.content is not None:
            if told.content == self.content:
                return None
            was_said = number_told(told.said) == self.content and self.certified.supersedes is None
            if (told.said is not None and not was_said) or by_others:
                return Difference(REPLACED, self._says(self.content), before=standing(told.said))
            was_missed = self.told_missed is not None and may_believe_missed(self.told_missed)
            return Difference(ISSUED, self._says(self.content), because=AFTER_MISSED if was_missed else None)
        if self.certified.ended != CertificateEnds.NOT_EARNED:
            return None  # Another one says it, under another id of theirs.
        number = number_told(told.said) or self.certified.number  # They hold none of those that came and went unheard.
        return Difference(REVOKED, self._says(number)) if told.content is not None or by_others else None

    def _says(self, number: str) -> Content:
        fields = dict(self.facts.true_now(None).says) | {"of": "certificate"}
        says = CertificateTold(**fields, number=number, useful_until=self.until)
        return Content(hash=self.content, says=says)

    def mail(self, notice: OpenNotice, found: Difference) -> BriefMail:
        number, known = number_told(found.says) or self.certified.number, number_told(found.before)
        before = known if known != number else None
        mail = BriefMail.of(self.facts, notice, found)
        named = (("number", number), ("before", before or self.certified.supersedes or "–"))
        return replace(mail, named=named, leads_to=Purpose.PAPERS, of_use_until=found.says.until)


def number_told(content: Content | None) -> str | None:
    """Which certificate it was about."""
    says = content.says if content is not None else None
    return says.number if isinstance(says, CertificateTold) else None


# --- what it says --------------------------------------------------------------------------

_NOTICES = notices_of(NAME, ISSUED, AFTER_MISSED, REPLACED, REVOKED)
_TONES = {ISSUED: GOOD, REPLACED: CHANGED, REVOKED: OFF}


def _sheet(mail: BriefMail, office: Office) -> Sheet:
    notice = _NOTICES.of(office.wording, mail.language)[mail.because or mail.letter]
    return replace(brief(mail, office, notice, _TONES[mail.letter]), page=mail)


# --- the same in SQL -----------------------------------------------------------------------

_about = sessions.about(NAME, of=CERTIFIED)
_ids = ids_of(CERTIFIED, "session_id", "person_id", newest=["issued_on", "series", "serial"])
_recipient = _ids.c.person_id
_before = told_to_former(_recipient, _about, sessions.NOTHING_TOLD)
_known = as_known(TOLD, _before)
_own_missed = sessions.told_of_another(sessions.MISSED_NAME)
_about_missed = sessions.about(sessions.MISSED_NAME, of=CERTIFIED)
_missed_before = told_to_former(_recipient, _about_missed, sessions.nothing_told(_own_missed), name="missed_before")
_told_missed = as_known(_own_missed, _missed_before)
_content = sa.case((CERTIFIED.c.ended.is_(None), CERTIFIED.c.number))
_is_revoked = sa.and_(CERTIFIED.c.ended.is_not(None), CERTIFIED.c.ended == CertificateEnds.NOT_EARNED)
_until = CERTIFIED.c.heard_at + sa.literal(REACH, sa.Interval())
_is_now = CERTIFIED.c.heard_at > NOW - REACH
_nothing_told = sessions.nothing_told(_known)
_by_others = sa.and_(_nothing_told, CERTIFIED.c.first_heard_at < SINCE)
_differs = sa.and_(
    CERTIFIED.c.heard_at >= SINCE,
    sa.or_(
        sa.and_(_content.is_not(None), _known.c.content.is_distinct_from(_content)),
        sa.and_(_is_revoked, sa.or_(_known.c.content.is_not(None), _by_others)),
    ),
)
_said = sa.select(CERTIFIED)
_whose = (CERTIFIED.c.person_id, CERTIFIED.c.session_id)
_its_session = SESSION.c.session_id == CERTIFIED.c.session_id
_key = sa.func.split_part(OPEN.c.about, "/", 2)
CERTIFICATES = Scope(
    keys=with_ids(CERTIFIED, "session_id", _ids, "person_id"),
    recipient=_recipient,
    key=CERTIFIED.c.session_id,
    news={
        CERTIFICATE: under_every_id(_said.where(sessions.is_news(CERTIFIED)), *_whose),
        SESSION: under_every_id(_said.join(SESSION, _its_session).where(sessions.is_news(SESSION)), *_whose),
        **news_of_ids(CERTIFIED, "session_id", "person_id"),
    },
    soon={
        CERTIFICATE: sa.exists().where(
            CERTIFIED.c.person_id == OPEN.c.recipient, CERTIFIED.c.session_id == _key, sessions.is_news(CERTIFIED)
        )
    },
)


def _around(certified: sa.FromClause) -> sa.FromClause:
    found = sessions.beside_place(certified, CERTIFIED, _recipient, _about)
    found = sessions.with_told(found, _own_missed, sessions.MISSED_NAME, of=CERTIFIED, whose=_recipient)
    return found.outerjoin(_missed_before, sa.true()).outerjoin(_before, sa.true())


def _read(reading: Reading, rules: Rules) -> OwnCertificate:
    certified = reading.next(Certified)
    facts = sessions.read(reading, known=False)
    assert certified is not None
    return OwnCertificate(facts, certified, reading.next(Told), rules.since, reading.next(Told))


CERTIFICATE_KIND = Kind(
    name=NAME,
    letters=(ISSUED, REPLACED, REVOKED),
    scope=CERTIFICATES,
    around=_around,
    about=_about,
    content=_content,
    differs=sa.and_(_is_now, _differs),
    waits={},
    unknown=sessions.UNKNOWN,
    parts=(_is_now,),
    told_by_others=sa.and_(CERTIFIED.c.heard_at < SINCE, _nothing_told),
    made_of=digest(*WRITTEN_TO, sessions.CITY_NAME, *sessions.TOPIC_NAMES, sessions.RELEASE),
    columns=(*CERTIFIED.c, *sessions.READ, *_told_missed.c, *_before.c),
    read=_read,
    sheet=_sheet,
    concerned_by=sessions.EVERY_MAIL | frozenset(members(CertificateFact)),
    # What was told to a former id may have been of other days.
    needed_at=sa.case((_before.c.recipient.is_not(None), NOW), else_=SESSION.c.starts_at),
    missed_at=_until,
    missed=sa.and_(
        ~_is_now,
        _until > SINCE,
        _differs,
        TOLD.c.given_up.is_distinct_from(sa.func.coalesce(_content, NOTHING)),
    ),
    yields_to=(CERTIFIED, SESSION),
)
