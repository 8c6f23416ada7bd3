"""`rollcall parked`: a record that several services set aside is one record, looked at and settled in all of them at once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from rollcall.main import app
from services import SERVICES

WHERE, OTHER = "programme.cities/6/48", "programme.cities/6/49"
NAMES = tuple(SERVICES)


def row(where: str = WHERE, **more: Any) -> dict[str, Any]:
    stream, partition, offset = where.split("/")
    about = {
        "stream": stream,
        "partition": int(partition),
        "offset": int(offset),
        "reason": "not_json",
        "detail": "cut off",
    }
    times = {"appended_at": f"2026-11-23T12:00:{offset}Z", "parked_at": "2026-11-23T12:01:00Z", "retries": 0}
    return {**about, **times, "type": "rollcall.CityQualified.v1", "state": "parked", **more}


@dataclass
class Services:
    """What each service has set aside, and what it was asked."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    refusing: dict[str, int] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    answers_left: int = 1000
    """Then it is away: a service that ends while it is asked for many things."""

    def answer(self, method: str, url: str, *, params: dict[str, Any], **_: object) -> httpx.Response:
        request = httpx.Request(method, url)
        name = url.split("/")[2]
        if name in self.away:
            raise httpx.ConnectError("refused", request=request)
        if name in self.refusing:
            problem = {"title": "Unknown token", "detail": "was revoked"}
            return httpx.Response(self.refusing[name], json=problem, request=request)
        path = url.partition("/api/v1/parked")[2]
        self.answers_left -= bool(path)
        if self.answers_left < 0:
            raise httpx.ConnectError("refused", request=request)
        if not path:
            rows = [one for one in self.rows[name] if one["reason"] == params.get("reason", one["reason"])]
            return httpx.Response(200, json=[one for one in rows if one["state"] == params["state"]], request=request)
        self.asked.append(f"{name} {method} {path}")
        found = next((one for one in self.rows[name] if f"/{_where(one)}" in path), None)
        if found is None:
            return httpx.Response(404, json={"title": "No such record"}, request=request)
        if path.endswith("/discard"):
            found["state"] = "discarded"
        return httpx.Response(200, json=found, request=request)


def _where(one: dict[str, Any]) -> str:
    return f"{one['stream']}/{one['partition']}/{one['offset']}"


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Services:
    made = Services({name: [row()] for name in NAMES})
    for name in NAMES:
        monkeypatch.setenv(f"ROLLCALL_{name.upper()}_URL", f"http://{name}")
    monkeypatch.setenv("ROLLCALL_TOKEN", "rc_a_b")
    monkeypatch.setattr(httpx, "request", made.answer)
    return made


def run(*words: str) -> Any:
    return CliRunner().invoke(app, ["parked", *words])


def test_one_record_that_three_services_set_aside_is_one_entry(services: Services) -> None:
    services.rows["enrolment"].append(row(OTHER, reason="foreign_writer", detail="p1 belongs to urn:a", retries=1))
    said = run("list").stdout
    assert said.splitlines() == [
        f"{WHERE}  not_json  rollcall.CityQualified.v1  {', '.join(NAMES)}",
        "    cut off",
        f"{OTHER}  foreign_writer  rollcall.CityQualified.v1  enrolment",
        "    p1 belongs to urn:a · tried again once",
    ]


def test_what_was_tried_twice_says_so(services: Services) -> None:
    services.rows |= {name: [row(retries=2)] for name in NAMES}
    assert "tried again 2 times" in run("list").stdout


def test_one_discard_gives_up_every_copy(services: Services) -> None:
    result = run("discard", WHERE)
    assert (result.exit_code, services.asked) == (0, [f"{name} POST /{WHERE}/discard" for name in NAMES])
    assert result.stdout.splitlines() == [f"{name} {WHERE}: discarded" for name in NAMES]


def test_a_named_service_alone_gives_up_its_copy(services: Services) -> None:
    assert run("discard", "attendance", WHERE).exit_code == 0
    assert services.asked == [f"attendance POST /{WHERE}/discard"]


def test_a_service_that_never_heard_the_stream_is_passed_over(services: Services) -> None:
    services.rows["notifications"] = []
    result = run("discard", WHERE)
    assert result.exit_code == 0 and "notifications" not in result.stdout


def test_a_record_that_nobody_has_is_said_so(services: Services) -> None:
    result = run("discard", OTHER)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert f"no record {OTHER}" in result.stderr


@pytest.mark.parametrize("how", ["away", "refusing"])
def test_a_service_that_cannot_be_asked_keeps_its_copy_and_is_named(services: Services, how: str) -> None:
    if how == "away":
        services.away = {"attendance"}
    else:
        services.refusing = {"attendance": 401}
    listed, discarded = run("list"), run("discard", WHERE)
    assert listed.exit_code == 0 and "attendance" in listed.stderr
    assert discarded.exit_code == 1 and "attendance" in discarded.stderr
    states = {name: services.rows[name][0]["state"] for name in NAMES}
    assert states == dict.fromkeys(NAMES, "discarded") | {"attendance": "parked"}


