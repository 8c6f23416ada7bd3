"""What enrolment is told. The only file here that reads the environment."""

from __future__ import annotations

from services import SERVICES
from services.enrolment.rules import EnrolmentRules
from shared.settings import Settings


class EnrolmentSettings(Settings):
    """Enrolment needs nothing beyond what every service needs."""

    port: int = SERVICES["enrolment"].port

    @property
    def rules(self) -> EnrolmentRules:
        return EnrolmentRules(self.held_for)
