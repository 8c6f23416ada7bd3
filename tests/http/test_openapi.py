"""The description of each service is whole: every answer with what it means and an example, every problem in the integrators' list."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import SecretStr

from services.attendance import api as attendance
from services.attendance.app import service_of
from services.attendance.settings import AttendanceSettings
from services.enrolment import api as enrolment
from services.enrolment import app as enrolment_app
from services.notifications import api as notifications
from services.notifications import app as notifications_app
from services.notifications.settings import NotificationsSettings
from shared.problems import MEDIA_TYPE
from shared.process.runtime import Runtime
from shared.settings import Settings
from shared.values import immutable
from shared.web.pages.kit import Office, Pages
from shared.web.routes import FOR_EVERY_ROUTE
from tests.http.kinds import all_kinds

INTEGRATORS = Path(__file__).parents[2] / "docs" / "integrators.md"
NOWHERE = {"kafka": "127.0.0.1:9", "database_url": SecretStr("postgresql+asyncpg://nobody:x@127.0.0.1:9/x")}


async def _apps() -> dict[str, FastAPI]:
    rules = AttendanceSettings(**NOWHERE)
    runtimes = {
        "enrolment": Runtime(enrolment_app.SERVICE, Settings(**NOWHERE, port=0)),
        "attendance": Runtime(service_of(rules.rules), rules),
        "notifications": Runtime(notifications_app.SERVICE, NotificationsSettings(**NOWHERE)),
    }
    apps = {
        "enrolment": enrolment.app_of(runtimes["enrolment"]),
        "attendance": attendance.app_of(runtimes["attendance"], rules),
        "notifications": notifications.app_of(runtimes["notifications"]),
    }
    for name, app in apps.items():
        Pages(f"services.{name}.pages", Office("Biuro", "biuro@example.org")).add_to(app, runtimes[name])
    return apps


SERVICES = ("enrolment", "attendance", "notifications")


@cache
def apps() -> dict[str, FastAPI]:
    """Made when a test needs them: whoever collects tests need not wait for it."""
    return asyncio.run(_apps())


@immutable
class Operation:
    """What one may ask of a service."""

    where: str
    """Its method and path, which name it where something is wrong with it."""
    said: dict[str, Any]
    described: dict[str, Any]
    """The description that it stands in."""

    @property
    def takes_a_key(self) -> bool:
        return any(parameter["name"] == "Idempotency-Key" for parameter in self.said.get("parameters", ()))


@cache
def operations_of(service: str) -> list[Operation]:
    described = apps()[service].openapi()
    return [
        Operation(f"{method} {path}", operation, described)
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
    ]


@pytest.fixture(params=SERVICES)
def operations(request: pytest.FixtureRequest) -> list[Operation]:
    """All that one may ask of a service."""
    return operations_of(request.param)


def resolved(schema: dict[str, Any], described: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = described["components"]["schemas"][name] if name else schema
    return found


def examples(content: dict[str, Any], described: dict[str, Any]) -> Iterator[Any]:
    """Those of an answer or a body: beside it, or with what it, or each of its rows, is made of."""
    schema = content.get("schema", {})
    yield from (one["value"] for one in content.get("examples", {}).values())
    yield from resolved(schema, described).get("examples", ())
    for one in resolved(schema.get("items", {}), described).get("examples", ()):
        yield [one]


def valid(example: Any, content: dict[str, Any], described: dict[str, Any]) -> None:
    schema = {**content["schema"], "components": described["components"]}
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(example)


@pytest.mark.parametrize("name", SERVICES)
def test_what_holds_for_every_route_holds_for_this_one_also_of_pages(name: str) -> None:
    always = {dependency.dependency for dependency in FOR_EVERY_ROUTE}
    routes = apps()[name].routes[1:]  # Its own description is the first.
    for route in routes:
        assert isinstance(route, APIRoute), "made once, not twice"
        assert always <= {dependency.call for dependency in route.dependant.dependencies}, route.path


def test_every_answer_says_what_it_means_and_has_a_valid_example(operations: list[Operation]) -> None:
    for one in operations:
        for status, answer in one.said["responses"].items():
            assert answer["description"] not in ("", "Successful Response"), (one.where, status)
            for media_type, content in answer["content"].items():
                if not media_type.endswith("json"):  # Nothing that one could write down.
                    continue
                shown = list(examples(content, one.described))
                assert shown, (one.where, status, media_type)
                for example in shown:
                    valid(example, content, one.described)


def test_whatever_is_answered_is_a_model_or_a_list_of_one(operations: list[Operation]) -> None:
    for one in operations:
        for answer in one.said["responses"].values():
            schema = answer["content"].get("application/json", {}).get("schema", {"$ref": "not JSON"})
            assert "$ref" in schema.get("items", schema), (one.where, schema)


def test_every_problem_has_the_one_shape_and_its_kinds_by_name(operations: list[Operation]) -> None:
    known = {kind.type: kind for kind in all_kinds()}
    for one in operations:
        for status, answer in one.said["responses"].items():
            for media_type, content in answer["content"].items():
                if media_type != MEDIA_TYPE:
                    assert status < "300" or one.said["operationId"] == "is_ready", (one.where, status)
                    continue
                shape, kinds = content["schema"]["allOf"]
                assert shape == {"$ref": "#/components/schemas/Problem"}, one.where
                for type_ in kinds["properties"]["type"]["enum"]:
                    assert known[type_].status == int(status), one.where
                    assert known[type_].remedy in answer["description"], one.where


def test_every_operation_promises_something_and_whatever_it_takes_is_explained(operations: list[Operation]) -> None:
    for one in operations:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", one.said["operationId"]), one.where
        assert 10 <= len(one.said["summary"]) <= 140, one.where
        assert not one.said["summary"].endswith("."), one.where
        for parameter in one.said.get("parameters", ()):
            schema = parameter["schema"]
            is_explained = "$ref" in schema or "enum" in str(schema) or schema["title"]
            assert parameter.get("description") or is_explained, (one.where, parameter)
        for content in one.said.get("requestBody", {}).get("content", {}).values():
            shown = list(examples(content, one.described))
            assert shown, one.where
            for example in shown:
                valid(example, content, one.described)


def test_whoever_asks_for_a_decision_may_name_it(operations: list[Operation]) -> None:
    """What an operator does to one record or notice says what is to be: it needs no name."""
    for one in operations:
        taken = "urn:rollcall:problem:key-taken" in str(one.said["responses"].get("422", ""))
        assert one.takes_a_key == taken, one.where


def test_the_commands_are_those_that_take_a_key() -> None:
    every_one = [one for service in SERVICES for one in operations_of(service)]
    commands = {one.said["operationId"] for one in every_one if one.takes_a_key}
    others = {one.said["operationId"] for one in every_one if one.where.startswith("post ")} - commands
    asked = {"request_place", "withdraw", "nominate", "substitute", "answer_offer", "reply"}
    of_the_office = {"give_extra_place", "give_priority", "remove", "lift_removal", "correct", "write_message", "ask"}
    of_a_list = {"record_scan", "close_list", "reopen_list", "mark", "correct_record", "link"}
    of_papers = {"attach_file", "remove_file", "enter_paper"}
    what_is_to_be = {
        "retry_parked",
        "discard_parked",
        "settle_notice",
        "release_address",
        "repeat_notice",
        "mute",
        "go_live",
    }
    each_with_its_own = {"record_scans", "set_marks", "plan_import", "import_report", "compare_paper"}
    assert commands == asked | of_a_list | of_the_office | of_papers
    assert others == what_is_to_be | each_with_its_own | {"preview_message"}


def test_no_two_operations_share_a_name(operations: list[Operation]) -> None:
    names = [one.said["operationId"] for one in operations]
    assert len(names) == len(set(names))


def test_a_kind_of_problem_means_the_same_wherever_it_is_declared() -> None:
    names = [kind.name for kind in all_kinds()]
    assert len(names) == len(set(names))


def test_the_integrators_list_holds_every_kind_of_problem_with_what_it_means_and_what_helps() -> None:
    rows = re.findall(
        r"^\| `([a-z-]+)` \| (\d{3}) \| (.+?) \| (.+?) \|$", INTEGRATORS.read_text(encoding="utf-8"), re.M
    )
    assert rows == [(kind.name, str(kind.status), kind.title, kind.remedy) for kind in all_kinds()]
