"""What outside tools for tests and surveys publish: who has filled in what a session asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from shared.contracts.model import Fact, Id, Moment
from shared.contracts.planner import OutsideTask


class OutsideTaskDone(Fact):
    """Somebody has filled in a test or a questionnaire of a session. Never what they answered."""

    stream = "programme.tasks"
    subject = "session/{session_id}/task/{task}/by/{respondent}"
    example: ClassVar[Mapping[str, object]] = {
        "session_id": "session-0001",
        "task": "pre_test",
        "respondent": "code-3f1b6c0a9d2e4f5a8b7c6d5e",
        "done_at": "2026-10-20T16:40:00.000000Z",
    }

    session_id: Id
    task: OutsideTask
    respondent: Id
    """The code that stood in their link; or the person's id, where the tool knows it."""
    done_at: Moment
