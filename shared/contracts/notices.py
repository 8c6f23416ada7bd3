"""What other systems ask to have told: mails to one person each, by kind and with what the mail is to say.

Only what the asking system alone knows may be asked for: that something is there to be fetched, or awaited of somebody. What happens to a
place or a certificate follows from facts, and from nobody's request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from shared.contracts.model import Id, Moment, Part, Request

_NO_LINE = r"\x00-\x1f\x7f\u2028\u2029"
Title = Annotated[str, StringConstraints(max_length=200, pattern=rf"^[^{_NO_LINE}]*[^\s{_NO_LINE}][^{_NO_LINE}]*$")]
"""A line in which something stands. It names nobody: events are kept for ever."""
_HOST, _PATH = r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(:[0-9]{1,5})?", r"[A-Za-z0-9._~%!$&'()*+,;=:@/?-]*"
# No user before the host: `https://office.example.org@elsewhere` reads as what it is not.
Link = Annotated[str, StringConstraints(max_length=500, pattern=rf"^https://{_HOST}([/?]{_PATH})?(#{_PATH})?$")]
"""Where a mail leads. Whoever reads the stream can follow it, for ever: it opens nothing to whoever merely has it."""


class Materials(Part):
    """That materials of a training are there."""

    of: Literal["materials"]
    title: Title
    link: Link


class Task(Part):
    """That something is awaited of the person: a document, homework."""

    of: Literal["task"]
    title: Title
    awaited_until: Moment
    link: Link | None = None
    reminds: bool = False
    """Whether they have been told before, and it is still awaited."""


class Questionnaire(Part):
    """That a test or a questionnaire outside waits to be filled in."""

    of: Literal["questionnaire"]
    title: Title
    link: Link
    awaited_until: Moment | None = None
    reminds: bool = False


class OfOurs(Part):
    """What only facts make true: whoever asks for it is answered so, and nobody is told."""

    of: Literal[
        "place",
        "offer",
        "waiting",
        "refusal",
        "reply",
        "reminder",
        "training",
        "roster",
        "call",
        "unanswered",
        "nomination",
        "nominated",
        "risk",
        "certificate",
        "missed",
        "message",
        "circular",
        "clash",
        "clashes",
        "note",
        "bounced",
        "followup",
        "pretest",
        "unfilled",
        "digest",
    ]


Context = Annotated[Materials | Task | Questionnaire | OfOurs, Field(discriminator="of")]
"""What a mail is to say, one class a kind. Its texts are data: nothing in them is read as code."""


class NoticeRequested(Request):
    """Another system asks for one mail to one person. It is known by its source and id, and answered by `NoticeAccepted` or `NoticeDeclined`."""

    stream = "notifications.requests"
    subject = "person/{person_id}"
    about = ("person/{person_id}", "session/{session_id}")
    asks_for = "notice"
    example: ClassVar[Mapping[str, object]] = {
        "person_id": "person-0001",
        "session_id": "session-0101",
        "context": {
            "of": "materials",
            "title": "Slajdy z pierwszego dnia",
            "link": "https://materials.example.org/session-0101",
        },
    }

    person_id: Id
    session_id: Id | None = None
    """Of which training it is. Materials and questionnaires always are of one."""
    context: Context
    useful_until: Moment | None = None
    """Who could not be told by then is not told any more. None: by when it is awaited, else for 14 days."""

    @model_validator(mode="after")
    def _of_a_training(self) -> Self:
        if self.session_id is None and isinstance(self.context, Materials | Questionnaire):
            raise ValueError("session_id: materials and questionnaires are of a training")
        return self
