"""What a participant reads, taken apart as a mail client would: words, headers and the bytes on the wire."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import html
import re
from dataclasses import replace
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import getaddresses
from typing import Any

import pytest
from aiosmtplib.email import extract_recipients, extract_sender

from services.notifications.kinds.refusal import MAILED, OPEN_NOW
from services.notifications.letters import Arrangement, BriefMail, Letter, PlaceMail, Recipient
from services.notifications.mail import Renderer
from services.notifications.templates.frames import unbroken
from shared.contracts.model import Language
from tests.notifications.mails import (
    ADDRESS,
    FIRST,
    FIRST_MOVED,
    LETTER,
    RENDERER,
    SECOND,
    VENUE,
    ZANETA,
    body,
    brief_mail,
    calendar,
    cancellation,
    change,
    day,
    on_the_wire,
    received,
    session_mail,
    shared,
    told,
)


def with_field(value: Any, field: str, text: str) -> Any:
    return replace(value, **{field: text})


def to(wire: bytes) -> tuple[str, str]:
    """Name and address of the one recipient, read with the older parser: 3.11's newer one adds spaces to long names."""
    header = email.message_from_bytes(wire)["To"]
    ((name, address),) = getaddresses([header.replace("\n", "")])
    return str(make_header(decode_header(name))), address


EVERY_MAIL = [
    pytest.param(make(language), id=f"{make.__name__}-{language}")
    for language in Language
    for make in (lambda language: session_mail(language=language), change, cancellation)
]
BRIEF = [
    pytest.param(brief_mail(letter, language, because=because), id=f"{letter}-{because or ''}-{language}")
    for language in Language
    for letter, because in (
        ("waiting", None),
        ("waiting_change", None),
        ("waiting_ended", "cancelled"),
        ("waiting_ended", "begun"),
        ("waiting_ended", "withdrawn"),
        ("waiting_ended", "unheard"),
        ("waiting", "again"),
        ("offer", None),
        ("offer_change", None),
        *(("offer_ended", because) for because in ("expired", "declined", "begun", "cancelled", "ended")),
        ("reminder", None),
        ("reply_asked", None),
        *(("refused", str(reason)) for reason in (*MAILED, OPEN_NOW)),
    )
]
"""The mails that carry nothing for a calendar."""
EVERY_MAIL += BRIEF


@pytest.mark.parametrize(
    ("mail", "subject"),
    [
        (session_mail(), "Masz miejsce na szkoleniu „Adaptacja do zmian klimatu” (26 listopada)"),
        (
            session_mail(meetings=(SECOND, FIRST)),
            "Masz miejsce na szkoleniu „Adaptacja do zmian klimatu” (26–27 listopada)",
        ),
        (change(meetings=(FIRST_MOVED,)), "Zmiana terminu szkolenia „Adaptacja do zmian klimatu” (3 grudnia)"),
        (change(before=told(venue="Szkoła")), "Zmiana miejsca szkolenia „Adaptacja do zmian klimatu” (26 listopada)"),
        (
            change(meetings=(FIRST_MOVED,), before=told(address="inny")),
            "Zmiana terminu i miejsca szkolenia „Adaptacja do zmian klimatu” (3 grudnia)",
        ),
        (change(before=None), "Zmiana w szkoleniu „Adaptacja do zmian klimatu” (26 listopada)"),
        (
            change(before=told(topic_name="Starzenie się"), another_topic=True),
            "Zmiana tematu szkolenia: „Adaptacja do zmian klimatu” (26 listopada)",
        ),
        (
            change(meetings=(FIRST_MOVED,), another_topic=True),
            "Zmiana w szkoleniu „Adaptacja do zmian klimatu” (3 grudnia)",
        ),
        (
            change(meetings=(FIRST_MOVED,), is_ahead=False),
            "Poprawiony termin szkolenia „Adaptacja do zmian klimatu” (3 grudnia)",
        ),
        (cancellation(), "Odwołane: szkolenie „Adaptacja do zmian klimatu” (26 listopada)"),
        (
            cancellation(session_cancelled=False),
            "Odwołane: Twoje miejsce na szkoleniu „Adaptacja do zmian klimatu” (26 listopada)",
        ),
        (session_mail(language=Language.EN), "You have a place: “Climate adaptation” (26 November)"),
        (change(Language.EN, meetings=(FIRST_MOVED,)), "New date or time: “Climate adaptation” (3 December)"),
        (cancellation(Language.EN), "Cancelled: training “Climate adaptation” (26 November)"),
        (
            cancellation(Language.EN, session_cancelled=False),
            "Cancelled: your place in “Climate adaptation” (26 November)",
        ),
    ],
)
def test_the_subject_says_what_happened_and_when(mail: PlaceMail, subject: str) -> None:
    assert received(mail)["Subject"] == subject


