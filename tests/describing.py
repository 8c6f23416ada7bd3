"""What FastAPI makes of a handler, made once for all the applications of a run.

A test has an application of its own, with every route of its service, and FastAPI reads each handler's signature and has pydantic make a
validator for each parameter and answer: a third of what a test over HTTP takes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable
from typing import Any

from fastapi import params, routing
from fastapi.dependencies import utils
from fastapi.dependencies.models import Dependant
from fastapi.utils import create_model_field


def share() -> None:
    """From now on, for every application of this process."""
    made: dict[Hashable, Any] = {}

    def once(key: Hashable, make: Callable[[], Any]) -> Any:
        if key not in made:
            made[key] = make()
        return made[key]

    def dependant(*, path: str, call: Callable[..., Any], **told: Any) -> Dependant:
        make = lambda: of_fastapi(path=path, call=call, **told)  # noqa: E731
        code = getattr(call, "__code__", None)
        defaults = (
            *(getattr(call, "__defaults__", None) or ()),
            *(getattr(call, "__kwdefaults__", None) or {}).values(),
        )
        if code is None or any(isinstance(one, params.Depends) for one in defaults):
            return make()  # What it depends on may know the application that it was made for.
        found = once((code, path, repr(told)), make)
        return dataclasses.replace(found, call=call, dependencies=list(found.dependencies))

    def field(name: str, type_: Any, **told: Any) -> Any:
        make = lambda: create_model_field(name=name, type_=type_, **told)  # noqa: E731
        return once((name, type_, tuple(sorted(told.items()))), make)

    of_fastapi = utils.get_dependant
    utils.get_dependant = routing.get_dependant = dependant
    routing.create_model_field = field
