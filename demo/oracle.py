"""What the books must show once everything in a demo's folder was heard: counted from the files alone, over whole sets.

Shares no code with the services or with what writes the files, so that a mistake cannot be made twice. It raises
`Unpredictable` rather than guess where the outcome would depend on which stream was heard first.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from demo.heard import STREAM_OF, Heard, Line, Member, Session, Unpredictable, kind_of
from demo.replay import Tally, refuse_overlaps, replay
from demo.reported import reported
from demo.thanked import told_of_attendance

Books = dict[str, Any]

OUTCOMES = ("enrolled", "offered", "waitlisted", "refused", "withdrawn", "held")


def expected(folder: Path) -> Books:
    """The books of the demo in this folder, as JSON-able counts and lists."""
    heard = Heard(folder)
    tally = replay(heard)
    requests, refusals = _decide(heard, tally)
    refuse_overlaps(heard)
    filled = {
        name: session
        for name, session in sorted(heard.sessions.items())
        if not session.cancelled and session.ends > heard.now
    }
    return {
        "events": dict(sorted(heard.published.items())),
        "distinct_events": dict(sorted(Counter(STREAM_OF[kind_of(line)] for line in heard.said).items())),
        **_known(heard),
        "requests": requests,
        "refusals": refusals,
        "places": {
            "enrolled": sum(session.enrolled for session in filled.values()),
            "offered": sum(session.offered for session in filled.values()),
            "waitlisted": sum(session.waitlisted for session in filled.values()),
            "by_session": {
                name: {
                    "capacity": session.body["capacity"],
                    "enrolled": session.enrolled,
                    "offered": session.offered,
                    "waitlisted": session.waitlisted,
                }
                for name, session in filled.items()
            },
        },
        "called": _called(heard, tally),
        "attendance": _attendance(heard, filled),
        "told": _told(heard, filled, tally),
        "reported": reported(heard, filled),
    }


def _known(heard: Heard) -> Books:
    """Towns, people, teams, needs and sessions, as they finally stand."""
    qualified = Counter(stage for (_, stage), outcome in heard.outcomes.items() if outcome == "qualified")
    outcomes = Counter(f"{stage}/{outcome}" for (_, stage), outcome in heard.outcomes.items())
    needs = Counter(fact["data"]["state"] for fact in heard.facts("programme.needs"))
    sessions = list(heard.sessions.values())
    states = Counter(f"{one.body['kind']}/{'cancelled' if one.cancelled else 'scheduled'}" for one in sessions)
    return {
        "towns": {
            "known": len({city_id for city_id, _ in heard.outcomes}),
            "qualified": {str(stage): count for stage, count in sorted(qualified.items())},
            "outcomes": dict(sorted(outcomes.items())),
        },
        "people": len(heard.facts("programme.people")),
        "contacts": len(heard.reachable),
        "members": {
            "memberships": len(heard.facts("programme.teams")),
            "open": sum(one.until_date is None for ones in heard.members.values() for one in ones),
            "ended": sum(one.until_date is not None for ones in heard.members.values() for one in ones),
        },
        "needs": dict(sorted(needs.items())),
        "sessions": {
            "total": len(sessions),
            "by_kind_and_state": dict(sorted(states.items())),
            "over": sum(session.ends <= heard.now for session in sessions),
        },
    }


def _called(heard: Heard, tally: Tally) -> Books:
    """The trainings that towns are called to nominate for: what was decided, and how everybody's place stands."""
    sessions = {name: session for name, session in sorted(heard.sessions.items()) if session.has_terms}
    return {
        "sessions": len(sessions),
        "calls": tally.calls,
        "nominations": tally.nominations,
        "nominated": dict(sorted(tally.nominated.items())),
        "offers": {name: tally.offers[name] for name in ("made", "accepted", "declined", "expired")},
        "substitutions": tally.substitutions,
        "confirmed": tally.confirmed,
        "refusals": dict(sorted(tally.refusals.items())),
        "at_risk": tally.at_risk,
        "most_of_town": tally.most_of_town,
        "standing": {name: dict(sorted((session.standing or {}).items())) for name, session in sessions.items()},
    }


