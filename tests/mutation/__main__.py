"""Switches off one mechanism at a time, in a copy of the project, and shows which test goes red. Each must: `make mutation`.

A mechanism whose absence no test notices is either not needed or not held. Prints a table; exit code 0 only if every one is noticed.
`python -m tests.mutation WORDS` tries only those whose name holds the words.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Mutation:
    """One mechanism, the line that is it, what stands there without it, and the tests that should notice."""

    mechanism: str
    file: str
    line: str
    without: str
    tests: tuple[str, ...]
    and_without: str | None = None
    """A second line of the same file that backs the first one up; it is taken away too."""


MUTATIONS = (
    Mutation(
        "the watermark's fence: its lock and its condition",
        "shared/watermark.py",
        "    .with_for_update(of=WATERMARK)\n)\n_READ",
        ")\n_READ",
        ("tests/faults/test_one_at_a_time.py::test_a_batch_heard_by_two_at_once_is_heard_once",),
        and_without="        .where(WATERMARK.c.next_offset == move.c.from_offset)\n        .values(",
    ),
    Mutation(
        "the from-check",
        "shared/deciding.py",
        "    if batch.from_offset > mark.next_offset:",
        "    if False:",
        ("tests/shared/test_lanes.py::test_a_batch_that_does_not_continue_the_watermark_writes_nothing",),
    ),
    Mutation(
        "the fingerprint",
        "shared/positions.py",
        "if part[0].offset != offset or fingerprint(part[0]) != known_print:",
        "if False:",
        ("tests/shared/test_positions.py",),
    ),
    Mutation(
        "the version guard, event by event",
        "shared/working.py",
        "        return Verdict.NEWER if new.version > old.version else Verdict.STALE",
        "        return Verdict.NEWER",
        ("tests/shared/test_working.py",),
    ),
    Mutation(
        "the version guard, in SQL",
        "shared/database.py",
        "sa.or_(old.version < fresh.version, tied)",
        "sa.true()",
        ("tests/shared/test_lanes.py::test_both_lanes_come_to_the_same",),
    ),
    Mutation(
        "one writer per aggregate",
        "shared/working.py",
        "        return Verdict.STALE if old == owner or self._replaces(stream, new, old) else Verdict.FOREIGN",
        "        return Verdict.NEWER",
        ("tests/shared/test_working.py",),
    ),
    Mutation(
        "the decider's lock",
        "services/enrolment/store.py",
        "        await connection.execute(_DECIDER)",
        "        pass",
        ("tests/faults/test_one_at_a_time.py::test_the_last_seat_asked_for_by_two_at_once_is_sold_once",),
    ),
    Mutation(
        "held requests",
        "services/enrolment/handlers.py",
        "    if isinstance(decided, Wait):\n",
        "    if isinstance(decided, Wait):\n        return\n    if isinstance(decided, Wait):\n",
        ("tests/enrolment/test_decisions.py",),
    ),
    Mutation(
        "requests are known by source and id",
        "shared/working.py",
        "        return self[Answer].get(*key) is not None or self[Held].get(*key) is not None",
        "        return False",
        ("tests/enrolment/test_decisions.py",),
    ),
    Mutation(
        "the relay's lock",
        "shared/relay.py",
        "sa.select(sa.func.pg_try_advisory_lock(LOCK_KEY))",
        "sa.select(sa.true())",
        ("tests/faults/test_one_at_a_time.py::test_of_two_relays_one_leads_and_the_other_takes_over",),
    ),
    Mutation(
        "hearing our own streams first",
        "shared/positioning.py",
        "        if self.gate is not None and not self.gate.is_set():",
        "        if False:",
        ("tests/faults/test_one_at_a_time.py::test_nothing_else_is_heard_before_what_we_said_ourselves",),
    ),
    Mutation(
        "the quiet recovery",
        "shared/thinking.py",
        "    return until is not None and heard.offset < until",
        "    return False",
        ("tests/enrolment/test_hearing.py::test_a_database_that_lost_everything_says_nothing_twice",),
    ),
    Mutation(
        "a watermark that falls ends the process",
        "shared/positioning.py",
        "            if partition.stream in streams and known < offset:",
        "            if False:",
        (
            "tests/faults/test_hard_input.py::test_a_database_restored_under_a_running_service_ends_the_process_before_it_decides",
        ),
    ),
    Mutation(
        "saying again what our stream lost",
        "shared/positioning.py",
        "                    await journal.stage_again(connection, partition)",
        "                    pass",
        ("tests/faults/test_log.py::test_what_a_log_lost_is_absorbed_if_heard_and_said_again_if_it_was_ours",),
    ),
    Mutation(
        "a log that ends before what was read of it",
        "shared/positioning.py",
        "                self.doubt(cut)",
        "                pass",
        ("tests/faults/test_log.py::test_a_stream_that_lost_everything_between_two_looks_is_said_again",),
    ),
    Mutation(
        "the sleeper's lock given back",
        "shared/relay.py",
        "silent_ms = str(int(2000 * self._timeout_seconds))",
        'silent_ms = "0"',
        (
            "tests/faults/test_zombies.py::test_a_process_stopped_in_the_middle_is_succeeded_and_does_no_harm_when_it_wakes",
        ),
    ),
    Mutation(
        "a batch decoded ahead is dropped when its predecessor failed",
        "shared/projector.py",
        "            if not all(self.positions.is_current(one) for one in fetched):",
        "            if False:",
        ("tests/faults/test_partitions.py::test_a_batch_decoded_ahead_of_one_that_failed_waits_for_it",),
    ),
    Mutation(
        "the due moment's wait",
        "shared/due.py",
        "                if await is_heard(self._engine, await self._observer.ends_at(streams, some[-1].at)):\n",
        "                if True:\n",
        ("tests/faults/test_one_at_a_time.py::test_a_due_moment_waits_until_everything_said_before_it_has_been_heard",),
    ),
    Mutation(
        "the attempt's lease",
        "services/notifications/store.py",
        '    .where(OPEN.c.lease == sa.bindparam("lease"))\n',
        "",
        (
            "tests/notifications/test_claims.py::test_a_sender_that_slept_beyond_its_lease_writes_no_outcome_over_its_successors",
        ),
    ),
    Mutation(
        "the doubt about a mail that was handed over",
        "services/notifications/smtp.py",
        "        self.handed_over = True\n",
        "",
        ("tests/notifications/test_smtp.py::test_only_a_mail_whose_content_was_handed_over_is_in_doubt",),
    ),
    Mutation(
        "the count of watermarks moved",
        "shared/roundtrips.py",
        "        if written != numbers:",
        "        if False:",
        ("tests/shared/test_roundtrips.py::test_a_watermark_that_is_not_where_it_was_seen_is_not_moved",),
    ),
    Mutation(
        "claims, one by one",
        "services/notifications/sending.py",
        "            return await self._claim_one_by_one(lease, most=most)",
        "            raise",
        (
            "tests/notifications/test_claims.py::test_an_outcome_that_the_database_refuses_at_a_claim_holds_back_no_other_mail",
        ),
    ),
    Mutation(
        "a new type, when its partition changes hands",
        "shared/positioning.py",
        "            for partition in await parking.hear_new_types(connection, waiting):",
        "            for partition in ():",
        ("tests/faults/test_new_types.py::test_a_partition_that_comes_to_an_upgraded_replica_is_heard_again",),
    ),
    Mutation(
        "a held request's last moment",
        "services/enrolment/handlers.py",
        " if not heard or heard.appended_at <= held.expires_at}",
        "}",
        (
            "tests/faults/test_time.py::test_what_a_held_request_waited_for_wins_over_its_deadline_only_if_it_came_before",
        ),
    ),
    Mutation(
        "repositioning after a fault",
        "shared/projector.py",
        "            telemetry.FAULTS.labels(self._service, self.name).inc()\n            self.positioning.doubt(partitions)",
        "            telemetry.FAULTS.labels(self._service, self.name).inc()",
        ("tests/faults/test_commits.py::test_the_deciding_lanes_commit",),
    ),
    Mutation(
        "savepoints, event by event",
        "shared/deciding.py",
        "            thought = await self._transaction(batches, decoded, one_by_one=True)",
        "            raise",
        ("tests/enrolment/test_hearing.py::test_what_the_database_refuses_for_its_content_is_parked_alone",),
    ),
    Mutation(
        "a header name that is not UTF-8 is read with care",
        "shared/fetching.py",
        "            except (UnicodeDecodeError, CorruptRecordException):",
        "            except CorruptRecordException:",
        (
            "tests/faults/test_hard_input.py::test_a_header_name_that_is_not_utf8_is_parked_and_nothing_beside_it_is_lost",
        ),
    ),
    Mutation(
        "unpacking within a limit",
        "shared/unpacking.py",
        "            if len(unpacked) > most:\n                return None\n",
        "",
        ("tests/shared/test_unpacking.py::test_a_batch_that_unpacks_to_more_than_the_limit_is_read_piece_by_piece",),
    ),
    Mutation(
        "large records are found before they are read whole",
        "shared/unpacking.py",
        "            if length > PLAIN_BYTES:\n                return False\n",
        "",
        ("tests/shared/test_unpacking.py::test_the_limits_of_a_record_are_exact_and_the_same_however_it_is_packed",),
    ),
    Mutation(
        "the work that one batch may make",
        "shared/unpacking.py",
        "        if self.at > self.most:\n            raise _TooMuch\n",
        "",
        ("tests/shared/test_unpacking.py::test_a_batch_that_would_make_work_for_minutes_is_given_up",),
    ),
    Mutation(
        "others' turns while a bomb is unpacked",
        "shared/unpacking.py",
        "            self.paused_at = self.at\n            yield PAUSE\n",
        "            self.paused_at = self.at\n            yield from ()\n",
        ("tests/shared/test_unpacking.py::test_whoever_unpacks_a_bomb_lets_others_have_their_turn",),
    ),
    Mutation(
        "a checksum of what is not kept",
        "shared/envelope.py",
        "    if cut is not None:\n",
        "    if False:\n",
        (
            "tests/shared/test_unpacking.py::test_two_large_records_that_begin_alike_are_told_apart_and_one_is_recognised",
        ),
    ),
    Mutation(
        "a block of snappy that lies",
        "shared/inflating.py",
        "    if size > _SNAPPY_MOST * len(block):",
        "    if False:",
        ("tests/shared/test_unpacking.py::test_a_block_of_snappy_that_lies_about_its_size_is_not_believed",),
    ),
    Mutation(
        "the bytes that are handed on at once",
        "shared/fetching.py",
        "                if weight >= most_bytes or len(found) == most:",
        "                if len(found) == most:",
        ("tests/faults/test_memory.py::test_what_is_handed_on_at_once_is_bounded_in_bytes_and_nothing_is_lost",),
    ),
    Mutation(
        "a damaged batch is set aside the second time",
        "shared/fetching.py",
        "        if _damaged.get(place) != checksum:",
        "        if True:",
        (
            "tests/faults/test_memory.py::test_a_damaged_batch_is_fetched_again_then_set_aside_and_its_partition_goes_on",
        ),
    ),
    Mutation(
        "types made up do not fill the table",
        "shared/parking.py",
        "or len(types[part]) < MOST_TYPES else",
        "or True else",
        ("tests/faults/test_memory.py::test_types_made_up_one_after_the_other_do_not_fill_the_table",),
    ),
    Mutation(
        "a held request keeps what its contract names",
        "shared/working.py",
        "heard.body.model_dump_json(include=set(type(heard.body).model_fields))",
        "heard.body.model_dump_json()",
        ("tests/shared/test_working.py::test_a_held_request_keeps_what_its_contract_names_and_no_more",),
    ),
    Mutation(
        "what was cut is not tried again",
        "shared/retry.py",
        "            if row.reason in HEADS:",
        "            if False:",
        ("tests/faults/test_memory.py::test_what_was_cut_is_not_tried_again_and_says_so",),
    ),
    Mutation(
        "a list of parked records asks for no bytes",
        "shared/parking.py",
        "    statement = sa.select(*_ABOUT_THEM).where(PARKED.c.state == state)",
        "    statement = sa.select(PARKED).where(PARKED.c.state == state)",
        ("tests/faults/test_memory.py::test_a_list_of_parked_records_asks_for_no_bytes",),
    ),
    Mutation(
        "in a crowd whoever is unfinished longest goes",
        "shared/connections.py",
        "            next(iter(self._waited_for), one).end()",
        "            one.end()",
        ("tests/shared/test_connections.py::test_in_a_crowd_whoever_is_unfinished_longest_goes_first",),
    ),
    Mutation(
        "the time for a request's header",
        "shared/connections.py",
        "        self._within(self._crowd.limits.header_seconds, self.end)",
        "        pass",
        ("tests/shared/test_connections.py::test_a_header_that_does_not_end_is_given_some_seconds",),
    ),
    Mutation(
        "committed records only",
        "shared/projector.py",
        'isolation_level="read_committed"',
        'isolation_level="read_uncommitted"',
        ("tests/faults/test_hard_input.py::test_what_a_transaction_took_back_was_never_said_and_leaves_no_lag",),
    ),
)


def main() -> int:
    """Runs every mutation and prints what noticed it."""
    mutations = [one for one in MUTATIONS if " ".join(sys.argv[1:]) in one.mechanism]
    unnoticed = 0
    for mutation in mutations:
        with tempfile.TemporaryDirectory(prefix="rollcall-mutation-") as folder:
            noticed = try_without(mutation, Path(folder))
        unnoticed += not noticed
        print(f"{'red ' if noticed else 'GREEN'}  {mutation.mechanism:50} {noticed or 'no test noticed'}", flush=True)
    print(f"{len(mutations) - unnoticed} of {len(mutations)} mechanisms are held by a test")
    return 0 if mutations and not unnoticed else 1


def try_without(mutation: Mutation, folder: Path) -> str:
    """The first test that fails without the mechanism; empty if none does."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    file = folder / mutation.file
    source = file.read_text(encoding="utf-8")
    if source.count(mutation.line) != 1:
        raise SystemExit(f"{mutation.file} does not hold once what is switched off: {mutation.mechanism}")
    source = source.replace(mutation.line, mutation.without)
    if mutation.and_without is not None:
        source = source.replace(mutation.and_without, "        .values(")
    file.write_text(source, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *mutation.tests]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    try:
        run = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"{mutation.tests[0]} (hangs)"
    failed = [line.split()[1] for line in run.stdout.splitlines() if line.startswith(("FAILED tests/", "ERROR tests/"))]
    return failed[0] if failed else ""


if __name__ == "__main__":
    sys.exit(main())
