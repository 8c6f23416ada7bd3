"""Typing in a signed list in a real browser, on a telephone and at a desk: ticked, compared, decided; readable by everybody.

With ROLLCALL_PICTURES=folder the pages are left there as pictures; some of them stand in docs/images.
"""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Browser, Page, expect

from shared.contracts.model import Language
from tests.attendance.building import rescheduled
from tests.attendance.trainer import TRAINER
from tests.browser.test_check_in import browser as browser
from tests.browser.test_check_in import pictures as pictures
from tests.browser.test_lists import DESK, LIMIT_MS, PHONE, Day, is_well, now, opened, stands
from tests.browser.test_lists import today as today
from tests.browser.test_lists import url as url

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.long,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine"),
]
WORDS = {
    Language.PL: ("Wpisz podpisaną listę", "Porównaj z listą", "Wpisz podpisaną listę do systemu", "Podpisana lista"),
    Language.EN: ("Type in the signed list", "Compare with the list", "Enter the signed list", "Signed paper list"),
}


async def over(today: Day) -> None:
    """Anna has come, Bartek has not; Celina was excused, and of the others nothing is recorded. Then the meeting ends."""
    for person, what in (("anna", "present"), ("bartek", "absent"), ("celina", "excused")):
        assert (await today.page.tap(person, what)).status_code == 303
    ended = now().astimezone(ZoneInfo("Europe/Warsaw")).replace(microsecond=0, tzinfo=None) - dt.timedelta(minutes=1)
    meeting = {"meeting_id": "day-1", "starts_local": ended - dt.timedelta(hours=4), "ends_local": ended}
    await today.page.runtime.decider.act([rescheduled(meeting, trainers=(TRAINER,), at=now())])


async def typed(browser: Browser, today: Day, language: Language, **how: object) -> Page:
    """The page of the list, and from there that of the paper."""
    page = await opened(browser, today.address(language), **how)
    link, *_ = WORDS[language]
    await page.locator("summary", has_text=WORDS[language][3]).click()
    await page.get_by_role("link", name=link).click()
    await expect(page.locator("form.sheet")).to_be_visible(timeout=LIMIT_MS)
    return page


async def test_a_signed_list_is_ticked_on_a_telephone_and_each_difference_decided(
    browser: Browser, today: Day, pictures: Path
) -> None:
    await over(today)
    phone = await typed(browser, today, Language.PL)
    for name in ("Łoś Bartłomiej", "Ćwik Celina", "Nowak Dawid", "Wójcik Franciszek"):
        await phone.get_by_role("checkbox", name=name).check()
    await phone.locator("li.line", has_text="Nowak Dawid").locator("summary").click()
    await is_well(phone)
    await phone.screenshot(path=pictures / "signed-pl-390-ticking.png", full_page=True)
    await phone.get_by_role("button", name="Porównaj z listą").click()
    await expect(phone.locator("fieldset.difference")).to_have_count(3, timeout=LIMIT_MS)
    await is_well(phone)
    await phone.screenshot(path=pictures / "signed-pl-390.png", full_page=True)
    await stands(today, anna="present", bartek="absent", celina="excused")

    await phone.locator("fieldset", has_text="Łoś").get_by_text("Liczy się papier").click()
    await phone.locator("fieldset", has_text="Żółć").get_by_text("Liczy się lista").click()
    await phone.get_by_role("button", name="Wpisz podpisaną listę do systemu").click()
    await expect(phone.locator("fieldset.difference")).to_have_count(1, timeout=LIMIT_MS)
    await is_well(phone)
    await phone.screenshot(path=pictures / "signed-pl-390-left.png", full_page=True)
    await stands(today, anna="present", bartek="present", celina="excused", dawid="present", franek="present")

    await phone.locator("fieldset", has_text="Ćwik").get_by_text("Liczy się papier").click()
    await phone.get_by_role("button", name="Wpisz to, co rozstrzygnięto").click()
    await expect(phone.locator(".notice.good")).to_contain_text("nie ma już nic do rozstrzygnięcia", timeout=LIMIT_MS)
    await is_well(phone)
    await stands(today, celina="present")


async def test_both_steps_are_read_well_in_both_languages_on_phone_and_desk_in_light_and_dark_without_scripts(
    browser: Browser, today: Day, pictures: Path
) -> None:
    await over(today)
    for language in Language:
        for width, viewport in (("390", PHONE), ("1280", DESK)):
            for scheme in ("light", "dark"):
                page = await opened(
                    browser, f"{today.address(language).split('?')[0]}/day-1/signed?lang={language}&all=1",
                    viewport=viewport, color_scheme=scheme,
                )  # fmt: skip
                await page.get_by_role("checkbox", name="Żółć Anna").uncheck()
                await is_well(page)
                await page.get_by_role("button", name=WORDS[language][1]).click()
                await expect(page.locator("fieldset.difference")).to_have_count(3, timeout=LIMIT_MS)
                await is_well(page)
                await page.screenshot(path=pictures / f"signed-{language}-{width}-{scheme}.png", full_page=True)
                await page.context.close()
    plain = await typed(browser, today, Language.EN, java_script_enabled=False)
    await plain.get_by_role("checkbox", name="Nowak Dawid").check()
    await plain.get_by_role("button", name="Compare with the list").click()
    await plain.get_by_role("button", name="Enter the signed list").click()
    await stands(today, dawid="present", anna="present")
