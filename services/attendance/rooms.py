"""The code on a room's screen, and whether one that somebody typed lets them in. Pure: the key and the time are given.

The code alone admits nobody: who comes says the participant's own link (their ticket), and that they are in the room says the code. It is
made of the meeting and of the half minute in which it is shown, so a code of another room, another day or of an hour ago is none.
"""

from __future__ import annotations

import datetime as dt
import hmac
from collections import OrderedDict
from collections.abc import Iterable
from enum import StrEnum

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

from services.attendance.state import Session
from shared.contracts.planner import Meeting
from shared.values import immutable

DIGITS = 6
MOST_WRONG = 20
"""So many wrong codes may one person type at one training: of a million codes about three are right at a time."""
MOST_REMEMBERED = 20_000
"""Of how many people it is remembered how often they were wrong."""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LOOK_BACK = dt.timedelta(minutes=10)
"""For so long a code that was shown is known to be old, and not merely wrong."""


class RoomRule(StrEnum):
    """Why a code that was typed counts for nothing."""

    CODE_WRONG = "code_wrong"
    CODE_TOO_OLD = "code_too_old"
    CODE_OF_ANOTHER_MEETING = "code_of_another_meeting"
    TOO_MANY_CODES = "too_many_codes"
    CHECK_IN_TOO_EARLY = "check_in_too_early"
    CHECK_IN_TOO_LATE = "check_in_too_late"
    NOT_ON_THE_LIST = "not_on_the_list"


ROOM_TEXTS: dict[RoomRule, tuple[str, str]] = {
    RoomRule.CODE_WRONG: (
        "This is not the code on the screen. Type the six digits that stand there now.",
        "To nie jest kod z ekranu. Wpisz sześć cyfr, które widać tam teraz.",
    ),
    RoomRule.CODE_TOO_OLD: (
        "This code was right a while ago. Type the one that the screen shows now.",
        "Ten kod był dobry przed chwilą. Wpisz ten, który ekran pokazuje teraz.",
    ),
    RoomRule.CODE_OF_ANOTHER_MEETING: (
        "This is the code of another training. Look at the screen of your own room, or open the link from the mail about this one.",
        "To kod z innego szkolenia. Spójrz na ekran we właściwej sali albo otwórz odnośnik z wiadomości o tym szkoleniu.",
    ),
    RoomRule.TOO_MANY_CODES: (
        "Too many wrong codes were typed here. Tell the trainer, who can mark you as present.",
        "Za dużo błędnych kodów. Powiedz o tym osobie prowadzącej, która może zaznaczyć Twoją obecność.",
    ),
    RoomRule.CHECK_IN_TOO_EARLY: (
        "It is too early to check in. Open this page again once check-in has begun.",
        "Na potwierdzenie obecności jest za wcześnie. Otwórz tę stronę ponownie, gdy będzie to już możliwe.",
    ),
    RoomRule.CHECK_IN_TOO_LATE: (
        "The training is over, so nobody can check in any more. If you were there, write to us.",
        "Szkolenie już się skończyło, więc obecności nie można już potwierdzić. Jeśli to pomyłka, napisz do nas.",
    ),
    RoomRule.NOT_ON_THE_LIST: (
        "You have no place in this training, or not any more. If you are there, tell the trainer.",
        "Nie masz miejsca na tym szkoleniu albo już go nie masz. Jeśli jesteś na miejscu, powiedz o tym osobie prowadzącej.",
    ),
}
"""What people read, in English and Polish. docs/integrators.md has the same table, held by a test."""


@immutable
class RoomRules:
    """When people may check in by themselves, and how long a code counts."""

    opens_before: dt.timedelta = dt.timedelta(hours=1)
    """Before the beginning of a meeting."""
    code_lives: dt.timedelta = dt.timedelta(seconds=30)
    """Then the screen shows another one."""
    grace: dt.timedelta = dt.timedelta(seconds=60)
    """So long after that it still counts: it has to be typed, and sent."""

    def opens_at(self, meeting: Meeting) -> dt.datetime:
        return meeting.starts_at - self.opens_before

    def is_open(self, meeting: Meeting, now: dt.datetime) -> bool:
        """Whether the screen shows a code."""
        return self.opens_at(meeting) <= now < meeting.ends_at

    def is_taken(self, meeting: Meeting, now: dt.datetime) -> bool:
        """Whether a code may be sent: also one that was shown at the very end."""
        return self.opens_at(meeting) <= now < meeting.ends_at + self.grace

    def shown_from(self, now: dt.datetime) -> dt.datetime:
        """Since when the code of this moment is shown."""
        return _EPOCH + self._window(now) * self.code_lives

    def code(self, key: bytes, session_id: str, meeting_id: str, moment: dt.datetime) -> str:
        """The code that the screen of this meeting shows at a moment."""
        secret = hmac.digest(key, f"{session_id}/{meeting_id}".encode(), "sha256")  # No id holds a slash.
        return HOTP(secret, DIGITS, SHA256()).generate(self._window(moment)).decode("ascii")

    def _window(self, moment: dt.datetime) -> int:
        return (moment - _EPOCH) // self.code_lives


