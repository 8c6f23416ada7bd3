"""Facts about the demo's input: what an outside system could have sent, in the real programme's numbers."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from demo import days
from demo.names import ascii_of, woman_form
from demo.programme import FILES, MINE, Programme, write_programme
from demo.shape import Scale
from shared.contracts import EVENTS, Fact
from shared.contracts.planner import SessionState
from shared.events.envelope import record_of, subject_of

Line = dict[str, Any]

TODAY = dt.date(2026, 11, 23)
NOW = dt.datetime(2026, 11, 23, 9, 17, 41, tzinfo=dt.UTC)
SCALES: tuple[Scale, ...] = ("full", "small")
pytestmark = pytest.mark.long  # The whole programme is written, read and counted.


@pytest.fixture(scope="module")
def programmes(tmp_path_factory: pytest.TempPathFactory) -> dict[Scale, Programme]:
    return {
        scale: write_programme(tmp_path_factory.mktemp(scale), today=TODAY, now=NOW, scale=scale) for scale in SCALES
    }


@pytest.fixture(params=SCALES)
def programme(request: pytest.FixtureRequest, programmes: dict[Scale, Programme]) -> Programme:
    scale: Scale = request.param
    return programmes[scale]


def lines_of(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def all_lines(programme: Programme) -> list[Line]:
    return [line for path in programme.files for line in lines_of(path)]


def of_type(lines: list[Line], *names: str) -> list[Line]:
    return [line for line in lines if line["type"].split(".")[1] in names]


def sessions(programme: Programme) -> list[tuple[Line, SessionState]]:
    """Every statement about a session, with its body as the contract reads it."""
    return [
        (line, body)
        for line in all_lines(programme)
        if isinstance(body := EVENTS[line["type"]].model_validate(line["data"]), SessionState)
    ]


def test_every_line_can_be_published_as_its_contract_says(programme: Programme) -> None:
    for line in [*all_lines(programme), *lines_of(programme.mine)]:
        stream, key, _value, _headers = record_of(line)
        body = EVENTS[line["type"]].model_validate(line["data"])
        assert line["specversion"] == "1.0" and line["datacontenttype"] == "application/json"
        assert line["subject"] == subject_of(body)
        assert stream == type(body).stream and key
        assert not body.model_extra, f"fields that no contract knows: {body.model_extra}"


def test_ids_are_unique_but_for_lines_sent_again_unchanged(programme: Programme) -> None:
    said: dict[tuple[str, str], Line] = {}
    again = 0
    for line in all_lines(programme):
        known = said.setdefault((line["source"], line["id"]), line)
        assert known == line
        again += known is not line
    assert again > 0
    assert len({identifier for _, identifier in said}) == len(said)


def test_versions_of_facts_are_decimal_and_grow_and_requests_have_none(programme: Programme) -> None:
    heard: dict[tuple[str, str], int] = {}
    for line in all_lines(programme):
        model = EVENTS[line["type"]]
        if not issubclass(model, Fact):
            assert "aggregateversion" not in line
            continue
        assert isinstance(line["aggregateversion"], str)
        aggregate = (model.stream, line["subject"])
        assert int(line["aggregateversion"]) > heard.get(aggregate, 0)
        heard[aggregate] = int(line["aggregateversion"])


def test_each_aggregate_has_one_source(programme: Programme) -> None:
    sources: dict[tuple[str, str], set[str]] = defaultdict(set)
    for line in all_lines(programme):
        sources[EVENTS[line["type"]].stream, line["subject"]].add(line["source"])
    assert {len(ones) for ones in sources.values()} == {1}


def test_nothing_was_said_after_the_moment_of_writing(programme: Programme) -> None:
    for line in [*all_lines(programme), *lines_of(programme.mine)]:
        assert dt.datetime.fromisoformat(line["time"]) <= NOW
        for name in ("decided_at", "scanned_at"):
            assert dt.datetime.fromisoformat(line["data"].get(name, line["time"])) <= NOW


@pytest.mark.parametrize("name", FILES[5:])
def test_late_files_are_said_in_the_order_of_their_times(programme: Programme, name: str) -> None:
    lines = lines_of(programme.folder / name)
    firsts = list({line["id"]: line["time"] for line in reversed(lines)}.values())
    assert firsts
    moments = list({line["id"]: line["time"] for line in lines}.values())
    assert moments == sorted(moments)


def test_the_full_demo_has_the_numbers_of_the_real_programme(programmes: dict[Scale, Programme]) -> None:
    programme = programmes["full"]
    lines = all_lines(programme)
    outcomes = {
        line["subject"]: line["type"].split(".")[1]
        for line in of_type(lines, "CityQualified", "CityNotSelected", "CityWithdrawn")
    }
    qualified = Counter(subject[-1] for subject, outcome in outcomes.items() if outcome == "CityQualified")
    assert qualified == {"1": 54, "2": 29}
    assert len(of_type(lines, "PersonRegistered")) == 1800
    assert len({body.session_id for _, body in sessions(programme)}) == 270
    assert (
        programme.counts["towns"] == 66 and programme.counts["people"] == 1800 and programme.counts["sessions"] == 270
    )


def test_every_full_team_has_25_to_45_people_and_one_or_two_coordinators(programmes: dict[Scale, Programme]) -> None:
    lines = lines_of(programmes["full"].files[1])
    teams: dict[str, list[Line]] = defaultdict(list)
    for line in of_type(lines, "TeamMemberJoined", "TeamMemberLeft"):
        teams[line["data"]["city_id"]].append(line)
    assert len(teams) == 54
    for team in teams.values():
        assert 24 <= len(team) <= 45
        assert sum(line["data"]["kind"] == "coordinator" for line in team) in (1, 2)


def test_the_small_demo_stays_small(programmes: dict[Scale, Programme]) -> None:
    counts = programmes["small"].counts
    assert (counts["towns"], counts["people"], counts["sessions"]) == (6, 60, 19)


def test_both_scales_hold_the_same_kinds_of_events(programmes: dict[Scale, Programme]) -> None:
    types = [Counter(line["type"] for line in all_lines(programme)).keys() for programme in programmes.values()]
    assert types[0] == types[1]


def test_one_town_withdrew_and_came_back(programme: Programme) -> None:
    (withdrawn,) = of_type(all_lines(programme), "CityWithdrawn")
    assert withdrawn["data"]["city_id"] == programme.story.returned_town_id
    told = [line for line in all_lines(programme) if line["subject"] == withdrawn["subject"]]
    assert [line["type"].split(".")[1] for line in told] == ["CityQualified", "CityWithdrawn", "CityQualified"]


def test_every_address_is_of_example_org_and_belongs_to_one_person(programme: Programme) -> None:
    lines = [*all_lines(programme), *lines_of(programme.mine)]
    addresses = [line["data"]["email"] for line in of_type(lines, "ContactRegistered")]
    assert all(address.isascii() and address.endswith("@example.org") for address in addresses)
    assert len(set(addresses)) == len(addresses)
    for path in [*programme.files, programme.mine]:
        text = path.read_text(encoding="utf-8")
        assert text.count("@") == text.count("@example.org")


def test_about_six_in_a_hundred_read_english(programmes: dict[Scale, Programme]) -> None:
    contacts = of_type(lines_of(programmes["full"].files[1]), "ContactRegistered")
    english = sum(line["data"]["language"] == "en" for line in contacts)
    assert 0.04 < english / len(contacts) < 0.08


def test_surnames_agree_with_given_names(programme: Programme) -> None:
    for line in of_type(all_lines(programme), "PersonRegistered"):
        woman = line["data"]["given_name"].endswith("a")
        assert not (woman and line["data"]["family_name"].endswith(("ski", "cki", "dzki", "y")))
        assert not (not woman and line["data"]["family_name"].endswith(("ska", "cka", "dzka")))


@pytest.mark.parametrize(
    ("surname", "of_a_woman"),
    [("Górski", "Górska"), ("Zawadzki", "Zawadzka"), ("Nowacki", "Nowacka"), ("Cichy", "Cicha"), ("Wójcik", "Wójcik")],
)
def test_a_womans_surname(surname: str, of_a_woman: str) -> None:
    assert woman_form(surname) == of_a_woman


def test_polish_letters_fold_to_ascii() -> None:
    assert ascii_of("Żółć Łuczak-Śliwa") == "zolcluczaksliwa"


def test_meetings_keep_office_hours_on_working_days_except_todays(programme: Programme) -> None:
    for _, body in sessions(programme):
        if body.session_id == programme.story.session_id:
            continue
        assert 1 <= len(body.meetings) <= 2
        for meeting in body.meetings:
            assert days.is_working(meeting.starts_local.date())
            assert (meeting.starts_local.time(), meeting.ends_local.time()) == (dt.time(9), dt.time(15))


def test_wall_time_holds_on_both_sides_of_a_change_of_clocks(programmes: dict[Scale, Programme]) -> None:
    meetings = [meeting for _, body in sessions(programmes["full"]) for meeting in body.meetings]
    offsets = {meeting.starts_local.replace(tzinfo=ZoneInfo(meeting.zone)).utcoffset() for meeting in meetings}
    assert offsets == {dt.timedelta(hours=1), dt.timedelta(hours=2)}
    assert {meeting.starts_at.hour for meeting in meetings} >= {7, 8}


def test_phase_1_is_over_but_for_one_training_and_phase_2_lies_ahead(programme: Programme) -> None:
    for _, body in sessions(programme):
        if body.session_id == programme.story.session_id:
            assert body.starts_at <= NOW < body.ends_at
            assert body.kind == "supplementary" and body.city_id == programme.story.town_id
        elif body.phase == 1:
            assert body.ends_at < NOW - dt.timedelta(days=1)
        else:
            assert body.starts_at > NOW + dt.timedelta(days=7)


def test_history_is_about_trainings_that_are_over_and_those_that_the_archive_hands_over(programme: Programme) -> None:
    over = {body.session_id for _, body in sessions(programme) if body.ends_at < NOW}
    lines = lines_of(programme.folder / "05-history.jsonl")
    handed_over = {line["data"]["session_id"] for line in of_type(lines, "ParticipantWaitlisted")}
    assert handed_over and {line["data"]["session_id"] for line in lines} == over | handed_over
    for line in of_type(lines, "PlaceOffered"):
        assert line["data"]["session_id"] in handed_over
        assert dt.datetime.fromisoformat(line["data"]["offered_until"]) < NOW
    closed = of_type(lines, "AttendanceListClosed")
    assert any(not line["data"]["recorded"] for line in closed)
    assert {line["source"] for line in lines} == {"urn:example:archive"}


def test_history_never_overfills_a_training(programme: Programme) -> None:
    capacity = {body.session_id: body.capacity for _, body in sessions(programme)}
    enrolled = Counter(line["data"]["session_id"] for line in of_type(all_lines(programme), "ParticipantEnrolled"))
    assert all(0 < count <= capacity[session_id] for session_id, count in enrolled.items())


def test_in_depth_trainings_take_place_in_a_town_of_the_phase(programme: Programme) -> None:
    qualified: dict[int, set[str]] = defaultdict(set)
    for line in of_type(all_lines(programme), "CityQualified"):
        qualified[line["data"]["stage"]].add(line["data"]["city_id"])
    assert all(body.city_id in qualified[body.phase] for _, body in sessions(programme))


def test_changes_and_scans_touch_what_they_should(programme: Programme) -> None:
    changes = lines_of(programme.folder / "07-changes.jsonl")
    assert len(of_type(changes, "TeamMemberJoined")) < len(of_type(changes, "TeamMemberLeft"))
    assert {line["data"]["session_id"] for line in lines_of(programme.folder / "08-scans.jsonl")} == {
        programme.story.session_id
    }
    scanned = Counter(line["data"]["person_id"] for line in lines_of(programme.folder / "08-scans.jsonl"))
    assert scanned[programme.story.person_id] == 2
    assert programme.story.absent_person_id not in scanned


def test_mine_holds_everything_three_confirmations_need(programme: Programme) -> None:
    lines = lines_of(programme.mine)
    (town,) = of_type(lines, "CityQualified")
    (session,) = of_type(lines, "SessionScheduled")
    (stage,) = of_type(lines, "StageOpened")
    members = of_type(lines, "TeamMemberJoined")
    contacts = {line["data"]["person_id"]: line["data"]["email"] for line in of_type(lines, "ContactRegistered")}
    assert (stage["data"]["stage"], stage["data"]["phase"]) == (town["data"]["stage"], session["data"]["phase"])
    assert {line["data"]["city_id"] for line in [*members, session]} == {town["data"]["city_id"]}
    assert {line["data"]["person_id"] for line in members} == contacts.keys() and len(contacts) == 3
    assert "you@example.org" in contacts.values()
    assert session["data"]["capacity"] >= 3
    known = {line["data"].get("city_id") for line in all_lines(programme)}
    assert town["data"]["city_id"] not in known


def test_what_mine_says_again_is_the_programmes_own_line(programme: Programme) -> None:
    texts = (programme.folder / FILES[0]).read_text(encoding="utf-8").splitlines()
    assert all(line in texts for line in programme.mine.read_text(encoding="utf-8").splitlines()[:2])


def test_the_same_day_and_seed_give_the_same_bytes(programmes: dict[Scale, Programme], tmp_path: Path) -> None:
    for scale, first in programmes.items():
        second = write_programme(tmp_path / scale, today=TODAY, now=NOW, scale=scale)
        for name in (*FILES, MINE):
            assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes()
        assert second.story == first.story


def test_another_seed_gives_other_people(programmes: dict[Scale, Programme], tmp_path: Path) -> None:
    other = write_programme(tmp_path, today=TODAY, now=NOW, seed=7, scale="small")
    assert (other.folder / FILES[1]).read_bytes() != (programmes["small"].folder / FILES[1]).read_bytes()


def test_a_folder_that_is_full_is_read_and_not_written_again(tmp_path: Path) -> None:
    first = write_programme(tmp_path, today=TODAY, now=NOW, scale="small")
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()}
    tomorrow = dt.timedelta(days=1)
    second = write_programme(tmp_path, today=TODAY + tomorrow, now=NOW + tomorrow, scale="small")
    assert second == first
    assert before == {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()}


def test_a_folder_that_was_left_unfinished_is_written_again(tmp_path: Path) -> None:
    first = write_programme(tmp_path, today=TODAY, now=NOW, scale="small")
    whole = first.files[1].read_bytes()
    (tmp_path / "programme.json").unlink()
    first.files[1].write_bytes(whole[:100])
    assert write_programme(tmp_path, today=TODAY, now=NOW, scale="small").files[1].read_bytes() == whole


def test_a_folder_of_another_scale_or_seed_is_refused(tmp_path: Path) -> None:
    write_programme(tmp_path, today=TODAY, now=NOW, scale="small")
    with pytest.raises(ValueError, match="holds the small programme"):
        write_programme(tmp_path, today=TODAY, now=NOW, scale="full")
    with pytest.raises(ValueError, match="seed 2026"):
        write_programme(tmp_path, today=TODAY, now=NOW, scale="small", seed=1)


@pytest.fixture
def at(tmp_path: Path) -> Callable[[dt.datetime], Programme]:
    def write(now: dt.datetime) -> Programme:
        folder = tmp_path / now.strftime("%Y%m%dT%H%M%S")
        return write_programme(folder, today=now.astimezone(ZoneInfo(days.ZONE)).date(), now=now, scale="small")

    return write


@pytest.mark.parametrize(
    "now",
    [
        dt.datetime(2026, 11, 22, 23, 0, 0, tzinfo=dt.UTC),  # Midnight in Warsaw, to the second.
        dt.datetime(2026, 11, 22, 23, 2, 10, tzinfo=dt.UTC),
        dt.datetime(2026, 11, 23, 22, 58, 0, tzinfo=dt.UTC),
        dt.datetime(2027, 3, 28, 1, 10, 0, tzinfo=dt.UTC),  # Just after clocks went forward.
        dt.datetime(2027, 1, 3, 12, 0, 0, tzinfo=dt.UTC),  # A Sunday.
        dt.datetime(2028, 2, 29, 12, 0, 0, tzinfo=dt.UTC),
    ],
)
def test_todays_training_is_under_way_at_any_hour(at: Callable[[dt.datetime], Programme], now: dt.datetime) -> None:
    programme = at(now)
    (today,) = [body for _, body in sessions(programme) if body.session_id == programme.story.session_id]
    assert today.starts_at <= now < today.ends_at <= now + dt.timedelta(minutes=25)
    assert today.meetings[0].starts_local.date() == programme.today
    for line in lines_of(programme.files[7]):
        assert today.starts_at <= dt.datetime.fromisoformat(line["data"]["scanned_at"]) <= now


@pytest.mark.parametrize("month", range(1, 13))
def test_the_phases_stand_apart_on_any_day_of_the_year(at: Callable[[dt.datetime], Programme], month: int) -> None:
    now = dt.datetime(2027, month, 19, 10, 30, tzinfo=dt.UTC)
    for line, body in sessions(programme := at(now)):
        assert dt.datetime.fromisoformat(line["time"]) <= now
        if body.phase == 2:
            assert body.starts_at > now + dt.timedelta(days=7)
        elif body.session_id != programme.story.session_id:
            assert body.ends_at < now - dt.timedelta(days=1)
