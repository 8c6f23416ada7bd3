"""What the HR directory says: people, how to reach them, and the project teams they belong to."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from demo import names
from demo.days import morning
from demo.feed import DIRECTORY, Feed
from demo.shape import Shape
from demo.towns import Town
from shared.contracts.directory import ContactRegistered, MemberKind, PersonRegistered, TeamMemberJoined, TeamMemberLeft
from shared.contracts.model import Language

ENGLISH_SHARE = 0.06
JOINED_LATER_SHARE = 0.1


class Fate(Enum):
    """What becomes of a person in the demo."""

    STAYS = auto()
    LEFT = auto()
    """The membership ended weeks ago."""
    LEAVES = auto()
    LEAVES_MID_SEASON = auto()
    MOVES = auto()
    UNREACHABLE = auto()
    """In a team, but the directory has no address."""
    TEAMLESS = auto()
    """Registered, and in no team that anyone has heard of."""


@dataclass(frozen=True, slots=True)
class Person:
    """One invented person with the place in a town's team."""

    person_id: str
    given_name: str
    family_name: str
    email: str
    language: Language
    city_id: str
    department: str
    role: str
    kind: MemberKind
    from_date: dt.date
    until_date: dt.date | None
    fate: Fate

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}"

    @property
    def requests(self) -> bool:
        """Whether the demo lets this person ask for anything: only those whose answer no order of events can change."""
        return self.fate is Fate.STAYS

    def member_during(self, first: dt.date, last: dt.date) -> bool:
        """Whether the person belongs to the team at a training that runs from the first to the last day."""
        return (
            self.fate is not Fate.TEAMLESS
            and self.from_date <= last
            and (self.until_date is None or self.until_date >= first)
        )


def gather_teams(shape: Shape, towns: list[Town], today: dt.date, rng: random.Random) -> dict[str, list[Person]]:
    """The team of every town that qualified in stage 1, by city id; coordinators first."""
    hosts = [town for town in towns if town.stage_1 == "qualified"]
    fates = _fates(shape, hosts)
    addresses: Counter[str] = Counter()
    numbers = iter(range(1, shape.people + 1))
    teams: dict[str, list[Person]] = {}
    for town, size in zip(hosts, _team_sizes(shape, hosts, rng), strict=True):
        formed = today - dt.timedelta(days=rng.randint(190, 210))
        coordinators = rng.choice((1, 1, 2))
        reserved = fates[town.city_id]
        teams[town.city_id] = []
        for place in range(size):
            fate = reserved[size - 1 - place] if size - 1 - place < len(reserved) else Fate.STAYS
            kind = _kind(place, coordinators, rng)
            person = _person(f"person-{next(numbers):04d}", town, kind, formed, fate, addresses, today, rng)
            teams[town.city_id].append(person)
    return teams


def say_people(feed: Feed, teams: dict[str, list[Person]]) -> None:
    """Registers everyone, with address and membership, in the order the teams were formed."""
    for team in teams.values():
        for number, person in enumerate(team):
            at = morning(person.from_date) + dt.timedelta(seconds=number)
            registered = PersonRegistered(
                person_id=person.person_id, given_name=person.given_name, family_name=person.family_name
            )
            feed.say(registered, DIRECTORY, at)
            if person.fate is not Fate.UNREACHABLE:
                contact = ContactRegistered(person_id=person.person_id, email=person.email, language=person.language)
                feed.say(contact, DIRECTORY, at)
            if person.until_date is not None:
                # The directory sends only how things stand: the earlier version of this membership is never heard.
                left = TeamMemberLeft.model_validate(membership(person) | {"until_date": person.until_date})
                feed.say(left, DIRECTORY, morning(person.until_date), version=2)
            elif person.fate is not Fate.TEAMLESS:
                feed.say(TeamMemberJoined.model_validate(membership(person)), DIRECTORY, at)


def membership(person: Person) -> dict[str, object]:
    """The body of the person's membership, without its end."""
    return {
        "person_id": person.person_id,
        "city_id": person.city_id,
        "from_date": person.from_date,
        "department": person.department,
        "role": person.role,
        "kind": person.kind,
    }


