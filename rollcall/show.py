"""One run of the demo, on a system that is up: tells the programme, waits, compares with the oracle, and says where to look."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import httpx
from rich.table import Table

from demo.days import local
from demo.oracle import expected
from demo.programme import MANIFEST, Programme, read_programme, write_programme
from rollcall.asking import TIMEOUT_S
from rollcall.comparing import compare, told
from rollcall.comparing_called import Compared, decided_about
from rollcall.connection import Connection, connection_of_folder
from rollcall.folder import OPERATOR, Folder
from rollcall.holdings import holdings
from rollcall.looking import Standing, settled
from rollcall.showing import shown, table_of
from rollcall.storytelling import Storyteller
from rollcall.system import System
from rollcall.telling import Telling
from rollcall.terminal import Refusal, err, say
from rollcall.typed import folder_typed, rollcall
from shared.service import utc_now

SETTLE_LIMIT_S = 300.0
UNMOVED_LOOKS = 8
STALE_AFTER_S = 300.0
"""A programme of which nothing was said is written anew after so long: its training of today ends soon."""
SCENE_PAUSE_S = 2.0
"""Between two scenes of the story, when somebody watches: everything happens at once otherwise."""


def find_programme(folder: Folder, scale: str) -> None:
    """Writes the programme, or finds it. One of which nothing was said is written again once its training is nearly over."""
    now = utc_now()
    try:
        unsaid = (folder.programme / MANIFEST).is_file() and not folder.published()
        if unsaid and (now - read_programme(folder.programme).now).total_seconds() > STALE_AFTER_S:
            (folder.programme / MANIFEST).unlink()
        write_programme(
            folder.programme, today=local(now).date(), now=now, scale="small" if scale == "small" else "full"
        )
    except ValueError as error:
        raise Refusal(f"{error}: choose another folder with --folder.") from error


class Show:
    """One run of the demo: tells, waits, compares, and says where to look."""

    def __init__(self, folder: Folder, system: System, *, once: bool, again: bool) -> None:
        self.seconds: dict[str, float] = {}
        self._folder = folder
        self._system = system
        self._once = once
        self._again = again
        self._programme: Programme = read_programme(folder.programme)
        self._expected = expected(folder.programme)
        self._result: dict[str, Any] = {}

    async def run(self, per_second: int) -> bool:
        """Whether everything balances; returns early when the system is to stop."""
        found = connection_of_folder(self._folder.path)
        work = asyncio.create_task(self._play(found, per_second))
        stop = asyncio.create_task(self._stopped())
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not work.done():
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            return not self._once
        return await work

    async def _stopped(self) -> None:
        while not self._system.stopped.is_set():
            await asyncio.sleep(0.2)

    async def _play(self, found: Connection, per_second: int) -> bool:
        pause_s = 0.0 if self._once else SCENE_PAUSE_S
        telling = Telling(found, self._folder, self._programme, err, per_second, self.seconds)
        async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
            if telling.already_said:
                say("The programme was published before; what was published is not published again.")
            else:
                err.print("[bold]The story[/]")
                await Storyteller(telling, self._expected, client, err, pause_s).tell()
                err.print("[bold]The whole programme[/]")
                await telling.tell_everything()
            lines, standing = await self._settle(found, client)
            unchanged = True
            if self._again:
                unchanged, standing = await self._tell_again(telling, found, client)
        balanced = standing.balanced and all(line.agrees for line in lines) and unchanged
        self._result |= {"balanced": balanced, "compared": [line.as_json() for line in lines], **standing.as_json()}
        self._print(standing, lines, balanced)
        return balanced

    async def _settle(self, found: Connection, client: httpx.AsyncClient) -> tuple[list[Compared], Standing]:
        """Waits until the books balance and everybody who must know was told, or the time is up."""
        began = time.monotonic()
        before: list[Compared] = []
        unmoved = 0
        with err.status("Waiting until every service has heard everything and every mail is out …"):
            while True:
                left_s = SETTLE_LIMIT_S - (time.monotonic() - began)
                try:
                    standing = await settled(found, max(1.0, left_s))
                    notices = await told(found)
                    decided = await decided_about(found, set(self._expected["called"]["standing"]))
                    lines = await compare(self._expected, standing, notices, decided, found, client)
                except httpx.HTTPError as error:  # somebody is away for a moment, as the demo itself invites to try
                    if left_s <= 0:
                        raise Refusal(f"A service does not answer: {type(error).__name__}.") from error
                    await asyncio.sleep(1)
                    continue
                unmoved = unmoved + 1 if standing.balanced and lines == before else 0
                before = lines
                # Balanced and yet different from the oracle, again and again: waiting longer changes nothing.
                if (
                    (standing.balanced and all(line.agrees for line in lines))
                    or left_s <= 0
                    or unmoved >= UNMOVED_LOOKS
                ):
                    break
                await asyncio.sleep(1)
        self.seconds["settle"] = round(time.monotonic() - began, 2)
        self._result["notices_by_kind"] = notices.by_kind
        return lines, standing

    async def _tell_again(
        self, telling: Telling, found: Connection, client: httpx.AsyncClient
    ) -> tuple[bool, Standing]:
        before = await holdings(self._folder.path, found, client)
        began = time.monotonic()
        count = await telling.tell_again()
        standing = await settled(found, SETTLE_LIMIT_S)
        after = await holdings(self._folder.path, found, client)
        changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        self.seconds["again"] = round(time.monotonic() - began, 2)
        self._result["again"] = {"published": count, "looked_at": len(after), "changed": changed}
        mark = f"[red]✗[/] it changed {', '.join(changed)}" if changed else "[green]✓[/] nothing changed"
        err.print(
            f"  {count:,} events published a second time: {mark} ({len(after)} tables and counts compared)",
            soft_wrap=True,
        )
        return not changed, standing

    def _print(self, standing: Standing, lines: list[Compared], balanced: bool) -> None:
        if self._once or not balanced:
            err.print(shown(standing, self._folder.run()))
            err.print(compared_table(lines))
        verdict = "[bold green]✓ Everything balances" if balanced else "[bold red]✗ Something does not balance"
        agreed = sum(line.agrees for line in lines)
        err.print(
            f"{verdict}: {agreed} of {len(lines)} numbers are those that the oracle counted from the files alone.[/]",
            soft_wrap=True,
        )
        if agreed < len(lines):
            err.print(
                "Whatever else was published into this folder is found and not expected: where that may be so, compare in a"
                " folder of its own (--folder).",
                style="yellow",
                soft_wrap=True,
            )
        if not self._once:
            self._invite()

    def _invite(self) -> None:
        port = self._system.ports["origin"]
        command, folder = rollcall(), folder_typed(self._folder.path)
        where = f" --folder {folder}" if folder else ""
        programme = f"{folder or 'data'}/{self._programme.folder.name}"
        err.print(f"\n[bold]Look[/]       the story, live: [bold cyan]http://127.0.0.1:{port}/[/]")
        err.print(
            f"[bold]A report[/]   [cyan]http://127.0.0.1:{port}/attendance/report?lang=en[/]; the password that it asks for:"
        )
        err.print(f"           cat {self._folder.secret_file(OPERATOR)}", soft_wrap=True, style="cyan")
        err.print("[bold]Your act[/]   a town of your own; three mails arrive. In another terminal:", soft_wrap=True)
        err.print(
            f"           {command} publish{where} {programme}/{self._programme.mine.name}", soft_wrap=True, style="cyan"
        )
        err.print(
            "[bold]A shock[/]    take attendance away, publish everything again, bring it back: the books balance"
        )
        for words in (
            "stop attendance",
            f"publish{where} {programme}/0*.jsonl",
            "start attendance",
            "status --wait 60",
        ):
            whole = words if words.startswith("publish") else f"{words}{where}"
            err.print(f"           {command} {whole}", soft_wrap=True, style="cyan")
        err.print("\nCtrl-C here stops everything.")

    def write(self, file: Path) -> None:
        """The summary of a run that ends by itself."""
        counts = self._programme.counts
        content = {
            "scale": self._programme.scale,
            "events": sum(count for name, count in counts.items() if name.startswith("0")),
            "counts": counts,
            "seconds": self.seconds | {"total": round(sum(self.seconds.values()), 2)},
            **self._result,
        }
        file.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", "utf-8")
        say(f"Written: {file}")


def compared_table(lines: list[Compared]) -> Table:
    """The oracle's numbers beside those of the services."""
    numbers = ("expected", "found")
    table = table_of("Counted from the files alone, and found in the services", "", "what", *numbers, numbers=numbers)
    for line in lines:
        number = ["–" if one is None else f"{one:,}" for one in (line.expected, line.found)]
        table.add_row("[green]✓[/]" if line.agrees else "[red]✗[/]", line.what, *number)
    return table