@pytest.mark.parametrize(
    ("language", "by"),
    [(Language.PL, "wtorek, 24 listopada 2026, 9:00"), (Language.EN, "Tuesday, 24 November 2026, 9:00")],
)
def test_an_offer_says_by_the_clocks_of_the_town_until_when_it_is_held(language: Language, by: str) -> None:
    mail = brief_mail("offer", language, moment=dt.datetime(2026, 11, 24, 8, tzinfo=dt.UTC))
    for subtype in ("plain", "html"):
        assert by in body(received(mail), subtype)
    elsewhere = replace(mail, meetings=(day("day-1", "2026-11-26T09:00", "2026-11-26T15:00", zone="Europe/Kyiv"),))
    assert by.replace("9:00", "10:00 (Europe/Kyiv)") in body(received(elsewhere), "plain")


@pytest.mark.parametrize(
    ("mail", "subject"),
    [
        (brief_mail("waiting"), "Lista rezerwowa: szkolenie „Adaptacja do zmian klimatu” (26 listopada)"),
        (brief_mail("reminder"), "Jutro: szkolenie „Adaptacja do zmian klimatu” (26 listopada)"),
        (
            brief_mail("offer"),
            "Wolne miejsce – czekamy na Twoją odpowiedź: szkolenie „Adaptacja do zmian klimatu” (26 listopada)",
        ),
        (
            brief_mail("waiting_ended", Language.EN, because="begun"),
            "Waiting list closed: “Climate adaptation” (26 November)",
        ),
    ],
)
def test_a_mail_of_another_kind_says_so_in_its_subject(mail: BriefMail, subject: str) -> None:
    message = received(mail)
    assert message["Subject"] == subject
    assert message["X-Rollcall-Notice-Kind"] == mail.letter


@pytest.mark.parametrize("mail", BRIEF)
def test_a_mail_about_no_place_of_ones_own_carries_nothing_for_a_calendar(mail: BriefMail) -> None:
    assert [part.get_content_type() for part in received(mail).walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]


def test_who_waits_is_told_that_they_have_no_place_yet_and_what_moved() -> None:
    before = told(FIRST, venue="Szkoła nr 2")
    text = body(received(brief_mail("waiting_change", meetings=(FIRST_MOVED,), before=before)), "plain")
    assert re.search("Nowy termin.*3 grudnia.*Wcześniej: czwartek, 26 listopada", text, re.DOTALL)
    assert "(Wcześniej: Szkoła nr 2" in text
    assert "nie masz miejsca" in " ".join(text.split())


def test_a_long_topic_is_cut_in_the_subject_only() -> None:
    topic = "Gospodarka o obiegu zamkniętym i " * 5 + "koniec"
    message = received(session_mail(topic_name=topic))
    assert len(message["Subject"]) < 150
    assert topic in body(message, "plain")


