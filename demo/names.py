"""What the invented people, departments, rooms and topics of the demo are called. Holds words, draws none of them."""

from __future__ import annotations

import unicodedata


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


WOMEN = _words(
    "Agata Agnieszka Aleksandra Alicja Alina Aneta Anna Barbara Beata Bogumiła Bożena Celina Danuta Daria Dominika "
    "Dorota Edyta Elżbieta Emilia Ewa Ewelina Gabriela Grażyna Halina Hanna Helena Honorata Ilona Irena Iwona "
    "Izabela Jadwiga Janina Joanna Jolanta Julia Justyna Kamila Karolina Katarzyna Kinga Klaudia Krystyna Lidia "
    "Lucyna Łucja Magdalena Maja Małgorzata Maria Mariola Marta Martyna Milena Monika Natalia Nina Olga Oliwia "
    "Patrycja Paulina Renata Róża Sabina Sylwia Teresa Urszula Wanda Weronika Wiesława Wioletta Zofia Zuzanna "
    "Żaneta"
)

MEN = _words(
    "Adam Adrian Aleksander Andrzej Antoni Arkadiusz Artur Bartłomiej Bartosz Błażej Bogdan Cezary Damian Daniel "
    "Dariusz Dawid Dominik Edward Emil Filip Franciszek Grzegorz Henryk Hubert Ignacy Jacek Jakub Jan Janusz "
    "Jarosław Jerzy Józef Kacper Kamil Karol Kazimierz Konrad Krystian Krzysztof Leszek Łukasz Maciej Marcin Marek "
    "Mariusz Mateusz Michał Mikołaj Mirosław Norbert Oskar Patryk Paweł Piotr Przemysław Radosław Rafał Robert "
    "Roman Ryszard Sebastian Sławomir Stanisław Stefan Szymon Tadeusz Tomasz Waldemar Wiesław Wiktor Witold "
    "Wojciech Zbigniew Zdzisław"
)

SURNAMES = _words(
    "Adamczyk Adamski Andrzejewski Baran Baranowski Bąk Bednarek Bielecki Biernat Błaszczyk Borkowski Borowski "
    "Brzeziński Cebula Chmielewski Chojnacki Cichy Cieślak Czajkowski Czarnecki Czerwiński Dąbek Dąbrowski Domański "
    "Drozd Duda Dudek Dziedzic Fijałkowski Filipek Gajda Gajewski Gałązka Głowacki Gołębiowski Górecki Górski "
    "Grabowski Grzelak Gutowski Jabłoński Jakubowski Janicki Jankowski Jaworski Jędrzejczak Jóźwiak Kaczmarek "
    "Kaczor Kalinowski Kasprzak Kaźmierczak Kędzierski Kłos Kołodziej Konieczny Kopeć Kosiński Kowalczyk Kowalewski "
    "Kozioł Kozłowski Krajewski Krawczyk Krupa Kubiak Kucharski Kujawa Kurek Kwiatkowski Lasota Laskowski Leśniak "
    "Lewandowski Lipiński Łapiński Łuczak Maciejewski Madej Majchrzak Majewski Makowski Malinowski Marciniak "
    "Markiewicz Marszałek Matuszak Mazurek Michalik Mikołajczyk Milczarek Mroczek Mróz Murawski Musiał Nawrocki "
    "Niedzielski Niemiec Nowacki Nowicki Olejniczak Orłowski Osiński Ostrowski Owczarek Pająk Pawlak Pawłowski "
    "Piątek Pietrzak Piotrowski Polak Pospieszny Przybylski Rogowski Rosiński Rudnicki Rutkowski Rybak Sadowski "
    "Sikora Sikorski Skiba Skowroński Słowik Smoleń Sobczak Sokołowski Sroka Stachowiak Stankiewicz Stasiak Stępień "
    "Strzelecki Surma Szczepański Szewczyk Szulc Szydłowski Szymański Śliwa Świątek Tomczak Trojanowski Tryba Turek "
    "Urban Walczak Walkowiak Wasilewski Wawrzyniak Wesoły Wierzbicki Wilczek Wilk Wiśniewski Witkowski Włodarczyk "
    "Woźniak Wójcik Wrona Wróblewski Wysocki Zając Zalewski Zawadzki Zielony Zięba Ziółkowski Żak Żurawski Żyła"
)

