"""The demo's programme, said as outside systems would say it, file by file. Remembers what was said; the story is told in storytelling.py."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from rich.console import Console

from demo.programme import ONCE_HEARD, Programme
from demo.story import Scene, called_scenes, scenes
from rollcall.asking import NoAnswer, get
from rollcall.books import Equation, equations
from rollcall.connection import Connection
from rollcall.folder import Folder
from rollcall.looking import STEADY_LOOKS
from rollcall.publishing import Line, read, send
from rollcall.terminal import Refusal, progress
from rollcall.understanding import understood

HEARD_LIMIT_S = 300.0
LOOK_EVERY_S = 0.2
ENROLMENT = "enrolment"


@dataclass
class Telling:
    """Publishes the programme once; `seconds` says how long each part took."""

    found: Connection
    folder: Folder
    programme: Programme
    console: Console
    per_second: int = 0
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

    # --- the load -------------------------------------------------------------------------

    async def tell_everything(self) -> None:
        """Publishes what is left of every file, in the order in which outside systems would speak."""
        began = time.monotonic()
        in_story = {line for scene in (*scenes(self.programme), *called_scenes(self.programme)) for line in scene.lines}
        with progress() as bars:
            total = sum(max(0, len(lines) - self._files.get(name, 0)) for name, lines in self._lines.items())
            task = bars.add_task("The whole programme", total=total)
            for name, lines in self._lines.items():
                done = self._files.get(name, 0)
                if name in ONCE_HEARD and done < len(lines):
                    await self.heard()
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

    async def heard(self) -> None:
        """Returns once enrolment has heard and decided all that was said before."""
        deadline = time.monotonic() + HEARD_LIMIT_S
        steady = 0
        while steady < STEADY_LOOKS and time.monotonic() < deadline:
            lines = await self._books_of_enrolment()
            steady = steady + 1 if lines and all(line.holds or line.is_unknown for line in lines) else 0
            await asyncio.sleep(LOOK_EVERY_S)

    async def _books_of_enrolment(self) -> list[Equation]:
        """Its books by its own word; what is counted beside them is not known here."""
        try:
            answer = await get(f"{self.found.urls[ENROLMENT]}/api/v1/books", self.found.headers)
        except NoAnswer:
            return []
        books, _problem = understood(ENROLMENT, answer.body) if answer.status == 200 else (None, None)
        return equations({ENROLMENT: books}, requests_published=None, mails=None) if books else []

    # --- what was said ----------------------------------------------------------------------

    @property
    def told(self) -> list[str]:
        """The scenes of the story that were told."""
        return self._scenes

    async def tell(self, scene: Scene) -> None:
        """Says what is said in one scene."""
        await send(self.found.kafka, [self._lines[file][number] for file, number in scene.lines])

    def told_now(self, name: str) -> None:
        self._scenes.append(name)
        self._remember()

    def _remember(self) -> None:
        self.folder.remember_published({"scenes": self._scenes, "files": self._files})


def _lines_of(name: str, text: str) -> list[Line]:
    lines, problems = read(name, text.split("\n"))
    if problems:
        raise Refusal(f"The programme cannot be published: {problems[0]}.")
    return lines
