"""What stands open: every state in which somebody was not told, not heard, not decided, set aside, given up or put off. Pure.

A state that no line here names would be one in which the books look well and are not: docs/operators.md has this table, and tests make each
of these states and look for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from rollcall.books import Books, streams


@dataclass(frozen=True, slots=True)
class Kind:
    """One state, in words, and how a service's books count it."""

    says: str
    count: Callable[[Books], int]
    means: str
    """What it is, and what to do if it stays."""


@dataclass(frozen=True, slots=True)
class Matter:
    """One thing that stands open now."""

    service: str
    says: str
    number: int
    means: str = ""

    def as_json(self) -> dict[str, object]:
        return {"service": self.service, "says": self.says, "number": self.number}


def _notices(name: str) -> Callable[[Books], int]:
    return lambda books: int(books["notices"][name])


def _open(name: str) -> Callable[[Books], int]:
    return lambda books: int(books["open"][name])


EVERY_SERVICE = (
    Kind(
        "not heard yet",
        lambda books: sum(row["lag"] for row in streams(books).values()),
        "records that Kafka has and the service has not heard: over in a moment, if it runs",
    ),
    Kind("not sent yet", lambda books: int(books["outbox"]), "what was said and Kafka has not got: over once it answers"),
    Kind("set aside", lambda books: int(books["parked"]), "`rollcall parked list` says which records, and why"),
    Kind("given up by an operator", lambda books: int(books["discarded"]), "records that were discarded; evidence, for ever"),
    Kind("of unknown types", lambda books: int(books["unknown_types"]), "types that this release has no contract for; heard once one has"),
    Kind("held", lambda books: int(books["held"]), "requests that wait for what they are about; refused at last if it never comes"),
    Kind("held for a newer release", lambda books: int(books["held_for_newer"]), "requests of a type that this release does not decide, held before it was rolled back: they wait for one that does and hold nobody back; the others are decided as ever"),
    Kind("moments overdue", lambda books: int(books["overdue"]), "a list, or a held request, whose time has passed for five minutes: some stream is not heard up to then, or the log names a fault, or says that a moment stays: then the request holds a word that only a newer release knows, and waits for that one. Also what our own code failed to look at after a start or a restore: it tries again every ten minutes, and at each start"),
    Kind("erasures beside their partition", lambda books: int(books["stray_erasures"]), "the name stays in Kafka's log: say them again with `rollcall publish`"),
)  # fmt: skip
BY_SERVICE: Mapping[str, tuple[Kind, ...]] = {
    "enrolment": (
        Kind("on waiting lists", lambda books: int(books["places"]["waiting_ahead"]), "people who get the next free seat"),
        Kind("sessions not settled", lambda books: int(books["places"]["unsettled_sessions"]), "a statement of theirs was heard and not drawn all consequences from: over in a moment. Mail of places waits for it"),
        Kind("sessions over capacity", lambda books: int(books["places"]["sessions_over_capacity"]), "more have a place than there are seats, by the planner's or the office's word: none is given until there is room. The session says who came last"),
        Kind("people with two places at once", lambda books: int(books["places"]["two_places_at_once"]), "a session moved onto another, or the office gave a place: their coordinator asks which one they give back. The roster says `clashes_with`"),
        Kind("sessions oversold", lambda books: int(books["places"]["oversold_sessions"]), "never: tell us"),
    ),
    "attendance": (
        Kind("lists nobody recorded", lambda books: int(books["attendance"]["lists_not_recorded"]), "closed without a single scan: nobody there is called absent"),
        Kind("lists left open", _open("lists_left_open"), "a day after they should have closed: look at `moments overdue` and the log. Until then nobody is absent there and nobody has a certificate"),
        Kind("contradictions undecided", _open("contradictions"), "a code was read of somebody of whom a mark says that they were not there: the mark stands until the office decides. The roster says `is_contradicted`"),
        Kind("imports with undecided rows", _open("undecided_imports"), "a report, or a signed list that was typed in, has rows of which nobody has said whose they are or what counts: `GET /api/v1/sessions/{id}/files` says how many. Enter it again with what is decided"),
        Kind("certificates in doubt", _open("certificates_in_doubt"), "earned by closed lists and not issued, or saying something else than the lists: after `ROLLCALL_CERTIFICATE_PERCENT` was changed it is decided with the next event of the session; else tell us"),
    ),
    "notifications": (
        Kind("to be planned", _notices("differences"), "who is told by the next look: over in a moment"),
        Kind("mails on their way", _notices("to_do"), "planned or being sent"),
        Kind("mails refused for now", _notices("refused_for_now"), "the server said \"later\": tried again for days"),
        Kind("mails that wait for their turn", _notices("paced"), "there is more to send to a domain than `ROLLCALL_MAILS_A_MINUTE_TO_A_DOMAIN` lets out; each leaves in its turn, and what is urgent goes first"),
        Kind("mails postponed", _notices("postponed"), "the database or our own code refuses them: the log says why"),
        Kind("mails given up", _notices("given_up"), "refused for good, or for too long, or not to be written: tried again once the address or the name is another"),
        Kind("mails withheld", _notices("withheld"), "mail to this address came back: nothing is sent there until the directory states another one, or you let it through (`rollcall mail release PERSON --reason …`). Whose: `GET /api/v1/addresses`"),
        Kind("mails muted", _notices("muted"), "reminders, digests, materials and the office's messages that somebody does without: not sent while they say so. Whose: `GET /api/v1/mutes`"),
        Kind("mails that came back", _notices("bounced"), "accepted by the server, and returned: why says the code in `GET /api/v1/notices?state=bounced`. What they should have said is told again once the address takes mail: after a full mailbox in an hour, then in eight"),
        Kind("mails whose outcome nobody knows", _notices("outcome_unknown"), "may have left, and may not: look in the server's log, then settle them"),
        Kind("mails that came too late", _notices("too_late"), "the session ended, or an offer, or the 90 days of a certificate, before somebody could be told: no server would take the mail, or something was not known. Who and why: `GET /api/v1/notices?state=too_late`"),
        Kind("mail is rehearsed", _notices("rehearsing"), "nothing is sent to whom it is for until an operator states go-live: `rollcall mail go-live --reason …`. What is rehearsed until then stays unsent"),
        Kind("mails rehearsed, not sent", _notices("rehearsed"), "planned and written before go-live, and dropped: those people know of it from others, or not at all. Whose: `GET /api/v1/notices?state=rehearsed`; what has to be said after all: `rollcall mail repeat NOTICE --reason …`"),
        Kind("mails asked for in vain", _notices("asked_in_vain"), "another system asked for a mail within the last seven days, and nobody is told: why says `declined` in `GET /api/v1/asked`. Over after seven days"),
        Kind("waiting for a session", _notices("waiting_for_session"), "a mail that another system asked for is about a training that the planner has not stated any more"),
        Kind("towns called and nobody to tell", _notices("calls_for_nobody"), "a town may nominate, and the directory names no coordinator of it today (`TeamMemberJoined`): once it does, they are told"),
        Kind("people unreachable", _notices("unreachable"), "erased, or their contact forgotten: never told"),
        Kind("waiting for a person", _notices("waiting_for_person"), "the directory has not said their name"),
        Kind("waiting for a contact", _notices("waiting_for_contact"), "the directory has not said their address"),
        Kind("waiting for a town", _notices("waiting_for_town"), "nobody has said the town's name"),
        Kind("waiting for a topic", _notices("waiting_for_topic"), "nobody has said the topic's name"),
        Kind("waiting for a text", _notices("waiting_for_text"), "what the office wrote was lost with a database: whoever wrote it sends it again under the same `Idempotency-Key`"),
        Kind("waiting for enrolment", _notices("waiting_for_enrolment"), "enrolment has not been heard about the session's newest statement"),
        Kind("waiting for another mail", _notices("waiting_for_another_mail"), "what another mail about the same training says goes first"),
        Kind("told by others", _notices("told_by_others"), "places, offers, waiting, trainings and calls from before go-live: not mailed unless something changes; a call is told to whoever has come to coordinate the town since"),
    ),
}  # fmt: skip


def kinds_of(service: str) -> tuple[Kind, ...]:
    return (*EVERY_SERVICE, *BY_SERVICE.get(service, ()))


def open_matters(books: Mapping[str, Books | None]) -> Iterator[Matter]:
    """What stands open, by service; a service that does not answer says nothing."""
    for service, its in books.items():
        if its is None:
            continue
        for kind in kinds_of(service):
            if number := kind.count(its):
                yield Matter(service, kind.says, number, kind.means)
