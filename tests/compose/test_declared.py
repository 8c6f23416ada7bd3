"""What can be said of the compose files without Docker: every setting is there, and grants follow from what services declare."""

from __future__ import annotations

import re
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from deploy import standing_table, stream_tables
from deploy.docker import ready
from deploy.docker.example import GIVEN_BY_COMPOSE, wrong_values
from deploy.generated import PARTS, renewed
from deploy.kafka.access import ARCHIVE, CONSOLE, OPERATOR, OUTSIDE, SERVICES, USERS, Grant, Kind, Operation, grants
from rollcall.origin.settings import OriginSettings
from services import SERVICES as REGISTERED
from services import Registered
from services.attendance import filing, papers_api
from services.attendance.importing import tables
from shared.events.streams import STREAMS
from shared.settings import ConsumerLimits, HttpLimits, Settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text("utf-8")
EXAMPLE = (ROOT / ".env.example").read_text("utf-8")
OPERATORS = (ROOT / "docs/operators.md").read_text("utf-8")


def _names() -> set[str]:
    fields = set[str]().union(
        *(each.model_fields for each in (Settings, *(one.settings() for one in REGISTERED.values())))
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


def test_init_adds_its_lines_below_one_that_somebody_left_without_its_end(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("ROLLCALL_SENDER=szkolenia@miasto.example")
    subprocess.run([ROOT / "deploy/docker/init", file], check=True, capture_output=True)
    assert file.read_text().splitlines()[0] == "ROLLCALL_SENDER=szkolenia@miasto.example"


@pytest.mark.parametrize(
    "said", ["KAFKA_ADMIN_PASSWORD='mine'", "export KAFKA_ADMIN_PASSWORD=mine", '  KAFKA_ADMIN_PASSWORD="mine"']
)
def test_init_finds_what_is_said_in_each_way_that_compose_reads(said: str, tmp_path: Path) -> None:
    """The last line of a name counts: one more would be another password."""
    file = tmp_path / "env"
    file.write_text(f"{said}\nPOSTGRES_PASSWORD=''\nKAFKA_CONSOLE_PASSWORD= \n")
    subprocess.run([ROOT / "deploy/docker/init", file], check=True, capture_output=True)
    lines = file.read_text().splitlines()
    assert [line for line in lines if "KAFKA_ADMIN_PASSWORD" in line] == [said]
    assert all(re.fullmatch(r"\w+=\w{48}", line) for line in lines[1:3])


def test_init_makes_other_passwords_for_everybody(tmp_path: Path) -> None:
    subprocess.run([ROOT / "deploy/docker/init", tmp_path / "env"], check=True, capture_output=True)
    passwords = re.findall(r"_PASSWORD=(\w+)$", (tmp_path / "env").read_text(), re.MULTILINE)
    of_all = ("owner of Postgres", "admin", "outside", "archive", "console", "operator")
    assert len(set(passwords)) == len(passwords) == len(of_all) + 2 * len(REGISTERED)
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


def test_what_only_the_office_decides_is_asked_for_by_its_console_alone_and_read_by_nobody_outside() -> None:
    for service in ("enrolment", "attendance"):
        of_office = {grant for grant in grants() if grant.name == f"{service}.office"}
        assert {grant.user for grant in of_office if grant.operation == Operation.WRITE} == {CONSOLE}
        assert {grant.user for grant in of_office if grant.operation == Operation.READ} == {service, OPERATOR}
    assert {grant.name for grant in grants() if grant.user == CONSOLE} == {"enrolment.office", "attendance.office"}


def test_only_services_have_a_consumer_group_and_the_operator_writes_nothing() -> None:
    assert {grant.user for grant in grants() if grant.kind == Kind.GROUP} == {service.name for service in SERVICES}
    assert not [grant for grant in grants() if grant.user == OPERATOR and grant.operation == Operation.WRITE]
    assert {grant.name for grant in grants() if grant.user == ARCHIVE} == {"enrolment.events", "attendance.events"}
    assert {grant.user for grant in grants()} == set(USERS)


def test_what_the_origin_logs_holds_no_address_of_a_page_and_no_header() -> None:
    """A participant's link is in the path, and browsers repeat it in headers."""
    log = (ROOT / "deploy/docker/Caddyfile").read_text("utf-8").partition("log {")[2].partition("servers {")[0]
    assert 'request>uri regexp "^(/[^/?]*).*" "$1"' in log and "request>headers delete" in log


def test_the_example_shows_what_holds_without_it() -> None:
    assert list(wrong_values(EXAMPLE, COMPOSE)) == []


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("#ROLLCALL_CARRIERS=3", "ROLLCALL_CARRIERS: .env.example shows 3, notifications takes 2"),
        (
            "#ROLLCALL_LISTS_CLOSE_AFTER=PT5H",
            "ROLLCALL_LISTS_CLOSE_AFTER: .env.example shows PT5H, attendance takes 6:00:00",
        ),
        (
            "#ROLLCALL_MAIL_SINCE=2026-01-01T00:00:00Z",
            "ROLLCALL_MAIL_SINCE: .env.example shows 2026-01-01T00:00:00Z, notifications takes None",
        ),
        ("#KAFKA_MEMORY=2g", "KAFKA_MEMORY: .env.example shows 2g, docker-compose.yml takes 1g"),
        ("#ROLLCALL_POOL_SIZE=8", "ROLLCALL_POOL_SIZE: .env.example does not say that it is 12 for notifications"),
    ],
)
def test_a_value_that_is_not_the_default_is_named(line: str, says: str) -> None:
    assert list(wrong_values(line, COMPOSE)) == [says]


