"""The transaction that decides, its due moments, and the rebuild that does without it."""

from tests.mutation.mutation import Mutation

MUTATIONS = (
    Mutation(
        "what a takeover lets in is let in at once",
        "shared/deciding.py",
        "            self.handed_over()\n",
        "            pass\n",
        ("tests/notifications/test_waking.py::test_a_takeover_is_followed_at_once_by_what_it_lets_in",),
    ),
    Mutation(
        "the from-check",
        "shared/deciding.py",
        "    if batch.from_offset > mark.next_offset:",
        "    if False:",
        ("tests/shared/test_lanes.py::test_a_batch_that_does_not_continue_the_watermark_writes_nothing",),
    ),
    Mutation(
        "the quiet recovery",
        "shared/thinking.py",
        "    return until is not None and heard.offset < until",
        "    return False",
        ("tests/enrolment/test_hearing.py::test_a_database_that_lost_everything_says_nothing_twice",),
    ),
    Mutation(
        "the due moment's wait",
        "shared/due.py",
        "                if await is_heard(self._engine, await self._observer.ends_at(streams, some[-1].at)):\n",
        "                if True:\n",
        ("tests/faults/test_one_at_a_time.py::test_a_due_moment_waits_until_everything_said_before_it_has_been_heard",),
    ),
    Mutation(
        "the count of watermarks moved",
        "shared/roundtrips.py",
        "        if written != numbers:",
        "        if False:",
        ("tests/shared/test_roundtrips.py::test_a_watermark_that_is_not_where_it_was_seen_is_not_moved",),
    ),
    Mutation(
        "savepoints, event by event",
        "shared/deciding.py",
        "            thought = await self._transaction(batches, decoded, one_by_one=True)",
        "            raise",
        ("tests/enrolment/test_hearing.py::test_what_the_database_refuses_for_its_content_is_parked_alone",),
    ),
    Mutation(
        "what comes too late for the row makes us decide",
        "shared/thinking.py",
        " or (verdict is Verdict.STALE and kind in working.remember)",
        "",
        ("tests/attendance/test_views.py::test_a_fact_heard_behind_a_newer_one_still_tells_how_the_place_stood",),
    ),
    Mutation(
        "the id of another request",
        "shared/thinking.py",
        "        if not working.is_repeated(heard):",
        "        if False:",
        (
            "tests/faults/test_keys.py::test_a_request_in_kafka_under_the_id_of_another_one_is_set_aside_and_holds_nobody_back",
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
        "a swap drops nothing that is being read",
        "shared/rebuild.py",
        '        f"alter schema {BESIDE} rename to {PROJECTION}",\n',
        '        f"alter schema {BESIDE} rename to {PROJECTION}",\n        f"drop schema {REPLACED} cascade",\n',
        ("tests/faults/test_rebuild.py::test_a_swap_among_readers_and_writers_is_made_and_nobody_is_thrown_out",),
    ),
)
