"""What other systems ask to have told: the row of what was asked and decided, and the decision. Pure.

Asked is a mail; decided is whether anybody is told at all. When and how often is then the ledger's, as of everything that is told: an accepted
request is one more thing that is true (`kinds/asked.py`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any, ClassVar, assert_never

from pydantic import RootModel

from services.notifications.state import CANCELLED, Contact, Person, Session
from shared.contracts.model import members
from shared.contracts.notices import Context, Materials, NoticeRequested, OfOurs, Questionnaire, Task
from shared.contracts.notifications import (
    AskedFact,
    DeclineReason,
    Mutable,
    NoticeAccepted,
    NoticeDeclined,
    NoticeHindrance,
)
from shared.events.envelope import Heard, digest_of
from shared.state.rows import FactRow, Row, meta
from shared.state.working import Answer, Working
from shared.values import immutable

LIVES = dt.timedelta(days=14)
"""For so long it is of use that something is there, unless whoever asked says otherwise."""
LONGEST = dt.timedelta(days=180)
"""Whatever they say: nobody who is told half a year later knows what it was about."""
DAY = dt.timedelta(days=1)
MATERIALS, TASK = "materials", "task"
"""What the mails are about, as the ledger names it."""


class Said(RootModel[Context]):
    """A context, as a row keeps it."""


@immutable
class Asked(FactRow):
    """What another system asked for, and what was decided of it."""

    KEY: ClassVar = ("asked_id",)

    asked_id: str
    recipient: str
    about: str | None
    """What the mails that tell it are about; None: nobody is told."""
    session_id: str | None
    context: Said
    until: dt.datetime | None
    declined: DeclineReason | None
    request_source: str
    decided_at: dt.datetime


@immutable
class Reach(Row):
    """What stands between somebody and a mail, as only the database can tell: digests of addresses, and all ids of a human."""

    KEY: ClassVar = ("person_id",)

    person_id: str
    is_withheld: bool
    """Mail to their address is held back."""
    without_materials: bool = False
    """They do without mails about materials."""


@immutable
class AskingRules:
    """What an installation may set."""

    askers: frozenset[str] = frozenset()
    """Who may ask over Kafka, by `ce_source`. Over HTTP it is whoever has a token of the office."""
    a_day: int = 10
    """So many mails to one person may be asked for within a day."""
    held_for: dt.timedelta = dt.timedelta(days=30)
    since: dt.datetime = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    """Go-live of mail."""


def rules_of(working: Working) -> AskingRules:
    """The rules that this decision goes by."""
    rules: AskingRules = working.rules
    return rules


def asked_id_of(source: str, event_id: str) -> str:
    """The same for the same request, however often it is heard."""
    return "asked-" + hashlib.blake2b(f"{source}\x1f{event_id}".encode(), digest_size=12).hexdigest()


def asked_of(heard: Heard[AskedFact]) -> Asked:
    body = heard.body
    accepted = body if isinstance(body, NoticeAccepted) else None
    return Asked(
        *meta(heard),
        body.asked_id,
        body.recipient,
        accepted.about if accepted else None,
        body.session_id,
        Said(body.context.as_named()),
        accepted.useful_until if accepted else None,
        body.reason if isinstance(body, NoticeDeclined) else None,
        body.request_source,
        body.decided_at,
    )


def derive_asked(working: Working, old: FactRow | None, new: FactRow, heard: Heard[AskedFact]) -> None:
    """The fact answers the request."""
    body = heard.body
    asked = (body.request_source, body.request_id, person_subject(body.recipient), NoticeRequested.asks_for)
    working.answer(Answer(*asked, body.request_digest, type(body).__name__, 0, heard.event_id))


MAKE_ASKED: dict[Any, Any] = dict.fromkeys(members(AskedFact), asked_of)


# --- who is asked about --------------------------------------------------------------------


def person_subject(person_id: str) -> str:
    return f"person/{person_id}"


def who(working: Working, person_id: str) -> str:
    """Whoever this turned out to be; in a circle the one of which that was said last, as everywhere."""
    path: list[Person] = []
    row = working[Person].get(person_id)
    while row is not None and row.merged_into is not None and row not in path:
        path.append(row)
        row = working[Person].get(row.merged_into)
    if not path:
        return person_id
    if row in path:
        return max(path[path.index(row) :], key=lambda one: (one.heard_at, one.person_id)).person_id
    return path[-1].merged_into or person_id


# --- the decision --------------------------------------------------------------------------


@immutable
class Wait:
    """Nobody knows yet what it is about."""

    waits_for: str
    until: dt.datetime


def mutable_as(context: Materials | Task | Questionnaire) -> Mutable | None:
    """As what its recipient may do without such a mail. Nobody does without what is awaited of them."""
    match context:
        case Materials() | Questionnaire():
            return Mutable.MATERIALS
        case Task():
            return None
        case never:
            assert_never(never)


def decide_asked(working: Working, heard: Heard[NoticeRequested], *, at_last: bool = False) -> AskedFact | Wait:
    """Whether somebody is told what was asked for. `at_last`: what is not known by now never will be."""
    body, context = heard.body, heard.body.context
    if isinstance(context, OfOurs):
        return _declined(working, heard, DeclineReason.ONLY_FACTS)
    if heard.appended_at < rules_of(working).since:
        return _declined(working, heard, DeclineReason.BEFORE_GO_LIVE)
    until = useful_until(body, heard.appended_at)
    if working.now >= until:
        return _declined(working, heard, DeclineReason.TOO_LATE)
    if (never := _never(working, body)) is not None:
        return _declined(working, heard, never)
    if (missing := _missing(working, heard, until, at_last=at_last)) is not None:
        return missing
    if _asked_lately(working, body) >= rules_of(working).a_day:
        return _declined(working, heard, DeclineReason.TOO_MANY)
    name = TASK if isinstance(context, Task) else MATERIALS
    fields = _fields(working, heard)
    return NoticeAccepted(
        **fields,
        about=f"{name}/{fields['asked_id']}",
        useful_until=until,
        hindrance=_hindrance(working, fields["recipient"], context),
    )


def useful_until(body: NoticeRequested, asked_at: dt.datetime) -> dt.datetime:
    """Until when there is any use in telling it."""
    awaited = getattr(body.context, "awaited_until", None)
    ends = [one for one in (body.useful_until, awaited) if one is not None] or [asked_at + LIVES]
    return min(*ends, asked_at + LONGEST)


def _missing(
    working: Working, heard: Heard[NoticeRequested], until: dt.datetime, *, at_last: bool
) -> NoticeDeclined | Wait | None:
    """What it is about and nobody has said."""
    body = heard.body
    if working[Person].get(who(working, body.person_id)) is None:
        missing, reason = "person", DeclineReason.PERSON_UNKNOWN
    elif body.session_id is not None and working[Session].get(body.session_id) is None:
        missing, reason = "session", DeclineReason.SESSION_UNKNOWN
    else:
        return None
    if at_last:
        return _declined(working, heard, reason)
    return Wait(missing, min(heard.appended_at + rules_of(working).held_for, until))


def _never(working: Working, body: NoticeRequested) -> DeclineReason | None:
    """Why they are not told, whatever becomes known later."""
    recipient = who(working, body.person_id)
    person, contact = working[Person].get(recipient), working[Contact].get(recipient)
    if person is not None and person.erased:
        return DeclineReason.PERSON_ERASED
    if contact is not None and contact.erased:
        return DeclineReason.CONTACT_FORGOTTEN
    session = working[Session].get(body.session_id) if body.session_id is not None else None
    return DeclineReason.SESSION_CANCELLED if session is not None and session.state == CANCELLED else None


def _asked_lately(working: Working, body: NoticeRequested) -> int:
    """How many mails to them were asked for, and accepted, within a day."""
    known = working[Asked].where("recipient", who(working, body.person_id))
    return sum(one.declined is None and one.decided_at > working.now - DAY for one in known)


def _hindrance(working: Working, recipient: str, context: Materials | Task | Questionnaire) -> NoticeHindrance | None:
    reach = working[Reach].get(recipient)
    if mutable_as(context) is not None and reach is not None and reach.without_materials:
        return NoticeHindrance.MUTED
    if working[Contact].get(recipient) is None:
        return NoticeHindrance.CONTACT
    return NoticeHindrance.WITHHELD if reach is not None and reach.is_withheld else None


def _declined(working: Working, heard: Heard[NoticeRequested], reason: DeclineReason) -> NoticeDeclined:
    return NoticeDeclined(**_fields(working, heard), reason=reason)


def _fields(working: Working, heard: Heard[NoticeRequested]) -> dict[str, Any]:
    body = heard.body
    return {
        "asked_id": asked_id_of(heard.source, heard.event_id),
        "recipient": who(working, body.person_id),
        "session_id": body.session_id,
        "context": body.context.as_named(),
        "request_source": heard.source,
        "request_id": heard.event_id,
        "request_digest": digest_of(body),
        "decided_at": working.now,
    }
