"""A request is known by who sent it, its id, and all it asks: the id of another request is refused, and never taken for a repetition."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from services.attendance import api as attendance
from services.attendance.app import service_of
from services.attendance.settings import AttendanceSettings
from services.enrolment import api as enrolment
from services.enrolment import tables
from services.enrolment.app import SERVICE
from shared.contracts.enrolment import ParticipantEnrolled
from shared.contracts.planner import SessionKind
from shared.contracts.portal import EnrolmentRequested, WithdrawalRequested
from shared.service import utc_now
from shared.testing import body_of, message
from shared.web import tokens
from tests.enrolment.surroundings import Make, fresh, parked_at, programme, rows, settled, training

pytestmark = pytest.mark.long


@asynccontextmanager
async def client_of(here: Any, app: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A portal that may write, at the service's HTTP."""
    text, row = tokens.new_token("portal", ("read", "write"), now=utc_now())
    async with here.engine.begin() as connection:
        await tokens.store(connection, row)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {text}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as client:
        yield client


async def test_a_key_is_refused_for_another_request_of_the_same_person_and_session(world: Make) -> None:
    here = await world(SERVICE)
    session, unknown, person = fresh("session"), fresh("session"), fresh("person")
    *known, _ = programme(fresh("town"), [person], session)
    async with here.running() as runtime, client_of(here, enrolment.app_of(runtime)) as client:
        await runtime.may_decide.wait()
        await here.publish(*known, message(training(session, fresh("town"), kind=SessionKind.IN_DEPTH)))
        await settled(here)

        async def post(what: str, about: str, key: str, **more: str) -> httpx.Response:
            body = {"person_id": person, **more}
            return await client.post(f"/api/v1/sessions/{about}/{what}", json=body, headers={"Idempotency-Key": key})

        asked = await post("requests", session, "k-1")
        taken = await post("withdrawals", session, "k-1")
        assert (asked.status_code, asked.json()["outcome"]) == (200, "ParticipantEnrolled")
        assert (taken.status_code, taken.json()["field"]) == (422, "Idempotency-Key")
        assert (await post("requests", session, "k-1")).json() == asked.json()

        back = await post("withdrawals", session, "k-2", reason="ill")
        assert back.json()["outcome"] == "EnrolmentWithdrawn"
        assert (await post("withdrawals", session, "k-2", reason="ill")).json() == back.json()
        assert (await post("withdrawals", session, "k-2", reason="on leave")).status_code == 422

        held = await post("requests", unknown, "k-3")
        assert held.json()["outcome"] == "Held"
        assert (await post("withdrawals", unknown, "k-3")).status_code == 422
        assert (await post("requests", unknown, "k-3")).json() == held.json()


async def test_a_request_in_kafka_under_the_id_of_another_one_is_set_aside_and_holds_nobody_back(world: Make) -> None:
    here = await world(SERVICE)
    session, person, number = fresh("session"), fresh("person"), fresh("request")
    *known, _ = programme(fresh("town"), [person], session)
    asked = message(EnrolmentRequested(session_id=session, person_id=person), event_id=number)
    back = WithdrawalRequested(session_id=session, person_id=person)
    async with here.running() as runtime:
        await here.publish(*known, message(training(session, fresh("town"), kind=SessionKind.IN_DEPTH)))
        _, reused, again = await here.publish(asked, message(back, event_id=number), asked)
        await settled(here)
        await here.publish(message(back))  # Heard when the other one has been parked.
        await settled(here)
        books = (await runtime.health.books())["streams"]["enrolment.requests"]
        assert books["published"] == books["heard"] + books["parked"] + books["skipped"]
    assert [row.reason for row in await parked_at(here, reused)] == ["id_reused"]
    assert await parked_at(here, again) == []
    (place,) = await rows(here, tables.PLACE, tables.PLACE.c.session_id == session)
    assert (place.state, place.reason) == ("withdrawn", "requested")


async def test_a_scan_or_the_closing_of_a_list_is_refused_under_another_ones_key(world: Make) -> None:
    settings = AttendanceSettings  # What it is told beside what every service is told: when lists close.
    session, person = fresh("session"), fresh("person")
    began = utc_now().replace(microsecond=0) - dt.timedelta(hours=2)
    days = [
        {
            "meeting_id": f"day-{day}",
            "zone": "UTC",
            "starts_local": f"{began + dt.timedelta(minutes=day):%Y-%m-%dT%H:%M:%S}",
            "ends_local": f"{began + dt.timedelta(hours=4):%Y-%m-%dT%H:%M:%S}",
        }
        for day in (1, 2)
    ]
    probe = await world(SERVICE)
    told = settings(database_url=probe.settings.database_url, kafka=probe.settings.kafka, replica="test")
    here = await world(service_of(told.rules))
    place = body_of(
        ParticipantEnrolled, session_id=session, person_id=person, request_id=fresh("request"), decided_at=began
    )
    async with here.running() as runtime, client_of(here, attendance.app_of(runtime, told)) as client:
        await runtime.may_decide.wait()
        await here.publish(
            message(training(session, fresh("town"), meetings=days)), message(place, source="rollcall/enrolment")
        )
        await settled(here)
        at = began + dt.timedelta(minutes=5)

        async def scan(meeting: str, key: str) -> httpx.Response:
            read = {"session_id": session, "meeting_id": meeting, "person_id": person, "scanned_at": at.isoformat()}
            return await client.post("/api/v1/scans", json=read, headers={"Idempotency-Key": key})

        async def close(meeting: str, key: str) -> httpx.Response:
            path = f"/api/v1/sessions/{session}/meetings/{meeting}/close"
            return await client.post(path, headers={"Idempotency-Key": key})

        first = await scan("day-1", "k-1")
        assert (first.status_code, first.json()["outcome"]) == (200, "ParticipantAttended")
        assert (await scan("day-1", "k-1")).json() == first.json()
        assert (await scan("day-2", "k-1")).status_code == 422
        assert (await close("day-1", "k-1")).status_code == 422

        closed = await close("day-1", "k-2")
        assert (closed.status_code, closed.json()["present"]) == (200, 1)
        assert (await close("day-1", "k-2")).json() == closed.json()
        assert (await close("day-1", "k-1")).status_code == 422, "also when it is closed"
        assert (await close("day-2", "k-2")).status_code == 422
        assert (await scan("day-2", "k-2")).status_code == 422
        assert (await scan("day-2", "k-3")).status_code == 200
