"""What calendars answer to invitations, and what they fetch."""

from tests.mutation.mutation import Mutation

MUTATIONS = (
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
)
