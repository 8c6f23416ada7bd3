"""Which ids are one human, and what was said of any of them. Reads loaded rows; decides nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar, cast

from services.enrolment.state import Membership, Person, Place
from shared.contracts.answers import CalendarAnswered
from shared.contracts.office import AboutAPlace as AskedByOffice
from shared.contracts.office import OfficeDecision
from shared.contracts.portal import AboutOnePlace, EnrolmentRequest, PeopleNominated, SubstitutionRequested
from shared.state.merged import Merged, ids_of, survivor
from shared.state.working import Working

R = TypeVar("R", bound=EnrolmentRequest | CalendarAnswered | OfficeDecision)


def closes_a_circle(working: Working, person_id: str) -> bool:
    """Whether following who goes into whom from here leads back here."""
    seen, row = set[str](), working[Merged].get(person_id)
    while row is not None and row.into_id not in seen:
        seen.add(row.into_id)
        row = working[Merged].get(row.into_id)
    return person_id in seen


def all_ids_of(working: Working, people: Iterable[str]) -> set[str]:
    """All ids of each of them."""
    return {one for person_id in people for one in ids_of(working, person_id)}


def memberships_of(working: Working, person_id: str, **where: str) -> list[Membership]:
    """All that was said of a human's teams, or of this one, under whichever id."""
    rows = working[Membership]
    return [row for one in ids_of(working, person_id) for row in rows.where("person_id", one, **where)]


def places_of(working: Working, person_id: str) -> list[Place]:
    """All places of a human, under whichever id."""
    return [place for one in ids_of(working, person_id) for place in working[Place].where("person_id", one)]


def is_erased(working: Working, person_id: str) -> bool:
    return bool(working[Person].where("person_id", survivor(working, person_id), erased=True))


def id_in(working: Working, session_id: str, person_id: str) -> str:
    """Under which of their ids a human is in the session: the one that stays; of what has begun that of which their place was said."""
    ids = ids_of(working, person_id)
    if len(ids) > 1:
        for one in ids:
            place = working[Place].get(session_id, one)
            if place is not None and place.is_active:
                return one
    return ids[0]


def as_of_survivors(working: Working, body: R) -> R:
    """The same request, of those whom the people in it turned out to be."""
    match body:
        case AboutOnePlace() | AskedByOffice():
            changes: dict[str, object] = {"person_id": id_in(working, body.session_id, body.person_id)}
        case PeopleNominated():
            changes = {"people": tuple(dict.fromkeys(id_in(working, body.session_id, one) for one in body.people))}
        case SubstitutionRequested():
            changes = {name: id_in(working, body.session_id, getattr(body, name)) for name in ("leaves", "comes")}
        case _:
            return body
    named = {name: getattr(body, name) for name in changes}
    return body if named == changes else cast(R, body.model_copy(update=changes))
