"""Fetch sessions (KIP-227): the broker remembers what we read, so that a fetch names what has changed, and an answer what there is.

aiokafka names every partition in every fetch and takes every answer apart; with sixty partitions in a lane that costs more than one
record. Whatever goes wrong ends in a fetch that names everything again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.protocol.fetch import FetchRequest

SESSIONS_SINCE = 7
"""The version of Fetch that has them. An older broker is asked for everything each time, as aiokafka does."""
_EVERYTHING = 0
"""The epoch of a fetch that names everything: the broker begins a session with it, and ends the one before."""
_LAST_EPOCH = 2**31 - 1

Asked = Mapping[TopicPartition, tuple[int, int]]
"""From which offset, and how many bytes."""


class SessionFetchRequest(FetchRequest):  # type: ignore[misc]  # aiokafka has no types
    """A fetch that tells the broker what it does not know yet."""

    def __init__(self, whole: FetchRequest, session: FetchSession) -> None:
        self.__dict__.update(vars(whole))
        self._whole = whole.topics
        asked = {TopicPartition(topic, part[0]): part[1:] for topic, parts in self._whole for part in parts}
        self._session, self._epoch = session.id, session.epoch
        self._changed, self._forgotten = session.ask(asked)

    @property
    def topics(self) -> Any:
        """All that may be answered: the fetcher looks up from where it was asked."""
        return self._whole

    def build(self, request_struct_class: Any) -> Any:
        has_sessions = request_struct_class.API_VERSION >= SESSIONS_SINCE
        self._topics = self._changed if has_sessions else self._whole
        built = super().build(request_struct_class)
        if has_sessions:
            built.session_id, built.session_epoch = self._session, self._epoch
            built.forgotten_topics_data = self._forgotten
        return built


class FetchSession:
    """What one broker knows that one consumer reads."""

    def __init__(self) -> None:
        self.id = 0
        self.epoch = _EVERYTHING
        self._asked: Asked = {}

    def ask(self, asked: Asked) -> tuple[list[Any], list[Any]]:
        """What the broker has to be told now: what is new or is read from elsewhere, and what is not read any more."""
        known = self._asked if self.epoch != _EVERYTHING else {}
        self._asked = asked
        changed = ((tp.topic, (tp.partition, *where)) for tp, where in asked.items() if known.get(tp) != where)
        forgotten = ((tp.topic, tp.partition) for tp in known.keys() - asked.keys())
        return _by_topic(changed), _by_topic(forgotten)

    def answered(self, response: Any, epoch: int) -> None:
        """The fetch of this epoch was. A broker that has forgotten the session says so, and one that has no room for it gives it no number."""
        if response.API_VERSION >= SESSIONS_SINCE and not response.error_code and response.session_id:
            self.id = response.session_id
            self.epoch = epoch + 1 if epoch < _LAST_EPOCH else 1

    def lost(self) -> None:
        """Nobody knows what the broker knows."""
        self.epoch = _EVERYTHING


class InSessions:
    """aiokafka's client, as its fetcher sees it: fetches go out in a session a broker."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._sessions: dict[int, FetchSession] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def send(self, node_id: int, request: Any, **how: Any) -> Any:
        if not isinstance(request, FetchRequest):
            return await self._client.send(node_id, request, **how)
        session = self._sessions.setdefault(node_id, FetchSession())
        in_session = SessionFetchRequest(request, session)
        epoch = session.epoch
        session.lost()  # Until there is an answer: also of one that is cancelled nobody knows whether the broker has heard it.
        response = await self._client.send(node_id, in_session, **how)
        session.answered(response, epoch)
        return response


def _by_topic(parts: Iterable[tuple[str, Any]]) -> list[Any]:
    found: dict[str, list[Any]] = {}
    for topic, part in parts:
        found.setdefault(topic, []).append(part)
    return list(found.items())
