"""The operators' way, for real: everything in containers, looked at from outside. In the order of a system's life."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from demo.programme import Programme, write_programme
from services import SERVICES
from tests.compose.conftest import PROJECT, ROOT, System, environment, why_not

pytestmark = [pytest.mark.long, pytest.mark.compose]

JOBS = ("migrate", "streams")


@pytest.fixture(scope="module")
def programme(tmp_path_factory: pytest.TempPathFactory) -> Programme:
    now = dt.datetime.now(dt.UTC)
    return write_programme(tmp_path_factory.mktemp("programme"), today=now.date(), now=now, scale="small")


def test_without_settings_compose_says_what_to_run(tmp_path: Path) -> None:
    reason = why_not()
    if reason:
        pytest.skip(f"compose is not tested: {reason}")
    empty = tmp_path / "env"
    empty.touch()
    command = ["docker", "compose", "-p", PROJECT, "--env-file", empty, "config", "--quiet"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False, timeout=180
    )
    assert done.returncode != 0
    assert "run deploy/docker/init" in done.stderr


def test_everything_gets_healthy_unattended_and_jobs_end_well(system: System) -> None:
    containers = system.containers()
    assert set(containers) == {*SERVICES, *JOBS, "origin", "kafka", "postgres", "inbox"}
    for name, one in containers.items():
        if name in JOBS:
            assert (one["State"]["Status"], one["State"]["ExitCode"]) == ("exited", 0), name
        else:
            assert one["State"]["Health"]["Status"] == "healthy", name


def test_nobody_is_root_and_nobody_can_write_outside_their_volumes(system: System) -> None:
    for name, one in system.containers().items():
        assert one["HostConfig"]["ReadonlyRootfs"], name
        assert "ALL" in one["HostConfig"]["CapDrop"], name
        if name in JOBS:
            continue
        assert system.compose("exec", "-T", name, "id", "-u").stdout.strip() != "0", name
        refused = system.compose("exec", "-T", name, "sh", "-c", "touch /anything", check=False)
        assert "Read-only file system" in refused.stderr, name


def test_only_loopback_is_published(system: System) -> None:
    for name, one in system.containers().items():
        bound = [where["HostIp"] for ports in one["NetworkSettings"]["Ports"].values() for where in ports or ()]
        assert set(bound) <= {"127.0.0.1"}, name
        assert bool(bound) == (name in ("origin", "kafka", "inbox")), name


def test_a_programme_published_from_outside_balances_the_books(system: System, programme: Programme) -> None:
    # What was decided before go-live is stated by whoever keeps the archive, with a right of their own.
    for by_archive, files in itertools.groupby(programme.files, lambda file: "history" in file.name):
        done = system.rollcall("publish", *map(str, files), user="archive" if by_archive else "outside")
        assert done.returncode == 0, done.stderr
    standing = system.balanced()
    books = standing["services"]["notifications"]["books"]
    sent = sum(books["notices"]["sent"].values())
    inbox = (
        httpx.get(f"http://127.0.0.1:{system.settings['INBOX_PORT']}/api/v1/info", timeout=180)
        .raise_for_status()
        .json()
    )
    assert sent == inbox["Messages"] > 0
    assert standing["services"]["attendance"]["books"]["streams"]["attendance.scans"]["heard"] > 0


def test_killed_services_come_back_by_themselves_and_the_books_balance(system: System, programme: Programme) -> None:
    for name in SERVICES:
        system.compose(
            "exec", "-T", name, "sh", "-c", "kill -9 -1", check=False
        )  # everything in it but the init process
    done = system.rollcall("publish", str(programme.mine))
    assert done.returncode == 0, done.stderr

    def back() -> bool:
        found = system.containers()
        return all(
            found[name]["RestartCount"] and found[name]["State"]["Health"]["Status"] == "healthy" for name in SERVICES
        )

    system.wait(back, 60, "services restarted and healthy")
    standing = system.balanced()
    assert standing["services"]["enrolment"]["books"]["requests"]["enrolled"] > 0


def test_replicas_share_the_work_and_a_killed_one_is_not_missed(system: System, programme: Programme) -> None:
    more = [part for name in SERVICES for part in ("--scale", f"{name}={3 if name == 'attendance' else 2}")]
    system.compose("up", "--detach", "--wait", "--wait-timeout", "180", *more)
    one, other, *left = system.compose("ps", "--quiet", "attendance").stdout.split()
    assert left
    subprocess.run(["docker", "exec", one, "sh", "-c", "kill -9 -1"], capture_output=True, check=False, timeout=180)
    subprocess.run(["docker", "kill", other], capture_output=True, check=True, timeout=180)  # not started again
    for by_archive, files in itertools.groupby(programme.files, lambda file: "history" in file.name):
        done = system.rollcall("publish", *map(str, files), user="archive" if by_archive else "outside")
        assert done.returncode == 0, done.stderr
    standing = system.balanced()
    assert all(one["ready"] for one in standing["services"].values())
    for _ in range(6):  # the origin asks nobody who is gone
        assert httpx.get(system.origin("/attendance/health/live"), timeout=180).status_code == 200
    system.up()  # and back to one of each
    assert len(system.compose("ps", "--quiet", "attendance").stdout.split()) == 1
    system.balanced()


def test_a_killed_broker_and_a_killed_database_lose_nothing(system: System) -> None:
    before = _heard(system.balanced())
    system.compose("kill", "kafka", "postgres")
    system.up()
    assert _heard(system.balanced()) == before


def test_the_origin_serves_the_services_and_hardens_what_it_answers(system: System) -> None:
    for name in SERVICES:
        assert httpx.get(system.origin(f"/{name}/health/ready"), timeout=180).json()["service"] == name
    page = httpx.get(system.origin("/"), timeout=180)
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"
    assert httpx.get(system.origin("/enrolment/api/v1/books"), timeout=180).status_code == 401
    for path in ("/", "/enrolment/health/live"):
        assert httpx.get(system.origin(path), headers={"Host": "elsewhere.example"}, timeout=180).status_code == 421
    of_no_page, file = "/attendance/api/v1/any", "/attendance/api/v1/sessions/any/files"
    assert httpx.post(system.origin(of_no_page), content=bytes(1_000_000), timeout=180).status_code == 413
    assert (
        httpx.post(system.origin(file), content=bytes(5_000_000), timeout=180).status_code == 401
    )  # a scan's size is no obstacle
    assert httpx.post(system.origin(file), content=bytes(40_000_000), timeout=180).status_code == 413


async def test_kafka_denies_what_is_not_granted(system: System) -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        await _write(system.kafka("attendance"), "enrolment.events")
    with pytest.raises(TopicAuthorizationFailedError):
        await _write(system.kafka("outside"), "notifications.events")
    with pytest.raises(ClusterAuthorizationFailedError):  # who may write nothing is no producer at all
        await _write(system.kafka("operator"), "programme.rules")
    with pytest.raises(GroupAuthorizationFailedError):
        await _join(system.kafka("enrolment"), "attendance", "enrolment.events")
    assert await _sees(system.kafka("enrolment"), "programme.people")
    assert not await _sees(system.kafka("outside"), "programme.people", "read")
    assert not await _sees(system.kafka("attendance"), "notifications.events")
    with pytest.raises(KafkaConnectionError):  # aiokafka's word for whoever is not let in
        await _write({**system.kafka("outside"), "sasl_plain_password": "guessed"}, "programme.rules")
    with pytest.raises(KafkaError):
        await _write({"bootstrap_servers": system.kafka("outside")["bootstrap_servers"]}, "programme.rules")


async def test_kafka_takes_compressed_records_although_its_file_system_is_read_only(system: System) -> None:
    for codec in ("zstd", "snappy", "lz4", "gzip"):
        await _write(system.kafka("outside"), "programme.needs", compression_type=codec)
    # They were no events: every one of them is parked, and the books still balance.
    standing = system.balanced()
    assert standing["services"]["enrolment"]["books"]["streams"]["programme.needs"]["parked"] == 4


def test_a_role_opens_its_own_database_only(system: System) -> None:
    def connect(role: str, database: str) -> subprocess.CompletedProcess[str]:
        url = (
            f"postgresql://rollcall_{role}:{system.settings[f'POSTGRES_{role.upper()}_PASSWORD']}@127.0.0.1/{database}"
        )
        # From the socket's own container, but over TCP and with the password: as a service would.
        return system.compose("exec", "-T", "postgres", "psql", "--no-psqlrc", "-c", "select 1", url, check=False)

    assert connect("attendance", "rollcall_attendance").returncode == 0
    for elsewhere in ("rollcall_enrolment", "rollcall_notifications", "postgres", "template1"):
        assert "permission denied for database" in connect("attendance", elsewhere).stderr


def test_down_and_up_finds_its_data(system: System) -> None:
    before = _heard(system.balanced())
    system.compose("down")
    assert not system.compose("ps", "--all", "--quiet").stdout.strip()
    began = time.monotonic()
    system.up()
    print(f"healthy again after {time.monotonic() - began:.0f} s")
    assert _heard(system.balanced()) == before


def _heard(standing: dict[str, Any]) -> dict[str, Any]:
    return {name: one["books"]["streams"] for name, one in standing["services"].items()}


async def _write(kafka: dict[str, Any], stream: str, **more: Any) -> None:
    producer = AIOKafkaProducer(**kafka, enable_idempotence=True, request_timeout_ms=60_000, **more)
    try:
        await producer.start()
        async with asyncio.timeout(180):
            await producer.send_and_wait(stream, b"no event", key=b"nobody")
    finally:
        await producer.stop()


async def _join(kafka: dict[str, Any], group: str, stream: str) -> None:
    consumer = AIOKafkaConsumer(stream, **kafka, group_id=group, auto_offset_reset="earliest")
    try:
        await consumer.start()
        async with asyncio.timeout(180):
            await consumer.getone()
    finally:
        await consumer.stop()


async def _sees(kafka: dict[str, Any], stream: str, how: str = "describe") -> bool:
    """Whether this user may describe the stream; `read`: whether it gets a record of it."""
    if how == "read":
        consumer = AIOKafkaConsumer(stream, **kafka, group_id=None, auto_offset_reset="earliest")
        try:
            await consumer.start()
            async with asyncio.timeout(20):
                await consumer.getone()
        except (TimeoutError, KafkaError):
            return False
        finally:
            await consumer.stop()
        return True
    admin = AIOKafkaAdminClient(**kafka)
    try:
        await admin.start()
        return [topic["error_code"] for topic in await admin.describe_topics([stream])] == [0]
    finally:
        await admin.close()
