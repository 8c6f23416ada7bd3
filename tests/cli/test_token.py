"""`rollcall token`: made, listed and ended in every service's database; the secret is shown once."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.embedded.postgres import Postgres
from rollcall import preparing
from rollcall.main import app
from rollcall.token import shown
from shared.postgres.migrating import migrate
from shared.web.tokens import Token

NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


def run(*words: str) -> Any:
    return CliRunner().invoke(app, ["token", *words])


def test_a_token_is_listed_with_who_may_do_what_until_it_is_ended_and_after(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.ensure("tokens", "tokens", "secret")
    asyncio.run(asyncio.to_thread(migrate, "enrolment", url.replace("postgresql://", "postgresql+asyncpg://")))
    monkeypatch.setattr(preparing, "installed_services", lambda: ["enrolment"])
    monkeypatch.setenv("ROLLCALL_ENROLMENT_DATABASE_URL", url)
    made = json.loads(run("create", "--actor", "Żaneta", "--scope", "read", "--scope", "write", "--json").stdout)

    listed = run("list")
    assert listed.exit_code == 0
    assert f"{made['token_id']}  " in listed.stdout and "Żaneta  (read, write)" in listed.stdout
    assert made["token"].split("_")[2] not in listed.stdout
    (one,) = json.loads(run("list", "--json").stdout)
    assert (one["actor"], one["scopes"], one["revoked_at"]) == ("Żaneta", ["read", "write"], None)

    assert run("revoke", made["token_id"]).exit_code == 0
    assert "  ended " in run("list").stdout


def test_a_token_that_not_every_service_knows_says_where_it_opens_anything() -> None:
    row = Token("a1", b"", "Anna", "read", NOON, None)
    assert shown(row, ["enrolment"], ["enrolment", "attendance"]) == "a1  2026-11-23  Anna  (read)  only in enrolment"
    assert shown(row, ["enrolment"], ["enrolment"]) == "a1  2026-11-23  Anna  (read)"
