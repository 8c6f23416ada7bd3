"""Routes of a service, and what holds for every one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, params
from fastapi.routing import APIRoute

from shared.web.asking import says_one_thing

FOR_EVERY_ROUTE = (Depends(says_one_thing),)


def by_name(route: APIRoute) -> str:
    """What an operation is called: as its function is."""
    return route.name


class Routes(APIRouter):
    """Routes below one path. What holds for all of them each is told when it is made, so the application takes them as they are: what
    FastAPI calls including makes every one of them a second time, at the first request."""

    def __init__(self, prefix: str = "", *, dependencies: Sequence[params.Depends] = (), **told: Any) -> None:
        super().__init__(
            prefix=prefix,
            dependencies=[*FOR_EVERY_ROUTE, *dependencies],
            generate_unique_id_function=by_name,
            **told,
        )

    def add_to(self, app: FastAPI) -> None:
        app.router.routes.extend(self.routes)