@pytest.mark.parametrize("subtype", ["plain", "html"])
@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (Language.PL, ["Dzień dobry!", "czwartek, 26 listopada 2026, 9:00–15:00", "Osoba", "Szkolenie uzupełniające"]),
        (Language.EN, ["Hello Żaneta,", "Thursday, 26 November 2026, 9:00–15:00", "For", "Supplementary training"]),
    ],
)
def test_a_confirmation_says_what_when_where_and_for_whom(
    language: Language, expected: list[str], subtype: str
) -> None:
    text = body(received(session_mail(language=language)), subtype)
    for words in (*expected, VENUE, ADDRESS, "Żaneta Wiśniewska", "szkolenia@rollcall.example.org"):
        assert words in text


@pytest.mark.parametrize("subtype", ["plain", "html"])
def test_a_change_shows_the_old_and_the_new(subtype: str) -> None:
    text = body(received(change(meetings=(FIRST_MOVED,), before=told(venue="Szkoła nr 2", address=None))), subtype)
    assert re.search("Nowy termin.*3 grudnia 2026.*Wcześniej: .*26 listopada 2026", text, re.DOTALL)
    assert re.search(f"{VENUE}.*Wcześniej: .*Szkoła nr 2", text, re.DOTALL)


@pytest.mark.parametrize("subtype", ["plain", "html"])
def test_a_date_and_a_topic_that_change_together_are_both_said(subtype: str) -> None:
    before = told(topic_name="Starzenie się", venue="Szkoła nr 2")
    text = body(received(change(meetings=(FIRST_MOVED,), before=before, another_topic=True)), subtype)
    text = " ".join(text.replace("\u00a0", " ").split())
    assert "Zmieniają się temat, termin i miejsce szkolenia." in text
    assert re.search("Adaptacja do zmian klimatu.*Wcześniej: .*Starzenie się.*Nowy termin", text)


def test_who_is_told_that_it_has_taken_place_is_not_told_that_a_place_awaits_them() -> None:
    text = body(received(change(meetings=(FIRST_MOVED,), is_ahead=False)), "plain")
    assert "już się odbyło" in text
    assert not re.search("czeka|listy rezerwowej|nie odpowiada", text)


@pytest.mark.parametrize("mail", [change(), change(meetings=(FIRST_MOVED,)), cancellation()])
def test_while_the_last_mail_is_in_doubt_the_next_one_says_so(mail: PlaceMail) -> None:
    said = "Nie wiemy, czy dotarła"
    assert said not in body(received(mail), "plain").replace("\n", " ")
    assert said in body(received(replace(mail, in_doubt=True)), "plain").replace("\n", " ")


def test_no_line_ends_inside_hours_or_a_files_name_or_after_a_word_of_one_letter() -> None:
    """At the width of a phone they did."""
    markup = body(received(change(meetings=(FIRST, SECOND), before=told(FIRST_MOVED, SECOND))), "html")
    nowrap = '<span style="white-space:nowrap">'
    assert len(re.findall(nowrap + r"\d\d?:\d\d–\d\d?:\d\d</span>", markup)) == 3
    assert re.findall(nowrap + r"(\S*\.ics)</span>", markup) == re.findall(r"[a-z]+(?:-\d)?\.ics", markup)
    assert "z\u00a0tej wiadomości" in markup


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("ma numer RC-2026-0007.", ["RC-2026-0007"]),
        ("10.12.2026 (RC-2026-0007)", ["10.12.2026", "RC-2026-0007"]),
        ("https://example.org/a-1/b-2 i a@b-1.pl", []),
        ("O'Neil-2 & biało-czerwona", []),
        ("x-" * 40 + "1", []),
    ],
)
def test_no_line_ends_inside_a_number_that_is_joined_unless_it_is_long(text: str, whole: list[str]) -> None:
    written = unbroken(text)
    assert re.findall(r'<span style="white-space:nowrap">([^<]*)</span>', written) == whole
    assert html.unescape(re.sub("<[^>]*>", "", written)).replace("\u00a0", " ") == text


