"""What other systems ask to have told: who may ask, what for, once; and what becomes of it."""

from __future__ import annotations

import asyncio
import datetime as dt
import email
import email.policy
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from email.message import EmailMessage
from typing import Any, get_args

import httpx
import pytest
import sqlalchemy as sa
from pydantic import SecretStr, ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifications.api import app_of
from services.notifications.app import service_of
from services.notifications.asked import LONGEST, Asked, AskingRules, Reach, asked_id_of
from services.notifications.kinds import KINDS, Subject
from services.notifications.letters import AskedMail
from services.notifications.settings import NotificationsSettings
from services.notifications.state import Person
from services.notifications.templates.wording import OURS
from shared.contracts.directory import ContactForgotten, ContactRegistered, PersonErased, PersonMerged, PersonRegistered
from shared.contracts.model import Language
from shared.contracts.notices import Materials, NoticeRequested, OfOurs, Questionnaire, Task
from shared.contracts.notifications import (
    DeclineReason,
    Mutable,
    NoticeAccepted,
    NoticeDeclined,
    NoticeHindrance,
)
from shared.contracts.planner import SessionCancelled, SessionScheduled
from shared.deciding.transaction import Decider
from shared.events.envelope import Heard, Reason, about_of
from shared.process.runtime import Runtime
from shared.state.working import Answer, Held
from shared.testing import body_of
from shared.testing import heard as as_heard
from shared.web import tokens
from tests.mind import Mind
from tests.notifications.building import (
    MATERIALS,
    NOW,
    TASK,
    asked,
    contact,
    open_notice,
    person,
    session,
    suppression,
    topic,
)
from tests.notifications.mails import FIRST, LETTER, RENDERER, ZANETA, body
from tests.notifications.office import SERVICE, Office, settled, write_rows
from tests.notifications.test_muting import mute

LMS = "urn:example:materials"
RULES = AskingRules(frozenset({LMS}), a_day=3, held_for=dt.timedelta(days=30))
_offsets = itertools.count()


@pytest.fixture
def mind() -> Mind:
    """Somebody with an address, and a training."""
    return made_up()


def made_up() -> Mind:
    made = Mind(service_of(RULES), NOW)
    made.hear(*(as_heard(body_of(kind)) for kind in (PersonRegistered, ContactRegistered)))
    made.hear(as_heard(body_of(SessionScheduled, session_id="session-0101")))
    return made


def request(
    context: Materials | Task | Questionnaire | OfOurs = MATERIALS,
    *,
    source: str = LMS,
    event_id: str = "request-1",
    at: dt.datetime = NOW,
    **fields: Any,
) -> Heard[NoticeRequested]:
    about = {"person_id": "person-0001", "session_id": "session-0101"} | fields
    return as_heard(
        NoticeRequested(context=context, **about), source=source, event_id=event_id, at=at, offset=next(_offsets)
    )


def answer(mind: Mind, *asking: Heard[NoticeRequested]) -> Any:
    """The one fact that was said."""
    (said,) = mind.hear(*asking)
    return said.body


# --- who may ask, and for what ---------------------------------------------------------------


def test_what_is_asked_is_accepted_and_the_answer_names_what_its_mails_are_about(mind: Mind) -> None:
    said = answer(mind, request())
    assert isinstance(said, NoticeAccepted)
    assert said.about == f"materials/{asked_id_of(LMS, 'request-1')}"
    assert (said.recipient, said.hindrance, said.useful_until) == ("person-0001", None, NOW + dt.timedelta(days=14))
    assert said.context == MATERIALS


def test_who_is_not_named_in_the_settings_asks_for_nothing(mind: Mind) -> None:
    assert mind.hear(request(source="urn:example:stranger")) == []
    assert [one.reason for one in mind.aside] == [Reason.FOREIGN_WRITER]
    assert len(mind[Asked]) == 0 and len(mind[Held]) == 0


def test_over_http_the_token_was_looked_at(mind: Mind) -> None:
    heard = Heard.over_http(request().body, source="rollcall/notifications/anna", event_id="k-1", now=NOW)
    assert isinstance(answer(mind, heard), NoticeAccepted)


