"""The published language of Rollcall: every event type, by name. One file per publisher."""

from __future__ import annotations

from shared.contracts import (
    attendance,
    certificates,
    checkin,
    directory,
    enrolment,
    marks,
    notifications,
    office,
    planner,
    portal,
    rules,
    selection,
    survey,
)
from shared.contracts.model import Event, Fact, Request, members

PUBLISHERS = (
    selection,
    directory,
    survey,
    planner,
    rules,
    portal,
    office,
    enrolment,
    checkin,
    marks,
    attendance,
    certificates,
    notifications,
)

CONTRACTS: tuple[type[Event], ...] = (
    *members(selection.CityFact),
    *members(directory.PersonFact),
    *members(directory.ContactFact),
    *members(directory.MembershipFact),
    survey.TrainingNeedDeclared,
    *members(planner.SessionFact),
    *members(rules.RuleFact),
    *members(portal.EnrolmentRequest),
    *members(office.OfficeDecision),
    *members(enrolment.PlaceFact),
    enrolment.PlacesSettled,
    enrolment.SessionAtRisk,
    enrolment.TermsCorrected,
    enrolment.NominationAnswered,
    *members(enrolment.CallFact),
    checkin.CheckInScanned,
    *members(marks.ListRequest),
    *members(attendance.PresenceFact),
    *members(attendance.ListFact),
    *members(certificates.CertificateFact),
    *members(notifications.NoticeFact),
    notifications.LinkKeyStated,
)
"""Every contract there is. The gate finds one that a publisher's file declares and that is missing here."""

EVENTS: dict[str, type[Event]] = {model.type_name(): model for model in CONTRACTS}
"""Every contract by its `ce_type`. A type that is not here is skipped and remembered."""

__all__ = ["CONTRACTS", "EVENTS", "PUBLISHERS", "Event", "Fact", "Request"]
