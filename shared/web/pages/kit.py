"""Pages for people: rendered here, answered here, alike in every service.

GET shows, POST acts, and no act needs a script. Every page carries the same strict headers, is kept by nobody on the way and tells no
other site where its reader came from. What goes wrong is said as a page too, and the address asked for is in no log: it may hold a link's
token.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException

from shared.contracts.model import Language
from shared.problems import NOT_VALID, OUR_FAULT, TRY_AGAIN, UNDECIDABLE, Problem
from shared.process.runtime import Runtime
from shared.values import immutable
from shared.web.links import Refused, Rejection, TicketRefused
from shared.web.pages.words import NAMES, filters, preferred, translations
from shared.web.refusing import problem_of
from shared.web.routes import Routes

KIT = Path(__file__).parent
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
WITH_CAMERA = {"Permissions-Policy": "camera=(self), geolocation=(), microphone=()"}
"""Of a page that reads codes."""
FOR_EVER = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
OF_OTHERS = ("htmx.min.js", "umd.js", "html5-qrcode.min.js")
"""Not ours: they come from packages at set-up. Where one is not there, pages work without what it makes nicer."""
FIELDS_MOST = 20


@immutable
class Office:
    """Who answers for the pages, and is asked by whoever is in doubt."""

    name: str
    email: str


class Module(Protocol):
    """A module of a service's `pages` package that has a page."""

    def add(self, routes: Routes, pages: Pages, runtime: Runtime) -> None: ...


class Pages:
    """The pages of one service: a package whose modules have one each, beside their templates and catalogues."""

    def __init__(self, package: str, office: Office, *, assets: Path | None = None) -> None:
        self.package = importlib.import_module(package)
        self.office = office
        folders = [Path(folder) for folder in self.package.__path__]
        self._assets = _assets(folders, assets)
        self._environments = {language: environment(language, (*folders, KIT)) for language in Language}

    def add_to(self, app: FastAPI, runtime: Runtime) -> None:
        """Every page of the package, and what they load."""
        routes = Routes(route_class=self._route_class(), include_in_schema=False)
        for found in pkgutil.iter_modules(self.package.__path__, f"{self.package.__name__}."):
            module: Module | Any = importlib.import_module(found.name)
            if hasattr(module, "add"):
                module.add(routes, self, runtime)
        routes.add_to(app)

        @app.get("/pages/{name}", include_in_schema=False)
        async def asset(name: str) -> Response:
            for served, content, kind in self._assets.values():
                if served == name:
                    return Response(content, media_type=kind, headers=FOR_EVER)
            raise HTTPException(404, "there is no such file")

    # --- answers ---------------------------------------------------------------------------

    def language(self, request: Request, readers: Language | None = None) -> Language:
        """As chosen on the page, as the reader is known to read, as their browser says, else Polish."""
        try:
            return Language(request.query_params.get("lang", ""))
        except ValueError:
            return readers or preferred(request.headers.get("accept-language", "")) or Language.PL

    def answer(
        self,
        request: Request,
        template: str,
        language: Language,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **shown: Any,
    ) -> HTMLResponse:
        """The template as a page in the language. `headers`: what is otherwise than on every page."""
        root = "../" * (request.url.path.count("/") - 1) or "./"
        text = (
            self._environments[language]
            .get_template(template)
            .render(
                shown
                | {
                    "language": language.value,
                    "languages": [(one.value, NAMES[one], _in_language(request, one)) for one in Language],
                    "office": self.office,
                    # Relative: whoever stands before us serves this service below a path of its own.
                    "assets": {name: f"{root}pages/{served}" for name, (served, _, _) in self._assets.items()},
                }
            )
        )
        return HTMLResponse(text, status, {**HEADERS, **(headers or {})})

    def asset(self, name: str) -> bytes:
        """What a page loads, for one that serves it under an address of its own."""
        return self._assets[name][1]

    def served(self, name: str) -> str:
        """Under which name it is served."""
        return self._assets[name][0]

    def message(self, request: Request, about: str, status: int, *, readers: Language | None = None) -> HTMLResponse:
        """A page that only says something: `about` is one of those in message.html."""
        answered = self.answer(
            request, "message.html", self.language(request, readers), status=status, about=about, status_code=status
        )
        if status == 503:
            answered.headers["Retry-After"] = "10"
        return answered

    def opens_nothing(self, request: Request, refused: Rejection | TicketRefused) -> HTMLResponse:
        """The page of a link that opens nothing: any more, if it has expired; or that never was one of ours."""
        why, readers = (refused.why, refused.language) if isinstance(refused, Rejection) else (refused, None)
        is_over = why in (Refused.EXPIRED, TicketRefused.EXPIRED)
        return self.message(request, *(("expired", 410) if is_over else ("no_link", 404)), readers=readers)

    def again(self, request: Request) -> RedirectResponse:
        """After an act: the same page, got anew, so that looking again or going back acts on nothing."""
        last = request.url.path.rpartition("/")[2]
        language = request.query_params.get("lang", "")
        chosen = f"?lang={language}" if language in set(Language) else ""
        return RedirectResponse(f"{last}{chosen}", 303, HEADERS)

    # --- within ----------------------------------------------------------------------------

    def _route_class(self) -> type[APIRoute]:
        pages = self

        class PageRoute(APIRoute):
            """Whatever goes wrong is said as a page, in the reader's language, and nothing of what was asked is logged."""

            def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
                handle: Callable[[Request], Awaitable[Response]] = super().get_route_handler()

                async def answered(request: Request) -> Response:
                    if request.method == "POST" and _comes_from_elsewhere(request):
                        return pages.message(request, "unreadable", 403)
                    try:
                        return await handle(request)
                    except Exception as error:  # noqa: BLE001  # Classified as in the API.
                        return pages.message(request, *_said_of(error))

                return answered

        return PageRoute


