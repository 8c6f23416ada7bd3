"""HTTP: what is refused, by which name, and what is answered at all."""

from tests.mutation.mutation import Mutation

MUTATIONS = (
    Mutation(
        "a filter that is not known is not passed over",
        "shared/web/asking.py",
        '    model_config = ConfigDict(extra="forbid")',
        '    model_config = ConfigDict(extra="ignore")',
        ("tests/http/test_hard_input.py::test_a_filter_that_is_misspelt_is_refused_and_not_passed_over",),
    ),
    Mutation(
        "two values for one name are no answer to which is meant",
        "shared/web/asking.py",
        "        if len(set(values)) > 1:",
        "        if False:",
        ("tests/http/test_hard_input.py::test_what_stands_there_twice_and_says_different_things_is_refused",),
    ),
    Mutation(
        "a body says one thing too",
        "shared/web/asking.py",
        "        if said[name] != value:",
        "        if False:",
        ("tests/http/test_hard_input.py::test_a_body_that_does_not_say_who_asks_is_refused",),
    ),
    Mutation(
        "of thousands of wrong fields a few are told",
        "shared/web/refusing.py",
        "error.errors()[:MOST_ERRORS]",
        "error.errors()",
        ("tests/http/test_hard_input.py::test_of_thousands_of_wrong_fields_a_few_are_told",),
    ),
    Mutation(
        "what nobody caught is answered",
        "shared/web/refusing.py",
        '            if started or scope["type"] != "http":',
        "            if True:",
        (
            "tests/http/test_hard_input.py::test_an_error_of_our_own_is_a_problem_too_and_says_nothing_of_what_it_was_about",
        ),
    ),
    Mutation(
        "an address that is nearly right leads nowhere else",
        "shared/web/app.py",
        "        redirect_slashes=False,",
        "        redirect_slashes=True,",
        ("tests/http/test_hard_input.py::test_an_address_that_means_nothing_is_refused_by_name",),
    ),
    Mutation(
        "HEAD is answered",
        "shared/web/bodies.py",
        'if scope.get("method") == "HEAD" else scope',
        "if False else scope",
        ("tests/http/test_hard_input.py::test_head_is_answered_as_get_would_be",),
    ),
    Mutation(
        "what is no HTTP is refused in the same shape",
        "shared/process/connections.py",
        "    def send_400_response(self, msg: str) -> None:",
        "    def not_http(self, msg: str) -> None:",
        ("tests/http/test_hard_input.py::test_what_is_no_http_is_answered_in_the_same_shape",),
    ),
    Mutation(
        "a number is no time",
        "shared/contracts/model.py",
        '    if (isinstance(value, str) and value[4:5] == "-") or isinstance(value, dt.date):',
        "    if True:",
        ("tests/contracts/test_gate.py::test_a_number_is_no_time_in_any_contract",),
    ),
    Mutation(
        "what an operator found out may be said twice",
        "services/notifications/api.py",
        "            if not _stands_so(known, found):",
        "            if True:",
        ("tests/notifications/test_api.py::test_what_an_operator_found_out_may_be_said_twice_and_is_stated_once",),
    ),
    Mutation(
        "parked records come in pages",
        "shared/books/parking.py",
        "    if after is not None:\n        last =",
        "    if False:\n        last =",
        ("tests/attendance/test_api.py::test_the_next_page_of_parked_records_begins_after_the_last_one",),
    ),
    Mutation(
        "a name of ours is ours as a whole",
        "rollcall/origin/app.py",
        '_PORT.sub("", asked.lower()) not in self.names',
        "Request(scope).url.hostname not in self.names",
        ("tests/cli/test_origin.py::test_another_host_name_is_refused",),
    ),
    Mutation(
        "a route names every problem that it answers",
        "services/enrolment/api.py",
        "may_answer(*READ, NO_SUCH_TOWN, NO_SUCH_PATH)",
        "may_answer(*READ, NO_SUCH_PATH)",
        ("tests/http/test_described.py::test_whatever_is_asked_is_answered_as_the_api_describes_it[enrolment]",),
    ),
    Mutation(
        "a page of parked records that ends with one of HTTP",
        "shared/web/parked.py",
        "[0-9]{{1,19}})?$",
        "[0-9]{{1,18}})?$",
        ("tests/shared/test_parked_pages.py",),
    ),
)