def test_each_day_of_a_changed_timetable_says_what_became_of_it() -> None:
    third = day("day-3", "2026-12-10T10:00", "2026-12-10T12:00")
    text = body(received(change(meetings=(SECOND, FIRST_MOVED, third), before=told(FIRST, SECOND))), "plain")
    assert re.search("Bez zmian:\n  piątek, 27 listopada.*Nowy termin:\n  czwartek, 3 grudnia", text, re.DOTALL)
    assert "Dodany dzień:\n  czwartek, 10 grudnia 2026, 10:00–12:00" in text
    text = body(received(change(meetings=(FIRST,), before=told(FIRST, SECOND))), "plain")
    assert "Ten dzień odpada:\n  piątek, 27 listopada" in text


def test_days_that_were_numbered_anew_still_read_as_a_move() -> None:
    text = body(received(change(meetings=(day("d-x", "2026-12-03T09:00", "2026-12-03T15:00"),))), "plain")
    assert re.search("Nowy termin.*3 grudnia.*Wcześniej.*26 listopada", text, re.DOTALL)
    assert "odpada" not in text


def test_a_day_that_was_only_named_anew_is_not_taken_for_another() -> None:
    text = body(
        received(change(meetings=(SECOND.model_copy(update={"meeting_id": "d-x"}),), before=told(FIRST, SECOND))),
        "plain",
    )
    assert re.search("Ten dzień odpada:\n  czwartek, 26 listopada.*Bez zmian:\n  piątek, 27 listopada", text, re.DOTALL)
    text = body(received(change(meetings=(FIRST.model_copy(update={"meeting_id": "d-x"}),))), "plain")
    assert not re.search("Bez zmian|odpada|Nowy termin", text)


def test_while_it_is_in_doubt_what_arrived_the_mail_is_true_for_whoever_knows_either() -> None:
    """Told of two days at school for certain; perhaps of one at the town hall since."""
    certain = Arrangement((FIRST, SECOND), "Szkoła nr 2", None)
    text = body(received(change(meetings=(FIRST_MOVED,), before=told(FIRST_MOVED), certain=certain)), "plain")
    assert re.search("Ten dzień odpada:\n  piątek, 27 listopada", text)
    assert re.search("Nowy termin:\n  czwartek, 3 grudnia.*\n  .Wcześniej: czwartek, 26 listopada", text)
    assert "(Wcześniej: Szkoła nr 2)" in text
    assert "w innym terminie i gdzie indziej" in text
    certain = Arrangement((FIRST,), VENUE, ADDRESS)
    text = body(received(change(meetings=(FIRST, SECOND), before=told(FIRST, SECOND), certain=certain)), "plain")
    assert re.search("Bez zmian:\n  czwartek, 26 listopada.*Dodany dzień:\n  piątek, 27 listopada", text, re.DOTALL)


def test_a_change_that_is_not_about_time_or_place_marks_no_day() -> None:
    text = body(received(change()), "plain")
    assert "Bez zmian" not in text
    assert "Wcześniej" not in text


def test_a_cancelled_place_does_not_say_that_the_session_is_cancelled() -> None:
    text = body(received(cancellation(session_cancelled=False)), "plain")
    assert "się nie odbędzie" not in text
    assert "Twoje miejsce na szkoleniu zostało zwolnione" in text


def test_the_town_is_named_unless_the_address_names_it() -> None:
    assert body(received(session_mail(address=None)), "plain").count("\n  Augustów\n") == 1
    assert body(received(session_mail()), "plain").count("\n  Augustów\n") == 0
    assert "\n  Ełk\n" in body(received(session_mail(city_name="Ełk", venue="Pełka", address=None)), "plain")


def test_a_meeting_in_another_zone_names_the_zone() -> None:
    abroad = day("day-1", "2026-11-26T09:00", "2026-11-26T15:00", zone="Europe/Vilnius")
    assert "9:00–15:00 (Europe/Vilnius)" in body(received(session_mail(meetings=(abroad,))), "plain")


