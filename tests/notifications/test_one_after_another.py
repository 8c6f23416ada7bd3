"""What somebody believes who reads one mail after another on the same day: what they read last takes back nothing that is still so."""

from __future__ import annotations

from typing import Any

import pytest

from services.notifications.kinds.certificate import AFTER_MISSED, ISSUED
from services.notifications.kinds.missed import CAME, MISSED_CORRECTED
from services.notifications.kinds.place import Place as PlaceMatter
from services.notifications.kinds.reminder import REMINDER
from services.notifications.kinds.training import TRAINING_ENDED
from services.notifications.letters import CONFIRMATION, BriefMail, PlaceMail
from services.notifications.templates.wording import OURS
from shared.contracts.model import Language
from tests.notifications.building import NOW, addressee, facts, open_notice, place, session
from tests.notifications.mails import body, brief_mail, received, session_mail
from tests.notifications.test_reminder import SUNDAY_15, differs, reminder

NOBODY_WAITS = {
    Language.EN: "Nobody on the waiting list gets",
    Language.PL: "Nikt z listy rezerwowej nie dostanie tego miejsca",
}
SOMEBODY_WAITS = {Language.EN: "someone on the waiting list may get", Language.PL: "dostać osoba z listy rezerwowej"}
languages = pytest.mark.parametrize("language", Language)


def text(mail: PlaceMail | BriefMail) -> str:
    return " ".join(body(received(mail), "plain").split())


def reminded(freeze_hours: int, language: Language, **of_place: Any) -> BriefMail:
    """On the evening before."""
    its = reminder(its_session=session(freeze_hours=freeze_hours), its_place=place(**of_place))
    found = differs(its)
    assert found is not None
    notice = open_notice(kind=REMINDER, content=its.named(found.says, language), language=language, stated_at=SUNDAY_15)
    return its.mail(notice, found)


@languages
def test_who_read_that_nobody_gets_a_place_any_more_does_not_read_the_opposite_the_day_before(
    language: Language,
) -> None:
    frozen = session_mail(CONFIRMATION, language, is_frozen=True, goes_to_nobody=True)
    confirmed, evening = text(frozen), text(reminded(48, language))
    assert NOBODY_WAITS[language] in confirmed
    assert NOBODY_WAITS[language] in evening
    assert SOMEBODY_WAITS[language] not in evening
    assert SOMEBODY_WAITS[language] in text(reminded(0, language)), "where places still move"


def confirmed(language: Language, **of_place: Any) -> PlaceMail:
    its = PlaceMatter(facts(place(**of_place), session(freeze_hours=0)))
    found = its.difference(None, addressee(), now=NOW)
    assert found is not None
    said = its.named(found.says, language)
    return its.mail(open_notice(kind=CONFIRMATION, content=said, language=language, stated_at=NOW), found)


@languages
def test_whom_the_office_gave_a_place_beside_the_others_does_not_read_that_somebody_waits_for_it(
    language: Language,
) -> None:
    """Their page says that nobody else gets it."""
    for mail in (confirmed(language, extra=True), reminded(0, language, extra=True)):
        assert NOBODY_WAITS[language] in text(mail)
        assert SOMEBODY_WAITS[language] not in text(mail)
    assert SOMEBODY_WAITS[language] in text(confirmed(language))


@languages
def test_what_a_certificate_says_that_we_wrote_is_what_we_had_written(language: Language) -> None:
    """In the words in which the mail that puts it right without a certificate says it."""
    came, certified = (
        text(brief_mail(letter, language, because=because, named=(("number", "RC-1"),)))
        for letter, because in ((MISSED_CORRECTED, CAME), (ISSUED, AFTER_MISSED))
    )
    quoted = OURS.kinds["missed"][language][CAME].lead.partition(".")[0]
    assert quoted in came
    assert quoted in certified


@languages
def test_a_certificate_goes_also_to_who_came_without_a_place(language: Language) -> None:
    thanked, certified = (OURS.kinds[kind][language] for kind in ("missed", "certificate"))
    reasons = {notice.reason for notice in certified.values()}
    assert reasons.isdisjoint(notice.reason for notice in thanked.values())


@languages
def test_whose_training_is_taken_from_them_does_not_read_that_somebody_has_it(language: Language) -> None:
    """For a planner may name nobody as yet."""
    its = OURS.kinds["training"][language][TRAINING_ENDED]
    claims = {Language.EN: "somebody else leads", Language.PL: "ktoś inny"}
    assert claims[language] not in its.lead
