"""From what was heard and asked to what the page shows. Pure: it waits for nothing and asks nobody."""

from __future__ import annotations

import datetime as dt
from typing import Any

from demo.programme import Programme, Story
from rollcall.books import Books, balanced, equations
from rollcall.origin.settings import OriginSettings
from rollcall.origin.watching import Watch
from rollcall.understanding import mails_of

MINE_TEAM = 3


def state(watch: Watch) -> dict[str, Any]:
    """The whole page as JSON."""
    lines = equations(
        {name: service.books if service.reachable else None for name, service in watch.services.items()},
        requests_published=len(watch.seen.requests),
        mails=None if watch.settings.inbox_url is None else mails_of(watch.inbox),
    )
    return {
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
        "inbox_url": watch.settings.inbox_url,
        "programme": _programme(watch),
        "steps": _steps(watch, watch.programme) if watch.programme else [],
        "services": [_service(watch, name) for name in watch.services],
        "totals": _totals(watch),
        "balanced": balanced(lines),
        "equations": [line.as_json() for line in lines],
        "recent": [event.as_json() for event in watch.seen.recent],
        "act": _act(watch, watch.programme) if watch.programme else None,
        "shock": _shock(watch, watch.programme) if watch.programme else None,
    }


def _programme(watch: Watch) -> dict[str, Any] | None:
    programme = watch.programme
    if programme is None:
        return None
    events = sum(count for name, count in programme.counts.items() if name.startswith("0"))
    return {
        "today": programme.today.isoformat(),
        "town": programme.story.town_name,
        "person": programme.story.person_name,
        "scale": programme.scale,
        "people": programme.counts["people"],
        "towns": programme.counts["towns"],
        "sessions": programme.counts["sessions"],
        "events": events,
        "published": min(events, watch.seen.said_outside),
        "said": watch.seen.said_outside,
    }


def _service(watch: Watch, name: str) -> dict[str, Any]:
    service = watch.services[name]
    rows = service.books["streams"].values() if service.books else ()
    return {
        "name": name,
        "state": "ready" if service.ready else "starting" if service.reachable else "away",
        "behind": watch.behind(name),
        "heard": sum(row["heard"] for row in rows),
        "held": service.books.get("held", 0) if service.books else 0,
        "parked": service.books.get("parked", 0) if service.books else 0,
    }


def _totals(watch: Watch) -> dict[str, int]:
    seen, enrolment = watch.seen, watch.services["enrolment"].books or {}
    places = enrolment.get("places", {})
    return {
        "events": sum(seen.published.values()),
        "people": enrolment.get("people", 0),
        "sessions": places.get("sessions", 0),
        "places": places.get("enrolled", 0),
        "attended": _attended(watch.services["attendance"].books or {}),
        "mails": watch.inbox["accepted"] if watch.inbox else 0,
    }


def _attended(books: Books) -> int:
    """By attendance's records: a stream that is read again, or said again, counts nobody twice there."""
    records = books.get("attendance", {}).get("records", {})
    return sum(int(records.get(name, 0)) for name in ("present", "without_place", "came_so_far"))


def _steps(watch: Watch, programme: Programme) -> list[dict[str, Any]]:
    seen, story = watch.seen, programme.story
    enrolled, told = seen.count("ParticipantEnrolled", story.session_id), seen.count("NoticeSent", story.session_id)
    scanned, present = (
        seen.count("CheckInScanned", story.session_id),
        seen.count("ParticipantAttended", story.session_id),
    )
    closed = seen.first.get("closed")
    planned = seen.first.get("planned")
    venue = f", in: {planned.data.get('venue', '')}" if planned else ""
    told_by = seen.first.get("told")
    of_the_story = told_by.data["message_id"] if told_by else None
    told_mail = next(
        (one for one in watch.mails.get(story.person_email, ()) if one["message_id"] == of_the_story), None
    )
    mails = {
        "told": (story.person_email, told_mail),
        "held": (story.offered_email, _mail_of(watch, story.offered_email, "offer")),
        "turned_down": (story.refused_email, _mail_of(watch, story.refused_email, "refused")),
    }
    steps = [
        (
            "planned",
            "A training is planned",
            "planner",
            f"The planner announces a training in {story.town_name}, today{venue}. Nobody has a place in it yet.",
        ),
        (
            "qualified",
            f"{story.town_name} qualifies",
            "selection system",
            "The selection system says that the committee chose the town. It asks for nothing; it states a fact.",
        ),
        (
            "enrolled",
            "Its whole team is enrolled",
            "enrolment",
            f"Enrolment heard it and decided: {enrolled or 'every'} people have a place, {story.person_name} among them.",
        ),
        (
            "told",
            "Everyone is told",
            "notifications",
            f"Notifications compared what is true with what was told, and sent the difference: {told} mails, each with a calendar entry. Whoever has no address waits, visibly.",
        ),
        (
            "scanned",
            "A scan at the door",
            "turnstile",
            f"{story.person_name} holds a badge to the reader. The device only says what it saw. {scanned} people so far.",
        ),
        (
            "present",
            "Present",
            "attendance",
            f"Attendance heard the scan and decided: present. A second scan of the same badge changes nothing. {present} people so far.",
        ),
        (
            "closed",
            "The list closes, the figure changes",
            "attendance",
            "The trainer closes the list. Who had a place and was not scanned is absent, now and not before.",
        ),
        *_called_steps(story),
    ]
    shown = []
    for name, title, who, text in steps:
        event = seen.first.get(name)
        step: dict[str, Any] = {
            "name": name,
            "title": title,
            "who": who,
            "text": text,
            "event": event.as_json() if event else None,
        }
        to, mail = mails.get(name, ("", None))
        if mail is not None and watch.settings.inbox_url:
            url = f"{watch.settings.inbox_url}/#/message/{mail['id']}"
            step["mail"] = {"url": url, "subject": mail["subject"], "to": to}
        if name in ("present", "closed") and enrolled:
            step["figure"] = _figure(enrolled, present, closed.data if closed and name == "closed" else None)
        shown.append(step)
    return shown