@immutable
class Admitted:
    """The code was right: of which meeting, and since when the screen had shown it.

    That moment is when it was read: the same however often it is sent, and the one that the code itself proves.
    """

    meeting_id: str
    shown_at: dt.datetime


def opening_of(session: Session, now: dt.datetime, rules: RoomRules) -> RoomRule | tuple[Meeting, ...]:
    """The meetings at which people may check in now; or why there is none."""
    open_now = tuple(one for one in session.meetings if rules.is_taken(one, now))
    if open_now:
        return open_now
    is_early = any(now < rules.opens_at(one) for one in session.meetings)
    return RoomRule.CHECK_IN_TOO_EARLY if is_early else RoomRule.CHECK_IN_TOO_LATE


def next_opening(session: Session, now: dt.datetime, rules: RoomRules) -> dt.datetime | None:
    """When people may check in the next time."""
    return min((at for one in session.meetings if (at := rules.opens_at(one)) > now), default=None)


def judged(
    typed: str, key: bytes, session: Session, others: Iterable[Session], now: dt.datetime, rules: RoomRules
) -> Admitted | RoomRule:
    """What a code comes to that somebody with a link for this session has typed. `others`: what else goes on now."""
    opening = opening_of(session, now, rules)
    if isinstance(opening, RoomRule):
        return opening
    code = "".join(one for one in typed if one not in " -\u00a0")
    ours = [(one.meeting_id, at) for one in opening if (at := _shown_when(code, key, session, one, now, rules))]
    counting = [one for one in ours if now < one[1] + rules.code_lives + rules.grace]
    if counting:
        return Admitted(*max(counting, key=lambda one: one[1]))
    if ours:
        return RoomRule.CODE_TOO_OLD
    elsewhere = [(session, one) for one in session.meetings if one not in opening]
    elsewhere += [(other, one) for other in others if other.session_id != session.session_id for one in other.meetings]
    if any(_shown_when(code, key, other, one, now, rules) for other, one in elsewhere):
        return RoomRule.CODE_OF_ANOTHER_MEETING
    return RoomRule.CODE_WRONG


def _shown_when(
    code: str, key: bytes, session: Session, meeting: Meeting, now: dt.datetime, rules: RoomRules
) -> dt.datetime | None:
    """Since when the screen of this meeting had shown this code, if that was lately: the last time."""
    at = rules.shown_from(now)
    while at > now - _LOOK_BACK:
        if hmac.compare_digest(
            rules.code(key, session.session_id, meeting.meeting_id, at).encode(), code.encode("utf-8", "replace")
        ):
            return at
        at -= rules.code_lives
    return None


def screen_pass(key: bytes, session_id: str, meeting_id: str, person_id: str) -> str:
    """What the address of a room's screen holds: this trainer may show this meeting's code there. It opens no list: an address stands on
    the wall for everybody to read."""
    told = f"screen/{session_id}/{meeting_id}/{person_id}"
    return hmac.digest(key, told.encode(), "sha256")[:16].hex()


class Guesses:
    """How often somebody was wrong at a training. In the memory of this process: each of several has its own."""

    def __init__(self) -> None:
        self._wrong: OrderedDict[tuple[str, str], int] = OrderedDict()

    def are_too_many(self, session_id: str, person_id: str) -> bool:
        return self._wrong.get((session_id, person_id), 0) >= MOST_WRONG

    def count(self, session_id: str, person_id: str) -> None:
        key = (session_id, person_id)
        self._wrong[key] = self._wrong.get(key, 0) + 1
        self._wrong.move_to_end(key)
        while len(self._wrong) > MOST_REMEMBERED:
            self._wrong.popitem(last=False)