def test_as_many_replicas_as_are_asked_for_share_no_name_and_no_port() -> None:
    services = COMPOSE.partition("# --- the services")[2].partition("# --- one origin")[0]
    assert "container_name" not in COMPOSE
    assert "ports:" not in services
    assert not re.search(r"^\s+ROLLCALL_REPLICA:", COMPOSE, re.MULTILINE), "all replicas of a service would share it"
    assert "ROLLCALL_REPLICA=$$(hostname)" in COMPOSE


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, b'{"ready": true}', 0),
        (503, b'{"ready": false, "problems": ["Kafka does not answer yet"]}', 1),
        (200, b"<html>welcome</html>", 1),
        (200, b'["ready"]', 1),
        (503, b'{"ready": true}', 1),
    ],
)
def test_a_container_is_healthy_by_the_word_of_its_service_alone(
    status: int, body: bytes, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = HTTPServer(("127.0.0.1", 0), Answer)
    monkeypatch.setenv("ROLLCALL_PORT", str(server.server_port))
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    try:
        assert ready.main() == code
    finally:
        thread.join()
        server.server_close()


def test_the_origin_passes_on_the_largest_body_that_a_service_takes() -> None:
    caddy = (ROOT / "deploy/docker/Caddyfile").read_text("utf-8")
    (most,) = re.findall(r"max_size (\d+)MB", caddy)
    (unread,) = re.findall(r"header_regexp Content-Length (\S+)", caddy)
    largest = max(filing.MOST_BYTES, tables.MOST_BYTES, papers_api.MOST_BYTES)
    assert largest <= int(most) * 1_000_000 == OriginSettings.model_fields["forward_limit_bytes"].default
    assert not re.search(unread, str(largest)) and re.search(unread, str(int(most) * 1_000_000))
    told = (ROOT / "docs/integrators.md").read_text("utf-8")
    assert re.findall(r"a body above (\d+) MB \(413\)", told) == [most]


@pytest.mark.parametrize("file", [*PARTS, *stream_tables.PARTS, *standing_table.PARTS])
def test_what_names_every_service_or_event_is_what_registry_and_contracts_make_of_it(file: str) -> None:
    text = (ROOT / file).read_text("utf-8")
    assert renewed(file, text) == text


def test_another_service_in_the_registry_is_another_one_in_every_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REGISTERED, "fourth", Registered("fourth", 8104))
    for file in PARTS:
        text = (ROOT / file).read_text("utf-8")
        assert "fourth" not in text.lower() and "fourth" in renewed(file, text).lower(), file


def test_a_part_that_somebody_took_away_or_misspelt_is_noticed() -> None:
    file = "deploy/docker/Caddyfile"
    text = (ROOT / file).read_text("utf-8")
    for spoilt in (text.replace(">>> services", ">>> service"), text.replace("# <<<", ""), ""):
        with pytest.raises(ValueError, match=file):
            renewed(file, spoilt)


def test_postgres_makes_a_role_for_each_password_it_is_given(tmp_path: Path) -> None:
    """Which services there are the script does not know."""
    asked = tmp_path / "asked"
    (tmp_path / "psql").write_text(f'#!/bin/sh\necho "$PASSWORD $*" >>{asked}\ncat >/dev/null\n')
    (tmp_path / "psql").chmod(0o755)
    given = {"POSTGRES_PASSWORD": "owner"} | {
        f"POSTGRES_{one.variable}_PASSWORD": name for name, one in REGISTERED.items()
    }
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin"} | given
    subprocess.run([ROOT / "deploy/postgres/roles.sh"], check=True, env=env)
    made = dict(re.findall(r"^(\w+) .*name=(\w+)$", asked.read_text(), re.MULTILINE))
    assert made == {name: one.role for name, one in REGISTERED.items()}


def test_the_folder_of_own_words_is_mounted_for_whoever_reads_it_as_operators_are_told() -> None:
    told = re.search(
        r"^# docker-compose.override.yml; in .env: ROLLCALL_WORDS=(\S+)\n(.*?)^```", OPERATORS, re.M | re.S
    )
    assert told is not None
    mounted = dict(re.findall(r'^  (\w+): \{volumes: \["(\S+)"\]\}$', told[2], re.MULTILINE))
    _, *blocks = re.split(r"^  ([a-z_-]+):\n", COMPOSE, flags=re.MULTILINE)
    reading = [name for name, block in zip(blocks[::2], blocks[1::2], strict=True) if "ROLLCALL_WORDS:" in block]
    assert mounted == dict.fromkeys(reading, f"./words:{told[1]}:ro,z")
