"""Every kind of mail there is: one table. Whoever adds one adds its name here, and its file beside this one."""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

from services.notifications.kinds.asked import MATERIALS_KIND, TASK_KIND
from services.notifications.kinds.bounced import BOUNCED_KIND
from services.notifications.kinds.call import CALL_KIND
from services.notifications.kinds.certificate import CERTIFICATE_KIND
from services.notifications.kinds.clash import CLASH_KIND
from services.notifications.kinds.clashes import CLASHES_KIND
from services.notifications.kinds.digest import DIGEST_KIND
from services.notifications.kinds.followup import FOLLOWUP_KIND
from services.notifications.kinds.former import FORMER_KIND
from services.notifications.kinds.kind import Kind
from services.notifications.kinds.message import CIRCULAR_KIND, MESSAGE_KIND
from services.notifications.kinds.missed import MISSED_KIND
from services.notifications.kinds.nominated import NOMINATED_KIND
from services.notifications.kinds.nomination import NOMINATION_KIND
from services.notifications.kinds.note import NOTE_KIND
from services.notifications.kinds.offer import OFFER_KIND
from services.notifications.kinds.place import PLACE_KIND
from services.notifications.kinds.pretest import PRETEST_KIND
from services.notifications.kinds.refusal import REFUSAL_KIND
from services.notifications.kinds.reminder import REMINDER_KIND
from services.notifications.kinds.reply import REPLY_KIND
from services.notifications.kinds.risk import RISK_KIND
from services.notifications.kinds.roster import ROSTER_KIND
from services.notifications.kinds.training import TRAINING_KIND
from services.notifications.kinds.unanswered import UNANSWERED_KIND
from services.notifications.kinds.unfilled import UNFILLED_KIND
from services.notifications.kinds.waiting import WAITING_KIND


class Subject(StrEnum):
    """How the subjects of a kind begin; what is more urgent is sent first."""

    PLACE = "place"
    OFFER = "offer"
    WAITING = "waiting"
    REFUSAL = "refusal"
    TRAINING = "training"
    FORMER = "former"
    NOTE = "note"
    CALL = "call"
    NOMINATION = "nomination"
    NOMINATED = "nominated"
    CLASH = "clash"
    CLASHES = "clashes"
    RISK = "risk"
    BOUNCED = "bounced"
    TASK = "task"
    MESSAGE = "message"
    UNANSWERED = "unanswered"
    REPLY = "reply"
    CERTIFICATE = "certificate"
    MISSED = "missed"
    FOLLOWUP = "followup"
    ROSTER = "roster"
    REMINDER = "reminder"
    PRETEST = "pretest"
    UNFILLED = "unfilled"
    MATERIALS = "materials"
    CIRCULAR = "circular"
    DIGEST = "digest"


def kind_of(subject: Subject) -> Kind:
    match subject:
        case Subject.PLACE:
            return PLACE_KIND
        case Subject.OFFER:
            return OFFER_KIND
        case Subject.WAITING:
            return WAITING_KIND
        case Subject.REFUSAL:
            return REFUSAL_KIND
        case Subject.TRAINING:
            return TRAINING_KIND
        case Subject.FORMER:
            return FORMER_KIND
        case Subject.CALL:
            return CALL_KIND
        case Subject.NOMINATION:
            return NOMINATION_KIND
        case Subject.NOMINATED:
            return NOMINATED_KIND
        case Subject.CLASH:
            return CLASH_KIND
        case Subject.CLASHES:
            return CLASHES_KIND
        case Subject.UNANSWERED:
            return UNANSWERED_KIND
        case Subject.RISK:
            return RISK_KIND
        case Subject.BOUNCED:
            return BOUNCED_KIND
        case Subject.NOTE:
            return NOTE_KIND
        case Subject.REPLY:
            return REPLY_KIND
        case Subject.CERTIFICATE:
            return CERTIFICATE_KIND
        case Subject.MISSED:
            return MISSED_KIND
        case Subject.FOLLOWUP:
            return FOLLOWUP_KIND
        case Subject.ROSTER:
            return ROSTER_KIND
        case Subject.REMINDER:
            return REMINDER_KIND
        case Subject.PRETEST:
            return PRETEST_KIND
        case Subject.UNFILLED:
            return UNFILLED_KIND
        case Subject.MESSAGE:
            return MESSAGE_KIND
        case Subject.TASK:
            return TASK_KIND
        case Subject.MATERIALS:
            return MATERIALS_KIND
        case Subject.CIRCULAR:
            return CIRCULAR_KIND
        case Subject.DIGEST:
            return DIGEST_KIND
    assert_never(subject)


KINDS: dict[Subject, Kind] = {subject: kind_of(subject) for subject in Subject}


def subject_of(about: str) -> Subject:
    """The kind of what a notice is about."""
    return Subject(about.partition("/")[0])
