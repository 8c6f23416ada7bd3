"""How large the demo is and where its hard cases stand. Holds numbers only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scale = Literal["full", "small"]


@dataclass(frozen=True, slots=True)
class Shape:
    """One size of the demo. Positions count the phase-2 sessions of one kind in the order they are planned."""

    towns: tuple[int, int, int]
    """Towns selected in both stages, in stage 1 only, on the reserve list."""
    story_town: str
    people: int
    team: tuple[int, int]
    """Smallest and largest team."""

    supplementary: tuple[int, int]
    """Sessions in phase 1 (the last one takes place today) and in phase 2."""
    in_depth: tuple[int, int]
    regions: tuple[int, int]
    """Groups of neighbouring towns that share in-depth sessions, by phase."""
    in_depth_seats: tuple[int, int]
    unrecorded_every: int
    """Every so many past sessions nobody scanned."""

    tight: frozenset[int]
    raised: frozenset[int]
    moved: frozenset[int]
    relocated: frozenset[int]
    cancelled: frozenset[int]

    oversubscribed: frozenset[int]
    announced_late: frozenset[int]
    born_cancelled: frozenset[int]
    in_depth_moved: frozenset[int]
    in_depth_relocated: frozenset[int]
    in_depth_cancelled: frozenset[int]
    called: tuple[int, ...]
    """Those for which towns are called to nominate; the first is that of the story."""
    called_seats: int
    late_towns: int
    """So many towns nominate for each when its places are taken already."""

    left_before: int
    leave: int
    leave_mid_season: int
    move: int
    unreachable: int
    absent_today: int
    scanned_twice: int
    give_back: int
    """Supplementary sessions, beside the tight ones, in which one member gives the place back."""
    refused_each: int


FULL = Shape(
    towns=(29, 25, 12),
    story_town="Sanok",
    people=1800,
    team=(25, 45),
    supplementary=(162, 58),
    in_depth=(24, 26),
    regions=(8, 5),
    in_depth_seats=(18, 30),
    unrecorded_every=17,
    tight=frozenset({0, 1, 2, 3, 4, 33}),
    raised=frozenset({29, 30, 31}),
    moved=frozenset({8, 9, 10, 28, 40}),
    relocated=frozenset({12, 13, 44}),
    cancelled=frozenset({15, 16, 20, 47}),
    oversubscribed=frozenset({0, 5, 10, 15, 20}),
    announced_late=frozenset({1, 12}),
    born_cancelled=frozenset({2}),
    in_depth_moved=frozenset({8}),
    in_depth_relocated=frozenset({6}),
    in_depth_cancelled=frozenset({7, 18}),
    called=(24, 3, 9, 11, 14, 17, 19, 22, 25),
    called_seats=20,
    late_towns=9,
    left_before=12,
    leave=15,
    leave_mid_season=3,
    move=6,
    unreachable=3,
    absent_today=3,
    scanned_twice=4,
    give_back=12,
    refused_each=5,
)

SMALL = Shape(
    towns=(3, 2, 1),
    story_town="Bielsk Podlaski",
    people=60,
    team=(10, 14),
    supplementary=(5, 4),
    in_depth=(1, 9),
    regions=(1, 1),
    in_depth_seats=(8, 9),
    unrecorded_every=3,
    tight=frozenset({0}),
    raised=frozenset({3}),
    moved=frozenset({2}),
    relocated=frozenset(),
    cancelled=frozenset({1}),
    oversubscribed=frozenset({0}),
    announced_late=frozenset({1}),
    born_cancelled=frozenset({2}),
    in_depth_moved=frozenset(),
    in_depth_relocated=frozenset(),
    in_depth_cancelled=frozenset(),
    called=(8, 3, 4, 5, 6, 7),
    called_seats=6,
    late_towns=2,
    left_before=1,
    leave=1,
    leave_mid_season=1,
    move=1,
    unreachable=1,
    absent_today=1,
    scanned_twice=1,
    give_back=1,
    refused_each=1,
)

SHAPES: dict[Scale, Shape] = {"full": FULL, "small": SMALL}
