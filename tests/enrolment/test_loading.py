"""What a request asks the database for: whom it is about and where else they are, and not everybody who waits somewhere."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import dialect

from services.enrolment import store
from services.enrolment.app import SERVICE
from services.enrolment.tables import PLACE
from shared.contracts.directory import PersonErased
from shared.contracts.enrolment import RefusalReason
from shared.contracts.portal import EnrolmentRequested
from shared.postgres.directly import rows_of
from shared.postgres.roundtrips import NONE, Parameters, Reads
from shared.state.rows import Rows
from shared.testing import NOON
from tests.enrolment.office import session
from tests.enrolment.surroundings import Make
from tests.enrolment.test_views import filled, hears

MANY = 3_000
_WAIT = sa.text(
    "insert into projection.place select (jsonb_populate_record(place, jsonb_build_object("
    "'person_id', 'p-' || n, 'state', 'waitlisted', 'queue', n + 10, 'event_id', 'e-' || n))).* "
    "from projection.place, generate_series(1, :many) n where person_id = 'anna'"
)


async def refusal(here: Any, session_id: str, person_id: str) -> str | None:
    async with here.engine.connect() as connection:
        found = sa.select(PLACE.c.refusal).where(PLACE.c.session_id == session_id, PLACE.c.person_id == person_id)
        return (await connection.execute(found)).scalar_one()  # type: ignore[no-any-return]


async def test_who_is_elsewhere_at_that_time_and_who_is_erased_is_found_where_no_team_is_in_question(
    world: Make,
) -> None:
    here = await filled(world)
    await hears(here, session("t"), PersonErased(person_id="bartek"))
    for person in ("anna", "bartek"):
        await hears(here, EnrolmentRequested(session_id="t", person_id=person))
    assert await refusal(here, "t", "anna") == RefusalReason.OVERLAPS
    assert await refusal(here, "t", "bartek") == RefusalReason.PERSON_ERASED


class Asked(Reads):
    """What would be asked."""

    def __init__(self) -> None:
        self.statements: list[tuple[sa.Select[Any], Parameters]] = []

    def rows(
        self, rows: Rows[Any], statement: sa.Select[Any], parameters: Parameters = NONE, *asked: Any, **how: Any
    ) -> None:
        self.statements.append((statement, parameters))


async def test_where_else_people_are_is_found_without_a_look_at_all_who_wait(world: Make) -> None:
    here, asked = await filled(world), Asked()
    people = {f"p-{n}" for n in range(MANY, MANY + 30)}
    store._load_elsewhere(asked, SERVICE.working(NOON), people, set(), NOON)
    async with here.engine.begin() as connection:
        await connection.execute(_WAIT, {"many": MANY})
        await connection.execute(sa.text("analyze"))
        for statement, parameters in asked.statements:
            text = str(
                statement.params(**parameters).compile(dialect=dialect(), compile_kwargs={"literal_binds": True})
            )
            explain = sa.text("explain (analyze, format json) " + text.replace(":", "\\:").replace("ARRAY[]", "'{}'"))
            (plan,) = (await connection.execute(explain)).scalar_one()
            assert looked_at(plan["Plan"]) < MANY / 10
    assert len(asked.statements) == 2


def looked_at(node: dict[str, Any]) -> float:
    """How many rows were looked at in vain."""
    return float(node.get("Rows Removed by Filter", 0)) + sum(map(looked_at, node.get("Plans", [])))


async def test_who_has_a_seat_is_found_without_a_look_at_all_who_wait(world: Make) -> None:
    """By an index that a migration has made of the standings that take one: a new one of these is added there, too. As it is
    planned once for all, when no values are known."""
    here = await filled(world)
    async with here.engine.begin() as connection:
        await connection.execute(_WAIT, {"many": MANY})
        await connection.execute(sa.text("analyze"))
        await connection.execute(sa.text("set local plan_cache_mode = force_generic_plan"))
        assert len(await rows_of(connection, store._SEATED, {"sessions": ["s"]})) == 2
        looks = sa.text("select pg_stat_get_xact_numscans('projection.place_seated'::regclass)")
        assert (await connection.execute(looks)).scalar_one() > 0
