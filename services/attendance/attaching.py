"""Keeping a file: its bytes first, and then the fact that it is there. What is sent twice is there once."""

from __future__ import annotations

from services.attendance.files import AttachFile
from services.attendance.filing import Store
from shared.books.holding import Outcome
from shared.contracts.files import FileKind
from shared.contracts.model import Event
from shared.events.envelope import Heard
from shared.process.runtime import Runtime
from shared.values import immutable
from shared.web.asking import command
from shared.web.tokens import Actor


@immutable
class Sent:
    """A file as it came, and what it is said to be."""

    session_id: str
    meeting_id: str | None
    kind: FileKind
    name: str
    media_type: str
    content: bytes
    undecided: int = 0


async def attach(
    runtime: Runtime, store: Store, sent: Sent, actor: Actor, key: str | None
) -> tuple[Heard[Event], Outcome]:
    """Keeps it, and says that it is there. Problem: it cannot be kept; then nothing was said."""
    sha256 = await store.put(sent.session_id, sent.content)
    body = AttachFile(
        session_id=sent.session_id,
        sha256=sha256,
        meeting_id=sent.meeting_id,
        kind=sent.kind,
        name=sent.name,
        media_type=sent.media_type,
        size=len(sent.content),
        undecided=sent.undecided,
    )
    heard = command(runtime, body, actor, key)
    became = await runtime.commands.submit(heard)
    await store.put(sent.session_id, sent.content)  # Somebody may have taken it away between.
    return heard, became
