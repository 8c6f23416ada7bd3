"""What schemathesis is told beside its configuration (`hooks` in schemathesis.toml)."""

from __future__ import annotations

import schemathesis
from schemathesis import Case, HookContext, Response
from schemathesis.openapi.checks import RejectedPositiveData

from shared.problems import KEY_TAKEN


@schemathesis.hook
def filter_failure(context: HookContext, failure: Exception, case: Case, response: Response) -> bool:
    """Valid is a request also under a key that another one has taken before it: it tries the same keys again and again."""
    refused = response.json() if response.status_code == KEY_TAKEN.status else {}
    return not isinstance(failure, RejectedPositiveData) or refused.get("type") != KEY_TAKEN.type
