"""Every mail in a real browser, on a telephone and at a desk, by day and in the dark: all of it is seen, and nothing is fetched for it.

With ROLLCALL_PICTURES=folder they are left there as pictures.
"""

from __future__ import annotations

import base64
import email
import email.policy
import os
import shutil
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Route

from services.notifications.picturing import pictured
from shared.contracts.model import Language
from tests.browser.test_check_in import browser as browser
from tests.browser.test_lists import DESK, PHONE
from tests.notifications.every_mail import Sent, every_mail, with_logo
from tests.notifications.mails import body

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.long,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine"),
]
KEPT = os.environ.get("ROLLCALL_PICTURES")
LOOKS: dict[str, dict[str, Any]] = {
    "390-light": {"viewport": PHONE, "color_scheme": "light"},
    "390-dark": {"viewport": PHONE, "color_scheme": "dark"},
    "1280-light": {"viewport": DESK, "color_scheme": "light"},
}
OF_PAGES = ("region", "landmark-one-main", "page-has-heading-one")
"""Rules for whole pages: a mail is shown inside of one."""


def shown(sent: Sent) -> str:
    """The HTML with the pictures that travel with it, as a mail program shows it."""
    message = email.message_from_bytes(sent.message, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    html = body(message, "html")
    for part in message.walk():
        if part.get_content_maintype() == "image":
            content = base64.b64encode(part.get_content()).decode()
            html = html.replace(f"cid:{part['Content-ID'][1:-1]}", f"data:image/png;base64,{content}")
    return html


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("language", Language)
async def test_every_mail_is_seen_whole_and_fetches_nothing(browser: Browser, language: Language, look: str) -> None:
    context = await browser.new_context(**LOOKS[look])
    page = await context.new_page()
    fetched: list[str] = []

    async def refuse(route: Route) -> None:
        fetched.append(route.request.url)
        await route.abort()

    await page.route(lambda url: not url.startswith("data:"), refuse)
    wrong, looked_at = {}, set[str]()
    for sent in every_mail(with_logo(pictured("a logo"))):
        if sent.language is not language:
            continue
        await page.set_content(shown(sent))
        if await page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            wrong[sent.name] = "is wider than the screen"
        kind = sent.name.split()[0]
        if kind not in looked_at:  # Within a kind only the words are others.
            looked_at.add(kind)
            found = (await Axe().run(page)).response["violations"]
            if broken := [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["id"] not in OF_PAGES]:
                wrong[sent.name] = "; ".join(broken)
        if KEPT:
            name = f"mail-{sent.name.replace(' ', '-')}-{language}-{look}.png"
            await page.screenshot(path=Path(KEPT) / name, full_page=True)
    assert wrong == {} and fetched == []