def test_names_and_topics_are_text_and_never_markup() -> None:
    nasty = "<b>O'Neill & Żółć</b>"
    message = received(
        session_mail(language=Language.EN, topic_name=nasty, venue=nasty, address="]]> {{ 7*7 }} {text} %(x)s {0}"),
        Recipient("person-1", nasty, '"Ślązak" </p>', "a@example.org"),
    )
    markup = body(message, "html")
    assert "<b>" not in markup
    assert "&lt;b&gt;" in markup
    shown = html.unescape(re.sub("<[^>]*>", "", markup))
    for words in (f"Hello {nasty},", f'{nasty} "Ślązak" </p>', "]]> {{ 7*7 }} {text} %(x)s {0}"):
        assert words in shown
        assert words in body(message, "plain")
    assert message["To"].addresses[0].display_name == f'{nasty} "Ślązak" </p>'
    assert message["To"].addresses[0].addr_spec == "a@example.org"
    assert calendar(message).events[0]["SUMMARY"] == f"Training: {nasty}"


@pytest.mark.parametrize(
    "name", ["Kowalski, Jan", 'A "B" <c@d>', "Ż" * 200, "a " * 99 + "b", "Łęcka; Zażółć, (gęślą)", "=?utf-8?q?x?="]
)
def test_any_name_arrives_as_it_was_written_and_names_one_recipient(name: str) -> None:
    recipient = replace(ZANETA, given_name=name, family_name="Ćwik")
    assert to(on_the_wire(session_mail(), recipient)) == (f"{name} Ćwik", ZANETA.email)
    sent = email.message_from_bytes(on_the_wire(session_mail(), recipient))
    assert extract_recipients(sent) == [ZANETA.email]
    assert extract_sender(sent) == "powiadomienia@rollcall.example.org"


def test_polish_letters_survive_everywhere() -> None:
    letters = "ZAŻÓŁĆ GĘŚLĄ JAŹŃ zażółć gęślą jaźń öäüß"
    recipient = replace(ZANETA, family_name=letters)
    message = received(session_mail(topic_name=letters, venue=letters), recipient)
    assert letters in message["Subject"]
    assert letters in to(on_the_wire(session_mail(), recipient))[0]
    assert letters in body(message, "plain")
    assert letters in body(message, "html")
    (event,) = calendar(message).events
    assert letters in event["SUMMARY"]
    assert letters in event["LOCATION"]
    assert letters in event["ATTENDEE"].params["CN"]


@pytest.mark.parametrize("bad", ["\r", "\n", "\r\n", "\x00", "\ud800"])
@pytest.mark.parametrize(
    "field",
    [
        "topic_name",
        "city_name",
        "venue",
        "address",
        "session_id",
        "before.venue",
        "before.address",
        "before.topic_name",
    ],
)
def test_a_session_that_would_add_lines_is_refused(field: str, bad: str) -> None:
    text = f"a{bad}Bcc: b@example.org"
    *before, field = field.split(".")
    mail = change(before=with_field(told(), field, text)) if before else with_field(change(), field, text)
    with pytest.raises(ValueError, match=r"single line|must be an id"):
        shared(mail)


@pytest.mark.parametrize("bad", ["\r", "\n", "\r\n", "\x00", "\ud800"])
@pytest.mark.parametrize("field", ["given_name", "family_name", "email", "person_id"])
def test_a_recipient_that_would_add_lines_is_refused(field: str, bad: str) -> None:
    prepared = shared(session_mail())
    for value in (f"a{bad}Bcc: b@example.org", f"a@example.org{bad}"):
        with pytest.raises(ValueError, match=r"single line|must look like|must be an id"):
            RENDERER.message(prepared, with_field(ZANETA, field, value), LETTER)


