"""The page on which somebody does without a sort of mail, and wants it again: opened by the link from such a mail.

GET shows and changes nothing: scanners follow every link. POST acts: a mail program's one click (RFC 8058), or the button. Whose mails, and
which, comes from the link and never from what is sent along.
"""

from __future__ import annotations

from functools import partial

from fastapi import Request, Response

from services.notifications import store
from services.notifications.acting import acting
from services.notifications.linking import OWN
from services.notifications.muting import say_muted
from services.notifications.tables import LINK_KEY
from shared.contracts.notifications import Mutable
from shared.process.runtime import Runtime
from shared.web.links import Purpose, Rejection, Subscription
from shared.web.opening import subscribed
from shared.web.pages.kit import HEADERS, Pages, form_of
from shared.web.routes import Routes

ONE_CLICK = b"List-Unsubscribe=One-Click"
_IN_PARTS = (b'name="List-Unsubscribe"', b"One-Click")
"""The same as multipart/form-data, which mail programs may send as well."""
MUTE, UNMUTE = "mute", "unmute"


def add(routes: Routes, pages: Pages, runtime: Runtime) -> None:
    link_of = partial(subscribed, runtime, LINK_KEY, audience=OWN, purpose=Purpose.MUTE)

    @routes.get("/mute/{token}")
    async def show(request: Request, token: str) -> Response:
        link = await link_of(token)
        if isinstance(link, Rejection):
            return pages.opens_nothing(request, link)
        async with runtime.reading.connect() as connection:
            muted = await store.is_muted(connection, link.recipient, Mutable(link.what))
        return pages.answer(request, "mute.html", pages.language(request, link.language), what=link.what, muted=muted)

    @routes.post("/mute/{token}")
    async def act(request: Request, token: str) -> Response:
        body, link = await request.body(), await link_of(token)
        if isinstance(link, Rejection):
            return pages.opens_nothing(request, link)
        if is_one_click(body):
            await say(link, muted=True)
            return Response(status_code=200, headers=HEADERS)  # No redirect: whoever sent it follows none.
        asked = (await form_of(request)).get("act")
        if asked not in (MUTE, UNMUTE):
            return pages.message(request, "unreadable", 400, readers=link.language)
        await say(link, muted=asked == MUTE)
        return pages.again(request)

    async def say(link: Subscription, *, muted: bool) -> None:
        async with acting(runtime) as act:
            known, ids = await store.load_mute(act.connection, act.working, link.recipient)
            before = {*map(Mutable, known.muted)} if known is not None else set()
            what = {Mutable(link.what)}
            if say_muted(act.working, ids, before | what if muted else before - what):
                await act.take_effect()


def is_one_click(body: bytes) -> bool:
    return body.strip() == ONE_CLICK or all(part in body for part in _IN_PARTS)