@pytest.mark.parametrize("of", get_args(OfOurs.model_fields["of"].annotation))
def test_what_only_facts_make_true_is_declined(mind: Mind, of: str) -> None:
    """Each kind of mail that is ours had its word when the contract was published: it is answered, and not set aside as unreadable."""
    assert of in list(Subject)
    said = answer(mind, request(OfOurs.model_validate({"of": of})))
    assert isinstance(said, NoticeDeclined) and said.reason == DeclineReason.ONLY_FACTS


@pytest.mark.parametrize(
    "link",
    [
        "http://materials.example.org/1",
        "https://office.example.org@evil.example/",
        'https://materials.example.org/"onmouseover="x',
        "https://materials.example.org/a b",
        "javascript:alert(1)",
        "https://localhost/1",
        "https://materials.example.org\n/1",
    ],
)
def test_a_link_leads_where_it_says(link: str) -> None:
    with pytest.raises(ValidationError):
        Materials(of="materials", title="Slajdy", link=link)


def test_materials_are_of_a_training_and_a_task_need_not_be() -> None:
    with pytest.raises(ValidationError, match="of a training"):
        NoticeRequested(person_id="person-0001", context=MATERIALS)
    asking = NoticeRequested(person_id="person-0001", context=TASK)
    assert about_of(asking) == ("person/person-0001",), "what it is not about wakes it not"


# --- once ------------------------------------------------------------------------------------


def test_the_same_request_is_answered_once_however_often_it_is_heard(mind: Mind) -> None:
    mind.hear(request())
    assert mind.hear(request(), request()) == []
    assert mind.hear(request(at=NOW + dt.timedelta(days=9))) == [], "a replay"
    assert len(mind[Asked]) == 1 and mind.aside == []


def test_another_content_under_the_same_id_is_set_aside(mind: Mind) -> None:
    mind.hear(request())
    assert mind.hear(request(MATERIALS.model_copy(update={"title": "Inne"}))) == []
    assert [one.reason for one in mind.aside] == [Reason.ID_REUSED]


def test_the_answer_alone_makes_the_request_known(mind: Mind) -> None:
    """As in a rebuild, and after a restore: our own word is heard before any request."""
    (said,) = mind.hear(request())
    other = Mind(service_of(RULES), NOW)
    other.hear(said)
    assert other[Answer].get(LMS, "request-1") is not None
    assert other.hear(request()) == [] and other.aside == []


def test_more_than_so_many_mails_a_day_to_one_person_are_declined(mind: Mind) -> None:
    said = [answer(mind, request(event_id=f"request-{number}")) for number in range(4)]
    assert [getattr(one, "reason", None) for one in said] == [None, None, None, DeclineReason.TOO_MANY]
    mind.now = NOW + dt.timedelta(days=1, seconds=1)
    assert isinstance(answer(mind, request(event_id="request-9", at=mind.now)), NoticeAccepted)


# --- what is known of whom it is about -------------------------------------------------------


def test_who_is_not_known_is_waited_for_and_then_told(mind: Mind) -> None:
    assert mind.hear(request(person_id="person-0009")) == []
    assert [one.waits_for for one in mind[Held]] == ["person"]
    (said,) = mind.hear(as_heard(body_of(PersonRegistered, person_id="person-0009"), at=NOW))
    assert isinstance(said.body, NoticeAccepted) and said.body.hindrance == NoticeHindrance.CONTACT
    assert len(mind[Held]) == 0


@pytest.mark.parametrize("is_known", [True, False])
def test_a_request_that_a_backup_holds_and_that_was_answered_since_is_not_answered_again(
    mind: Mind, is_known: bool
) -> None:
    asked = request(person_id="person-0009")
    live, known = made_up(), as_heard(body_of(PersonRegistered, person_id="person-0009"), at=NOW)
    for one in (mind, live):
        assert one.hear(asked) == []
    (said,) = live.hear(known)
    mind.hear(said)
    assert len(mind[Held]) == 0
    if is_known:
        assert mind.hear(known) == []
    else:
        mind.pass_to(NOW + LONGEST)
    assert [type(one.body) for one in mind.said if isinstance(one.body, NoticeDeclined)] == []


