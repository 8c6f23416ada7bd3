"""Asking why over HTTP, answering for somebody, and what is listed: on a real database, by what the rules say elsewhere."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from services.enrolment.answers import counts
from services.enrolment.app import SERVICE
from services.enrolment.tables import TOLD
from shared.contracts import Event
from shared.contracts.directory import PersonErased, PersonMerged
from shared.contracts.planner import SessionCancelled, SessionDrafted, SessionRescheduled
from shared.contracts.portal import EnrolmentRequested
from shared.outbox.journal import JOURNAL
from shared.rebuilding.rebuild import compare
from shared.testing import NOON, message
from shared.web import tokens
from tests.enrolment.office import START, TOWN, session
from tests.enrolment.participant import Participant, participant_at
from tests.enrolment.surroundings import Make, fresh, programme, settled, training
from tests.sent import sent

HOUR = dt.timedelta(hours=1)


@pytest.fixture
async def here(url: str) -> AsyncIterator[Participant]:
    """A session of one place that is offered when it is free; anna has it, bartek and celina wait."""
    async with participant_at(url) as participant:
        await participant.begin("anna", "bartek", "celina", capacity=1, free_places="offered", offer_hours=48)
        async with participant.runtime.engine.begin() as connection:
            text, row = tokens.new_token("portal", ("read", "write"), now=NOON)
            await tokens.store(connection, row)
        TOKEN["Authorization"] = f"Bearer {text}"
        yield participant


TOKEN: dict[str, str] = {}


async def get(here: Participant, path: str, **query: Any) -> Any:
    answer = await here.http.get(f"/api/v1/sessions/s{path}", headers=TOKEN, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def post(here: Participant, path: str, body: dict[str, Any], key: str | None = None) -> httpx.Response:
    headers = TOKEN | ({"Idempotency-Key": key} if key else {})
    return await here.http.post(f"/api/v1/sessions/s{path}", json=body, headers=headers)


async def why(here: Participant, person: str, **query: Any) -> Any:
    return await get(here, f"/places/{person}/explain", **query)


def later(here: Participant) -> str:
    """An hour has passed; the moment that it was."""
    before = here.clock[0]
    here.clock[0] += HOUR
    return before.isoformat().replace("+00:00", "Z")


async def test_the_chain_is_read_from_the_database_as_it_is_thought(here: Participant) -> None:
    waits = await why(here, "celina")
    assert (waits["verdict"]["fate"], waits["verdict"]["line"]) == ("waits", {"position": 2, "waiting": 2})
    assert (waits["given_name"], waits["family_name"]) == ("Celina", "Łąka")
    assert [step["what"] for step in waits["steps"]][-1] == "waitlisted"
    assert waits["steps"][-1]["numbers"] == {
        "seats": 1,
        "taken": 1,
        "places_per_town": None,
        "taken_by_town": 1,
        "are_given": True,
    }
    then = later(here)
    assert (await post(here, "/withdrawals", {"person_id": "anna"})).json()["outcome"] == "EnrolmentWithdrawn"
    assert (await why(here, "celina"))["verdict"]["line"] == {"position": 1, "waiting": 1}
    assert await why(here, "celina", at=then) == waits | {"at": then}
    assert [step["what"] for step in (await why(here, "bartek"))["steps"]][-2:] == ["waitlisted", "offered"]


async def test_whatever_is_not_known_is_an_answer_and_no_later_moment_than_now_can_be_explained(
    here: Participant,
) -> None:
    unknown = (await here.http.get("/api/v1/sessions/nowhere/places/anna/explain", headers=TOKEN)).json()
    assert unknown["verdict"]["fate"] == "session_unknown"
    assert (await why(here, "nobody"))["verdict"]["fate"] == "person_unknown"
    ahead = await why(here, "anna", at="2999-01-01T00:00:00Z")
    assert dt.datetime.fromisoformat(ahead["at"]) == here.clock[0]
    refused = await here.http.get("/api/v1/sessions/s/places/anna/explain?at=yesterday", headers=TOKEN)
    assert refused.status_code == 422
    assert (await here.http.get("/api/v1/sessions/s/places/anna/explain")).status_code == 401


async def test_a_held_request_is_told_while_it_waits_and_afterwards(here: Participant) -> None:
    held = (await post(here, "/requests", {"person_id": "edyta"}, key="r-1")).json()
    assert held["outcome"] == "Held"
    answer = await why(here, "edyta")
    assert (answer["verdict"]["fate"], answer["steps"][-1]["waits_for"]) == ("held", "person")
    (listed,) = await get(here, "/requests/held")
    assert (listed["request_id"], listed["people"], listed["waits_for"]) == ("r-1", ["edyta"], "person")
    assert await get(here, "/requests/held", after=listed["cursor"]) == []


async def test_somebody_erased_keeps_the_chain_and_loses_the_name(here: Participant) -> None:
    later(here)
    await here.hears(PersonErased(person_id="anna"))
    answer = await why(here, "anna")
    assert (answer["given_name"], answer["family_name"]) == (None, None)
    assert answer["steps"][-1]["reason"] == "person_erased"
    assert "Żółć" not in str(answer)
    async with here.runtime.engine.connect() as connection:
        rows = (await connection.execute(sa.select(TOLD))).all()
    assert rows and not [row for row in rows if "Anna" in row.body or "Żółć" in row.body]


async def test_what_was_said_of_another_id_is_found_once_it_is_the_same_human(here: Participant) -> None:
    then = later(here)
    await here.hears(PersonMerged(person_id="anna", into_person_id="dawid"))
    answer = await why(here, "dawid")
    assert (answer["verdict"]["fate"], answer["steps"][-1]["what"]) == ("has_place", "from_other_id")
    assert (await why(here, "dawid", at=then))["verdict"]["fate"] == "nobody_asked"
    assert (await why(here, "anna"))["steps"][-1]["others"] == ["dawid"]


@pytest.mark.parametrize("asked", ["anna", "dawid"])
async def test_a_command_about_what_has_begun_is_answered_with_the_place_that_it_was_about(
    here: Participant, asked: str
) -> None:
    here.clock[0] = START + HOUR
    await here.hears(PersonMerged(person_id="anna", into_person_id="dawid"))
    answer = (await post(here, "/withdrawals", {"person_id": asked})).json()
    assert (answer["outcome"], answer["place"]["state"]) == ("EnrolmentRefused", "enrolled")
    assert answer["place"]["refusal"] == "session_started"
    assert (await why(here, "dawid"))["verdict"]["fate"] == "has_place"


async def test_a_command_is_answered_with_the_place_of_whoever_the_person_turned_out_to_be(here: Participant) -> None:
    await here.hears(PersonMerged(person_id="anna", into_person_id="dawid"))
    answer = (await post(here, "/requests", {"person_id": "anna"})).json()
    assert (answer["place"]["state"], answer["place"]["refusal"]) == ("enrolled", "already_placed")


async def test_one_question_is_a_handful_of_statements_none_of_which_looks_through_a_table(here: Participant) -> None:
    with sent() as statements:
        await why(here, "celina")
    assert 1 < len(statements) <= 15
    async with here.runtime.engine.connect() as connection:
        await connection.execute(sa.text("set enable_seqscan = off"))
        of_place = sa.select(JOURNAL).where(
            JOURNAL.c.key == "s", JOURNAL.c.subject == sa.any_(sa.literal(["session/s/person/anna"], sa.ARRAY(sa.Text)))
        )
        compiled = of_place.compile(dialect=here.runtime.engine.dialect, compile_kwargs={"literal_binds": True})
        plan = "\n".join((await connection.execute(sa.text(f"explain {compiled}"))).scalars())
    assert "journal_subject" in plan


# --- answers and lists ----------------------------------------------------------------------


async def test_an_offer_is_listed_and_answered_for_somebody_once_under_one_key(here: Participant) -> None:
    await post(here, "/withdrawals", {"person_id": "anna"})
    (offer,) = await get(here, "/offers")
    assert (offer["person_id"], offer["family_name"], offer["city_id"]) == ("bartek", "Nowak", TOWN)
    assert dt.datetime.fromisoformat(offer["offered_until"]) == here.clock[0] + 48 * HOUR
    accepted = await post(here, "/offers/answers", {"person_id": "bartek", "answer": "accept"}, key="a-1")
    assert (accepted.json()["outcome"], accepted.json()["place"]["state"]) == ("ParticipantEnrolled", "enrolled")
    again = await post(here, "/offers/answers", {"person_id": "bartek", "answer": "accept"}, key="a-1")
    assert again.json() == accepted.json()
    other = await post(here, "/offers/answers", {"person_id": "bartek", "answer": "decline"}, key="a-1")
    assert other.status_code == 422, "another command under the same key"
    assert await get(here, "/offers") == []
    assert (await why(here, "bartek"))["steps"][-1]["request"]["source"] == "rollcall/enrolment/portal"


async def test_an_offer_declined_for_somebody_goes_on_to_the_next(here: Participant) -> None:
    await post(here, "/withdrawals", {"person_id": "anna"})
    declined = (await post(here, "/offers/answers", {"person_id": "bartek", "answer": "decline"})).json()
    assert (declined["outcome"], declined["place"]["reason"]) == ("EnrolmentWithdrawn", "offer_declined")
    assert [offer["person_id"] for offer in await get(here, "/offers")] == ["celina"]


async def test_a_reply_is_given_changed_and_listed(here: Participant) -> None:
    assert [one["reply"] for one in await get(here, "/replies")] == ["none"]
    said = (await post(here, "/replies", {"person_id": "anna", "reply": "confirmed"})).json()
    assert said["outcome"] == "ParticipantEnrolled"
    (reply,) = await get(here, "/replies")
    assert (reply["person_id"], reply["reply"], reply["tag"]) == ("anna", "confirmed", said["place"]["tag"])
    declined = (await post(here, "/replies", {"person_id": "anna", "reply": "declined"})).json()
    assert (declined["outcome"], declined["place"]["state"]) == ("EnrolmentWithdrawn", "withdrawn")
    assert await get(here, "/replies") == []


async def test_requests_are_listed_with_what_answered_them_page_by_page(here: Participant) -> None:
    await post(here, "/requests", {"person_id": "anna"}, key="again")
    whole = await get(here, "/requests")
    assert [(one["person_id"], one["outcome"], one["reason"]) for one in whole] == [
        ("anna", "ParticipantEnrolled", None),
        ("bartek", "ParticipantWaitlisted", None),
        ("celina", "ParticipantWaitlisted", None),
        ("anna", "EnrolmentRefused", "already_placed"),
    ]
    first = await get(here, "/requests", limit=3)
    assert first + await get(here, "/requests", limit=3, after=first[-1]["event_id"]) == whole


async def test_towns_are_listed_with_what_they_have_and_could_have(here: Participant) -> None:
    await here.hears(session(model=SessionRescheduled, capacity=5, places_per_town=3, free_places="offered"))
    (town,) = await get(here, "/towns")
    assert town == {
        "city_id": TOWN,
        "name": "Augustów",
        **counts(enrolled=1, offered=2),
        "extra": 0,
        "share": 3,
        "free": 0,
    }
    assert await get(here, "/towns", after=TOWN) == []
    await here.hears(session(model=SessionRescheduled, capacity=5, free_places="offered"))
    assert [(one["share"], one["free"]) for one in await get(here, "/towns")] == [(None, 2)]


async def test_once_places_do_not_move_any_more_no_town_is_said_to_have_any_left(here: Participant) -> None:
    async def free(session_id: str, now: dt.datetime) -> list[int]:
        here.clock[0] = now
        answer = await here.http.get(f"/api/v1/sessions/{session_id}/towns", headers=TOKEN)
        return [one["free"] for one in answer.json()]

    freezes = START - dt.timedelta(hours=24)
    await here.hears(session(model=SessionRescheduled, capacity=5, freeze_hours=24))
    assert await free("s", freezes - HOUR) == [2]
    assert await free("s", freezes) == [0]
    assert (await get(here, ""))["free"] == 2, "nobody has those seats"

    await here.hears(session("late", capacity=5, freeze_hours=24))
    await here.hears(EnrolmentRequested(session_id="late", person_id="dawid"))
    assert await free("late", freezes + HOUR) == [4], "announced in its freeze it is filled until it begins"
    assert await free("late", START) == [0]


@pytest.mark.parametrize("model", [SessionCancelled, SessionDrafted])
async def test_of_a_session_that_does_not_take_place_no_town_has_any_left(
    here: Participant, model: type[Event]
) -> None:
    await here.hears(session(model=model, capacity=5))
    assert [one["free"] for one in await get(here, "/towns")] == [0]


async def test_a_roster_is_read_page_by_page_in_its_own_order(here: Participant) -> None:
    whole = await get(here, "/roster")
    first = await get(here, "/roster", limit=1)
    rest = await get(here, "/roster", limit=5, after=first[-1]["person_id"])
    assert first + rest == whole and len(whole) == 3
    assert await get(here, "/roster", after="nobody") == []


@pytest.mark.parametrize("path", ["/offers", "/replies", "/requests", "/towns"])
async def test_what_is_listed_of_a_session_that_is_not_known_is_not_there(here: Participant, path: str) -> None:
    answer = await here.http.get(f"/api/v1/sessions/nowhere{path}", headers=TOKEN)
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:rollcall:problem:no-such-session")


# --- rebuilt --------------------------------------------------------------------------------


@pytest.mark.long
async def test_what_others_said_is_the_same_in_a_rebuild(world: Make) -> None:
    here = await world(SERVICE)
    town, anna, ahead = fresh("town"), fresh("anna"), fresh("session")
    once, twice = (training(ahead, town, model=SessionRescheduled, capacity=capacity) for capacity in (3, 4))
    async with here.running():
        await here.publish(*programme(town, [anna], ahead))
        for said in (once, twice, once, once):
            await here.publish(message(said, version=2))
        await settled(here)
        async with here.engine.connect() as connection:
            kept = (await connection.execute(sa.select(TOLD).where(TOLD.c.about == f"session/{ahead}"))).all()
        assert [row.version for row in sorted(kept, key=lambda row: row.version)] == [1, 2, 2, 2]
        report = await compare(SERVICE, here.settings)
    assert (report.different_rows, report.differences) == (0, [])
    assert report.rows["told"] >= 4
