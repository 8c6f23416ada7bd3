"""The demo's programme, said as outside systems would say it: one town's story first, then the full load. Remembers what was said."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from rich.console import Console

from demo.programme import Programme
from demo.story import scenes
from rollcall.connection import Connection
from rollcall.folder import Folder
from rollcall.publishing import Line, read, send
from rollcall.terminal import Refusal, progress

SCENE_LIMIT_S = 45.0
LOOK_EVERY_S = 0.1
CLOSED = "closed"


@dataclass
class Telling:
    """Publishes the programme once; `seconds` says how long each part took."""

    found: Connection
    folder: Folder
    programme: Programme
    expected: dict[str, Any]
    """The oracle's books."""
    console: Console
    per_second: int = 0
    pause_s: float = 0.0
    """Between scenes."""
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        said = self.folder.published()
        self._scenes: list[str] = said.get("scenes", [])
        self._files: dict[str, int] = said.get("files", {})
        self._lines = {file.name: _lines_of(file.name, file.read_text("utf-8")) for file in self.programme.files}

    @property
    def already_said(self) -> bool:
        """Whether everything was published by a run before."""
        return all(self._files.get(name, 0) >= len(lines) for name, lines in self._lines.items())

    # --- the story ------------------------------------------------------------------------

    async def tell_story(self, client: httpx.AsyncClient) -> None:
        """Says the story scene by scene; each begins once the services have answered the one before."""
        began = time.monotonic()
        story, told = self.programme.story, self._today()
        places = told["present"] + told["absent"]
        answers: dict[str, tuple[str, Callable[[], Awaitable[bool]]]] = {
            "known": ("The planner announced a training for today, the directory named the team", _at_once),
            "qualified": (
                f"[bold]{story.town_name}[/] qualified, and its team of {places} was enrolled",
                lambda: self._enrolled(client, places),
            ),
            "scanned": (f"{told['present']} of them were scanned at the door", _at_once),
        }
        for scene in scenes(self.programme):
            said, answered = answers[scene.name]
            if scene.name in self._scenes:
                continue
            if scene.name == "scanned":
                await self._until(lambda: self._mailed(client), f"  [green]✓[/] {story.person_name} has the mail")
            await send(self.found.kafka, [self._lines[file][number] for file, number in scene.lines])
            await self._until(answered, f"  [green]✓[/] {said}")
            self._scenes.append(scene.name)
            self._remember()
            await asyncio.sleep(self.pause_s)
        if CLOSED not in self._scenes:
            await self._close(client)
            self._scenes.append(CLOSED)
            self._remember()
        self.seconds["story"] = round(time.monotonic() - began, 2)

    def _today(self) -> dict[str, int]:
        story = self.programme.story
        today: dict[str, int] = self.expected["attendance"]["today"][f"{story.session_id}/{story.meeting_id}"]
        return today

    async def _until(self, is_so: Callable[[], Awaitable[bool]], said: str) -> None:
        deadline = time.monotonic() + SCENE_LIMIT_S
        while not await is_so():
            if time.monotonic() > deadline:
                self.console.print(
                    f"{said.replace('✓', '…').replace('green', 'yellow')} – not yet; going on", soft_wrap=True
                )
                return
            await asyncio.sleep(LOOK_EVERY_S)
        self.console.print(said, soft_wrap=True)

    async def _enrolled(self, client: httpx.AsyncClient, places: int) -> bool:
        url = f"{self.found.urls['enrolment']}/api/v1/sessions/{self.programme.story.session_id}"
        try:
            answer = await client.get(url, headers=self.found.headers)
        except httpx.HTTPError:
            return False
        return answer.status_code == 200 and int(answer.json()["enrolled"]) >= places

    async def _mailed(self, client: httpx.AsyncClient) -> bool:
        if self.found.inbox is None:
            return True
        try:
            answer = await client.get(
                f"{self.found.inbox}/api/v1/messages", params={"to": self.programme.story.person_email, "limit": 1}
            )
        except httpx.HTTPError:
            return False
        return answer.status_code == 200 and int(answer.json()["total"]) > 0

    async def _close(self, client: httpx.AsyncClient) -> None:
        """Closes today's list as the trainer would; attendance waits until it has heard what was in Kafka when asked."""
        story, told = self.programme.story, self._today()
        meeting = f"{self.found.urls['attendance']}/api/v1/sessions/{story.session_id}/meetings/{story.meeting_id}"

        async def closed() -> bool:
            try:
                answer = await client.post(f"{meeting}/close", headers=self.found.headers)
            except httpx.HTTPError:
                return False
            return answer.is_success  # a list that is closed stays so, and says so again

        said = f"The trainer closed the list: {told['present']} present, {told['absent']} absent"
        await self._until(closed, f"  [green]✓[/] {said}")

    # --- the load -------------------------------------------------------------------------

    async def tell_everything(self) -> None:
        """Publishes what is left of every file, in the order in which outside systems would speak."""
        began = time.monotonic()
        in_story = {line for scene in scenes(self.programme) for line in scene.lines}
        with progress() as bars:
            total = sum(max(0, len(lines) - self._files.get(name, 0)) for name, lines in self._lines.items())
            task = bars.add_task("The whole programme", total=total)
            for name, lines in self._lines.items():
                done = self._files.get(name, 0)
                left = [line for number, line in enumerate(lines[done:], start=done) if (name, number) not in in_story]
                await send(self.found.kafka, left, lambda count: bars.advance(task, count), per_second=self.per_second)
                bars.advance(task, len(lines) - done - len(left))
                self._files[name] = len(lines)
                self._remember()
        self.seconds["publish"] = round(time.monotonic() - began, 2)
        self.console.print(
            f"  [green]✓[/] {total:,} events of the whole programme published in {self.seconds['publish']:.1f} s"
        )

    async def tell_again(self) -> int:
        """Publishes the whole input a second time; returns how many lines that was."""
        lines = [line for its in self._lines.values() for line in its]
        with progress() as bars:
            task = bars.add_task("Everything again", total=len(lines))
            await send(self.found.kafka, lines, lambda count: bars.advance(task, count))
        return len(lines)

    def _remember(self) -> None:
        self.folder.remember_published({"scenes": self._scenes, "files": self._files})


async def _at_once() -> bool:
    return True


def _lines_of(name: str, text: str) -> list[Line]:
    lines, problems = read(name, text.split("\n"))
    if problems:
        raise Refusal(f"The programme cannot be published: {problems[0]}.")
    return lines
