"""What stands on paper: read back from the PDF by other libraries than those that made it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.embedded.errors import EmbeddedError
from services.attendance.documents import printing
from services.attendance.documents.printing import UNSHOWN, attendance_list_pdf, certificate_pdf, day_pdf
from services.attendance.documents.sheets import (
    AttendanceListSheet,
    CertificateSheet,
    DaySheet,
    Listed,
    Logo,
    Programme,
    Training,
)
from services.attendance.documents.words import words_in
from services.attendance.hours import teaching_hours
from shared.contracts.model import Language
from shared.contracts.planner import Meeting
from tests.attendance.papers import codes_on, is_accessible, is_landscape, pages_of, text_of

LOGO = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 40"><rect width="120" height="40" fill="#0a3d91"/></svg>'
)
PROGRAMME = Programme(
    "Program Szkoleń dla Miast",
    "FERS.01.05-0001/26",
    "Projekt współfinansowany ze środków Unii Europejskiej",
    (Logo(LOGO, "Unia Europejska"),),
)
TRAINING = Training(
    "session-0001",
    "Adaptacja do zmian klimatu",
    "Urząd Miejski w Augustowie, sala 12",
    "ul. Młyńska 35",
    "Augustów",
    ("Łukasz Żółć", "Małgorzata Szczęśniewicz"),
)
LONG = "Małgorzata Szczęśniewicz-Brzęczyszczykiewicz"
ADDRESS = "https://szkolenia.example.org/attendance/certificates/RC-2026-0001/k7m2q9x4tbwe"


def meeting(day: int = 24, **fields: Any) -> Meeting:
    of = {"starts_local": dt.datetime(2026, 10, day, 9), "ends_local": dt.datetime(2026, 10, day, 15, 30)}  # noqa: DTZ001
    return Meeting(meeting_id=f"day-{day}", **(of | fields))


def people(number: int) -> tuple[Listed, ...]:
    return tuple(Listed(f"Żaneta Ćwierczakiewicz {one}", "Ostrowiec Świętokrzyski") for one in range(1, number + 1))


LIST = AttendanceListSheet(Language.PL, PROGRAMME, TRAINING, (meeting(),), people(3), dt.date(2026, 10, 20))
CERTIFICATE = CertificateSheet(
    Language.PL,
    PROGRAMME,
    "RC-2026-0001",
    LONG,
    "Adaptacja do zmian klimatu",
    (dt.date(2026, 10, 24), dt.date(2026, 10, 25), dt.date(2026, 11, 2)),
    790,
    dt.date(2026, 11, 3),
    address=ADDRESS,
)
DAY = DaySheet(Language.PL, PROGRAMME, TRAINING, LONG, "Suwałki", meeting(), 390, dt.date(2026, 10, 24))
EVERY: list[tuple[Callable[[Any], bytes], Any]] = [
    (attendance_list_pdf, LIST),
    (certificate_pdf, CERTIFICATE),
    (day_pdf, DAY),
]
by_name = pytest.mark.parametrize(("printed", "sheet"), EVERY, ids=["list", "certificate", "day"])


# --- what all have in common -------------------------------------------------------------------


@by_name
@pytest.mark.parametrize("language", Language)
def test_a_document_is_headed_by_the_programme_and_tagged_in_its_language(
    printed: Callable[[Any], bytes], sheet: Any, language: Language
) -> None:
    pdf = printed(dataclasses.replace(sheet, language=language))
    said = text_of(pdf)
    for part in ("Program Szkoleń dla Miast", "FERS.01.05-0001/26", "Adaptacja do zmian klimatu", "Unii Europejskiej"):
        assert part in said
    assert f"/Lang({language})".encode() in pdf.replace(b" ", b"")


@by_name
def test_the_same_sheet_is_the_same_bytes_in_another_process(printed: Callable[[Any], bytes], sheet: Any) -> None:
    code = (
        "import sys, hashlib; from tests.attendance.test_documents import EVERY;"
        f" printed, sheet = next(one for one in EVERY if one[0].__name__ == {printed.__name__!r});"
        " sys.stdout.buffer.write(printed(sheet))"
    )
    another = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"TZ": "America/New_York", "SOURCE_DATE_EPOCH": "1"},
    )
    assert another.stdout == printed(sheet)


@by_name
def test_what_a_name_is_made_of_is_never_a_command(printed: Callable[[Any], bytes], sheet: Any) -> None:
    odd = '#panic("x") *Ewa* $x$ \\ [Nowak] <a> @b // "c"'
    if isinstance(sheet, AttendanceListSheet):
        pdf = printed(dataclasses.replace(sheet, people=(Listed(odd, odd),)))
    else:
        pdf = printed(dataclasses.replace(sheet, name=odd))
    assert odd in text_of(pdf).replace("\ufffe", "-")


@by_name
def test_a_sign_that_no_font_has_costs_itself_and_not_the_document(printed: Callable[[Any], bytes], sheet: Any) -> None:
    """Or one name, pasted from somewhere, would keep everybody from their list, and the office from all papers of the session."""
    odd = "Ewa \u738b\uf0b7\U0001f642\x01 Nowak"
    if isinstance(sheet, AttendanceListSheet):
        pdf = printed(dataclasses.replace(sheet, people=(Listed(odd, odd), Listed("Żaneta Ćwik", "Łódź"))))
        assert "Żaneta Ćwik Łódź" in text_of(pdf)
    else:
        pdf = printed(dataclasses.replace(sheet, name=odd))
    assert f"Ewa {4 * UNSHOWN} Nowak" in text_of(pdf)


def test_a_sign_that_no_font_has_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each of two thousand certificates of one training would pay for the sign in its title."""
    made: list[object] = []
    compiled = printing._compiled

    def counted(*given: Any) -> bytes:
        made.append(given)
        return compiled(*given)

    monkeypatch.setattr(printing, "_compiled", counted)
    sheet = dataclasses.replace(CERTIFICATE, name="Ewa 🎉 Nowak")
    certificate_pdf(sheet)
    made.clear()
    certificate_pdf(sheet)
    assert len(made) == 1


