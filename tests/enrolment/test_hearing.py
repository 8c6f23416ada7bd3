"""Enrolment on a real Kafka and a real Postgres: what is heard, what is set aside, what is said, and that nothing is doubled."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt

import pytest
import sqlalchemy as sa

from services.enrolment import tables
from services.enrolment.app import SERVICE
from shared.books import holding
from shared.books.parking import PARKED, SKIPPED
from shared.books.watermark import WATERMARK
from shared.contracts.answers import CalendarAnswered
from shared.contracts.directory import ContactRegistered, MemberKind, PersonErased, TeamMemberJoined, TeamMemberLeft
from shared.contracts.planner import SessionKind, SessionRescheduled, SessionScheduled, times_of
from shared.contracts.portal import EnrolmentRequested
from shared.contracts.rules import SourceTakenOver
from shared.contracts.selection import CityQualified
from shared.contracts.survey import TrainingNeedDeclared
from shared.outbox.journal import JOURNAL
from shared.postgres.tables import HELD
from shared.testing import Message, body_of, eventually, json_message, message
from tests.enrolment.surroundings import (
    Make,
    city,
    enrolled,
    enrolled_all,
    fresh,
    known,
    parked_at,
    programme,
    rows,
    said_and_sent,
    settled,
    snapshot,
    taken_over,
    training,
)


async def test_every_bad_record_is_parked_with_its_reason_and_the_next_good_event_is_heard(world: Make) -> None:
    here = await world(SERVICE)
    town = fresh("town")
    good = city(town)
    base = good.model_dump(mode="json")
    type_name, key = CityQualified.type_name(), town.encode()
    bad: dict[str, Message] = {
        "not_json": Message("programme.cities", key, b"{", message(good).headers),
        "not_a_cloudevent": message(good, without="ce_id"),
        "wrong_key": dataclasses.replace(message(good), key=b"another"),
        "tombstone": Message("programme.cities", key, None),
        "invalid_body": json_message("programme.cities", key, {**base, "name": "a\x00b"}, type_name),
        "future_time": message(good, at=dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)),
        "too_large": Message("programme.cities", key, b" " * 300_000, message(good).headers),
        "header_not_utf8": dataclasses.replace(
            message(good), headers=[*message(good, without="ce_source").headers, ("ce_source", b"\xff")]
        ),
        "missing_body": Message("programme.cities", key, None, message(good).headers),
        "wrong_stream": dataclasses.replace(message(body_of(ContactRegistered)), stream="programme.cities", key=key),
    }
    big = json_message("programme.cities", key, {**base, "population": 10**23}, type_name)
    async with here.running():
        places = dict(zip(bad, await here.publish(*bad.values()), strict=True))
        (beyond_64_bits,) = await here.publish(big)
        await here.publish(message(good))
        await eventually(lambda: known(here, town), what="the good event")
        for place in (*places.values(), beyond_64_bits):  # the wrong key lies in another partition than the good event
            await eventually(lambda place=place: parked_at(here, place), what=f"the bad record at {place}")

    parked = {(row.stream, row.partition, row.offset): row.reason for row in await rows(here, PARKED)}
    assert {reason: parked.get(place) for reason, place in places.items()} == {reason: reason for reason in bad}
    assert parked[beyond_64_bits] == "invalid_body"


async def test_an_unknown_type_is_skipped_and_remembered_where_it_was_first_met(world: Make) -> None:
    here = await world(SERVICE)
    town = fresh("town")
    unknown = json_message("programme.cities", town.encode(), {"city_id": town}, f"rollcall.{town}.v9")
    async with here.running():
        (first, _) = await here.publish(unknown, unknown)
        await here.publish(message(city(town)))
        await eventually(lambda: known(here, town))

    (row,) = await rows(here, SKIPPED, SKIPPED.c.type == f"rollcall.{town}.v9")
    assert (row.stream, row.partition, row.first_offset) == first


async def test_what_a_calendar_answers_is_heard_from_notifications_and_from_nobody_else(world: Make) -> None:
    here = await world(SERVICE)
    town, session_id, anna, bartek = fresh("town"), fresh("session"), fresh("anna"), fresh("bartek")
    its = training(session_id, town)
    assert isinstance(its, SessionScheduled)
    about = {"session_id": session_id, "reply": "declined", "about_times": times_of(its.meetings)}

    async def have_places(number: int) -> bool:
        return await enrolled(here, session_id) == number

    async with here.running():
        await here.publish(*programme(town, [anna, bartek], session_id))
        await eventually(lambda: have_places(2))
        said = body_of(CalendarAnswered, person_id=anna, **about)
        await here.publish(message(said, source="rollcall/notifications"))
        forged = body_of(CalendarAnswered, person_id=bartek, **about)
        (place,) = await here.publish(message(forged, source="urn:somebody"))
        await eventually(lambda: parked_at(here, place))
        await eventually(lambda: have_places(1))
    (row,) = await rows(here, tables.PLACE, tables.PLACE.c.person_id == anna)
    assert (row.state, row.reply) == ("withdrawn", "declined")


async def test_a_second_writer_is_parked_until_it_may_take_over(world: Make) -> None:
    here = await world(SERVICE)
    town, writer = fresh("town"), fresh("urn:second")
    async with here.running() as runtime:
        await runtime.may_decide.wait()
        (_, place) = await here.publish(
            message(city(town), source="urn:first"), message(city(town, name="Theirs"), source=writer)
        )
        await eventually(lambda: parked_at(here, place))
        assert await known(here, town, "Augustów")

        rule = body_of(
            SourceTakenOver, rule_id=town, in_stream="programme.cities", from_source="urn:first", to_source=writer
        )
        await here.publish(message(rule))
        await eventually(lambda: taken_over(here, town))
        assert (await runtime.retry.retry(*place)).state == "heard"
        assert await known(here, town, "Theirs")


async def test_what_the_database_refuses_for_its_content_is_parked_alone(world: Make) -> None:
    here = await world(SERVICE)
    refused, need, good = fresh("town"), fresh("need"), fresh("town")
    async with here.engine.begin() as connection:
        await connection.execute(
            sa.text(f"alter table projection.town add constraint no check (city_id <> '{refused}')")
        )
        await connection.execute(sa.text(f"alter table projection.need add constraint no check (need_id <> '{need}')"))
    declared = body_of(TrainingNeedDeclared, need_id=need, city_id=good)
    async with here.running():
        (deciding, informing) = await here.publish(message(city(refused)), message(declared))
        await here.publish(message(city(good)))
        await eventually(lambda: known(here, good))
        for place in (deciding, informing):
            (row,) = await eventually(lambda place=place: parked_at(here, place))
            assert row.reason == "refused_by_database"


async def test_a_team_is_enrolled_and_kafka_hears_of_it(world: Make) -> None:
    here = await world(SERVICE)
    town, session = fresh("town"), fresh("session")
    people = [fresh("person") for _ in range(3)]
    async with here.running():
        await here.publish(*programme(town, people, session))
        await eventually(lambda: said_and_sent(here, session, 3), what="three enrolments sent")
    entries = await rows(here, JOURNAL, JOURNAL.c.key == session)
    types = ["rollcall.ParticipantEnrolled.v1"] * 3 + ["rollcall.PlacesSettled.v1"]
    assert sorted(entry.type for entry in entries) == types


async def test_an_erasure_gives_the_seat_to_whoever_waits_and_passes_over_nobody_who_can_be_told(world: Make) -> None:
    here = await world(SERVICE)
    town, session = fresh("town"), fresh("session")
    people = sorted(fresh("person") for _ in range(3))
    *known, _ = programme(town, people, session)
    one_seat = training(session, town, kind=SessionKind.IN_DEPTH, capacity=1)
    async with here.running():
        await here.publish(*known, message(one_seat))
        for person in people:
            await here.publish(message(EnrolmentRequested(session_id=session, person_id=person)))
        await eventually(lambda: said_and_sent(here, session, 3), what="one enrolled, two waiting")
        waiting, last = people[1:]
        await here.publish(message(PersonErased(person_id=waiting)))
        await eventually(
            lambda: said_and_sent(here, session, 4), what="the one erased first, whichever partition is read first"
        )
        await here.publish(message(PersonErased(person_id=people[0])))
        await eventually(lambda: said_and_sent(here, session, 6), what="two out, one promoted")
    places = await rows(here, tables.PLACE, tables.PLACE.c.session_id == session)
    assert {row.person_id: (row.state, row.reason) for row in places} == {
        people[0]: ("withdrawn", "person_erased"),
        waiting: ("withdrawn", "person_erased"),
        last: ("enrolled", None),
    }


async def test_more_held_requests_than_one_transaction_looks_at_are_all_decided_when_their_session_is_announced(
    world: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "MOST_WOKEN", 2)
    here = await world(SERVICE)
    town, session = fresh("town"), fresh("session")
    people = [fresh("person") for _ in range(7)]
    known = programme(town, people, session)[:-1]
    async with here.running():
        asked = [message(EnrolmentRequested(session_id=session, person_id=one)) for one in people]
        for one in asked:  # Each with an append time of its own: those that arrive together are looked at together.
            await here.publish(one)
            await asyncio.sleep(0.002)
        await here.publish(*known)
        await settled(here)
        assert len(await rows(here, HELD, HELD.c.subject.startswith(f"session/{session}/"))) == 7
        in_depth = training(session, town, kind=SessionKind.IN_DEPTH, capacity=3)
        await here.publish(message(in_depth))
        await eventually(lambda: said_and_sent(here, session, 7), what="all of them decided")
    assert await enrolled(here, session) == 3


async def test_the_same_input_a_second_time_changes_no_row(world: Make) -> None:
    here = await world(SERVICE)
    town, session = fresh("town"), fresh("session")
    events = programme(town, [fresh("person") for _ in range(3)], session)
    events.append(message(EnrolmentRequested(session_id=session, person_id=fresh("person"))))
    async with here.running():
        await here.publish(*events)
        await eventually(lambda: said_and_sent(here, session, 3))
        await settled(here)
        before = await snapshot(here)
        await here.publish(*events)
        await settled(here)
        assert await snapshot(here) == before


@pytest.mark.long
async def test_a_database_that_lost_everything_says_nothing_twice(world: Make) -> None:
    """Restored from the oldest backup there is: what was said before is heard first, then what it answered."""
    first = await world(SERVICE)
    town, session = fresh("town"), fresh("session")
    async with first.running():
        people = [fresh("person") for _ in range(3)]
        await first.publish(*programme(town, people, session))
        await eventually(lambda: said_and_sent(first, session, 3))
        # What is heard half-way looks different from how it ends: a smaller room, a member who left for a while.
        joined = {"person_id": people[0], "city_id": town, "kind": MemberKind.COORDINATOR}
        await first.publish(
            message(training(session, town, model=SessionRescheduled, capacity=1), version=2),
            message(TeamMemberLeft(from_date=dt.date(2026, 1, 1), until_date=dt.date(2026, 2, 1), **joined), version=2),
        )
        await settled(first)
        assert await enrolled(first, session) == 2
        await first.publish(
            message(training(session, town, model=SessionRescheduled, capacity=10), version=3),
            message(TeamMemberJoined(from_date=dt.date(2026, 3, 1), **joined)),
        )
        await eventually(lambda: enrolled_all(first, session))
        await settled(first)
    said = {row.event_id for row in await rows(first, JOURNAL)}

    second = await world(SERVICE)
    async with second.running():
        await eventually(lambda: enrolled_all(second, session))
        await settled(second)
    assert {row.event_id for row in await rows(second, JOURNAL, JOURNAL.c.key == session)} <= said


async def test_the_books_of_every_stream_balance(world: Make) -> None:
    here = await world(SERVICE)
    town = fresh("town")
    async with here.running() as runtime:
        await here.publish(
            message(city(town)),
            Message("programme.cities", b"x", b"{", []),
            json_message("programme.cities", b"x", {}, "rollcall.Unheard.v1"),
        )
        await settled(here)
        books = await runtime.health.books()
    for name, stream in books["streams"].items():
        assert stream["published"] == stream["heard"] + stream["parked"] + stream["skipped"], name
    assert books["streams"]["programme.cities"]["parked"] >= 1
    assert books["streams"]["programme.cities"]["skipped"] >= 1


async def test_a_partition_whose_watermark_has_another_fingerprint_is_heard_from_its_start(world: Make) -> None:
    here = await world(SERVICE)
    town = fresh("town")
    async with here.running():
        ((stream, partition, _),) = await here.publish(message(city(town)))
        await eventually(lambda: known(here, town))
        await settled(here)
    async with here.engine.begin() as connection:
        await connection.execute(sa.delete(tables.TOWN))
        await connection.execute(
            sa.update(WATERMARK)
            .where(WATERMARK.c.stream == stream, WATERMARK.c.partition == partition)
            .values(last_print="0/another-log")
        )
    async with here.running():
        await eventually(lambda: known(here, town), what="the town heard again")


async def test_a_watermark_beyond_the_end_of_the_log_is_heard_from_its_start(world: Make) -> None:
    here = await world(SERVICE)
    town = fresh("town")
    async with here.running():
        ((stream, partition, offset),) = await here.publish(message(city(town)))
        await eventually(lambda: known(here, town))
        await settled(here)
    async with here.engine.begin() as connection:
        await connection.execute(sa.delete(tables.TOWN))
        await connection.execute(
            sa.update(WATERMARK)
            .where(WATERMARK.c.stream == stream, WATERMARK.c.partition == partition)
            .values(next_offset=offset + 500, last_offset=offset + 499)
        )
    async with here.running():
        await eventually(lambda: known(here, town), what="the town heard again")


async def test_two_replicas_share_the_work_and_double_nothing(world: Make) -> None:
    here = await world(SERVICE)
    town, session = fresh("town"), fresh("session")
    people = [fresh("person") for _ in range(8)]
    async with here.running() as first, here.joined_by_a_second(first):
        await here.publish(*programme(town, people, session))
        await eventually(lambda: said_and_sent(here, session, 8), what="eight enrolments")
    assert await enrolled(here, session) == 8


async def test_a_held_request_is_refused_once_its_time_has_come(world: Make) -> None:
    now = dt.datetime.now(dt.UTC)
    late = dataclasses.replace(SERVICE, clock=lambda: now + dt.timedelta(days=31))
    here = await world(late)
    session, person = fresh("session"), fresh("person")
    async with here.running():
        await here.publish(message(EnrolmentRequested(session_id=session, person_id=person)))
        await eventually(lambda: rows(here, JOURNAL, JOURNAL.c.key == session), what="the refusal")
    (place,) = await rows(here, tables.PLACE, tables.PLACE.c.session_id == session)
    assert place.refusal == "never_known"
