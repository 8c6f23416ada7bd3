"""What the services say over HTTP is what their description says, whatever they are asked: schemathesis asks."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from deploy.embedded.postgres import Postgres
from services import SERVICES
from tests.campaigns import cases
from tests.http.served import Served, served

ROOT = Path(__file__).parents[2]
CONFIG = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = cases(10)
"""Of each operation, beside those at the limits of what it describes."""


@pytest.mark.long
@pytest.mark.campaign
@pytest.mark.parametrize("name", SERVICES)
async def test_whatever_is_asked_is_answered_as_the_api_describes_it(
    name: str, postgres: Postgres, streams: str
) -> None:
    async with served(name, postgres, streams) as service:
        code, said = await ask(service)
    assert code == 0, said


async def ask(service: Served) -> tuple[int | None, str]:
    """Asks everything that the service describes. Returns the exit code, and what was found."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", "--no-color"),
        *("--header", f"Authorization: Bearer {service.token}"),
        *("--max-examples", str(EXAMPLES), f"{service.url}/api/v1/openapi.json"),
        cwd=ROOT,  # The configuration names a module of ours.
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode(errors="replace")