@functools.cache
def environment(language: Language, folders: tuple[Path, ...]) -> Environment:
    """Templates of these folders that speak the language: the same one whoever asks, for each compiles what it renders."""
    environment = Environment(
        loader=FileSystemLoader(list(folders)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(  # type: ignore[attr-defined]  # The extension adds it.
        translations(language, folders), newstyle=True
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.filters |= filters(language)
    return environment


async def form_of(request: Request) -> dict[str, str]:
    """What a form's fields say; of a field that is there twice the first. HTTPException 400 for what is no form."""
    return dict(reversed(await fields_of(request)))


async def fields_of(request: Request, most: int = FIELDS_MOST) -> list[tuple[str, str]]:
    """The fields of a form as they were sent, those left empty left out. HTTPException 400 for what is no form, or has more of them."""
    try:
        return parse_qsl((await request.body()).decode("ascii"), max_num_fields=most, strict_parsing=True)
    except ValueError:
        raise HTTPException(400) from None


def _in_language(request: Request, language: Language) -> str:
    """The same page in a language: what else was asked of it stays asked."""
    asked = [(name, value) for name, value in request.query_params.multi_items() if name != "lang"]
    return f"?{urlencode([*asked, ('lang', language.value)])}"


def _comes_from_elsewhere(request: Request) -> bool:
    """Whether another site makes the reader's browser send this. A browser too old to say so says where from, or nothing: our pages
    name no referrer, so its `Origin` is `null`."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin", "null")
    return origin != "null" and urlsplit(origin).netloc != request.headers.get("host", "")


def _said_of(error: Exception) -> tuple[str, int]:
    """Which message says it, and its status."""
    if isinstance(error, HTTPException):
        return "unreadable", error.status_code
    if isinstance(error, RequestValidationError):
        return "unreadable", NOT_VALID.status
    status = (error if isinstance(error, Problem) else problem_of(error)).refusal.status
    return {TRY_AGAIN.status: "later", UNDECIDABLE.status: "undecidable", OUR_FAULT.status: "ours"}.get(
        status, "unreadable"
    ), status


def _assets(folders: Sequence[Path], of_others: Path | None) -> dict[str, tuple[str, bytes, str]]:
    """What pages load, by name: the name it is served under, which holds its hash, its content and its kind. Of the kit, of the service's
    own package, and of others."""
    files = [KIT / "pages.css", KIT / "icon.svg"]
    files += [file for folder in folders for kind in KINDS for file in sorted(folder.glob(f"*{kind}"))]
    files += [of_others / name for name in OF_OTHERS] if of_others else []
    found = {}
    for file in files:
        if file.is_file():
            content = file.read_bytes()
            served = f"{file.name.split('.')[0]}.{hashlib.sha256(content).hexdigest()[:16]}{file.suffix}"
            found[file.name] = (served, content, KINDS[file.suffix])
    return found
