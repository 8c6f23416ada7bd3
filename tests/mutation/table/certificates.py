"""Who gets a certificate, and what it says."""

from tests.mutation.mutation import Mutation

MUTATIONS = (
    Mutation(
        "a series goes on behind what was imported",
        "services/attendance/certificates.py",
        "        if known is None or known.last < new.serial:",
        '        if new.source.startswith("rollcall/") and (known is None or known.last < new.serial):',
        ("tests/attendance/test_certifying.py::test_a_series_goes_on_behind_the_highest_number_that_was_imported",),
    ),
    Mutation(
        "nobody is certified while a list is open",
        "services/attendance/certifying.py",
        "    return None not in closed and any(",
        "    return any(",
        ("tests/attendance/test_certifying.py::test_while_a_list_is_open_nobody_gets_one",),
    ),
    Mutation(
        "of what others have kept they certify",
        "services/attendance/certifying.py",
        "any(is_ours(working, one) for one in closed if one is not None)",
        "any(True for one in closed if one is not None)",
        ("tests/attendance/test_certifying.py::test_of_a_session_that_others_have_kept_they_certify",),
    ),
    Mutation(
        "a session that does not take place certifies nothing",
        "services/attendance/certifying.py",
        "    if not (session.state.takes_place or then.state.takes_place):",
        "    if False:",
        (
            "tests/attendance/test_certifying.py::test_a_session_that_does_not_take_place_certifies_nothing_and_takes_nothing",
        ),
    ),
    Mutation(
        "given by the threshold of its day is given",
        "services/attendance/certifying.py",
        "        required = self._required if last is None else min(self._required, last.required_minutes)",
        "        required = self._required",
        ("tests/attendance/test_certifying.py::test_a_threshold_that_is_raised_later_takes_nothing",),
    ),
    Mutation(
        "trainers get no certificate",
        "services/attendance/certifying.py",
        " and record.role == Role.PARTICIPANT",
        "",
        ("tests/attendance/test_certifying.py::test_trainers_and_observers_get_none",),
    ),
    Mutation(
        "who has another issuer's gets none of ours",
        "services/attendance/certifying.py",
        "        if any(one.is_valid and one not in ours for one in newest):",
        "        if False:",
        ("tests/attendance/test_certifying.py::test_whoever_has_a_valid_one_of_another_issuer_gets_none_of_ours",),
    ),
    Mutation(
        "what a certificate says of days is right",
        "services/attendance/certifying.py",
        "        return (certificate.minutes, certificate.days, certificate.topic) == so",
        "        return certificate.minutes == so[0]",
        (
            "tests/attendance/test_certifying.py::test_another_day_is_said_by_another_certificate_also_if_the_minutes_are_the_same",
        ),
    ),
    Mutation(
        "a number opens nothing without its code",
        "services/attendance/pages/certificate.py",
        "found is None or not opens(found, code)",
        "found is None",
        (
            "tests/attendance/test_certificates_api.py::test_a_number_without_its_code_shows_what_a_number_that_there_is_not_shows",
        ),
    ),
    Mutation(
        "of two certificates of one human that of the id that stays is valid",
        "services/attendance/certifying.py",
        "    return one.is_valid, one.person_id == person_id, one.issued_on,",
        "    return one.is_valid, True, one.issued_on,",
        ("tests/attendance/test_merging.py::test_of_two_certificates_of_one_human_that_of_the_id_that_stays_is_valid",),
    ),
    Mutation(
        "a certificate of a former id is the human's",
        "services/attendance/certifying.py",
        "        held[survivor(working, certificate.person_id)]",
        "        held[certificate.person_id]",
        (
            "tests/attendance/test_merging.py::test_a_merge_after_the_closing_leaves_the_numbers_and_the_certificate_as_they_were",
        ),
    ),
    Mutation(
        "a revoked certificate comes back by the threshold of its day",
        "services/attendance/certifying.py",
        "        required = self._required if last is None else min(self._required, last.required_minutes)",
        "        held = last if last is not None and last.is_valid else None\n        required = self._required if held is None else min(self._required, held.required_minutes)",
        (
            "tests/attendance/test_certifying.py::test_a_certificate_that_was_revoked_in_error_is_given_back_by_the_threshold_of_its_day",
        ),
    ),
    Mutation(
        "a walk-in has no certificate until it is known who that was",
        "services/attendance/certifying.py",
        "        if record.person_id.startswith(WALK_IN):",
        "        if False:",
        ("tests/attendance/test_certifying.py::test_a_walk_in_has_a_certificate_once_it_is_known_who_that_was",),
    ),
    Mutation(
        "a number behind which there is none moves no series",
        "services/attendance/certificates.py",
        " and new.serial <= MOST_SERIAL - ROOM:",
        ":",
        ("tests/attendance/test_certifying.py::test_a_number_behind_which_there_is_none_moves_no_series",),
    ),
    Mutation(
        "what is said of a session after its list was to close takes no certificate",
        "services/attendance/certificate_handling.py",
        "        at = one.at if isinstance(one, Due) and one.kind == LIST else None",
        "        at = None",
        (
            "tests/attendance/test_certificate_handling.py::test_what_is_said_after_the_closing_takes_nothing_also_if_the_closing_is_decided_later",
        ),
    ),
    Mutation(
        "another issuer's certificate keeps none of ours that is not earned",
        "services/attendance/certifying.py",
        "                if one.is_valid and earned.minutes < min(self._required, one.required_minutes):",
        "                if False:",
        (
            "tests/attendance/test_certifying.py::test_one_of_another_issuer_that_comes_later_keeps_none_of_ours_that_is_not_earned",
        ),
    ),
    Mutation(
        "a day that is called otherwise is certified by its date",
        "services/attendance/certifying.py",
        "    meeting = session.meeting(record.meeting_id) or meeting_once(working, session, record.meeting_id)",
        "    meeting = session.meeting(record.meeting_id)",
        (
            "tests/attendance/test_certificate_handling.py::test_a_day_that_is_called_otherwise_stays_the_day_it_was_also_for_whoever_was_read_on_the_evening_before",
        ),
    ),
    Mutation(
        "while a list is put right, nobody's certificate changes, also if there is no such day any more",
        "services/attendance/certifying.py",
        " or not all_closed(working, session_id) or _is_put_right(working, session):",
        " or not all_closed(working, session_id):",
        (
            "tests/attendance/test_putting_right.py::test_while_the_list_of_a_day_is_put_right_that_was_dropped_since_no_certificate_is_decided",
        ),
    ),
    Mutation(
        "a place in a series that its issuer puts right moves that too",
        "services/attendance/certificates.py",
        " and not _keeps_its_place(old, new) and",
        " and old is None and",
        ("tests/attendance/test_certifying.py::test_a_place_in_a_series_that_its_issuer_puts_right_moves_that_too",),
    ),
    Mutation(
        "a certificate of another year's series ends",
        "services/attendance/certificates.py",
        " and not _keeps_its_place(old, new) and",
        " and",
        ("tests/attendance/test_numbering.py::test_a_correction_in_another_year_ends_the_certificate_of_this_one",),
    ),
)