def test_who_never_becomes_known_is_declined_at_last(mind: Mind) -> None:
    mind.hear(request(TASK.model_copy(update={"awaited_until": NOW + LONGEST}), person_id="person-0009"))
    mind.pass_to(NOW + dt.timedelta(days=29))
    assert len(mind[Held]) == 1
    mind.pass_to(NOW + dt.timedelta(days=30))
    assert [one.body.reason for one in mind.said if isinstance(one.body, NoticeDeclined)] == [
        DeclineReason.PERSON_UNKNOWN
    ]


def test_nobody_is_waited_for_beyond_what_is_of_use(mind: Mind) -> None:
    mind.hear(request(TASK, person_id="person-0009", useful_until=NOW + dt.timedelta(hours=1)))
    (held,) = mind[Held]
    assert held.expires_at == NOW + dt.timedelta(hours=1)
    mind.pass_to(held.expires_at)
    (said,) = [one.body for one in mind.said if isinstance(one.body, NoticeDeclined)]
    assert said.reason == DeclineReason.TOO_LATE


def test_a_training_that_is_not_announced_is_waited_for(mind: Mind) -> None:
    mind.hear(request(session_id="session-9"))
    assert [one.waits_for for one in mind[Held]] == ["session"]
    (said,) = mind.hear(as_heard(body_of(SessionScheduled, session_id="session-9")))
    assert isinstance(said.body, NoticeAccepted)


def test_who_turned_out_to_be_somebody_else_is_told_as_those(mind: Mind) -> None:
    mind.hear(as_heard(PersonMerged(person_id="person-0008", into_person_id="person-0001")))
    said = answer(mind, request(person_id="person-0008"))
    assert isinstance(said, NoticeAccepted) and said.recipient == "person-0001"


def test_who_went_into_somebody_not_known_yet_is_told_once_those_are(mind: Mind) -> None:
    mind.hear(as_heard(PersonMerged(person_id="person-0008", into_person_id="person-0007")))
    mind.hear(request(person_id="person-0008"))
    (said,) = mind.hear(as_heard(body_of(PersonRegistered, person_id="person-0007")))
    assert isinstance(said.body, NoticeAccepted) and said.body.recipient == "person-0007"


def test_a_merge_in_the_same_batch_is_known_to_the_request(mind: Mind) -> None:
    mind.hear(as_heard(body_of(PersonRegistered, person_id="person-0008")))
    merged = as_heard(PersonMerged(person_id="person-0008", into_person_id="person-0001"), version=2)
    (said,) = mind.hear(merged, request(person_id="person-0008"))
    assert said.body.recipient == "person-0001"


def test_who_is_erased_while_they_are_waited_for_is_declined(mind: Mind) -> None:
    mind.hear(request(session_id="session-9"))
    (said,) = mind.hear(as_heard(PersonErased(person_id="person-0001"), version=2))
    assert said.body.reason == DeclineReason.PERSON_ERASED if isinstance(said.body, NoticeDeclined) else False


def test_who_is_erased_or_forgotten_is_never_told_and_the_answer_says_so(mind: Mind) -> None:
    mind.hear(as_heard(ContactForgotten(person_id="person-0001"), version=2))
    assert answer(mind, request()).reason == DeclineReason.CONTACT_FORGOTTEN
    mind.hear(as_heard(PersonErased(person_id="person-0001"), version=2))
    assert answer(mind, request(event_id="request-2")).reason == DeclineReason.PERSON_ERASED


def test_what_stands_in_the_way_just_now_is_said_and_keeps_nothing_for_ever(mind: Mind) -> None:
    mind[Reach].put(Reach("person-0001", True))
    assert answer(mind, request(TASK)).hindrance == NoticeHindrance.WITHHELD
    mind[Reach].put(Reach("person-0001", True, without_materials=True))
    assert answer(mind, request(event_id="request-2")).hindrance == NoticeHindrance.MUTED
    assert answer(mind, request(TASK, event_id="request-3")).hindrance == NoticeHindrance.WITHHELD, "nobody mutes tasks"


