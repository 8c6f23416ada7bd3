"""Every mail there is, as it travels: each kind in each of its situations and in both languages, with all that an installation may add."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from services.notifications.kinds import KINDS, Subject
from services.notifications.kinds.asked import AGAIN
from services.notifications.kinds.figures import MOST_OPEN, OF_MAILS, OF_SESSIONS, Figure, SessionAhead, Thing
from services.notifications.kinds.kind import Kind
from services.notifications.letters import (
    CANCELLATION,
    CHANGE,
    CONFIRMATION,
    AskedMail,
    BouncedMail,
    BriefMail,
    DigestMail,
    Given,
    Letter,
    Missing,
    Named,
    PlaceMail,
    Recipient,
    WrittenMail,
)
from services.notifications.mail import Renderer
from services.notifications.programme import Programme, logo_of, programme_of
from services.notifications.sheets import Sheet
from services.notifications.templates.wording import OURS
from services.notifications.templates.words import Notice, names_in
from services.notifications.untold import Mail
from shared.contracts.enrolment import Standing
from shared.contracts.model import Language
from shared.contracts.notifications import Audience
from shared.contracts.planner import OutsideTask
from tests.notifications.mails import ADDRESS, FIRST, FIRST_MOVED, SECOND, VENUE, brief_mail, session_mail, told

SITE = "https://szkolenia.example.org"
TOKEN = "eyJhbGciOiJFZERTQSIsImtpZCI6IjEifQ.eyJzdWIiOiJwZXJzb24tMDAwMSIsInNlcyI6InNlc3Npb24tMDAwMSJ9." + "x" * 86
MOMENT = dt.datetime(2026, 11, 20, 11, 0, tzinfo=dt.UTC)
TASKS = {
    "pretest": (OutsideTask.PRE_TEST,),
    "followup": (OutsideTask.POST_TEST, OutsideTask.QUESTIONNAIRE),
    "unfilled": (OutsideTask.POST_TEST,),
    "reminder": (OutsideTask.PRE_TEST,),
}
"""What a reader has not filled in yet, by the kinds that lead to it."""
NOTED = ("note", "reminder")
CLASHING = ("clash", "clashes")
OF_FORMER_ID: dict[str, Any] = {"whose": "person-0002", "sequence": 3, "takes_answers": True}
OF_FORMER: dict[str, dict[str, Any]] = {
    "stays": {"stays": True},
    "gone": {},
    "gone in doubt": {"in_doubt": True},
    "cancelled": {"session_cancelled": True},
    "stays of days": {"stays": True, "meetings": (FIRST, SECOND)},
}
IN_SITUATION = {
    "again": "waiting",
    "after_missed": "certificate",
    "after_thanks": "missed",
    "came": "missed_corrected",
    "not_missed": "missed_corrected",
}
"""The mail in whose place such words stand, where that is not what ends something."""
WRITTEN = (
    "Szkolenie odbędzie się w sali 12 na drugim piętrze. Prosimy zabrać laptop i zasilacz, w sali są gniazdka przy każdym stole.\n\n"
    "Dojazd i plan budynku: https://example.org/dojazd\nKto przyjeżdża autem, parkuje od podwórza."
)
WRITTEN_EN = (
    "The training takes place in room 12 on the second floor. Please bring a laptop and its charger, there is a socket at each table.\n\n"
    "The way and a map of the building: https://example.org/way\nWhoever comes by car parks behind the house."
)


@dataclass(frozen=True)
class Sent:
    """One mail, written when somebody reads it: whoever collects tests asks for its name alone."""

    name: str
    language: Language
    write: Callable[[], bytes]

    @cached_property
    def message(self) -> bytes:
        return self.write()


def renderer(programme: Programme) -> Renderer:
    """As the service writes: with pages, tickets and a way to do without."""
    return Renderer(
        sender="powiadomienia@szkolenia.example.org",
        sender_name="Biuro Programu Szkoleń",
        organiser="biuro@szkolenia.example.org",
        organiser_name="Biuro Programu Szkoleń",
        base_url=SITE,
        page_of=lambda mail, person: f"{SITE}/p/{TOKEN}",
        ticket_of=lambda mail, person: ("RC1." + "A7" * 40, f"{SITE}/s/session-0001/check-in"),
        mute_of=lambda what, language, person: f"{SITE}/mute/{TOKEN}",
        code_of=lambda session, person: "k3v9-7c1e-5b0c",
        calendar_of=lambda feed, language, person: f"{SITE}/calendar/{TOKEN}",
        answers_at=lambda session, person: f"kalendarz+{'a' * 40}@szkolenia.example.org",
        programme=programme,
    )


def every_mail(programme: Programme | None = None) -> Iterator[Sent]:
    """By kind, situation and language. A kind that is added is one of them by itself."""
    writer = renderer(programme or of_somebody())
    for language in Language:
        for name, subject, mail in _mails(language):
            yield Sent(name, language, partial(_written, writer, subject, mail))


def _written(writer: Renderer, subject: Subject, mail: Mail) -> bytes:
    sheet: Sheet = KINDS[subject].sheet(mail, writer.office)
    return writer.message(writer.shared(replace(sheet, mutes=KINDS[subject].mutes)), ANNA, LETTER)


def of_somebody() -> Programme:
    """With a project, a funder and partners."""
    return programme_of(
        "FEPW.05.02-IP.01-0001/26", "Dofinansowane przez Unię Europejską", ("Ministerstwo Klimatu", "Politechnika"), ()
    )


def with_logo(content: bytes) -> Programme:
    return replace(of_somebody(), logos=(logo_of(content, "Unia Europejska"),))


ANNA = Recipient("person-0001", "Anna", "Wiśniewska", "anna.wisniewska@example.org")
LETTER = Letter(
    "<notice-0199aa00-0000-7000-8000-000000000003@szkolenia.example.org>",
    "notice-0199aa00-0000-7000-8000-000000000003",
    dt.datetime(2026, 10, 1, 8, 15, 2, tzinfo=dt.UTC),
    "<thread-0001@szkolenia.example.org>",
)


def _mails(language: Language) -> Iterator[tuple[str, Subject, Mail]]:
    for name, mail in _of_places(language):
        yield name, Subject.PLACE, mail
    for letter in (CONFIRMATION, CHANGE, CANCELLATION):
        yield f"training {letter}", Subject.TRAINING, _place(letter, language)
    for situation, changes in OF_FORMER.items():
        yield f"former {situation}", Subject.FORMER, _place(CANCELLATION, language, **OF_FORMER_ID, **changes)
    text = ("Zmiana sali", WRITTEN) if language is Language.PL else ("Another room", WRITTEN_EN)
    for audience in Audience:
        subject = Subject.MESSAGE if audience is Audience.SESSION else Subject.CIRCULAR
        yield f"written {audience}", subject, WrittenMail(subject.value, language, audience.value, *text)
    for situation in OURS.kinds["asked"][language]:
        letter = situation.removesuffix(AGAIN)
        subject = next(subject for subject, kind in KINDS.items() if letter in kind.letters)
        title = "Ankieta po szkoleniu" if language is Language.PL else "Questionnaire after the training"
        link, topic = "https://ankiety.example.org/7c1e?p=0001", "Adaptacja do zmian klimatu"
        yield (
            f"asked {situation}",
            subject,
            AskedMail(letter, language, situation, title, link, MOMENT, topic, (FIRST,)),
        )
    topics = ("Adaptacja do zmian klimatu", "Adapting to a changing climate")
    missing = Missing("climate", topics, (FIRST, SECOND), Standing.OFFERED, MOMENT)
    yield "bounced", Subject.BOUNCED, BouncedMail("address_bounced", language, _PEOPLE[0], "Augustów", (missing,))
    figures = tuple(Figure(name, 12, _things(name, topics)) for name in OURS.common[language].digest.figures)
    ahead = SessionAhead("session-0001", "climate", topics, "Augustów", (FIRST,), 12, 3, 20, 5)
    yield "digest", Subject.DIGEST, DigestMail("digest", language, MOMENT, (ahead,), figures)
    yield "digest of nothing", Subject.DIGEST, DigestMail("digest", language, MOMENT, (), ())
    for subject, kind in KINDS.items():
        if kind.name in OURS.kinds and subject not in (Subject.TRAINING, Subject.FORMER):
            for situation, notice in OURS.kinds[kind.name][language].items():
                yield f"{kind.name} {situation}", subject, _brief(kind, situation, notice, language)


def _things(figure: str, topics: tuple[str, str]) -> tuple[Thing, ...]:
    if figure in OF_SESSIONS:
        return tuple(
            Thing(f"session-{number:04}", topics, (FIRST, SECOND), "Augustów") for number in range(MOST_OPEN + 1)
        )
    if figure in OF_MAILS:
        ids = (f"notice-0199aa00-0000-7000-8000-{number:012}" for number in range(MOST_OPEN + 1))
        return tuple(Thing(one, letter="confirmation", recipient="person-0001") for one in ids)
    return tuple(Thing(f"person-{number:04}") for number in range(MOST_OPEN + 1))


def _place(letter: str, language: Language, **changes: Any) -> PlaceMail:
    of_change = {"before": told(FIRST_MOVED), "sequence": 2} if letter == CHANGE else {}
    return session_mail(letter, language, **(of_change | changes))


def _of_places(language: Language) -> Iterator[tuple[str, PlaceMail]]:
    yield "confirmation", _place(CONFIRMATION, language)
    yield "confirmation of days", _place(CONFIRMATION, language, meetings=(FIRST, SECOND), asks_for_reply=True)
    yield "confirmation in the freeze", _place(CONFIRMATION, language, is_frozen=True, goes_to_nobody=True)
    yield "confirmation instead", _place(CONFIRMATION, language, substituted=True)
    yield "change of time", _place(CHANGE, language)
    yield "change of place", _place(CHANGE, language, before=told(venue="Szkoła Podstawowa nr 3"))
    yield "change of both", _place(CHANGE, language, before=told(FIRST_MOVED, venue="Szkoła Podstawowa nr 3"))
    yield "change of days", _place(CHANGE, language, meetings=(FIRST_MOVED, SECOND), before=told(FIRST, SECOND))
    topic = told(topic_name="Starzenie się społeczeństwa")
    yield "change of topic", _place(CHANGE, language, before=topic, another_topic=True)
    several = told(FIRST_MOVED, topic_name="Starzenie się społeczeństwa")
    yield "change of several", _place(CHANGE, language, before=several, another_topic=True, in_doubt=True)
    yield "change of what is over", _place(CHANGE, language, is_ahead=False)
    yield "change of something", _place(CHANGE, language, before=None)
    yield "session cancelled", _place(CANCELLATION, language, session_cancelled=True, sequence=3)
    yield "place cancelled", _place(CANCELLATION, language, sequence=3)
    yield "cancelled instead", _place(CANCELLATION, language, substituted=True, sequence=3)


def _brief(kind: Kind, situation: str, notice: Notice, language: Language) -> BriefMail:
    letter = situation if situation in kind.letters else IN_SITUATION.get(situation, kind.letters[-1])
    letter = kind.letters[0] if situation == "substitute" else letter
    named = names_in(notice.lead)
    people = [Named(name, fate, 3) for name, fate in zip(_PEOPLE * 20, notice.fates or (), strict=False)]
    if kind.name == "clashes":
        people = [Named(name) for name in _PEOPLE]
    note = WRITTEN if language is Language.PL else WRITTEN_EN
    tasks = TASKS.get(kind.name, ())
    return brief_mail(
        letter,
        language,
        because=situation if situation not in kind.letters else None,
        before=told(FIRST_MOVED) if "change" in situation and kind.name not in NOTED else None,
        moment=MOMENT if notice.moment else None,
        figures=tuple((name, 12 + number) for number, name in enumerate(notice.figures)),
        town="Augustów" if "town" in named else None,
        named=tuple((name, "RC-2026-0007") for name in sorted(named - {"town"})),
        people=tuple(people),
        tasks=tuple(Given(task, f"https://ankiety.example.org/{task}?kto={{code}}", MOMENT) for task in tasks),
        note=note if kind.name in NOTED else None,
        also=brief_mail(letter, language, meetings=(SECOND,)) if kind.name in CLASHING else None,
        venue=VENUE,
        address=ADDRESS,
    )


_PEOPLE = ("Żaneta Wiśniewska", "Łukasz Święcicki", "Anna de Vries", "Zofia Ćwik")
