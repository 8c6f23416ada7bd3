"""What is counted of who was there, and what towns need."""

from tests.mutation.mutation import Mutation

MUTATIONS = (
    Mutation(
        "the books count places as they stood",
        "services/attendance/books.py",
        "        .where(IS_CLOSED, HELD_THEN)",
        "        .where(IS_CLOSED)",
        ("tests/attendance/test_views.py::test_the_books_count_who_had_a_place_when_the_list_closed",),
    ),
    Mutation(
        "a report as of a moment knows nothing later",
        "services/attendance/counting.py",
        "    stands = sa.select(*(current.c[name] for name in names)).where(current.c.heard_at <= AS_OF)",
        "    stands = sa.select(*(current.c[name] for name in names))",
        ("tests/attendance/test_reporting.py::test_a_correction_counts_from_when_it_was_heard",),
    ),
    Mutation(
        "one human is at a meeting once",
        "services/attendance/counting.py",
        "        conditions.append(~_is_double(record, human))",
        "        pass",
        ("tests/attendance/test_reporting.py::test_somebody_under_two_ids_counts_once_and_was_there_once",),
    ),
    Mutation(
        "trainers are in no figure",
        "services/attendance/counting.py",
        "    conditions = [record.c.role == Role.PARTICIPANT, ",
        "    conditions = [record.c.role.is_not(None), ",
        ("tests/attendance/test_reporting.py::test_trainers_and_observers_are_in_no_figure",),
    ),
    Mutation(
        "of an hour that comes twice a report takes the first",
        "services/attendance/counting.py",
        "(sa.func.timezone(zone, first) == local, first)",
        "(sa.false(), first)",
        (
            "tests/attendance/test_reporting.py::test_of_an_hour_that_comes_twice_the_first_counts_and_one_that_does_not_exist_is_read_as_everywhere",
        ),
    ),
    Mutation(
        "of a row that is asked about among those of whom something is not known, both are not known",
        "services/attendance/reporting.py",
        "    return replace(asked, is_unknown=tuple(dict.fromkeys((*asked.is_unknown, *these))))",
        "    return replace(asked, is_unknown=these or asked.is_unknown)",
        (
            "tests/attendance/test_reports_api.py::test_of_whom_several_things_are_not_known_a_figure_leads_to_those_it_counts",
        ),
    ),
    Mutation(
        "of people of no town, at a training on no topic, both are asked for",
        "services/attendance/needs.py",
        "    return without(its, *(by for by, key in known.items() if key is None))",
        "    return without(its, *[by for by, key in known.items() if key is None][:1])",
        (
            "tests/attendance/test_reports_api.py::test_of_whom_several_things_are_not_known_a_figure_leads_to_those_it_counts",
        ),
    ),
    Mutation(
        "no cell is a formula",
        "services/attendance/exporting.py",
        "            return harmless(cell)",
        "            return cell",
        ("tests/attendance/test_reports_api.py::test_the_files_say_what_the_api_says",),
    ),
    Mutation(
        "a report is for who may read",
        "services/attendance/pages/report.py",
        '    return actor is not None and "read" in actor.scopes',
        "    return True",
        (
            "tests/attendance/test_reports_api.py::test_a_browser_says_the_token_as_its_password_and_nobody_else_sees_a_report",
        ),
    ),
    Mutation(
        "the books count by human who was awaited",
        "services/attendance/books.py",
        "        SURVIVOR.c.into_id, each.c.person_id\n",
        "        each.c.person_id\n",
        ("tests/attendance/test_merging.py::test_lists_reports_and_books_count_one_human_once",),
    ),
    Mutation(
        "no more is met than was declared",
        "services/attendance/needs.py",
        "        return min(self.declared, self.trained)",
        "        return self.trained",
        ("tests/attendance/test_needs.py::test_what_is_met_is_no_more_than_was_declared_in_each_town_and_topic",),
    ),
    Mutation(
        "what is recorded of a day that was moved is in no report",
        "services/attendance/counting.py",
        "    conditions += is_here(record, known)\n",
        "",
        (
            "tests/attendance/test_reporting.py::test_whoever_was_there_on_the_day_from_which_it_was_moved_is_not_yet_there_on_the_new_one",
        ),
    ),
    Mutation(
        "a list that is closed stands in reports wherever its day is moved",
        "services/attendance/counting.py",
        "    starts = starts.where(~took_place(meeting, asked))\n",
        "",
        ("tests/attendance/test_reporting.py::test_a_list_that_stays_closed_counts_wherever_its_day_is_moved_by_then",),
    ),
    Mutation(
        "a report stands in the order of the alphabet",
        "services/attendance/reports_api.py",
        "    return sorted(rows, key=lambda row: reporting.in_alphabet(names, row.key)) if names else rows",
        "    return rows",
        (
            "tests/attendance/test_reports_api.py::test_towns_and_people_stand_in_the_order_of_the_polish_alphabet_wherever_they_are_read",
        ),
    ),
    Mutation(
        "needs stand in the order of the alphabet",
        "services/attendance/needs_api.py",
        "        for one in sorted(found, key=lambda one: (in_alphabet(towns, one.city_id), in_alphabet(topics, one.topic)))",
        "        for one in found",
        ("tests/attendance/test_needs.py::test_needs_stand_by_town_and_topic_in_the_order_of_the_alphabet",),
    ),
    Mutation(
        "a meeting that was dropped before its list closed is in no report",
        "services/attendance/counting.py",
        "    still_open += [(*one, _NEVER, _NEVER, _NEVER) for one in await connection.execute(lost, moment)]",
        "    still_open += []",
        (
            "tests/attendance/test_reporting.py::test_whoever_was_at_a_meeting_that_was_dropped_before_its_list_closed_is_in_no_report",
        ),
    ),
    Mutation(
        "what others state of a meeting that was dropped stands",
        "services/attendance/counting.py",
        "sa.or_(when < since.at, was_ahead), is_ours_to_say)",
        "sa.or_(when < since.at, was_ahead))",
        (
            "tests/attendance/test_reporting.py::test_whoever_was_at_a_meeting_that_was_dropped_before_its_list_closed_is_in_no_report",
        ),
    ),
    Mutation(
        "a day that was called otherwise once its list had closed was held",
        "services/attendance/reporting.py",
        "    meeting = _that_took_place(asked)",
        "    meeting = meetings(asked)",
        (
            "tests/attendance/test_reporting.py::test_a_trainer_has_held_a_day_that_was_called_otherwise_once_its_list_had_closed",
        ),
    ),
    Mutation(
        "a day that was dropped while its list was open was held by nobody",
        "services/attendance/reporting.py",
        "sa.select(*gone.c, sa.true()).where(took_place(gone, asked))",
        "sa.select(*gone.c, sa.true())",
        (
            "tests/attendance/test_reporting.py::test_of_a_meeting_that_was_dropped_while_its_list_was_open_nobody_has_held_anything",
        ),
    ),
    Mutation(
        "a report by stage of one stage has no part of another",
        "services/attendance/reporting.py",
        "    if asked.stage is not None:  # Whoever asks for one stage",
        "    if False:  # Whoever asks for one stage",
        ("tests/attendance/test_reporting.py::test_a_report_by_stage_that_is_narrowed_to_one_has_no_part_of_another",),
    ),
    Mutation(
        "as of a moment to come nothing is over that is not over now",
        "services/attendance/reporting.py",
        "min(asked.as_of or now, now)",
        "asked.as_of or now",
        ("tests/attendance/test_reporting.py::test_a_trainer_has_held_what_is_over_and_somebody_was_seen_at",),
    ),
    Mutation(
        "no report counts an excuse of a later day",
        "services/attendance/counting.py",
        "sa.or_(when < since.at, was_ahead), is_ours_to_say)",
        "when < since.at, is_ours_to_say)",
        (
            "tests/attendance/test_reporting.py::test_an_excuse_for_a_day_that_is_moved_to_an_earlier_one_is_in_no_report_of_that",
        ),
    ),
    Mutation(
        "each hour of two days that are put together was held once",
        "services/attendance/reporting.py",
        "() if meeting.is_gone else gone",
        "()",
        ("tests/attendance/test_reporting.py::test_of_two_closed_days_that_are_put_together_each_hour_was_held_once",),
    ),
    Mutation(
        "whoever was missed on a day that is called otherwise was so on that day",
        "services/attendance/counting.py",
        "for one in (meetings(asked), dropped(asked)))",
        "for one in (meetings(asked),))",
        (
            "tests/attendance/test_reporting.py::test_whoever_was_absent_from_a_day_that_is_called_otherwise_was_so_on_that_day",
        ),
    ),
    Mutation(
        "a row of nobody known is called so in a file",
        "services/attendance/reports_api.py",
        '        [NOT_KNOWN if one.key is None and name == "name" else getattr(one, name) for name in HEAD]',
        "        [getattr(one, name) for name in HEAD]",
        ("tests/attendance/test_reports_api.py::test_whoever_is_of_no_town_is_called_the_same_wherever_they_are_read",),
    ),
    Mutation(
        "a day that is called otherwise while its list is put right stays in reports",
        "services/attendance/counting.py",
        "sa.or_(_was_closed(asked), sa.and_(*put_right))",
        "_was_closed(asked)",
        (
            "tests/attendance/test_reporting.py::test_a_day_that_is_called_otherwise_while_its_list_is_put_right_stays_in_reports",
        ),
    ),
    Mutation(
        "a day that was moved while its list was put right, and dropped then, is in no report",
        "services/attendance/counting.py",
        "LIST_TABLE.c.awaited_at >= meeting.c.starts_at",
        "LIST_TABLE.c.awaited_at.is_not(None)",
        (
            "tests/attendance/test_reporting.py::test_a_day_that_is_moved_while_its_list_is_put_right_and_dropped_then_is_in_no_report",
        ),
    ),
    Mutation(
        "a trainer has held a day also if the session was called off after its list had closed",
        "services/attendance/reporting.py",
        "    takes_place = sa.or_(meeting.c.state.in_(TAKES_PLACE), took_place(meeting, asked))",
        "    takes_place = meeting.c.state.in_(TAKES_PLACE)",
        (
            "tests/attendance/test_reporting.py::test_a_trainer_has_held_a_day_whose_list_had_closed_before_the_session_was_called_off",
        ),
    ),
    Mutation(
        "nobody has held a day that was called off while its list was open",
        "services/attendance/reporting.py",
        '    planned = sa.select(*meeting.c, sa.false().label("is_gone")).where(takes_place)',
        '    planned = sa.select(*meeting.c, sa.false().label("is_gone"))',
        (
            "tests/attendance/test_reporting.py::test_of_a_day_that_was_called_off_while_its_list_was_open_nobody_has_held_anything",
        ),
    ),
    Mutation(
        "as of before a merge whoever went is called as who they turned out to be",
        "services/attendance/reporting.py",
        "    return named.outerjoin(SURVIVOR, SURVIVOR.c.person_id == human)",
        "    return named.outerjoin(SURVIVOR, sa.false())",
        (
            "tests/attendance/test_reporting.py::test_as_of_before_a_merge_whoever_went_is_called_as_who_they_turned_out_to_be",
        ),
    ),
)
