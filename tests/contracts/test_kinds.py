"""Closed tables: what the type checker cannot see of them. A kind that is declared and named nowhere, a table that lacks one."""

from __future__ import annotations

import datetime as dt
import re
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from services import SERVICES as REGISTERED
from services.attendance import handlers as attendance
from services.attendance.app import service_of
from services.attendance.lists import ListRules
from services.enrolment import handlers as enrolment
from shared.contracts import CONTRACTS, PUBLISHERS, Event
from shared.contracts import enrolment as places
from shared.contracts.attendance import AttendanceState, ListFact, ListState, PresenceFact
from shared.contracts.certificates import CertificateFact, CertificateState
from shared.contracts.directory import MembershipFact, TeamMembership
from shared.contracts.enrolment import CallFact, CallState, PlaceFact, PlaceState
from shared.contracts.files import FileFact, FileState
from shared.contracts.model import Fact, members
from shared.contracts.notifications import NoticeFact, NoticeOutcome
from shared.contracts.planner import SessionFact, SessionState
from shared.contracts.rules import Rule, RuleFact, SourceTakenOver
from shared.contracts.selection import CityFact, CityOutcome
from shared.postgres.database import rows_as
from shared.service import Service
from shared.state.rows import fields_of
from shared.testing import NOON, body_of, heard

DOCS = Path(__file__).parents[2] / "docs"
OPERATORS = DOCS / "operators.md"
ATTENDANCE = service_of(ListRules(dt.timedelta(hours=6), NOON))
SERVICES = tuple(one.declared() for one in REGISTERED.values())
UNIONS = [
    (CityOutcome, CityFact),
    (TeamMembership, MembershipFact),
    (SessionState, SessionFact),
    (Rule, RuleFact),
    (PlaceState, PlaceFact),
    (CallState, CallFact),
    (AttendanceState, PresenceFact),
    (ListState, ListFact),
    (CertificateState, CertificateFact),
    (FileState, FileFact),
    (NoticeOutcome, NoticeFact),
]


@pytest.mark.parametrize(("base", "union"), UNIONS, ids=lambda one: getattr(one, "__name__", ""))
def test_every_kind_of_a_fact_is_in_its_union(base: type[Event], union: Any) -> None:
    kinds = {kind for kind in base.__subclasses__() if kind.__module__.startswith("shared.contracts.")}
    assert kinds == set(members(union))


def test_a_type_has_one_contract() -> None:
    assert len({model.type_name() for model in CONTRACTS}) == len(CONTRACTS)


def test_every_file_of_contracts_says_something() -> None:
    """What nobody declares with an example is no contract: it would be skipped for ever."""
    assert {model.__module__ for model in CONTRACTS} == {publisher.__name__ for publisher in PUBLISHERS}


def test_the_page_for_operators_names_whatever_only_its_owner_can_know() -> None:
    lines = OPERATORS.read_text(encoding="utf-8").splitlines()
    (row,) = (line for line in lines if line.startswith("| `foreign_writer`"))
    facts = {model.__name__: model for model in CONTRACTS if issubclass(model, Fact)}
    named = {name for name in re.findall(r"`(\w+)`", row) if name in facts} - {"SourceTakenOver"}
    assert named == {name for name, model in facts.items() if model.only_by_owner}


@pytest.mark.parametrize("service", SERVICES, ids=lambda one: one.name)
def test_of_whatever_a_service_hears_it_makes_a_row_or_decides_on_it_or_says_that_it_does_neither(
    service: Service,
) -> None:
    known = {*service.make, *service.decide, SourceTakenOver}
    unknown = {model for model in CONTRACTS if model.stream in service.heard and model not in known}
    assert unknown == set(service.ignores)


def test_each_standing_of_somebody_in_a_session_is_said_by_a_fact() -> None:
    assert set(places.FACT_OF) == set(places.Standing) - {places.Standing.NONE}
    assert {kind.becomes for kind in members(places.PlaceChange)} == set(places.FACT_OF)


def test_each_standing_has_its_name_among_what_became_of_requests() -> None:
    assert {standing.fate for standing in places.Standing} == set(places.RequestFate) - {
        places.RequestFate.HELD,
        places.RequestFate.REFUSED,
    }


def test_what_enrolment_acts_on_is_what_its_tables_name() -> None:
    assert set(members(enrolment.Acting)) == {*enrolment.REACT, *enrolment.DECIDE}


def test_what_attendance_loads_for_is_what_its_tables_name_and_what_moments_derive_from() -> None:
    acts_on = {*ATTENDANCE.react, *ATTENDANCE.decide}
    assert set(members(attendance.Touching)) == acts_on | set(members(CertificateFact))


WITH_WORDS = [
    (service, model)
    for service in SERVICES
    for model in service.make
    if any(isinstance(getattr(service.make[model](heard(body_of(model))), name), Enum)
           for name in fields_of(type(service.make[model](heard(body_of(model))))))
]  # fmt: skip


@pytest.mark.parametrize(
    ("service", "model"),
    WITH_WORDS,
    ids=lambda one: one.name if isinstance(one, Service) else one.__name__,
)
def test_a_word_of_an_enum_comes_back_from_the_database_as_one(service: Service, model: type[Event]) -> None:
    row = service.make[model](heard(body_of(model)))
    values = [getattr(row, name) for name in fields_of(type(row))]
    stored = [str(value) if isinstance(value, Enum) else value for value in values]

    (again,) = rows_as(type(row), [stored])

    assert again == row
    assert [type(getattr(again, name)) for name in fields_of(type(row))] == [type(value) for value in values]


def test_the_offices_page_tells_why_a_request_is_refused_and_a_place_is_taken() -> None:
    page = (Path(__file__).parents[2] / "docs" / "office.md").read_text("utf-8")
    reasons = (*places.RefusalReason, *places.WithdrawalReason)
    assert [reason for reason in reasons if f"`{reason}`" not in page] == []
