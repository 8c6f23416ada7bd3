"""What the HR directory publishes: people, how to reach them, and the project teams they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar, Self, assert_never

from pydantic import model_validator

from shared.contracts.model import Date, Email, Fact, Id, Language, Line, OptionalLine


class MemberKind(StrEnum):
    PROJECT_STAFF = "project_staff"
    DEPARTMENT_STAFF = "department_staff"
    COORDINATOR = "coordinator"


class PersonRegistered(Fact):
    """A person's identity, as it stands on registers and certificates."""

    stream = "programme.people"
    subject = "person/{person_id}"
    example: ClassVar[Mapping[str, object]] = {
        "person_id": "person-0001",
        "given_name": "Żaneta",
        "family_name": "Wiśniewska",
    }

    person_id: Id
    given_name: Line
    family_name: Line


class PersonMerged(Fact):
    """Two ids turned out to be one human: this one goes, and all that is said of it counts for `into_person_id`, whenever it was said.

    Said in error, `PersonRegistered` takes it back: the person is somebody of their own again.
    """

    stream = "programme.people"
    subject = "person/{person_id}"
    example: ClassVar[Mapping[str, object]] = {"person_id": "person-0007", "into_person_id": "person-0001"}

    person_id: Id
    into_person_id: Id

    @model_validator(mode="after")
    def _names_two(self) -> Self:
        if self.person_id == self.into_person_id:
            raise ValueError("into_person_id must be another person")
        return self


class PersonErased(Fact):
    """The identity is gone for good: the last value of the person."""

    stream = "programme.people"
    subject = "person/{person_id}"
    example: ClassVar[Mapping[str, object]] = {"person_id": "person-0001"}

    person_id: Id


class ContactRegistered(Fact):
    """Where a person's mail goes and in which language."""

    stream = "programme.contacts"
    subject = "contact/{person_id}"
    example: ClassVar[Mapping[str, object]] = {
        "person_id": "person-0001",
        "email": "zaneta.wisniewska@example.org",
        "language": "pl",
    }

    person_id: Id
    email: Email
    language: Language = Language.PL


class ContactForgotten(Fact):
    """The person asked to be forgotten: the last value of the contact."""

    stream = "programme.contacts"
    subject = "contact/{person_id}"
    example: ClassVar[Mapping[str, object]] = {"person_id": "person-0001"}

    person_id: Id


class TeamMembership(Fact):
    """A person in a town's project team from a day on; the aggregate is (person, city, from date)."""

    stream = "programme.teams"
    subject = "person/{person_id}/city/{city_id}/from/{from_date}"

    person_id: Id
    city_id: Id
    from_date: Date
    department: OptionalLine | None = None
    role: OptionalLine | None = None
    kind: MemberKind


_MEMBER: dict[str, object] = {
    "person_id": "person-0001",
    "city_id": "geonames:776597",
    "from_date": "2026-03-10",
    "department": "Wydział Ochrony Środowiska",
    "role": "inspector",
    "kind": "department_staff",
}


class TeamMemberJoined(TeamMembership):
    """The membership began and has no known end."""

    example: ClassVar[Mapping[str, object]] = _MEMBER


class TeamMemberLeft(TeamMembership):
    """The membership ended; `until_date` is its last day."""

    until_date: Date
    example: ClassVar[Mapping[str, object]] = _MEMBER | {"until_date": "2026-09-30"}


PersonFact = PersonRegistered | PersonMerged | PersonErased
ContactFact = ContactRegistered | ContactForgotten
MembershipFact = TeamMemberJoined | TeamMemberLeft


def last_day_after(fact: MembershipFact) -> Date | None:
    """The last day of the membership, if it has one."""
    match fact:
        case TeamMemberJoined():
            return None
        case TeamMemberLeft():
            return fact.until_date
        case never:
            assert_never(never)
