"""Who may speak since when: takeovers count in the order in which they were said, and what is old stays old."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import pytest

from services.enrolment.app import SERVICE
from services.enrolment.state import Town
from shared.contracts.rules import SourceTakenOver
from shared.contracts.selection import CityQualified
from shared.state.ownership import OtherWriter, Verdict
from shared.state.succession import Claim, Handover, Succession
from shared.state.working import Working
from shared.testing import NOON, body_of, heard
from tests.mind import knowing_all


def at(minutes: int) -> dt.datetime:
    return NOON + dt.timedelta(minutes=minutes)


def handover(minutes: int, pair: str, *, rule: str = "r", version: int | None = None) -> Handover:
    return Handover(at(minutes), minutes, rule, version or minutes, "s", *pair)


def claim(*handovers: Handover, who: str, said: int, against: str, when: int) -> Claim:
    return Succession(handovers, "s").claim(who, at(said), against=against, said_at=at(when))


def test_who_took_over_outranks_who_was_there_also_with_what_was_said_too_early() -> None:
    for said in (1, 20):
        assert claim(handover(10, "AB"), who="B", said=said, against="A", when=0) is Claim.OUTRANKS


def test_a_rule_said_again_with_another_meaning_leaves_the_first_one_as_it_was() -> None:
    rules = handover(10, "AB"), handover(20, "BC")
    assert claim(*rules, who="B", said=12, against="A", when=0) is Claim.OUTRANKS
    assert claim(*rules, who="C", said=22, against="A", when=0) is Claim.OUTRANKS
    assert claim(*rules, who="B", said=12, against="C", when=22) is Claim.OUTRANKED


def test_who_is_given_back_their_place_outranks_who_had_it_meanwhile_from_then_on_only() -> None:
    rules = handover(10, "AB"), handover(20, "BA", rule="back")
    assert claim(*rules, who="A", said=21, against="B", when=12) is Claim.OUTRANKS
    assert claim(*rules, who="A", said=1, against="B", when=12) is Claim.OUTRANKED
    assert claim(*rules, who="A", said=15, against="B", when=12) is Claim.OUTRANKED_SINCE
    assert claim(*rules, who="B", said=25, against="A", when=21) is Claim.OUTRANKED_SINCE


def test_strangers_and_equals_have_no_claim_on_each_other() -> None:
    rules = handover(10, "AB"), handover(20, "CB", rule="other")
    assert claim(*rules, who="X", said=30, against="A", when=0) is Claim.NONE
    assert claim(*rules, who="C", said=1, against="A", when=0) is Claim.NONE


def test_an_older_wording_of_a_rule_that_comes_late_says_nothing() -> None:
    rules = handover(10, "AB", version=5), handover(20, "BA", version=4)
    assert claim(*rules, who="A", said=21, against="B", when=12) is Claim.OUTRANKED_SINCE


def test_two_wordings_of_a_rule_under_one_version_both_count_and_one_sent_twice_counts_once() -> None:
    there, back = handover(10, "AB", version=1), handover(20, "BA", version=1)
    assert claim(there, back, who="A", said=21, against="B", when=12) is Claim.OUTRANKS
    again = handover(30, "BA", version=1)
    assert claim(there, back, again, who="A", said=21, against="B", when=12) is Claim.OUTRANKS


def test_a_rule_that_is_said_about_another_stream_leaves_this_one_as_it_was() -> None:
    elsewhere = Handover(at(20), 20, "r", 20, "t", "A", "C")
    assert claim(handover(10, "AB"), elsewhere, who="B", said=12, against="A", when=0) is Claim.OUTRANKS
    late = handover(30, "BA", version=15)
    assert claim(handover(10, "AB"), elsewhere, late, who="A", said=31, against="B", when=12) is Claim.OUTRANKED_SINCE


def test_takeovers_of_one_millisecond_count_in_the_order_of_the_log() -> None:
    together = Handover(NOON, 0, "z", 1, "s", "A", "B"), Handover(NOON, 1, "a", 1, "s", "B", "A")
    assert claim(*together, who="A", said=1, against="B", when=0) is Claim.OUTRANKS


# --- in a transaction ----------------------------------------------------------------------


@pytest.fixture
def working() -> Working:
    return knowing_all(SERVICE, SERVICE.working(NOON))


def rule(minutes: int, former: str, new: str, *, rule_id: str = "r", source: str = "urn:office", **how: Any) -> Any:
    body = SourceTakenOver(rule_id=rule_id, in_stream="programme.cities", from_source=former, to_source=new)
    return heard(body, **{"source": source, "version": minutes, "at": at(minutes), "offset": minutes} | how)


def town(minutes: int, source: str, name: str, *, version: int = 1, event_id: str | None = None) -> Any:
    body = body_of(CityQualified, name=name)
    return heard(body, source=source, version=version, at=at(minutes), event_id=event_id or f"{source}-{name}")


def name(working: Working) -> str:
    (row,) = working[Town]
    return row.name


def test_a_rule_that_is_stated_again_keeps_what_it_said_before(working: Working) -> None:
    working.apply(town(0, "A", "a"))
    working.apply(rule(1, "A", "B"))
    working.apply(rule(2, "B", "C"))
    assert working.apply(town(1, "B", "b")) is Verdict.NEWER
    assert working.apply(town(3, "C", "c")) is Verdict.NEWER
    assert working.apply(town(1, "B", "b late", version=2)) is Verdict.STALE


def test_a_rule_that_is_stated_again_under_the_same_id_of_its_event_keeps_what_it_said_before(working: Working) -> None:
    working.apply(town(0, "A", "a"))
    working.apply(rule(1, "A", "B", event_id="same"))
    working.apply(rule(2, "B", "C", event_id="same"))
    assert working.apply(rule(3, "B", "C", event_id="same", version=2)) is Verdict.DUPLICATE
    assert working.apply(town(1, "B", "b")) is Verdict.NEWER


def test_a_rule_may_not_change_its_way_of_numbering(working: Working) -> None:
    working.apply(rule(1, "A", "B"))
    assert working.apply(rule(2, "B", "A", version=None)) is Verdict.RENUMBERED
    assert working.apply(rule(3, "B", "A")) is Verdict.NEWER


def test_a_strangers_wording_of_a_rule_is_foreign_whatever_its_version(working: Working) -> None:
    working.apply(rule(1, "A", "B"))
    assert working.apply(rule(2, "A", "X", source="urn:stranger")) is Verdict.FOREIGN
    assert working.apply(rule(3, "A", "X", rule_id="another", source="urn:stranger")) is Verdict.NEWER


def test_a_duplicate_of_an_old_fact_is_old_whoever_has_the_place_now(working: Working) -> None:
    for one in (town(0, "A", "a"), rule(1, "A", "B"), town(2, "B", "b"), rule(3, "B", "A", rule_id="back")):
        assert working.apply(one) is Verdict.NEWER
    assert working.apply(town(4, "A", "a")) is Verdict.STALE  # Of before it was taken over, although A speaks again.
    assert working.apply(town(4, "A", "a", event_id="sent again")) is Verdict.STALE
    assert name(working) == "b"
    assert working.apply(town(5, "A", "new", version=2)) is Verdict.NEWER
    assert working.apply(town(6, "B", "b")) is Verdict.STALE
    assert working.apply(town(6, "B", "b older", version=0)) is Verdict.STALE
    assert name(working) == "new"


def test_what_a_former_writer_says_after_it_was_taken_over_is_set_aside_and_not_dropped(working: Working) -> None:
    for one in (town(0, "A", "a"), rule(1, "A", "B"), town(2, "B", "b")):
        working.apply(one)
    late = town(3, "A", "does not know", version=2)
    assert working.apply(late) is Verdict.FORMER
    working.apply(rule(2, "B", "A"))  # Said before, heard after.
    assert working.apply(late) is Verdict.NEWER


def test_what_seems_to_be_said_in_vain_is_not_overwritten_before_all_rules_are_known(working: Working) -> None:
    working.apply(town(0, "A", "a"))
    working.apply(town(3, "A", "new", version=2))
    working.apply(rule(1, "A", "B"))
    assert working.apply(town(2, "B", "b")) is Verdict.FOREIGN
    working.all_rules_known = True
    assert working.apply(town(2, "B", "b")) is Verdict.NEWER
    assert [row.source for row in working[OtherWriter]] == ["A"]


STORY = (
    town(0, "A", "a"),
    rule(1, "A", "B"),
    town(2, "B", "b"),
    town(3, "A", "in vain", version=2),
    rule(4, "B", "A", rule_id="back"),
    town(5, "A", "a"),
    town(6, "B", "b"),
    town(7, "A", "at last", version=3),
    town(8, "B", "in vain", version=2),
)


def test_it_does_not_matter_between_which_facts_the_rules_are_heard() -> None:
    facts = [one for one in STORY if isinstance(one.body, CityQualified)]
    rules = [one for one in STORY if not isinstance(one.body, CityQualified)]
    ends = set()
    for places in itertools.combinations_with_replacement(range(len(facts) + 1), len(rules)):
        here, heard_so_far, aside = knowing_all(SERVICE, SERVICE.working(NOON)), iter(facts), []
        for number in range(len(facts) + 1):
            for place, one in zip(places, rules, strict=True):
                if place == number:
                    here.apply(one)
            if number < len(facts):
                one = next(heard_so_far)
                if here.apply(one) in (Verdict.FOREIGN, Verdict.FORMER):
                    aside.append(one)
        here.all_rules_known = True
        for _ in range(3):
            aside = [one for one in aside if here.apply(one) in (Verdict.FOREIGN, Verdict.FORMER)]
        others = sorted((row.source, row.version, row.event_id, row.heard_at) for row in here[OtherWriter])
        (row,) = here[Town]
        ends.add((row.name, row.heard_at, tuple(others)))
    assert {end[0] for end in ends} == {"at last"}
    assert len(ends) == 1
