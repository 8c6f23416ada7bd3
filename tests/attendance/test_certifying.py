"""Who has earned a certificate, and what becomes of one: by the rows that are known, without a database."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from services.attendance.app import service_of
from services.attendance.certificate_handling import CODE_CHARACTERS, code_of
from services.attendance.certificates import Certificate, CertificateRules, Series
from services.attendance.certifying import decide_certificates
from services.attendance.state import Record
from shared.contracts.attendance import AttendanceListClosed, AttendanceListReopened, Presence, Role
from shared.contracts.certificates import MOST_SERIAL, CertificateEnds, CertificateIssued, CertificateSuperseded
from shared.contracts.planner import SessionCancelled, SessionRescheduled, SessionScheduled
from shared.contracts.rules import TopicDefined
from shared.events.envelope import Heard
from tests.attendance.building import ARCHIVE, BEFORE, CLOSES, DAY, LATER, OURS, RULES, SESSION, day, heard
from tests.mind import Mind

TWO_DAYS = (day(), day("day-2", days_later=1))
"""Of six hours each: 80 percent of them are 576 minutes."""
NOW = LATER + dt.timedelta(days=2)


class Register:
    """A session whose lists are kept, and who has which certificate."""

    def __init__(self, rules: CertificateRules = CertificateRules()) -> None:  # Immutable.
        numbers = count(1)
        service = service_of(dataclasses.replace(RULES, certificates=rules))
        self.mind = Mind(dataclasses.replace(service, new_id=lambda: f"ours-{next(numbers)}"), NOW)
        self.rules = rules

    def hear(self, *events: Heard[Any]) -> None:
        """Rows alone: what is decided of it is asked for by `decide`."""
        working = self.mind.working()
        for one in events:
            working.apply(one)
        for kind, rows in working.rows.items():
            for row in rows.changed():
                self.mind[kind].put(row)

    def session(self, *meetings: dict[str, Any], kind: type[Any] = SessionScheduled, **fields: Any) -> None:
        of = {"kind": "in_depth", "phase": 1, "topic": "climate", "city_id": "town-1", "venue": "hall", "capacity": 40}
        body = kind(session_id=SESSION, meetings=meetings or TWO_DAYS, **(of | fields))
        self.hear(heard(body, at=BEFORE))

    def closed(self, *meetings: str, source: str = OURS, recorded: bool = True) -> None:
        numbers = {"recorded": recorded, "present": 1, "absent": 0, "not_recorded": 0}
        for meeting_id in meetings or ("day-1", "day-2"):
            body = AttendanceListClosed(session_id=SESSION, meeting_id=meeting_id, decided_at=CLOSES, **numbers)
            self.hear(heard(body, at=CLOSES, source=source))

    def was(
        self,
        person: str,
        minutes: int | None,
        meeting_id: str = "day-1",
        *,
        state: Presence = Presence.PRESENT,
        role: Role = Role.PARTICIPANT,
    ) -> None:
        """A record as it stands by now."""
        known = self.mind[Record].get(SESSION, meeting_id, person)
        version = known.version + 1 if known else 1
        names = {field.name for field in dataclasses.fields(Record)}
        blank: dict[str, Any] = dict.fromkeys(names)
        fields = {
            "source": OURS,
            "version": version,
            "numbered": True,
            "event_id": f"record-{person}-{meeting_id}-{version}",
            "heard_at": CLOSES,
            "session_id": SESSION,
            "meeting_id": meeting_id,
            "person_id": person,
            "state": state,
            "with_place": True,
            "city_id": f"town-of-{person}",
            "role": role,
            "minutes": minutes,
            "scanned_at": CLOSES - dt.timedelta(hours=9) if state.came else None,
            "corrected": False,
            "decided_at": CLOSES,
        }
        self.mind[Record].put(Record(**(blank | fields)))

    def attended(self, person: str, minutes: int) -> None:
        """Over both days."""
        self.was(person, minutes // 2)
        self.was(person, minutes - minutes // 2, "day-2")

    def decide(self) -> list[str]:
        """What is said of certificates now, in short; it counts from then on."""
        facts = decide_certificates(self.mind.working(), SESSION, self.rules)
        for fact in facts:
            known = self.mind[Certificate].get(fact.number)
            version = known.version + 1 if known else 1
            self.hear(heard(fact, at=NOW, source=OURS, version=version))
        return list(_in_short(facts))

    def of(self, number: str) -> Certificate:
        found = self.mind[Certificate].get(number)
        assert found is not None
        return found


def _in_short(facts: list[Any]) -> Iterator[str]:
    for fact in facts:
        match fact:
            case CertificateIssued():
                instead = f" instead of {fact.supersedes}" if fact.supersedes else ""
                yield f"{fact.number} to {fact.person_id} for {fact.minutes}{instead}"
            case CertificateSuperseded():
                now = f", now {fact.superseded_by}" if fact.superseded_by else ""
                yield f"{fact.number} {fact.reason}{now}"


@pytest.fixture
def register() -> Register:
    kept = Register()
    kept.session()
    return kept


# --- who gets one ------------------------------------------------------------------------------


def test_whoever_was_there_for_long_enough_gets_one_and_nobody_else(register: Register) -> None:
    register.attended("ewa", 576)
    register.attended("jan", 575)
    register.closed()
    assert register.decide() == ["RC-2026-0001 to ewa for 576"]


def test_numbers_follow_one_another_in_a_fixed_order(register: Register) -> None:
    for person in ("zoe", "ada", "ewa"):
        register.attended(person, 700)
    register.closed()
    assert [one.split(" for")[0] for one in register.decide()] == [
        "RC-2026-0001 to ada",
        "RC-2026-0002 to ewa",
        "RC-2026-0003 to zoe",
    ]


def test_said_again_nothing_is_said(register: Register) -> None:
    register.attended("ewa", 700)
    register.closed()
    register.decide()
    assert register.decide() == []


def test_while_a_list_is_open_nobody_gets_one(register: Register) -> None:
    register.session(certificate_minutes=300)  # The first day alone would do.
    register.attended("ewa", 720)
    register.closed("day-1")
    assert register.decide() == []


def test_a_list_that_is_opened_again_takes_nothing_until_it_closes(register: Register) -> None:
    register.attended("ewa", 720)
    register.closed()
    register.decide()
    opened = AttendanceListReopened(session_id=SESSION, meeting_id="day-2", decided_at=NOW)
    register.hear(heard(opened, at=NOW, source=OURS))
    register.was("ewa", None, "day-2", state=Presence.NOT_AWAITED)
    assert register.decide() == []
    register.closed("day-2")
    assert register.decide() == ["RC-2026-0001 not_earned"]


def test_what_is_not_recorded_counts_for_nobody(register: Register) -> None:
    register.was("ewa", 360)
    register.closed("day-1")
    register.closed("day-2", recorded=False)
    assert register.decide() == []


def test_minutes_that_nobody_knows_are_none(register: Register) -> None:
    register.was("ewa", 360)
    register.was("ewa", None, "day-2")
    register.closed()
    assert register.decide() == []


def test_who_was_late_or_left_early_came_and_who_was_excused_did_not(register: Register) -> None:
    for person, state in (("ewa", Presence.LATE), ("jan", Presence.LEFT_EARLY), ("ola", Presence.EXCUSED)):
        register.was(person, 300, state=state)
        register.was(person, 300, "day-2")
    register.closed()
    assert register.decide() == ["RC-2026-0001 to ewa for 600", "RC-2026-0002 to jan for 600"]


@pytest.mark.parametrize("role", [Role.TRAINER, Role.OBSERVER])
def test_trainers_and_observers_get_none(register: Register, role: Role) -> None:
    register.was("ewa", 360, role=role)
    register.was("ewa", 360, "day-2", role=role)
    register.closed()
    assert register.decide() == []


def test_a_session_may_ask_for_other_minutes() -> None:
    register = Register()
    register.session(certificate_minutes=200)
    register.was("ewa", 200)
    register.was("jan", 199)
    register.closed()
    assert register.decide() == ["RC-2026-0001 to ewa for 200"]
    assert register.of("RC-2026-0001").required_minutes == 200


def test_who_was_not_there_at_all_gets_none_however_little_is_asked_for() -> None:
    register = Register(CertificateRules(percent=0))
    register.session()
    register.was("ewa", 1)
    register.was("jan", 0)
    register.closed()
    assert register.decide() == ["RC-2026-0001 to ewa for 1"]


def test_a_session_that_does_not_take_place_certifies_nothing_and_takes_nothing(register: Register) -> None:
    register.attended("ewa", 700)
    register.closed()
    register.decide()
    register.session(kind=SessionCancelled)
    register.attended("jan", 700)
    register.attended("ewa", 0)
    assert register.decide() == []


def test_a_day_dropped_after_it_had_taken_place_still_counts(register: Register) -> None:
    register.attended("ewa", 700)
    register.closed()
    register.session(day(), kind=SessionRescheduled, certificate_minutes=700)
    assert register.decide() == ["RC-2026-0001 to ewa for 700"]
    days = (DAY.date(), DAY.date() + dt.timedelta(days=1))
    assert register.of("RC-2026-0001").days == days  # As it was planned when it was held.


def test_of_a_session_that_others_have_kept_they_certify(register: Register) -> None:
    register.attended("ewa", 700)
    register.closed(source=ARCHIVE)
    assert register.decide() == []
    half = Register()
    half.session()
    half.attended("ewa", 700)
    half.closed("day-1", source=ARCHIVE)
    half.closed("day-2")
    assert half.decide() == ["RC-2026-0001 to ewa for 700"]


# --- what it says ------------------------------------------------------------------------------


def test_a_certificate_says_what_the_topic_was_called_then_and_on_which_days(register: Register) -> None:
    named = TopicDefined(rule_id="t", topic="climate", name_pl="Klimat", name_en="Climate")
    register.hear(heard(named, at=BEFORE))
    register.attended("ewa", 700)
    register.closed()
    register.decide()
    certificate = register.of("RC-2026-0001")
    assert (certificate.title_pl, certificate.title_en, certificate.topic) == ("Klimat", "Climate", "climate")
    assert certificate.days == (DAY.date(), DAY.date() + dt.timedelta(days=1))
    assert (certificate.city_id, certificate.issued_on) == ("town-of-ewa", dt.date(2026, 10, 9))
    register.hear(heard(named.model_copy(update={"name_pl": "Klimat i woda"}), at=LATER))
    assert register.decide() == []


def test_it_is_dated_and_numbered_by_the_polish_calendar() -> None:
    register = Register()
    register.session()
    register.mind.now = dt.datetime(2026, 12, 31, 23, 30, tzinfo=dt.UTC)
    register.attended("ewa", 700)
    register.closed()
    assert register.decide() == ["RC-2027-0001 to ewa for 700"]
    assert register.of("RC-2027-0001").issued_on == dt.date(2027, 1, 1)


def test_a_series_is_called_as_the_installation_says() -> None:
    register = Register(CertificateRules(series="ZSM.{year}.F2"))
    register.session()
    register.attended("ewa", 700)
    register.closed()
    assert register.decide() == ["ZSM.2026.F2-0001 to ewa for 700"]


def test_a_code_is_another_one_for_every_id_and_needs_no_escape() -> None:
    codes = {code_of(f"0199aa00-0000-7000-8000-{number:012}") for number in range(1000)}
    assert len(codes) == 1000
    assert all(len(code) == CODE_CHARACTERS and code.isalnum() and code.islower() | code.isdigit() for code in codes)


# --- what becomes of it ------------------------------------------------------------------------


def test_another_number_of_minutes_is_said_by_another_certificate_and_each_names_the_other(register: Register) -> None:
    register.attended("ewa", 720)
    register.closed()
    register.decide()
    register.was("ewa", 300, "day-2", state=Presence.LEFT_EARLY)
    assert register.decide() == [
        "RC-2026-0002 to ewa for 660 instead of RC-2026-0001",
        "RC-2026-0001 corrected, now RC-2026-0002",
    ]
    old, new = register.of("RC-2026-0001"), register.of("RC-2026-0002")
    assert (old.is_valid, old.superseded_by, old.minutes) == (False, "RC-2026-0002", 720)
    assert (new.is_valid, new.supersedes) == (True, "RC-2026-0001")


def test_another_day_is_said_by_another_certificate_also_if_the_minutes_are_the_same(register: Register) -> None:
    register.attended("ewa", 720)
    register.closed()
    register.decide()
    register.session(day(days_later=-1), TWO_DAYS[1], kind=SessionRescheduled)
    assert register.decide()[0] == "RC-2026-0002 to ewa for 720 instead of RC-2026-0001"


def test_who_was_not_there_for_long_enough_after_all_has_none_and_gets_a_new_one_should_that_be_put_right(
    register: Register,
) -> None:
    register.attended("ewa", 720)
    register.closed()
    register.decide()
    register.was("ewa", 0, "day-2", state=Presence.ABSENT)
    assert register.decide() == ["RC-2026-0001 not_earned"]
    assert register.decide() == []
    register.was("ewa", 360, "day-2")
    assert register.decide() == [
        "RC-2026-0002 to ewa for 720 instead of RC-2026-0001",
        "RC-2026-0001 not_earned, now RC-2026-0002",
    ]
    assert register.decide() == []


def test_somebody_who_is_on_no_list_any_more_has_none(register: Register) -> None:
    register.attended("guest-1", 720)
    register.closed()
    register.decide()
    for meeting_id in ("day-1", "day-2"):
        register.was("guest-1", None, meeting_id, state=Presence.NOT_AWAITED)  # It was somebody else's record.
    register.attended("ewa", 720)
    assert register.decide() == ["RC-2026-0002 to ewa for 720", "RC-2026-0001 not_earned"]


def test_a_walk_in_has_a_certificate_once_it_is_known_who_that_was(register: Register) -> None:
    """Nobody could be given it, and it would be revoked as soon as somebody says whose the record is."""
    register.attended("walk-in-3f9a", 720)
    register.closed()
    assert register.decide() == []
    for meeting_id in ("day-1", "day-2"):
        register.was("walk-in-3f9a", None, meeting_id, state=Presence.NOT_AWAITED)
    register.attended("ewa", 720)
    assert register.decide() == ["RC-2026-0001 to ewa for 720"]


def test_a_threshold_that_is_raised_later_takes_nothing(register: Register) -> None:
    register.attended("ewa", 600)
    register.closed()
    register.decide()
    register.session(kind=SessionRescheduled, certificate_minutes=700)
    assert register.decide() == []
    register.was("ewa", 299)
    assert register.decide()[0] == "RC-2026-0002 to ewa for 599 instead of RC-2026-0001"  # By the threshold of its day.
    assert register.of("RC-2026-0002").required_minutes == 576
    register.was("ewa", 200)
    assert register.decide() == ["RC-2026-0002 not_earned"]


def test_a_certificate_that_was_revoked_in_error_is_given_back_by_the_threshold_of_its_day(register: Register) -> None:
    """A higher threshold takes nothing, a mistaken correction between makes it take nothing either."""
    register.attended("ewa", 600)
    register.attended("jan", 600 - 30)
    register.closed()
    assert register.decide() == ["RC-2026-0001 to ewa for 600"]
    register.was("ewa", None, state=Presence.ABSENT)
    assert register.decide() == ["RC-2026-0001 not_earned"]
    register.session(kind=SessionRescheduled, certificate_minutes=700)
    register.was("ewa", 300)
    register.was("jan", 315)

    issued, _ = register.decide()  # Jan had none, and is judged by the threshold of today.
    assert issued == "RC-2026-0002 to ewa for 600 instead of RC-2026-0001"
    assert register.of("RC-2026-0002").required_minutes == 576


def test_a_threshold_that_is_lowered_later_gives_to_those_who_have_reached_it(register: Register) -> None:
    register.attended("ewa", 600)
    register.attended("jan", 400)
    register.closed()
    register.decide()
    register.session(kind=SessionRescheduled, certificate_minutes=300)
    assert register.decide() == ["RC-2026-0002 to jan for 400"]
    register.attended("ewa", 350)
    assert register.decide()[0] == "RC-2026-0003 to ewa for 350 instead of RC-2026-0001"


# --- what others have issued -------------------------------------------------------------------


def imported(number: int, person: str = "ewa", *, series: str = "RC-2026", session_id: str = SESSION) -> Heard[Any]:
    body = CertificateIssued(
        number=f"{series}-{number:04}",
        series=series,
        serial=number,
        session_id=session_id,
        person_id=person,
        minutes=700,
        issued_on=dt.date(2026, 3, 1),
        decided_at=BEFORE,
    )
    return heard(body, at=BEFORE, source=ARCHIVE)


def test_a_series_goes_on_behind_the_highest_number_that_was_imported(register: Register) -> None:
    register.hear(*(imported(number, session_id="session-old") for number in (7, 41, 12)))
    assert register.mind[Series].get("RC-2026") == Series("RC-2026", 41)
    register.attended("ewa", 700)
    register.closed()
    assert register.decide() == ["RC-2026-0042 to ewa for 700"]


def test_a_place_in_a_series_that_its_issuer_puts_right_moves_that_too(register: Register) -> None:
    """Or one day ours would be the second under that place, and no list could close any more."""
    typed = imported(7, session_id="session-old")
    right = dataclasses.replace(
        imported(7, session_id="session-old"), body=typed.body.model_copy(update={"serial": 41})
    )
    register.hear(typed, right)
    assert register.mind[Series].get("RC-2026") == Series("RC-2026", 41)
    register.attended("ewa", 700)
    register.closed()
    assert register.decide() == ["RC-2026-0042 to ewa for 700"]


def test_a_number_behind_which_there_is_none_moves_no_series(register: Register) -> None:
    """One that was typed with too many digits would keep everybody from a certificate, and every list from closing."""
    register.hear(imported(7, session_id="session-old"), imported(MOST_SERIAL, session_id="session-old"))
    register.attended("ewa", 700)
    register.closed()
    assert register.decide() == ["RC-2026-0008 to ewa for 700"]


def test_what_is_imported_of_another_series_moves_ours_not(register: Register) -> None:
    register.hear(imported(41, series="FERS-2025", session_id="session-old"))
    register.attended("ewa", 700)
    register.closed()
    assert register.decide() == ["RC-2026-0001 to ewa for 700"]


def test_whoever_has_a_valid_one_of_another_issuer_gets_none_of_ours(register: Register) -> None:
    register.hear(imported(3))
    register.attended("ewa", 720)
    register.attended("jan", 700)
    register.closed()
    assert register.decide() == ["RC-2026-0004 to jan for 700"]


def test_one_of_another_issuer_that_comes_later_keeps_none_of_ours_that_is_not_earned(register: Register) -> None:
    register.attended("ewa", 720)
    register.attended("jan", 720)
    register.closed()
    register.decide()
    register.hear(imported(3), imported(4, "jan"))
    register.was("ewa", 0, "day-2", state=Presence.ABSENT)
    register.was("jan", 300, "day-2")
    assert register.decide() == ["RC-2026-0001 not_earned"]
    assert register.of("RC-2026-0003").is_valid and register.of("RC-2026-0002").is_valid


def test_one_that_another_issuer_has_revoked_is_no_obstacle(register: Register) -> None:
    revoked = CertificateSuperseded(
        **{name: getattr(imported(3).body, name) for name in CertificateIssued.model_fields},
        reason=CertificateEnds.NOT_EARNED,
    )
    register.hear(imported(3), heard(revoked, at=LATER, source=ARCHIVE))
    register.attended("ewa", 700)
    register.closed()
    assert register.decide() == ["RC-2026-0004 to ewa for 700"]


def test_a_number_that_an_archive_has_used_in_a_series_called_otherwise_is_passed_over(register: Register) -> None:
    odd = imported(2, session_id="session-old")
    odd = dataclasses.replace(odd, body=odd.body.model_copy(update={"series": "old", "serial": 9}))
    register.hear(odd)
    for person in ("ada", "ewa"):
        register.attended(person, 700)
    register.closed()
    assert register.decide() == ["RC-2026-0001 to ada for 700", "RC-2026-0003 to ewa for 700"]
