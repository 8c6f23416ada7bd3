"""What a row keeps is what its contract names, whatever else somebody sends along: at every depth of the body."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from services.attendance.app import service_of
from services.attendance.lists import ListRules
from services.enrolment.app import SERVICE as ENROLMENT
from services.notifications.app import SERVICE as NOTIFICATIONS
from shared.contracts.model import Event
from shared.service import Service
from shared.state.rows import Row, fields_of
from shared.testing import NOON, heard

ATTENDANCE = service_of(ListRules(dt.timedelta(hours=6), NOON))


def with_more(value: Any) -> Any:
    """The same with a field that nobody knows in every object."""
    if isinstance(value, dict):
        return {name: with_more(one) for name, one in value.items()} | {"padding": "x" * 1000}
    return [with_more(one) for one in value] if isinstance(value, list) else value


def models_in(value: Any) -> Iterator[BaseModel]:
    if isinstance(value, BaseModel):
        yield value
        for name in type(value).model_fields:
            yield from models_in(getattr(value, name))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from models_in(one)


@pytest.mark.parametrize(
    ("service", "model"),
    [(service, model) for service in (ENROLMENT, ATTENDANCE, NOTIFICATIONS) for model in service.make],
    ids=lambda one: one.name if isinstance(one, Service) else one.__name__,
)
def test_a_row_keeps_nothing_that_no_contract_names(service: Service, model: type[Event]) -> None:
    row: Row = service.make[model](heard(model.model_validate(with_more(dict(model.example)))))
    kept = [one for name in fields_of(type(row)) for one in models_in(getattr(row, name))]
    assert [one.model_extra for one in kept if one.model_extra] == []
