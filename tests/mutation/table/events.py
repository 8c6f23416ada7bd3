"""What a record says: its envelope, its body, or why it is neither."""

from tests.mutation.mutation import Mutation

MUTATIONS = (
    Mutation(
        "a leap second is a time",
        "shared/contracts/model.py",
        ' if text[14:19] == "59:60" else text',
        " if False else text",
        (
            "tests/shared/test_decoding.py::test_a_leap_second_is_the_end_of_the_second_before_in_the_envelope_and_in_a_body",
        ),
    ),
    Mutation(
        "what the body of an unknown type is written in is nobody's business",
        "shared/events/decoding.py",
        " and not _is_unheard_of(headers):",
        ":",
        (
            "tests/shared/test_decoding.py::test_what_the_body_of_an_unknown_type_is_written_in_is_nobodys_business_here",
        ),
    ),
    Mutation(
        "of a structured event nobody reads the headers",
        "shared/events/decoding.py",
        "                doubtful = ()  # Of the others nobody reads any.\n",
        "",
        (
            "tests/shared/test_decoding.py::test_of_a_structured_event_nobody_reads_the_headers_that_would_be_attributes",
        ),
    ),
    Mutation(
        "two content types are no answer to which is meant",
        "shared/events/decoding.py",
        ' and "content-type" not in doubtful:',
        ":",
        (
            "tests/shared/test_decoding.py::test_of_a_structured_event_nobody_reads_the_headers_that_would_be_attributes",
        ),
    ),
    Mutation(
        "why something is no JSON",
        "shared/events/decoding.py",
        '            return "it is not UTF-8"',
        '            return "nested too deeply"',
        ("tests/shared/test_decoding.py::test_of_a_structured_event_that_is_no_json_the_detail_says_why",),
    ),
    Mutation(
        "a request is known by what its contract names",
        "shared/events/envelope.py",
        "    content = {name: said[name] for name, is_needed, default in fields if is_needed or said[name] != default}",
        "    content = {**said, **(body.model_extra or {})}",
        (
            "tests/enrolment/test_order.py::test_a_request_with_a_field_that_nobody_knows_is_the_same_one_sent_again_also_after_it_was_held",
        ),
    ),
    Mutation(
        "what only a service can know of itself",
        "shared/events/decoding.py",
        " and text != stream.owner:",
        " and False:",
        ("tests/shared/test_decoding.py::test_what_only_a_service_can_know_of_itself_is_said_by_nobody_else",),
    ),
    Mutation(
        "a checksum of what is not kept",
        "shared/events/envelope.py",
        "    if cut is not None:\n",
        "    if False:\n",
        (
            "tests/shared/test_unpacking.py::test_two_large_records_that_begin_alike_are_told_apart_and_one_is_recognised",
        ),
    ),
    Mutation(
        "a request without a scope holds back nothing",
        "shared/events/envelope.py",
        "    return pattern.format_map(body.__dict__) if pattern else None",
        "    return pattern.format_map(body.__dict__) if pattern else subject_of(body)",
        (
            "tests/attendance/test_api.py::test_a_parked_scan_holds_back_no_other_scan_of_the_same_person",
            "tests/shared/test_scope.py",
        ),
    ),
    Mutation(
        "news of anything a held request is about finds it",
        "shared/events/envelope.py",
        "    return tuple(dict.fromkeys(named)) or (subject_of(body),)",
        "    return (subject_of(body),)",
        ("tests/shared/test_scope.py", "tests/enrolment/test_decisions.py"),
    ),
    Mutation(
        "a missing body is no tombstone",
        "shared/events/decoding.py",
        "        if value is None and _is_bare(record):",
        "        if value is None:",
        ("tests/shared/test_decoding.py::test_a_body_that_is_missing_is_no_erasure",),
    ),
    Mutation(
        "only an erasure may lack its body",
        "shared/events/decoding.py",
        '    if erasure is None or headers.get("ce_type") != erasure.type_name().encode():',
        "    if erasure is None:",
        ("tests/shared/test_decoding.py::test_a_body_that_is_missing_is_no_erasure",),
    ),
    Mutation(
        "an attribute that says two things",
        "shared/events/decoding.py",
        "        elif name in _READ and value != headers[name]:",
        "        elif False:",
        ("tests/shared/test_decoding.py::test_an_attribute_that_stands_there_twice_counts_if_both_say_the_same",),
    ),
    Mutation(
        "a digest that outlives the order of a contract's fields",
        "shared/events/envelope.py",
        "    fields = sorted(kind.model_fields.items())",
        "    fields = list(kind.model_fields.items())",
        (
            "tests/shared/test_decoding.py::test_a_digest_does_not_depend_on_the_order_in_which_a_contract_names_its_fields",
        ),
    ),
    Mutation(
        "a meeting within an hour that comes twice",
        "shared/contracts/planner.py",
        "        return _instant(self.ends_local, self.ends_local.fold, self.zone)",
        "        return _instant(self.ends_local, 0, self.zone)",
        ("tests/shared/test_decoding.py::test_a_meeting_within_an_hour_that_comes_twice_lasts_as_long_as_it_does",),
    ),
    Mutation(
        "the days of a training's terms",
        "shared/contracts/model.py",
        "TrainingDate = Annotated[Date, AfterValidator(_of_trainings)]",
        "TrainingDate = Annotated[Date, AfterValidator(lambda day: day)]",
        ("tests/shared/test_decoding.py::test_what_a_session_says_of_its_places_lies_where_trainings_can_be",),
    ),
    Mutation(
        "the moments of a training's terms",
        "shared/contracts/model.py",
        "TrainingMoment = Annotated[Moment, AfterValidator(_of_trainings)]",
        "TrainingMoment = Annotated[Moment, AfterValidator(lambda moment: moment)]",
        ("tests/shared/test_decoding.py::test_what_a_session_says_of_its_places_lies_where_trainings_can_be",),
    ),
    Mutation(
        "a time that no broker stamps",
        "shared/events/envelope.py",
        "min(max(milliseconds, _FIRST_MS), _LAST_MS)",
        "milliseconds",
        (
            "tests/shared/test_decoding.py::test_a_time_that_no_broker_stamps_sets_a_record_aside_or_is_heard_and_stops_nobody",
        ),
    ),
    Mutation(
        "an attribute that says two things in structured mode",
        "shared/events/decoding.py",
        "    if isinstance(envelope, dict) and len(envelope) < len(said):",
        "    if False:",
        ("tests/shared/test_decoding.py::test_in_structured_mode_too_what_says_two_things_is_no_answer",),
    ),
    Mutation(
        "a time with small letters",
        "shared/events/decoding.py",
        "without_leap_second(text.upper())",
        "without_leap_second(text)",
        ("tests/shared/test_decoding.py::test_a_time_is_read_in_each_way_in_which_rfc_3339_writes_it",),
    ),
    Mutation(
        "what is only handed on sets nothing aside, of whatever type",
        "shared/events/decoding.py",
        "(_READ - _HANDED_ON) & headers.keys()",
        "_READ & headers.keys()",
        (
            "tests/shared/test_decoding.py::test_what_is_only_handed_on_decides_nothing_and_is_left_out_if_it_cannot_be_read",
        ),
    ),
)
