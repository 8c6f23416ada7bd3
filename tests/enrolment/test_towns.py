"""What happens to a town's places when something is said of the town: each row of the table in docs/office.md, and it is that table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from services.enrolment.state import Call, Place
from shared.contracts.enrolment import EnrolmentWithdrawn, Standing, WithdrawalReason
from shared.contracts.model import Event
from shared.contracts.planner import SessionKind
from shared.contracts.selection import CityNotSelected, CityQualified, CityWithdrawn
from shared.events.envelope import subject_of
from shared.testing import NOON, body_of, heard
from tests.enrolment.office import LATER, OTHER, START, TOWN, Office

DOCS = Path(__file__).parents[2] / "docs" / "office.md"
FROZEN = START - dt.timedelta(hours=1)
OVER = dt.datetime(2026, 12, 20, tzinfo=dt.UTC)
TEAM, PLACE, WAITS, OFFER, NOMINATION, CALL, EXTRA, HOST = (
    *("place of the team", "place in an in-depth session", "waits", "offer that is open"),
    *("nomination that waits", "call to nominate", "extra place", "others' places in its town"),
)
COLUMNS = (TEAM, PLACE, WAITS, OFFER, NOMINATION, CALL, EXTRA, HOST)
DATES = {TEAM: LATER, **{column: f"2026-12-0{day}" for day, column in enumerate(COLUMNS[1:], start=2)}}


class Became(StrEnum):
    """What a cell of the table says."""

    AS_IT_WAS = "as it was"
    OUT = "out"
    FREED = "out; it goes to the next"
    SEAT = "has it again"
    NEXT = "waits again, with the old number"
    ASKED_ANEW = "is offered one anew"
    REFUSED = "refused when the rest is known"
    TAKEN = "taken"
    CALLED_OFF = "called off"
    CALLED = "called"
    GIVEN = "the team comes in"
    NONE = "–"


class World:
    """One town and what it has: a session for each column of the table. Ewa is of another town and next everywhere."""

    def __init__(self, *, qualified: bool = True) -> None:
        self.office = office = Office()
        office.phase()
        office.phase(stage=2)
        if qualified:
            office.town()
        else:
            office.town(TOWN, CityNotSelected, outcome="reserve")
        office.town(OTHER)
        office.member("anna")
        office.member("bartek")
        office.member("ewa", OTHER)
        office.member("filip", OTHER)
        office.session(TEAM_ID, kind=SessionKind.SUPPLEMENTARY, capacity=9, freeze_hours=240)
        self._session(PLACE, capacity=1)
        self._ask(PLACE, "anna", "filip")
        self._session(WAITS, capacity=1)
        self._ask(WAITS, "ewa", "anna", "filip")
        self._session(OFFER, capacity=1, free_places="offered", freeze_hours=24)
        self._ask(OFFER, "ewa", "anna", "filip")
        office.withdraw("ewa", id_of(OFFER))
        self._session(CALL, capacity=9, nominations_until="2026-12-02T12:00:00Z", freeze_hours=0)
        self._session(NOMINATION, capacity=9, nominations_until="2026-12-02T12:00:00Z", freeze_hours=0)
        if qualified:
            office.nominate("bartek", "zofia", session_id=id_of(NOMINATION))
        self._session(EXTRA, capacity=1)
        office.gives_extra("anna", id_of(EXTRA))
        self._session(HOST, capacity=1)
        self._ask(HOST, "ewa")

    def _session(self, column: str, **terms: Any) -> None:
        self.office.session(id_of(column), date=DATES[column], **{"freeze_hours": 240, **terms})

    def _ask(self, column: str, *people: str) -> None:
        for person in people:
            self.office.ask(person, id_of(column))

    def town(self, model: type[Event] = CityQualified, **how: Any) -> None:
        self.office.town(TOWN, model, **how)

    def said(self, model: type[Event], version: int, **fields: Any) -> None:
        """Heard under this version, whatever was heard before."""
        body = body_of(model, city_id=TOWN, stage=1, **fields)
        self.office.versions[subject_of(body)] = version
        self.office.mind.hear(heard(body, at=NOON, version=version, source="urn:test"))

    def snapshot(self) -> dict[str, Any]:
        office = self.office
        found: dict[str, Any] = {column: places(office, id_of(column)) for column in COLUMNS}
        found[CALL] = office.mind[Call].get(id_of(CALL), TOWN)
        return found

    def check(self, column: str, became: Became, before: dict[str, Any]) -> None:
        office, session_id = self.office, id_of(column)
        if column == CALL:
            call = office.mind[Call].get(session_id, TOWN)
            match became:
                case Became.AS_IT_WAS:
                    assert call == before[CALL]
                case Became.CALLED:
                    assert call is not None
                    assert call.ended is None
                case Became.CALLED_OFF:
                    assert call is not None
                    assert call.ended == "town_not_eligible"
            return
        if column == NOMINATION:
            if became is Became.NONE:
                return
            office.member("zofia")
            expected = "town_not_qualified" if became is Became.REFUSED else "enrolled"
            assert office.nominations == [{"bartek": expected, "zofia": expected}]
            return
        place = places(office, session_id).get("anna")
        others = office.with_standing(Standing.ENROLLED, session_id)
        if became is Became.AS_IT_WAS:
            assert places(office, session_id) == before[column]
            return
        if became is Became.NONE:
            assert place is None or place.state in (Standing.NONE, Standing.WITHDRAWN)
            return
        assert place is not None
        match became:
            case Became.OUT:
                assert (place.state, place.reason) == (Standing.WITHDRAWN, self.reason)
                assert column in (TEAM, WAITS) or office.with_standing(Standing.OFFERED, session_id) == []
            case Became.FREED:
                assert (place.state, place.reason) == (Standing.WITHDRAWN, self.reason)
                got = Standing.OFFERED if column == OFFER else Standing.ENROLLED
                assert office.with_standing(got, session_id) == ["filip"]
            case Became.SEAT | Became.GIVEN:
                assert (place.state, place.reason) == (Standing.ENROLLED, None)
                assert "anna" in others
            case Became.NEXT:
                assert place.state == Standing.WAITLISTED
                assert office.with_standing(Standing.WAITLISTED, session_id)[0] == "anna"
                assert place.queue == before[column]["anna"].queue
            case Became.ASKED_ANEW:
                assert place.state == Standing.OFFERED
                assert place.queue == before[column]["anna"].queue

    reason = WithdrawalReason.TOWN_WITHDRAWN


def places(office: Office, session_id: str) -> dict[str, Place]:
    return {place.person_id: place for place in office.mind[Place].where("session_id", session_id)}


def id_of(column: str) -> str:
    return TEAM_ID if column == TEAM else f"s{COLUMNS.index(column)}"


TEAM_ID = "s0"
RESERVE = {"outcome": "reserve"}
ALL = (Became.AS_IT_WAS,) * 4
NOBODY = (Became.OUT, Became.FREED, Became.OUT, Became.FREED, Became.REFUSED, Became.CALLED_OFF)
STANDS = (*ALL, Became.TAKEN, Became.AS_IT_WAS)
AGAIN = (Became.SEAT, Became.NEXT, Became.NEXT, Became.NEXT, Became.TAKEN, Became.CALLED)
KEPT = (Became.AS_IT_WAS, Became.AS_IT_WAS)


def withdrawn(world: World) -> None:
    world.town(CityWithdrawn)


def reinstated(world: World) -> None:
    world.town(CityWithdrawn)
    world.town()


def disqualified(world: World) -> None:
    world.reason = WithdrawalReason.TOWN_NOT_QUALIFIED
    world.town(CityNotSelected, outcome="not_selected")


def reserve(world: World) -> None:
    world.reason = WithdrawalReason.TOWN_NOT_QUALIFIED
    world.town(CityNotSelected, **RESERVE)


def reserve_and_back(world: World) -> None:
    world.town(CityNotSelected, **RESERVE)
    world.town()


def frozen(world: World) -> None:
    world.office.mind.now = FROZEN
    world.town(CityWithdrawn, at=FROZEN, now=FROZEN)


def frozen_and_back(world: World) -> None:
    frozen(world)
    world.town(at=FROZEN, now=FROZEN)


def heard_late(world: World) -> None:
    world.town(CityWithdrawn, at=NOON, now=OVER)


def begun(world: World) -> None:
    world.town(CityWithdrawn, at=OVER, now=OVER)


def undone_first(world: World) -> None:
    world.said(CityQualified, 3)
    world.said(CityWithdrawn, 2)


Row = tuple[Callable[[World], None], tuple[Became, ...]]
TABLE: dict[str, Row] = {
    "withdrawn": (withdrawn, (*NOBODY, *KEPT)),
    "reinstated: qualified again after that": (reinstated, (*AGAIN, *KEPT)),
    "on the reserve list after all": (reserve, (*NOBODY, *KEPT)),
    "not selected after all": (disqualified, (*NOBODY, *KEPT)),
    "moved up from the reserve list again": (reserve_and_back, (*AGAIN, *KEPT)),
    "moved up from the reserve list for the first time": (
        World.town,
        (Became.GIVEN, *(Became.NONE,) * 4, Became.CALLED, *KEPT),
    ),
    "qualified in stage 2, too": (lambda world: world.town(stage=2), (*STANDS, *KEPT)),
    "not selected in stage 2": (
        lambda world: world.town(CityNotSelected, stage=2, outcome="not_selected"),
        (*STANDS, *KEPT),
    ),
    "withdrawn in stage 2": (lambda world: world.town(CityWithdrawn, stage=2), (*STANDS, *KEPT)),
    "renamed": (lambda world: world.town(name="Nowy Augustów"), (*STANDS, *KEPT)),
    "withdrawn while the session is frozen": (
        frozen,
        (Became.OUT, Became.OUT, Became.OUT, Became.FREED, Became.REFUSED, Became.CALLED_OFF, *KEPT),
    ),
    "reinstated while it is still frozen": (
        frozen_and_back,
        (Became.SEAT, Became.SEAT, Became.NEXT, Became.NEXT, Became.TAKEN, Became.CALLED, *KEPT),
    ),
    "the reinstatement is heard before the withdrawal that it undoes": (undone_first, (*STANDS, *KEPT)),
    "the withdrawal is heard once the session has begun, whenever it was said": (
        heard_late,
        (*ALL, Became.NONE, Became.AS_IT_WAS, *KEPT),
    ),
    "withdrawn after the session began": (begun, (*ALL, Became.NONE, Became.AS_IT_WAS, *KEPT)),
}


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("row", TABLE)
def test_what_is_said_of_a_town_does_to_its_places_what_the_table_says(row: str, column: str) -> None:
    happens, cells = TABLE[row]
    world = World(qualified="first time" not in row)
    before = world.snapshot()
    happens(world)
    world.check(column, cells[COLUMNS.index(column)], before)


def test_the_office_reads_the_table_that_is_tested() -> None:
    head = f"| the town is … | {' | '.join(COLUMNS)} |"
    lines = DOCS.read_text(encoding="utf-8").splitlines()
    begin = lines.index(head) + 2
    assert lines[begin : begin + len(TABLE)] == [
        f"| {row} | {' | '.join(cells)} |" for row, (_, cells) in TABLE.items()
    ]


def test_whoever_was_only_in_line_does_not_get_a_seat_by_their_towns_return_that_is_held_for_whoever_is_asked(
    office: Office,
) -> None:
    office.town(OTHER)
    office.member("ewa", OTHER)
    office.session(capacity=1, free_places="offered")
    for person in ("ewa", "anna"):
        office.ask(person)
    office.town(model=CityWithdrawn)
    office.withdraw("ewa")

    office.town()
    assert office.place("anna").state == Standing.OFFERED, "as if the town had never been gone"


def test_whoever_waited_gets_no_seat_by_their_towns_return_while_the_session_is_frozen(office: Office) -> None:
    office.town(OTHER)
    office.member("ewa", OTHER)
    office.session(capacity=1, freeze_hours=24)
    for person in ("ewa", "anna"):
        office.ask(person)
    office.withdraw("ewa", at=FROZEN, now=FROZEN)
    office.town(model=CityWithdrawn, at=FROZEN, now=FROZEN)

    office.town(at=FROZEN, now=FROZEN)
    assert office.place("anna").state == Standing.WAITLISTED


def test_who_asks_in_vain_while_their_town_is_out_gets_no_seat_by_that_when_it_returns_in_the_freeze(
    office: Office,
) -> None:
    office.session(capacity=1, freeze_hours=24)
    office.ask("anna")
    office.town(model=CityWithdrawn)
    out_since = office.place("anna").decided_at

    assert office.ask("anna", at=FROZEN, now=FROZEN) == ["EnrolmentRefused"]
    assert office.place("anna").withdrawn_at == out_since
    office.town(at=FROZEN, now=FROZEN)
    place = office.place("anna")
    assert (place.state, place.withdrawn_at) == (Standing.WAITLISTED, None), "it was not theirs when it froze"


def test_of_a_place_that_was_taken_before_facts_said_since_when_that_is_said_by_whatever_is_asked_in_vain(
    office: Office,
) -> None:
    office.session(capacity=1, freeze_hours=24)
    office.town(model=CityWithdrawn)
    taken = {"reason": WithdrawalReason.TOWN_WITHDRAWN, "had": Standing.ENROLLED, "queue": 1, "decided_at": NOON}
    archived = body_of(EnrolmentWithdrawn, session_id="s", person_id="anna", city_id=TOWN, request_id=None, **taken)
    office.mind.hear(heard(archived, source="urn:archive"))
    assert office.place("anna").withdrawn_at is None

    assert office.ask("anna", at=FROZEN, now=FROZEN) == ["EnrolmentRefused"]
    assert office.place("anna").withdrawn_at == NOON
    office.town(at=FROZEN, now=FROZEN)
    assert office.place("anna").state == Standing.WAITLISTED, "it was not theirs when it froze"


def test_what_was_refused_while_the_town_was_out_stays_so_until_it_is_asked_again(office: Office) -> None:
    office.session(capacity=3, nominations_until="2026-11-30T12:00:00Z")
    office.town(model=CityWithdrawn)
    assert office.nominate("anna") == {"anna": "town_not_qualified"}

    office.town()
    assert places(office, "s") == {}
    assert office.nominate("anna") == {"anna": "enrolled"}