DEPARTMENTS = (
    "Wydział Ochrony Środowiska",
    "Wydział Inwestycji i Remontów",
    "Wydział Gospodarki Komunalnej",
    "Wydział Rozwoju i Funduszy Zewnętrznych",
    "Wydział Planowania Przestrzennego",
    "Wydział Spraw Społecznych",
    "Wydział Edukacji, Kultury i Sportu",
    "Wydział Finansowy",
    "Biuro Promocji i Komunikacji",
    "Biuro Obsługi Inwestora",
    "Miejski Ośrodek Pomocy Społecznej",
    "Centrum Usług Społecznych",
    "Zarząd Dróg Miejskich",
    "Referat Zieleni Miejskiej",
    "Referat Zamówień Publicznych",
    "Referat Informatyki i Cyfryzacji",
)
PROJECT_OFFICE = "Biuro Projektu"

PROJECT_ROLES = (
    ("kierowniczka projektu", "kierownik projektu"),
    ("specjalistka ds. projektu", "specjalista ds. projektu"),
    ("specjalistka ds. rozliczeń", "specjalista ds. rozliczeń"),
    ("asystentka projektu", "asystent projektu"),
)
DEPARTMENT_ROLES = (
    ("naczelniczka", "naczelnik"),
    ("zastępczyni naczelnika", "zastępca naczelnika"),
    ("główna specjalistka", "główny specjalista"),
    ("starsza specjalistka", "starszy specjalista"),
    ("inspektorka", "inspektor"),
    ("podinspektorka", "podinspektor"),
    ("referentka", "referent"),
)
COORDINATOR_ROLE = ("koordynatorka miasta", "koordynator miasta")

TOPICS = (
    ("climate", "Adaptacja do zmian klimatu", "Climate adaptation"),
    ("ageing", "Starzejące się społeczeństwo", "An ageing society"),
    ("economy", "Przedsiębiorczość i lokalna gospodarka", "Entrepreneurship and the local economy"),
    ("participation", "Współpraca z mieszkańcami", "Working with residents"),
    ("accessibility", "Dostępność usług publicznych", "Accessible public services"),
    ("funding", "Finansowanie projektów miejskich", "Funding urban projects"),
)
COMMON_TOPICS = 3
"""The first three topics are the programme's own; the others were declared by towns."""

AUDIENCES = {
    "climate": "wydziały ochrony środowiska i inwestycji",
    "ageing": "ośrodek pomocy społecznej i wydział spraw społecznych",
    "economy": "biuro obsługi inwestora i wydział rozwoju",
    "participation": "biuro projektu i biuro promocji",
    "accessibility": "wydziały obsługujące mieszkańców",
    "funding": "wydział finansowy i biuro projektu",
}

TOWN_VENUES = (
    "Urząd Miejski, sala konferencyjna",
    "Urząd Miejski, sala 12",
    "Urząd Miejski, sala narad",
    "Miejska Biblioteka Publiczna, sala multimedialna",
    "Miejski Dom Kultury, sala kameralna",
    "Centrum Usług Społecznych, sala szkoleniowa",
    "Zespół Szkół nr 1, aula",
    "Inkubator Przedsiębiorczości, sala A",
)
REGION_VENUES = (
    "Centrum Konferencyjne Rynek, sala Błękitna",
    "Hotel Pod Lipami, sala konferencyjna",
    "Regionalne Centrum Edukacji, sala 2",
    "Dom Technika, sala wykładowa",
)
STREETS = (
    "ul. Młyńska",
    "ul. Kościuszki",
    "ul. 3 Maja",
    "ul. Mickiewicza",
    "ul. Sienkiewicza",
    "ul. Ogrodowa",
    "ul. Lipowa",
    "ul. Szkolna",
    "ul. Kolejowa",
    "Rynek",
    "pl. Wolności",
    "ul. Piłsudskiego",
)

WITHDRAWAL_REASONS = ("urlop w tym tygodniu", "wyjazd służbowy", "kolizja terminów", None)
CANCELLATION_REASONS = ("choroba prowadzącego", "awaria w budynku", "połączono z innym terminem")
TOWN_WITHDRAWAL_REASON = "uchwała rady miejskiej"

_NOT_DECOMPOSED = str.maketrans("łŁ", "lL")


def woman_form(surname: str) -> str:
    """The surname as a woman bears it: Górski becomes Górska, Konieczny becomes Konieczna, Wójcik stays."""
    if surname.endswith(("ski", "cki", "dzki")):
        return surname[:-1] + "a"
    if surname.endswith("y"):
        return surname[:-1] + "a"
    return surname


def ascii_of(text: str) -> str:
    """The text in lower-case ASCII letters, as it stands in a mail address: Żaneta Łuczak becomes zanetaluczak."""
    folded = unicodedata.normalize("NFKD", text.translate(_NOT_DECOMPOSED)).encode("ascii", "ignore").decode()
    return "".join(letter for letter in folded.lower() if letter.isalnum())
