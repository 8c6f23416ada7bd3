"""The story page in a real browser: a newcomer sees every step happen, opens the mail, and reads the books."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, async_playwright, expect

from rollcall.folder import DEFAULT_PORTS, Folder
from shared.testing import eventually

CHROMIUM = shutil.which("chromium")
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LIMIT_MS = 180_000
ROLLCALL = (sys.executable, "-m", "rollcall.main")

pytestmark = [
    pytest.mark.long,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine"),
]


@pytest.fixture(scope="module")
async def demo(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Folder]:
    """A small demo that keeps running."""
    folder = Folder(tmp_path_factory.mktemp("browser") / "data")
    log = folder.path.with_suffix(".log")
    free = [argument for name in DEFAULT_PORTS for argument in (f"--{name}-port", "0")]
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *ROLLCALL, "demo", "--scale", "small", "--folder", str(folder.path), *free,
            stdout=output, stderr=output, stdin=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
    await eventually(lambda: "Everything balances" in log.read_text(errors="replace"), what="the demo played")
    yield folder
    process.terminate()
    await process.wait()


@pytest.fixture
async def page(demo: Folder) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = await browser.new_page(viewport={"width": 1280, "height": 900})
        await page.goto(f"http://127.0.0.1:{demo.ports['origin']}/")
        yield page
        await browser.close()


async def test_every_step_of_the_story_stands_beside_the_event_that_made_it(page: Page) -> None:
    for type_name in (
        "rollcall.SessionScheduled.v1",
        "rollcall.CityQualified.v1",
        "rollcall.ParticipantEnrolled.v1",
        "rollcall.NoticeSent.v1",
        "rollcall.CheckInScanned.v1",
        "rollcall.ParticipantAttended.v1",
        "rollcall.AttendanceListClosed.v1",
        "rollcall.SessionDrafted.v1",
        "rollcall.NominationsInvited.v1",
        "rollcall.NominationAnswered.v1",
        "rollcall.PlaceOffered.v1",
        "rollcall.EnrolmentRefused.v1",
    ):
        await expect(page.get_by_text(type_name).first).to_be_visible(timeout=LIMIT_MS)


async def test_the_books_balance_on_the_page(page: Page) -> None:
    await expect(page.get_by_text("lines agree")).to_be_visible(timeout=LIMIT_MS)


async def test_the_mail_of_the_story_opens_in_the_inbox(page: Page, demo: Folder) -> None:
    link = page.get_by_role("link", name="Open the mail").first
    await expect(link).to_be_visible(timeout=LIMIT_MS)
    address = await link.get_attribute("href")
    assert address is not None
    message = address.rsplit("/", 1)[-1]
    async with httpx.AsyncClient(timeout=180) as client:
        found = await client.get(f"http://127.0.0.1:{demo.ports['inbox']}/api/v1/messages/{message}")
    mail: dict[str, Any] = found.raise_for_status().json()
    story = json.loads((demo.programme / "programme.json").read_text(encoding="utf-8"))["story"]
    assert mail["recipients"] == [story["person_email"]]
    assert mail["kind"] == "confirmation"


async def test_the_mail_of_the_story_leads_to_the_page_of_the_place(page: Page, demo: Folder) -> None:
    link = page.get_by_role("link", name="Open the mail").first
    await expect(link).to_be_visible(timeout=LIMIT_MS)
    message = str(await link.get_attribute("href")).rsplit("/", 1)[-1]
    async with httpx.AsyncClient(timeout=180) as client:
        raw = (
            await client.get(f"http://127.0.0.1:{demo.ports['inbox']}/api/v1/messages/{message}/raw")
        ).raise_for_status()
    mail = email.message_from_bytes(raw.content, policy=email.policy.default)
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    (address,) = re.findall(r"http://\S+/enrolment/place/\S+", text)
    await page.goto(address)
    story = json.loads((demo.programme / "programme.json").read_text(encoding="utf-8"))["story"]
    await expect(page.locator(".facts")).to_contain_text(story["person_name"], timeout=LIMIT_MS)
    assert await page.evaluate("typeof htmx") == "object"  # Served by ourselves, below the service's own path.


@pytest.mark.parametrize("width", [390, 1280])
async def test_nothing_sticks_out_at_any_width(page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 900})
    await expect(page.get_by_text("lines agree")).to_be_visible(timeout=LIMIT_MS)
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


async def test_a_town_of_ones_own_arrives_and_three_mails_with_it(page: Page, demo: Folder) -> None:
    mine = demo.programme / "mine.jsonl"
    publish = await asyncio.create_subprocess_exec(*ROLLCALL, "publish", "--folder", str(demo.path), str(mine))
    assert await publish.wait() == 0

    async def arrived() -> bool:
        async with httpx.AsyncClient(timeout=180) as client:
            answer = await client.get(f"http://127.0.0.1:{demo.ports['origin']}/story/state")
        return bool(answer.json()["act"]["done"])

    await eventually(arrived, what="three mails")


async def test_a_record_published_by_hand_appears_as_the_readme_says(demo: Folder) -> None:
    """The kcat command of docs/integrators.md, with this demo's ports."""
    if shutil.which("kcat") is None:
        pytest.skip("there is no kcat on this machine")
    guide = (Path(__file__).parents[2] / "docs" / "integrators.md").read_text(encoding="utf-8")
    blocks = [block.split("```")[0] for block in guide.split("```sh\n")[1:]]
    publish = blocks[0].replace("127.0.0.1:9092", f"127.0.0.1:{demo.ports['kafka']}")
    look = blocks[1].replace("127.0.0.1:8101", f"127.0.0.1:{demo.ports['enrolment']}").replace("data/", f"{demo.path}/")
    published = await asyncio.create_subprocess_shell(publish)
    assert await published.wait() == 0

    async def known() -> bool:
        asked = await asyncio.create_subprocess_shell(look, stdout=asyncio.subprocess.PIPE)
        answer, _ = await asked.communicate()
        return b'"name":"Zalesie"' in answer

    await eventually(known, what="Zalesie in enrolment")