@pytest.mark.parametrize("bad", ["\r", "\n", "\r\n", "\x00", " ", ""])
@pytest.mark.parametrize("field", ["message_id", "notice_id"])
def test_a_letter_that_would_add_lines_is_refused(field: str, bad: str) -> None:
    prepared = shared(session_mail())
    for value in (f"<a{bad}b: c@d>", f"<a@b>{bad}x"):
        with pytest.raises(ValueError, match=r"message_id|notice_id"):
            RENDERER.message(prepared, ZANETA, with_field(LETTER, field, value))


@pytest.mark.parametrize("field", ["sender", "sender_name", "organiser", "organiser_name", "base_url"])
def test_settings_that_would_add_lines_are_refused(field: str) -> None:
    settings = {"sender": "a@b.pl", "sender_name": "A", "organiser": "a@b.pl", "organiser_name": "A"}
    with pytest.raises(ValueError, match=r"single line|must look like|base_url"):
        Renderer(**(settings | {field: "https://a@b.pl\nBcc: c@d.pl"}))


@pytest.mark.parametrize(
    "odd", ["\x0b", "\x0c", "\x1c", "\x1e", "\x85", "\u2028", "\u2029", "\x01", "\ufdd0", "\ufdd1", "\u202e"]
)
def test_letters_that_some_programs_take_for_line_ends_become_spaces(odd: str) -> None:
    message = received(
        session_mail(topic_name=f"Woda{odd}i las", venue=f"Sala{odd}7"), replace(ZANETA, family_name=f"Nowak{odd}Kot")
    )
    assert "„Woda i las”" in message["Subject"]
    assert message["To"].addresses[0].display_name == "Żaneta Nowak Kot"
    assert "Sala 7" in body(message, "html")
    assert set(message.keys()) == set(received(session_mail()).keys())


def test_an_address_is_written_so_that_any_server_takes_it() -> None:
    message = received(session_mail(), replace(ZANETA, email="jan@żółć.pl"))
    assert message["To"].addresses[0].addr_spec == "jan@xn--kda4b0koi.pl"
    for email_address in ("no-at.example.org", "a@b@c", "a@b..pl", "a b@c.pl", "<a@b.pl>"):
        with pytest.raises(ValueError, match=r"must look like|label"):
            RENDERER.message(shared(session_mail()), replace(ZANETA, email=email_address), LETTER)


@pytest.mark.parametrize("name", ["Żaneta", "Jan", ""])
def test_an_address_in_letters_of_any_alphabet_is_written_as_it_is(name: str) -> None:
    """For servers that carry it; encoded, as names are, it would be none."""
    recipient = Recipient(
        "person-0001", name, name and 'O\'Neil \\ "Kot"', "z\u0307aneta.wiśniewska@" + "długa." * 9 + "domena.pl"
    )
    wire = RENDERER.message(shared(session_mail()), recipient, LETTER)
    (line,) = re.findall(rb"\r\nTo: (.*?)\r\n(?! )", wire, re.DOTALL)
    assert "żaneta.wiśniewska@xn--".encode() in line
    message = email.message_from_string(wire.decode(), policy=email.policy.default.clone(utf8=True))
    assert message["To"].addresses[0].username == "żaneta.wiśniewska"
    assert not message.defects
    head, _, body = wire.partition(b"\r\n\r\n")
    assert body.isascii()
    assert head.replace(line, b"").isascii()


def test_the_mails_of_a_thread_refer_to_its_root() -> None:
    message = received(session_mail(), letter=replace(LETTER, thread="<thread-1@rollcall.example.org>"))
    assert message["References"] == message["In-Reply-To"] == "<thread-1@rollcall.example.org>"
    assert "References" not in received(session_mail())


