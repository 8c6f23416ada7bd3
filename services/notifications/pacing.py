"""How fast mails leave: overall, and to one domain. Pure.

A mail takes a turn when its attempt is claimed, in the same transaction, so all replicas share one pace and a restart keeps it. A turn is a
moment: each is an interval after the last one. Who finds none gets the moment at which to ask again, in a line by priority, so that ten
thousand mails to one domain are put off once each, and hold back nobody who writes to another one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from services.notifications.urgency import Priority
from shared.state.rows import Row
from shared.state.working import Working
from shared.values import immutable

PACED = "paced"
"""In an open notice's `problem`: it waits for its turn."""
ALL = "all"
"""The pace of all mails; each other one is a domain's, by a digest: an address of one's own is often a name."""
LONG_AGO = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@immutable
class Pace(Row):
    """How far the turns of one domain, or of all mails, are given away."""

    KEY: ClassVar = ("name",)

    name: str
    given_until: dt.datetime
    """The last turn that was taken."""
    urgent_until: dt.datetime
    usual_until: dt.datetime
    whenever_until: dt.datetime
    """By priority: the last turn that somebody was told to ask for."""

    def line(self, priority: Priority) -> dt.datetime:
        """The end of the line in which such mails wait: behind those that go first."""
        lines = {
            Priority.URGENT: self.urgent_until,
            Priority.USUAL: self.usual_until,
            Priority.WHENEVER: self.whenever_until,
        }
        return max(self.given_until, *(until for other, until in lines.items() if other <= priority))

    def with_line(self, priority: Priority, until: dt.datetime) -> Pace:
        match priority:
            case Priority.URGENT:
                return replace(self, urgent_until=until)
            case Priority.USUAL:
                return replace(self, usual_until=until)
            case Priority.WHENEVER:
                return replace(self, whenever_until=until)


def unused(name: str) -> Pace:
    """Of whom nobody was written to."""
    return Pace(name, LONG_AGO, LONG_AGO, LONG_AGO, LONG_AGO)


@immutable
class Rate:
    """So many mails a second, and after a rest as many at once as come together in `saved_seconds`."""

    a_second: float
    saved_seconds: float

    @property
    def interval(self) -> dt.timedelta:
        return dt.timedelta(seconds=1 / self.a_second)

    @property
    def saved(self) -> dt.timedelta:
        return max(self.interval, dt.timedelta(seconds=self.saved_seconds))


@immutable
class Rates:
    """What an installation's settings allow; None: as fast as may be."""

    overall: Rate | None = None
    to_a_domain: Rate | None = None

    @property
    def are_set(self) -> bool:
        return self.overall is not None or self.to_a_domain is not None


def turn_of(
    pace: Pace, priority: Priority, rate: Rate, now: dt.datetime, *, has_waited: bool = False
) -> dt.datetime | None:
    """The turn that such a mail can take now. What somebody more urgent was told to ask for is theirs, and so is what somebody was told to who
    came first; `has_waited`: this one was."""
    ahead = pace.line(priority)
    if has_waited:
        ahead = pace.line(Priority(priority - 1)) if priority > Priority.URGENT else pace.given_until
    turn = max(ahead, now - rate.saved) + rate.interval
    return turn if turn <= now else None


def put_off(pace: Pace, priority: Priority, rate: Rate, now: dt.datetime) -> tuple[Pace, dt.datetime]:
    """When such a mail asks again: at the end of its line."""
    until = max(pace.line(priority), now - rate.saved) + rate.interval
    return pace.with_line(priority, until), until


def take_turns(
    working: Working, wanted: Sequence[tuple[str, Priority, bool]], rates: Rates
) -> tuple[list[dt.datetime | None], dt.datetime]:
    """For each mail – to which domain, how urgent, and whether it has waited – None: it has a turn; or when it asks again. And until when there is no
    turn for any mail at all; what wanted one meanwhile is told to ask at once, so that it stays where it stands."""
    now, again, free_at = working.now, list[dt.datetime | None](), working.now
    paces = working[Pace]
    for name, priority, has_waited in wanted:
        taken = []
        if rates.overall is not None:
            overall = paces.get(ALL) or unused(ALL)
            turn = turn_of(overall, priority, rates.overall, now)
            if turn is None:
                free_at = overall.given_until + rates.overall.interval
                again.append(now)
                continue
            taken.append(replace(overall, given_until=turn))
        if rates.to_a_domain is not None:
            its = paces.get(name) or unused(name)
            turn = turn_of(its, priority, rates.to_a_domain, now, has_waited=has_waited)
            if turn is None:
                its, until = put_off(its, priority, rates.to_a_domain, now)
                paces.put(its)
                again.append(until)
                continue
            taken.append(replace(its, given_until=turn))
        for pace in taken:
            paces.put(pace)
        again.append(None)
    return again, free_at