def _mail_of(watch: Watch, address: str, kind: str) -> dict[str, Any] | None:
    return next((one for one in watch.mails.get(address, ()) if one["kind"] == kind), None)


def _called_steps(story: Story) -> list[tuple[str, str, str, str]]:
    """The in-depth training for which towns are called."""
    own, second, third = story.called_town_names
    return [
        (
            "drafted",
            "An in-depth training is drafted",
            "planner",
            f"For {own}, {second} and {third}: five places, two of a town. Nobody is invited yet, and what is asked waits.",
        ),
        (
            "called",
            "Towns are called to nominate",
            "enrolment",
            "The training is scheduled and enrolment is open: each town hears how many it may name, and until when.",
        ),
        (
            "named",
            "Coordinators name their people",
            "enrolment",
            f"{own} names three, all or none: none fits; then two: both have a place. {second} names three, as many as fit: {story.passed_over_name} waits. {third} names two: the last place goes to one, {story.offered_name} waits. The answer says so of each.",
        ),
        (
            "held",
            "A place is given back, and offered",
            "enrolment",
            f"{story.gave_back_name} gives the place back. {story.passed_over_name} waits first, but {second} has its share: it is held for {story.offered_name}, for 48 hours.",
        ),
        (
            "taken",
            "The offer is accepted",
            "enrolment",
            f"{story.offered_name} accepts, on the page that the mail leads to or as here at the portal, and has confirmed with it.",
        ),
        (
            "instead",
            "Somebody else comes",
            "enrolment",
            f"{second} sends {story.substitute_name} instead of {story.substituted_name}. The place stays as it is; nobody who waits is passed over.",
        ),
        (
            "turned_down",
            "A request is refused",
            "enrolment",
            f"{story.refused_name} asks without the coordinator. The refusal says why, and the mail what can be done.",
        ),
        (
            "beside",
            "The office decides",
            "office",
            f"{story.extra_name} gets a place beside the rules: no seat of the five, no share of a town. Who decided it, and why, stands in the fact.",
        ),
    ]


def _figure(enrolled: int, present: int, closed: dict[str, Any] | None) -> dict[str, int]:
    if closed is None:
        return {"present": present, "absent": 0, "open": max(0, enrolled - present)}
    return {"present": closed["present"], "absent": closed["absent"], "open": closed["not_recorded"]}


def _command(settings: OriginSettings, words: str, *arguments: str) -> str:
    where = f" --folder {settings.command_folder}" if settings.command_folder else ""
    return " ".join((f"{settings.command} {words}{where}", *arguments))


def _act(watch: Watch, programme: Programme) -> dict[str, Any]:
    seen, story = watch.seen, programme.story
    mail = next(iter(watch.mails.get(story.mine_email, ())), None)
    told = seen.count("NoticeSent", story.mine_session_id)
    return {
        "command": _command(watch.settings, "publish", _shown_path(watch.settings, programme, "mine.jsonl")),
        "published": "mine" in seen.first,
        "enrolled": seen.count("ParticipantEnrolled", story.mine_session_id),
        "told": told,
        "team": MINE_TEAM,
        "done": told >= MINE_TEAM,
        "mail": {"url": f"{watch.settings.inbox_url}/#/message/{mail['id']}", "subject": mail["subject"]}
        if mail and watch.settings.inbox_url
        else None,
        "to": story.mine_email,
    }


def _shock(watch: Watch, programme: Programme) -> dict[str, Any]:
    attendance = watch.services["attendance"]
    commands = {
        "stop": _command(watch.settings, "stop attendance"),
        "publish": _command(watch.settings, "publish", _shown_path(watch.settings, programme, "0*.jsonl")),
        "start": _command(watch.settings, "start attendance"),
    }
    return {
        "commands": commands,
        "away": not attendance.reachable and attendance.away_since is not None,
        "was_away": attendance.away_since is not None,
        "behind": watch.behind("attendance"),
        "most_behind": attendance.most_behind,
        "came_back": attendance.came_back,
        "caught_up": attendance.caught_up,
    }


def _shown_path(settings: OriginSettings, programme: Programme, name: str) -> str:
    """The path as a person would type it."""
    return f"{settings.command_folder or 'data'}/{programme.folder.name}/{name}"
