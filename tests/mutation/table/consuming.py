"""Where a lane stands, and what it hears next."""

from tests.mutation.mutation import Mutation

MUTATIONS = (
    Mutation(
        "the fingerprint",
        "shared/consuming/positions.py",
        "if part[0].offset != offset or fingerprint(part[0]) != known_print:",
        "if False:",
        ("tests/shared/test_positions.py",),
    ),
    Mutation(
        "hearing our own streams first",
        "shared/consuming/positioning.py",
        "        if self.gate is not None and not self.gate.is_set():",
        "        if False:",
        ("tests/faults/test_one_at_a_time.py::test_nothing_else_is_heard_before_what_we_said_ourselves",),
    ),
    Mutation(
        "a watermark that falls ends the process",
        "shared/consuming/positioning.py",
        "            if partition.stream in streams and known < offset:",
        "            if False:",
        (
            "tests/faults/test_hard_input.py::test_a_database_restored_under_a_running_service_ends_the_process_before_it_decides",
        ),
    ),
    Mutation(
        "saying again what our stream lost",
        "shared/consuming/positioning.py",
        "                    await journal.stage_again(connection, partition)",
        "                    pass",
        ("tests/faults/test_log.py::test_what_a_log_lost_is_absorbed_if_heard_and_said_again_if_it_was_ours",),
    ),
    Mutation(
        "a log that ends before what was read of it",
        "shared/consuming/positioning.py",
        "                self.doubt(cut)",
        "                pass",
        ("tests/faults/test_log.py::test_a_stream_that_lost_everything_between_two_looks_is_said_again",),
    ),
    Mutation(
        "a batch decoded ahead is dropped when its predecessor failed",
        "shared/consuming/projector.py",
        "            if not all(self.positions.is_current(one) for one in fetched):",
        "            if False:",
        ("tests/faults/test_partitions.py::test_a_batch_decoded_ahead_of_one_that_failed_waits_for_it",),
    ),
    Mutation(
        "our own words are fetched once a second",
        "shared/consuming/projector.py",
        "            self.positioning.rest(self._own)\n",
        "",
        ("tests/shared/test_echoes.py::test_after_an_echo_no_more_are_fetched_for_a_second",),
    ),
    Mutation(
        "of a full batch of our own words there is more",
        "shared/consuming/projector.py",
        "0 < own < self._limits.batch_records",
        "0 < own",
        ("tests/shared/test_echoes.py::test_of_a_full_batch_of_echoes_there_is_more",),
    ),
    Mutation(
        "before the gate opens our own words are fetched at once",
        "shared/consuming/projector.py",
        "self._gate is not None and self._gate.is_set() and 0 < own",
        "0 < own",
        ("tests/shared/test_echoes.py::test_before_the_gate_opens_our_own_words_are_heard_at_once",),
    ),
    Mutation(
        "a partition whose first record has yet to be checked does not rest",
        "shared/consuming/positioning.py",
        "            consumer.pause(*(topic_partition(part) for part in parts if self.positions.idle(part)))",
        "            consumer.pause(*(topic_partition(part) for part in parts))",
        ("tests/shared/test_echoes.py::test_a_partition_whose_first_record_has_yet_to_be_checked_does_not_rest",),
    ),
    Mutation(
        "a doubtful partition is resumed by whoever positions it",
        "shared/consuming/positioning.py",
        "            consumer.resume(*(topic_partition(part) for part in parts if part in self.positions))",
        "            consumer.resume(*(topic_partition(part) for part in parts))",
        ("tests/shared/test_echoes.py::test_a_partition_that_became_doubtful_is_left_to_whoever_positions_it",),
    ),
    Mutation(
        "a new type, when its partition changes hands",
        "shared/consuming/positioning.py",
        "            for partition in await parking.hear_new_types(connection, waiting):",
        "            for partition in ():",
        ("tests/faults/test_new_types.py::test_a_partition_that_comes_to_an_upgraded_replica_is_heard_again",),
    ),
    Mutation(
        "repositioning after a fault",
        "shared/consuming/projector.py",
        "            telemetry.FAULTS.labels(self._service, self.name).inc()\n            self.positioning.doubt(partitions)",
        "            telemetry.FAULTS.labels(self._service, self.name).inc()",
        ("tests/faults/test_commits.py::test_the_deciding_lanes_commit",),
    ),
    Mutation(
        "committed records only",
        "shared/consuming/projector.py",
        'isolation_level="read_committed"',
        'isolation_level="read_uncommitted"',
        ("tests/faults/test_hard_input.py::test_what_a_transaction_took_back_was_never_said_and_leaves_no_lag",),
    ),
    Mutation(
        "no name in Kafka's group for who was given none",
        "shared/consuming/projector.py",
        '    return f"{service}-{lane}-{replica}" if replica else None',
        '    return f"{service}-{lane}-{replica}"',
        ("tests/shared/test_membership.py",),
    ),
)
