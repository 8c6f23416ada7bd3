"""Who was there: lists, scans and their books."""

from tests.mutation.mutation import Mutation

MUTATIONS = (
    Mutation(
        "a day dropped after its list was to close",
        "services/attendance/lists.py",
        "(begins is None or due.at >= begins):",
        "(begins is not None and due.at >= begins):",
        (
            "tests/attendance/test_lists.py::test_a_day_that_was_dropped_after_its_list_was_to_close_took_place_also_if_that_is_heard_before_it_is_decided",
        ),
    ),
    Mutation(
        "awaited is who had a place when the list closed",
        "services/attendance/history.py",
        "        if said.held_at(moment, rules) and (said",
        "        if (said",
        ("tests/attendance/test_history.py::test_who_is_given_a_place_after_closing_was_not_awaited",),
    ),
    Mutation(
        "the owner's word about a place goes first",
        "services/attendance/history.py",
        "        rank = (owner, said.version if owner else 0, said.decided_at",
        "        rank = (said.version",
        (
            "tests/attendance/test_views.py::test_the_word_of_whoever_took_a_place_over_goes_before_what_was_said_before",
        ),
    ),
    Mutation(
        "a former writer keeps to one way of numbering",
        "shared/state/ownership.py",
        "        one.source == said.source and one.numbered != said.numbered\n",
        "        False\n",
        (
            "tests/attendance/test_views.py::test_a_former_writer_who_numbers_otherwise_is_not_remembered_any_more_than_an_owner_would_be",
        ),
    ),
    Mutation(
        "the books count places as they stood",
        "services/attendance/books.py",
        "        .where(IS_CLOSED, HELD_THEN)",
        "        .where(IS_CLOSED)",
        ("tests/attendance/test_views.py::test_the_books_count_who_had_a_place_when_the_list_closed",),
    ),
    Mutation(
        "a list whose meeting lies after its closing is open again",
        "services/attendance/handlers.py",
        "    _reopen(working, heard.body.session_id, heard)",
        "    pass",
        ("tests/attendance/test_lists.py::test_a_list_whose_meeting_is_moved_to_after_its_closing_is_open_again",),
    ),
    Mutation(
        "the lists of others are not opened by us",
        "services/attendance/closing.py",
        "meeting.starts_at <= closed.decided_at or not is_ours(working, closed):",
        "meeting.starts_at <= closed.decided_at:",
        ("tests/attendance/test_lists.py::test_a_list_of_another_source_is_never_opened_by_us",),
    ),
    Mutation(
        "a closing that is due moves with a meeting that will begin after it",
        "services/attendance/lists.py",
        " and (begins is None or due.at >= begins):",
        ":",
        ("tests/attendance/test_lists.py::test_a_meeting_moved_before_its_closing_was_decided_comes_to_the_same",),
    ),
    Mutation(
        "no list closes before its meeting begins",
        "services/attendance/closing.py",
        "(meeting.starts_at > at or rules.is_history(meeting)):",
        "rules.is_history(meeting):",
        ("tests/attendance/test_lists.py::test_a_list_that_is_open_again_is_not_closed_before_its_meeting_begins",),
    ),
    Mutation(
        "another day's scan does not count",
        "services/attendance/scanning.py",
        "    return not (moved and is_ours(working, record))",
        "    return True",
        ("tests/attendance/test_lists.py",),
    ),
    Mutation(
        "a scan of a time that cannot be is set aside",
        "services/attendance/scanning.py",
        "    if wrong := misfit(body.scanned_at, heard.appended_at, session, meeting, rules):",
        "    if wrong := None:",
        ("tests/attendance/test_decisions.py",),
    ),
    Mutation(
        "people stand in the order of the alphabet",
        "services/attendance/views.py",
        "sorted(found, key=lambda one: by_name(one.family_name, one.given_name, one.person_id))",
        "found",
        ("tests/attendance/test_views.py::test_a_roster_stands_in_the_order_of_the_polish_alphabet",),
    ),
    Mutation(
        "a list that is closed, asked with another one's key",
        "services/attendance/api.py",
        "        became = await runtime.commands.submit(heard)  # Also if it is closed: the key may be that of another command.",
        "        if closed is None:\n            became = await runtime.commands.submit(heard)",
        ("tests/faults/test_keys.py::test_a_scan_or_the_closing_of_a_list_is_refused_under_another_ones_key",),
    ),
    Mutation(
        "what a stranger tells of the past holds from when it is heard",
        "services/attendance/history.py",
        "        return self.decided_at <= moment and (self.heard_at",
        "        return self.decided_at <= moment and (self.decided_at",
        ("tests/attendance/test_history.py",),
    ),
    Mutation(
        "who gave a place back in time was not awaited",
        "services/attendance/history.py",
        "            return min(self.decided_at, self.given_back_at or self.decided_at) <= moment",
        "            return self.decided_at <= moment",
        ("tests/attendance/test_history.py",),
    ),
    Mutation(
        "the books know since when a place stood so",
        "services/attendance/store.py",
        "sa.func.least(PLACE_SAID.c.decided_at, PLACE_SAID.c.given_back_at)",
        "PLACE_SAID.c.decided_at",
        ("tests/attendance/test_views.py::test_the_books_know_since_when_a_place_stood_as_the_lists_do",),
    ),
    Mutation(
        "whoever counts a closed list loads the moment it was due",
        "services/attendance/store.py",
        "for session_id in touched.timed | closed",
        "for session_id in touched.timed",
        ("tests/attendance/test_handlers.py", "tests/attendance/test_decisions.py"),
    ),
    Mutation(
        "several writers of one place in one batch",
        "services/attendance/store.py",
        "set()).add(source)",
        "set()).update({source} if place else ())",
        (
            "tests/attendance/test_handlers.py::test_what_two_writers_say_of_one_place_comes_to_the_same_in_one_batch_as_in_two",
        ),
    ),
    Mutation(
        "what was before go-live is told by others",
        "services/attendance/history.py",
        " <= moment or rules.is_told(moment))",
        " <= moment)",
        ("tests/attendance/test_history.py",),
    ),
    Mutation(
        "whoever keeps a list tells who had a place then",
        "services/attendance/store.py",
        "            LIST_TABLE.c.source != OURS,",
        "            sa.false(),",
        ("tests/attendance/test_views.py::test_the_books_let_whoever_keeps_a_list_tell_who_had_a_place_then",),
    ),
)