def _decide(heard: Heard, tally: Tally) -> tuple[dict[str, int], dict[str, int]]:
    """Fills every session with candidates; says what became of the requests for a place, and why some were refused."""
    for session in heard.sessions.values():
        if session.body["kind"] == "supplementary" and not session.cancelled and session.ends > heard.now:
            session.candidates = {
                person_id
                for person_id, ones in heard.members.items()
                if _refusal(heard, session, [one for one in ones if one.city_id == session.body["city_id"]]) is None
            }
    conversations: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for line in heard.requests("EnrolmentRequested", "WithdrawalRequested"):
        conversations[line["data"]["session_id"], line["data"]["person_id"]].append(line)
    outcomes = Counter(dict.fromkeys(OUTCOMES, 0))
    outcomes.update(tally.requests)
    reasons = Counter(tally.in_vain)
    placed_by_request: Counter[str] = Counter()
    for (session_id, person_id), conversation in conversations.items():
        if session_id not in heard.sessions or person_id not in heard.members:
            outcomes["held"] += sum(kind_of(line) == "EnrolmentRequested" for line in conversation)
            continue
        if heard.sessions[session_id].has_terms:
            continue  # Gone through already.
        placed = _converse(heard, heard.sessions[session_id], person_id, conversation, outcomes, reasons, tally)
        placed_by_request[session_id] += placed
    for session_id, count in placed_by_request.items():
        session = heard.sessions[session_id]
        if session.waitlisted and count not in (0, len(session.candidates)):
            raise Unpredictable(f"{session_id} has a waiting list of people by team and by request")
        outcomes["enrolled"] += min(count, session.enrolled)
        outcomes["waitlisted"] += count - min(count, session.enrolled)
    return dict(outcomes), dict(sorted(reasons.items()))


def _converse(
    heard: Heard,
    session: Session,
    person_id: str,
    conversation: list[Line],
    outcomes: Counter[str],
    reasons: Counter[str],
    tally: Tally,
) -> bool:
    """Takes what one person asked about one session, in order. Returns whether a request led to a place that stands."""
    asks = any(kind_of(line) == "EnrolmentRequested" for line in conversation)
    if asks and (session.ends <= heard.now or (session.cancelled and not session.only_ever_cancelled)):
        raise Unpredictable(f"{person_id} asked for {session.body['session_id']}, which is over or was cancelled")
    ones = heard.members[person_id]
    if asks and len(ones) > 1:
        raise Unpredictable(f"{person_id} asked for {session.body['session_id']} and changed teams")
    refusal = _refusal(heard, session, ones)
    has_place, by_request = person_id in session.candidates, False
    for line in conversation:
        if kind_of(line) == "WithdrawalRequested":
            outcomes["withdrawn"] += by_request
            has_place = by_request = False
        elif has_place or refusal is not None:
            outcomes["refused"] += 1
            reasons["already_placed" if has_place else str(refusal)] += 1
            if not has_place:
                tally.refused.add((str(session.body["session_id"]), person_id))
        else:
            has_place = by_request = True
    if has_place:
        session.candidates.add(person_id)
    else:
        session.candidates.discard(person_id)
    return by_request


def _refusal(heard: Heard, session: Session, ones: list[Member]) -> str | None:
    """Why someone with these memberships may not have a place in the session, or None."""
    if session.cancelled:
        return "session_cancelled"
    current = [member for member in ones if member.during(session.first_day, session.last_day)]
    if not current:
        return "not_in_team"
    if not any(member.city_id in heard.qualified[session.body["phase"]] for member in current):
        return "town_not_qualified"
    return None


