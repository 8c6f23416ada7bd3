"""The calendar that somebody subscribes to, and the page that says how: opened by the link from a mail, which is for that alone.

It changes nothing, however often a program fetches it. Whose it is comes from the link; whether they may still see it, from what is known now.
"""

from __future__ import annotations

import asyncio
import re
from typing import assert_never

from fastapi import Request, Response

from services.notifications import reading_feeds
from services.notifications.feeds import FETCHED_EVERY, Listed, Whose, feed, has_it, tag_of
from services.notifications.linking import OWN
from services.notifications.reading_feeds import Closed
from services.notifications.settings import NotificationsSettings
from services.notifications.tables import LINK_KEY
from shared.process.runtime import Runtime
from shared.web.links import Purpose, Refused, Rejection, Subscription
from shared.web.opening import subscribed
from shared.web.pages.kit import HEADERS, Pages
from shared.web.routes import Routes

FILE = "szkolenia.ics"


def add(routes: Routes, pages: Pages, runtime: Runtime) -> None:
    settings = runtime.settings
    assert isinstance(settings, NotificationsSettings)
    at = (settings.base_url or "").rstrip("/")  # Without one mails lead nowhere, and there is no link.

    async def link_of(token: str) -> Subscription | Rejection:
        """A link for either purpose; what is for something else is none."""
        found: Subscription | Rejection = Rejection(Refused.UNKNOWN)
        for purpose in (Purpose.CALENDAR, Purpose.TOWN_CALENDAR):
            found = await subscribed(runtime, LINK_KEY, token, audience=OWN, purpose=purpose)
            if isinstance(found, Subscription) or found.why is Refused.EXPIRED:
                return found
        return found

    async def whose(link: Subscription) -> Whose | Closed:
        words, organiser = settings.wording.common[link.language], pages.office.email
        async with runtime.reading.connect() as connection:
            if (closed := await reading_feeds.closed_to(connection, link.recipient)) is not None:
                return closed
            if link.purpose is Purpose.CALENDAR:
                return Whose(words, organiser)
            now = runtime.service.clock()
            town = await reading_feeds.town_of(connection, link.recipient, link.what, now)
        return town if isinstance(town, Closed) else Whose(words, organiser, town)

    async def listed(link: Subscription) -> list[Listed]:
        now = runtime.service.clock()
        async with runtime.reading.connect() as connection:
            if link.purpose is Purpose.CALENDAR:
                return await reading_feeds.own(connection, link.recipient, link.language, now)
            return await reading_feeds.of_town(connection, link.what, link.language, now)

    @routes.get("/calendar/{token}")
    async def show(request: Request, token: str) -> Response:
        link = await link_of(token)
        found = await whose(link) if isinstance(link, Subscription) else link
        if isinstance(found, Rejection | Closed):
            about, code = _said_of(found)
            return pages.message(request, about, code, readers=link.language)
        address = f"{at}/{OWN}/calendar/{token}/{FILE}"
        return pages.answer(
            request,
            "calendar.html",
            pages.language(request, link.language),
            town=found.town_name,
            address=address,
            subscribe=re.sub(r"^https?:", "webcal:", address),
        )

    @routes.api_route(f"/calendar/{{token}}/{FILE}", methods=["GET", "HEAD"])
    async def fetch(request: Request, token: str) -> Response:
        link = await link_of(token)
        found = await whose(link) if isinstance(link, Subscription) else link
        if isinstance(found, Rejection | Closed):
            return Response(status_code=_said_of(found)[1], headers=HEADERS)  # A program reads no page.
        assert isinstance(link, Subscription)
        content = await asyncio.to_thread(feed, found, await listed(link))
        headers = {
            **HEADERS,
            # Whoever stands between keeps nothing of it; the program itself may, and asks whether it is still so.
            "Cache-Control": f"private, max-age={FETCHED_EVERY.seconds // 4}",
            "ETag": tag_of(content),
            "Content-Disposition": f'inline; filename="{FILE}"',
        }
        if has_it(request.headers.getlist("if-none-match"), headers["ETag"]):
            return Response(status_code=304, headers=headers)
        return Response(content, media_type="text/calendar; charset=utf-8", headers=headers)


def _said_of(found: Rejection | Closed) -> tuple[str, int]:
    """The page that says it, and its status."""
    why = found.why if isinstance(found, Rejection) else found
    match why:
        case Refused.UNKNOWN:
            return "no_link", 404
        case Closed.UNKNOWN:
            return "unknown", 404
        case Closed.ERASED:
            return "erased", 410
        case Refused.EXPIRED | Closed.EXPIRED:
            return "expired", 410
        case never:
            assert_never(never)
