"""The page of a list in a real browser: a whole day on a telephone, with a camera, without a network, beside a second device.

With ROLLCALL_PICTURES=folder the pages are left there as pictures; two of them stand in docs/images.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import os
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import segno
import uvicorn
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright, expect

from deploy.embedded import assets
from shared.contracts.model import Language
from shared.contracts.selection import CityQualified
from shared.testing import body_of, eventually
from tests.attendance.building import RULES, scheduled
from tests.attendance.trainer import PEOPLE, TRAINER, TrainersPage, trainers_page
from tests.databases import Databases

CHROMIUM = shutil.which("chromium")
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update"]  # fmt: skip
LIMIT_MS = 180_000
AT_REST = "Promise.all(document.getAnimations().map(one => one.finished.catch(() => null))).then(() => null)"
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
EVER = dataclasses.replace(RULES, live_since=dt.datetime(1970, 1, 1, tzinfo=dt.UTC))
TOWNS = {"anna": "Augustów", "bartek": "Suwałki", "celina": "Ełk", "dawid": "Sejny", "ewa": "Węgorzewo"}

pytestmark = [
    pytest.mark.long,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine"),
]


@dataclasses.dataclass
class Wire:
    """What lies between the browser and the service."""

    app: Any
    loses_answers: bool = False
    """The service does what it is asked, and nobody hears of it."""
    keeps_pages_back: bool = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"].removeprefix("/attendance")
        is_batch = path.endswith(("/marks", "/scans"))
        is_lost = self.loses_answers if is_batch else self.keeps_pages_back and path.startswith("/lists/")

        async def cut(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "status": 502, "headers": [(b"content-length", b"0")]}
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        below = {**scope, "path": path, "raw_path": path.encode()}
        await self.app(below, receive, cut if is_lost else send)


@dataclasses.dataclass
class Day:
    """A training of today, with its page in the network."""

    page: TrainersPage
    wire: Wire

    def address(self, language: Language = Language.PL, query: str = "") -> str:
        return self.page.origin + self.page.path(language=language) + query


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@pytest.fixture
async def url(databases: Databases) -> AsyncIterator[str]:
    async with databases.while_needed("attendance") as url:
        yield url


@pytest.fixture
async def today(url: str) -> AsyncIterator[Day]:
    async with trainers_page(url, assets=assets.fetch(), now=now, rules=EVER) as page:
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            wire = Wire(page.app)
            server = uvicorn.Server(uvicorn.Config(wire, log_level="warning", lifespan="off", ws="none"))
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            page.origin = f"http://127.0.0.1:{listening.getsockname()[1]}/attendance"
            began = now().astimezone(ZoneInfo("Europe/Warsaw")).replace(microsecond=0, tzinfo=None)
            meeting = {
                "meeting_id": "day-1",
                "starts_local": began - dt.timedelta(minutes=5),
                "ends_local": began + dt.timedelta(hours=5),
            }
            before = now() - dt.timedelta(days=10)
            people = [one for one in PEOPLE if one != TRAINER]
            await page.begin(*people, session=scheduled(meeting, trainers=(TRAINER,), at=before), at=before)
            for person, town in TOWNS.items():
                await page.hears(body_of(CityQualified, city_id=f"town-of-{person}", name=town))
            yield Day(page, wire)
            server.should_exit = True
            await serving


def film_of(text: str, file: Path) -> Path:
    """A film that shows this code, as a camera would see it: grey pictures, one like the other."""
    code = [[not one for one in row] for row in segno.make(text, error="l").matrix]
    scale, (width, height) = 440 // (len(code) + 8), (640, 480)
    left, top = (width - scale * len(code)) // 2, (height - scale * len(code)) // 2
    grey = bytearray(b"\xeb" * (width * height))
    for y, row in enumerate(code):
        for x, is_light in enumerate(row):
            if not is_light:
                for line in range(scale):
                    start = (top + y * scale + line) * width + left + x * scale
                    grey[start : start + scale] = b"\x10" * scale
    frame = b"FRAME\n" + bytes(grey) + b"\x80" * (width * height // 2)
    file.write_bytes(f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420jpeg\n".encode() + frame * 20)
    return file


@pytest.fixture
async def browser(today: Day, tmp_path: Path) -> AsyncIterator[Browser]:
    """One whose camera sees Dawid's ticket."""
    film = film_of(today.page.ticket("dawid"), tmp_path / "ticket.y4m")
    camera = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={film}"]  # fmt: skip
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *camera])
        yield browser
        await browser.close()


