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
        "    Claim.NONE: Verdict.FOREIGN,",
        "    Claim.NONE: Verdict.NEWER,",
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
        "doubt after a fetch that raised",
        "shared/projector.py",
        "            tolerant.install()\n            self.positioning.doubt()",
        "            tolerant.install()",
        (
            "tests/faults/test_hard_input.py::test_a_header_name_that_is_not_utf8_is_read_over_and_nothing_beside_it_is_lost",
        ),
    ),
    Mutation(
        "committed records only",
        "shared/projector.py",
        'isolation_level="read_committed"',
        'isolation_level="read_uncommitted"',
        ("tests/faults/test_hard_input.py::test_what_a_transaction_took_back_was_never_said_and_leaves_no_lag",),
    ),
    Mutation(
        "a missing body is no tombstone",
        "shared/decoding.py",
        "        if value is None and _is_bare(record):",
        "        if value is None:",
        ("tests/shared/test_decoding.py::test_a_body_that_is_missing_is_no_erasure",),
    ),
    Mutation(
        "only an erasure may lack its body",
        "shared/decoding.py",
        '    if erasure is None or headers.get("ce_type") != erasure.type_name().encode():',
        "    if erasure is None:",
        ("tests/shared/test_decoding.py::test_a_body_that_is_missing_is_no_erasure",),
    ),
    Mutation(
        "an attribute that says two things",
        "shared/decoding.py",
        "            if name in _READ and value != headers[name]:",
        "            if False:",
        ("tests/shared/test_decoding.py::test_an_attribute_that_stands_there_twice_counts_if_both_say_the_same",),
    ),
    Mutation(
        "a takeover lets in who spoke too early, and no former owner",
        "shared/succession.py",
        "                return BY_NATURE\n            if",
        "                pass\n            if",
        ("tests/shared/test_succession.py",),
    ),
    Mutation(
        "what a writer said before is remembered",
        "shared/working.py",
        "                news = said  # When it was first said counts.",
        "                pass",
        ("tests/shared/test_succession.py::test_a_duplicate_of_an_old_fact_is_old_whoever_has_the_place_now",),
    ),
    Mutation(
        "an older wording of a takeover",
        "shared/succession.py",
        "            if known is None or one.version > known.version or",
        "            if True or",
        ("tests/shared/test_succession.py::test_an_older_wording_of_a_rule_that_comes_late_says_nothing",),
    ),
    Mutation(
        "nothing is overwritten in vain before all rules are known",
        "shared/succession.py",
        "return Claim.OUTRANKS if said_at <= since else",
        "return Claim.OUTRANKS if True else",
        (
            "tests/shared/test_succession.py::test_what_seems_to_be_said_in_vain_is_not_overwritten_before_all_rules_are_known",
        ),
    ),
    Mutation(
        "an erasure empties what is parked",
        "shared/thinking.py",
        "    erasing.follow(writes, working.erasures)\n",
        "",
        ("tests/shared/test_erasing.py",),
    ),
    Mutation(
        "nothing is parked about the erased",
        "shared/erasing.py",
        "    return [_emptied(row) if is_erased(row) else row for row in rows]",
        "    return list(rows)",
        ("tests/shared/test_erasing.py::test_what_comes_after_the_erasure_is_parked_without_its_bytes",),
    ),
    Mutation(
        "what is given up is emptied",
        "shared/parking.py",
        '    values = {**EMPTIED, "state"',
        '    values = {"state"',
        ("tests/shared/test_erasing.py",),
    ),
    Mutation(
        "no name in a log",
        "shared/telemetry.py",
        'traceback.format_tb(where), f"{told(error)}\\n"]',
        'traceback.format_tb(where), f"{error}\\n"]',
        ("tests/shared/test_erasing.py::test_a_database_error_tells_what_and_where_and_no_name",),
    ),
    Mutation(
        "a request that was sent before a withdrawal",
        "services/enrolment/decisions.py",
        "        found = RefusalReason.WITHDRAWN_SINCE",
        "        found = eligible_city(working, session, person_id)",
        ("tests/enrolment/test_order.py",),
    ),
    Mutation(
        "a withdrawal that was sent before a request",
        "services/enrolment/decisions.py",
        "    elif place.place_asked_at is not None and at < place.place_asked_at:",
        "    elif False:",
        ("tests/enrolment/test_order.py",),
    ),
    Mutation(
        "a swap drops nothing that is being read",
        "shared/rebuild.py",
        '        f"alter schema {BESIDE} rename to {PROJECTION}",\n',
        '        f"alter schema {BESIDE} rename to {PROJECTION}",\n        f"drop schema {REPLACED} cascade",\n',
        ("tests/faults/test_rebuild.py::test_a_swap_among_readers_and_writers_is_made_and_nobody_is_thrown_out",),
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