def test_a_training_that_is_called_off_has_no_materials(mind: Mind) -> None:
    mind.hear(as_heard(body_of(SessionCancelled, session_id="session-0101"), version=2))
    assert answer(mind, request()).reason == DeclineReason.SESSION_CANCELLED


def test_what_is_of_no_use_any_more_is_declined(mind: Mind) -> None:
    late = TASK.model_copy(update={"awaited_until": NOW})
    assert answer(mind, request(late)).reason == DeclineReason.TOO_LATE


def test_what_was_asked_before_go_live_others_have_told() -> None:
    mind = Mind(service_of(replace(RULES, since=NOW)), NOW)
    said = answer(mind, request(at=NOW - dt.timedelta(microseconds=1)))
    assert said.reason == DeclineReason.BEFORE_GO_LIVE


def test_nothing_is_of_use_for_ever(mind: Mind) -> None:
    said = answer(mind, request(useful_until=NOW + dt.timedelta(days=9999)))
    assert said.useful_until == NOW + LONGEST


def test_while_a_database_is_recovered_nothing_is_decided(mind: Mind) -> None:
    assert mind.hear(request(), quiet=True) == []
    assert [one.waits_for for one in mind[Held]] == ["recovery"]


# --- told ------------------------------------------------------------------------------------


async def test_a_mail_leaves_once_and_says_which_training_it_is_of(office: Office) -> None:
    await office.is_true(asked(), asked(TASK, asked_id="asked-2"))
    async with office.server.listening(), office.sending():
        assert sorted(await settled(office, 2)) == [("materials", "sent", None), ("task", "sent", None)]
        await office.has_looked()
    assert len(office.server.mails) == 2


async def test_of_a_training_that_is_called_off_meanwhile_nothing_is_told(office: Office) -> None:
    await office.is_true(session(state="cancelled", version=2), asked())
    async with office.server.listening(), office.sending():
        await office.has_looked()
    assert await office.outcomes() == [] and office.server.mails == []


async def test_who_does_without_materials_is_told_of_tasks_alone(office: Office) -> None:
    await office.is_true(mute(Mutable.MATERIALS), asked(), asked(TASK, asked_id="asked-2"))
    async with office.server.listening(), office.sending():
        assert await settled(office, 1) == [("task", "sent", None)]
        await office.has_looked()
    assert (await office.books())["notices"]["muted"] == 1


def into(person_id: str, into_id: str) -> Person:
    return replace(person(person_id), version=2, given_name=None, family_name=None, merged_into=into_id)


async def test_who_turns_out_to_be_somebody_else_before_the_mail_is_told_as_those(office: Office) -> None:
    await office.is_true(
        person("person-9"), asked(recipient="person-9"), asked(TASK, recipient="person-9", asked_id="asked-2")
    )
    await office.is_true(open_notice(recipient="person-9", about="materials/asked-1", next_attempt_at=NOW))
    async with office.server.listening(), office.sending():
        await office.has_looked()
        assert await office.outcomes() == [], "nobody knows their address"
        await office.hears(into("person-9", "person-1"))
        assert sorted(await settled(office, 2)) == [("materials", "sent", None), ("task", "sent", None)]
        await office.has_looked()
    assert [mail[0] for mail in office.server.mails] == ["person-1@example.org"] * 2


async def test_who_was_told_under_another_id_is_not_told_again(office: Office) -> None:
    await office.is_true(person("person-9"), contact("person-9"), asked(recipient="person-9"))
    async with office.server.listening(), office.sending():
        assert await settled(office, 1) == [("materials", "sent", None)]
        await office.hears(into("person-9", "person-1"))
        await office.has_looked()
        assert (await office.books())["told_is_true"]
    assert [mail[0] for mail in office.server.mails] == ["person-9@example.org"]


