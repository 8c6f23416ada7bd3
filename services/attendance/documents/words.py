"""The words of the documents, in both languages. Polish says nothing that gives away whether a woman or a man is meant."""

from __future__ import annotations

from typing import assert_never

from shared.contracts.model import Language

_PL = {
    "project": "projekt nr",
    "attendance_list": "Lista obecności",
    "when": "Termin",
    "place": "Miejsce",
    "trainer": "Prowadzenie",
    "session": "Kod szkolenia",
    "number": "Lp.",
    "name": "Imię i nazwisko",
    "listed_name": "Nazwisko i imię",
    "town": "Miasto",
    "signature": "Podpis",
    "nameless": "dane usunięte lub nieznane",
    "as_of": "stan na",
    "page": "strona",
    "of": "z",
    "certificate": "Zaświadczenie nr",
    "certificate_title": "Zaświadczenie",
    "certificate_number": "nr",
    "certifies": "Niniejszym potwierdza się udział:",
    "took_part": "w szkoleniu",
    "hours": "Wymiar udziału",
    "that_is": "czyli",
    "clock": "godz. zegarowych",
    "minutes": "min",
    "teaching": "godz. lekcyjnych (po 45 minut)",
    "on_day": "w dniu",
    "on_days": "w dniach",
    "and": "i",
    "code_shows": "Kod QR: strona, na której widać, czy zaświadczenie jest ważne",
    "code_leads": "Ważność można sprawdzić na stronie:",
    "signature_of_office": "podpis w imieniu organizatora",
    "issued_on": "Data wystawienia:",
    "supersedes": "Zastępuje zaświadczenie nr",
    "superseded": "NIEWAŻNE – zastąpione zaświadczeniem nr {number}",
    "revoked": "NIEWAŻNE – unieważnione",
    "day_title": "Potwierdzenie obecności na szkoleniu",
    "confirms": "Na podstawie listy obecności potwierdza się, że w szkoleniu wskazanego dnia wzięła udział osoba:",
    "sent_by": "Z miasta",
    "training": "Szkolenie",
    "day": "Dzień",
    "presence": "Czas obecności",
    "recorded_on": "Zapis na liście z dnia",
    "no_certificate": "Potwierdzenie służy rozliczeniu podróży i nie zastępuje zaświadczenia o udziale w szkoleniu.",
    "place_and_date": "miejscowość i data",
}
_EN = {
    "project": "project no.",
    "attendance_list": "Attendance list",
    "when": "When",
    "place": "Place",
    "trainer": "Trainer",
    "session": "Session code",
    "number": "No.",
    "name": "Name",
    "listed_name": "Family name, given name",
    "town": "Town",
    "signature": "Signature",
    "nameless": "erased or unknown",
    "as_of": "as of",
    "page": "page",
    "of": "of",
    "certificate": "Certificate no.",
    "certificate_title": "Certificate",
    "certificate_number": "no.",
    "certifies": "This is to certify the attendance of",
    "took_part": "at the training",
    "hours": "Attended",
    "that_is": "that is",
    "clock": "clock hours",
    "minutes": "min",
    "teaching": "teaching hours (of 45 minutes)",
    "on_day": "on",
    "on_days": "on",
    "and": "and",
    "code_shows": "QR code: the page that shows whether the certificate is valid",
    "code_leads": "Whether it is valid can be seen at:",
    "signature_of_office": "signature for the organiser",
    "issued_on": "Issued on",
    "supersedes": "It replaces certificate no.",
    "superseded": "NOT VALID – replaced by certificate no. {number}",
    "revoked": "NOT VALID – revoked",
    "day_title": "Confirmation of attendance",
    "confirms": "By the attendance list it is confirmed that on this day of the training there was present:",
    "sent_by": "Town",
    "training": "Training",
    "day": "Day",
    "presence": "Time present",
    "recorded_on": "Entered on the list on",
    "no_certificate": "This confirmation is for a travel claim; it does not replace a certificate of the training.",
    "place_and_date": "place and date",
}
LOCALES = {Language.PL: "pl_PL", Language.EN: "en_GB"}


def words_in(language: Language) -> dict[str, str]:
    match language:
        case Language.PL:
            return _PL
        case Language.EN:
            return _EN
        case never:
            assert_never(never)
