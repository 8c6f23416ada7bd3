"""The books: equations between what was counted apart. Pure: from what the services, the inbox and Kafka say to ✓ or ✗."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Books = Mapping[str, Any]

OUTCOMES = ("enrolled", "waitlisted", "refused", "withdrawn", "held")
_PRESENCE = ("present", "absent", "not_recorded")
_WRONG = {
    "differences": "told what is not true",
    "to_do": "mails on their way",
    "given_up": "given up",
    "waiting_for_enrolment": "waiting for enrolment",
}
_UNTOLD = {
    "differences": "not planned yet",
    "on_their_way": "on their way",
    "given_up": "given up",
    "outcome_unknown": "outcome unknown",
    "waiting_for_enrolment": "waiting for enrolment",
    "waiting_for_person": "waiting for the person",
    "waiting_for_contact": "waiting for a contact",
    "waiting_for_town": "waiting for the town",
    "waiting_for_topic": "waiting for the topic",
    "unreachable": "unreachable",
}
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

    @property
    def holds(self) -> bool:
        if self.left is None or self.right is None:
            return False
        return self.left <= self.right if self.relation == AT_MOST else self.left == self.right

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "says": self.says,
            "left": self.left,
            "relation": self.relation,
            "right": self.right,
            "parts": self.parts,
            "holds": self.holds,
            "service": self.service,
        }


def equations(
    books: Mapping[str, Books | None],
    *,
    requests_published: int | None,
    mails_accepted: int | None,
    distinct_mails: int | None = None,
) -> list[Equation]:
    """All equations, from each service's books (None: it did not answer) and what was counted beside them.

    `requests_published`: distinct requests for a place, read from Kafka. `mails_accepted`: by the mail server;
    None where there is none to ask.
    """
    lines = [line for service, its in books.items() for line in _hearing(service, its)]
    lines += _requests(books.get("enrolment"), requests_published)
    lines += _attendance(books.get("attendance"))
    lines += _mail(books.get("notifications"), mails_accepted, distinct_mails)
    return lines


def balanced(lines: list[Equation]) -> bool:
    return all(line.holds for line in lines)


def streams(books: Books | None) -> dict[str, dict[str, int]]:
    """The service's streams with what was published, heard, parked and skipped, and the lag."""
    return dict(books["streams"]) if books else {}


def _hearing(service: str, books: Books | None) -> list[Equation]:
    if books is None:
        return [Equation(f"{service}.heard", "published = heard + parked + skipped", None, None, service=service)]
    rows = streams(books)
    parts = {name: sum(row[name] for row in rows.values()) for name in ("heard", "parked", "skipped")}
    # Summed over streams two errors could cancel each other out: one line too many here, one too few there.
    wrong = [name for name, row in rows.items() if row["published"] != row["heard"] + row["parked"] + row["skipped"]]
    says = "published = heard + parked + skipped" + (f" (not so in {', '.join(wrong)})" if wrong else "")
    published = sum(row["published"] for row in rows.values())
    waiting = {
        "not heard yet": sum(row["lag"] for row in rows.values()),
        "not sent yet": int(books["outbox"]),
        "streams that do not add up": len(wrong),
        "erasures beside their partition": int(books["stray_erasures"]),
        "moments overdue": int(books["overdue"]),
    }
    return [
        Equation(f"{service}.heard", says, published, sum(parts.values()), parts, service=service),
        Equation(
            f"{service}.waiting", f"0 = {' + '.join(waiting)}", 0, sum(waiting.values()), waiting, service=service
        ),
    ]


def _requests(books: Books | None, published: int | None) -> list[Equation]:
    if books is None:
        return [Equation("requests", f"requests = {' + '.join(OUTCOMES)}", published, None, service="enrolment")]
    parts = {name: int(books["requests"].get(name, 0)) for name in OUTCOMES}
    places = books["places"]
    if published is not None:
        published += int(books["held_over_http"])  # They lie in no stream, and no fact has answered them yet.
    return [
        Equation(
            "requests", f"requests = {' + '.join(OUTCOMES)}", published, sum(parts.values()), parts, service="enrolment"
        ),
        Equation(
            "oversold", "sessions with more people than seats = 0", places["oversold_sessions"], 0, service="enrolment"
        ),
        Equation(
            "settled",
            "sessions whose places are not settled yet = 0",
            int(places["unsettled_sessions"]),
            0,
            service="enrolment",
        ),
    ]


def _attendance(books: Books | None) -> list[Equation]:
    says = "present + absent + not recorded = places × meetings of closed lists"
    found = books.get("attendance") if books else None
    if found is None:
        return [Equation("attendance", says, None, None, service="attendance")]
    parts = {name: int(found[name]) for name in _PRESENCE}
    return [
        Equation(
            "attendance", says, int(found["enrolled_on_closed_lists"]), sum(parts.values()), parts, service="attendance"
        )
    ]


def _mail(books: Books | None, accepted: int | None, distinct: int | None) -> list[Equation]:
    says = "mails accepted = notices sent"
    notices = books.get("notices") if books else None
    if notices is None:
        return [Equation("mail", says, accepted, None, service="notifications")]
    sent = {str(kind): int(number) for kind, number in notices["sent"].items()}
    # An attempt whose answer was lost may have arrived: the mail server may be ahead of us by so many, and no more.
    doubts = int(notices["ambiguous_attempts"])
    # What stays here is somebody's work; what waits, or cannot be, is a line of its own.
    wrong = {words: int(notices[name]) for name, words in _WRONG.items()}
    lines = [Equation("told", f"0 = {' + '.join(wrong)}", 0, sum(wrong.values()), wrong, service="notifications")]
    untold = {words: int(notices[name]) for name, words in _UNTOLD.items()}
    in_doubt = int(notices["outcome_unknown"])
    says_untold = "people who do not know, or may not = those by name"
    lines.append(
        Equation(
            "untold",
            says_untold,
            int(notices["untold"]) + in_doubt,
            sum(untold.values()),
            {words: number for words, number in untold.items() if number},
            service="notifications",
        )
    )
    if accepted is not None:
        known = min(max(accepted - sum(sent.values()), 0), doubts)
        parts = sent | ({"sent, answer lost": known} if doubts else {})
        says += " + those whose answer was lost" if doubts else ""
        lines.append(Equation("mail", says, accepted, sum(parts.values()), parts, service="notifications"))
        if distinct is not None:
            says = "mails that came twice ≤ those whose answer was lost" if doubts else "mails that came twice = 0"
            relation = AT_MOST if doubts else EQUAL
            lines.append(
                Equation("mail.once", says, accepted - distinct, doubts, relation=relation, service="notifications")
            )
    return lines
