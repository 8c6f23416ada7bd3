"""What we said, and who sends it."""

from tests.mutation.mutation import Mutation

MUTATIONS = (
    Mutation(
        "the relay's lock",
        "shared/outbox/relay.py",
        "sa.select(sa.func.pg_try_advisory_lock(LOCK_KEY))",
        "sa.select(sa.true())",
        ("tests/faults/test_one_at_a_time.py::test_of_two_relays_one_leads_and_the_other_takes_over",),
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
)
