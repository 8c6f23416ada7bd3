"""Mail: what is told to whom, when, once; and what a calendar shows."""

from tests.mutation.mutation import Mutation

MUTATIONS = (
    Mutation(
        "a cancellation in doubt is followed by no change",
        "services/notifications/kinds/place.py",
        "if told.content is None or (told.said is not None and told.said.hash is None):",
        "if told.content is None:",
        (
            "tests/notifications/test_decisions.py::test_who_may_have_been_told_that_the_place_is_gone_is_confirmed_and_hears_of_no_change",
        ),
    ),
    Mutation(
        "each mail in doubt may be believed until its end",
        "services/notifications/ledger.py",
        "or_until=earlier)",
        "or_until=None)",
        ("tests/notifications/test_decisions.py::test_of_several_mails_in_doubt_each_may_be_believed_until_its_end",),
    ),
    Mutation(
        "a lease whose holder is here",
        "services/notifications/store.py",
        ", OPEN.c.lease != sa.all_(_UNDER_WAY))",
        ")",
        (
            "tests/notifications/test_claims.py::test_a_mail_that_has_left_is_in_no_doubt_while_its_outcome_waits_for_the_database",
        ),
    ),
    Mutation(
        "the attempt's lease",
        "services/notifications/store.py",
        '    .where(OPEN.c.lease == sa.bindparam("lease"))\n',
        "",
        (
            "tests/notifications/test_claims.py::test_a_sender_that_slept_beyond_its_lease_writes_no_outcome_over_its_successors",
        ),
    ),
    Mutation(
        "what giving up depended on",
        "services/notifications/untold.py",
        "and is_the_same(told.given_up_for, to.made_of)",
        "",
        (
            "tests/notifications/test_decisions.py::test_what_was_given_up_is_tried_again_once_anything_it_was_made_of_is_another",
        ),
    ),
    Mutation(
        "the address as a part of what was told",
        "services/notifications/kinds/place.py",
        "    if elsewhere:",
        "    if False:",
        (
            "tests/notifications/test_decisions.py::test_another_address_gets_a_confirmation_and_nothing_is_called_a_change",
        ),
    ),
    Mutation(
        "the end that was told",
        "services/notifications/kinds/place.py",
        "        believes_in_a_place = told.until is not None and now < told.until\n",
        "        believes_in_a_place = now < session.ends_at\n",
        ("tests/notifications/test_decisions.py::test_who_was_told_of_next_week_is_told_that_it_was_yesterday",),
    ),
    Mutation(
        "the end that was told, in SQL",
        "services/notifications/kinds/place.py",
        "        sa.and_(~LASTS, ~NOTHING_TOLD, TOLD.c.until > NOW),\n",
        "",
        ("tests/notifications/test_store.py::test_sql_finds_exactly_the_differences_that_the_rules_find",),
    ),
    Mutation(
        "enrolment's first word",
        "services/notifications/untold.py",
        "        return not self.given_up and self.waits_for is None",
        "        return not self.given_up",
        (
            "tests/notifications/test_decisions.py::test_nobody_is_told_of_a_place_before_enrolment_was_heard_about_the_sessions_statement",
        ),
    ),
    Mutation(
        "a mail in doubt that waits for enrolment",
        "services/notifications/decisions.py",
        "    if notice.doubts and found is not None and found.waits_for is not None:",
        "    if False:",
        ("tests/notifications/test_decisions.py::test_a_mail_in_doubt_waits_for_enrolment_with_its_doubt",),
    ),
    Mutation(
        "a truth that comes back after its mail was overtaken",
        "services/notifications/ledger.py",
        "            return replace(told, content=OVERTAKEN) if notice.state is NoticeState.OVERTAKEN else told",
        "            return told",
        (
            "tests/notifications/test_decisions.py::test_a_truth_that_comes_back_after_its_mail_was_overtaken_in_doubt_is_told",
        ),
    ),
    Mutation(
        "what was put off, once something is heard about it",
        "services/notifications/differences.py",
        "    .values(next_attempt_at=NOW)\n",
        "    .values(next_attempt_at=OPEN.c.next_attempt_at)\n",
        ("tests/notifications/test_sending.py::test_a_corrected_address_does_not_wait_out_the_pause_of_the_wrong_one",),
    ),
    Mutation(
        "a fault of our own in one mail of a group",
        "services/notifications/sending.py",
        "        except Exception as error:\n            # Also a fault",
        "        except ValueError as error:\n            # Also a fault",
        ("tests/notifications/test_sending.py::test_a_fault_of_our_own_in_one_mail_leaves_the_others_their_outcomes",),
    ),
    Mutation(
        "the doubt about a mail that was handed over",
        "services/notifications/smtp.py",
        "        self.handed_over = True\n",
        "",
        ("tests/notifications/test_smtp.py::test_only_a_mail_whose_content_was_handed_over_is_in_doubt",),
    ),
    Mutation(
        "claims, one by one",
        "services/notifications/sending.py",
        "            return await self._claim_one_by_one(subject, lease, most=most)",
        "            raise",
        (
            "tests/notifications/test_claims.py::test_an_outcome_that_the_database_refuses_at_a_claim_holds_back_no_other_mail",
        ),
    ),
    Mutation(
        "one entry a session: a rule where one can say the days",
        "services/notifications/calendar.py",
        "    if count > RULE_DAYS_MAX or not one_zone or not all(map(_is_plain, slots)):",
        "    if True:",
        (
            "tests/notifications/test_calendar.py::test_several_meetings_are_one_entry_that_recurs_with_a_day_for_each",
            "tests/notifications/test_calendar.py::test_outlook_refuses_a_recurrence_without_a_rule_so_there_is_one",
        ),
    ),
    Mutation(
        "a time on which readers differ, in UTC",
        "services/notifications/calendar.py",
        "    return local if _is_plain(local) else local.astimezone(dt.UTC)",
        "    return local",
        ("tests/notifications/test_calendar.py::test_a_time_on_which_readers_differ_is_written_in_utc",),
    ),
    Mutation(
        "two meetings at one time, both in the calendar",
        "services/notifications/calendar.py",
        "            while at in taken or not _is_plain(at.astimezone(slots[0].tzinfo)):",
        "            while False:",
        ("tests/notifications/test_calendar.py::test_a_reader_finds_exactly_the_meetings",),
    ),
    Mutation(
        "a clock change, in the time before it",
        "services/notifications/zones.py",
        "        onsets.append(Onset(moment + _offset(old), _offset(old), _offset(new), new.tzname() or zone))",
        "        onsets.append(Onset(moment + _offset(new), _offset(old), _offset(new), new.tzname() or zone))",
        ("tests/notifications/test_zones.py",),
    ),
    Mutation(
        "a zone's rule, only if it held for all years watched",
        "services/notifications/zones.py",
        "    if len(alike) != 1 or max(days) - min(days) != 6:",
        "    if max(days) - min(days) < 6:",
        ("tests/notifications/test_zones.py",),
    ),
    Mutation(
        "a day told for certain is taken out",
        "services/notifications/letters.py",
        "        return tuple(one for one in (self.before, self.certain) if one is not None)",
        "        return tuple(one for one in (self.before,) if one is not None)",
        (
            "tests/notifications/test_invitation.py::test_a_day_that_was_told_for_certain_is_taken_out_though_a_later_mail_may_have_done_so",
        ),
    ),
    Mutation(
        "a day that only changed its hours has no file that takes it out",
        "services/notifications/invitation.py",
        "if one not in named and gone[one.date()]}",
        "if one not in named}",
        ("tests/notifications/test_invitation.py::test_a_day_that_is_no_more_has_a_file_that_takes_it_out",),
    ),
    Mutation(
        "a day that was only named anew is the same day",
        "services/notifications/templates/timetable.py",
        "    for same_time in (True, False):",
        "    for same_time in (False,):",
        ("tests/notifications/test_mail.py::test_a_day_that_was_only_named_anew_is_not_taken_for_another",),
    ),
    Mutation(
        "what others told before go-live is believed",
        "services/notifications/kinds/place.py",
        "        return sessions.by_others(told, known, known.content)",
        "        return told",
        (
            "tests/notifications/test_decisions.py::test_a_place_from_before_go_live_that_ends_after_it_is_called_off",
            "tests/notifications/test_kinds.py",
        ),
    ),
    Mutation(
        "how somebody stood at go-live, and not how they stand now",
        "services/notifications/kinds/sessions.py",
        "        .where(_of_place, PLACE_SAID.c.heard_at < SINCE)\n",
        "        .where(_of_place)\n",
        ("tests/notifications/test_store.py::test_sql_finds_exactly_the_differences_that_the_rules_find",),
    ),
    Mutation(
        "what was not told in time is a fact",
        "services/notifications/decisions.py",
        "    if lapsed is not None:",
        "    if False:",
        (
            "tests/notifications/test_decisions.py::test_who_was_told_nothing_until_the_session_was_over_ends_as_a_fact_that_says_why",
        ),
    ),
    Mutation(
        "what nobody could be told in time is looked for",
        "services/notifications/planning.py",
        "                found += await differences.plan_missed(connection, common, ended_after=self._ended_after)\n",
        "",
        (
            "tests/notifications/test_sending.py::test_who_could_not_be_told_before_the_session_was_over_is_a_fact_and_in_the_books",
        ),
    ),
    Mutation(
        "the life of a place in what was given up",
        "services/notifications/kinds/sessions.py",
        "*TOPIC_NAMES, sa.cast(LIFE, sa.Text), version",
        "*TOPIC_NAMES, version",
        ("tests/notifications/test_sending.py::test_a_place_asked_for_again_weeks_later_is_not_given_up_at_once",),
    ),
    Mutation(
        "a failure leaves an earlier doubt",
        "services/notifications/ledger.py",
        "        return replace(told, given_up=given_up, given_up_for=notice.made_of, given_up_by=notice.notice_id)",
        "        return replace(told, given_up=given_up, given_up_for=notice.made_of, notice_id=notice.notice_id)",
        ("tests/notifications/test_decisions.py::test_a_failure_leaves_an_earlier_doubt_to_the_operator",),
    ),
    Mutation(
        "a mail in doubt about what has passed since is not tried again",
        "services/notifications/decisions.py",
        " and was_ahead == found.is_ahead",
        "",
        (
            "tests/notifications/test_decisions.py::test_a_mail_in_doubt_is_not_tried_again_once_what_it_said_to_be_ahead_has_passed",
        ),
    ),
    Mutation(
        "an entry that may never have come is not said to be replaced",
        "services/notifications/invitation.py",
        "    elif mail.in_doubt and mail.certain is None:",
        "    elif False:",
        ("tests/notifications/test_invitation.py::test_the_steps_say_what_to_do_in_each_case",),
    ),
    Mutation(
        "hours that no line breaks",
        "services/notifications/templates/notice.mjml",
        """<span style="white-space:nowrap">{{ when.hours }}</span>""",
        "{{ when.hours }}",
        (
            "tests/notifications/test_mail.py::test_no_line_ends_inside_hours_or_a_files_name_or_after_a_word_of_one_letter",
        ),
    ),
    Mutation(
        "what nobody would act on is worth no mail",
        "services/notifications/state.py",
        "    told = [body.topic, body.city_id, *place, times]",
        "    told = [body.kind, body.topic, body.city_id, *place, times]",
        ("tests/notifications/test_state.py::test_what_nobody_who_comes_would_act_on_is_not",),
    ),
    Mutation(
        "a place is told once, by the mail about it",
        "services/notifications/kinds/waiting.py",
        "        if not believes or self._is_told_of_a_place(told):",
        "        if not believes:",
        (
            "tests/notifications/test_waiting.py::test_who_gets_a_place_is_told_by_the_mail_about_the_place_and_not_twice",
        ),
    ),
    Mutation(
        "no mail overtakes another one about the same thing",
        "services/notifications/store.py",
        "is_of(kind.name), _is_alone)",
        "is_of(kind.name))",
        (
            "tests/notifications/test_claims.py::test_no_mail_about_the_place_overtakes_one_about_the_waiting_list_that_is_being_sent",
        ),
    ),
    Mutation(
        "nothing changes unseen while a mail that yields is taken",
        "services/notifications/store.py",
        "    if kind.yields_to:\n        statement",
        "    if False:\n        statement",
        (
            "tests/notifications/test_claims.py::test_what_a_waiting_mail_is_judged_by_does_not_change_while_it_is_taken",
        ),
    ),
    Mutation(
        "a reminder is of use until midnight",
        "services/notifications/kinds/reminder.py",
        "not self._at <= now < self._until or",
        "not self._at <= now or",
        (
            "tests/notifications/test_reminder.py::test_whoever_has_a_place_is_reminded_on_the_day_before_between_the_hour_and_midnight",
        ),
    ),
    Mutation(
        "a reminder is of use until midnight, in SQL",
        "services/notifications/kinds/reminder.py",
        "SESSION.c.noon_before_at > NOW - MIDNIGHT)",
        "sa.true())",
        ("tests/notifications/test_kinds.py",),
    ),
    Mutation(
        "who was told just now is not reminded",
        "services/notifications/kinds/reminder.py",
        "knows_since <= self._at - self.rules.reminder_quiet",
        "knows_since <= self._at",
        (
            "tests/notifications/test_reminder.py::test_nobody_is_reminded_whom_a_mail_about_the_place_told_just_now_or_has_yet_to_tell",
        ),
    ),
    Mutation(
        "hours of the day before are counted from its noon",
        "services/notifications/state.py",
        "    return dt.datetime.combine(eve, dt.time(12), ZoneInfo(first.zone)).astimezone(dt.UTC)",
        "    return dt.datetime.combine(eve, dt.time(0), ZoneInfo(first.zone)).astimezone(dt.UTC) + dt.timedelta(hours=12)",
        ("tests/notifications/test_reminder.py::test_the_hour_is_what_clocks_show_on_the_day_before",),
    ),
)
