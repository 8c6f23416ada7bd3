"""The mails, in one SQLite file. A mail that `accept` returned for is on disk. The only place that speaks SQL."""

import contextlib
import json
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy.embedded.inbox.reading import Envelope, read_body, read_envelope

GROUP = 500  # mails in one commit at most; a commit costs as much as writing a hundred of them
LIST_LIMIT = 200
REPEATED_LIMIT = 1_000
IDLE_S = 0.4  # texts are read for the search once no mail has come for this long: accepting goes first

_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    received_at   TEXT    NOT NULL,
    sender        TEXT    NOT NULL,
    recipients    TEXT    NOT NULL,  -- of the envelope, as a JSON array
    header_from   TEXT    NOT NULL,
    header_to     TEXT    NOT NULL,
    subject       TEXT    NOT NULL,
    message_id    TEXT,
    kind          TEXT,              -- X-Rollcall-Notice-Kind
    size_bytes    INTEGER NOT NULL,
    seen          INTEGER NOT NULL DEFAULT 0,
    preview       TEXT,              -- NULL until the text was read
    has_calendar  INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS messages_by_message_id ON messages (message_id);
CREATE INDEX IF NOT EXISTS messages_by_kind ON messages (kind);
CREATE INDEX IF NOT EXISTS messages_unseen ON messages (id) WHERE seen = 0;
CREATE INDEX IF NOT EXISTS messages_unread_text ON messages (id) WHERE preview IS NULL;
-- Apart from the list, so that turning its pages does not read past megabytes of mail.
CREATE TABLE IF NOT EXISTS sources (id INTEGER PRIMARY KEY REFERENCES messages ON DELETE CASCADE, raw BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS words (id INTEGER PRIMARY KEY REFERENCES messages ON DELETE CASCADE, folded TEXT NOT NULL);
"""

_COLUMNS = """messages.id, received_at, sender, recipients, header_from, header_to, subject, message_id, kind,
              size_bytes, seen, coalesce(preview, '') AS preview, has_calendar"""


@dataclass(frozen=True, slots=True)
class Kept:
    """A mail as it goes to disk."""

    received_at: str
    envelope: Envelope
    raw: bytes
    done: "Future[int]"


class Store:
    """The mails in a folder; found again after a restart. One thread writes what arrives, all at once what waits."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "inbox.sqlite"
        self._arriving: queue.SimpleQueue[Kept | None] = queue.SimpleQueue()
        with self._open() as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(_SCHEMA)
        self._writer = threading.Thread(target=self._write, name="inbox-writer", daemon=True)
        self._writer.start()

    def close(self) -> None:
        """Returns once everything that arrived is on disk."""
        self._arriving.put(None)
        self._writer.join()

    def accept(self, sender: str, recipients: list[str], raw: bytes) -> "Future[int]":
        """The id of the mail, once it is on disk."""
        kept = Kept(
            datetime.now(UTC).isoformat(timespec="milliseconds"), read_envelope(sender, recipients, raw), raw, Future()
        )
        self._arriving.put(kept)
        return kept.done

    def page(
        self, words: str, to: str, kind: str, limit: int, before: int | None, after: int | None
    ) -> list[sqlite3.Row]:
        """Mails, newest first, that hold all the words and went to an address like `to`."""
        where, values = _filter(words, to, kind)
        where += " AND messages.id < :before" if before is not None else ""
        where += " AND messages.id > :after" if after is not None else ""
        values |= {"before": before, "after": after, "limit": min(limit, LIST_LIMIT)}
        return self._rows(
            f"SELECT {_COLUMNS} FROM messages JOIN words USING (id) WHERE {where}"
            " ORDER BY messages.id DESC LIMIT :limit",
            values,
        )

    def count(self, words: str, to: str, kind: str) -> int:
        """How many mails `page` would show in all."""
        where, values = _filter(words, to, kind)
        table = "messages JOIN words USING (id)" if words or to or kind else "messages"
        return int(self._rows(f"SELECT count(*) AS n FROM {table} WHERE {where}", values)[0]["n"])

    def one(self, message: int) -> tuple[sqlite3.Row, bytes] | None:
        """One mail and its source."""
        rows = self._rows(
            f"SELECT {_COLUMNS}, raw FROM messages JOIN sources USING (id) WHERE id = :id", {"id": message}
        )
        return (rows[0], rows[0]["raw"]) if rows else None

    def counts(self) -> dict[str, Any]:
        """All that the summary says, from one moment."""
        with self._open() as database:
            database.execute("BEGIN")
            total, unseen, latest = database.execute(
                "SELECT (SELECT count(*) FROM messages), (SELECT count(*) FROM messages WHERE seen = 0),"
                " (SELECT max(id) FROM messages)"
            ).fetchone()
            distinct = database.execute("SELECT count(DISTINCT message_id) FROM messages").fetchone()[0]
            without = database.execute("SELECT count(*) FROM messages WHERE message_id IS NULL").fetchone()[0]
            repeated = database.execute(
                "SELECT message_id, count(*) AS n FROM messages WHERE message_id IS NOT NULL"
                " GROUP BY message_id HAVING n > 1 ORDER BY n DESC, message_id LIMIT ?",
                (REPEATED_LIMIT,),
            ).fetchall()
            kinds = database.execute(
                "SELECT kind, count(*) AS n FROM messages WHERE kind IS NOT NULL GROUP BY kind ORDER BY n DESC, kind"
            ).fetchall()
        return {
            "accepted": total,
            "unseen": unseen,
            "latest": latest or 0,
            "distinct_message_ids": distinct,
            "without_message_id": without,
            "repeated": [{"message_id": row["message_id"], "count": row["n"]} for row in repeated],
            "by_kind": {row["kind"]: row["n"] for row in kinds},
        }

    def mark_seen(self, message: int | None) -> None:
        """Marks one mail as seen, or all of them."""
        with self._open() as database, database:
            if message is None:
                database.execute("UPDATE messages SET seen = 1 WHERE seen = 0")
            else:
                database.execute("UPDATE messages SET seen = 1 WHERE id = ?", (message,))

    def delete_all(self) -> int:
        """Removes every mail; ids go on from where they were."""
        with self._open() as database, database:
            return database.execute("DELETE FROM messages").rowcount

    def _rows(self, statement: str, values: dict[str, Any]) -> list[sqlite3.Row]:
        with self._open() as database:
            return database.execute(statement, values).fetchall()

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        database = sqlite3.connect(self._file, timeout=10.0)
        try:
            database.row_factory = sqlite3.Row
            database.execute("PRAGMA foreign_keys = ON")
            # FULL: in WAL mode NORMAL would lose the last mails in a power cut, after we answered 250 for them.
            database.execute("PRAGMA synchronous = FULL")
            yield database
        finally:
            database.close()

    def _write(self) -> None:
        """Writes what arrives; between arrivals reads the texts of what was written."""
        with self._open() as database:
            patience_s: float | None = IDLE_S  # a run before us may have left texts unread
            while True:
                try:
                    group = [self._arriving.get(timeout=patience_s)]
                except queue.Empty:
                    patience_s = 0.001 if _read_texts(database) else None
                    continue
                with contextlib.suppress(queue.Empty):
                    while len(group) < GROUP:
                        group.append(self._arriving.get_nowait())
                arrived = [kept for kept in group if kept is not None]
                _write_group(database, arrived)
                patience_s = IDLE_S
                if len(arrived) < len(group):
                    return


def _write_group(database: sqlite3.Connection, group: list[Kept]) -> None:
    answers: list[Callable[[], None]] = []
    try:
        with database:
            for kept in group:
                seen = kept.envelope
                cursor = database.execute(
                    "INSERT INTO messages (received_at, sender, recipients, header_from, header_to, subject,"
                    " message_id, kind, size_bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        kept.received_at,
                        seen.sender,
                        json.dumps(seen.recipients, ensure_ascii=False),
                        seen.header_from,
                        seen.header_to,
                        seen.subject,
                        seen.message_id,
                        seen.kind,
                        len(kept.raw),
                    ),
                )
                number = int(cursor.lastrowid or 0)
                database.execute("INSERT INTO sources (id, raw) VALUES (?, ?)", (number, kept.raw))
                database.execute("INSERT INTO words (id, folded) VALUES (?, ?)", (number, seen.words()))
                answers.append(lambda kept=kept, number=number: kept.done.set_result(number))  # type: ignore[misc]
    except sqlite3.Error as error:
        answers = [lambda kept=kept, error=error: kept.done.set_exception(error) for kept in group]  # type: ignore[misc]
    for answer in answers:
        answer()


