"""The rules by which a code that was read is taken or refused, by name, and what people are told. Names stay; texts may become better.

docs/integrators.md has the same table, held by a test.
"""

from __future__ import annotations

from enum import StrEnum


class ScanRule(StrEnum):
    """Why a code counts, waits or does not count."""

    IN_TIME = "in_time"
    LATE = "late"
    AFTER_THE_END = "after_the_end"
    WITHOUT_PLACE = "without_place"
    GUEST = "guest"
    SESSION_CANCELLED = "session_cancelled"
    AFTER_CLOSING = "after_closing"
    REPEATED = "repeated"
    MARK_STANDS = "mark_stands"
    SESSION_UNKNOWN = "session_unknown"
    MEETING_UNKNOWN = "meeting_unknown"
    PLACE_UNKNOWN = "place_unknown"
    RECOVERING = "recovering"
    CLOCK_AHEAD = "clock_ahead"
    TOO_EARLY = "too_early"
    TOO_LATE = "too_late"
    ANOTHER_DAY = "another_day"
    NEVER_ANNOUNCED = "never_announced"
    LIST_OF_ANOTHER_SYSTEM = "list_of_another_system"
    NOT_THEIRS = "not_theirs"
    KEY_TAKEN = "key_taken"
    TRY_AGAIN = "try_again"
    NO_MEETING_NOW = "no_meeting_now"
    TICKET_UNREADABLE = "ticket_unreadable"
    TICKET_UNKNOWN_KEY = "ticket_unknown_key"
    TICKET_ALTERED = "ticket_altered"
    TICKET_NOT_FOR_CHECK_IN = "ticket_not_for_check_in"
    TICKET_EXPIRED = "ticket_expired"
    TICKET_OF_ANOTHER_SESSION = "ticket_of_another_session"
    TICKET_OF_ANOTHER_PERSON = "ticket_of_another_person"


TEXTS: dict[ScanRule, tuple[str, str]] = {
    ScanRule.IN_TIME: ("Present.", "Obecność zapisana."),
    ScanRule.LATE: ("Present, after the beginning.", "Obecność zapisana, po rozpoczęciu zajęć."),
    ScanRule.AFTER_THE_END: (
        "Present; read after the end, so it counts as the whole meeting.",
        "Obecność zapisana; kod odczytano po zakończeniu, liczy się cały dzień szkoleniowy.",
    ),
    ScanRule.WITHOUT_PLACE: (
        "Present, without a place in this session.",
        "Obecność zapisana, ale bez miejsca na tym szkoleniu.",
    ),
    ScanRule.GUEST: (
        "Present, as a trainer or observer.",
        "Obecność zapisana, w roli osoby prowadzącej lub obserwującej.",
    ),
    ScanRule.SESSION_CANCELLED: (
        "Kept, although the session was cancelled.",
        "Zapisano, chociaż szkolenie zostało odwołane.",
    ),
    ScanRule.AFTER_CLOSING: (
        "Present; the list had closed and has been counted again.",
        "Obecność zapisana; lista była już zamknięta i została przeliczona.",
    ),
    ScanRule.REPEATED: (
        "Already present: the first reading counts.",
        "Obecność już zapisana: liczy się pierwszy odczyt.",
    ),
    ScanRule.MARK_STANDS: (
        "The list says otherwise of this person, and stands: somebody has marked it. Ask whoever keeps the list.",
        "Na liście jest inny wpis, wprowadzony ręcznie, i to on obowiązuje. Zapytaj osobę prowadzącą listę.",
    ),
    ScanRule.SESSION_UNKNOWN: (
        "Waits: the session has not been announced yet.",
        "Czeka: szkolenie nie zostało jeszcze ogłoszone.",
    ),
    ScanRule.MEETING_UNKNOWN: (
        "Waits: the session has no such meeting yet.",
        "Czeka: szkolenie nie ma jeszcze takiego dnia.",
    ),
    ScanRule.PLACE_UNKNOWN: (
        "Noted: whether the person has a place is not known yet.",
        "Zanotowano: nie wiadomo jeszcze, czy ta osoba ma miejsce.",
    ),
    ScanRule.RECOVERING: (
        "Noted: decided as soon as the system has caught up.",
        "Zanotowano: decyzja zapadnie, gdy system nadrobi zaległości.",
    ),
    ScanRule.CLOCK_AHEAD: (
        "Read later than it was sent: set the clock of the device.",
        "Odczytano później, niż wysłano: ustaw zegar urządzenia.",
    ),
    ScanRule.TOO_EARLY: ("Read too long before the meeting.", "Odczytano zbyt wcześnie przed dniem szkoleniowym."),
    ScanRule.TOO_LATE: ("Read too long after the meeting.", "Odczytano zbyt późno po dniu szkoleniowym."),
    ScanRule.ANOTHER_DAY: (
        "Read on the day of another meeting of this session.",
        "Odczytano w innym dniu tego szkolenia.",
    ),
    ScanRule.NEVER_ANNOUNCED: (
        "Nobody ever announced this session or meeting.",
        "Tego szkolenia lub dnia nikt nie ogłosił.",
    ),
    ScanRule.LIST_OF_ANOTHER_SYSTEM: (
        "Another system keeps this list, and alone may correct it.",
        "Tę listę prowadzi inny system i tylko on może ją poprawić.",
    ),
    ScanRule.NOT_THEIRS: (
        "Read by a trainer of another session, or by one who was replaced: the office enters it.",
        "Kod odczytała osoba, która tego szkolenia nie prowadzi albo już go nie prowadzi: wpisze to biuro.",
    ),
    ScanRule.KEY_TAKEN: (
        "Another scan was sent under this id: give each an id of its own.",
        "Pod tym identyfikatorem wysłano inny odczyt: każdy potrzebuje własnego.",
    ),
    ScanRule.TRY_AGAIN: (
        "Not decided yet: send the same again in a while.",
        "Jeszcze bez decyzji: za chwilę wyślij to samo ponownie.",
    ),
    ScanRule.NO_MEETING_NOW: (
        "The session of this ticket has no meeting at that time.",
        "Szkolenie z tego biletu nie ma zajęć w tym czasie.",
    ),
    ScanRule.TICKET_UNREADABLE: ("This is no ticket.", "To nie jest bilet."),
    ScanRule.TICKET_UNKNOWN_KEY: (
        "Signed with a key that is not known here: forged, or of another installation.",
        "Podpisano kluczem, którego tu nie ma: bilet jest sfałszowany albo pochodzi z innej instalacji.",
    ),
    ScanRule.TICKET_ALTERED: (
        "The signature does not fit: the ticket was altered or forged.",
        "Podpis się nie zgadza: bilet zmieniono albo sfałszowano.",
    ),
    ScanRule.TICKET_NOT_FOR_CHECK_IN: (
        "This link is genuine, and is no ticket: look for the one with the code.",
        "Ten odnośnik jest prawdziwy, ale nie jest biletem: poszukaj tego z kodem.",
    ),
    ScanRule.TICKET_EXPIRED: ("The time of this ticket is over.", "Ten bilet stracił ważność."),
    ScanRule.TICKET_OF_ANOTHER_SESSION: ("A ticket for another session.", "Bilet na inne szkolenie."),
    ScanRule.TICKET_OF_ANOTHER_PERSON: ("Somebody else's ticket.", "Bilet innej osoby."),
}
"""What people read, in English and Polish."""
