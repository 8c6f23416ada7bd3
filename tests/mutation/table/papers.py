"""Lists and registers on paper, what is signed, and the files that are kept."""

from tests.mutation.mutation import Mutation

MUTATIONS = (
    Mutation(
        "a document is of its own day and not of today",
        "services/attendance/documents/printing.py",
        "    timestamp = dt.datetime(*date, tzinfo=dt.UTC)  # Else it would be the moment of printing.\n",
        "    timestamp = dt.datetime.now(dt.UTC)\n",
        ("tests/attendance/test_documents.py::test_the_same_sheet_is_the_same_bytes_in_another_process",),
    ),
    Mutation(
        "what was recorded otherwise stands against a signed list until somebody decides",
        "services/attendance/papers.py",
        "    return Fate.SET if typed.counts is Counts.PAPER else Fate.CONTRADICTS",
        "    return Fate.SET",
        ("tests/attendance/test_papers.py::test_what_was_recorded_otherwise_stands_until_somebody_decides",),
    ),
    Mutation(
        "that the list counts was decided of what was seen",
        "services/attendance/papers.py",
        "typed.counts is Counts.LIST and typed.seen == tag:",
        "typed.counts is Counts.LIST:",
        (
            "tests/attendance/test_papers.py::test_where_the_list_is_right_somebody_says_so_and_is_not_asked_again_while_it_says_the_same",
            "tests/attendance/test_signed.py::test_what_was_decided_for_the_list_is_asked_again_once_the_list_says_something_else",
        ),
    ),
    Mutation(
        "a signed list is typed in by who trains it now",
        "services/attendance/pages/signed.py",
        "        if opening(session, lists, rules, now, trains=trains) is not Opening.OPEN:",
        "        if False:",
        ("tests/attendance/test_signed.py::test_whoever_trains_it_no_longer_sees_nobody_and_enters_nothing",),
    ),
    Mutation(
        "times beside a signature are of the meeting",
        "services/attendance/pages/signed.py",
        "    if sorted(in_order) != in_order:",
        "    if False:",
        (
            "tests/attendance/test_signed.py::test_times_beside_a_signature_are_entered_and_those_of_no_meeting_are_asked_for_again",
        ),
    ),
    Mutation(
        "what nobody typed in changes nothing",
        "services/attendance/papers.py",
        "    if row.typed.seen is None or row.fate is Fate.UNKNOWN:",
        "    if row.fate is Fate.UNKNOWN:",
        (
            "tests/attendance/test_papers.py::test_whoever_was_recorded_as_present_and_did_not_sign_is_shown_unless_part_of_the_list_is_typed_in",
        ),
    ),
    Mutation(
        "the same bytes are one file",
        "services/attendance/files.py",
        "not known.is_removed and known.meetings == meetings:",
        "False:",
        ("tests/attendance/test_files.py::test_the_same_bytes_are_one_file_however_often_they_are_sent",),
    ),
    Mutation(
        "bytes that are others by now are not served",
        "services/attendance/filing.py",
        "    return content if sha256_of(content) == sha256 else None",
        "    return content",
        (
            "tests/attendance/test_files.py::test_bytes_that_are_others_by_now_are_not_served_as_these",
            "tests/attendance/test_storing.py::test_bytes_that_were_altered_are_not_there_and_keeping_them_again_mends_it",
        ),
    ),
    Mutation(
        "a bucket that is away is not a file that is gone",
        "services/attendance/bucket.py",
        "                if _code(error) == NO_SUCH_OBJECT:",
        "                if error:",
        ("tests/attendance/test_storing.py::test_what_is_away_is_never_taken_for_gone",),
    ),
    Mutation(
        "a folder that is away is not a file that is gone",
        "services/attendance/folder.py",
        "                self.root.stat()  # A folder that is away says nothing of what is in it.\n",
        "",
        ("tests/attendance/test_storing.py::test_what_is_away_is_never_taken_for_gone",),
    ),
    Mutation(
        "of what a store answers only its code is told",
        "services/attendance/bucket.py",
        'f"the bucket for files: {why}"',
        'f"the bucket for files: {error}"',
        ("tests/attendance/test_storing.py::test_a_refusal_is_told_by_its_code_alone",),
    ),
    Mutation(
        "what is attached is a page, by its bytes",
        "services/attendance/files_api.py",
        "        if media_type is None:",
        "        media_type = media_type or name\n        if media_type is None:",
        ("tests/attendance/test_files.py::test_what_is_no_page_is_not_attached_whatever_it_is_called",),
    ),
    Mutation(
        "certificates are found under any id",
        "services/attendance/sheets_reading.py",
        "found.where(CERTIFICATE.c.person_id.in_(await ids_of(connection, person_id)))",
        "found.where(CERTIFICATE.c.person_id == person_id)",
        ("tests/attendance/test_merging.py::test_certificates_and_confirmations_are_found_under_any_id",),
    ),
    Mutation(
        "a trainer who has a place is no line of the signed list",
        "services/attendance/pages/signed.py",
        "            if (one.person_id not in train if one.record is None else one.record.role is Role.PARTICIPANT)",
        "            if one.record is None or one.record.role is Role.PARTICIPANT",
        ("tests/attendance/test_signed.py::test_a_trainer_who_has_a_place_signs_in_the_head_and_is_no_line_to_tick",),
    ),
    Mutation(
        "of several meetings that a file is of what is left stays left of each",
        "services/attendance/files.py",
        "    left = {one.meeting_id: one.undecided for one in before} | {body.meeting_id: body.undecided}",
        "    left = {body.meeting_id: body.undecided}",
        (
            "tests/attendance/test_importing_api.py::test_a_report_of_two_meetings_is_one_file_and_what_is_left_is_left_of_each",
        ),
    ),
    Mutation(
        "a scan of two days is missing for neither",
        "services/attendance/dossier.py",
        "= {(file.kind, one.meeting_id) for file in kept for one in file.meetings}",
        "= {(file.kind, file.meeting_id) for file in kept}",
        (
            "tests/attendance/test_files.py::test_a_scan_of_two_days_is_one_file_of_both_and_one_of_the_session_is_of_all",
        ),
    ),
    Mutation(
        "the list of a day that is over names who trained it",
        "services/attendance/sheets_reading.py",
        "    over = sorted((one for one in meetings if one.ends_at <= now), key=lambda one: one.starts_at)",
        "    over: list[Meeting] = []",
        (
            "tests/attendance/test_certificates_api.py::test_the_list_of_a_day_that_is_over_names_who_trained_it_and_whoever_trains_since_as_who_came",
        ),
    ),
    Mutation(
        "before a day is over nobody was there for its hours",
        "services/attendance/sheets_reading.py",
        "        minutes=record.minutes if meeting.ends_at <= now or record.left_at is not None else None,",
        "        minutes=record.minutes,",
        ("tests/attendance/test_files.py::test_what_is_printed_before_a_day_is_over_confirms_no_hours_of_it",),
    ),
    Mutation(
        "the list of a day that has closed is printed with whom it awaited",
        "services/attendance/sheets_reading.py",
        "    towns = dict.fromkeys(set[str]().union(*then.values())) | towns",
        "    pass",
        (
            "tests/attendance/test_certificates_api.py::test_the_list_of_a_day_that_has_closed_names_whom_it_awaited_and_nobody_who_came_in_since",
        ),
    ),
    Mutation(
        "the list of a day that has closed names nobody who came in since",
        "services/attendance/sheets_reading.py",
        "    is_open = len(closed) < len(its)",
        "    is_open = True",
        (
            "tests/attendance/test_certificates_api.py::test_the_list_of_a_day_that_has_closed_names_whom_it_awaited_and_nobody_who_came_in_since",
        ),
    ),
    Mutation(
        "a day that is called otherwise is confirmed",
        "services/attendance/sheets_reading.py",
        "        known |= {one.meeting_id: one for one in gone.get(session_id, ())}",
        "        pass",
        (
            "tests/attendance/test_certificates_api.py::test_a_day_that_was_called_otherwise_after_its_list_had_closed_is_confirmed_as_it_was",
        ),
    ),
    Mutation(
        "papers are asked for of a day that was held before its session was called off",
        "services/attendance/dossier.py",
        "if session.state.takes_place or had_closed(lists.get(one.meeting_id), one)\n",
        "if session.state.takes_place\n",
        (
            "tests/attendance/test_files.py::test_of_a_session_that_was_called_off_after_a_day_of_it_was_held_that_days_papers_are_asked_for",
        ),
    ),
    Mutation(
        "papers are asked for of a day that was dropped after it was held",
        "services/attendance/dossier.py",
        "    days = sorted((*planned, *gone), ",
        "    days = sorted(planned, ",
        (
            "tests/attendance/test_files.py::test_while_a_list_is_put_right_the_papers_say_so_also_of_a_day_that_was_dropped_meanwhile",
            "tests/attendance/test_files.py::test_a_signed_list_is_of_the_day_it_was_signed_on_whatever_that_is_called_since",
        ),
    ),
    Mutation(
        "the papers say of a list that it is put right",
        "services/attendance/dossier.py",
        "    if found is None or not is_put_right(found, meeting):",
        "    if True:",
        (
            "tests/attendance/test_files.py::test_while_a_list_is_put_right_the_papers_say_so_also_of_a_day_that_was_dropped_meanwhile",
        ),
    ),
    Mutation(
        "the records of a day are there also while its list is put right and it was dropped",
        "services/attendance/dossier.py",
        "    took_place = {one.meeting_id for one in gone} | ",
        "    took_place = ",
        (
            "tests/attendance/test_files.py::test_while_a_list_is_put_right_the_papers_say_so_also_of_a_day_that_was_dropped_meanwhile",
        ),
    ),
    Mutation(
        "no certificate is in doubt while a list is put right of a day that was dropped",
        "services/attendance/open_matters.py",
        ", _MEETING.c.session_id.not_in(sa.select(_put_right().c.session_id)))",
        ")",
        (
            "tests/attendance/test_files.py::test_while_a_list_is_put_right_the_papers_say_so_also_of_a_day_that_was_dropped_meanwhile",
        ),
    ),
    Mutation(
        "a signed list is attached to the day it was signed on, whatever that is called since",
        "services/attendance/files.py",
        "    return known is not None or session",
        "    return session",
        (
            "tests/attendance/test_files.py::test_a_signed_list_is_of_the_day_it_was_signed_on_whatever_that_is_called_since",
        ),
    ),
    Mutation(
        "a list that is put right is typed in, also if its session was called off meanwhile",
        "services/attendance/entering.py",
        "not ground.had_closed:",
        "ground.is_open:",
        (
            "tests/attendance/test_papers.py::test_a_list_that_had_closed_before_its_session_was_cancelled_is_put_right_by_its_paper",
        ),
    ),
    Mutation(
        "a folder that is away has deleted nothing",
        "services/attendance/folder.py",
        "                self.root.stat()  # A folder that is away has deleted nothing.",
        "                pass",
        ("tests/attendance/test_storing.py::test_nothing_is_called_deleted_where_it_cannot_be_reached",),
    ),
    Mutation(
        "a town is said by its name and not by a street's",
        "shared/alphabet.py",
        'rf"(?<!\\w){re.escape(name)}(?!\\w)"',
        "re.escape(name)",
        (
            "tests/attendance/test_documents.py::test_a_town_that_the_place_does_not_name_stands_behind_it",
            "tests/shared/test_alphabet.py::test_a_name_stands_in_a_text_as_words_of_its_own",
        ),
    ),
    Mutation(
        "a sign that no font has costs itself and not the document",
        "services/attendance/documents/printing.py",
        "        if not (unshown := _unshown(sorted(signs))):",
        "        if not (unshown := list[str]()):",
        ("tests/attendance/test_documents.py::test_a_sign_that_no_font_has_costs_itself_and_not_the_document",),
    ),
)
