"""The description of each service is whole: every answer with what it means and an example, every problem in the integrators' list."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
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


APPS = asyncio.run(_apps())
DESCRIBED = {name: app.openapi() for name, app in APPS.items()}
OPERATIONS = [
    (f"{name} {method} {path}", operation, described)
    for name, described in DESCRIBED.items()
    for path, operations in described["paths"].items()
    for method, operation in operations.items()
]
every_operation = pytest.mark.parametrize(
    ("operation", "described"), [one[1:] for one in OPERATIONS], ids=[one[0] for one in OPERATIONS]
)


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


@pytest.mark.parametrize("name", APPS)
def test_what_holds_for_every_route_holds_for_this_one_also_of_pages(name: str) -> None:
    always = {dependency.dependency for dependency in FOR_EVERY_ROUTE}
    routes = APPS[name].routes[1:]  # Its own description is the first.
    for route in routes:
        assert isinstance(route, APIRoute), "made once, not twice"
        assert always <= {dependency.call for dependency in route.dependant.dependencies}, route.path


@every_operation
def test_every_answer_says_what_it_means_and_has_a_valid_example(
    operation: dict[str, Any], described: dict[str, Any]
) -> None:
    for status, answer in operation["responses"].items():
        assert answer["description"] not in ("", "Successful Response"), status
        for media_type, content in answer["content"].items():
            if not media_type.endswith("json"):  # Nothing that one could write down.
                continue
            shown = list(examples(content, described))
            assert shown, (status, media_type)
            for one in shown:
                valid(one, content, described)


@every_operation
def test_whatever_is_answered_is_a_model_or_a_list_of_one(operation: dict[str, Any], described: dict[str, Any]) -> None:
    for answer in operation["responses"].values():
        schema = answer["content"].get("application/json", {}).get("schema", {"$ref": "not JSON"})
        assert "$ref" in schema.get("items", schema), schema


@every_operation
def test_every_problem_has_the_one_shape_and_its_kinds_by_name(
    operation: dict[str, Any], described: dict[str, Any]
) -> None:
    known = {kind.type: kind for kind in all_kinds()}
    for status, answer in operation["responses"].items():
        for media_type, content in answer["content"].items():
            if media_type != MEDIA_TYPE:
                assert status < "300" or operation["operationId"] == "is_ready", status
                continue
            shape, kinds = content["schema"]["allOf"]
            assert shape == {"$ref": "#/components/schemas/Problem"}
            for type_ in kinds["properties"]["type"]["enum"]:
                assert known[type_].status == int(status)
                assert known[type_].remedy in answer["description"]


@every_operation
def test_every_operation_promises_something_and_whatever_it_takes_is_explained(
    operation: dict[str, Any], described: dict[str, Any]
) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", operation["operationId"])
    assert 10 <= len(operation["summary"]) <= 140
    assert not operation["summary"].endswith(".")
    for parameter in operation.get("parameters", ()):
        schema = parameter["schema"]
        assert parameter.get("description") or "$ref" in schema or "enum" in str(schema) or schema["title"], parameter
    for content in operation.get("requestBody", {}).get("content", {}).values():
        shown = list(examples(content, described))
        assert shown
        for one in shown:
            valid(one, content, described)


@every_operation
def test_whoever_asks_for_a_decision_may_name_it(operation: dict[str, Any], described: dict[str, Any]) -> None:
    """What an operator does to one record or notice says what is to be: it needs no name."""
    takes_a_key = any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", ()))
    taken = "urn:rollcall:problem:key-taken" in str(operation["responses"].get("422", ""))
    assert takes_a_key == taken


def test_the_commands_are_those_that_take_a_key() -> None:
    commands = {
        operation["operationId"]
        for _, operation, _ in OPERATIONS
        if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", ()))
    }
    others = {operation["operationId"] for name, operation, _ in OPERATIONS if " post " in name} - commands
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


@pytest.mark.parametrize("name", DESCRIBED)
def test_no_two_operations_share_a_name(name: str) -> None:
    names = [operation["operationId"] for where, operation, _ in OPERATIONS if where.startswith(name)]
    assert len(names) == len(set(names))


def test_a_kind_of_problem_means_the_same_wherever_it_is_declared() -> None:
    names = [kind.name for kind in all_kinds()]
    assert len(names) == len(set(names))


def test_the_integrators_list_holds_every_kind_of_problem_with_what_it_means_and_what_helps() -> None:
    rows = re.findall(
        r"^\| `([a-z-]+)` \| (\d{3}) \| (.+?) \| (.+?) \|$", INTEGRATORS.read_text(encoding="utf-8"), re.M
    )
    assert rows == [(kind.name, str(kind.status), kind.title, kind.remedy) for kind in all_kinds()]
