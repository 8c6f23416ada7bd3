"""What a town's coordinator asks over HTTP: each person is answered, and the same key gets the same answer."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from deploy.embedded.postgres import Postgres
from services.enrolment.api import app_of
from shared.contracts.planner import SessionKind
from shared.contracts.portal import (
    EnrolmentRequested,
    NominationMode,
    PeopleNominated,
    SubstitutionRequested,
    WithdrawalRequested,
)
from shared.contracts.rules import StageOpened
from shared.contracts.selection import CityQualified
from shared.testing import body_of, heard
from tests.enrolment.office import membership
from tests.enrolment.surroundings import fresh, training
from tests.http.test_hard_input import READER, WRITER, enrolment, refused

PEOPLE = ("anna", "bartek", "celina")
DAYS_AHEAD = itertools.count(30)


@pytest.fixture(scope="module")
async def coordinator(postgres: Postgres) -> AsyncIterator[tuple[httpx.AsyncClient, str, Any]]:
    """Somebody who asks for a town of three, and who may do what."""
    town = fresh("http-town")
    async with enrolment(postgres) as (runtime, known):
        now = dt.datetime.now(dt.UTC)
        facts = [
            StageOpened(rule_id="stage:77", stage=77, phase=77, opened_on=dt.date(2026, 1, 1)),
            body_of(CityQualified, city_id=town, stage=77),
            *(membership(person, town) for person in PEOPLE),
        ]
        await runtime.decider.act([heard(fact, at=now) for fact in facts])
        transport = httpx.ASGITransport(app=app_of(runtime))
        headers = {"Authorization": f"Bearer {known[WRITER]}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://enrolment", headers=headers) as asking:
            yield asking, town, (runtime, known)


async def announced(coordinator: Any, **changes: Any) -> str:
    """The path of a session of two places."""
    _, town, (runtime, _) = coordinator
    now = dt.datetime.now(dt.UTC)
    until = (now + dt.timedelta(days=9)).isoformat()
    fields = {"kind": SessionKind.IN_DEPTH, "capacity": 2, "nominations_until": until, **changes}
    session_id = fresh("http-session")
    days_ahead = next(DAYS_AHEAD)  # Nobody has two places at once.
    await runtime.decider.act([heard(training(session_id, town, days_ahead=days_ahead, **fields), at=now)])
    return f"/api/v1/sessions/{session_id}"


async def test_everybody_who_is_nominated_is_answered_and_the_same_key_gets_the_same_answer(coordinator: Any) -> None:
    client, town, _ = coordinator
    path = await announced(coordinator)
    asks = {"city_id": town, "people": [*PEOPLE], "mode": "as_many_as_fit"}
    first = await client.post(f"{path}/nominations", json=asks, headers={"Idempotency-Key": "n-1" + path})
    assert first.status_code == 200, first.text
    said = first.json()
    assert said["outcome"] == "NominationAnswered"
    assert [(one["person_id"], one["standing"]) for one in said["people"]] == [
        ("anna", "enrolled"),
        ("bartek", "enrolled"),
        ("celina", "waitlisted"),
    ]
    again = await client.post(f"{path}/nominations", json=asks, headers={"Idempotency-Key": "n-1" + path})
    assert again.json() == said
    other = {**asks, "mode": "all_or_none"}
    refusal = await client.post(f"{path}/nominations", json=other, headers={"Idempotency-Key": "n-1" + path})
    assert refused(refusal) == "key-taken"


async def test_a_nomination_of_somebody_who_is_not_known_is_held_and_says_until_when(coordinator: Any) -> None:
    client, town, _ = coordinator
    path = await announced(coordinator)
    asks = {"city_id": town, "people": ["anna", fresh("nobody")], "mode": "all_or_none"}
    said = (await client.post(f"{path}/nominations", json=asks)).json()
    assert (said["outcome"], said["waits_for"], said["people"]) == ("Held", "person", None)
    assert said["expires_at"] is not None


async def test_the_calls_and_the_answers_of_a_session_are_listed(coordinator: Any) -> None:
    client, town, _ = coordinator
    path = await announced(coordinator)
    await client.post(f"{path}/nominations", json={"city_id": town, "people": ["anna"], "mode": "all_or_none"})
    listed = (await client.get(f"{path}/nominations")).json()
    assert {"city_id": town, "places": 2, "ended": None}.items() <= listed["calls"][0].items()
    (answer,) = listed["nominations"]
    assert [(one["person_id"], one["standing"], one["reason"]) for one in answer["people"]] == [
        ("anna", "enrolled", None)
    ]
    assert refused(await client.get("/api/v1/sessions/never-heard-of/nominations")) == "no-such-session"


async def test_a_substitution_is_answered_for_both(coordinator: Any) -> None:
    client, town, _ = coordinator
    path = await announced(coordinator)
    await client.post(f"{path}/nominations", json={"city_id": town, "people": ["anna"], "mode": "all_or_none"})
    asks = {"city_id": town, "leaves": "anna", "comes": "bartek"}
    said = (await client.post(f"{path}/substitutions", json=asks)).json()
    assert said["outcome"] == "EnrolmentWithdrawn"
    assert (said["leaves"]["reason"], said["comes"]["state"]) == ("substituted", "enrolled")
    roster = {one["person_id"]: one for one in (await client.get(f"{path}/roster")).json()}
    assert (roster["anna"]["substituted_by"], roster["bartek"]["substitute_for"]) == ("bartek", "anna")

    again = (await client.post(f"{path}/substitutions", json={**asks, "comes": "celina"})).json()
    assert (again["outcome"], again["leaves"]["refusal"], again["comes"]) == ("EnrolmentRefused", "no_place", None)


@pytest.mark.parametrize(
    "people", [[], ["anna", "anna"], [f"p{number}" for number in range(61)], ["a b"], "anna", None], ids=repr
)
async def test_a_nomination_that_names_nobody_or_somebody_twice_is_not_valid(coordinator: Any, people: Any) -> None:
    client, town, _ = coordinator
    asks = {"city_id": town, "people": people, "mode": "all_or_none"}
    assert refused(await client.post("/api/v1/sessions/s/nominations", json=asks)) == "not-valid"


async def test_who_may_only_read_nominates_nobody(coordinator: Any) -> None:
    client, town, (_, known) = coordinator
    asks = {"city_id": town, "people": ["anna"], "mode": "all_or_none"}
    reader = {"Authorization": f"Bearer {known[READER]}"}
    assert refused(await client.post("/api/v1/sessions/s/nominations", json=asks, headers=reader)) == "not-allowed"


async def test_a_path_that_is_read_and_written_names_all_that_can_be_done_there(coordinator: Any) -> None:
    client, *_ = coordinator
    answer = await client.delete("/api/v1/sessions/s/nominations")
    assert (refused(answer), answer.headers["allow"]) == ("no-such-method", "GET, HEAD, POST")


async def test_requests_of_every_kind_about_several_sessions_are_decided_in_one_transaction(coordinator: Any) -> None:
    _, town, (runtime, _) = coordinator
    paths = [await announced(coordinator) for _ in range(4)]
    asked, given_back, nominated, changed = (path.rpartition("/")[2] for path in paths)
    now = dt.datetime.now(dt.UTC)
    requests = [
        EnrolmentRequested(session_id=asked, person_id="anna"),
        WithdrawalRequested(session_id=given_back, person_id="anna"),
        PeopleNominated(session_id=nominated, city_id=town, people=("anna",), mode=NominationMode.ALL_OR_NONE),
        SubstitutionRequested(session_id=changed, city_id=town, leaves="anna", comes="bartek"),
        body_of(CityQualified, city_id=fresh("http-town"), stage=77),
    ]
    thought = await runtime.decider.act([heard(one, at=now) for one in requests])
    assert {type(said.body).__name__ for said in thought.said} == {
        "ParticipantEnrolled",
        "EnrolmentRefused",
        "NominationAnswered",
        "NominationsInvited",
    }