def test_both_languages_have_the_same_words() -> None:
    assert words_in(Language.PL).keys() == words_in(Language.EN).keys()


@pytest.mark.long
@pytest.mark.parametrize("language", Language)
@by_name
def test_verapdf_finds_a_document_accessible(
    printed: Callable[[Any], bytes], sheet: Any, language: Language, tmp_path: Path
) -> None:
    try:
        said = is_accessible(printed(dataclasses.replace(sheet, language=language)), tmp_path)
    except EmbeddedError as error:
        pytest.skip(str(error))
    assert said == "PASS  ua1"


# --- the list ----------------------------------------------------------------------------------


def test_a_list_says_when_and_where_and_has_a_line_for_each_trainer_to_sign() -> None:
    said = text_of(attendance_list_pdf(LIST))
    for part in ("sobota, 24 października 2026, 9:00–15:30", "sala 12, ul. Młyńska 35", "session-0001"):
        assert part in said
    assert "Prowadzenie Łukasz Żółć Podpis" in said
    assert "Prowadzenie Małgorzata Szczęśniewicz Podpis" in said


def test_a_town_that_the_place_does_not_name_stands_behind_it() -> None:
    elsewhere = dataclasses.replace(TRAINING, venue="Dom Kultury", address="Rynek 1")
    assert "Dom Kultury, Rynek 1, Augustów" in text_of(
        attendance_list_pdf(dataclasses.replace(LIST, training=elsewhere))
    )
    named = dataclasses.replace(TRAINING, venue="Dom Kultury", address="Rynek 1, Augustów")
    assert "Augustów, Augustów" not in text_of(attendance_list_pdf(dataclasses.replace(LIST, training=named)))
    street = dataclasses.replace(TRAINING, venue="Dom Kultury", address="ul. Radomska 5", town="Radom")
    assert "ul. Radomska 5, Radom" in text_of(attendance_list_pdf(dataclasses.replace(LIST, training=street)))


def test_sixty_people_stand_in_order_over_several_pages_each_with_its_head_and_number() -> None:
    pages = pages_of(attendance_list_pdf(dataclasses.replace(LIST, people=people(60))))
    assert len(pages) == 3
    for number, page in enumerate(pages, start=1):
        assert f"strona {number} z 3" in page
        assert "Nazwisko i imię" in page
    said = " ".join(" ".join(pages).split())
    assert said.index("Ćwierczakiewicz 9 ") < said.index("Ćwierczakiewicz 10 ") < said.index("Ćwierczakiewicz 60 ")


def test_behind_the_people_there_are_empty_rows_for_who_comes_without_being_on_it() -> None:
    page = " ".join(pages_of(attendance_list_pdf(dataclasses.replace(LIST, people=people(3), empty_rows=4)))[0].split())
    assert "4 5 6 7" in page
    assert "4 5 6 7 8" not in page


def test_somebody_whose_name_is_gone_keeps_a_row_without_it() -> None:
    said = text_of(attendance_list_pdf(dataclasses.replace(LIST, people=(Listed(None, "Suwałki"),))))
    assert "1 dane usunięte lub nieznane Suwałki" in said


