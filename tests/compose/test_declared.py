"""What can be said of the compose files without Docker: every setting is there, and grants follow from what services declare."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from deploy.kafka.access import ARCHIVE, OPERATOR, OUTSIDE, SERVICES, USERS, Grant, Kind, Operation, grants
from services.attendance.settings import AttendanceSettings
from services.enrolment.settings import EnrolmentSettings
from services.notifications.settings import NotificationsSettings
from shared.settings import ConsumerLimits, HttpLimits, Settings
from shared.streams import STREAMS

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text("utf-8")
EXAMPLE = (ROOT / ".env.example").read_text("utf-8")
GIVEN_BY_COMPOSE = {"host", "port", "replica", "kafka", "kafka_user", "kafka_password", "database_url"}
"""They follow from the containers; an operator who changed one would cut a wire."""


def _names() -> set[str]:
    fields = set[str]().union(
        *(each.model_fields for each in (Settings, EnrolmentSettings, AttendanceSettings, NotificationsSettings))
    )
    nested = {f"consumer__{name}" for name in ConsumerLimits.model_fields}
    nested |= {f"http__{name}" for name in HttpLimits.model_fields}
    return {f"ROLLCALL_{name.upper()}" for name in (fields | nested) - GIVEN_BY_COMPOSE - {"consumer", "http"}}


def test_every_setting_of_the_services_stands_in_the_example_and_is_handed_on() -> None:
    for name in _names():
        assert re.search(rf"^#?{name}=", EXAMPLE, re.MULTILINE), f"{name} is not in .env.example"
        assert re.search(rf"^\s+{name}:", COMPOSE, re.MULTILINE), f"docker-compose.yml does not hand on {name}"


def test_every_variable_of_compose_stands_in_the_example_and_nothing_else_does() -> None:
    used = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE)) - {"COMPOSE_PROJECT_NAME"}  # compose sets it itself
    handed_on = set(re.findall(r"^\s+([A-Z_]+):$", COMPOSE, re.MULTILINE)) - {"ROLLCALL_TOKEN"}
    in_example = set(re.findall(r"^#?([A-Z_]+)=", EXAMPLE, re.MULTILINE))
    assert used | handed_on == in_example - {"COMPOSE_PROFILES"}


def test_init_fills_in_what_is_missing_and_changes_nothing_that_is_there(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("KAFKA_ADMIN_PASSWORD=mine\nPOSTGRES_PASSWORD=\n")
    subprocess.run([ROOT / "deploy/docker/init", file], check=True, capture_output=True)
    first = file.read_text()
    subprocess.run([ROOT / "deploy/docker/init", file], check=True, capture_output=True)
    values = dict(line.split("=", 1) for line in file.read_text().splitlines())
    assert first == file.read_text()
    assert values["KAFKA_ADMIN_PASSWORD"] == "mine"
    assert all(values[name] for name in re.findall(r"^([A-Z_]+)=$", EXAMPLE, re.MULTILINE))
    assert file.stat().st_mode & 0o777 == 0o600


def test_init_makes_other_passwords_for_everybody(tmp_path: Path) -> None:
    subprocess.run([ROOT / "deploy/docker/init", tmp_path / "env"], check=True, capture_output=True)
    passwords = re.findall(r"_PASSWORD=(\w+)$", (tmp_path / "env").read_text(), re.MULTILINE)
    assert len(set(passwords)) == len(passwords) == 11
    assert all(len(one) == 48 for one in passwords)


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_a_service_writes_its_own_streams_and_reads_those_it_hears(service: object) -> None:
    name, heard, own = service.name, service.heard, service.own  # type: ignore[attr-defined]
    assert {grant for grant in grants() if grant.user == name} == {
        *(Grant(name, Operation.READ, Kind.TOPIC, stream) for stream in heard),
        *(Grant(name, Operation.WRITE, Kind.TOPIC, stream) for stream in own),
        Grant(name, Operation.READ, Kind.GROUP, name),
    }


def test_outside_systems_say_neither_what_services_decided_nor_read_personal_data() -> None:
    writes = {grant.name for grant in grants() if (grant.user, grant.operation) == (OUTSIDE, Operation.WRITE)}
    reads = {grant.name for grant in grants() if (grant.user, grant.operation) == (OUTSIDE, Operation.READ)}
    assert not {name for service in SERVICES for name in service.own} & writes
    assert not {stream.name for stream in STREAMS.values() if stream.compacted} & reads
    assert {"programme.people", "enrolment.requests", "attendance.scans"} <= writes


def test_only_services_have_a_consumer_group_and_the_operator_writes_nothing() -> None:
    assert {grant.user for grant in grants() if grant.kind == Kind.GROUP} == {service.name for service in SERVICES}
    assert not [grant for grant in grants() if grant.user == OPERATOR and grant.operation == Operation.WRITE]
    assert {grant.name for grant in grants() if grant.user == ARCHIVE} == {"enrolment.events", "attendance.events"}
    assert {grant.user for grant in grants()} == set(USERS)