def test_everything_set_aside_for_a_reason_goes_together_once_somebody_says_so(services: Services) -> None:
    services.rows["enrolment"] += [row(OTHER), row("programme.cities/1/2", reason="wrong_key")]
    asked = run("discard", "--reason", "not_json")
    assert (asked.exit_code, services.asked) == (2, [])
    assert f"2 records ({len(NAMES) + 1} copies) for not_json would be discarded for good: say --yes." in asked.stderr

    assert run("discard", "--reason", "not_json", "--yes").exit_code == 0
    assert {one["reason"] for one in services.rows["enrolment"] if one["state"] == "parked"} == {"wrong_key"}
    assert all(one["state"] == "discarded" for name in NAMES if name != "enrolment" for one in services.rows[name])
    assert "Nothing is set aside for not_json." in run("discard", "--reason", "not_json", "--yes").stderr


def test_of_one_service_alone_too(services: Services) -> None:
    assert run("discard", "attendance", "--reason", "not_json", "--yes").exit_code == 0
    states = {name: services.rows[name][0]["state"] for name in NAMES}
    assert states == dict.fromkeys(NAMES, "parked") | {"attendance": "discarded"}


@pytest.mark.parametrize("words", [[], ["attendance"], [WHERE, "--reason", "x"], ["nobody", WHERE], ["a", "b", WHERE]])
def test_what_names_nothing_or_two_things_is_refused(services: Services, words: list[str]) -> None:
    result = run("discard", *words, "--yes")
    assert (result.exit_code, services.asked) == (2, [])


def test_a_retry_that_is_set_aside_again_anywhere_is_not_done(services: Services) -> None:
    services.rows["enrolment"][0]["state"] = "heard"
    result = run("retry", WHERE)
    assert result.exit_code == 3
    assert f"enrolment {WHERE}: heard" in result.stdout
    assert f"attendance {WHERE}: set aside again: not_json: cut off" in result.stdout


def test_a_record_is_shown_as_it_came_and_not_as_python_would_write_it(services: Services) -> None:
    for name in NAMES:
        record = {"key": None, "headers": [["ce_id", "e-1"], ["x-empty", None]], "value": '{"name":"Żory","size":[1]}'}
        services.rows[name] = [row(event_id=None, source=None, **record)]
    said = run("show", WHERE).stdout
    assert "None" not in said and "[[" not in said and "'" not in said
    assert re.search(r"key  – \(none\)\n\s+headers  ce_id: e-1\n\s+x-empty: – \(none\)\n\s+body  \{\n", said)
    assert '                 "name": "Żory",\n' in said
    assert len(re.findall("not_json: cut off", said)) == len(NAMES)


@pytest.mark.parametrize("verb", ["retry", "discard"])
def test_of_all_for_a_reason_a_service_that_cannot_be_asked_keeps_its_copies_and_is_named(
    services: Services, verb: str
) -> None:
    services.away = {"attendance"}
    result = run(verb, "--reason", "not_json", *(["--yes"] if verb == "discard" else []))
    assert result.exit_code == 1
    assert "attendance does not answer" in result.stderr
    assert [one.split()[0] for one in services.asked] == [name for name in NAMES if name != "attendance"]


def test_a_service_that_ends_among_many_records_is_one_sentence_and_what_was_done_is_named(services: Services) -> None:
    services.rows["enrolment"] += [row(OTHER), row("programme.cities/6/50"), row("programme.cities/6/51")]
    services.answers_left = 2
    result = run("discard", "enrolment", "--reason", "not_json", "--yes")
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert re.findall(r"^enrolment (\S+): discarded$", result.stderr, re.MULTILINE) == [WHERE, OTHER]
    assert result.stderr.count("enrolment does not answer") == 1
    assert services.answers_left == -1  # It is not waited for once more for each of the others.


def test_a_record_that_somebody_else_took_away_meanwhile_is_passed_over(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = row("programme.cities/6/7")
    listed = services.answer

    def answer(method: str, url: str, **how: Any) -> httpx.Response:
        services.rows["enrolment"] = [gone, row()] if url.endswith("/parked") else [row()]
        return listed(method, url, **how)

    monkeypatch.setattr(httpx, "request", answer)
    result = run("discard", "enrolment", "--reason", "not_json", "--yes")
    assert (result.exit_code, result.stdout) == (0, f"enrolment {WHERE}: discarded\n")


def test_a_list_that_may_go_on_says_so(services: Services) -> None:
    services.rows["enrolment"] += [row(OTHER)]
    assert "There may be more in enrolment:" in run("list", "--limit", "2").stderr
    assert "There may be more" not in run("list", "--limit", "3").stderr


def test_the_oldest_stands_first_also_within_a_second(services: Services) -> None:
    at = {
        OTHER: "2026-11-23T12:00:48Z",
        "programme.cities/6/50": "2026-11-23T12:00:48.250000Z",
        WHERE: "2026-11-23T12:00:49Z",
    }
    services.rows = {name: [] for name in NAMES} | {
        "enrolment": [row(one, appended_at=when) for one, when in reversed(at.items())]
    }
    listed = [line.split()[0] for line in run("list").stdout.splitlines() if line.startswith("programme.")]
    assert listed == list(at)
