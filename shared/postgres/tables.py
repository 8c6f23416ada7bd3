"""The tables of the rows that every service has, by the kind of row."""

from __future__ import annotations

import sqlalchemy as sa

from shared.postgres.database import KEPT, MACHINERY, table_of
from shared.state.ownership import OtherWriter, Takeover
from shared.state.rows import Row
from shared.state.working import Answer, Due, Held, Unchanged

HELD = table_of(Held, "held", MACHINERY, schema=KEPT)
sa.Index("held_about", HELD.c.about, postgresql_using="gin")
sa.Index("held_expiry", HELD.c.expires_at)
ANSWER = table_of(Answer, "answer", MACHINERY)
UNCHANGED = table_of(Unchanged, "unchanged", MACHINERY, schema=KEPT)
DUE = table_of(Due, "due", MACHINERY, extra=[sa.Index("due_at", "at")])
TAKEOVER = table_of(Takeover, "takeover", MACHINERY)
OTHER_WRITER = table_of(
    OtherWriter,
    "other_writer",
    MACHINERY,
    schema=KEPT,  # A rebuild leaves out what was set aside, and must know of it all the same.
    extra=[sa.Index("other_writer_subject", "subject")],
)
SHARED_TABLES: dict[type[Row], sa.Table] = {
    Held: HELD,
    Answer: ANSWER,
    Unchanged: UNCHANGED,
    Due: DUE,
    Takeover: TAKEOVER,
    OtherWriter: OTHER_WRITER,
}

HELD_SUBJECT = HELD.c.about[0].astext
"""What the last moment of a held request is a moment of."""
