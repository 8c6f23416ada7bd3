"""What calendars answer to invitations, and what they fetch."""

from tests.mutation.mutation import Mutation

MUTATIONS = (
    Mutation(
        "a town that may not nominate any more is called no more",
        "services/notifications/reading_feeds.py",
        "                CALL.c.until > NOW,\n",
        "",
        (
            "tests/notifications/test_feeds.py::test_a_towns_calendar_has_what_is_for_its_people_and_nobodys_own_entries",
        ),
    ),
    Mutation(
        "an address of one purpose is none of another",
        "services/notifications/returning.py",
        'f"{self._purpose}\\x1f{name}"',
        'f"\\x1f{name}"',
        (
            "tests/notifications/test_answered.py::test_an_address_of_one_purpose_is_none_of_another_also_in_one_mailbox",
        ),
    ),
    Mutation(
        "an answer is about the entry whose organiser it came to",
        "services/notifications/answering.py",
        "    if reply.uid != entry_uid(invited.session_id, invited.person_id):\n",
        "    if False:\n",
        ("tests/notifications/test_answering.py::test_what_is_not_theirs_to_say_or_says_nothing_comes_to_nothing",),
    ),
    Mutation(
        "whoever was forwarded an invitation answers for themselves",
        "services/notifications/answering.py",
        "if invited.is_them(one, mail)]",
        "if True]",
        ("tests/notifications/test_answering.py::test_whoever_was_forwarded_an_invitation_answers_for_nobody_else",),
    ),
    Mutation(
        "the address that was written to then stays theirs",
        "services/notifications/answering.py",
        "is_the_same(mail.said.mailbox, digest):\n            return True",
        "is_the_same(mail.said.mailbox, digest):\n            pass",
        (
            "tests/notifications/test_answering.py::test_the_address_that_the_mail_went_to_stays_theirs_when_the_directory_has_another",
        ),
    ),
    Mutation(
        "a day of several is not the place",
        "services/notifications/answering.py",
        "    if reply.is_of_one_day and len(mail.said.says.meetings) > 1:\n",
        "    if False:\n",
        ("tests/notifications/test_answering.py::test_a_day_of_several_is_not_the_place",),
    ),
    Mutation(
        "what was called off since is answered by nobody",
        "services/notifications/answering.py",
        "or invited.is_called_off_after(reply.sequence):",
        "or False:",
        (
            "tests/notifications/test_answering.py::test_an_answer_to_what_was_called_off_since_is_none_to_what_was_told_after",
        ),
    ),
    Mutation(
        "the newest answer of a calendar counts",
        "services/notifications/answering.py",
        "        if (reply.sequence, answered_at) < (known.sequence, known.answered_at):\n",
        "        if False:\n",
        ("tests/notifications/test_answering.py::test_the_newest_answer_counts_in_whatever_order_they_come",),
    ),
    Mutation(
        "an answer that is sent twice is said once",
        "services/notifications/answering.py",
        "        if same and reply.stamped_at is not None:\n",
        "        if False:\n",
        (
            "tests/notifications/test_answered.py::test_what_a_calendar_answers_to_the_invitation_that_was_sent_is_said_once",
        ),
    ),
    Mutation(
        "a calendar whose clock is fast silences nobody",
        "services/notifications/answering.py",
        "answered_at = min(max(reply.stamped_at or working.now, mail.decided_at), working.now)",
        "answered_at = max(reply.stamped_at or working.now, mail.decided_at)",
        ("tests/notifications/test_answering.py::test_a_calendar_whose_clock_is_fast_silences_nobody",),
    ),
    Mutation(
        "nobody has answered before they were asked",
        "services/notifications/answering.py",
        "min(max(reply.stamped_at or working.now, mail.decided_at), working.now)",
        "min(reply.stamped_at or working.now, working.now)",
        ("tests/notifications/test_answering.py::test_nobody_has_answered_before_the_mail_was_written",),
    ),
    Mutation(
        "nobody answers for whoever is erased",
        "services/notifications/answering.py",
        "or (invited.person is not None and invited.person.erased):",
        "or False:",
        ("tests/notifications/test_answering.py::test_nobody_answers_for_whoever_is_erased",),
    ),
    Mutation(
        "an answer that is faster than our own outcome comes again",
        "services/notifications/listening.py",
        "                    return None  # It was answered before our own outcome was written.\n",
        "                    pass\n",
        (
            "tests/notifications/test_answered.py::test_an_answer_that_is_faster_than_our_own_outcome_is_asked_to_come_again",
        ),
    ),
    Mutation(
        "an invitation that is quoted is no answer",
        "services/notifications/replies.py",
        '    if str(method).strip().upper() != "REPLY":\n',
        "    if False:\n",
        (
            "tests/notifications/test_replies.py::test_an_invitation_that_somebody_quotes_or_another_time_that_they_propose_is_no_answer",
        ),
    ),
    Mutation(
        "an automatic answer is taken and is nothing",
        "services/notifications/replies.py",
        '    return not mail_from or submitted != "no" or bool(headers.intersection(_AUTOMATIC))',
        "    return False",
        (
            "tests/notifications/test_replies.py::test_nobody_waits_for_anything_to_come_of_an_automatic_answer_or_a_loop",
        ),
    ),
    Mutation(
        "a calendar that is too large is not parsed",
        "services/notifications/replies.py",
        "    if len(content) > CALENDAR_BYTES:\n",
        "    if False:\n",
        ("tests/notifications/test_replies.py::test_what_is_out_of_bounds_or_torn_is_not_read",),
    ),
    Mutation(
        "a program is asked for an answer where it is heard, and nowhere else",
        "services/notifications/place_sheet.py",
        "office.hears_calendars and mail.takes_answers",
        "office.hears_calendars",
        (
            "tests/notifications/test_invited.py::test_a_trainers_entry_and_an_office_that_hears_no_calendars_are_as_ever",
        ),
    ),
    Mutation(
        "an answer about other times is none to these",
        "services/enrolment/replies.py",
        "RefusalReason.SESSION_MOVED if body.about_times != session.times else None",
        "None",
        ("tests/enrolment/test_calendar_answers.py::test_an_answer_about_other_times_is_none_to_these",),
    ),
    Mutation(
        "an entry in a calendar answers no offer",
        "services/enrolment/replies.py",
        "        reason = RefusalReason.NO_PLACE\n    if reason is None:\n",
        "        pass\n    if reason is None:\n",
        ("tests/enrolment/test_calendar_answers.py::test_an_entry_in_a_calendar_answers_no_offer",),
    ),
    Mutation(
        "the link of whoever is erased opens no calendar",
        "services/notifications/reading_feeds.py",
        "    if row.erased:\n        return Closed.ERASED\n",
        "",
        (
            "tests/notifications/test_feeds.py::test_the_link_of_whoever_is_erased_or_somebody_else_by_now_opens_nothing",
        ),
    ),
    Mutation(
        "the link of whoever is somebody else by now opens no calendar",
        "services/notifications/reading_feeds.py",
        "    return Closed.EXPIRED if row.merged_into is not None else None",
        "    return None",
        (
            "tests/notifications/test_feeds.py::test_the_link_of_whoever_is_erased_or_somebody_else_by_now_opens_nothing",
        ),
    ),
    Mutation(
        "a town's calendar is for whoever coordinates it today",
        "services/notifications/reading_feeds.py",
        "COORDINATOR.c.city_id == _CITY, COORDINATES",
        "COORDINATOR.c.city_id == _CITY",
        ("tests/notifications/test_feeds.py::test_a_towns_link_ends_with_the_office_of_who_has_it",),
    ),
    Mutation(
        "a draft is no session that was called off",
        "services/notifications/reading_feeds.py",
        "SESSION.c.ends_at > _SINCE, _was_announced, sa.or_(",
        "SESSION.c.ends_at > _SINCE, sa.or_(",
        ("tests/notifications/test_feeds.py::test_a_draft_that_was_never_announced_was_not_called_off",),
    ),
    Mutation(
        "a calendar forgets what is long over",
        "services/notifications/reading_feeds.py",
        ".where(SESSION.c.ends_at > _SINCE, _was_announced, sa.or_(",
        ".where(_was_announced, sa.or_(",
        ("tests/notifications/test_feeds.py::test_what_was_over_a_year_ago_is_not_shown_any_more",),
    ),
    Mutation(
        "a place that is gone is called off where a mail has told of it",
        "services/notifications/reading_feeds.py",
        "sa.or_(holds, TOLD.c.said.is_not(None))",
        "holds",
        (
            "tests/notifications/test_feeds.py::test_a_place_that_is_gone_is_called_off_where_a_mail_has_told_of_it_and_else_is_not_there",
        ),
    ),
    Mutation(
        "a call that has ended is nothing of a town's",
        "services/notifications/reading_feeds.py",
        "                CALL.c.ended.is_(None),\n",
        "",
        (
            "tests/notifications/test_feeds.py::test_a_towns_calendar_has_what_is_for_its_people_and_nobodys_own_entries",
        ),
    ),
    Mutation(
        "a town's entry is nobody's own",
        "services/notifications/calendar.py",
        'f"{session_id}/town/{city_id}"',
        'f"{session_id}/{city_id}"',
        ("tests/notifications/test_feeds.py::test_a_towns_entry_is_never_taken_for_that_of_a_person_of_the_same_id",),
    ),
    Mutation(
        "what will be told is newer than what was",
        "services/notifications/feeds.py",
        "    return told.sequence + (told.content != content)",
        "    return told.sequence",
        ("tests/notifications/test_feeds.py::test_the_number_is_the_one_of_the_mail_that_tells_it",),
    ),
    Mutation(
        "a program that has a calendar is told so",
        "services/notifications/pages/calendar.py",
        "        if has_it(",
        "        if False and has_it(",
        ("tests/notifications/test_feeds.py::test_a_program_that_has_it_is_told_so_and_one_that_has_not_gets_it",),
    ),
    Mutation(
        "a calendar is opened by a link for calendars",
        "services/notifications/pages/calendar.py",
        "for purpose in (Purpose.CALENDAR, Purpose.TOWN_CALENDAR):",
        "for purpose in (Purpose.CALENDAR, Purpose.TOWN_CALENDAR, Purpose.MUTE):",
        ("tests/notifications/test_feeds.py::test_a_link_for_something_else_opens_no_calendar",),
    ),
    Mutation(
        "what somebody says of other times is not their last word",
        "services/enrolment/replies.py",
        "[refuse(session.session_id, body.person_id, place, wants, reason, asked, working.now, is_own_word=False)]",
        "[refuse(session.session_id, body.person_id, place, wants, reason, asked, working.now)]",
        ("tests/enrolment/test_calendar_answers.py::test_an_answer_about_other_times_is_none_to_these",),
    ),
    Mutation(
        "a calendar shows what was told to an id that went",
        "services/notifications/reading_feeds.py",
        "    for whose in await ids_of_one(connection, person_id):\n",
        "    for whose in [person_id]:\n",
        ("tests/notifications/test_former.py::test_a_calendar_that_is_fetched_shows_the_other_entry_as_off",),
    ),
    Mutation(
        "an answer to an entry that was taken out after a merge gives nothing back",
        "services/notifications/answering.py",
        "            one.notice_id in taken_out for one in self.notices if one.sequence >= sequence\n",
        "            False for one in self.notices\n",
        (
            "tests/notifications/test_answering.py::test_an_answer_to_an_entry_that_was_taken_out_because_two_are_one_is_none_to_the_other",
        ),
    ),
)
