"""How a mail would read, written with what it would be sent with, and sent by nobody."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
from email.message import EmailMessage

from services.notifications.answers import PreviewedMail
from services.notifications.decisions import Attempt, Terms, claim
from services.notifications.kinds.message import CIRCULAR, NAME
from services.notifications.ledger import Notice, OpenNotice, Told
from services.notifications.letters import WrittenMail
from services.notifications.messages import Writing
from services.notifications.tables import Pair
from services.notifications.untold import Truth
from services.notifications.urgency import Priority
from services.notifications.writing import Writer
from shared.contracts.model import Language
from shared.contracts.notifications import Audience
from shared.problems import NOT_VALID, Problem
from shared.state.rows import Loaded, fields_of, loaded_by
from shared.state.working import Working

PREVIEW, LEASE = "preview", "preview"
"""The id of a notice that nobody has planned."""


def shown(message: bytes, *, to: str | None) -> PreviewedMail:
    """A mail in its parts, and whole. `to`: the address on its envelope."""
    parsed = email.message_from_bytes(message, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    parts = {kind: part.get_content() for kind in ("plain", "html") if (part := parsed.get_body((kind,))) is not None}
    return PreviewedMail(
        to=to, subject=str(parsed["Subject"]), text=parts.get("plain", ""), html=parts.get("html", ""),
        source=message.decode("utf-8"),
    )  # fmt: skip


def of_attempt(attempt: Attempt, writer: Writer) -> PreviewedMail:
    """What this attempt would send, byte for byte."""
    message, address = writer.written(attempt)
    return shown(message, to=address)


def would_send(
    working: Working, notice: OpenNotice | None, told: Told | None, truth: Truth, pair: Pair, terms: Terms
) -> Attempt | str:
    """The attempt that would be made now, judged as when it is made; or why none would be. Nothing of it is kept."""
    notice = notice or planned(pair, working.now)
    if notice.lease is not None:
        return "it is being sent just now"
    of_pair = Loaded(Told.KEY, frozenset([pair]))
    working[Told].loaded([told] if told else [], of_pair)
    working[OpenNotice].loaded([notice], of_pair)
    working[Notice].loaded([], loaded_by("notice_id", [notice.notice_id]))
    attempt = claim(working, notice, truth, LEASE, terms)
    return attempt if attempt is not None else why_not(told, truth, working.now)


def planned(pair: Pair, now: dt.datetime) -> OpenNotice:
    """A notice that nobody has planned."""
    nothing = dict.fromkeys(fields_of(OpenNotice)) | {
        "priority": int(Priority.USUAL),
        "sequence": 0,
        "attempts": 0,
        "doubts": 0,
    }
    ids = {"recipient": pair[0], "about": pair[1], "notice_id": PREVIEW, "planned_at": now, "next_attempt_at": now}
    return OpenNotice(**(nothing | ids))  # type: ignore[arg-type]


def why_not(told: Told | None, truth: Truth, now: dt.datetime) -> str:
    """Why somebody is not told just now."""
    if truth.matter.forgotten_at is not None:
        return f"what it said was forgotten on {truth.matter.forgotten_at:%Y-%m-%d}"
    found = truth.difference(told, now=now)
    if found is None:
        return "there is nothing that they do not know"
    if truth.to.is_unreachable:
        return "they are erased, forgotten, or somebody else"
    if truth.to.muted:
        return "they do without such mails"
    if found.given_up:
        return "this very mail was given up"
    waits_for = truth.waits_for or found.waits_for
    return f"it waits for: {waits_for}" if waits_for else "its time is over"


def previewed_message(asked: Writing, writer: Writer) -> PreviewedMail:
    """What the office writes, as somebody would read it: nobody's name and no link of anybody's."""
    letter = NAME if asked.audience == Audience.SESSION else CIRCULAR
    mail = WrittenMail(letter, Language.PL, asked.audience, asked.subject, asked.text)
    try:
        message = writer.for_nobody(mail)
    except ValueError as error:
        raise Problem(NOT_VALID, str(error), field="text") from None
    return shown(message, to=None)
