"""What the page has heard: every stream from its start, without a group. Keeps counts and the story's own events, nothing else."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from aiokafka.structs import ConsumerRecord

from demo.programme import Story
from rollcall.reading import RequestCount
from shared.events.decoding import decode
from shared.events.envelope import Heard, rfc3339

SHOWN = 14
OUTSIDE = "urn:example:"
"""How the demo's outside systems name themselves."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event beside which the page puts what it caused."""

    stream: str
    partition: int
    offset: int
    heard_at: str
    id: str
    type: str
    source: str
    subject: str
    time: str
    data: dict[str, Any]

    @property
    def kind(self) -> str:
        return self.type.split(".")[1] if self.type.count(".") == 2 else self.type

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"kind": self.kind}


def event_of(record: ConsumerRecord) -> Event | None:
    """The record as the page shows it; None for what no service would hear."""
    heard = decode(record)
    if not isinstance(heard, Heard):
        return None
    heard_at = heard.appended_at.isoformat(timespec="milliseconds")
    return Event(
        *(record.topic, record.partition, record.offset, heard_at),
        id=heard.event_id,
        type=heard.type,
        source=heard.source,
        subject=heard.subject,
        time=rfc3339(heard.stated_at),
        data=heard.body.model_dump(mode="json"),
    )


@dataclass
class Seen:
    """Everything the page knows from the streams."""

    published: Counter[str] = field(default_factory=Counter)
    """By stream; the end offsets, so also what cannot be read counts."""
    said_outside: int = 0
    """Events of the demo's outside systems, the newcomer's own not counted."""
    requests: RequestCount = field(default_factory=RequestCount)
    recent: deque[Event] = field(default_factory=lambda: deque(maxlen=SHOWN))
    first: dict[str, Event] = field(default_factory=dict)
    """The event beside each step of the story, by the step's name."""
    people: dict[str, set[str]] = field(default_factory=dict)
    """Who was enrolled, told, scanned and present, for the two sessions that the page follows."""

    def hear(self, record: ConsumerRecord, story: Story | None) -> None:
        self.published[record.topic] = max(self.published[record.topic], 0) + 1
        if record.topic in RequestCount.STREAMS:
            self.requests.hear(record)
        event = event_of(record)
        if event is None:
            return
        self.said_outside += event.source.startswith(OUTSIDE) and event.source != f"{OUTSIDE}you"
        self.recent.appendleft(event)
        if story is not None:
            self._follow(event, story)

    def _follow(self, event: Event, story: Story) -> None:
        data = event.data
        for step, (kind, is_it) in _STEPS.items():
            if event.kind == kind and is_it(data, story):
                self.first.setdefault(step, event)
        session_id, person_id = _place(data)
        if session_id in (story.session_id, story.mine_session_id) and person_id is not None:
            self.people.setdefault(f"{event.kind}/{session_id}", set()).add(person_id)

    def count(self, kind: str, session_id: str) -> int:
        """How many people this was said of in the session."""
        return len(self.people.get(f"{kind}/{session_id}", ()))


def _place(data: dict[str, Any]) -> tuple[Any, Any]:
    """Whose place in which session an event is about; a notice says it as its recipient and subject."""
    about = data.get("about")
    if isinstance(about, str):
        return about.removeprefix("place/"), data.get("recipient")
    return data.get("session_id"), data.get("person_id")


def _about(data: dict[str, Any], story: Story) -> bool:
    return _place(data) == (story.session_id, story.person_id)


def _called(name: str) -> Callable[[dict[str, Any], Story], bool]:
    """Whether it is about the in-depth training, and about the person whom the story names so."""
    return lambda data, story: _place(data) == (story.called_session_id, getattr(story, name))


def _names_offered(data: dict[str, Any], story: Story) -> bool:
    """Whether it answers the nomination of whoever is offered a place later."""
    people = [one.get("person_id") for one in data.get("people", ())]
    return data.get("session_id") == story.called_session_id and story.offered_person_id in people


_STEPS: dict[str, tuple[str, Callable[[dict[str, Any], Story], bool]]] = {
    "planned": ("SessionScheduled", lambda data, story: data.get("session_id") == story.session_id),
    "qualified": ("CityQualified", lambda data, story: (data.get("city_id"), data.get("stage")) == (story.town_id, 1)),
    "enrolled": ("ParticipantEnrolled", _about),
    "told": ("NoticeSent", _about),
    "scanned": ("CheckInScanned", _about),
    "present": ("ParticipantAttended", _about),
    "closed": ("AttendanceListClosed", lambda data, story: data.get("session_id") == story.session_id),
    "drafted": ("SessionDrafted", lambda data, story: data.get("session_id") == story.called_session_id),
    "called": ("NominationsInvited", lambda data, story: data.get("session_id") == story.called_session_id),
    "named": ("NominationAnswered", _names_offered),
    "held": ("PlaceOffered", _called("offered_person_id")),
    "taken": ("ParticipantEnrolled", _called("offered_person_id")),
    "instead": ("ParticipantEnrolled", _called("substitute_person_id")),
    "turned_down": ("EnrolmentRefused", _called("refused_person_id")),
    "beside": ("ParticipantEnrolled", _called("extra_person_id")),
    "mine": ("SessionScheduled", lambda data, story: data.get("session_id") == story.mine_session_id),
}