def _attendance(heard: Heard, filled: dict[str, Session]) -> Books:
    """The closed lists: those of the archive, and those of the trainings scanned today, which close after the scans. `today`: as they
    closed; the totals are those once they were put right."""
    lists = [fact["data"] for fact in heard.facts("attendance.events") if kind_of(fact) == "AttendanceListClosed"]
    totals = {name: sum(one[name] for one in lists) for name in ("present", "absent", "not_recorded")}
    past_places = Counter(
        fact["data"]["session_id"]
        for fact in heard.facts("enrolment.events")
        if not heard.sessions[fact["data"]["session_id"]].has_terms
    )
    owed = sum(past_places[one["session_id"]] for one in lists)
    scanned: dict[tuple[str, str], set[str]] = defaultdict(set)
    for line in heard.requests("CheckInScanned"):
        scanned[line["data"]["session_id"], line["data"]["meeting_id"]].add(line["data"]["person_id"])
    today: dict[str, Books] = {}
    for (session_id, meeting_id), people in scanned.items():
        session = filled[session_id]
        if session.waitlisted or not people <= session.candidates:
            raise Unpredictable(f"{session_id} has a waiting list, or scans of people without a place")
        present, absent = len(people), session.enrolled - len(people)
        today[f"{session_id}/{meeting_id}"] = {"present": present, "absent": absent, "not_recorded": 0}
        found_out = sum(one == session_id and who not in people for one, who in heard.corrected)
        totals["present"] += present + found_out
        totals["absent"] += absent - found_out
        owed += session.enrolled
    return {
        "lists_closed": len(lists) + len(today),
        "lists_not_recorded": sum(not one["recorded"] for one in lists),
        **totals,
        "places_times_meetings": owed,
        "history": {"places": sum(past_places.values()), "lists": len(lists)},
        "today": today,
    }


def _told(heard: Heard, filled: dict[str, Session], tally: Tally) -> Books:
    """Who must finally know of a place, of an offer, that they wait, were refused, certified or missed: everyone of these who has an address.

    `people` names those with a place, for trainings without a waiting list; where there is one, who has the places depends on who was
    heard first, and only the number is known, but of trainings with terms of their own. Trainings that had begun when the demo was
    written stand apart.
    """
    confirmed: dict[str, int] = {}
    begun: dict[str, int] = {}
    people: dict[str, list[str]] = {}
    waiting: dict[str, int] = {}
    offered: dict[str, list[str]] = {}
    without_address = 0
    for name, session in filled.items():
        candidates = session.candidates if session.standing is None else session.people("enrolled")
        reachable = candidates & heard.reachable
        if session.standing is not None and not session.standing.keys() <= heard.reachable:
            raise Unpredictable(f"{name} has terms of its own, and someone who may be in it has no address")
        if session.standing is None and session.waitlisted and reachable != candidates:
            raise Unpredictable(f"{name} has a waiting list, and someone who may be on it has no address")
        told = min(len(reachable), session.enrolled)
        if session.begins <= heard.now:
            begun[name] = told
            continue
        confirmed[name] = told
        if session.waitlisted:
            waiting[name] = session.waitlisted
        if session.offered:
            offered[name] = sorted(session.people("offered"))
        without_address += session.enrolled - told
        if session.standing is not None or not session.waitlisted:
            people[name] = sorted(reachable)
    return {
        "confirmed": sum(confirmed.values()),
        "confirmed_by_session": confirmed,
        "begun_by_session": begun,
        "waiting": sum(waiting.values()),
        "waiting_by_session": waiting,
        "offered": sum(map(len, offered.values())),
        "offered_by_session": offered,
        "refused": sum(person_id in heard.reachable for _, person_id in tally.refused),
        "at_risk": tally.at_risk,
        "call": tally.told["call"],
        "nomination_answered": tally.told["nomination_answered"],
        **told_of_attendance(heard, filled),
        "without_address": without_address,
        "people": people,
    }


def main(arguments: list[str]) -> int:
    """Prints the books of a folder; the ids of people told are left out unless `--people` is given."""
    folders = [argument for argument in arguments if argument != "--people"]
    if len(folders) != 1:
        print("usage: python -m demo.oracle [--people] FOLDER", file=sys.stderr)
        return 2
    books = expected(Path(folders[0]))
    if "--people" not in arguments:
        del books["told"]["people"], books["called"]["standing"], books["reported"]["by_town"]
    print(json.dumps(books, ensure_ascii=False, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
