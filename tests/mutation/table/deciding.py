"""The transaction that decides, its due moments, and what is heard again."""

from tests.mutation.mutation import Mutation

MUTATIONS = (
    Mutation(
        "what a takeover lets in is let in at once",
        "shared/deciding/transaction.py",
        "            self.handed_over()\n",
        "            pass\n",
        ("tests/notifications/test_waking.py::test_a_takeover_is_followed_at_once_by_what_it_lets_in",),
    ),
    Mutation(
        "the from-check",
        "shared/deciding/transaction.py",
        "    if batch.from_offset > mark.next_offset:",
        "    if False:",
        ("tests/shared/test_lanes.py::test_a_batch_that_does_not_continue_the_watermark_writes_nothing",),
    ),
    Mutation(
        "the quiet recovery",
        "shared/deciding/thinking.py",
        "    return until is not None and heard.offset < until",
        "    return False",
        ("tests/enrolment/test_hearing.py::test_a_database_that_lost_everything_says_nothing_twice",),
    ),
    Mutation(
        "the due moment's wait",
        "shared/deciding/due.py",
        "                if await is_heard(self._engine, await self._observer.ends_at(streams, some[-1].at)):\n",
        "                if True:\n",
        ("tests/faults/test_one_at_a_time.py::test_a_due_moment_waits_until_everything_said_before_it_has_been_heard",),
    ),
    Mutation(
        "what is let in, as news",
        "shared/deciding/retry.py",
        "                thought.has_news(row.appended_at)\n",
        "",
        ("tests/notifications/test_waking.py",),
    ),
    Mutation(
        "our own echo, which is no news",
        "shared/deciding/transaction.py",
        "        if part and batch.partition.stream not in own:",
        "        if part:",
        ("tests/notifications/test_waking.py::test_our_own_echo_is_no_news",),
    ),
    Mutation(
        "whoever decides tells the relay",
        "shared/deciding/transaction.py",
        "            self.said(thought.said)\n",
        "            pass\n",
        ("tests/notifications/test_waking.py",),
    ),
    Mutation(
        "an ordinary batch of facts is news",
        "shared/deciding/facts.py",
        "            self._changed(min(appended_at(batch.records[0]) for batch in batches))",
        "            pass",
        ("tests/notifications/test_waking.py",),
    ),
    Mutation(
        "savepoints, event by event",
        "shared/deciding/transaction.py",
        "            return await self._transaction(batches, decoded, one_by_one=True)",
        "            raise",
        ("tests/enrolment/test_hearing.py::test_what_the_database_refuses_for_its_content_is_parked_alone",),
    ),
    Mutation(
        "what was cut is not tried again",
        "shared/deciding/retry.py",
        "            if row.reason in HEADS:",
        "            if False:",
        ("tests/faults/test_memory.py::test_what_was_cut_is_not_tried_again_and_says_so",),
    ),
    Mutation(
        "what comes too late for the row makes us decide",
        "shared/deciding/thinking.py",
        " or (verdict is Verdict.STALE and kind in working.remember)",
        "",
        ("tests/attendance/test_views.py::test_a_fact_heard_behind_a_newer_one_still_tells_how_the_place_stood",),
    ),
    Mutation(
        "a command is in no partition's counts",
        "shared/deciding/retry.py",
        "[Partition(stream, partition)] if partition >= 0 else []",
        "[Partition(stream, partition)]",
        ("tests/attendance/test_api.py::test_what_came_over_http_and_was_parked_can_be_seen_retried_and_discarded",),
    ),
    Mutation(
        "the id of another request",
        "shared/deciding/thinking.py",
        "        if not working.is_repeated(heard):",
        "        if False:",
        (
            "tests/faults/test_keys.py::test_a_request_in_kafka_under_the_id_of_another_one_is_set_aside_and_holds_nobody_back",
        ),
    ),
    Mutation(
        "an erasure empties what is parked",
        "shared/deciding/thinking.py",
        "    erasing.follow(writes, working.erasures)\n",
        "",
        ("tests/shared/test_erasing.py",),
    ),
    Mutation(
        "a request is answered, held or set aside",
        "shared/deciding/thinking.py",
        "            if not working.is_known(heard) and",
        "            if False and",
        (
            "tests/shared/test_working.py::test_a_request_that_is_neither_answered_nor_held_nor_set_aside_is_a_fault_of_ours",
        ),
    ),
    Mutation(
        "another statement under one id that a later one of its batch replaced",
        "shared/deciding/facts.py",
        "    conditions += [~_stand(table, unnested(table, prefix=SUPERSEDED)) for table in superseded]\n",
        "",
        ("tests/shared/test_lanes.py::test_both_lanes_come_to_the_same",),
    ),
)
