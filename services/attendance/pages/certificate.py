"""Whether a certificate is valid: what the code on it leads to. Anybody may look who has it in their hand, and nobody by trying numbers.

It shows what the certificate is about and never whose it is. A wrong code, a wrong number and one without a code are answered alike.
"""

from __future__ import annotations

import hmac
import re

from fastapi import Request, Response

from services.attendance import sheets_reading
from services.attendance.certificates import Certificate
from services.attendance.certificates_api import PAGE
from shared.contracts.model import ID_PATTERN, Language
from shared.process.runtime import Runtime
from shared.web.pages.kit import Pages
from shared.web.routes import Routes

_ID = re.compile(ID_PATTERN)


def add(routes: Routes, pages: Pages, runtime: Runtime) -> None:
    @routes.get(f"/{PAGE}/{{number}}/{{code}}")
    async def show(request: Request, number: str, code: str) -> Response:
        async with runtime.reading.connect() as connection:
            found = await sheets_reading.certificate(connection, number) if _ID.fullmatch(number) else None
        language = pages.language(request)
        if found is None or not opens(found, code):
            return pages.answer(request, "certificate.html", language, status=404, certificate=None)
        return pages.answer(
            request,
            "certificate.html",
            language,
            certificate=found,
            title={Language.PL: found.title_pl, Language.EN: found.title_en}[language]
            or found.topic
            or found.session_id,
        )

    @routes.get(f"/{PAGE}/{{number}}")
    async def show_nothing(request: Request, number: str) -> Response:
        """The number alone opens nothing: else they could be read out one after the other."""
        return pages.answer(request, "certificate.html", pages.language(request), status=404, certificate=None)


def opens(certificate: Certificate, code: str) -> bool:
    """Whether this is the certificate's code; how much of it is right takes no time to tell."""
    return certificate.code is not None and hmac.compare_digest(
        certificate.code.encode(), code.lower().encode("utf-8", "replace")
    )
