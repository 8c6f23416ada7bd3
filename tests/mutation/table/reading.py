"""What is read from Kafka, and how much of it at once."""

from tests.mutation.mutation import Mutation

MUTATIONS = (
    Mutation(
        "a request is known by what its contract names",
        "shared/envelope.py",
        "exclude_defaults=True, include=known)",
        "exclude_defaults=True)",
        (
            "tests/enrolment/test_order.py::test_a_request_with_a_field_that_nobody_knows_is_the_same_one_sent_again_also_after_it_was_held",
        ),
    ),
    Mutation(
        "what only a service can know of itself",
        "shared/decoding.py",
        " and source != stream.owner:",
        " and False:",
        ("tests/shared/test_decoding.py::test_what_only_a_service_can_know_of_itself_is_said_by_nobody_else",),
    ),
    Mutation(
        "a header name that is not UTF-8 is read with care",
        "shared/fetching.py",
        "            except (UnicodeDecodeError, CorruptRecordException):",
        "            except CorruptRecordException:",
        (
            "tests/faults/test_hard_input.py::test_a_header_name_that_is_not_utf8_is_read_over_and_nothing_beside_it_is_lost",
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
        "            elif name in _READ and value != headers[name]:",
        "            elif False:",
        ("tests/shared/test_decoding.py::test_an_attribute_that_stands_there_twice_counts_if_both_say_the_same",),
    ),
)
