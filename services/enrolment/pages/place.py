"""The page of one person's place in one session, opened by the link from a mail: how it stands, and what can be done about it.

GET shows and changes nothing, however often and by whomever the link is followed; POST acts, through the one path on which every
request is decided. Who asks, and about which place, comes from the link and never from what is sent along.
"""

from __future__ import annotations

from functools import partial

from fastapi import Request, Response

from services.enrolment.pages import reading
from services.enrolment.pages.showing import Act, is_as_seen, request_id, request_of, shown
from services.enrolment.tables import LINK_KEY
from shared.books.holding import is_known
from shared.process.runtime import Runtime
from shared.web.asking import command
from shared.web.links import Link, Purpose, Rejection
from shared.web.opening import opened
from shared.web.pages.kit import Pages, form_of
from shared.web.routes import Routes
from shared.web.tokens import Actor

AUDIENCE = "enrolment"
SEEN_MOST = 60


def add(routes: Routes, pages: Pages, runtime: Runtime) -> None:
    link_of = partial(opened, runtime, LINK_KEY, audience=AUDIENCE, purpose=Purpose.PLACE)

    @routes.get("/place/{token}")
    async def show(request: Request, token: str) -> Response:
        return await page(request, await link_of(token))

    @routes.post("/place/{token}")
    async def act(request: Request, token: str) -> Response:
        form, link = await form_of(request), await link_of(token)
        if isinstance(link, Rejection):
            return await page(request, link)
        try:
            asked, seen = Act(form.get("act", "")), form.get("seen", "")
        except ValueError:
            return pages.message(request, "unreadable", 400, readers=link.language)
        if not seen or len(seen) > SEEN_MOST or not seen.isascii() or not seen.isprintable():
            return pages.message(request, "unreadable", 400, readers=link.language)
        body = request_of(asked, link.session_id, link.person_id)
        heard = command(
            runtime, body, Actor(f"participant:{link.person_id}", frozenset()), request_id(asked, link.session_id, seen)
        )
        async with runtime.reading.connect() as connection:
            # In this order: pressed twice at once, the other one's decision may be what the place stands by already.
            found = await reading.place(connection, link.session_id, link.person_id)
            again = await is_known(connection, heard)
        if not again:
            if found is None or found.is_erased:
                return await page(request, link)
            if not is_as_seen(seen, found.place, found.session):
                return await page(request, link, status=409, overtaken=True)
            await runtime.commands.submit(heard)
        return pages.again(request)

    async def page(request: Request, link: Link | Rejection, *, status: int = 200, overtaken: bool = False) -> Response:
        if isinstance(link, Rejection):
            return pages.opens_nothing(request, link)
        async with runtime.reading.connect() as connection:
            found = await reading.place(connection, link.session_id, link.person_id)
        if found is None:
            return pages.message(request, "unknown", 404, readers=link.language)
        if found.is_erased:
            return pages.message(request, "erased", 410, readers=link.language)
        language = pages.language(request, link.language)
        now = runtime.service.clock()
        place = shown(found, language=language, arranged=link.arranged, now=now)
        if request.query_params.get("live") == place.glance:
            return Response(status_code=204, headers={"Cache-Control": "no-store"})
        return pages.answer(request, "place.html", language, status=status, place=place, overtaken=overtaken)