async def test_what_was_not_told_in_time_ends_by_name_under_the_id_that_stays(office: Office) -> None:
    await office.is_true(into("person-9", "person-1"), asked(recipient="person-9", until=NOW - dt.timedelta(hours=1)))
    async with office.server.listening(), office.sending():
        assert await settled(office, 1) == [("materials", "too_late", "too_late")]
        await office.has_looked()


async def test_what_was_not_told_in_time_ends_as_a_fact(office: Office) -> None:
    past = NOW - dt.timedelta(hours=1)
    declined = asked(asked_id="asked-2", about=None, until=None, declined=DeclineReason.TOO_MANY)
    await office.is_true(asked(until=past), declined)
    async with office.server.listening(), office.sending():
        assert await settled(office, 1) == [("materials", "too_late", "too_late")]
        await office.has_looked()


async def test_a_bounced_address_is_known_to_the_decision_and_to_the_plan(office: Office, engine: AsyncEngine) -> None:
    service = replace(service_of(RULES), clock=SERVICE.clock)
    await office.is_true(suppression())
    thought = await Decider(engine, service).act([request(person_id="person-1", session_id="session-1")])
    (said,) = thought.said
    assert isinstance(said.body, NoticeAccepted) and said.body.hindrance == NoticeHindrance.WITHHELD
    async with office.server.listening(), office.sending():
        await office.has_looked()
    assert office.server.mails == [] and (await office.books())["notices"]["withheld"] == 1


async def test_a_request_that_waits_is_woken_in_the_database_by_whom_it_waits_for(
    office: Office, engine: AsyncEngine
) -> None:
    service = replace(service_of(RULES), clock=SERVICE.clock)
    decider = Decider(engine, service)
    assert (await decider.act([request(person_id="person-9", session_id="session-1")])).said == []
    async with engine.connect() as connection:
        assert await service.open_subjects(connection, NOW) == ["person/person-9"]
    thought = await decider.act([as_heard(body_of(PersonRegistered, person_id="person-9"))])
    assert [type(one.body) for one in thought.said] == [NoticeAccepted]


# --- what it says ----------------------------------------------------------------------------

SITUATIONS = ("materials", "questionnaire", "questionnaire_again", "task", "task_again")


