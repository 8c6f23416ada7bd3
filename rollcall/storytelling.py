"""The story, told scene by scene: one town's day, then one in-depth training that three towns want. Each scene begins once the services
have answered the one before, and says what people believe now."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from rich.console import Console

from demo.programme import Story
from demo.story import called_scenes, scanned_at, scenes
from rollcall.telling import Telling

SCENE_LIMIT_S = 45.0
LOOK_EVERY_S = 0.1
EXTRA_NOTE = "prowadzi warsztat drugiego dnia"
"""Why the office gives a place beside the rules."""
_TICKET = re.compile(r"/check-in/([A-Za-z0-9_.-]+)")
"""In the text of a mail: the address at which its reader checks in holds the ticket."""
SIGNED_NOTE = "podpis na liście papierowej"
"""Why the office puts a closed list right."""

IsSo = Callable[[], Awaitable[bool]]


@dataclass
class Storyteller:
    """Tells what has not been told yet."""

    telling: Telling
    expected: dict[str, Any]
    """The oracle's books."""
    client: httpx.AsyncClient
    console: Console
    pause_s: float = 0.0
    """Between scenes."""
    _told: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self._told = self.telling.told

    @property
    def story(self) -> Story:
        return self.telling.programme.story

    async def tell(self) -> None:
        """The whole story, as far as it has not been told."""
        began = time.monotonic()
        await self._tell_day()
        await self._tell_called()
        await self._tell_put_right()
        self.telling.seconds["story"] = round(time.monotonic() - began, 2)

    # --- a town's day ---------------------------------------------------------------------------

    async def _tell_day(self) -> None:
        story, today = self.story, self._today()
        places = today["present"] + today["absent"]
        answers: dict[str, tuple[str, IsSo]] = {
            "known": ("The planner announced a training for today, the directory named the team", _at_once),
            "qualified": (
                f"[bold]{story.town_name}[/] qualified, and its team of {places} was enrolled",
                lambda: self._counts(story.session_id, enrolled=places),
            ),
            "scanned": (f"{today['present']} of them were scanned at the door", _at_once),
        }
        for scene in scenes(self.telling.programme):
            said, answered = answers[scene.name]
            if scene.name in self._told:
                continue
            if scene.name == "scanned":
                await self._mail(story.person_name, story.person_email, "confirmation", "that there is a place")
                shown = f"{story.ticket_person_name} shows the ticket from the mail at the door"
                await self._act("ticket", shown, self._shows_ticket)
            await self.telling.tell(scene)
            await self._shown(scene.name, said, answered)
        said = f"The trainer closed the list: {today['present']} present, {today['absent']} absent"
        await self._act("closed", said, self._closed)

    def _today(self) -> dict[str, int]:
        today: dict[str, int] = self.expected["attendance"]["today"][f"{self.story.session_id}/{self.story.meeting_id}"]
        return today

    async def _shows_ticket(self) -> bool:
        """As a device at the door would that has read the code from the mail. The scan that comes by Kafka then is the same."""
        story, found = self.story, self.telling.found
        if found.inbox is None:
            return True
        mail = await self._newest(story.ticket_person_email, "confirmation")
        if mail is None:
            return False
        text = (await self.client.get(f"{found.inbox}/api/v1/messages/{mail}/text")).text
        ticket = _TICKET.search(text)
        if ticket is None:
            return False
        body = {"ticket": ticket[1], "scanned_at": scanned_at(self.telling.programme, story.ticket_person_id)}
        headers = {"Idempotency-Key": f"ticket-{story.ticket_person_id}"}
        return (await self._post("attendance", "scans", headers, body)) is not None

    async def _closed(self) -> bool:
        """Closes today's list as the trainer would; attendance waits until it has heard what was in Kafka when asked."""
        where = f"sessions/{self.story.session_id}/meetings/{self.story.meeting_id}"
        return (await self._post("attendance", f"{where}/close")) is not None  # one that is closed says so again

    # --- an in-depth training ---------------------------------------------------------------------

    async def _tell_called(self) -> None:
        """Each scene: what is said, what follows from it, whom a mail tells of it."""
        story = self.story
        own, second, third = story.called_town_names
        counts = self._counts_of_called
        answers: dict[str, tuple[str, IsSo]] = {
            "drafted": (
                f"The planner drafts an in-depth training in {own}: five places, two of a town. Nobody is invited yet",
                lambda: self._is(state="draft"),
            ),
            "called": (
                f"It is scheduled: {own}, {second} and {third} are called to nominate, each for two places",
                lambda: self._nominations(calls=3),
            ),
            "nominated": (
                (
                    f"{own} names three, all or none: none fits, a town has two. It names two: both have a place\n"
                    f"    {second} names three, as many as fit: two have a place, {story.passed_over_name} waits\n"
                    f"    {third} names two: one has the last place, {story.offered_name} waits. The training is full"
                ),
                lambda: counts(enrolled=5, waitlisted=2),
            ),
            "offered": (
                (
                    f"{story.gave_back_name} gives the place back. {story.passed_over_name} waits first, but {second} has its two:\n"
                    f"    it is offered to {story.offered_name}, and held for 48 hours"
                ),
                lambda: counts(enrolled=4, offered=1, waitlisted=1),
            ),
            "accepted": (
                f"{story.offered_name} accepts, and has the place",
                lambda: counts(enrolled=5, offered=0, waitlisted=1),
            ),
            "substituted": (
                f"{second} sends {story.substitute_name} instead of {story.substituted_name}: the place stays as it is",
                lambda: self._stands(story.substitute_person_id, "enrolled"),
            ),
            "refused": (
                f"{story.refused_name} asks without the coordinator, and is refused: for this training towns name their people",
                lambda: self._stands(story.refused_person_id, "none"),
            ),
        }
        mails = {
            "offered": (
                story.offered_name,
                story.offered_email,
                "offer",
                "by when to answer, and the page to do it on",
            ),
            "accepted": (story.offered_name, story.offered_email, "confirmation", "that the place is taken"),
            "refused": (story.refused_name, story.refused_email, "refused", "why, and whom to ask instead"),
        }
        for scene in called_scenes(self.telling.programme):
            if scene.name in self._told:
                continue
            said, answered = answers[scene.name]
            if scene.name == "nominated":
                # Whoever is not known yet would be decided about after those who came later.
                await self.telling.heard()
            await self.telling.tell(scene)
            await self._shown(scene.name, said, answered)
            if scene.name in mails:
                await self._mail(*mails[scene.name])
        said = f"The office gives {story.extra_name} a sixth place, beside the rules, and says why: {EXTRA_NOTE}"
        await self._act("extra", said, self._gives_extra)
        await self._mail(story.extra_name, story.extra_email, "confirmation", "that there is a place")

    # --- after the closing ------------------------------------------------------------------------

    async def _tell_put_right(self) -> None:
        """Somebody was missed who had been there: the office puts it right, and a certificate follows."""
        story = self.story
        name, address = story.absent_person_name, story.absent_person_email
        if "put_right" in self._told:
            return
        await self._mail(name, address, "missed", "that nobody has seen them today")
        said = (
            f"{name} had signed the list on paper: the office puts the closed list right, and says why: {SIGNED_NOTE}"
        )
        await self._act("put_right", said, self._put_right)
        await self._mail(name, address, "certificate", "the thanks, and where the certificate is")

    async def _put_right(self) -> bool:
        """As somebody of the office would, who has looked at what the list says. Asked again, it is done once."""
        story = self.story
        meeting = f"sessions/{story.session_id}/meetings/{story.meeting_id}"
        listed = await self._get("attendance", f"{meeting}/roster?limit=1000")
        tags = {one["person_id"]: one["tag"] for one in listed} if isinstance(listed, list) else {}
        tag = tags.get(story.absent_person_id)
        if tag is None:
            return False
        headers = {"If-Match": f'"{tag}"', "Idempotency-Key": f"put-right-{story.absent_person_id}"}
        body = {"state": "present", "method": "paper", "note": SIGNED_NOTE}
        where = f"{meeting}/people/{story.absent_person_id}/correction"
        return (await self._post("attendance", where, headers, body)) is not None

    async def _gives_extra(self) -> bool:
        """As somebody of the office would, who has looked at how the person's place stands. Asked again, it is done once."""
        story = self.story
        where = f"sessions/{story.called_session_id}/places/{story.extra_person_id}/extra"
        headers = {"If-Match": '"0"', "Idempotency-Key": f"extra-{story.extra_person_id}"}
        return (await self._post("enrolment", where, headers, {"note": EXTRA_NOTE})) is not None

    async def _counts_of_called(self, **counts: int) -> bool:
        return await self._counts(self.story.called_session_id, **counts)

    async def _is(self, **values: object) -> bool:
        answer = await self._get("enrolment", f"sessions/{self.story.called_session_id}")
        return isinstance(answer, dict) and all(answer[name] == value for name, value in values.items())

    async def _nominations(self, *, calls: int) -> bool:
        answer = await self._get("enrolment", f"sessions/{self.story.called_session_id}/nominations")
        return isinstance(answer, dict) and len(answer["calls"]) >= calls

    async def _stands(self, person_id: str, standing: str) -> bool:
        answer = await self._get("enrolment", f"sessions/{self.story.called_session_id}/roster")
        return isinstance(answer, list) and any(
            one["person_id"] == person_id and one["stands"] == standing for one in answer
        )

    # --- how a scene is shown ---------------------------------------------------------------------

    async def _act(self, name: str, said: str, act: IsSo) -> None:
        """What somebody does themselves, over HTTP."""
        if name not in self._told:
            await self._shown(name, said, act)

    async def _shown(self, name: str, said: str, answered: IsSo) -> None:
        await self._until(answered, f"  [green]✓[/] {said}")
        self.telling.told_now(name)
        await asyncio.sleep(self.pause_s)

    async def _until(self, is_so: IsSo, said: str) -> None:
        deadline = time.monotonic() + SCENE_LIMIT_S
        while not await is_so():
            if time.monotonic() > deadline:
                self.console.print(
                    f"{said.replace('✓', '…').replace('green', 'yellow')} – not yet; going on", soft_wrap=True
                )
                return
            await asyncio.sleep(LOOK_EVERY_S)
        self.console.print(said, soft_wrap=True)

    async def _mail(self, name: str, address: str, kind: str, says: str) -> None:
        """Waits until the mail is in the inbox."""
        await self._until(lambda: self._mailed(address, kind), f"    [cyan]✉[/] {name} reads {says}")

    async def _mailed(self, address: str, kind: str) -> bool:
        return self.telling.found.inbox is None or await self._newest(address, kind) is not None

    async def _newest(self, address: str, kind: str) -> int | None:
        """The number, in the inbox, of the newest mail of this kind to this address."""
        answer = await self._asked(
            "GET", f"{self.telling.found.inbox}/api/v1/messages", params={"to": address, "limit": 50}
        )
        listed = answer["messages"] if answer else []
        return next((int(one["id"]) for one in listed if one["kind"] == kind), None)

    # --- asking -----------------------------------------------------------------------------------

    async def _counts(self, session_id: str, **counts: int) -> bool:
        """Whether these are the numbers of the session."""
        answer = await self._get("enrolment", f"sessions/{session_id}")
        return isinstance(answer, dict) and all(int(answer[name]) == count for name, count in counts.items())

    async def _get(self, service: str, path: str) -> object:
        found = self.telling.found
        return await self._asked("GET", f"{found.urls[service]}/api/v1/{path}", headers=found.headers)

    async def _post(
        self, service: str, path: str, headers: dict[str, str] | None = None, body: dict[str, str] | None = None
    ) -> object:
        found = self.telling.found
        told = found.headers | (headers or {})
        return await self._asked("POST", f"{found.urls[service]}/api/v1/{path}", headers=told, json=body)

    async def _asked(self, method: str, url: str, **how: Any) -> Any:
        """The answer, if it was done."""
        try:
            answer = await self.client.request(method, url, **how)
        except httpx.HTTPError:
            return None
        return answer.json() if answer.is_success else None


async def _at_once() -> bool:
    return True