def test_the_headers_tell_people_and_programs_what_this_is() -> None:
    message = received(change())
    assert message["Message-ID"] == LETTER.message_id
    assert message["Date"].datetime == LETTER.stated_at
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Rollcall-Notice-Kind"] == "change"
    assert message["X-Rollcall-Notice"] == "notice-0003"
    assert message["Content-Language"] == "pl"
    assert str(message["From"]) == "Biuro Programu Szkoleń <powiadomienia@rollcall.example.org>"
    assert message["Reply-To"].addresses[0].addr_spec == "szkolenia@rollcall.example.org"
    assert not [name for name in message if name.lower().startswith(("list-", "bcc"))]


def test_a_letter_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        RENDERER.message(
            shared(session_mail()), ZANETA, replace(LETTER, stated_at=LETTER.stated_at.replace(tzinfo=None))
        )


@pytest.mark.parametrize("mail", EVERY_MAIL)
def test_every_line_on_the_wire_is_short_ascii(mail: PlaceMail) -> None:
    long = "Żółć " * 39 + "Ł"
    mail = replace(mail, topic_name=long, venue=long, address="x" * 200)
    wire = on_the_wire(mail, replace(ZANETA, given_name="Ż" * 200, family_name="q" * 200))
    assert wire.isascii()
    header, _, rest = wire.partition(b"\n\n")
    assert max(map(len, header.split(b"\n"))) <= 998
    bodies = [line for line in rest.split(b"\n") if not line.startswith((b"Content-", b" "))]
    assert max(map(len, bodies)) <= 76


@pytest.mark.parametrize("mail", EVERY_MAIL)
def test_the_plain_text_reads_well_by_itself(mail: PlaceMail) -> None:
    text = body(received(mail), "plain")
    assert not re.search("[<&{]", text)
    assert "\n\n\n" not in text
    assert all(len(line) <= 76 for line in text.splitlines())


@pytest.mark.parametrize("mail", EVERY_MAIL)
def test_the_html_speaks_its_language_has_headings_and_fetches_nothing(mail: PlaceMail) -> None:
    markup = body(received(mail), "html")
    assert f'<html lang="{mail.language}"' in markup
    assert len(re.findall("<h1[ >]", markup)) == 1
    assert len(re.findall("<h2[ >]", markup)) == 2
    assert "prefers-color-scheme: dark" in markup
    assert not re.search(r"<img|<link|<script|<iframe|<form|url\(|@import|src=", markup)
    assert set(re.findall(r'href="([^"]*)"', markup)) == {
        "mailto:szkolenia@rollcall.example.org",
        "https://rollcall.example.org",
    }


@pytest.mark.parametrize("mail", EVERY_MAIL)
def test_no_polish_word_guesses_a_gender(mail: PlaceMail) -> None:
    text = body(received(mail), "plain")
    assert not re.search(r"\w/[ay]\b|zgłoszon|zapisan[ya]|uczestni[ck]|Pan[ia]?\b", text)


@pytest.mark.parametrize("mail", EVERY_MAIL)
def test_the_same_values_give_the_same_bytes(mail: PlaceMail) -> None:
    assert on_the_wire(mail) == on_the_wire(replace(mail))


def test_what_is_prepared_once_serves_many_people_and_mixes_none_of_them() -> None:
    prepared = shared(session_mail(language=Language.EN))
    for number in range(3):
        recipient = Recipient(f"person-{number}", f"Name{number}", "Ź", f"n{number}@example.org")
        wire = RENDERER.message(prepared, recipient, Letter(f"<n-{number}@x.org>", f"n-{number}", LETTER.stated_at))
        message = email.message_from_bytes(wire, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        assert re.findall(r"Name\d", body(message, "plain")) == [f"Name{number}"] * 2
        assert re.findall(r"Name\d", body(message, "html")) == [f"Name{number}"] * 2
        assert calendar(message).events[0]["ATTENDEE"] == f"mailto:n{number}@example.org"


def test_a_session_without_meetings_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one meeting"):
        shared(session_mail(meetings=()))
