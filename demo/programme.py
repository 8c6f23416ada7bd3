"""The demo's input, written once: what outside systems would have sent, as CloudEvents in JSON lines.

Holds the order of the files and the story they tell. What each system says stands in the module named after it.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo import mine
from demo.archive import say_handed_over, say_history
from demo.called import Way
from demo.changes import say_changes
from demo.coordinators import Cast, Coordinators
from demo.days import local
from demo.directory import Person, gather_teams, say_people
from demo.doors import say_scans
from demo.feed import Feed, ticks
from demo.planner import Course, Plan, Training, announce, today_meeting
from demo.portal import Portal, say_mixed
from demo.selection import say_outcomes, say_rules
from demo.shape import SHAPES, Scale
from demo.survey import declare_needs
from demo.towns import Town, read_towns
from shared.contracts.planner import SessionKind

FILES = (
    "01-programme.jsonl",
    "02-people.jsonl",
    "03-needs.jsonl",
    "04-sessions.jsonl",
    "05-history.jsonl",
    "06-requests.jsonl",
    "07-changes.jsonl",
    "08-scans.jsonl",
    "09-answers.jsonl",
)
"""In the order in which outside systems would send them."""
ONCE_HEARD = (FILES[4], FILES[5], FILES[8])
"""Said once enrolment has heard what stands before: between a call, a nomination, an offer and its answer days pass, and who was first
would be chance else."""
MINE = "mine.jsonl"
MANIFEST = "programme.json"
"""Written last: a folder without it is not finished and is written again."""

TODAY_ENDS_IN = dt.timedelta(minutes=20)


@dataclass(frozen=True, slots=True)
class Story:
    """Who and what to look at: one town today, and one example of everything that can happen to a training."""

    town_id: str
    town_name: str
    session_id: str
    """Today's training in the town."""
    meeting_id: str
    person_id: str
    """Comes today, and has a place in the town's trainings ahead."""
    person_name: str
    person_email: str
    ticket_person_id: str
    """Comes today, and shows the ticket from the mail."""
    ticket_person_name: str
    ticket_person_email: str
    absent_person_id: str
    """Stays away today, by the list; who had signed on paper, as it turns out."""
    absent_person_name: str
    absent_person_email: str
    next_session_id: str
    """A training ahead for the same town, moved to a later date."""
    returned_town_id: str
    """Withdrew from stage 1 and qualified again."""
    tight_session_id: str
    raised_session_id: str
    cancelled_session_id: str
    oversubscribed_session_id: str
    late_session_id: str
    called_session_id: str
    """The in-depth training for which three towns are called to nominate."""
    called_town_ids: tuple[str, str, str]
    called_town_names: tuple[str, str, str]
    passed_over_name: str
    """Waits first, of a town that has its share."""
    gave_back_name: str
    offered_person_id: str
    """Is offered the place that was given back, and accepts."""
    offered_name: str
    offered_email: str
    substituted_name: str
    substitute_person_id: str
    substitute_name: str
    extra_person_id: str
    """To whom the office gives a place beside the rules."""
    extra_name: str
    extra_email: str
    refused_person_id: str
    """Asks without the coordinator, and is refused."""
    refused_name: str
    refused_email: str
    mine_session_id: str = mine.SESSION_ID
    mine_email: str = mine.YOUR_ADDRESS


@dataclass(frozen=True, slots=True)
class Programme:
    """The files of one demo, in the order to publish them, and what is in them."""

    folder: Path
    files: tuple[Path, ...]
    mine: Path
    """Not part of the programme: for the newcomer to publish."""
    today: dt.date
    now: dt.datetime
    """When it was written; everything in it was said before."""
    seed: int
    scale: Scale
    story: Story
    counts: dict[str, int]
    """Lines of each file by its name, and towns, people and sessions."""


