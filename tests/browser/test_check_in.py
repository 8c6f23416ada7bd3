"""Checking in by oneself in a real browser: the screen of a room beside a telephone; and the pages that are only looked at.

With ROLLCALL_PICTURES=folder the pages are left there as pictures; some of them stand in docs/images.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from services.attendance.settings import AttendanceSettings, TargetSet
from shared.contracts.attendance import Method
from shared.contracts.certificates import CertificateIssued
from shared.testing import body_of
from shared.web import tokens
from tests.browser.test_lists import DESK, LIMIT_MS, PHONE, QUIET, Day, is_well, now, opened, stands
from tests.browser.test_lists import today as today
from tests.browser.test_lists import url as url

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.long,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine"),
]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        await browser.close()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return Path(os.environ.get("ROLLCALL_PICTURES") or tmp_path)


def own_link(today: Day, person: str, language: str = "pl") -> str:
    return f"{today.page.origin}/check-in/{today.page.ticket(person)}?lang={language}"


async def screen_of(browser: Browser, today: Day, **how: Any) -> Page:
    """The room's screen, opened by the trainer from the list."""
    trainer = await opened(browser, today.address(), **{"viewport": DESK, "has_touch": False, **how})
    await trainer.get_by_text("Samodzielne potwierdzanie obecności").click()
    await is_well(trainer)
    async with trainer.expect_popup() as popup:
        await trainer.get_by_text("Pokaż kod na ekranie").click()
    screen = await popup.value
    screen.complaints = []  # type: ignore[attr-defined]
    screen.on("console", lambda said: screen.complaints.append(said.text) if said.type == "error" else None)  # type: ignore[attr-defined]
    await screen.wait_for_load_state()
    return screen


async def code_on(screen: Page) -> str:
    return (await screen.locator(".digits").inner_text()).replace("\n", "").replace(" ", "")


async def test_a_telephone_and_the_screen_of_the_room_together_say_who_is_here(
    browser: Browser, today: Day, pictures: Path
) -> None:
    screen = await screen_of(browser, today)
    await is_well(screen)
    await screen.screenshot(path=pictures / "room-pl-1280-light.png")
    phone = await opened(browser, own_link(today, "anna"))
    await is_well(phone)
    await phone.get_by_label("Kod z ekranu w sali").fill("000000")
    await phone.get_by_role("button", name="Jestem na miejscu").click()
    await expect(phone.locator(".notice.bad")).to_contain_text("To nie jest kod z ekranu")
    await is_well(phone, but=("409",))
    await phone.screenshot(path=pictures / "check-in-pl-390-wrong.png")
    code = await code_on(screen)
    await phone.get_by_label("Kod z ekranu w sali").fill(f"{code[:3]} {code[3:]}")
    await phone.get_by_role("button", name="Jestem na miejscu").click()
    await expect(phone.locator(".notice.good")).to_contain_text("Twoja obecność jest zapisana")
    await is_well(phone, but=("409",))
    await phone.screenshot(path=pictures / "check-in-pl-390-here.png")
    await stands(today, anna="present")
    assert (await today.page.records())["anna"].method is Method.SELF
    await expect(screen.locator(".count")).to_contain_text("1", timeout=LIMIT_MS)
    # The code changes by itself, and the screen says so when it cannot.
    await expect(screen.locator(".digits")).not_to_have_attribute("aria-label", " ".join(code), timeout=LIMIT_MS)
    await screen.context.set_offline(True)
    await expect(screen.locator(".stale")).to_be_visible(timeout=LIMIT_MS)


async def test_both_pages_do_without_scripts_and_in_the_dark(browser: Browser, today: Day, pictures: Path) -> None:
    screen = await screen_of(browser, today, color_scheme="dark")
    await is_well(screen)
    plain = await opened(browser, screen.url.replace("lang=pl", "lang=en"), java_script_enabled=False, viewport=DESK)
    code = await code_on(plain)
    dark = await opened(browser, own_link(today, "bartek", "en"), color_scheme="dark")
    await is_well(dark)
    await dark.screenshot(path=pictures / "check-in-en-390-dark.png")
    phone = await opened(browser, own_link(today, "bartek", "en"), java_script_enabled=False)
    await phone.get_by_label("Code from the screen in the room").fill(code)
    await phone.get_by_role("button", name="I am here").click()
    await expect(phone.locator(".notice.good")).to_contain_text("Your presence is recorded", timeout=LIMIT_MS)
    await expect(plain.locator(".digits")).not_to_have_attribute("aria-label", " ".join(code), timeout=LIMIT_MS)


async def test_the_report_can_be_read_on_a_telephone_and_a_desk_in_both_languages(
    browser: Browser, today: Day, pictures: Path
) -> None:
    runtime = today.page.runtime
    text, row = tokens.new_token("office", ("read",), now=now())
    async with runtime.engine.begin() as connection:
        await tokens.store(connection, row)
    assert isinstance(runtime.settings, AttendanceSettings)
    later = now().date() + dt.timedelta(days=100)
    targets = (TargetSet(until=now().date(), people=4), TargetSet(until=later, people=6))
    runtime.settings = runtime.settings.model_copy(update={"report_targets": targets})
    for person, mark in (("anna", "present"), ("bartek", "late"), ("celina", "absent"), ("dawid", "present")):
        assert (await today.page.tap(person, mark)).status_code == 303
    for language in ("pl", "en"):
        for name, viewport, scheme in (("390", PHONE, "light"), ("1280", DESK, "light"), ("1280", DESK, "dark")):
            who = {"username": "x", "password": text}
            how = {"viewport": viewport, "color_scheme": scheme, "http_credentials": who}
            page = await opened(browser, f"{today.page.origin}/report?lang={language}", **how)
            await is_well(page, but=("401",))
            await page.screenshot(path=pictures / f"report-{language}-{name}-{scheme}.png", full_page=True)
            chart = page.locator("svg.chart").first
            assert "Suwałki: 1" in (await chart.locator("desc").text_content() or "")
            await page.locator("tbody tr").first.get_by_role("link").nth(1).click()
            await expect(page.locator("h1")).to_have_text(
                {"pl": "Kto jest policzony", "en": "Who is counted"}[language]
            )
            await is_well(page, but=("401",))
            await page.screenshot(path=pictures / f"report-whom-{language}-{name}-{scheme}.png", full_page=True)
            await page.context.close()


async def test_the_page_of_a_certificate_can_be_read_everywhere(browser: Browser, today: Day, pictures: Path) -> None:
    await today.page.hears(body_of(CertificateIssued, number="RC-2026-0001", code="abc12345"))
    for language in ("pl", "en"):
        for name, viewport, scheme in (("390", PHONE, "light"), ("1280", DESK, "dark")):
            for code, what in (("abc12345", "valid"), ("abc12346", "none")):
                address = f"{today.page.origin}/certificates/RC-2026-0001/{code}?lang={language}"
                page = await opened(browser, address, viewport=viewport, color_scheme=scheme)
                await is_well(page, but=("404",))
                await page.screenshot(
                    path=pictures / f"certificate-{what}-{language}-{name}-{scheme}.png", full_page=True
                )
                await page.context.close()
