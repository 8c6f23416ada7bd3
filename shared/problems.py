"""Problems: what HTTP answers when it cannot do what was asked, in the words of RFC 9457. Each kind has a name that stays.

A kind that only one service knows is declared in its api; all of them stand in docs/integrators.md, held by a test.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from shared.events.envelope import Reason
from shared.values import immutable

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 20
"""Of one request: a body may have thousands of fields that do not belong there."""
RETRY_SECONDS = 5


@immutable
class Kind:
    """One kind of problem: what it means is its title, what helps is its remedy. Only its detail differs from one time to the next."""

    name: str
    status: int
    title: str
    remedy: str
    header: tuple[str, str] | None = None

    @property
    def type(self) -> str:
        return f"urn:rollcall:problem:{self.name}"


NOT_VALID = Kind("not-valid", 422, "The request is not valid", "Correct what the detail names, and send it again.")
KEY_TAKEN = Kind(
    "key-taken",
    422,
    "The key is taken",
    "Give each command a key of its own; the same key only to send the very same command again.",
)
TOO_LARGE = Kind(
    "too-large", 413, "Content too large", "Send a body within the limit: a command has some hundred bytes."
)
TOO_SLOW = Kind("too-slow", 408, "Too slow", "Send the whole body at once, on a new connection.")
NOT_HTTP = Kind(
    "not-http", 400, "This is not HTTP", "Send a valid HTTP/1.1 request, its first line and headers within 16 KiB."
)
_BEARER = ("WWW-Authenticate", "Bearer")
NO_TOKEN = Kind(
    "no-token", 401, "Who are you?", "Send the header `Authorization: Bearer …`; an operator makes tokens.", _BEARER
)
UNKNOWN_TOKEN = Kind(
    "unknown-token",
    401,
    "Unknown token",
    "Ask an operator for a token: this one is not known here, or was revoked.",
    _BEARER,
)
NOT_ALLOWED = Kind(
    "not-allowed", 403, "Not allowed", "Ask an operator for a token with the scope that the detail names."
)
NO_SUCH_PATH = Kind("no-such-path", 404, "Nothing is here", "Look the path up in `/api/v1/openapi.json`.")
NO_SUCH_METHOD = Kind("no-such-method", 405, "Not this method", "Use a method that the header `Allow` names.")
NO_SUCH_RECORD = Kind("no-such-record", 404, "No such record", "Look it up in this service's list of parked records.")
UNDECIDABLE = Kind(
    "undecidable",
    409,
    "This cannot be decided",
    "Look up the `reason`, put right what it names, and send the command again.",
)
CHANGED_SINCE = Kind(
    "changed-since",
    412,
    "It has changed since",
    "Look at it as it stands now, decide anew, and send the tag that it has now as `If-Match`.",
)
IMPLAUSIBLE_TIME = Kind(
    "implausible-time",
    422,
    "A time that cannot be",
    "Set the clock of the device, and send it with the right time.",
)
TRY_AGAIN = Kind(
    "try-again",
    503,
    "Try again",
    "Wait as long as `Retry-After` says and send the same again; a command with the same `Idempotency-Key`.",
    ("Retry-After", str(RETRY_SECONDS)),
)
OUR_FAULT = Kind(
    "our-fault", 500, "Our fault", "Tell an operator when it happened; a command may be sent again with the same key."
)

READ = (NOT_VALID, NO_TOKEN, UNKNOWN_TOKEN, NOT_ALLOWED, TRY_AGAIN, OUR_FAULT)
"""What every answer to a question may be instead."""
WRITE = (*READ, TOO_LARGE, TOO_SLOW)
COMMAND = (*WRITE, KEY_TAKEN, UNDECIDABLE)


class WrongField(BaseModel):
    """One field of a request, and what is wrong with it."""

    field: str
    detail: str


class Refusal(BaseModel):
    """A problem document (RFC 9457): the same shape wherever HTTP refuses something."""

    model_config = ConfigDict(title="Problem", frozen=True, extra="forbid")

    type: str = Field(description="Which kind of problem it is. Kinds keep their names; react to this, not to texts.")
    title: str = Field(description="What this kind means.")
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="What is wrong this time, for a person.")
    remedy: str = Field(description="What helps with this kind.")
    field: str | None = Field(None, description="The part of the request that it is about.")
    reason: Reason | None = Field(None, description="Why a record in Kafka would be set aside for the same.")
    errors: list[WrongField] | None = Field(
        None, description=f"The fields that are not valid, at most {MOST_ERRORS} of them."
    )


class Problem(Exception):
    """Raised to refuse a request: a kind, and what is wrong this time."""

    def __init__(
        self,
        kind: Kind,
        detail: str,
        *,
        field: str | None = None,
        reason: Reason | None = None,
        errors: list[WrongField] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.headers = dict([kind.header] if kind.header else []) | dict(headers or {})
        self.refusal = Refusal(
            type=kind.type,
            title=kind.title,
            status=kind.status,
            detail=detail,
            remedy=kind.remedy,
            field=field,
            reason=reason,
            errors=errors,
        )

    def document(self) -> bytes:
        """The body of the answer."""
        return self.refusal.model_dump_json(exclude_none=True).encode()
