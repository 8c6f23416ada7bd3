"""What somebody said under either of two ids that turned out to be one human counts for the place that they keep, in the order in which it was
said: whether the merge or the word is heard first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from shared.contracts.enrolment import Standing
from shared.contracts.planner import SessionKind
from shared.contracts.portal import Reply
from shared.testing import NOON
from tests.enrolment.office import DAY, Office

HOUR = dt.timedelta(hours=1)
HEARD = NOON + DAY
Say = Callable[[Office], object]
BOTH_WAYS = [("anna", "bartek"), ("bartek", "anna")]


def at(hour: int) -> dict[str, dt.datetime]:
    """Sent then, heard the day after."""
    return {"at": NOON + hour * HOUR, "now": HEARD}


def met() -> Office:
    office = Office()
    office.phase()
    office.town()
    for person in ("anna", "bartek", "dawid"):
        office.member(person, at=NOON - DAY)
    return office


def team() -> Office:
    office = met()
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=9)
    return office


def both_asked() -> Office:
    office = met()
    office.session(capacity=9)
    office.ask("anna", **at(1))
    office.ask("bartek", **at(2))
    return office


def both_nominated() -> Office:
    office = met()
    office.session(capacity=9)
    office.nominate("anna", "bartek", at=NOON + HOUR, now=HEARD)
    return office


def one_asked() -> Office:
    office = met()
    office.session(capacity=9)
    office.ask("anna", **at(1))
    return office


def one_nominated() -> Office:
    office = met()
    office.session(capacity=9)
    office.nominate("anna", at=NOON + HOUR, now=HEARD)
    return office


def one_waits() -> Office:
    office = met()
    office.session(capacity=1)
    office.ask("anna", **at(1))
    office.ask("bartek", **at(2))
    return office


def offered(*seated: str, waits: tuple[str, ...] = ()) -> Office:
    """The seat that dawid has given back is held for anna."""
    office = met()
    office.session(capacity=1 + len(seated), free_places="offered")
    for person in ("dawid", *seated):
        office.ask(person, at=NOON, now=NOON)
    for person in ("anna", *waits):
        office.ask(person, at=NOON + HOUR, now=NOON + HOUR)
    office.withdraw("dawid", at=NOON + 2 * HOUR, now=NOON + 2 * HOUR)
    assert office.place("anna").state is Standing.OFFERED
    return office


def in_every_order(make: Callable[[], Office], goes: str, stays: str, *said: Say) -> set[tuple[Standing, Reply]]:
    """How whoever stays stands in the end, wherever among what was said the merge is heard."""
    found = set()
    for heard in range(len(said) + 1):
        office = make()
        for number in range(len(said) + 1):
            if number == heard:
                office.merged(goes, stays, **at(9))
            if number < len(said):
                said[number](office)
        assert office.reconcile(now=HEARD) == []
        place = office.place(stays)
        found.add((place.state, place.reply if place.is_active else Reply.NONE))
    return found


OUT, IN = (Standing.WITHDRAWN, Reply.NONE), (Standing.ENROLLED, Reply.NONE)
COMES = (Standing.ENROLLED, Reply.CONFIRMED)


@pytest.mark.parametrize(("goes", "stays"), BOTH_WAYS)
@pytest.mark.parametrize("who", ["anna", "bartek"])
@pytest.mark.parametrize("how", ["withdraws", "declines"])
@pytest.mark.parametrize("make", [team, both_asked, both_nominated, one_asked, one_nominated, one_waits])
def test_a_word_counts_for_the_place_that_they_keep_whether_it_or_the_merge_is_heard_first(
    make: Callable[[], Office], how: str, who: str, goes: str, stays: str
) -> None:
    def says(office: Office) -> None:
        if how == "withdraws":
            office.withdraw(who, **at(3))
        else:
            office.reply(who, "declined", **at(3))

    assert in_every_order(make, goes, stays, says) == {OUT}


@pytest.mark.parametrize(("goes", "stays"), BOTH_WAYS)
def test_who_has_asked_since_under_either_id_is_in(goes: str, stays: str) -> None:
    def gives_back(office: Office) -> None:
        office.withdraw("anna", **at(3))

    def asks(office: Office) -> None:
        office.ask("bartek", **at(4))

    assert in_every_order(one_asked, goes, stays, gives_back, asks) == {IN}
    assert in_every_order(one_asked, goes, stays, asks) == {IN}


@pytest.mark.parametrize(("goes", "stays"), BOTH_WAYS)
def test_a_nomination_counts_by_when_it_was_sent(goes: str, stays: str) -> None:
    def gives_back(office: Office, hour: int = 3) -> None:
        office.withdraw("anna", **at(hour))

    def named(office: Office) -> None:
        office.nominate("bartek", at=NOON + 4 * HOUR, now=HEARD)

    assert in_every_order(one_asked, goes, stays, gives_back, named) == {IN}
    assert in_every_order(one_asked, goes, stays, named, lambda office: gives_back(office, 5)) == {OUT}


@pytest.mark.parametrize(("goes", "stays"), BOTH_WAYS)
@pytest.mark.parametrize("waits", [(), ("bartek",)])
def test_the_answer_to_an_offer_counts_whichever_is_heard_first(waits: tuple[str, ...], goes: str, stays: str) -> None:
    def make() -> Office:
        return offered(waits=waits)

    assert in_every_order(make, goes, stays, lambda office: office.answer("anna", "accept", **at(3))) == {COMES}
    assert in_every_order(make, goes, stays, lambda office: office.answer("anna", "decline", **at(3))) == {OUT}


@pytest.mark.parametrize(("goes", "stays"), BOTH_WAYS)
def test_who_lets_an_offer_go_and_has_a_seat_under_the_other_id_keeps_it(goes: str, stays: str) -> None:
    def make() -> Office:
        return offered("bartek")

    assert in_every_order(make, goes, stays, lambda office: office.answer("anna", "decline", **at(3))) == {IN}
    assert in_every_order(make, goes, stays, lambda office: office.reply("anna", "declined", **at(3))) == {OUT}


@pytest.mark.parametrize(("goes", "stays"), BOTH_WAYS)
def test_who_accepts_an_offer_under_one_id_will_come_to_the_seat_of_the_other(goes: str, stays: str) -> None:
    def make() -> Office:
        return offered("bartek")

    assert in_every_order(make, goes, stays, lambda office: office.answer("anna", "accept", **at(3))) == {COMES}


@pytest.mark.parametrize(("goes", "stays"), BOTH_WAYS)
def test_of_what_was_replied_under_two_ids_the_newest_counts(goes: str, stays: str) -> None:
    def confirms(office: Office) -> None:
        office.reply("anna", "confirmed", **at(3))

    def takes_back(office: Office) -> None:
        office.reply("bartek", "none", **at(4))

    def confirms_again(office: Office) -> None:
        office.reply("anna", "confirmed", **at(5))

    assert in_every_order(both_asked, goes, stays, confirms) == {COMES}
    assert in_every_order(both_asked, goes, stays, confirms, takes_back) == {IN}
    assert in_every_order(both_asked, goes, stays, confirms, takes_back, confirms_again) == {COMES}


@pytest.mark.parametrize(("goes", "stays"), BOTH_WAYS)
def test_who_was_replaced_under_one_id_keeps_the_seat_of_the_other(goes: str, stays: str) -> None:
    office = both_asked()
    office.substitute("anna", "dawid", **at(3))
    office.merged(goes, stays, **at(9))
    assert office.place(stays).state is Standing.ENROLLED
