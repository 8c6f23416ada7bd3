"""What schemathesis is told beside its configuration (`hooks` in schemathesis.toml)."""

from __future__ import annotations

import schemathesis
from schemathesis import Case, HookContext, Response
from schemathesis.openapi.checks import RejectedPositiveData

from services.attendance.paths import NO_TICKET, UNREADABLE_REPORT
from shared.problems import CHANGED_SINCE, IMPLAUSIBLE_TIME, KEY_TAKEN

NOT_TOGETHER = (
    "audience_id names a session or a town, and nothing for coordinators",
    "it would be of no use any more",
    "each row names the tag that was looked at: compare the sheet first",
    "somebody stands there twice",
    "is attached by entering it",
    "its bytes are no PDF and no such picture",
    "materials and questionnaires are of a training",
    "is no zone such as Europe/Warsaw",
)
"""What is wrong with no part by itself, so that no schema can say it; or is one of hundreds of names that change every year."""
NOT_BY_ITS_SHAPE = {KEY_TAKEN.type, IMPLAUSIBLE_TIME.type, CHANGED_SINCE.type, NO_TICKET.type, UNREADABLE_REPORT.type}


@schemathesis.hook
def filter_failure(context: HookContext, failure: Exception, case: Case, response: Response) -> bool:
    """Valid is a request also under a key that another one has taken before it, for the same keys are tried again and again; and one
    at a time at which nobody was anywhere; and one decided on what was never
    seen; and a ticket that nobody has signed; and a file that is no report."""
    refused = response.json() if isinstance(failure, RejectedPositiveData) else {}
    is_not_together = any(words in refused.get("detail", "") for words in NOT_TOGETHER)
    return refused.get("type") not in NOT_BY_ITS_SHAPE and not is_not_together
