"""The books: equations between what was counted apart. Pure: from what the services, the inbox and Kafka say to ✓ or ✗."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from shared.contracts.enrolment import RequestFate

Books = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Mails:
    """What a mail server has taken; None: it could not be asked."""

    accepted: int | None
    distinct: int | None
    """How many of them have a Message-ID of their own."""


OUTCOMES = tuple(map(str, RequestFate))
_PRESENCE = ("present", "absent", "not_recorded")
_WRONG = {
    "differences": "told what is not true",
    "to_do": "mails on their way",
    "given_up": "given up",
    "withheld": "withheld",
    "waiting_for_enrolment": "waiting for enrolment",
    "waiting_for_another_mail": "waiting for another mail",
}
_UNTOLD = {
    "differences": "not planned yet",
    "on_their_way": "on their way",
    "given_up": "given up",
    "withheld": "withheld",
    "outcome_unknown": "outcome unknown",
    "waiting_for_enrolment": "waiting for enrolment",
    "waiting_for_another_mail": "waiting for another mail",
    "waiting_for_person": "waiting for the person",
    "waiting_for_session": "waiting for a session",
    "waiting_for_contact": "waiting for a contact",
    "waiting_for_town": "waiting for the town",
    "waiting_for_topic": "waiting for the topic",
    "waiting_for_text": "waiting for a text",
    "muted": "muted",
    "unreachable": "unreachable",
}
_WAITING = (
    "not heard yet",
    "not sent yet",
    "streams that do not add up",
    "erasures beside their partition",
    "moments overdue",
)
AT_MOST = "≤"
EQUAL = "="


@dataclass(frozen=True, slots=True)
class Equation:
    """One line of the books: two numbers that were counted apart and must agree."""

    name: str
    says: str
    """In words: left = right."""
    left: int | None
    """None: nobody could be asked."""
    right: int | None
    parts: dict[str, int] = field(default_factory=dict)
    """What the right side is the sum of."""
    relation: str = EQUAL
    service: str | None = None
    short: str = ""
    """For whoever reads it while all is well, of a line whose right side is to be nothing."""

    @property
    def is_unknown(self) -> bool:
        """Whether somebody could not be asked."""
        return self.left is None or self.right is None

    @property
    def holds(self) -> bool:
        if self.left is None or self.right is None:
            return False
        return self.left <= self.right if self.relation == AT_MOST else self.left == self.right

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"holds": self.holds}


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted beside the services' books."""

    requests: int | None
    """Distinct requests for a place, read from Kafka; None: it could not be read."""
    mails: Mails | None
    """None: there is no mail server that could ever be asked."""


def equations(
    books: Mapping[str, Books | None], *, requests_published: int | None, mails: Mails | None
) -> list[Equation]:
    """All equations, from each service's books (None: it did not answer) and what was counted beside them.

    One that cannot be computed stands there all the same, with what is not known of it. Only where there is no mail server that
    could be asked (`mails` None) are its lines left out.
    """
    counted = Counted(requests_published, mails)
    return [line for service, its in books.items() for line in _of_service(service, its, counted)]


def balanced(lines: list[Equation]) -> bool:
    return all(line.holds for line in lines)


def streams(books: Books | None) -> dict[str, dict[str, int]]:
    """The service's streams with what was published, heard, parked and skipped, and the lag."""
    return dict(books["streams"]) if books else {}


@dataclass(frozen=True, slots=True)
class _Line:
    """How one equation is drawn from a service's books."""

    name: str
    says: str
    draw: Callable[[Equation, Books, Counted], Equation]
    """Fills in the numbers."""
    beside: Callable[[Counted], int | None] = lambda _: None
    """The left side, where it is counted outside the service."""
    of_mail_server: bool = False
    short: str = ""

    def drawn(self, service: str, books: Books | None, counted: Counted) -> Equation:
        blank = Equation(self.name, self.says, self.beside(counted), None, service=service, short=self.short)
        return blank if books is None else self.draw(blank, books, counted)


def _of_service(service: str, books: Books | None, counted: Counted) -> Iterator[Equation]:
    for line in _HEARING:
        yield replace(line.drawn(service, books, counted), name=f"{service}.{line.name}")
    for line in _OWN.get(service, ()):
        if counted.mails is not None or not line.of_mail_server:
            yield line.drawn(service, books, counted)


def _sum_of(blank: Equation, left: int | None, parts: dict[str, int]) -> Equation:
    return replace(blank, left=left, right=sum(parts.values()), parts=parts)


def _heard(blank: Equation, books: Books, _: Counted) -> Equation:
    rows, wrong = streams(books), _that_do_not_add_up(books)
    parts = {name: sum(row[name] for row in rows.values()) for name in ("heard", "parked", "skipped")}
    says = blank.says + (f" (not so in {', '.join(wrong)})" if wrong else "")
    return replace(_sum_of(blank, sum(row["published"] for row in rows.values()), parts), says=says)


