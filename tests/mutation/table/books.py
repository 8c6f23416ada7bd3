"""What is kept beside the rows: how far it was heard, what is set aside, held or erased."""

from tests.mutation.mutation import Mutation

MUTATIONS = (
    Mutation(
        "whom a misplaced record is about, once they are erased",
        "shared/books/erasing.py",
        "        named |= {text} if field in",
        "        named |= set() if field in",
        (
            "tests/shared/test_erasing.py::test_what_comes_after_the_erasure_under_a_wrong_key_or_on_a_wrong_stream_leaves_no_bytes_either",
        ),
    ),
    Mutation(
        "the watermark's fence: its lock and its condition",
        "shared/books/watermark.py",
        ".with_for_update(of=WATERMARK)\n_READ",
        "\n_READ",
        ("tests/faults/test_one_at_a_time.py::test_a_batch_heard_by_two_at_once_is_heard_once",),
        backed_up_by=(
            "        .where(WATERMARK.c.next_offset == move.c.from_offset)\n        .values(",
            "        .values(",
        ),
    ),
    Mutation(
        "types made up do not fill the table",
        "shared/books/parking.py",
        "or len(types[part]) < MOST_TYPES else",
        "or True else",
        ("tests/faults/test_memory.py::test_types_made_up_one_after_the_other_do_not_fill_the_table",),
    ),
    Mutation(
        "a list of parked records asks for no bytes",
        "shared/books/parking.py",
        "    statement = sa.select(*_ABOUT_THEM).where(PARKED.c.state == state)",
        "    statement = sa.select(PARKED).where(PARKED.c.state == state)",
        ("tests/faults/test_memory.py::test_a_list_of_parked_records_asks_for_no_bytes",),
    ),
    Mutation(
        "nobody waits behind what can never be decided",
        "shared/books/parking.py",
        " if reason != Reason.ID_REUSED else None",
        "",
        (
            "tests/faults/test_keys.py::test_a_request_in_kafka_under_the_id_of_another_one_is_set_aside_and_holds_nobody_back",
        ),
    ),
    Mutation(
        "nothing is parked about the erased",
        "shared/books/erasing.py",
        "    return [_emptied(row) if any(map(is_erased, about.get(row, ()))) else row for row in rows]",
        "    return list(rows)",
        ("tests/shared/test_erasing.py::test_what_comes_after_the_erasure_is_parked_without_its_bytes",),
    ),
    Mutation(
        "what is given up is emptied",
        "shared/books/parking.py",
        '    values = {**EMPTIED, "state"',
        '    values = {"state"',
        ("tests/shared/test_erasing.py",),
    ),
    Mutation(
        "what only a newer release can read is nothing to this one",
        "shared/books/holding.py",
        "        return (one for one in found if _is_readable(working, one))\n",
        "        return found\n",
        (
            "tests/shared/test_rolled_back.py::test_what_cannot_be_read_waits_for_a_release_that_can_and_keeps_nobody_from_being_heard",
        ),
    ),
    Mutation(
        "what this release of a service does not decide is nothing to it, though the code knows it",
        "shared/books/holding.py",
        "        return type(heard_again(held).body) in working.decides\n",
        "        return bool(heard_again(held))\n",
        ("tests/shared/test_rolled_back.py::test_what_is_known_and_not_decided_here_waits_too",),
    ),
    Mutation(
        "nothing is looked at of what is held under an id and cannot be read",
        "shared/books/holding.py",
        "        return (one for one in found if Held.key_of(one) not in working.unreadable)\n",
        "        return found\n",
        (
            "tests/shared/test_rolled_back.py::test_attendance_takes_nothing_under_such_an_id_and_looks_at_nothing_of_it",
            "tests/shared/test_rolled_back.py::test_an_id_under_which_a_word_is_held_that_cannot_be_read_belongs_to_that",
        ),
    ),
    Mutation(
        "what cannot be read waits no longer once it is answered",
        "shared/state/working.py",
        "        if key in self.unreadable:\n",
        "        if False:\n",
        ("tests/shared/test_rolled_back.py::test_what_cannot_be_read_waits_no_longer_once_a_fact_has_answered_it",),
    ),
    Mutation(
        "what was answered without a fact is known after a restart",
        "shared/books/holding.py",
        "    reads.by_key(working[Unchanged], UNCHANGED, wanted, seldom=True)\n",
        "",
        ("tests/attendance/test_api.py::test_what_was_answered_without_a_fact_is_known_after_a_restart",),
    ),
    Mutation(
        "an id under an erasure, however it is spelled",
        "shared/books/erasing.py",
        '    return "".join(f"(?:[{letter}]|%{escaped(letter)}|\\\\\\\\\\\\\\\\u00{escaped(letter)})" for letter in text)',
        '    return "".join(f"(?:[{letter}])" for letter in text)',
        ("tests/shared/test_erasing.py::test_an_id_is_found_however_it_is_spelled",),
    ),
    Mutation(
        "an id of who is erased already, however it is spelled",
        "shared/books/erasing.py",
        '    return _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), text.replace(b"\\0", b""))',
        "    return text",
        ("tests/shared/test_erasing.py::test_an_id_is_found_however_it_is_spelled",),
    ),
    Mutation(
        "who is erased is looked up in each text once",
        "shared/books/erasing.py",
        "_found_in(_escaped, _escaped.c.piece",
        "_found_in(_pieces, _pieces.c.piece",
        (
            "tests/shared/test_erasing.py::test_a_clean_up_of_the_directory_takes_no_longer_for_what_a_bad_release_of_it_had_parked",
        ),
    ),
)
