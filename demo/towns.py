"""The towns of the competition: read from `towns.csv` and grouped into regions. Says nothing to anyone."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from demo.shape import Shape

TOWNS_FILE = Path(__file__).with_name("towns.csv")


@dataclass(frozen=True, slots=True)
class Town:
    """One town with its outcome in both stages: an example, not the official list."""

    city_id: str
    name: str
    voivodeship: str
    population: int
    latitude: float
    longitude: float
    stage_1: str
    stage_2: str

    @property
    def number(self) -> str:
        return self.city_id.partition(":")[2]


@dataclass(frozen=True, slots=True)
class Region:
    """Neighbouring towns, and the one that all of them reach most conveniently."""

    host: Town
    towns: tuple[Town, ...]


def read_towns(shape: Shape) -> list[Town]:
    """The towns of the demo; those of both stages first, the town of the story as the last of them."""
    with TOWNS_FILE.open(encoding="utf-8", newline="") as file:
        every = [
            Town(
                city_id=row["city_id"],
                name=row["name"],
                voivodeship=row["voivodeship"],
                population=int(row["population"]),
                latitude=float(row["latitude"]),
                longitude=float(row["longitude"]),
                stage_1=row["stage_1"],
                stage_2=row["stage_2"],
            )
            for row in csv.DictReader(file)
        ]
    both = [town for town in every if town.stage_2 == "qualified"][: shape.towns[0]]
    both.sort(key=lambda town: town.name == shape.story_town)
    once = [town for town in every if town.stage_1 == "qualified" and town.stage_2 != "qualified"][: shape.towns[1]]
    reserve = [town for town in every if town.stage_1 == "reserve"][: shape.towns[2]]
    return both + once + reserve


def kilometres(one: Town, other: Town) -> float:
    """How far apart two towns are, as the crow flies; good enough across Poland."""
    east = (one.longitude - other.longitude) * math.cos(math.radians((one.latitude + other.latitude) / 2))
    return 111.2 * math.hypot(one.latitude - other.latitude, east)


def regions_of(towns: list[Town], count: int) -> list[Region]:
    """Groups the towns around `count` hosts, each central to its own group."""
    hosts = [_central(towns)]
    while len(hosts) < count:
        hosts.append(max(towns, key=lambda town: min(kilometres(town, host) for host in hosts)))
    for _ in range(10):
        groups: dict[str, list[Town]] = {host.city_id: [] for host in hosts}
        for town in towns:
            groups[min(hosts, key=lambda host: kilometres(town, host)).city_id].append(town)
        hosts = [_central(group) for group in groups.values()]
    return [Region(host, tuple(group)) for host, group in zip(hosts, groups.values(), strict=True)]


def _central(towns: list[Town]) -> Town:
    return min(towns, key=lambda town: sum(kilometres(town, other) for other in towns))
