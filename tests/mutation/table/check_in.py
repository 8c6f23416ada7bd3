"""Who checks in, by whom, when and with what."""

from tests.mutation.mutation import Mutation

MUTATIONS = (
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
        "        wrong := misfit(body.scanned_at, heard.appended_at, session, meeting, rules)",
        "        wrong := None",
        ("tests/attendance/test_decisions.py",),
    ),
    Mutation(
        "a code does not override what was marked after it",
        "services/attendance/scanning.py",
        "        if _is_contradicted_by(one, body.scanned_at):",
        "        if False:",
        (
            "tests/attendance/test_marking.py::test_a_code_read_before_somebody_was_marked_absent_changes_nothing_and_is_known",
        ),
    ),
    Mutation(
        "who comes after being marked absent is there",
        "services/attendance/scanning.py",
        "record.scanned_at is not None and scanned_at <= record.scanned_at",
        "record.scanned_at is not None",
        ("tests/attendance/test_marking.py::test_somebody_marked_absent_who_comes_after_that_is_there",),
    ),
    Mutation(
        "a later code of a walk-in is theirs who it was",
        "services/attendance/scanning.py",
        "    if record is not None and theirs is None and is_anothers(working, record):",
        "    if False:",
        ("tests/attendance/test_marking.py::test_a_code_of_a_walk_in_that_comes_later_is_theirs_who_it_was",),
    ),
    Mutation(
        "a ticket is good for check-in alone",
        "shared/web/links.py",
        '        if (key.audience, claims["aud"], claims["use"]) != (audience, audience, Purpose.CHECK_IN.value):',
        "        if False:",
        ("tests/shared/test_tickets.py::test_a_ticket_is_good_for_check_in_alone_and_a_link_is_no_ticket",),
    ),
    Mutation(
        "a ticket ends",
        "shared/web/links.py",
        "    if now >= min(until, key.verifies_until):\n        return TicketRefused.EXPIRED",
        "    if False:\n        return TicketRefused.EXPIRED",
        ("tests/shared/test_tickets.py::test_a_ticket_ends_with_its_time_or_with_its_key",),
    ),
    Mutation(
        "a ticket for another session lets nobody in",
        "services/attendance/checking.py",
        "    if scan.session_id is not None and scan.session_id != ticket.session_id:",
        "    if False:",
        ("tests/attendance/test_checking.py::test_every_ticket_that_lets_nobody_in_is_refused_by_name",),
    ),
    Mutation(
        "a ticket is judged by when it was read",
        "services/attendance/checking.py",
        "    then = min(scan.scanned_at, now)",
        "    then = now",
        (
            "tests/attendance/test_checking.py::test_a_ticket_that_was_good_at_the_door_is_good_when_the_device_sends_it_weeks_later",
        ),
    ),
    Mutation(
        "a ticket is of the day on which it was read, also if there is no such day any more",
        "services/attendance/checking.py",
        "        meeting = meeting_at(sessions.get(session_id), scan.scanned_at, rules, gone.get(session_id, ()))",
        "        meeting = meeting_at(sessions.get(session_id), scan.scanned_at, rules)",
        (
            "tests/attendance/test_checking.py::test_a_ticket_that_a_device_has_kept_is_of_the_day_on_which_it_was_read_also_if_there_is_no_such_day_any_more",
            "tests/attendance/test_checking.py::test_a_ticket_that_was_read_in_an_afternoon_that_there_is_no_more_says_nothing_of_the_morning",
        ),
    ),
    Mutation(
        "a day that was dropped before its list had closed is none that a ticket was read on",
        "services/attendance/views.py",
        " if had_closed(gone.get((session_id, meeting_id)), meeting)\n",
        "\n",
        (
            "tests/attendance/test_checking.py::test_a_ticket_of_a_day_that_was_dropped_and_did_not_take_place_is_of_none",
        ),
    ),
    Mutation(
        "a ticket is also of a day that is dropped while its list is put right",
        "services/attendance/lists.py",
        "(not found.is_open or is_put_right(found, meeting))",
        "not found.is_open",
        (
            "tests/attendance/test_checking.py::test_a_ticket_of_a_day_whose_list_is_put_right_and_that_is_dropped_meanwhile_is_of_that_day",
        ),
    ),
    Mutation(
        "somebody else's ticket lets nobody in",
        "services/attendance/checking.py",
        "    if scan.person_id is not None and scan.person_id != ticket.person_id:",
        "    if False:",
        ("tests/attendance/test_checking.py::test_every_ticket_that_lets_nobody_in_is_refused_by_name",),
    ),
    Mutation(
        "a code on the screen is of one meeting",
        "services/attendance/rooms.py",
        '        secret = hmac.digest(key, f"{session_id}/{meeting_id}".encode(), "sha256")  # No id holds a slash.',
        '        secret = hmac.digest(key, b"", "sha256")',
        ("tests/attendance/test_rooms.py::test_a_code_is_of_one_meeting_of_one_session_under_one_key",),
    ),
    Mutation(
        "a code on the screen becomes too old",
        "services/attendance/rooms.py",
        "    counting = [one for one in ours if now < one[1] + rules.code_lives + rules.grace]",
        "    counting = ours",
        ("tests/attendance/test_rooms.py::test_it_counts_while_it_is_typed_and_then_is_too_old",),
    ),
    Mutation(
        "nobody checks in before the hour or after the end",
        "services/attendance/rooms.py",
        "    open_now = tuple(one for one in session.meetings if rules.is_taken(one, now))",
        "    open_now = session.meetings",
        ("tests/attendance/test_rooms.py::test_nobody_checks_in_before_the_hour_or_after_the_end",),
    ),
    Mutation(
        "who guesses codes is stopped",
        "services/attendance/pages/check_in.py",
        "        if guesses.are_too_many(*about):",
        "        if False:",
        (
            "tests/attendance/test_check_in.py::test_who_guesses_is_stopped_and_cannot_come_in_with_the_right_code_after_that",
        ),
    ),
    Mutation(
        "the screen is for a trainer of now",
        "services/attendance/pages/room.py",
        "        if session is None or meeting is None or not await reading.trains(runtime.reading, session, person_id):",
        "        if session is None or meeting is None:",
        ("tests/attendance/test_check_in.py::test_the_screens_address_opens_no_list_and_dies_with_the_trainer",),
    ),
    Mutation(
        "the screen has a pass of its own",
        "services/attendance/pages/room.py",
        "        session = await reading.session(runtime.reading, session_id) if is_ours else None",
        "        session = await reading.session(runtime.reading, session_id)",
        ("tests/attendance/test_check_in.py::test_the_screens_address_opens_no_list_and_dies_with_the_trainer",),
    ),
    Mutation(
        "the same code sent twice is one scan",
        "services/attendance/pages/check_in.py",
        "            scanned_at=admitted.shown_at,",
        "            scanned_at=runtime.service.clock(),",
        ("tests/attendance/test_check_in.py::test_the_same_code_sent_twice_at_once_is_one_scan",),
    ),
    Mutation(
        "whoever gave the place back does not check in alone",
        "services/attendance/pages/check_in.py",
        "            return RoomRule.NOT_ON_THE_LIST",
        "            pass",
        ("tests/attendance/test_check_in.py::test_whoever_gave_the_place_back_is_sent_to_the_trainer",),
    ),
    Mutation(
        "a code of a former id is judged by what is recorded of who stays",
        "services/attendance/scanning.py",
        "    recorded = [one for one in (record, theirs) if one is not None]",
        "    theirs = None\n    recorded = [one for one in (record, theirs) if one is not None]",
        (
            "tests/attendance/test_merging.py::test_a_former_ticket_that_comes_late_says_that_they_came_although_the_list_had_them_as_absent",
        ),
    ),
    Mutation(
        "a tap without script names its training",
        "services/attendance/pages/lists.py",
        "_id(link.session_id, *asked.values())",
        "_id(*asked.values())",
        ("tests/attendance/test_pages.py::test_the_same_tap_on_the_list_of_another_training_is_another_mark",),
    ),
    Mutation(
        "nobody is confirmed to have been there on a day that lies ahead",
        "services/attendance/scanning.py",
        "    return record.state.came and told_of(record, meeting, rules, is_closed=is_closed) is not None",
        "    return record.state.came",
        (
            "tests/attendance/test_own_papers.py::test_of_a_day_that_was_moved_since_it_is_not_confirmed_that_anybody_was_there",
        ),
    ),
    Mutation(
        "a time that the clocks skip is none",
        "services/attendance/pages/opening.py",
        "    if moment.astimezone(wall.tzinfo).replace(fold=0) != wall.replace(fold=0):",
        "    if False:",
        ("tests/attendance/test_pages.py::test_a_time_that_the_clocks_skip_is_none",),
    ),
    Mutation(
        "a telephone may keep the page until a list that was opened again is to close",
        "services/attendance/pages/lists.py",
        "max(max(rules.closes_at(one), open_until(lists.get(one.meeting_id), rules)) for one in session.meetings)",
        "max(rules.closes_at(one) for one in session.meetings)",
        (
            "tests/attendance/test_pages.py::test_a_telephone_may_keep_the_page_until_the_last_list_is_to_close_also_one_that_was_opened_again",
        ),
    ),
    Mutation(
        "whoever is said to take part does",
        "services/attendance/scanning.py",
        "    role = said or (record.role if record is not None else Role.PARTICIPANT)",
        "    role = (record.role if record is not None else None) or said or Role.PARTICIPANT",
        (
            "tests/attendance/test_marking.py::test_whoever_was_marked_as_an_observer_is_one_until_it_is_said_that_they_take_part",
        ),
    ),
    Mutation(
        "an excuse for a day says nothing of an earlier one",
        "services/attendance/scanning.py",
        "    return not record.state.came and rules.is_too_late(meeting, when) and _was_said_before(record, meeting)",
        "    return False",
        (
            "tests/attendance/test_marking.py::test_an_excuse_for_a_day_says_nothing_of_an_earlier_one_to_which_that_is_moved",
        ),
    ),
    Mutation(
        "what was said of a day that had begun stands on an earlier date",
        "services/attendance/scanning.py",
        "rules.is_too_late(meeting, when) and _was_said_before(record, meeting)",
        "rules.is_too_late(meeting, when)",
        (
            "tests/attendance/test_marking.py::test_what_was_said_of_a_day_that_had_begun_stands_where_its_date_is_put_right_to_an_earlier_one",
        ),
    ),
    Mutation(
        "a late code of a day that is called otherwise counts by its hours",
        "services/attendance/scanning.py",
        "    hours = meeting or meeting_once(working, session, body.meeting_id)",
        "    hours = meeting",
        (
            "tests/attendance/test_marking.py::test_what_is_heard_late_of_a_day_that_was_called_otherwise_counts_by_the_hours_that_it_had",
        ),
    ),
    Mutation(
        "a code of another day says nothing of the hours of one that was dropped",
        "services/attendance/scanning.py",
        "    if meeting is None and hours is not None and not rules.fits(hours, body.scanned_at):",
        "    if False:",
        (
            "tests/attendance/test_marking.py::test_what_is_heard_late_of_a_day_that_was_called_otherwise_counts_by_the_hours_that_it_had",
        ),
    ),
)
