"""The one list of services, and what each says of itself: they must mean the same."""

from __future__ import annotations

import re

import pytest

from rollcall.folder import DEFAULT_PORTS
from services import SERVICES, Registered
from shared.events.streams import STREAMS

every_service = pytest.mark.parametrize("one", SERVICES.values(), ids=lambda one: one.name)


@every_service
def test_a_service_is_called_the_same_wherever_it_names_itself(one: Registered) -> None:
    declared = one.declared()
    assert (declared.name, declared.source, one.is_installed) == (one.name, f"rollcall/{one.name}", True)
    assert re.fullmatch("[a-z]+", one.name), "environment variables, roles and host names are made of it"


@every_service
def test_a_service_hears_streams_that_exist_and_says_only_its_own(one: Registered) -> None:
    declared = one.declared()
    assert set(declared.heard) <= set(STREAMS)
    assert {STREAMS[name].owner for name in declared.own} == {declared.source}
    assert {name for name, stream in STREAMS.items() if stream.owner == declared.source} == set(declared.own)


@every_service
def test_a_service_listens_where_the_registry_says_unless_it_is_told_otherwise(one: Registered) -> None:
    default = one.settings().model_fields["port"]
    assert default.is_required() or default.default == one.port  # Where it is required, whoever starts it says it.
    assert DEFAULT_PORTS[one.name] == one.port


def test_a_service_that_mails_is_told_a_mail_server() -> None:
    assert {one.name for one in SERVICES.values() if "smtp_host" in one.settings().model_fields} == {
        one.name for one in SERVICES.values() if one.mails
    }


def test_no_two_listen_at_one_port() -> None:
    assert len(set(DEFAULT_PORTS.values())) == len(DEFAULT_PORTS)


def test_every_stream_that_somebody_owns_is_said_by_a_registered_service() -> None:
    owners = {stream.owner for stream in STREAMS.values() if stream.owner}
    assert owners == {one.declared().source for one in SERVICES.values() if one.declared().own}


def test_a_service_that_is_not_written_yet_is_not_installed() -> None:
    assert not Registered("fourth", 8104).is_installed
    assert Registered("fourth", 8104).settings().__name__ == "Settings"