def _read_texts(database: sqlite3.Connection) -> bool:
    """Adds the text of some mails to what the search looks at; whether any were left to do."""
    rows = database.execute(
        "SELECT id, raw FROM messages JOIN sources USING (id) WHERE preview IS NULL ORDER BY id DESC LIMIT 25"
    ).fetchall()
    bodies = [(row["id"], read_body(row["raw"])) for row in rows]
    with database:
        database.executemany(
            "UPDATE messages SET preview = ?, has_calendar = ? WHERE id = ?",
            [(body.preview, bool(body.calendars), number) for number, body in bodies],
        )
        database.executemany(
            "UPDATE words SET folded = folded || char(10) || ? WHERE id = ?",
            [(body.words().casefold(), number) for number, body in bodies],
        )
    return bool(rows)


def _filter(words: str, to: str, kind: str) -> tuple[str, dict[str, Any]]:
    values: dict[str, Any] = {"to": to.casefold(), "kind": kind}
    where = "TRUE"
    # instr on folded text, not LIKE: SQLite's LIKE knows upper and lower case of ASCII only.
    for position, word in enumerate(words.casefold().split()[:10]):
        values[f"word{position}"] = word
        where += f" AND instr(folded, :word{position})"
    where += " AND instr(recipients, :to)" if to else ""
    where += " AND kind = :kind" if kind else ""
    return where, values