def test_each_day_has_a_column_to_sign_in_and_many_days_turn_the_paper() -> None:
    three = attendance_list_pdf(dataclasses.replace(LIST, meetings=tuple(meeting(day) for day in (20, 21, 22))))
    assert "Podpis 20.10.2026 Podpis 21.10.2026 Podpis 22.10.2026" in text_of(three)
    assert is_landscape(three)
    assert not is_landscape(attendance_list_pdf(LIST))


def test_more_days_than_fit_beside_each_other_are_shared_out_and_everybody_stands_there_again() -> None:
    week = attendance_list_pdf(dataclasses.replace(LIST, meetings=tuple(meeting(day) for day in range(12, 19))))
    said = text_of(week)
    assert said.count("Lista obecności Adaptacja") == 2
    assert said.count("Ćwierczakiewicz 1 ") == 2
    assert all(f"Podpis {day}.10.2026" in said for day in range(12, 19))


def test_a_meeting_by_other_clocks_or_past_midnight_says_so() -> None:
    late = meeting(24, ends_local=dt.datetime(2026, 10, 25, 1, 30), zone="Europe/London")  # noqa: DTZ001
    said = text_of(attendance_list_pdf(dataclasses.replace(LIST, meetings=(late,))))
    assert "sobota, 24 października 2026, 9:00–25 października 2026, 1:30 (Europe/London)" in said


# --- the certificate ---------------------------------------------------------------------------


def test_a_certificate_is_one_page_with_number_name_days_and_both_sorts_of_hours() -> None:
    pages = pages_of(certificate_pdf(CERTIFICATE))
    said = " ".join(pages[0].split()).replace("- ", "-").replace("--", "-")
    assert len(pages) == 1
    for part in ("nr RC-2026-0001", "w dniach 24 i 25 października 2026, 2 listopada 2026", "3 listopada 2026"):
        assert part in said
    assert "13 godz. zegarowych 10 min czyli 17,5 godz. lekcyjnych (po 45 minut)" in said


def test_a_certificate_in_english_says_the_same() -> None:
    said = text_of(certificate_pdf(dataclasses.replace(CERTIFICATE, language=Language.EN)))
    assert "on 24 and 25 October 2026, 2 November 2026" in said
    assert "13 clock hours 10 min that is 17.5 teaching hours (of 45 minutes)" in said


def test_the_code_on_a_certificate_leads_to_where_its_validity_is_seen() -> None:
    assert codes_on(certificate_pdf(CERTIFICATE)) == [ADDRESS]


def test_a_certificate_without_an_address_has_no_code() -> None:
    assert codes_on(certificate_pdf(dataclasses.replace(CERTIFICATE, address=None))) == []


def test_a_certificate_that_is_no_longer_valid_says_so_and_by_what_it_was_replaced() -> None:
    replaced = dataclasses.replace(CERTIFICATE, is_valid=False, superseded_by="RC-2026-0007")
    assert "NIEWAŻNE – zastąpione zaświadczeniem nr RC-2026-0007" in text_of(certificate_pdf(replaced))
    revoked = dataclasses.replace(CERTIFICATE, is_valid=False)
    assert "NIEWAŻNE – unieważnione" in text_of(certificate_pdf(revoked))
    assert "NIEWAŻNE" not in text_of(certificate_pdf(CERTIFICATE))


def test_the_certificate_of_somebody_erased_is_made_without_the_name() -> None:
    said = text_of(certificate_pdf(dataclasses.replace(CERTIFICATE, name=None)))
    assert "dane usunięte lub nieznane" in said
    assert "RC-2026-0001" in said


# --- the confirmation of a day -----------------------------------------------------------------


def test_the_confirmation_of_a_day_says_who_was_where_and_for_how_long() -> None:
    said = text_of(day_pdf(DAY))
    for part in ("sobota, 24 października 2026, 9:00–15:30", "Suwałki", "sala 12, ul. Młyńska 35, Augustów"):
        assert part in said
    assert "6 godz. zegarowych 30 min, czyli 8,6 godz. lekcyjnych (po 45 minut)" in said


def test_the_confirmation_of_a_day_of_unknown_length_claims_none() -> None:
    said = text_of(day_pdf(dataclasses.replace(DAY, minutes=None)))
    assert "godz." not in said
    assert "24 października 2026" in said


# --- hours -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minutes", "hours"), [(0, "0"), (45, "1"), (44, "0.9"), (480, "10.6"), (360, "8"), (89, "1.9"), (450, "10")]
)
def test_teaching_hours_are_never_more_than_there_were(minutes: int, hours: str) -> None:
    assert teaching_hours(minutes) == hours
