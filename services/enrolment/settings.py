"""What enrolment is told. The only file here that reads the environment."""

from __future__ import annotations

from services import SERVICES
from services.enrolment.rules import EnrolmentRules
from shared.settings import Settings


class EnrolmentSettings(Settings):
    """What its pages say of whom to ask, beyond what every service needs."""

    port: int = SERVICES["enrolment"].port
    organiser: str = "szkolenia@rollcall.example.org"
    """Whom participants ask: the address that their mails name."""
    organiser_name: str = "Biuro Programu Szkoleń"
    console: str | None = None
    """Whose word on `enrolment.office` is the office's, by `ce_source`; over HTTP it is that of a token of scope `office`."""

    @property
    def rules(self) -> EnrolmentRules:
        return EnrolmentRules(self.held_for, self.console)
