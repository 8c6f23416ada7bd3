"""What is fetched, and how much of it at once."""

from tests.mutation.mutation import Mutation

MUTATIONS = (
    Mutation(
        "a topic that is not there is named",
        "shared/kafka/observer.py",
        "            self._gone |= ",
        "            set[str]() | ",
        ("tests/shared/test_observer.py::test_a_topic_that_somebody_deleted_is_named_until_it_is_there_again",),
    ),
    Mutation(
        "a header name that is not UTF-8 is read with care",
        "shared/kafka/fetching.py",
        "            except (UnicodeDecodeError, CorruptRecordException):",
        "            except CorruptRecordException:",
        (
            "tests/faults/test_hard_input.py::test_a_header_name_that_is_not_utf8_is_read_over_and_nothing_beside_it_is_lost",
        ),
    ),
    Mutation(
        "unpacking within a limit",
        "shared/kafka/unpacking.py",
        "            if len(unpacked) > most:\n                return None\n",
        "",
        ("tests/shared/test_unpacking.py::test_a_batch_that_unpacks_to_more_than_the_limit_is_read_piece_by_piece",),
    ),
    Mutation(
        "large records are found before they are read whole",
        "shared/kafka/unpacking.py",
        "            if length > PLAIN_BYTES:\n                return False\n",
        "",
        ("tests/shared/test_unpacking.py::test_the_limits_of_a_record_are_exact_and_the_same_however_it_is_packed",),
    ),
    Mutation(
        "the work that one batch may make",
        "shared/kafka/unpacking.py",
        "        if self.at > self.most:\n            raise _TooMuch\n",
        "",
        ("tests/shared/test_unpacking.py::test_a_batch_that_would_make_work_for_minutes_is_given_up",),
    ),
    Mutation(
        "others' turns while a bomb is unpacked",
        "shared/kafka/unpacking.py",
        "            self.paused_at = self.at\n            yield PAUSE\n",
        "            self.paused_at = self.at\n            yield from ()\n",
        ("tests/shared/test_unpacking.py::test_whoever_unpacks_a_bomb_lets_others_have_their_turn",),
    ),
    Mutation(
        "a block of snappy that lies",
        "shared/kafka/inflating.py",
        "    if size > _SNAPPY_MOST * len(block):",
        "    if False:",
        ("tests/shared/test_unpacking.py::test_a_block_of_snappy_that_lies_about_its_size_is_not_believed",),
    ),
    Mutation(
        "the bytes that are handed on at once",
        "shared/kafka/fetching.py",
        "                if weight >= most_bytes or len(found) == most:",
        "                if len(found) == most:",
        ("tests/faults/test_memory.py::test_what_is_handed_on_at_once_is_bounded_in_bytes_and_nothing_is_lost",),
    ),
    Mutation(
        "a damaged batch is set aside the second time",
        "shared/kafka/fetching.py",
        "        if _damaged.get(place) != checksum:",
        "        if True:",
        (
            "tests/faults/test_memory.py::test_a_damaged_batch_is_fetched_again_then_set_aside_and_its_partition_goes_on",
        ),
    ),
    Mutation(
        "a broker of which nobody knows what it heard is told everything again",
        "shared/kafka/sessions.py",
        "        session.lost()  # Until",
        "        # Until",
        ("tests/shared/test_fetch_sessions.py::test_whenever_the_broker_may_not_know_everything_is_named_again",),
    ),
    Mutation(
        "a broker that has forgotten the session is told everything again",
        "shared/kafka/sessions.py",
        " and not response.error_code and response.session_id:",
        " and response.session_id:",
        ("tests/shared/test_fetch_sessions.py::test_whenever_the_broker_may_not_know_everything_is_named_again",),
    ),
    Mutation(
        "what is not read any more is taken out of the session",
        "shared/kafka/sessions.py",
        "for tp in known.keys() - asked.keys())",
        "for tp in ())",
        ("tests/shared/test_fetch_sessions.py::test_what_rests_is_forgotten_and_named_again_when_it_is_read_again",),
    ),
    Mutation(
        "a moment before any log",
        "shared/kafka/observer.py",
        "max(0, int(moment.timestamp() * 1000) + 1)",
        "int(moment.timestamp() * 1000) + 1",
        ("tests/faults/test_one_at_a_time.py::test_a_moment_from_before_any_log_is_decided_like_every_other",),
    ),
    Mutation(
        "a damaged batch is not believed where it ends",
        "shared/kafka/fetching.py",
        "        said = max(1, min(batch.next_offset - batch.base_offset, batch.count))",
        "        said = batch.next_offset - batch.base_offset",
        ("tests/shared/test_unpacking.py::test_wherever_a_batch_is_damaged_what_stands_behind_it_is_read",),
    ),
)
