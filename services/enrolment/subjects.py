"""What held requests and moments are about, in the words of the contracts' subjects."""

from __future__ import annotations

from collections.abc import Iterable

from shared.state.working import Held


def subjects_of(sessions: Iterable[str], people: Iterable[str]) -> list[str]:
    return [*(f"session/{one}" for one in sessions), *(f"person/{one}" for one in people)]


def session_named(subject: str) -> str:
    """The session that a subject names, be it its own or that of something in it."""
    return subject.split("/")[1]


def place_subject(session_id: str, person_id: str) -> str:
    return f"session/{session_id}/person/{person_id}"


def town_subject(session_id: str, city_id: str) -> str:
    """Of what a town asks about its places in a session."""
    return f"session/{session_id}/city/{city_id}"


def place_named(subject: str) -> tuple[str, str]:
    """The session and the person of a place's subject."""
    _, session_id, _, person_id = subject.split("/")
    return session_id, person_id


def asked_for_by(held: Held) -> tuple[str, list[str]]:
    """The session and the people that a held request is about; every request that is held here says both."""
    session, *people = held.about
    return session_named(session), [person.removeprefix("person/") for person in people]
