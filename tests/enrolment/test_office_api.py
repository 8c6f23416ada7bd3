"""The office over HTTP: whose token it takes, what it is told when somebody else was quicker, and what stands in the answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from services.enrolment.app import SERVICE
from shared.contracts.office import CorrectionRequested, ExtraPlaceRequested, RemovalRequested
from shared.contracts.planner import SessionKind
from shared.contracts.portal import EnrolmentRequested
from shared.rebuilding.rebuild import compare
from shared.testing import NOON, message
from shared.web import tokens
from shared.web.asking import command
from shared.web.tokens import Actor
from tests.enrolment.office import session
from tests.enrolment.participant import Participant, participant_at
from tests.enrolment.surroundings import Make, fresh, programme, settled, training

WHY = {"note": "speaks on the second day"}


@pytest.fixture
async def here(url: str) -> AsyncIterator[Participant]:
    """A session of one place, which anna has; bartek waits."""
    async with participant_at(url) as participant:
        await participant.begin("anna", "bartek", capacity=1)
        async with participant.runtime.engine.begin() as connection:
            for actor, scopes in (("zofia", ("read", "office")), ("portal", ("read", "write"))):
                text, row = tokens.new_token(actor, scopes, now=NOON)
                await tokens.store(connection, row)
                TOKENS[actor] = text
        yield participant


TOKENS: dict[str, str] = {}


async def post(
    here: Participant, path: str, body: dict[str, Any], *, tag: str, key: str | None = None, actor: str = "zofia"
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {TOKENS[actor]}", "If-Match": f'"{tag}"'}
    headers |= {"Idempotency-Key": key} if key else {}
    return await here.http.post(f"/api/v1/sessions/s{path}", json=body, headers=headers)


async def get(here: Participant, path: str = "") -> Any:
    headers = {"Authorization": f"Bearer {TOKENS['zofia']}"}
    return (await here.http.get(f"/api/v1/sessions/s{path}", headers=headers)).json()


async def test_only_a_token_of_the_office_decides_beside_the_rules(here: Participant) -> None:
    refused = await post(here, "/places/celina/extra", WHY, tag="0", actor="portal")
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:rollcall:problem:not-allowed")
    given = await post(here, "/places/celina/extra", WHY, tag="0")
    assert (given.status_code, given.json()["outcome"], given.json()["place"]["state"]) == (
        200,
        "ParticipantEnrolled",
        "enrolled",
    )


async def test_whoever_says_not_what_they_have_seen_is_refused(here: Participant) -> None:
    headers = {"Authorization": f"Bearer {TOKENS['zofia']}"}
    refused = await here.http.post("/api/v1/sessions/s/places/celina/extra", json=WHY, headers=headers)
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:rollcall:problem:not-valid")


async def test_of_two_people_of_the_office_the_second_is_told_what_has_changed(here: Participant) -> None:
    tag = (await get(here))["tag"]
    first = await post(here, "/correction", {"capacity": 2, **WHY}, tag=tag, key="one")
    second = await post(here, "/correction", {"capacity": 3, **WHY}, tag=tag, key="two")

    assert first.json()["outcome"] == "TermsCorrected"
    assert (second.status_code, second.json()["type"]) == (412, "urn:rollcall:problem:changed-since")
    assert "room for 2" in second.json()["detail"]
    assert (await get(here))["seats"] == 2
    again = await post(here, "/correction", {"capacity": 2, **WHY}, tag=tag, key="one")
    assert again.json() == first.json(), "the same command gets the same answer, whatever stands now"
    assert (await post(here, "/correction", {"capacity": 3, **WHY}, tag=(await get(here))["tag"])).status_code == 200


async def test_of_a_place_likewise(here: Participant) -> None:
    roster = {one["person_id"]: one for one in await get(here, "/roster")}
    tag = roster["bartek"]["tag"]
    assert (await post(here, "/places/bartek/priority", {"priority": 5, **WHY}, tag=tag)).json()[
        "outcome"
    ] == "ParticipantWaitlisted"
    late = await post(here, "/places/bartek/removal", WHY, tag=tag)
    assert late.status_code == 412
    assert "waitlisted, priority 5" in late.json()["detail"]


async def test_a_session_says_what_is_free_and_who_came_last_where_too_many_have_a_place(here: Participant) -> None:
    await post(here, "/correction", {"capacity": 3, **WHY}, tag=(await get(here))["tag"])
    await here.ask("celina")
    await post(here, "/places/dawid/extra", WHY, tag="0")
    full = await get(here)
    assert {name: full[name] for name in ("seats", "taken", "extra", "free", "over_capacity", "came_last")} == {
        "seats": 3,
        "taken": 3,
        "extra": 1,
        "free": 0,
        "over_capacity": 0,
        "came_last": [],
    }
    await post(here, "/correction", {"capacity": 1, **WHY}, tag=full["tag"])
    over = await get(here)
    assert (over["free"], over["over_capacity"], over["came_last"]) == (0, 2, ["celina", "bartek"])
    assert over["correction"] is None, "the planner says one, too"


async def test_what_the_office_decided_is_listed_with_who_and_why(here: Participant) -> None:
    await post(here, "/places/celina/extra", WHY, tag="0")
    await post(here, "/correction", {"capacity": 3, "note": "counted anew"}, tag=(await get(here))["tag"])
    found = [
        (one["decided_by"], one["asked_for"], one["person_id"], one["note"]) for one in await get(here, "/decisions")
    ]
    assert found == [
        ("zofia", "extra_place", "celina", "speaks on the second day"),
        ("zofia", "correction", None, "counted anew"),
    ]


async def test_what_the_office_asks_in_vain_is_told_to_it_and_is_no_news_of_the_place(here: Participant) -> None:
    before = await here.everything()
    refused = await post(here, "/places/anna/extra", WHY, tag="1")
    assert (refused.status_code, refused.json()["detail"]) == (409, "the person has a place")
    after = await here.everything()
    (unsaid,) = after.pop("kept.unsaid")
    assert "extra_place" in unsaid  # What became of it is kept where `explain` looks.
    assert before.pop("kept.unsaid") == [] and after == before


async def test_a_request_for_a_second_place_at_the_same_time_says_in_which_session_the_first_is(
    here: Participant,
) -> None:
    await here.hears(session("t", capacity=5))
    await here.hears(EnrolmentRequested(session_id="t", person_id="anna"))
    roster = await here.http.get("/api/v1/sessions/t/roster", headers={"Authorization": f"Bearer {TOKENS['zofia']}"})
    assert [(one["state"], one["refusal"]) for one in roster.json()] == [("none", "overlaps")]


@pytest.mark.long
async def test_a_rebuild_comes_to_what_the_office_has_decided_and_to_who_is_elsewhere(world: Make) -> None:
    one, other, town = fresh("session"), fresh("session"), fresh("town")
    people = [fresh("person") for _ in range(3)]
    here = await world(SERVICE)
    office = Actor("zofia", frozenset({"office"}))
    async with here.running() as runtime:
        await here.publish(*programme(town, people, one))
        await here.publish(message(training(other, town, kind=SessionKind.IN_DEPTH, capacity=1)))
        await settled(here)
        for body in (
            CorrectionRequested(session_id=one, capacity=2, note="counted anew"),
            ExtraPlaceRequested(session_id=other, person_id=people[0], note="speaks"),
            RemovalRequested(session_id=one, person_id=people[1], note="absent"),
        ):
            await runtime.commands.submit(command(runtime, body, office, None))
        await here.publish(message(EnrolmentRequested(session_id=other, person_id=people[2])))
        await settled(here)
        report = await compare(SERVICE, here.settings)
    assert (report.different_rows, report.differences) == (0, [])
    assert report.rows["correction"] >= 1
