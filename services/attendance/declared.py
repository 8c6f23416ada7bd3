"""What towns have declared that they want to learn, as rows. Pure: no SQL, no clock, no decisions."""

from __future__ import annotations

from typing import Any, ClassVar

from shared.contracts.survey import NeedLevel, NeedState, TrainingNeedDeclared
from shared.events.envelope import Heard
from shared.state.ownership import keep_statement
from shared.state.rows import FactRow, meta
from shared.state.working import Working
from shared.values import immutable


@immutable
class Need(FactRow):
    """A need of a town: on which topic, for how many."""

    KEY: ClassVar[tuple[str, ...]] = ("need_id",)

    need_id: str
    city_id: str
    topic: str
    level: NeedLevel
    audience: str | None
    people: int
    state: NeedState


@immutable
class NeedSaid(Need):
    """What was said of a need once. All of it is kept: a report of a day past counts what was declared then."""

    KEY: ClassVar[tuple[str, ...]] = ("need_id", "source", "version")


def need_of(heard: Heard[TrainingNeedDeclared]) -> Need:
    return Need(*meta(heard), *_said(heard.body))


def remember_need(working: Working, need: FactRow, heard: Heard[Any]) -> None:
    """Keeps what was said of a need."""
    keep_statement(working[NeedSaid], NeedSaid(*meta(heard), *_said(heard.body)), need, about=("need_id",))


def _said(body: TrainingNeedDeclared) -> tuple[Any, ...]:
    return body.need_id, body.city_id, body.topic, body.level, body.audience, body.people, body.state


MAKE_NEEDS: dict[Any, Any] = {TrainingNeedDeclared: need_of}
REMEMBER_NEEDS: dict[Any, Any] = {TrainingNeedDeclared: remember_need}
