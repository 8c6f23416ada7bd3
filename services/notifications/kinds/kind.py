"""What a kind of mail has to say of itself, so that one ledger, one planner and one sender serve all of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any, TypeVar

import sqlalchemy as sa

from services.notifications.sheets import Office, Sheet
from services.notifications.tables import SESSION
from services.notifications.untold import Addressee, Matter
from shared.contracts.model import Event
from shared.contracts.notifications import Mutable
from shared.state.rows import Row, fields_of
from shared.values import immutable

R = TypeVar("R", bound=Row)


_WIDTHS: dict[Any, int] = {}
RELEASE = version("rollcall")


@immutable
class Rules:
    """What kinds are told by the settings."""

    since: dt.datetime
    reminder_hour: int = 15
    reminder_quiet: dt.timedelta = dt.timedelta(hours=24)
    reply_before: dt.timedelta = dt.timedelta(hours=57)
    settling: dt.timedelta = dt.timedelta()
    digest_day: int | None = None
    """On which day of the week the office gets its digest: 0 is Monday; None: on none."""
    digest_hour: int = 8
    office: Addressee | None = None
    """To whom goes what the office is told; None: to nobody."""
    release: str = RELEASE
    """With what mails are written: the release, and what the installation says otherwise."""
    rehearses: bool = False
    """Whether mail is rehearsed: what would have been told counts as told."""

    def parameters(self) -> dict[str, Any]:
        """As the statements of all kinds name them."""
        after_noon = dt.timedelta(hours=self.reminder_hour - 12)
        return {
            "since": self.since,
            "rehearses": self.rehearses,
            "reminder_after_noon": after_noon,
            "reminder_quiet": self.reminder_quiet,
            "reply_before": self.reply_before,
            "settling": self.settling,
            "digest_day": self.digest_day,
            "digest_hour": self.digest_hour,
            "release": self.release,
            "office_email": self.office.contact.email if self.office and self.office.contact else "",
        }


class Reading:
    """Takes the rows of several tables, and single values, out of one joined row, in the order in which they were selected."""

    def __init__(self, row: Any) -> None:
        self._row = row
        self._position = 0

    def next(self, kind: type[R]) -> R | None:
        """The next table's row; None where the outer join found none."""
        width = _WIDTHS.get(kind) or _WIDTHS.setdefault(kind, len(fields_of(kind)))
        begin, self._position = self._position, self._position + width
        values = self._row[begin : self._position]
        return None if all(value is None for value in values) else kind(*values)

    def values(self, number: int) -> tuple[Any, ...]:
        begin, self._position = self._position, self._position + number
        return tuple(self._row[begin : self._position])


@immutable
class Scope:
    """What subjects of some kinds are about, such as one person and one session: the same news concern all of them."""

    keys: sa.FromClause
    """Where all of them stand."""
    recipient: sa.ColumnElement[str]
    key: sa.ColumnElement[str]
    """What stands behind the kind's name in a subject."""
    news: Mapping[sa.Table, sa.Select[Any]]
    """By where it is heard: (recipient, key) of those that something was heard about at `mark` or later."""
    soon: Mapping[sa.Table, sa.ColumnElement[bool]]
    """By where it is heard: whether something was heard about an open notice since `mark`."""


@immutable
class Kind:
    """One kind of mail. The expressions are over `around(scope.keys)`; they say what the matter's class judges again when a notice
    is taken, and tests hold the two against each other."""

    name: str
    """How its subjects begin."""
    letters: tuple[str, ...]
    """The mails it sends, as notices call them."""
    scope: Scope
    around: Callable[[sa.FromClause], sa.FromClause]
    """A source that holds the scope's tables, joined with all that the expressions read: also what was told, and the contact."""
    about: sa.ColumnElement[str]
    content: sa.ColumnElement[Any]
    """The hash of what is to be believed now; null: nothing."""
    differs: sa.ColumnElement[bool]
    waits: Mapping[str, sa.ColumnElement[bool]]
    """What a difference must not be told before, by its name in `Difference.waits_for`."""
    unknown: Mapping[str, sa.ColumnElement[bool]]
    """What a mail cannot be written without, and is not known."""
    parts: tuple[sa.ColumnElement[bool], ...]
    """Where differences can be: apart from each other, each found by an index."""
    told_by_others: sa.ColumnElement[bool]
    """Of what does not differ: nobody was told by us."""
    made_of: sa.ColumnElement[Any]
    """The digest of all that a mail is made of beside what it says."""
    columns: tuple[sa.ColumnElement[Any], ...]
    """What its matter is read from."""
    read: Callable[[Reading, Rules], Matter]
    sheet: Callable[[Any, Office], Sheet]
    """What its matter's mail shows."""
    concerned_by: frozenset[type[Event]]
    """Which news can make something true that has to be told: it is not asked about others. None: only the clock makes it."""
    after: frozenset[str] = frozenset()
    """Kinds for whose mails its own may have waited: it is asked once one of them has left."""
    after_its_end: frozenset[str] = frozenset()
    """Kinds of which that is so once one of their mails has said that there is nothing any more, or could not be told."""
    missed: sa.ColumnElement[bool] | None = None
    """Of what can not be told any more: what had to be. None: not being told it harms nobody."""
    missed_at: sa.ColumnElement[Any] | None = None
    """When it was too late."""
    to_office: bool = False
    """Whether its recipient is the office, and not a person: there is no row of it to be known, or to be erased."""
    mutes: Mutable | None = None
    """As what its recipient may do without its mails; None: nobody may."""
    needed_at: sa.ColumnElement[Any] = SESSION.c.starts_at
    """When whoever is told has to act on it, at the latest."""
    settles: float = 0.0
    """How many times as long as the settings say a change settles before it is told, unless it is urgent. None: nothing follows it soon
    that would make it another."""
    may_wait: bool = False
    """Whether every other mail goes first: it says again what was told, such as a reminder or a digest."""
    yields_to: tuple[sa.Table, ...] = ()
    """Rows that do not change while a notice is taken: so no other mail about the same thing overtakes it unseen."""
