"""Reports of online meetings: what they say, whom they speak of, and what is set."""

from __future__ import annotations

from tests.mutation.mutation import Mutation

_HERE = "services/attendance/importing"
_READING = "tests/attendance/test_reports.py"
_PLANNING = "tests/attendance/test_importing.py"
_API = "tests/attendance/test_importing_api.py"

MUTATIONS = (
    Mutation(
        "an hour that the clocks skip is nobody's",
        f"{_HERE}/moments.py",
        " if one.astimezone(zone).replace(tzinfo=None) == wall",
        "",
        (f"{_READING}::test_half_past_two_that_does_not_exist_is_named",),
    ),
    Mutation(
        "an hour that comes twice is the one that lasted as long as the row says",
        f"{_HERE}/reading.py",
        "            found = fitting or found\n",
        "            pass\n",
        (f"{_READING}::test_half_past_two_that_comes_twice_is_the_one_that_lasted_as_long_as_the_row_says",),
    ),
    Mutation(
        "a file is read in the order of dates by which it is of the meeting",
        f"{_HERE}/moments.py",
        "    return Order.DAY if day >= month else Order.MONTH",
        "    return Order.DAY",
        (f"{_READING}::test_the_order_of_day_and_month_is_that_by_which_the_file_is_of_the_meeting",),
    ),
    Mutation(
        "a file of another day is refused",
        f"{_HERE}/moments.py",
        "    if not day and not month:",
        "    if False:",
        (f"{_READING}::test_a_file_of_another_day_is_refused_and_says_which",),
    ),
    Mutation(
        "a time that was cut off before its half of the day is none",
        f"{_HERE}/reading.py",
        "if wall is None or (self._halves and wall.tzinfo is None and not says_half(text)):",
        "if wall is None:",
        (f"{_READING}::test_a_time_that_was_cut_off_before_it_says_which_half_of_the_day_is_no_time",),
    ),
    Mutation(
        "in the waiting room nobody takes part",
        f"{_HERE}/reading.py",
        "if waiting is not None and waiting < len(cells) and plain(cells[waiting]) in _YES:",
        "if False:",
        (f"{_READING}::test_in_the_waiting_room_nobody_takes_part",),
    ),
    Mutation(
        "a first coming and a last going are no time of presence",
        f"{_HERE}/planning.py",
        "        minutes = min(minutes, sum(most))",
        "        pass",
        (f"{_PLANNING}::test_of_whom_only_the_first_and_the_last_is_known_no_more_counts_than_the_report_says",),
    ),
    Mutation(
        "initials are no name",
        f"{_HERE}/names.py",
        " or any(len(one) < 2 for one in words)",
        "",
        (f"{_PLANNING}::test_words_of_a_name_need_two",),
    ),
    Mutation(
        "of two people with the same name nobody is guessed",
        f"{_HERE}/planning.py",
        "        if len(found) == 1:",
        "        if found:",
        (f"{_PLANNING}::test_of_two_people_with_the_same_name_nobody_is_guessed",),
    ),
    Mutation(
        "one name with two addresses is nobody until a person says so",
        f"{_HERE}/planning.py",
        "    if len(addresses) > 1 and any(match is not Match.DECIDED for _, match, _ in ones):",
        "    if False:",
        (f"{_PLANNING}::test_one_name_with_two_addresses_is_one_person_only_if_a_person_says_so",),
    ),
    Mutation(
        "each minute counts once",
        f"{_HERE}/planning.py",
        "        if found and cut[0] <= found[-1][1]:",
        "        if False:",
        (f"{_PLANNING}::test_each_minute_counts_once_however_many_connections_there_were",),
    ),
    Mutation(
        "minutes outside the meeting are none of its own",
        f"{_HERE}/planning.py",
        "        cut = max(since, meeting.starts_at), min(until, meeting.ends_at)",
        "        cut = since, until",
        (f"{_PLANNING}::test_times_are_cut_to_the_meeting_and_joined",),
    ),
    Mutation(
        "minutes that depend on which hour it was are a person's to say",
        f"{_HERE}/planning.py",
        "    if or_else != stay and minutes is None:",
        "    if False:",
        (f"{_PLANNING}::test_minutes_that_depend_on_which_hour_it_was_are_said_by_a_person",),
    ),
    Mutation(
        "a report overwrites nothing that was said",
        f"{_HERE}/planning.py",
        "    return row if is_decided else replace(row, fate=Fate.CONTRADICTS)",
        "    return row",
        (f"{_PLANNING}::test_what_the_list_says_otherwise_stands_until_a_person_decides",),
    ),
    Mutation(
        "what is set is set on what the plan showed",
        f"{_HERE}/requests.py",
        "            seen=row.tag,\n",
        "",
        (f"{_PLANNING}::test_on_a_closed_list_it_is_a_correction_of_what_was_seen",),
    ),
    Mutation(
        "a plan whose ground has changed is refused",
        f"{_HERE}/api.py",
        "        if stands.tag != if_match.strip('\"'):",
        "        if False:",
        (f"{_API}::test_a_plan_whose_ground_has_changed_is_refused_and_nothing_is_set",),
    ),
    Mutation(
        "after the closing only the office imports",
        f"{_HERE}/api.py",
        '        if not ground.is_open and "office" not in actor.scopes:',
        "        if False:",
        (f"{_API}::test_after_the_closing_the_office_imports_as_corrections",),
    ),
    Mutation(
        "a slip of the pen makes nobody up",
        f"{_HERE}/api.py",
        "        _check(decided, report, ground)\n",
        "",
        (f"{_API}::test_a_slip_of_the_pen_makes_nobody_up",),
    ),
    Mutation(
        "large bodies take a bounded memory",
        "shared/web/bodies.py",
        "                    if self._large >= MOST_LARGE:",
        "                    if False:",
        (f"{_API}::test_of_large_bodies_no_more_are_held_than_there_is_memory_for",),
    ),
    Mutation(
        "a large body that keeps coming is waited for",
        "shared/web/bodies.py",
        "self.limit_seconds + size / self.bytes_a_second",
        "self.limit_seconds",
        ("tests/shared/test_bodies.py::test_a_large_body_that_keeps_coming_is_waited_for",),
    ),
    Mutation(
        "its connection is kept meanwhile",
        "shared/process/connections.py",
        "limits.request_seconds + self._body_bytes / limits.body_bytes_a_second",
        "limits.request_seconds",
        ("tests/shared/test_connections.py::test_a_body_that_keeps_coming_is_waited_for_and_a_dripping_one_is_not",),
    ),
    Mutation(
        "a trainer of two ids is known by name in a report",
        "services/attendance/importing/ground.py",
        "    train = {into.get(one, one) for one in session.trainers}",
        "    train = set(session.trainers)",
        (
            "tests/attendance/test_importing_api.py::test_a_trainer_whom_the_planner_names_by_a_former_id_is_known_by_the_name_of_who_stays",
        ),
    ),
    Mutation(
        "that it is not known stands against a report, once the office has said so",
        f"{_HERE}/planning.py",
        "    if not (record.state.is_told or record.corrected) or record.method is None:",
        "    if not record.state.is_told or record.method is None:",
        (f"{_PLANNING}::test_what_the_office_put_right_stands_also_where_it_said_that_nothing_is_known",),
    ),
    Mutation(
        "two lines of one guest among the participants are as long as both",
        f"{_HERE}/reading.py",
        "        return sum(known) // 60 if",
        "        return known[-1] // 60 if",
        (f"{_READING}::test_whoever_stands_among_the_participants_twice_was_there_for_as_long_as_both_lines_say",),
    ),
    Mutation(
        "how long one person was there is decided once",
        f"{_HERE}/requests.py",
        '            raise ValueError(f"for how many minutes',
        '            print(f"for how many minutes',
        (f"{_PLANNING}::test_how_long_one_person_was_there_is_decided_once_for_all_of_their_rows",),
    ),
    Mutation(
        "nobody is set by what is not among the session's papers",
        f"{_HERE}/api.py",
        "        await attach(runtime, store, sent, actor, None)  # The evidence first: what is set names it.",
        "        await store.put(session_id, content)",
        (f"{_API}::test_what_cannot_be_kept_as_evidence_sets_nothing",),
    ),
    Mutation(
        "a list that had closed is put right by a report, also if its session was cancelled since",
        f"{_HERE}/api.py",
        "        if not session.state.takes_place and not had_closed(its, meeting):",
        "        if not session.state.takes_place:",
        (f"{_API}::test_a_list_that_had_closed_before_its_session_was_cancelled_is_put_right_by_a_report",),
    ),
    Mutation(
        "a file in which nobody was connected during the meeting is of another one",
        f"{_HERE}/reading.py",
        "    _check_is_of(report, zone, starts_at, ends_at)\n",
        "",
        (f"{_READING}::test_a_file_of_the_day_before_or_after_or_of_another_hour_is_refused_and_says_so",),
    ),
    Mutation(
        "what a list said when it closed stands against a report while it is put right",
        f"{_HERE}/planning.py",
        "    stands = not ground.is_open or ground.had_closed",
        "    stands = not ground.is_open",
        (f"{_PLANNING}::test_what_a_list_said_when_it_closed_stands_against_a_report_while_it_is_put_right",),
    ),
)