def received(situation: str, language: Language, title: str, *, link: str | None = None) -> EmailMessage:
    letter = situation.partition("_")[0]
    until = None if situation == "materials" else dt.datetime(2026, 11, 30, 23, 0, tzinfo=dt.UTC)
    mail = AskedMail(letter, language, situation, title, link, until, "Adaptacja {x}", (FIRST,))
    kind = KINDS[Subject.TASK if letter == "task" else Subject.MATERIALS]
    message = RENDERER.message(RENDERER.shared(kind.sheet(mail, RENDERER.office)), ZANETA, LETTER)
    found = email.message_from_bytes(message, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_others_write_is_data_and_never_code(situation: str, language: Language) -> None:
    title = "{{ 7*7 }} {title} <b>x</b> & \u202e https://evil.example/"
    mail = received(situation, language, title, link="https://materials.example.org/1?a=1&b=2")
    text, html = body(mail, "plain"), body(mail, "html")
    words = OURS.kinds["asked"][language][situation]
    assert "{{ 7*7 }} {title} <b>x</b> &" in " ".join(text.split()) and words.lead in " ".join(text.split())
    assert "49" not in text and "<b>x</b>" not in html and "&lt;b&gt;x" in html
    assert 'href="https://materials.example.org/1?a=1&amp;b=2"' in html and 'href="https://evil' not in html
    assert "Adaptacja {x}" in text and len(html.encode()) < 60_000
    if words.moment is not None:
        midnight = "30 listopada 2026, 23:59" if language is Language.PL else "30 November 2026, 23:59"
        assert midnight in " ".join(text.split())


# --- over HTTP -------------------------------------------------------------------------------

ASKED: dict[str, Any] = {
    "person_id": "person-1",
    "session_id": "session-1",
    "context": {"of": "materials", "title": "Slajdy", "link": "https://materials.example.org/1"},
}


@pytest.fixture
async def anna(engine: AsyncEngine, database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody of the office, and another who may only read and write."""
    text, row = tokens.new_token("anna", ("read", "office"), now=NOW)
    settings = NotificationsSettings(kafka="127.0.0.1:9", database_url=SecretStr(database_url))
    runtime = Runtime(SERVICE, settings)
    for gate in (runtime.own_heard, runtime.may_decide):
        gate.set()
    async with engine.begin() as connection:
        await tokens.store(connection, row)
        await write_rows(connection, session(), topic(), person(), contact())
    transport = httpx.ASGITransport(app=app_of(runtime))
    headers = {"Authorization": f"Bearer {text}"}
    deciding = asyncio.create_task(runtime.commands.run())
    async with httpx.AsyncClient(transport=transport, base_url="http://n", headers=headers) as client:
        yield client
    deciding.cancel()
    await runtime.engine.dispose()


async def posted(client: httpx.AsyncClient, key: str = "k-1", **changes: Any) -> httpx.Response:
    return await client.post("/api/v1/asked", json=ASKED | changes, headers={"Idempotency-Key": key})


async def test_the_office_asks_once_under_its_key_and_sees_what_became_of_it(
    anna: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    first, again = await posted(anna), await posted(anna)
    assert (first.status_code, first.json()) == (200, again.json())
    assert first.json()["outcome"] == "NoticeAccepted" and first.json()["standing"]["hindrance"] is None
    other = await posted(anna, context=ASKED["context"] | {"title": "Inne"})
    assert (other.status_code, other.json()["type"]) == (422, "urn:rollcall:problem:key-taken")
    shown = (await anna.get(f"/api/v1/asked/{first.json()['asked_id']}")).json()
    assert shown["about"] == f"materials/{shown['asked_id']}" and shown["notices"] == []
    assert [one["asked_id"] for one in (await anna.get("/api/v1/asked?recipient=person-1")).json()] == [
        shown["asked_id"]
    ]
    assert (await anna.get("/api/v1/asked?recipient=person-2")).json() == []


async def test_a_place_is_declined_in_words_and_who_is_not_known_is_waited_for(anna: httpx.AsyncClient) -> None:
    declined = (await posted(anna, context={"of": "place"})).json()
    assert (declined["outcome"], declined["standing"]["declined"]) == ("NoticeDeclined", "only_facts")
    held = (await posted(anna, "k-2", person_id="person-9")).json()
    assert (held["outcome"], held["waits_for"], held["standing"]) == ("Held", "person", None)
    assert (await anna.get(f"/api/v1/asked/{held['asked_id']}")).status_code == 404


async def test_what_hinders_a_mail_just_now_is_shown(anna: httpx.AsyncClient, engine: AsyncEngine) -> None:
    asked_id = (await posted(anna)).json()["asked_id"]
    for rows, hindrance in (
        ([mute(Mutable.MATERIALS)], "muted"),
        ([replace(contact(), erased=True)], "unreachable"),
        ([session(state="cancelled", version=2)], "session_cancelled"),
    ):
        async with engine.begin() as connection:
            await write_rows(connection, *rows)
        assert (await anna.get(f"/api/v1/asked/{asked_id}")).json()["hindrance"] == hindrance


async def test_asking_needs_the_scope_of_the_office(anna: httpx.AsyncClient, engine: AsyncEngine) -> None:
    text, row = tokens.new_token("reader", ("read", "write", "operate"), now=NOW)
    async with engine.begin() as connection:
        await tokens.store(connection, row)
    refused = await anna.post("/api/v1/asked", json=ASKED, headers={"Authorization": f"Bearer {text}"})
    assert refused.status_code == 403
    assert (await anna.post("/api/v1/asked", json=ASKED | {"session_id": None})).status_code == 422
    async with engine.connect() as connection:
        assert (await connection.execute(sa.text("select count(*) from projection.asked"))).scalar_one() == 0
