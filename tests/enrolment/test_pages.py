"""The page of a place: who may open it, what it says in each state and language, and that only pressing a button does anything."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import html
import itertools
import logging
import random
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import Request
from structlog.testing import capture_logs

from services.enrolment.applying import session_of
from services.enrolment.pages import place as place_page
from services.enrolment.pages.showing import Act, Shown, Time, seen_of
from shared import telemetry
from shared.contracts.directory import PersonMerged, PersonRegistered
from shared.contracts.enrolment import AskedFor, Basis, PlacesSettled, RefusalReason, Standing, WithdrawalReason
from shared.contracts.model import Language, members
from shared.contracts.planner import SessionCancelled, SessionRescheduled, TaskGiven
from shared.contracts.portal import (
    EnrolmentRequested,
    OfferAnswer,
    OfferAnswered,
    PlaceRequest,
    Reply,
    SubstitutionRequested,
)
from shared.contracts.rules import TopicDefined
from shared.contracts.selection import CityWithdrawn
from shared.deciding.commands import NotYet
from shared.outbox.journal import JOURNAL
from shared.postgres.tables import ANSWER
from shared.testing import NOON, body_of, heard
from shared.web.links import new_key
from shared.web.pages.kit import Pages
from tests.campaigns import cases
from tests.enrolment.office import OTHER, START, TOWN, membership, session
from tests.enrolment.participant import DAY, OFFICE, SIGNER, STATED, Participant, participant_at

PL, EN = Language.PL, Language.EN


@pytest.fixture
async def here(url: str) -> AsyncIterator[Participant]:
    async with participant_at(url) as participant:
        yield participant


def read(text: str) -> str:
    """What a person reads of a page."""
    body = text[text.index("<main") :]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).replace("\u2060", "").split())


def seen(text: str) -> str:
    found = re.search(r'name="seen" value="([^"]+)"', text)
    assert found is not None
    return found[1]


def buttons(text: str) -> list[str]:
    return re.findall(r'name="act" value="(\w+)"', text)


async def said(here: Participant) -> list[str]:
    of_places = JOURNAL.c.type != PlacesSettled.type_name()
    async with here.runtime.engine.connect() as connection:
        names = await connection.execute(
            sa.select(JOURNAL.c.type).where(JOURNAL.c.key == "s", of_places).order_by(JOURNAL.c.version)
        )
        return [name.split(".")[1] for (name,) in names]


# --- what it says ----------------------------------------------------------------------------


async def test_a_place_is_shown_with_what_when_where_and_for_whom_in_both_languages(here: Participant) -> None:
    await here.begin("anna")
    polish, english = await here.get(), await here.get(language=EN)
    assert (polish.status_code, english.status_code) == (200, 200)
    for part in ("Masz miejsce", "Adaptacja do zmian klimatu", "Szkolenie pogłębione", "wtorek, 1 grudnia 2026, 9:00–15:00",
                 "Urząd Miejski w Augustowie, sala 12", "ul. Młyńska 35", "Anna Żółć", "Liczymy na Twoją obecność"):  # fmt: skip
        assert part in read(polish.text), part
    for part in ("You have a place", "Climate adaptation", "In-depth training", "Tuesday, 1 December 2026, 9:00–15:00",
                 "Anna Żółć", "You are expected there"):  # fmt: skip
        assert part in read(english.text), part
    assert '<html lang="pl">' in polish.text and '<html lang="en">' in english.text


@pytest.mark.parametrize(
    ("link", "reads"),
    [
        ("https://testy.example.org/t1", "Otwórz test"),
        ("https://testy.example.org/{code}", "Twój odnośnik do testu znajdziesz w naszej wiadomości"),
    ],
)
async def test_whoever_has_a_place_reads_which_test_to_fill_in_before_as_long_as_there_is_time(
    here: Participant, link: str, reads: str
) -> None:
    until = here.clock[0] + DAY
    await here.begin("anna", "bartek", "celina", pre_test=TaskGiven(link=link, until=until))
    page = await here.get()
    assert reads in read(page.text)
    assert ('href="https://testy.example.org/t1"' in page.text) == ("{code}" not in link)
    assert "{code}" not in page.text
    assert reads not in read((await here.get("celina")).text)
    here.clock[0] = until
    assert reads not in read((await here.get()).text)


async def test_the_language_is_the_links_and_can_be_switched_on_the_page(here: Participant) -> None:
    await here.begin("anna")
    switched = await here.get(query="?lang=en")
    assert "You have a place" in switched.text and '<html lang="en">' in switched.text
    assert "Masz miejsce" in (await here.get(query="?lang=xx")).text


async def test_whoever_waits_reads_how_many_wait_before_them(here: Participant) -> None:
    await here.begin("anna", "bartek", "celina", "dawid")
    assert "Jesteś na początku listy" in read((await here.get("celina")).text)
    assert "Przed Tobą czeka jedna osoba" in read((await here.get("dawid")).text)
    assert "One person waits before you" in read((await here.get("dawid", language=EN)).text)


@pytest.mark.parametrize(("number", "words"), [(2, "czekają 2 osoby"), (5, "czeka 5 osób"), (22, "czekają 22 osoby")])
async def test_people_are_counted_as_polish_counts_them(here: Participant, number: int, words: str) -> None:
    people = [f"p{one}" for one in range(number)]
    await here.begin("anna", "bartek")
    await here.hears(*(membership(one) for one in people))
    for one in [*people, "dawid"]:
        await here.ask(one)
    assert words in read((await here.get("dawid")).text)


async def test_whoever_waits_is_promised_no_place_that_they_cannot_get(here: Participant) -> None:
    await here.begin("anna", "bartek", "celina", freeze_hours=24)
    await here.hears(session("other"), EnrolmentRequested(session_id="other", person_id="celina"))
    assert "Dopóki tak jest" in read((await here.get("celina")).text)
    here.clock[0] = START - DAY
    text = read((await here.get("celina")).text)
    assert "nie przydzielamy już miejsc" in text and "Dopóki" not in text
    page = await here.get("anna")
    assert "nikt już nie dostanie Twojego miejsca" in read(page.text) and buttons(page.text) == ["give_back"]


@pytest.mark.parametrize(("language", "words"), [(PL, "nikt inny go nie dostanie"), (EN, "nobody else gets it")])
async def test_whoever_has_a_place_beside_the_others_does_not_read_that_somebody_waits_for_it(
    here: Participant, language: Language, words: str
) -> None:
    await here.begin("anna", "bartek", "celina")
    await _set(here, basis=Basis.OFFICE.value)
    text = read((await here.get(language=language)).text)
    assert words in text and "who waits may then have" not in text and "ktoś z listy" not in text


async def test_who_asked_too_early_reads_when_enrolment_opens_until_it_has(here: Participant) -> None:
    await here.begin(opens_at=(NOON + DAY).isoformat())
    await here.ask("anna")
    assert "3 listopada 2026" in read((await here.get()).text)
    here.clock[0] = NOON + DAY
    text = read((await here.get()).text)
    assert "Już się zaczęły" in text and "3 listopada" not in text


async def test_where_towns_nominate_nobody_is_told_to_ask_themselves(here: Participant) -> None:
    await here.begin("anna", "bartek")
    await here.hears(session(model=SessionRescheduled, by_oneself=False))
    assert "nie będzie można poprosić" in read((await here.get()).text)
    await here.withdraw("anna")
    page = await here.get()
    assert "porozmawiaj z koordynatorem" in read(page.text) and buttons(page.text) == []


async def test_where_towns_nominate_whoever_answers_an_offer_too_late_reads_once_whom_to_ask(here: Participant) -> None:
    await here.begin("bartek", "anna", capacity=1, free_places="offered", offer_hours=1, by_oneself=True)
    await here.withdraw("bartek")
    await here.hears(session(model=SessionRescheduled, capacity=1, free_places="offered", by_oneself=False))
    here.clock[0] = NOON + DAY
    await here.hears(OfferAnswered(session_id="s", person_id="anna", answer=OfferAnswer.ACCEPT))
    text = read((await here.get(language=EN)).text)
    assert "could not be granted" in text
    assert "talk to your town's coordinator" in text and "Ask for a place again" not in text


async def test_a_cancelled_training_says_so_and_offers_nothing(here: Participant) -> None:
    await here.begin("anna")
    await here.hears(session(model=SessionCancelled))
    for language, words in ((PL, "To szkolenie się nie odbędzie"), (EN, "This training does not take place")):
        page = await here.get(language=language)
        assert page.status_code == 200 and words in read(page.text) and buttons(page.text) == []


@pytest.mark.parametrize(
    ("at", "polish", "english"),
    [
        (START, "Szkolenie już się rozpoczęło", "The training has begun"),
        (START + DAY, "Szkolenie już się odbyło", "This training is over"),
    ],
)
async def test_a_training_that_has_begun_or_is_over_says_so_and_offers_nothing(
    here: Participant, at: dt.datetime, polish: str, english: str
) -> None:
    await here.begin("anna")
    here.clock[0] = at
    for language, words in ((PL, polish), (EN, english)):
        page = await here.get(language=language)
        assert page.status_code == 200 and words in read(page.text) and buttons(page.text) == []


async def test_whoever_comes_by_a_mail_that_told_another_time_or_place_is_told_that_it_has_changed(
    here: Participant,
) -> None:
    await here.begin("anna")
    old = here.path()
    assert "coś się zmieniło" not in read((await here.http.get(old)).text)
    here.told = session(model=SessionRescheduled, date="2026-12-03")
    await here.hears(here.told)
    moved = read((await here.http.get(old)).text)
    assert "Od tamtej wiadomości coś się zmieniło" in moved and "czwartek, 3 grudnia 2026" in moved
    assert "coś się zmieniło" not in read((await here.get()).text)


async def test_a_place_that_a_rule_took_says_why_and_is_not_asked_for_again(here: Participant) -> None:
    await here.begin("anna")
    await here.hears(body_of(CityWithdrawn, city_id=TOWN, stage=1))
    page = await here.get()
    assert "Twoje miasto wycofało się z programu" in read(page.text) and buttons(page.text) == []


async def test_whoever_is_erased_reads_that_nothing_is_left_and_nothing_else(here: Participant) -> None:
    await here.begin("anna")
    await here.erased("anna")
    for language, words in ((PL, "zostały usunięte"), (EN, "have been erased")):
        page = await here.get(language=language)
        assert page.status_code == 410 and words in read(page.text)
        assert "Augustów" not in page.text and "Anna" not in page.text and "climate" not in page.text.lower()
    assert (await here.press("give_back", seen="1.enrolled.1")).status_code == 410


async def test_a_place_in_a_session_that_is_not_heard_of_yet_asks_for_patience(here: Participant) -> None:
    await here.begin()
    page = await here.get(session_id="another")
    assert page.status_code == 404 and "Jeszcze o tym nie wiemy" in read(page.text)


async def test_a_request_that_cannot_be_answered_yet_is_shown_and_nothing_more_is_asked(here: Participant) -> None:
    await here.begin()
    await here.ask("ewa")  # Nobody knows of which team.
    for language, words in (
        (PL, "Prośba o miejsce Mamy Twoją prośbę"),
        (EN, "You asked for a place We have your request"),
    ):
        page = await here.get("ewa", language=language)
        assert words in read(page.text) and buttons(page.text) == [] and "hx-get" in page.text


async def test_every_reason_has_a_sentence_in_both_languages(here: Participant) -> None:
    await here.begin("anna")
    await here.withdraw("anna")
    for reason in WithdrawalReason:
        await _set(here, reason=reason.value)
        assert len({read((await here.get(language=one)).text) for one in Language}) == 2
    for refusal in RefusalReason:
        await _set(here, refusal=refusal.value)
        assert "Ostatniej prośby nie można było spełnić" in read((await here.get()).text)


async def _set(here: Participant, **values: Any) -> None:
    table = sa.Table("place", sa.MetaData(), *(sa.Column(name) for name in values), schema="projection")
    async with here.runtime.engine.begin() as connection:
        await connection.execute(sa.update(table).values(values))


async def test_who_could_not_be_replaced_by_their_town_asked_for_nothing_and_is_told_of_no_refusal(
    here: Participant,
) -> None:
    await here.begin("anna")
    await here.hears(SubstitutionRequested(session_id="s", city_id=OTHER, leaves="anna", comes="dawid"))
    assert "could not be granted" not in read((await here.get(language=EN)).text)
    await here.ask("anna")
    assert "could not be granted" in read((await here.get(language=EN)).text)


async def test_what_somebody_was_refused_stays_on_their_page_when_their_town_could_not_send_them_either(
    here: Participant,
) -> None:
    await here.begin(opens_at=(NOON + DAY).isoformat())
    await here.ask("anna")
    for _ in range(2):
        await here.hears(SubstitutionRequested(session_id="s", city_id=TOWN, leaves="anna", comes="dawid"))
    page = read((await here.get(language=EN)).text)
    assert "could not be granted" in page and "Enrolment had not begun yet" in page


async def test_the_page_of_an_id_that_went_into_another_one_tells_of_what_that_has_here(here: Participant) -> None:
    await here.begin("dawid", by_oneself=True, admits={"cities": [TOWN]})
    await here.hears(OfferAnswered(session_id="s", person_id="anna", answer=OfferAnswer.ACCEPT))
    await here.hears(PersonMerged(person_id="anna", into_person_id="dawid"))
    page = await here.get(language=EN)
    assert "kept under your other entry" in read(page.text) and "could not be granted" not in read(page.text)
    await here.withdraw("dawid")
    assert "kept under your other entry" not in read((await here.get(language=EN)).text), "nobody has anything"


async def test_the_page_of_an_id_that_went_into_somebody_erased_says_that_nothing_is_left(here: Participant) -> None:
    await here.begin("anna")
    await here.hears(PersonMerged(person_id="anna", into_person_id="bartek"))
    await here.erased("bartek")
    assert (await here.get(language=EN)).status_code == 410


async def test_who_asks_again_by_the_page_of_an_id_that_has_gone_reads_where_the_place_is(here: Participant) -> None:
    await here.begin("anna")
    await here.withdraw("anna")
    await here.hears(PersonMerged(person_id="anna", into_person_id="bartek"))
    page = await here.get(language=EN)
    assert buttons(page.text) == ["ask_again"]
    await here.press("ask_again", seen=seen(page.text))
    page = await here.get(language=EN)
    assert "kept under your other entry" in read(page.text) and buttons(page.text) == []


async def test_whose_two_ids_are_two_humans_after_all_has_no_other_entry_and_may_ask(here: Participant) -> None:
    await here.begin("anna", "dawid")
    await here.hears(PersonMerged(person_id="anna", into_person_id="bartek"))
    assert "kept under your other entry" in read((await here.get(language=EN)).text)
    await here.hears(PersonRegistered(person_id="anna", given_name="Anna", family_name="Żółć"))
    page = await here.get(language=EN)
    assert "You have no place in this training" in read(page.text) and buttons(page.text) == ["ask_again"]


async def test_what_others_wrote_is_shown_as_text_and_never_as_markup(here: Participant) -> None:
    hostile = "<script>alert('1')</script>\"'&"
    await here.begin("anna", venue=hostile, address=hostile)
    await here.hears(
        PersonRegistered(person_id="anna", given_name=hostile, family_name="<b>"),
        body_of(TopicDefined, name_pl=hostile, name_en=hostile),
    )
    text = (await here.get()).text
    assert text.count("&lt;script&gt;") == 5  # Heading, title, venue, address, name.
    assert "<script" not in text and "<b>" not in text


# --- what it does ----------------------------------------------------------------------------


async def test_following_the_link_changes_nothing_however_often_and_by_whatever_is_no_post(here: Participant) -> None:
    await here.begin("anna", "bartek", "celina")
    before = await here.everything()
    for person in ("anna", "celina"):
        path = here.path(person)
        page = await here.http.get(path)
        links: list[str] = re.findall(r'href="(\?[^"]+)"', page.text)
        for query in ["", *links, "?act=give_back", f"?act=give_back&seen={seen(page.text)}"]:
            for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"):
                await here.http.request(method, path + html.unescape(query))
    assert await here.everything() == before


async def test_a_place_is_given_back_and_goes_to_whoever_waits_first(here: Participant) -> None:
    await here.begin("anna", "bartek", "celina")
    page = await here.get()
    assert buttons(page.text) == ["confirm", "give_back"]
    done = await here.press("give_back", seen=seen(page.text))
    assert done.status_code == 303
    after = await here.http.get(f"/place/{done.headers['location']}")
    assert "Miejsce zwrócone" in read(after.text) and buttons(after.text) == ["ask_again"]
    assert await here.standing() is Standing.WITHDRAWN and await here.standing("celina") is Standing.ENROLLED


async def test_a_button_pressed_twice_or_at_the_same_time_is_one_request(here: Participant) -> None:
    await here.begin("anna")
    stands = seen((await here.get()).text)
    answers = await asyncio.gather(*(here.press("give_back", seen=stands) for _ in range(5)))
    answers.append(await here.press("give_back", seen=stands))
    assert {one.status_code for one in answers} == {303}
    assert await said(here) == ["ParticipantEnrolled", "EnrolmentWithdrawn"]
    async with here.runtime.engine.connect() as connection:
        known = await connection.execute(sa.select(ANSWER.c.request_source, ANSWER.c.request_id))
        assert ("rollcall/enrolment/participant:anna", f"page.give_back.s.{stands}") in [tuple(one) for one in known]


async def test_whoever_gave_a_place_back_may_ask_again_and_give_it_back_again(here: Participant) -> None:
    await here.begin("anna")
    for act, standing in (
        ("give_back", Standing.WITHDRAWN),
        ("ask_again", Standing.ENROLLED),
        ("give_back", Standing.WITHDRAWN),
        ("ask_again", Standing.ENROLLED),
    ):
        await here.press(act, seen=seen((await here.get()).text))
        assert await here.standing() is standing


async def test_a_place_that_stands_otherwise_than_on_the_page_is_left_alone(here: Participant) -> None:
    await here.begin("anna", "bartek", "celina")
    waiting = seen((await here.get("celina")).text)
    await here.withdraw("bartek")  # Now Celina has a place, and does not know it.
    answer = await here.press("give_back", "celina", seen=waiting)
    assert answer.status_code == 409 and "W międzyczasie coś się zmieniło" in read(answer.text)
    assert await here.standing("celina") is Standing.ENROLLED
    first_life = seen((await here.get()).text)
    await here.withdraw("anna")
    await here.ask("anna")
    assert (await here.press("give_back", seen=first_life)).status_code == 409


async def test_nobody_confirms_times_that_they_have_not_read(here: Participant) -> None:
    await here.begin("anna", minimum=1)
    stands = seen((await here.get()).text)
    await here.hears(session(model=SessionRescheduled, date="2026-12-08", minimum=1))
    answer = await here.press("confirm", seen=stands)
    assert answer.status_code == 409 and "termin szkolenia" in read(answer.text)
    assert (await here.reply()) is Reply.NONE
    assert (await here.press("confirm", seen=seen(answer.text))).status_code == 303
    assert (await here.reply()) is Reply.CONFIRMED


async def test_what_is_pressed_on_a_page_of_before_the_start_comes_too_late_after_it(here: Participant) -> None:
    await here.begin("anna")
    stands = seen((await here.get()).text)
    here.clock[0] = START
    await here.press("give_back", seen=stands)
    assert await here.standing() is Standing.ENROLLED


async def test_who_asks_and_for_whom_comes_from_the_link_and_not_from_the_form(here: Participant) -> None:
    await here.begin("anna", "bartek")
    stands = seen((await here.get()).text)
    await here.http.post(
        here.path(), data={"act": "give_back", "seen": stands, "person_id": "bartek", "session_id": "x"}
    )
    assert (await here.standing("anna"), await here.standing("bartek")) == (Standing.WITHDRAWN, Standing.ENROLLED)


@pytest.mark.parametrize(
    "body",
    [b"", b"act=give_back", b"act=explode&seen=1", b"act=give_back&seen=", b"\xff\xfe", b"act=give_back&seen=" + b"1" * 99,
     b"&".join(b"a%d=1" % n for n in range(40)), b"act=give_back&seen=%00"],
)  # fmt: skip
async def test_a_form_that_says_nothing_we_know_is_a_page_that_says_so(here: Participant, body: bytes) -> None:
    await here.begin("anna")
    answer = await here.http.post(here.path(), content=body)
    assert answer.status_code == 400 and "Nie udało się tego odczytać" in read(answer.text)
    assert await here.standing() is Standing.ENROLLED


async def test_a_decision_that_cannot_be_made_now_is_a_page_that_asks_to_come_back(
    here: Participant, monkeypatch: pytest.MonkeyPatch
) -> None:
    await here.begin("anna")
    stands = seen((await here.get()).text)

    async def not_now(command: Any) -> None:
        raise NotYet("hearing")

    monkeypatch.setattr(here.runtime.commands, "submit", not_now)
    answer = await here.press("give_back", seen=stands)
    assert answer.status_code == 503 and answer.headers["retry-after"]
    assert "W tej chwili się nie udało" in read(answer.text)


# --- who may open it -------------------------------------------------------------------------


async def test_a_link_that_is_altered_forged_or_for_something_else_opens_nothing_and_tells_nothing(
    here: Participant,
) -> None:
    await here.begin("anna")
    good = here.path()
    private, _ = new_key()
    forged = dataclasses.replace(SIGNER, private_key=private)
    nobody = dataclasses.replace(SIGNER, key_id="key-9")
    bad = [
        good[:-1],
        good[:60] + ("A" if good[60] != "A" else "B") + good[61:],
        here.path(signer=forged),
        here.path(signer=nobody),
        here.path(audience="attendance"),
        "/place/x",
        "/place/" + "x" * 2000,
    ]
    answers = [await here.http.get(one, headers={"Accept-Language": "de, en;q=0.7, pl;q=0.3"}) for one in bad]
    assert [one.status_code for one in answers] == [404] * len(bad)
    assert len({one.text for one in answers}) == 1  # Whoever has no link learns nothing from what they get.
    assert "This link does not open anything" in answers[0].text and "szkolenia@rollcall.example.org" in answers[0].text
    posted = [await here.http.post(one, data={"act": "give_back", "seen": "1.enrolled.1"}) for one in bad]
    assert [one.status_code for one in posted] == [404] * len(bad)
    assert await here.standing() is Standing.ENROLLED


async def test_a_link_whose_time_is_over_says_so_in_the_language_of_whom_it_was_for(here: Participant) -> None:
    await here.begin("anna")
    here.clock[0] = START + 40 * DAY
    for language, words in ((PL, "Ten link stracił ważność"), (EN, "This link has expired")):
        page = await here.get(language=language)
        assert page.status_code == 410 and words in read(page.text) and "Anna" not in page.text


async def test_a_key_that_is_withdrawn_opens_nothing_any_more(here: Participant) -> None:
    await here.begin("anna")
    await here.hears(STATED.model_copy(update={"verifies_until": NOON}))
    assert (await here.get()).status_code == 410


# --- how it is answered ----------------------------------------------------------------------


async def test_every_page_carries_the_strict_headers_and_nothing_inline(here: Participant) -> None:
    await here.begin("anna", "bartek", "celina")
    pages = [
        await here.get(),
        await here.get("celina"),
        await here.http.get("/place/x"),
        await here.press("give_back", seen="9.enrolled.9"),
        await here.http.post(here.path(), content=b"\xff"),
        await here.press("give_back", seen=seen((await here.get()).text)),
    ]
    for page in pages:
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert not re.search(r"<style|style=|\son\w+=|javascript:|<script(?![^>]* src=)", page.text)


async def test_the_address_of_a_page_is_in_no_log(
    here: Participant, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    await here.begin("anna")

    async def broken(*_: Any) -> None:
        raise LookupError("a fault of ours")

    monkeypatch.setattr(place_page.reading, "place", broken)
    with caplog.at_level(logging.DEBUG), capture_logs() as lines:
        page = await here.get()
    assert page.status_code == 500 and "To nasza wina" in read(page.text)
    ours = [one.getMessage() for one in caplog.records if not one.name.startswith("httpx")]  # The browser's own.
    said = repr([telemetry.without_texts(None, "error", line) for line in lines]) + repr(ours)
    token = here.path().rpartition("/")[2]
    assert "failed in our own code" in said and "LookupError" in said
    assert [part for part in token.split(".") if part in said] == []


async def test_no_token_is_in_anything_that_is_kept(here: Participant) -> None:
    await here.begin("anna")
    stands = seen((await here.get()).text)
    await here.press("give_back", seen=stands)
    signature = here.path().rpartition(".")[2]
    async with here.runtime.engine.connect() as connection:
        for metadata in here.runtime.service.metadata():
            for table in metadata.sorted_tables:
                rows = (await connection.execute(sa.select(table))).all()
                assert signature not in repr(rows), table


async def test_a_page_that_may_change_looks_again_and_is_told_only_of_news(here: Participant) -> None:
    await here.begin("anna", "bartek", "celina")
    assert "hx-get" not in (await here.get()).text
    text = (await here.get("celina")).text
    (again,) = re.findall(r'hx-get="([^"]+)"', text)
    assert (await here.http.get(here.path("celina") + html.unescape(again))).status_code == 204
    await here.withdraw("anna")
    news = await here.http.get(here.path("celina") + html.unescape(again))
    assert news.status_code == 200 and "Masz miejsce" in news.text


async def test_what_a_page_loads_is_served_under_its_hash_for_ever(here: Participant) -> None:
    await here.begin("anna")
    text = (await here.get()).text
    loaded = re.findall(r'(?:href|src)="\.\./(pages/[^"]+)"', text)
    assert len(loaded) == 2 and "htmx" not in text
    for path in loaded:
        answer = await here.http.get(f"/{path}")
        assert answer.status_code == 200 and "immutable" in answer.headers["cache-control"]
    assert (await here.http.get("/pages/pages.css")).status_code == 404


def test_every_act_is_a_request_with_an_id_of_its_own() -> None:
    seen = seen_of(None, session_of(heard(session())))
    assert len(seen) <= place_page.SEEN_MOST
    assert len({place_page.request_id(act, "s", seen) for act in Act}) == len(Act)
    assert {place_page.request_of(act, "s", "p").asks_for for act in Act} == {"place", "withdrawal", "offer", "reply"}


@pytest.mark.campaign
@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("time", list(Time))
def test_every_state_is_a_whole_page_in_both_languages(time: Time, language: Language) -> None:
    pages = Pages("services.enrolment.pages", OFFICE)
    request = Request({"type": "http", "method": "GET", "path": "/place/x", "query_string": b"", "headers": []})
    row = session_of(heard(session()))
    asked_by_them = [AskedFor(request.asks_for) for request in members(PlaceRequest)]
    whole = itertools.product(Standing, [None, *WithdrawalReason], [None, *asked_by_them], (0, 3), (False, True), Act)
    states = list(whole)
    titles = set()
    for standing, reason, waits, ahead, flag, act in random.Random(7).sample(states, min(cases(2000), len(states))):
        place = Shown(
            row,
            time,
            standing,
            reason,
            None,
            Reply.NONE,
            NOON,
            ahead,
            waits,
            NOON,
            "Temat",
            None,
            "",
            TaskGiven(link="https://testy.example.org/", until=NOON) if flag else None,
            flag,
            (act,),
            may_ask_again=flag,
            are_given=ahead == 0,
            is_extra=flag,
            opens_at=None,
            is_elsewhere=flag,
            seen="1.x.1.x",
        )
        page = bytes(pages.answer(request, "place.html", language, place=place, overtaken=flag).body).decode()
        assert page.count("<h1>") == 1 and page.count('class="lead"') == 1 and "None" not in page
        titles |= set(re.findall("<title>(.*?):", page))
    assert len(titles) == (5 if time is Time.AHEAD else 1)
