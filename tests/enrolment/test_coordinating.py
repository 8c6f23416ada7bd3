"""Calls, nominations and substitutions on a real Kafka and a real Postgres: heard twice, and made anew from what was said."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from services.enrolment import tables
from services.enrolment.app import SERVICE
from services.enrolment.tables import CALL, NOMINATION, PLACE
from shared.contracts.planner import SessionKind
from shared.contracts.portal import NominationMode, PeopleNominated, SubstitutionRequested
from shared.contracts.selection import CityWithdrawn
from shared.postgres.tables import DUE, HELD
from shared.rebuilding.rebuild import compare
from shared.testing import body_of, message
from tests.enrolment.surroundings import Make, city, fresh, programme, rows, settled, snapshot, training

FIRST, SECOND = NominationMode.AS_MANY_AS_FIT, NominationMode.ALL_OR_NONE


def for_several_towns(session_id: str, town: str) -> Any:
    """Two places, for which towns are called; the moments of that are decided and not decided again by a rebuild."""
    now = dt.datetime.now(dt.UTC)
    terms = {
        "nominations_until": (now + dt.timedelta(days=9)).isoformat(),
        "opens_at": now.isoformat(),
        "release_date": f"{now.date()}",
    }
    return training(session_id, town, kind=SessionKind.IN_DEPTH, capacity=2, **terms)


@pytest.mark.long
async def test_what_towns_ask_is_decided_once_and_a_rebuild_comes_to_the_same(world: Make) -> None:
    here = await world(SERVICE)
    town, session_id, late = fresh("town"), fresh("session"), fresh("person")
    anna, bartek, celina = (fresh("person") for _ in range(3))
    *known, _ = programme(town, [anna, bartek, celina], fresh("unused"))
    nominated = PeopleNominated(session_id=session_id, city_id=town, people=(anna, bartek), mode=FIRST)
    waits = PeopleNominated(session_id=session_id, city_id=town, people=(celina, late), mode=SECOND)
    instead = SubstitutionRequested(session_id=session_id, city_id=town, leaves=bartek, comes=celina)
    asked = [message(one, event_id=fresh("request")) for one in (nominated, waits, instead)]

    async with here.running():
        await here.publish(*known, message(for_several_towns(session_id, town)))
        await settled(here)
        await here.publish(*asked)
        await settled(here)
        (held,) = await rows(here, HELD, HELD.c.subject == f"session/{session_id}/city/{town}")
        assert list(held.about) == [f"session/{session_id}", f"person/{celina}", f"person/{late}"]

        of_session = PLACE.c.session_id == session_id
        places = {row.person_id: (row.state, row.basis) for row in await rows(here, PLACE, of_session)}
        assert places == {
            anna: ("enrolled", "nomination"),
            bartek: ("withdrawn", "nomination"),
            celina: ("enrolled", "nomination"),
        }
        (call,) = await rows(here, CALL, CALL.c.session_id == session_id, CALL.c.city_id == town)
        assert (call.places, call.ended) == (2, None)
        (answer,) = await rows(here, NOMINATION, NOMINATION.c.session_id == session_id)
        assert [(one.person_id, one.standing) for one in answer.people] == [(anna, "enrolled"), (bartek, "enrolled")]

        before = await snapshot(here)
        await here.publish(*asked)
        await settled(here)
        assert await snapshot(here) == before

        other = fresh("town")
        await here.publish(
            message(body_of(CityWithdrawn, city_id=town, stage=77), version=2), message(city(other, stage=77))
        )
        await settled(here)
        ended = {row.city_id: row.ended for row in await rows(here, CALL, CALL.c.session_id == session_id)}
        assert ended[town] == "town_not_eligible"
        assert (other in ended, ended.get(other)) == (True, None), "the other town is called"
        assert not await rows(here, DUE, DUE.c.subject == f"session/{session_id}")

        report = await compare(SERVICE, here.settings)
        assert (report.different_rows, report.differences) == (0, [])
        assert report.rows[tables.NOMINATION.name] >= 1