async def opened(browser: Browser, address: str, **how: Any) -> Page:
    context = await browser.new_context(**{"viewport": PHONE, "has_touch": True, "permissions": ["camera"], **how})
    context.set_default_timeout(LIMIT_MS)
    page = await context.new_page()
    page.complaints = []  # type: ignore[attr-defined]
    page.on("console", lambda said: page.complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    await page.goto(address)
    return page


async def ready(page: Page) -> None:
    await expect(page.locator("#network")).to_have_attribute("data-kept", "true", timeout=LIMIT_MS)


async def waiting(page: Page, number: int) -> None:
    await expect(page.locator("#network")).to_have_attribute("data-waiting", str(number), timeout=LIMIT_MS)


def person(page: Page, name: str) -> Any:
    return page.locator(f'li[data-person="{name}"]')


async def tap(page: Page, name: str, mark: str) -> None:
    row = person(page, name)
    if await row.locator("> details:not([open])").count():
        await row.locator("> details > summary").click()
    await row.locator(f'button[value="{mark}"]').click()


async def is_well(page: Page, *, but: tuple[str, ...] = ()) -> None:
    """Nothing that the rules for accessible pages forbid, no sideways scrolling, and no complaint of the browser, of its policy least."""
    await page.evaluate(AT_REST)
    results = await Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert [one for one in page.complaints if not any(word in one for word in but)] == []  # type: ignore[attr-defined]


async def stands(today: Day, **states: str) -> None:
    async def so() -> bool:
        found = await today.page.states()
        return all(found.get(who) == state for who, state in states.items())

    await eventually(so, what=f"{states} in the books")


async def test_a_whole_day_on_a_telephone_without_a_network_and_beside_another_one_balances(
    browser: Browser, today: Day, tmp_path: Path
) -> None:
    pictures = Path(os.environ.get("ROLLCALL_PICTURES") or tmp_path)
    phone = await opened(browser, today.address())
    await ready(phone)
    await is_well(phone)
    await tap(phone, "anna", "present")
    await waiting(phone, 0)
    await stands(today, anna="present")

    # The basement.
    await phone.context.set_offline(True)
    await tap(phone, "anna", "excused")
    await tap(phone, "anna", "left_early")  # The one before was never sent, so it was never said.
    await tap(phone, "bartek", "late")
    await tap(phone, "celina", "absent")
    await tap(phone, "celina", "not_recorded")  # Nothing is left of these two.
    await waiting(phone, 2)
    await phone.locator("#scan").click()
    await waiting(phone, 3)
    await expect(phone.locator("#read")).to_contain_text("Nowak Dawid", timeout=LIMIT_MS)
    await phone.screenshot(path=pictures / "list-scanning-pl-390.png")
    await phone.locator("#stop").click()
    await phone.reload()
    await waiting(phone, 3)
    await expect(person(phone, "bartek")).to_contain_text("czeka na wysłanie")
    await expect(phone.locator("#network")).to_contain_text("Brak sieci")
    await is_well(phone, but=("net::ERR_", "Failed to fetch", "willReadFrequently"))
    await phone.screenshot(path=pictures / "list-offline-pl-390.png")
    assert await today.page.states() == {"anna": "present"}

    # Meanwhile, upstairs: the same person, marked otherwise; and one of whom both say the same.
    other = await opened(browser, today.address(Language.EN), viewport=DESK)
    await ready(other)
    await tap(other, "bartek", "present")
    await tap(other, "ewa", "absent")
    await waiting(other, 0)
    await stands(today, bartek="present", ewa="absent")

    # The service hears it, and its answer is lost: it is sent again, and counts once.
    today.wire.loses_answers = True
    await phone.context.set_offline(False)
    await stands(today, anna="left_early", dawid="present", bartek="present")
    today.wire.loses_answers = False
    await waiting(phone, 0)
    conflict = phone.locator("#answers li", has_text="Łoś")
    await expect(conflict).to_contain_text("Spóźnienie")
    await expect(conflict).to_contain_text("Na liście: Obecność")
    await expect(phone.locator("#answers li", has_text="Dawid Nowak")).to_contain_text("Obecność zapisana")
    await is_well(phone, but=("502", "net::ERR_", "Failed to fetch", "willReadFrequently"))
    await phone.screenshot(path=pictures / "list-conflict-pl-390.png")
    assert (await today.page.records())["bartek"].state == "present"
    await conflict.get_by_role("button", name="Wpisz moje").click()
    await waiting(phone, 0)
    await stands(today, bartek="late")
    await expect(phone.locator("#answers li", has_text="Łoś")).to_have_count(0)

    # The other one sees it by themselves, and closes the list.
    await other.evaluate("window.dispatchEvent(new Event('online'))")
    await expect(person(other, "dawid")).to_contain_text("Present")
    await expect(person(other, "bartek")).to_contain_text("Late")
    await other.get_by_text("Somebody who is on no list").click()
    await other.get_by_role("button", name="Mark a walk-in as present").click()
    await waiting(other, 0)
    await other.get_by_text("Close the list", exact=True).click()
    await other.get_by_role("button", name="Close the list now").click()
    await expect(other.get_by_text("The list has closed")).to_be_visible(timeout=LIMIT_MS)
    await is_well(other, but=("410",))

    states = await today.page.states()
    walk_ins = [who for who in states if who.startswith("walk-in-")]
    assert len(walk_ins) == 1 and states == {
        "anna": "left_early",
        "bartek": "late",
        "dawid": "present",
        "ewa": "absent",
        "celina": "absent",
        "franek": "absent",
        "grazyna": "absent",
        walk_ins[0]: "present",
    }
    # Anna twice, Bartek twice, Dawid, Ewa, the walk-in, three who did not come, and the list: nothing counted twice.
    assert await today.page.said() == 11

    # What the telephone had kept of the list goes as soon as it hears that nobody is to see it any more.
    await phone.reload()
    await expect(phone.get_by_text("Lista jest zamknięta")).to_be_visible(timeout=LIMIT_MS)
    assert "Żółć" not in await phone.content()
    await phone.context.set_offline(True)
    with pytest.raises(Exception, match="ERR_"):
        await phone.reload()


async def test_whoever_has_no_script_marks_undoes_searches_and_closes_by_forms(browser: Browser, today: Day) -> None:
    page = await opened(browser, today.address(), java_script_enabled=False)
    await person(page, "anna").locator('button[value="present"]').click()
    await expect(page.locator(".notice")).to_contain_text("Żółć Anna", timeout=LIMIT_MS)
    await page.locator(".notice").get_by_role("button", name="Cofnij").click()
    await stands(today, anna="not_awaited")
    await page.get_by_label("Szukaj").fill("los")
    await page.get_by_role("button", name="Znajdź").click()
    assert await page.locator("li.person").count() == 1
    await person(page, "bartek").locator('button[value="late"]').click()
    await page.locator("summary", has_text="Zamknij listę").click()
    await page.get_by_role("button", name="Zamknij listę teraz").click()
    await expect(page.get_by_text("Lista jest zamknięta")).to_be_visible(timeout=LIMIT_MS)
    await stands(today, bartek="late", celina="absent")


async def test_the_list_is_read_well_in_both_languages_in_light_and_dark_on_phone_and_desk(
    browser: Browser, today: Day, tmp_path: Path
) -> None:
    pictures = Path(os.environ.get("ROLLCALL_PICTURES") or tmp_path)
    for who, mark in (("anna", "present"), ("grazyna", "excused")):
        assert (await today.page.tap(who, mark)).status_code == 303
    for language in Language:
        for width, viewport in (("390", PHONE), ("1280", DESK)):
            for scheme in ("light", "dark"):
                page = await opened(browser, today.address(language), viewport=viewport, color_scheme=scheme)
                await ready(page)
                await is_well(page)
                await page.screenshot(
                    path=pictures / f"list-{language}-{width}-{scheme}.png", full_page=viewport is DESK
                )
                await page.context.close()


async def test_typing_a_name_leaves_whom_it_fits_and_a_ticket_of_nobody_says_so(browser: Browser, today: Day) -> None:
    page = await opened(browser, today.address())
    await page.get_by_label("Szukaj").fill("SLIW")
    await expect(person(page, "grazyna")).to_be_visible()
    await expect(person(page, "anna")).to_be_hidden()
    await page.get_by_label("Szukaj").fill("nobody")
    await expect(page.get_by_text("Na liście nie ma nikogo takiego")).to_be_visible()


async def test_what_was_answered_is_known_although_the_page_did_not_come_anew(browser: Browser, today: Day) -> None:
    page = await opened(browser, today.address())
    await ready(page)
    today.wire.keeps_pages_back = True
    await tap(page, "anna", "present")
    await waiting(page, 0)
    await page.reload()  # From what the browser keeps: of before the tap.
    await expect(person(page, "anna")).to_contain_text("Obecność")
    await tap(page, "anna", "excused")
    await waiting(page, 0)
    await stands(today, anna="excused")
    assert await page.locator("#answers li").count() == 0


async def test_a_tap_before_the_page_has_looked_is_made_on_what_was_answered_last(browser: Browser, today: Day) -> None:
    page = await opened(browser, today.address())
    await ready(page)
    await tap(page, "anna", "present")
    await waiting(page, 0)
    line = person(page, "anna")
    await line.evaluate("line => { line.dataset.tag = '0'; }")  # As the page came: of before that tap.
    await tap(page, "anna", "excused")
    await waiting(page, 0)
    await stands(today, anna="excused")
    assert await page.locator("#answers li").count() == 0
