"""What we said, and who sends it."""

from tests.mutation.mutation import Mutation

MUTATIONS = (
    Mutation(
        "why what was said waits",
        "shared/outbox/relay.py",
        "        if self._settles_since is not None and now > self._settles_since + PATIENCE_SECONDS:",
        "        if False:",
        ("tests/shared/test_health.py::test_whoever_sends_says_why_what_was_said_waits",),
    ),
    Mutation(
        "the relay's lock",
        "shared/outbox/relay.py",
        "sa.select(sa.func.pg_try_advisory_lock(LOCK_KEY))",
        "sa.select(sa.true())",
        ("tests/faults/test_one_at_a_time.py::test_of_two_relays_one_leads_and_the_other_takes_over",),
    ),
    Mutation(
        "what was sent and is not deleted yet is not sent again",
        "shared/outbox/relay.py",
        "    .where(OUTBOX.c.position != sa.all_(_positions))\n",
        "    .where(sa.or_(OUTBOX.c.position != sa.all_(_positions), sa.true()))\n",
        (
            "tests/faults/test_one_at_a_time.py::test_what_was_sent_is_sent_once_also_before_it_is_deleted_and_deleted_when_the_relay_ends",
        ),
    ),
    Mutation(
        "what was sent is deleted when the relay ends",
        "shared/outbox/relay.py",
        "                    await self._forget_at_last(connection)\n",
        "",
        (
            "tests/faults/test_one_at_a_time.py::test_what_was_sent_is_sent_once_also_before_it_is_deleted_and_deleted_when_the_relay_ends",
        ),
    ),
    Mutation(
        "the sleeper's lock given back",
        "shared/outbox/relay.py",
        "silent_ms = str(int(2000 * self._timeout_seconds))",
        'silent_ms = "0"',
        (
            "tests/faults/test_zombies.py::test_a_process_stopped_in_the_middle_is_succeeded_and_does_no_harm_when_it_wakes",
        ),
    ),
    Mutation(
        "what the broker's clock says",
        "shared/outbox/relay.py",
        'self._clocks.note("Kafka", stamped_at,',
        '(lambda *_, **__: None)("Kafka", stamped_at,',
        ("tests/faults/test_time.py::test_a_clock_that_is_not_the_brokers_is_a_warning_that_names_whose",),
    ),
    Mutation(
        "what is said on a stream that nobody here knows",
        "shared/outbox/relay.py",
        "_KNOWN = sorted(STREAMS)",
        "_KNOWN = [*sorted(STREAMS), 'enrolment.newer']",
        (
            "tests/faults/test_one_at_a_time.py::test_what_is_said_on_a_stream_that_takes_nothing_waits_and_keeps_no_other_one_waiting",
        ),
    ),
    Mutation(
        "a stream that takes nothing is left alone",
        "shared/outbox/relay.py",
        "self._away.get(name, (now, 0))[0] <= now]",
        "True]",
        (
            "tests/faults/test_one_at_a_time.py::test_what_is_said_on_a_stream_that_takes_nothing_waits_and_keeps_no_other_one_waiting",
        ),
    ),
    Mutation(
        "a stream that is not answered is not waited for",
        "shared/outbox/relay.py",
        "        _, late = await asyncio.wait(tasks.values(), timeout=self._poll_seconds)\n",
        "        _, late = await asyncio.wait(tasks.values())\n",
        (
            "tests/faults/test_one_at_a_time.py::test_what_is_said_on_a_stream_that_takes_nothing_waits_and_keeps_no_other_one_waiting",
        ),
    ),
    Mutation(
        "what Kafka answers about one stream is about no other one",
        "shared/outbox/relay.py",
        "isinstance(error, _OF_A_STREAM) or self._others_go_on(stream, sending)",
        "self._others_go_on(stream, sending)",
        (
            "tests/faults/test_one_at_a_time.py::test_what_is_said_on_a_stream_that_takes_nothing_waits_and_keeps_no_other_one_waiting",
        ),
    ),
)
