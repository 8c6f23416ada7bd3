"""The page of a place in a real browser: on a phone and a desk, light and dark, with and without scripts, and for those who do not see it.

With ROLLCALL_PICTURES=folder the pages are left there as pictures; four of them stand in docs/images.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright, expect

from deploy.embedded import assets
from shared.contracts.enrolment import Standing
from shared.contracts.model import Language
from shared.contracts.planner import SessionCancelled, SessionRescheduled
from tests.databases import Databases
from tests.enrolment.office import session
from tests.enrolment.participant import Participant, participant_at

CHROMIUM = shutil.which("chromium")
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update"]  # fmt: skip
LIMIT_MS = 180_000
AT_REST = "Promise.all(document.getAnimations().map(one => one.finished.catch(() => null))).then(() => null)"
"""Colours change over some tenths of a second: what is read in between is the contrast of neither."""
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}

pytestmark = [
    pytest.mark.long,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine"),
]


@pytest.fixture
async def url(databases: Databases) -> AsyncIterator[str]:
    async with databases.while_needed("enrolment") as url:
        yield url


@pytest.fixture
async def here(url: str) -> AsyncIterator[Participant]:
    """The page, served under a path of its own as the origin serves it."""
    async with participant_at(url, assets=assets.fetch()) as participant:
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            # The origin takes the service's name off the path; links on a page have to be right on both sides of it.
            config = uvicorn.Config(
                _below("/enrolment", participant.app), log_level="warning", lifespan="off", ws="none"
            )
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            participant.origin = f"http://127.0.0.1:{listening.getsockname()[1]}/enrolment"
            yield participant
            server.should_exit = True
            await serving


def _below(prefix: str, app: Any) -> Any:
    async def stripped(scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"].removeprefix(prefix)
        await app({**scope, "path": path, "raw_path": path.encode()}, receive, send)

    return stripped


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        await browser.close()


async def opened(
    browser: Browser, here: Participant, person: str = "anna", *, lang: Language = Language.PL, **how: Any
) -> Page:
    context = await browser.new_context(**{"viewport": PHONE, **how})
    context.set_default_timeout(LIMIT_MS)
    page = await context.new_page()
    page.complaints = []  # type: ignore[attr-defined]
    page.on("console", lambda said: page.complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    await page.goto(here.origin + here.path(person, language=lang))
    return page


async def scenes(here: Participant) -> dict[str, str]:
    """Whose page shows which state, in one session."""
    await here.begin("anna", "bartek", "celina", "dawid")
    await here.withdraw("bartek")  # Celina moves up, Dawid waits.
    return {"place": "anna", "given-back": "bartek", "waiting": "dawid"}


async def test_every_page_is_read_well_by_whoever_reads_it_in_light_and_dark_on_phone_and_desk(
    browser: Browser, here: Participant, tmp_path: Path
) -> None:
    pictures = Path(os.environ.get("ROLLCALL_PICTURES") or tmp_path)
    found = await scenes(here)
    for name, person in found.items():
        for language in Language:
            for width, viewport in (("390", PHONE), ("1280", DESK)):
                for scheme in ("light", "dark"):
                    page = await opened(browser, here, person, lang=language, viewport=viewport, color_scheme=scheme)
                    await _is_well(page)
                    if await page.locator("summary").count():
                        await page.locator("summary").click()
                        await _is_well(page)
                    await page.screenshot(path=pictures / f"{name}-{language}-{width}-{scheme}.png", full_page=True)
                    await page.context.close()


async def test_a_page_of_a_moved_and_of_a_cancelled_training_and_of_no_link_is_read_well(
    browser: Browser, here: Participant, tmp_path: Path
) -> None:
    pictures = Path(os.environ.get("ROLLCALL_PICTURES") or tmp_path)
    await here.begin("anna")
    told = here.told
    await here.hears(session(model=SessionRescheduled, date="2026-12-03"))
    page = await opened(browser, here)
    await _is_well(page)
    await page.screenshot(path=pictures / "moved-pl-390-light.png", full_page=True)
    await here.hears(session(model=SessionCancelled))
    here.told = told
    page = await opened(browser, here, color_scheme="dark")
    await _is_well(page)
    await page.screenshot(path=pictures / "cancelled-pl-390-dark.png", full_page=True)
    await page.goto(here.origin + "/place/nothing")
    await _is_well(page, but="404")
    await page.screenshot(path=pictures / "no-link-390-dark.png", full_page=True)
    await page.emulate_media(media="print")
    await page.screenshot(path=pictures / "no-link-print.png", full_page=True)


async def _is_well(page: Page, *, but: str = "…") -> None:
    """Nothing that the rules for accessible pages forbid, no sideways scrolling, and no complaint of the browser, of its policy least."""
    await page.evaluate(AT_REST)
    results = await Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    complaints = [one for one in page.complaints if but not in one]  # type: ignore[attr-defined]
    assert complaints == []
    styled = await page.evaluate("getComputedStyle(document.querySelector('.card')).borderRadius")
    assert styled != "0px"  # The stylesheet came, below whatever path the page is served.


async def test_a_place_is_given_back_and_asked_for_again_without_any_script_and_with_the_keyboard_alone(
    browser: Browser, here: Participant
) -> None:
    await here.begin("anna")
    page = await opened(browser, here, java_script_enabled=False)
    await page.locator("summary").focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Miejsce zwrócone", exact=True)).to_be_visible(timeout=LIMIT_MS)
    assert await here.standing() is Standing.WITHDRAWN
    await page.reload()  # It was got anew after the act: nothing is sent twice.
    await page.get_by_role("link", name="English").click()
    await page.get_by_role("button", name="Ask for a place again").click()
    await expect(page.get_by_text("You have a place", exact=True)).to_be_visible(timeout=LIMIT_MS)
    assert await here.standing() is Standing.ENROLLED


async def test_whoever_waits_sees_by_themselves_that_they_have_a_place_now(browser: Browser, here: Participant) -> None:
    await here.begin("anna", "bartek", "celina")
    page = await opened(browser, here, "celina")
    await expect(page.get_by_text("Lista rezerwowa", exact=True)).to_be_visible(timeout=LIMIT_MS)
    await here.withdraw("anna")
    await page.evaluate("htmx.trigger('#place', 'look')")  # Instead of half a minute.
    await expect(page.get_by_text("Masz miejsce", exact=True)).to_be_visible(timeout=LIMIT_MS)
    await _is_well(page)