def write_programme(
    folder: Path,
    *,
    today: dt.date,
    now: dt.datetime,
    seed: int = 2026,
    scale: Scale = "full",
    today_ends_in: dt.timedelta = TODAY_ENDS_IN,
) -> Programme:
    """Writes the demo's input, or reads it if the folder holds it already, whatever day that was written on.

    The same today, now, seed and scale give the same bytes. `today_ends_in` is how long after `now` today's training
    ends: publish before that, since a training that is over is never filled. Raises ValueError if the folder holds
    another scale or seed, or if `today` is not the date of `now`.
    """
    if (folder / MANIFEST).exists():
        found = read_programme(folder)
        if (found.scale, found.seed) != (scale, seed):
            raise ValueError(
                f"{folder} holds the {found.scale} programme with seed {found.seed}, not {scale} with {seed}"
            )
        return found
    if today not in (local(now).date(), now.astimezone(dt.UTC).date()):
        raise ValueError(f"today is {today}, but now is {now.isoformat()}")
    folder.mkdir(parents=True, exist_ok=True)
    counts, story = _write(folder, today, now, seed, scale, today_ends_in)
    manifest = {
        "today": today.isoformat(),
        "now": now.astimezone(dt.UTC).isoformat(),
        "seed": seed,
        "scale": scale,
        "story": dataclasses.asdict(story),
        "counts": counts,
    }
    unfinished = folder / f"{MANIFEST}.part"
    unfinished.write_text(json.dumps(manifest, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(folder / MANIFEST)
    return read_programme(folder)


def read_programme(folder: Path) -> Programme:
    """The programme that the folder holds. Raises FileNotFoundError if it holds none."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    story: dict[str, Any] = manifest["story"]
    story |= {name: tuple(story[name]) for name in ("called_town_ids", "called_town_names")}
    return Programme(
        folder=folder,
        files=tuple(folder / name for name in FILES),
        mine=folder / MINE,
        today=dt.date.fromisoformat(manifest["today"]),
        now=dt.datetime.fromisoformat(manifest["now"]),
        seed=manifest["seed"],
        scale=manifest["scale"],
        story=Story(**story),
        counts=manifest["counts"],
    )


def _write(
    folder: Path, today: dt.date, now: dt.datetime, seed: int, scale: Scale, today_ends_in: dt.timedelta
) -> tuple[dict[str, int], Story]:
    shape = SHAPES[scale]
    counts: dict[str, int] = {}
    feed = Feed(f"{seed}/{scale}/{today}")

    def chance(part: str) -> random.Random:
        """A source of chance of its own for each part, so that a change in one leaves the others as they were."""
        return random.Random(f"{seed}/{scale}/{part}")

    def close(name: str) -> None:
        counts[name] = feed.write(folder / name)

    towns = read_towns(shape)
    say_rules(feed, today)
    returned = say_outcomes(feed, towns, today)
    close(FILES[0])
    teams = gather_teams(shape, towns, today, chance("people"))
    say_people(feed, teams)
    close(FILES[1])
    topics = declare_needs(feed, towns, today, chance("needs"))
    close(FILES[2])
    plan = Plan(shape, towns, teams, topics, today, chance("sessions"))
    trainings = plan.trainings(today_meeting(now, today_ends_in))
    announce(feed, trainings, today)
    close(FILES[3])
    coordinators = Coordinators(shape, towns, teams, chance("coordinators"))
    coordinators.prepare(trainings)
    say_history(feed, shape, trainings, teams, chance("history"))
    say_handed_over(feed, coordinators.handed_over, now)
    close(FILES[4])
    portal = Portal(shape, towns, trainings, teams, chance("requests"), coordinators.busy)
    portal.say(feed, now, coordinators.asked)
    close(FILES[5])
    say_changes(feed, trainings, teams, towns, today, now, chance("changes"))
    close(FILES[6])
    training = next(training for training in trainings if training.course is Course.TODAY)
    came, shows_ticket, stayed_away = say_scans(feed, shape, training, training.team(teams), now, chance("scans"))
    close(FILES[7])
    moments = ticks(now - dt.timedelta(minutes=20), dt.timedelta(seconds=1))
    say_mixed(feed, coordinators.answered, moments, chance("answers"))
    close(FILES[8])
    rules = (folder / FILES[0]).read_text(encoding="utf-8").splitlines()
    stage_line = next(line for line in rules if '"rule_id":"stage:2"' in line)
    topic_line = next(line for line in rules if '"rule_id":"topic:climate"' in line)
    mine.say_mine(feed, stage_line, topic_line, today, now)
    close(MINE)
    counts |= {"towns": len(towns), "people": sum(map(len, teams.values())), "sessions": len(trainings)}
    return counts, _story(trainings, training, (came, shows_ticket, stayed_away), returned, coordinators.cast)


def _story(
    trainings: list[Training],
    today: Training,
    people: tuple[Person, Person, Person],
    returned: Town,
    cast: Cast | None,
) -> Story:
    assert cast is not None  # Each programme has the story's training.
    came, shows_ticket, stayed_away = people
    called = next(training for training in trainings if training.way is Way.STORY)

    def example(course: Course, kind: SessionKind, host: Town | None = None) -> str:
        return next(
            training.session_id
            for training in trainings
            if training.course is course and training.kind is kind and host in (None, training.host)
        )

    return Story(
        town_id=today.host.city_id,
        town_name=today.host.name,
        session_id=today.session_id,
        meeting_id=today.meetings[0].meeting_id,
        person_id=came.person_id,
        person_name=came.name,
        person_email=came.email,
        ticket_person_id=shows_ticket.person_id,
        ticket_person_name=shows_ticket.name,
        ticket_person_email=shows_ticket.email,
        absent_person_id=stayed_away.person_id,
        absent_person_name=stayed_away.name,
        absent_person_email=stayed_away.email,
        next_session_id=example(Course.MOVED, SessionKind.SUPPLEMENTARY, today.host),
        returned_town_id=returned.city_id,
        tight_session_id=example(Course.TIGHT, SessionKind.SUPPLEMENTARY),
        raised_session_id=example(Course.RAISED, SessionKind.SUPPLEMENTARY),
        cancelled_session_id=example(Course.CANCELLED, SessionKind.SUPPLEMENTARY),
        oversubscribed_session_id=example(Course.OVERSUBSCRIBED, SessionKind.IN_DEPTH),
        late_session_id=example(Course.ANNOUNCED_LATE, SessionKind.IN_DEPTH),
        called_session_id=called.session_id,
        called_town_ids=(called.towns[0].city_id, called.towns[1].city_id, called.towns[2].city_id),
        called_town_names=(called.towns[0].name, called.towns[1].name, called.towns[2].name),
        passed_over_name=cast.passed_over.name,
        gave_back_name=cast.gave_back.name,
        offered_person_id=cast.offered.person_id,
        offered_name=cast.offered.name,
        offered_email=cast.offered.email,
        substituted_name=cast.left.name,
        substitute_person_id=cast.came_instead.person_id,
        substitute_name=cast.came_instead.name,
        extra_person_id=cast.extra.person_id,
        extra_name=cast.extra.name,
        extra_email=cast.extra.email,
        refused_person_id=cast.refused.person_id,
        refused_name=cast.refused.name,
        refused_email=cast.refused.email,
    )