def _waiting(blank: Equation, books: Books, _: Counted) -> Equation:
    numbers = (
        sum(row["lag"] for row in streams(books).values()),
        int(books["outbox"]),
        # Summed over streams two errors could cancel each other out: one line too many here, one too few there.
        len(_that_do_not_add_up(books)),
        int(books["stray_erasures"]),
        int(books["overdue"]),
    )
    return _sum_of(blank, 0, dict(zip(_WAITING, numbers, strict=True)))


def _that_do_not_add_up(books: Books) -> list[str]:
    rows = streams(books).items()
    return [name for name, row in rows if row["published"] != row["heard"] + row["parked"] + row["skipped"]]


def _requests(blank: Equation, books: Books, counted: Counted) -> Equation:
    parts = {name: int(books["requests"].get(name, 0)) for name in OUTCOMES}
    # They lie in no stream, and no fact has answered them yet.
    asked = None if counted.requests is None else counted.requests + int(books["held_over_http"])
    return _sum_of(blank, asked, parts)


def _none_of(name: str) -> Callable[[Equation, Books, Counted], Equation]:
    return lambda blank, books, _: replace(blank, left=int(books["places"][name]), right=0)


def _attendance(blank: Equation, books: Books, _: Counted) -> Equation:
    found = books["attendance"]
    return _sum_of(blank, int(found["enrolled_on_closed_lists"]), {name: int(found[name]) for name in _PRESENCE})


def _told(blank: Equation, books: Books, _: Counted) -> Equation:
    return _sum_of(blank, 0, {words: int(books["notices"][name]) for name, words in _WRONG.items()})


def _untold(blank: Equation, books: Books, _: Counted) -> Equation:
    notices = books["notices"]
    parts = {words: int(notices[name]) for name, words in _UNTOLD.items() if notices[name]}
    return _sum_of(blank, int(notices["untold"]) + int(notices["outcome_unknown"]), parts)


def _mail(blank: Equation, books: Books, _: Counted) -> Equation:
    notices = books["notices"]
    sent = {str(kind): int(number) for kind, number in notices["sent"].items()}
    if came_back := int(notices["bounced"]):  # The server had taken them.
        sent["came back"] = came_back
    if to_one_address := int(notices["rehearsed_to_one_address"]):
        sent["rehearsed, to one address"] = to_one_address
    # An attempt whose answer was lost may have arrived: the mail server may be ahead of us by so many, and no more.
    doubts = int(notices["ambiguous_attempts"])
    if not doubts:
        return _sum_of(blank, blank.left, sent)
    known = 0 if blank.left is None else min(max(blank.left - sum(sent.values()), 0), doubts)
    line = _sum_of(blank, blank.left, sent | {"sent, answer lost": known})
    return replace(line, says=f"{blank.says} + those whose answer was lost")


def _once(blank: Equation, books: Books, _: Counted) -> Equation:
    doubts = int(books["notices"]["ambiguous_attempts"])
    if not doubts:
        return replace(blank, right=0)
    says = "mails that came twice ≤ those whose answer was lost"
    return replace(blank, says=says, right=doubts, relation=AT_MOST)


def _came_twice(counted: Counted) -> int | None:
    mails = counted.mails
    return (
        None if mails is None or mails.accepted is None or mails.distinct is None else mails.accepted - mails.distinct
    )


_HEARING = (
    _Line("heard", "published = heard + parked + skipped", _heard),
    _Line("waiting", f"0 = {' + '.join(_WAITING)}", _waiting, short="nothing is left waiting"),
)
_OWN: Mapping[str, tuple[_Line, ...]] = {
    "enrolment": (
        _Line("requests", f"requests = {' + '.join(OUTCOMES)}", _requests, lambda counted: counted.requests),
        _Line("oversold", "oversold sessions = 0", _none_of("oversold_sessions")),
        _Line("settled", "sessions not settled yet = 0", _none_of("unsettled_sessions")),
    ),
    "attendance": (
        _Line("attendance", "present + absent + not recorded = places × meetings of closed lists", _attendance),
    ),
    "notifications": (
        # What stays here is somebody's work; what waits, or cannot be, is a line of its own.
        _Line("told", f"0 = {' + '.join(_WRONG.values())}", _told, short="nobody is left to be told"),
        _Line("untold", "people who do not know, or may not = those by name", _untold),
        _Line(
            "mail",
            "mails accepted = notices sent",
            _mail,
            lambda counted: counted.mails.accepted if counted.mails else None,
            of_mail_server=True,
        ),
        _Line("mail.once", "mails that came twice = 0", _once, _came_twice, of_mail_server=True),
    ),
}
"""What a service adds to the lines that every one has."""
