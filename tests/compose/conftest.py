"""The system of docker-compose.yml under a project name of its own, brought up once and removed with its volumes."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.embedded import ports
from services import SERVICES

ROOT = Path(__file__).resolve().parents[2]
PROJECT = f"rollcall-test-{os.getpid()}"
IMAGES = ("python:3.13-slim", "postgres:18", "apache/kafka:4.3.0", "caddy:2", "axllent/mailpit:latest")
UP_LIMIT_S = 240
# What a developer has set must not get into the test's system: compose lets the environment win over the file.
_OURS = ("ROLLCALL_", "KAFKA_", "POSTGRES_", "COMPOSE_", "ORIGIN_", "INBOX_", "SERVICE_MEMORY", "BIND_ADDRESS", "IMAGE")


def environment(**more: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(_OURS)} | more


def why_not() -> str | None:
    """Why Docker cannot run this here, in one sentence; None when it can."""
    if shutil.which("docker") is None:
        return "Docker is not installed"
    for command, missing in (
        (["info"], "the Docker daemon does not answer"),
        (["compose", "version"], "`docker compose` is missing"),
    ):
        if subprocess.run(["docker", *command], capture_output=True, check=False, timeout=180).returncode:
            return missing
    for image in IMAGES:
        if subprocess.run(
            ["docker", "image", "inspect", image], capture_output=True, check=False, timeout=180
        ).returncode:
            return f"the base image {image} is not on this machine (`docker pull {image}`)"
    return None


@dataclasses.dataclass
class System:
    """A running system, seen as its operators see it."""

    env_file: Path
    settings: dict[str, str]
    token: str = ""

    def compose(
        self, *arguments: str, check: bool = True, limit_s: float = UP_LIMIT_S
    ) -> subprocess.CompletedProcess[str]:
        command = [
            "docker",
            "compose",
            "-p",
            PROJECT,
            "--env-file",
            os.fspath(self.env_file),
            "--profile",
            "inbox",
            *arguments,
        ]
        done = subprocess.run(
            command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False, timeout=limit_s
        )
        if check and done.returncode:
            raise AssertionError(
                f"docker compose {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr[-3000:]}"
            )
        return done

    def up(self) -> None:
        try:
            self.compose("up", "--build", "--detach", "--wait", "--wait-timeout", "180")
        except AssertionError as error:
            raise AssertionError(
                f"{error}\n{self.compose('logs', '--tail', '20', check=False).stdout[-6000:]}"
            ) from None

    def containers(self) -> dict[str, dict[str, Any]]:
        """What Docker knows of each container, by service."""
        ids = self.compose("ps", "--all", "--quiet").stdout.split()
        found = json.loads(
            subprocess.run(["docker", "inspect", *ids], capture_output=True, text=True, check=True).stdout
        )
        return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in found}

    def wait(self, condition: Callable[[], bool], limit_s: float, what: str) -> None:
        deadline = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < deadline, f"not within {limit_s} s: {what}"
            time.sleep(0.5)

    def kafka(self, user: str) -> dict[str, Any]:
        """How a client on the host connects."""
        return {
            "bootstrap_servers": f"127.0.0.1:{self.settings['KAFKA_PORT']}",
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": user,
            "sasl_plain_password": self.settings[f"KAFKA_{user.upper()}_PASSWORD"],
        }

    def origin(self, path: str) -> str:
        return f"http://127.0.0.1:{self.settings['ORIGIN_PORT']}{path}"

    def rollcall(self, *arguments: str, user: str = "outside") -> subprocess.CompletedProcess[str]:
        """The command as somebody outside runs it, with nothing but environment variables."""
        env = environment(
            ROLLCALL_KAFKA=f"127.0.0.1:{self.settings['KAFKA_PORT']}",
            ROLLCALL_KAFKA_USER=user,
            ROLLCALL_KAFKA_PASSWORD=self.settings[f"KAFKA_{user.upper()}_PASSWORD"],
            ROLLCALL_TOKEN=self.token,
            **{f"ROLLCALL_{one.variable}_URL": self.origin(f"/{name}") for name, one in SERVICES.items()},
        )
        command = [sys.executable, "-m", "rollcall.main", *arguments]
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=180)

    def balanced(self) -> dict[str, Any]:
        """The standing once the books balance; fails with the lines that do not."""
        done = self.rollcall("status", "--json", "--wait", "120")
        assert done.stdout, done.stderr
        standing: dict[str, Any] = json.loads(done.stdout)
        assert done.returncode == 0, [line for line in standing["equations"] if not line["holds"]]
        return standing


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Up and healthy, with fresh secrets, on free ports."""
    reason = why_not()
    if reason:
        pytest.skip(f"compose is not tested: {reason}")
    env_file = tmp_path_factory.mktemp("compose") / "env"
    subprocess.run([ROOT / "deploy/docker/init", env_file], check=True, capture_output=True)
    chosen: dict[str, int] = {}
    while len(set(chosen.values())) < 3:
        chosen = {name: ports.choose_free() for name in ("ORIGIN_PORT", "KAFKA_PORT", "INBOX_PORT")}
    with env_file.open("a") as file:
        file.writelines(f"{name}={port}\n" for name, port in chosen.items())
        file.write(f"IMAGE=rollcall:{PROJECT}\nROLLCALL_REHEARSE=false\n")  # Its inbox keeps what is sent.
    lines = (
        line.split("=", 1) for line in env_file.read_text().splitlines() if "=" in line and not line.startswith("#")
    )
    made = System(env_file, dict(lines))
    try:
        made.up()
        made.token = made.compose(
            "run", "--rm", "--no-TTY", "rollcall", "token", "create", "--actor", "test", "--scope", "read"
        ).stdout.strip()
        yield made
    finally:
        made.compose("--profile", "tools", "down", "--volumes", "--remove-orphans", "--rmi", "local", check=False)
        subprocess.run(["docker", "image", "rm", f"rollcall:{PROJECT}"], capture_output=True, check=False, timeout=180)