def _fates(shape: Shape, hosts: list[Town]) -> dict[str, list[Fate]]:
    """Which fates each town's team holds: spread over the towns of both stages, where trainings lie ahead."""
    ahead = [town for town in hosts if town.stage_2 == "qualified"]
    story, others = ahead[-1], ahead[:-1]
    fates: dict[str, list[Fate]] = defaultdict(list)
    for count, fate, first, stride in (
        (shape.left_before, Fate.LEFT, 1, 2),
        (shape.leave, Fate.LEAVES, 1, 1),
        (shape.leave_mid_season, Fate.LEAVES_MID_SEASON, 0, 2),
        (shape.move, Fate.MOVES, 5, 1),
    ):
        for number in range(count):
            fates[others[(first + number * stride) % len(others)].city_id].append(fate)
    fates[story.city_id] += [Fate.UNREACHABLE] * shape.unreachable
    fates[next(town for town in hosts if town.stage_2 != "qualified").city_id].append(Fate.TEAMLESS)
    return fates


def _team_sizes(shape: Shape, hosts: list[Town], rng: random.Random) -> list[int]:
    """Team sizes that grow with the town and add up to the people of the demo."""
    smallest, largest = shape.team
    populations = [town.population for town in hosts]
    low, high = min(populations), max(populations)
    sizes = []
    for population in populations:
        by_size = smallest + (largest - smallest) * (population - low) / max(1, high - low)
        sizes.append(max(smallest, min(largest, round(by_size) + rng.randint(-3, 5))))
    while (missing := shape.people - sum(sizes)) != 0:
        step = 1 if missing > 0 else -1
        place = rng.randrange(len(sizes))
        if smallest <= sizes[place] + step <= largest:
            sizes[place] += step
    return sizes


def _kind(place: int, coordinators: int, rng: random.Random) -> MemberKind:
    if place < coordinators:
        return MemberKind.COORDINATOR
    return MemberKind.PROJECT_STAFF if rng.random() < 0.25 else MemberKind.DEPARTMENT_STAFF


def _person(
    person_id: str,
    town: Town,
    kind: MemberKind,
    formed: dt.date,
    fate: Fate,
    addresses: Counter[str],
    today: dt.date,
    rng: random.Random,
) -> Person:
    woman = rng.random() < 0.6
    given = rng.choice(names.WOMEN if woman else names.MEN)
    surname = rng.choice(names.SURNAMES)
    family = names.woman_form(surname) if woman else surname
    roles, department = {
        MemberKind.COORDINATOR: ((names.COORDINATOR_ROLE,), names.PROJECT_OFFICE),
        MemberKind.PROJECT_STAFF: (names.PROJECT_ROLES, names.PROJECT_OFFICE),
        MemberKind.DEPARTMENT_STAFF: (names.DEPARTMENT_ROLES, rng.choice(names.DEPARTMENTS)),
    }[kind]
    role = rng.choice(roles)[0 if woman else 1]
    later = kind is not MemberKind.COORDINATOR and rng.random() < JOINED_LATER_SHARE
    return Person(
        person_id=person_id,
        given_name=given,
        family_name=family,
        email=_address(given, family, addresses),
        language=Language.EN if rng.random() < ENGLISH_SHARE else Language.PL,
        city_id=town.city_id,
        department=department,
        role=role,
        kind=kind,
        from_date=formed + dt.timedelta(days=rng.randint(20, 100)) if later else formed,
        until_date=today - dt.timedelta(days=rng.randint(25, 45)) if fate is Fate.LEFT else None,
        fate=fate,
    )


def _address(given: str, family: str, addresses: Counter[str]) -> str:
    """An address of its own for everyone, also for people of the same name."""
    local_part = f"{names.ascii_of(given)}.{names.ascii_of(family)}"
    addresses[local_part] += 1
    number = addresses[local_part]
    return f"{local_part}{number if number > 1 else ''}@example.org"


def everyone(teams: dict[str, list[Person]]) -> Iterator[Person]:
    """All people of all teams, in the order of their ids."""
    for team in teams.values():
        yield from team
