"""What is set aside, let in again, given up or erased."""

from tests.mutation.mutation import Mutation

MUTATIONS = (
    Mutation(
        "whom a misplaced record is about, once they are erased",
        "shared/erasing.py",
        "    if misplaced or row.reason == Reason.WRONG_KEY:",
        "    if False:",
        (
            "tests/shared/test_erasing.py::test_what_comes_after_the_erasure_under_a_wrong_key_or_on_a_wrong_stream_leaves_no_bytes_either",
        ),
    ),
    Mutation(
        "what is let in, as news",
        "shared/retry.py",
        "        self._desk.changed(row.appended_at)\n",
        "",
        ("tests/notifications/test_waking.py",),
    ),
    Mutation(
        "types made up do not fill the table",
        "shared/parking.py",
        "or len(types[part]) < MOST_TYPES else",
        "or True else",
        ("tests/faults/test_memory.py::test_types_made_up_one_after_the_other_do_not_fill_the_table",),
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
        "no scan holds back another",
        "shared/parking.py",
        '    return isinstance(body, Request) and body.scope == ("session_id", "person_id")',
        "    return isinstance(body, Request)",
        ("tests/attendance/test_api.py::test_a_parked_scan_holds_back_no_other_scan_of_the_same_person",),
    ),
    Mutation(
        "a command is in no partition's counts",
        "shared/retry.py",
        "[Partition(stream, partition)] if partition >= 0 else []",
        "[Partition(stream, partition)]",
        ("tests/attendance/test_api.py::test_what_came_over_http_and_was_parked_can_be_seen_retried_and_discarded",),
    ),
    Mutation(
        "nobody waits behind what can never be decided",
        "shared/parking.py",
        " and reason != Reason.ID_REUSED",
        "",
        (
            "tests/faults/test_keys.py::test_a_request_in_kafka_under_the_id_of_another_one_is_set_aside_and_holds_nobody_back",
        ),
    ),
    Mutation(
        "nothing is parked about the erased",
        "shared/erasing.py",
        "    return [_emptied(row) if any(map(is_erased, about.get(row, ()))) else row for row in rows]",
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
)
