"""`rollcall token`: made, listed and ended in every service's database; the secret is shown once."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.embedded.postgres import Postgres
from rollcall import preparing, token, waiting
from rollcall.folder import Folder
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
    assert made["token"].split("_", 2)[2] not in listed.stdout
    (one,) = json.loads(run("list", "--json").stdout)
    assert (one["actor"], one["scopes"], one["revoked_at"]) == ("Żaneta", ["read", "write"], None)

    assert run("revoke", made["token_id"]).exit_code == 0
    assert "  ended " in run("list").stdout
    (ended,) = json.loads(run("list", "--json").stdout)
    assert run("revoke", made["token_id"]).exit_code == 0  # Said again, it has ended when it did.
    assert json.loads(run("list", "--json").stdout) == [ended]


def test_a_folder_whose_own_token_somebody_has_ended_gets_another_one_at_its_next_start(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is in the list like every other one; without it no command could ask the services of the folder any more."""
    url = postgres.ensure("own_tokens", "own_tokens", "secret")
    made = url.replace("postgresql://", "postgresql+asyncpg://")
    asyncio.run(asyncio.to_thread(migrate, "enrolment", made))
    monkeypatch.setattr(preparing, "installed_services", lambda: ["enrolment"])
    monkeypatch.setenv("ROLLCALL_ENROLMENT_DATABASE_URL", url)
    folder = Folder(tmp_path)
    names = (preparing.OPERATOR, preparing.PAGE)
    preparing.store_tokens(folder, {"enrolment": made})
    first = [folder.secret(name) for name in names]
    preparing.store_tokens(folder, {"enrolment": made})
    assert [folder.secret(name) for name in names] == first
    assert run("revoke", first[0].split("_")[1]).exit_code == 0
    preparing.store_tokens(folder, {"enrolment": made})
    operator, page = (folder.secret(name) for name in names)
    assert operator != first[0] and page == first[1]
    good = {one["token_id"] for one in json.loads(run("list", "--json").stdout) if one["revoked_at"] is None}
    assert good == {operator.split("_")[1], page.split("_")[1]}


def test_a_name_is_shown_as_it_is_whatever_signs_are_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token, "_everywhere", lambda *_: [])
    made = run("create", "--actor", "Anna [/] [red]", "--scope", "read")
    assert made.exit_code == 0
    assert made.stderr.startswith("For Anna [/] [red], to read.")


def test_a_token_that_not_every_service_knows_says_where_it_opens_anything() -> None:
    row = Token("a1", b"", "Anna", "read", NOON, None)
    assert shown(row, ["enrolment"], ["enrolment", "attendance"]) == "a1  2026-11-23  Anna  (read)  only in enrolment"
    assert shown(row, ["enrolment"], ["enrolment"]) == "a1  2026-11-23  Anna  (read)"


def test_a_token_is_ended_wherever_it_can_be_also_while_a_database_is_away(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.ensure("ended", "ended", "secret")
    asyncio.run(asyncio.to_thread(migrate, "enrolment", url.replace("postgresql://", "postgresql+asyncpg://")))
    monkeypatch.setenv("ROLLCALL_ATTENDANCE_DATABASE_URL", url)
    monkeypatch.setattr(preparing, "installed_services", lambda: ["attendance"])
    made = json.loads(run("create", "--actor", "Anna", "--scope", "read", "--json").stdout)

    monkeypatch.setenv("ROLLCALL_ENROLMENT_DATABASE_URL", "postgresql://a:b@127.0.0.1:1/c")
    monkeypatch.setattr(preparing, "installed_services", lambda: ["enrolment", "attendance"])
    monkeypatch.setattr(waiting, "PATIENCE_S", 0.2)
    result = run("revoke", made["token_id"])
    assert result.exit_code == 1
    assert "The database of enrolment does not answer within" in result.stderr and "Done in the others" in result.stderr

    monkeypatch.setattr(preparing, "installed_services", lambda: ["attendance"])
    assert "  ended " in run("list").stdout
