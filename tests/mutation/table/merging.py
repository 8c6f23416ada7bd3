"""Two ids that are one human, and what only a history of anything finds."""

from tests.mutation.mutation import Mutation

ANYTHING = ("tests/enrolment/test_anything.py",)
MERGING = "tests/enrolment/test_merging.py"
SAID = "tests/enrolment/test_said_apart.py"

MUTATIONS = (
    Mutation(
        "the places of who goes are the survivor's",
        "services/enrolment/handlers.py",
        "            while merged := decide_merged(working, session, now=now):\n",
        "            while merged := ():\n",
        (MERGING,),
    ),
    Mutation(
        "what was said of any id counts for the human",
        "shared/state/merged.py",
        "    for one in found:\n        if became",
        "    for one in ():\n        if became",
        (f"{MERGING}::test_teams_follow_whenever_they_are_said",),
    ),
    Mutation(
        "a circle means the same whichever half is heard first",
        "shared/state/merged.py",
        "    return max(path[path.index(row) :], key=lambda one: (one.heard_at, one.person_id)).person_id\n",
        "    return min(path[path.index(row) :], key=lambda one: (one.heard_at, one.person_id)).person_id\n",
        (f"{MERGING}::test_a_circle_is_set_aside_and_means_the_same_whichever_is_heard_first",),
    ),
    Mutation(
        "a circle is set aside",
        "services/enrolment/handlers.py",
        "    if closes_a_circle(working, heard.body.person_id):\n",
        "    if False:\n",
        (f"{MERGING}::test_a_circle_is_set_aside_and_means_the_same_whichever_is_heard_first",),
    ),
    Mutation(
        "a request of the former id is the survivor's",
        "services/enrolment/people.py",
        "    return body if named == changes else",
        "    return body if True else",
        (f"{MERGING}::test_requests_of_the_former_id_are_the_survivors",),
    ),
    Mutation(
        "whom the office removed under either id is removed",
        "services/enrolment/merging.py",
        " or is_removed\n",
        "\n",
        (f"{MERGING}::test_whom_the_office_removed_under_either_id_is_removed",),
    ),
    Mutation(
        "what was said under either id is said of the place that they keep",
        "services/enrolment/merging.py",
        "    counts = [one for one in both if one is kept or not (",
        "    counts = [one for one in both if one is kept or False and not (",
        (f"{SAID}::test_a_word_counts_for_the_place_that_they_keep_whether_it_or_the_merge_is_heard_first",),
    ),
    Mutation(
        "what was said under an id that has no place is said of the place that they have",
        "services/enrolment/merging.py",
        "        return _remembered(goes, stays, _not_instead(working, stays, into), decided_at)\n",
        "        return []\n",
        (f"{SAID}::test_a_word_counts_for_the_place_that_they_keep_whether_it_or_the_merge_is_heard_first",),
    ),
    Mutation(
        "who lets an offer go under one id keeps the seat that they have under the other",
        "services/enrolment/merging.py",
        "(kept.state.has_seat and _let_an_offer_go(one))]\n",
        "False]\n",
        (f"{SAID}::test_who_lets_an_offer_go_and_has_a_seat_under_the_other_id_keeps_it",),
    ),
    Mutation(
        "of two replies the newer one counts",
        "services/enrolment/merging.py",
        "    replied = max((",
        "    replied = min((",
        (f"{SAID}::test_of_what_was_replied_under_two_ids_the_newest_counts",),
    ),
    Mutation(
        "who accepts an offer that they had under another id will come",
        "services/enrolment/replies.py",
        "    if reason is RefusalReason.ALREADY_PLACED and place is not None and place.reply != Reply.CONFIRMED:",
        "    if False:",
        (f"{SAID}::test_who_accepts_an_offer_under_one_id_will_come_to_the_seat_of_the_other",),
    ),
    Mutation(
        "what has begun counts for the human under whichever id it stands",
        "services/enrolment/decisions.py",
        "    has = {survivor(working, place.person_id) for place",
        "    has = {place.person_id for place",
        (f"{MERGING}::test_what_has_begun_stays_as_it_was_said_and_follows_if_it_lies_ahead_again",),
    ),
    Mutation(
        "nobody is written to under an id that has gone",
        "services/notifications/untold.py",
        "        return is_somebody_else or any(",
        "        return any(",
        (
            "tests/notifications/test_decisions.py::test_who_has_no_contact_is_erased_or_somebody_else_is_not_written_to",
        ),
    ),
    Mutation(
        "a held decision of the office that is so already is answered",
        "services/enrolment/handlers.py",
        "not _is_answered(decided, asked):",
        "not working.is_known(heard):",
        ("tests/enrolment/test_office.py::test_a_decision_that_waited_for_its_session_and_is_so_already_is_answered",),
    ),
    Mutation(
        "a session that anything else may change is loaded whole, whoever asks there",
        "services/enrolment/store.py",
        "    asked_in -= {one.session_id for one in working[Session] if _may_change",
        "    set() - {one.session_id for one in working[Session] if _may_change",
        (
            "tests/enrolment/test_decisions.py::test_a_request_for_a_full_session_may_come_in_one_batch_with_what_looks_at_all_of_its_town",
        ),
    ),
    Mutation(
        "the answer to an offer that is not there is nobody's word",
        "services/enrolment/replies.py",
        "refuse(*about, is_own_word=False, answered=answer)",
        "refuse(*about, answered=answer)",
        (
            "tests/enrolment/test_offers.py::test_the_answer_to_an_offer_that_is_not_there_says_nothing_of_whether_they_come",
        ),
    ),
    Mutation(
        "whatever happens, no town has more than its share",
        "services/enrolment/settling.py",
        "free > 0 and of_town[city_id] < most",
        "free > 0",
        ANYTHING,
    ),
    Mutation(
        "whatever happens, nobody is overtaken",
        "services/enrolment/settling.py",
        "    line.sort(key=lambda one: one.order)\n",
        '    line.sort(key=lambda one: one.fields["person_id"])\n',
        ANYTHING,
    ),
    Mutation(
        "whatever happens, nobody gets a seat while they have one elsewhere",
        "services/enrolment/settling.py",
        ' and not one.fields["clashes_with"]:',
        ":",
        ANYTHING,
    ),
    Mutation(
        "whatever happens, what a rule took is given back",
        "services/enrolment/decisions.py",
        "    entering = [*_returning(working, session, places), *_team(",
        "    entering = [*_team(",
        ANYTHING,
    ),
    Mutation(
        "whatever happens, no offer outlives its deadline",
        "services/enrolment/applying.py",
        "    _set_due(working, OFFER_ENDS, heard.subject, body.offered_until, was_set=was_on_offer)\n",
        "",
        ANYTHING,
    ),
    Mutation(
        "who came in with a team is looked at anew by what stands in the same batch",
        "services/enrolment/store.py",
        "        unlooked |= of_teams - people\n",
        "        pass\n",
        (
            "tests/enrolment/test_decisions.py::test_a_session_may_be_stated_twice_in_one_batch_also_if_whom_the_first_brings_in_is_no_member_by_the_second",
        ),
    ),
    Mutation(
        "what a session says once it is settled brings in nobody",
        "services/enrolment/decisions.py",
        "(at or session.heard_at) >= settles_at(working, session):",
        "(at is not None and at >= settles_at(working, session)):",
        (
            "tests/enrolment/test_begun.py::test_what_a_session_says_once_it_is_settled_brings_in_nobody_also_when_it_is_looked_at_with_all_that_is_known",
        ),
    ),
    Mutation(
        "a reply is the answer to an offer only while that holds",
        "services/enrolment/replies.py",
        "    if reply == Reply.CONFIRMED:\n        return True\n",
        "    return True\n",
        (
            "tests/enrolment/test_replies.py::test_whoever_says_they_do_not_come_while_nothing_is_on_offer_says_it_of_their_place_in_line",
        ),
    ),
    Mutation(
        "whoever confirms what they do not have has not asked for it",
        "services/enrolment/replies.py",
        "is_own_word=has)",
        "is_own_word=True)",
        (
            "tests/enrolment/test_replies.py::test_whoever_confirms_a_place_that_they_do_not_have_has_not_taken_back_that_they_do_not_come",
        ),
    ),
    Mutation(
        "whoever let an offer go is not asked again at once",
        "services/enrolment/replies.py",
        "        if place.person_id not in given:\n",
        "        if given is not None:\n",
        (
            "tests/enrolment/test_offers.py::test_whoever_lets_an_offer_go_is_not_asked_again_at_once_where_nobody_else_could_take_it",
        ),
    ),
    Mutation(
        "an archive's offer ends with the session that nobody knew at its end",
        "services/enrolment/handlers.py",
        "    _end_lapsed(working, session_id, heard)\n",
        "",
        (
            "tests/enrolment/test_offers.py::test_an_offer_that_ended_before_the_session_was_known_ends_with_it_unless_it_was_accepted_in_time",
        ),
    ),
    Mutation(
        "what the office took out of the room beforehand is given to nobody",
        "services/enrolment/handlers.py",
        "    for held in _taken_up(working, list(corrections), until=at):\n",
        "    for held in _taken_up(working, list(corrections)[:0], until=at):\n",
        (
            "tests/enrolment/test_office.py::test_what_the_office_took_out_of_the_room_before_the_session_was_known_is_given_to_nobody",
        ),
    ),
    Mutation(
        "who takes back that they do not come is in with their team at once",
        "services/enrolment/decisions.py",
        "        if found in _OF_ASKING and (member",
        "        if found in () and (member",
        (
            "tests/enrolment/test_last_word.py::test_who_takes_back_that_they_do_not_come_is_in_with_their_team_at_once_whatever_keeps_others_from_asking",
        ),
    ),
    Mutation(
        "nobody comes instead of themselves",
        "services/enrolment/merging.py",
        '    return {"substitute_for": None} if instead_of is not None',
        '    return {"substitute_for": None} if instead_of is None',
        ("tests/enrolment/test_merging.py::test_who_was_replaced_by_their_own_other_id_comes_instead_of_nobody",),
    ),
    Mutation(
        "of two offers one holds for as long as either did",
        "services/enrolment/merging.py",
        "    if len(offers) > 1:",
        "    if False:",
        ("tests/enrolment/test_merging.py::test_of_two_offers_the_one_holds_for_as_long_as_either_did",),
    ),
    Mutation(
        "what has begun is asked about under the id it was said of",
        "services/enrolment/people.py",
        "    if len(ids) > 1:",
        "    if False:",
        (
            "tests/enrolment/test_merging.py::test_what_was_sent_before_the_start_is_about_the_place_as_it_was_said_of_the_former_id",
        ),
    ),
    Mutation(
        "whom the office removed is kept in mind when they are merged",
        "services/enrolment/merging.py",
        '{"had": Standing.WITHDRAWN} if is_removed else {}',
        "{}",
        (
            "tests/enrolment/test_merging.py::test_whom_the_office_removed_does_not_come_in_by_having_been_taken_for_somebody_else",
        ),
    ),
    Mutation(
        "no team brings in whom the office removed before they were merged",
        "services/enrolment/decisions.py",
        "    out |= {place.person_id for place in places if place.is_removed}\n",
        "",
        (
            "tests/enrolment/test_merging.py::test_whom_the_office_removed_does_not_come_in_by_having_been_taken_for_somebody_else",
        ),
    ),
    Mutation(
        "a merge and what is said of their teams come in one batch",
        "services/enrolment/store.py",
        " | _joined(inputs, merging)\n",
        "\n",
        ("tests/enrolment/test_merging.py::test_a_merge_and_what_is_said_of_their_teams_may_come_in_one_batch",),
    ),
    Mutation(
        "whom the office removed comes in by no team after they were taken for somebody else",
        "services/enrolment/eligibility.py",
        "    if place.is_removed:\n        return True\n",
        "",
        ("tests/enrolment/test_merging.py::test_nor_by_their_team_where_nobody_asks_by_themselves",),
    ),
    Mutation(
        "what somebody has under another id is in their way",
        "services/enrolment/overlaps.py",
        "    for place in places_of(working, person_id):",
        '    from services.enrolment.state import Place\n    for place in working[Place].where("person_id", person_id):',
        (
            "tests/enrolment/test_overlaps.py::test_a_day_ahead_of_what_has_begun_under_one_id_is_in_the_way_of_the_other",
        ),
    ),
    Mutation(
        "what follows for a human's other places is looked for under all their ids",
        "services/enrolment/handlers.py",
        "        theirs = sorted((place.session_id, place.person_id) for place in places_of(working, person_id))",
        '        theirs = sorted((one.session_id, person_id) for one in working[Place].where("person_id", person_id))',
        (
            "tests/enrolment/test_overlaps.py::test_who_waits_beside_what_has_begun_under_their_other_id_is_passed_over_until_that_is_moved",
        ),
    ),
    Mutation(
        "whom the office removed is so again once they are somebody of their own",
        "services/enrolment/merging.py",
        "            return [_removed_as_before(working, place)]\n",
        "            continue\n",
        (f"{MERGING}::test_whom_the_office_removed_stays_so_as_yet_another_one_than_they_were_taken_for",),
    ),
)
