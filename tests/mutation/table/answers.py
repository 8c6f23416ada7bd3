"""What people, towns and the office say to a place, and what comes of it."""

from tests.mutation.mutation import Mutation

MUTATIONS = (
    Mutation(
        "an answer after the deadline of an offer",
        "services/enrolment/replies.py",
        "    if at >= place.offered_until:",
        "    if False:",
        ("tests/enrolment/test_offers.py",),
    ),
    Mutation(
        "an answer sent before the offer",
        "services/enrolment/replies.py",
        "    if at < place.offered_at and not was_on_offer:",
        "    if False:",
        ("tests/enrolment/test_offers.py",),
    ),
    Mutation(
        "a reply that was sent before a newer one",
        "services/enrolment/replies.py",
        "at < place.replied_at",
        "False",
        ("tests/enrolment/test_replies.py",),
    ),
    Mutation(
        "the office decides on what still stands",
        "services/enrolment/office.py",
        "    if body.seen is not None and body.seen != (place.tag",
        "    if False and body.seen != (place.tag",
        ("tests/enrolment/test_office.py",),
    ),
    Mutation(
        "a correction of what still stands",
        "services/enrolment/corrections.py",
        "    if body.seen is not None and body.seen != tag:",
        "    if False:",
        ("tests/enrolment/test_office.py",),
    ),
    Mutation(
        "nothing is decided by the office once a session has begun",
        "services/enrolment/office.py",
        "    if not is_ahead(session, at):",
        "    if False:",
        ("tests/enrolment/test_office.py",),
    ),
    Mutation(
        "nobody unknown gets an extra place",
        "services/enrolment/office.py",
        '        return Wait("person")',
        "        pass",
        ("tests/enrolment/test_office.py",),
    ),
    Mutation(
        "who has given a place back since gets no extra one",
        "services/enrolment/office.py",
        "    if asked_since(place, session, AskedFor.WITHDRAWAL, asked.at):",
        "    if False:",
        ("tests/enrolment/test_office.py",),
    ),
    Mutation(
        "a correction counts from when the office asked for it",
        "services/enrolment/corrections.py",
        "correction.asked_at or correction.heard_at",
        "correction.heard_at",
        ("tests/enrolment/test_begun.py::test_a_room_that_the_office_had_made_larger_in_time_counts_after_the_start",),
    ),
    Mutation(
        "that a correction is over counts from when the planner said so",
        "services/enrolment/corrections.py",
        "**still, asked_at=session.heard_at, ",
        "**still, ",
        (
            "tests/enrolment/test_begun.py::test_a_larger_room_stated_in_time_counts_after_the_start_also_where_it_ends_the_offices_own",
        ),
    ),
    Mutation(
        "a refused answer to an offer says which it was",
        "services/enrolment/replies.py",
        "is_own_word=False, answered=answer)",
        "is_own_word=False)",
        ("tests/enrolment/test_offers.py::test_an_answer_to_an_offer_that_is_refused_says_which_it_was",),
    ),
    Mutation(
        "a reply is about the times that the session had",
        "services/enrolment/replies.py",
        " and (about or times_then(working, session, at)) != session.times:",
        " and (about or session.times) != session.times:",
        (
            "tests/enrolment/test_replies.py::test_who_confirmed_before_the_session_moved_has_not_confirmed_for_its_new_times",
        ),
    ),
    Mutation(
        "whoever accepts is asked anew of times that they did not know",
        "services/enrolment/replies.py",
        "        moved = times_then(working, session, at) != session.times\n",
        "        moved = False\n",
        (
            "tests/enrolment/test_replies.py::test_who_takes_a_place_before_the_session_moved_has_it_and_is_asked_anew_whether_they_come",
        ),
    ),
    Mutation(
        "each decision day is told of by itself",
        "services/enrolment/replies.py",
        "    if before is None or (decides_at is not None and before.decided_at < decides_at):\n",
        "    if before is None:\n",
        (
            "tests/enrolment/test_replies.py::test_on_the_decision_day_of_another_date_it_is_said_again_also_with_the_same_numbers",
        ),
    ),
    Mutation(
        "one decision day is told of once",
        "services/enrolment/replies.py",
        "    return (before.minimum, before.confirmed) == (minimum, confirmed)\n",
        "    return False\n",
        (
            "tests/enrolment/test_replies.py::test_on_the_decision_day_of_another_date_it_is_said_again_also_with_the_same_numbers",
        ),
    ),
    Mutation(
        "who came instead of somebody has another place than theirs of now",
        "services/enrolment/substituting.py",
        "    return (before.queued_at, before.queue) == (place.queued_at, place.queue)\n",
        "    return True\n",
        (
            "tests/enrolment/test_substitution.py::test_who_came_instead_of_somebody_who_is_in_again_does_not_come_for_them_twice",
        ),
    ),
    Mutation(
        "a correction lies over what the planner said when it was sent",
        "services/enrolment/corrections.py",
        "    if stated is not None:\n",
        "    if False:\n",
        (
            "tests/enrolment/test_office.py::test_a_correction_of_a_value_that_the_planner_has_replaced_before_it_is_heard_is_over_already",
        ),
    ),
    Mutation(
        "an answer in time counts for the offer that was made again",
        "services/enrolment/replies.py",
        "    if at < place.offered_at and not was_on_offer:",
        "    if at < place.offered_at:",
        (
            "tests/enrolment/test_late_answers.py::test_an_answer_in_time_counts_for_the_offer_that_was_made_again_since",
        ),
    ),
    Mutation(
        "what was on offer is known by when it ended",
        "services/enrolment/state.py",
        "made <= at < ended",
        "made <= at",
        (
            "tests/enrolment/test_late_answers.py::test_an_answer_sent_while_nothing_was_on_offer_is_none_to_what_is_offered_again",
        ),
    ),
    Mutation(
        "who let an offer go after accepting it reads so",
        "services/enrolment/replies.py",
        "    if was_on_offer and _let_go_since(place, session, at):",
        "    if False:",
        (
            "tests/enrolment/test_late_answers.py::test_who_accepted_and_then_let_the_offer_go_reads_of_that_whichever_is_heard_first",
        ),
    ),
    Mutation(
        "who waits behind all others has let an offer go",
        "services/enrolment/replies.py",
        "    return waits_behind or asked_since(",
        "    return asked_since(",
        (
            "tests/enrolment/test_late_answers.py::test_who_let_an_offer_go_and_is_asked_again_is_not_answered_for_by_what_they_said_before",
        ),
    ),
    Mutation(
        "who accepted and waits reads what became of it",
        "services/enrolment/replies.py",
        "    if place.state.waits and was_on_offer:",
        "    if False:",
        (
            "tests/enrolment/test_late_answers.py::test_who_accepted_before_the_session_was_off_and_waits_since_it_is_on_again_reads_of_that",
        ),
    ),
    Mutation(
        "a priority from before an offer was let go has ended",
        "services/enrolment/office.py",
        "    let_go = place.let_go_at is not None and at < place.let_go_at\n",
        "    let_go = False\n",
        (
            "tests/enrolment/test_priorities.py::test_a_priority_that_was_given_before_its_person_let_an_offer_go_has_ended_with_that_whichever_is_heard_first",
        ),
    ),
    Mutation(
        "what a session was then is asked of whoever spoke for it then",
        "services/enrolment/statements.py",
        "for one in _stated_of(working, session) if one.heard_at <= at]",
        "for one in _stated_of(working, session) if one.heard_at <= at and one.source == session.source]",
        ("tests/enrolment/test_replies.py::test_the_times_that_a_session_had_are_those_of_whoever_spoke_for_it_then",),
    ),
    Mutation(
        "who comes instead of somebody who is elsewhere has a seat that is free",
        "services/enrolment/substituting.py",
        "    if not (place.state.waits and place.clashes_with):\n        return None\n",
        "    if True:\n        return None\n",
        (
            "tests/enrolment/test_substitution.py::test_a_seat_that_is_free_and_that_who_leaves_could_not_take_is_the_newcomers",
        ),
    ),
    Mutation(
        "who says to an offer that they will not come waits for none",
        "services/enrolment/replies.py",
        " == AfterOffer.TO_THE_END and reply is not Reply.DECLINED",
        " == AfterOffer.TO_THE_END",
        (
            "tests/enrolment/test_offers.py::test_whoever_says_to_an_offer_that_they_will_not_come_waits_for_none_also_if_the_session_would_let_them",
        ),
    ),
    Mutation(
        "a priority ends with the place in line that it was given for",
        "services/enrolment/settling.py",
        "    if not leave.reason.is_given_back:\n",
        "    if False:\n",
        (
            "tests/enrolment/test_priorities.py::test_whoever_let_an_offer_go_and_asks_again_is_not_first_by_what_the_office_had_preferred_them_for",
            "tests/enrolment/test_priorities.py::test_who_gives_a_place_back_or_leaves_the_list_and_asks_again_is_at_its_end_whatever_the_office_had_given_them",
            "tests/enrolment/test_substitution.py::test_a_priority_goes_with_the_place_and_is_not_theirs_who_left",
        ),
    ),
    Mutation(
        "a priority that a rule took with the place is given back with it",
        "services/enrolment/settling.py",
        "    if not leave.reason.is_given_back:\n",
        "    if True:\n",
        ("tests/enrolment/test_priorities.py::test_a_priority_that_a_rule_took_with_the_place_is_given_back_with_it",),
    ),
    Mutation(
        "of who comes in anew it is kept when they had let an offer go",
        "services/enrolment/stating.py",
        '"last_offer_ended_at": before.let_go_at if before is not None else None}',
        '"last_offer_ended_at": None}',
        (
            "tests/enrolment/test_priorities.py::test_a_priority_from_before_an_offer_was_let_go_has_ended_also_of_who_has_left_and_asked_anew_before_it_is_heard",
        ),
    ),
    Mutation(
        "who has given up their place in line has no priority from before that",
        "services/enrolment/office.py",
        "    return let_go or asked_since(place, session, AskedFor.WITHDRAWAL, at)\n",
        "    return let_go\n",
        (
            "tests/enrolment/test_substitution.py::test_a_priority_from_before_a_substitution_is_not_theirs_who_left_also_if_it_is_heard_once_they_have_asked_anew",
            "tests/enrolment/test_priorities.py::test_a_priority_from_before_its_person_left_the_list_has_ended_with_that_whichever_is_heard_first",
            "tests/enrolment/test_priorities.py::test_it_has_also_where_they_were_asked_anew_since_and_that_has_ended_by_nothing_they_did",
        ),
    ),
    Mutation(
        "an offer is over by its deadline, whatever ends it later",
        "services/enrolment/stating.py",
        "    ended_at = min(ended_at, place.offered_until or ended_at)\n",
        "",
        (
            "tests/enrolment/test_late_answers.py::test_what_is_said_after_the_deadline_is_no_answer_to_an_offer_that_a_rule_ends_before_that_is_decided",
        ),
    ),
    Mutation(
        "what somebody asked in vain is why they have no place, before what their town could not do",
        "services/enrolment/fates.py",
        "    refused = _last(steps, lambda step: step.is_refusal and not _is_of_substitution(step))\n",
        "    refused = None\n",
        (
            "tests/enrolment/test_why.py::test_what_somebody_asked_in_vain_is_why_they_have_no_place_also_if_their_town_could_not_send_them_later",
        ),
    ),
    Mutation(
        "a seat that somebody comes to have by a substitution says with which numbers",
        "services/enrolment/substituting.py",
        '            "numbers": found_seat,\n',
        "",
        (
            "tests/enrolment/test_why.py::test_who_comes_instead_of_somebody_who_waited_beside_a_free_seat_is_said_to_have_got_that",
        ),
    ),
    Mutation(
        "who is to come by a substitution that waits is heard behind it",
        "services/enrolment/handlers.py",
        '        case OfferAnswered() | ReplyGiven() | SubstitutionRequested() if _is_to_come(working, body, heard.appended_at):\n            decided = Wait("turn")\n',
        "",
        (
            "tests/enrolment/test_substitution.py::test_what_who_comes_says_to_the_offer_waits_behind_the_substitution_that_gives_it_to_them",
        ),
    ),
    Mutation(
        "who is in the session themselves is answered at once",
        "services/enrolment/handlers.py",
        "    if place is not None and place.is_active:\n        return False\n",
        "    if place is not None and place.state.takes_seat:\n        return False\n",
        (
            "tests/enrolment/test_substitution.py::test_who_waits_themselves_is_answered_at_once_so_that_what_they_say_to_their_own_offer_waits_for_nobody",
            "tests/enrolment/test_substitution.py::test_who_waits_themselves_leaves_the_list_at_once",
        ),
    ),
    Mutation(
        "who is to come themselves may be replaced before they have",
        "services/enrolment/handlers.py",
        "        case OfferAnswered() | ReplyGiven() | SubstitutionRequested() if _is_to_come(",
        "        case OfferAnswered() | ReplyGiven() if _is_to_come(",
        ("tests/enrolment/test_substitution.py::test_who_is_to_come_themselves_may_be_replaced_before_they_have",),
    ),
    Mutation(
        "nobody waits behind a substitution for somebody unknown",
        "services/enrolment/handlers.py",
        '        return held.waits_for not in ("person", "town", "turn")\n',
        "        return True\n",
        (
            "tests/enrolment/test_substitution.py::test_who_is_to_leave_gives_the_place_back_at_once_although_it_waits_perhaps_for_a_mistyped_id",
            "tests/enrolment/test_substitution.py::test_a_town_that_had_mistyped_who_comes_names_the_right_one_and_waits_for_nobody",
            "tests/enrolment/test_substitution.py::test_an_offer_is_taken_at_once_although_their_town_waits_to_send_somebody_else",
        ),
    ),
    Mutation(
        "while a session does not take place a town's word is decided before later ones",
        "services/enrolment/handlers.py",
        '        return held.waits_for not in ("person", "town", "turn")\n',
        "        return False\n",
        (
            "tests/enrolment/test_substitution.py::test_while_a_session_does_not_take_place_what_was_said_after_it_waits_behind_it",
        ),
    ),
    Mutation(
        "nobody waits behind what they had said to a place that is to come",
        "services/enrolment/handlers.py",
        '    return held.waits_for != "turn"\n',
        "    return True\n",
        (
            "tests/enrolment/test_substitution.py::test_who_answered_to_a_place_that_is_to_come_from_nobody_known_gets_one_of_their_own_and_has_answered_to_that",
        ),
    ),
    Mutation(
        "who has a place of their own has answered to that",
        "services/enrolment/handlers.py",
        "    for held in _taken_up(working, _about_who_is_in(working, heard.body, decided)):\n",
        "    for held in ():\n",
        (
            "tests/enrolment/test_substitution.py::test_who_answered_to_a_place_that_is_to_come_from_nobody_known_gets_one_of_their_own_and_has_answered_to_that",
        ),
    ),
    Mutation(
        "a substitution from before its person gave the place back reads of that",
        "services/enrolment/substituting.py",
        "        has_left = asked_since(place, session, AskedFor.WITHDRAWAL, at)",
        "        has_left = False",
        (
            "tests/enrolment/test_substitution.py::test_who_is_to_leave_gives_the_place_back_at_once_although_it_waits_perhaps_for_a_mistyped_id",
        ),
    ),
    Mutation(
        "what who comes has said is taken up with the substitution",
        "services/enrolment/handlers.py",
        '                scopes |= {f"{held.about[0]}/person/{person_id}" for person_id in comes}\n',
        "",
        (
            "tests/enrolment/test_substitution.py::test_it_is_decided_with_it_also_where_what_it_waited_for_is_news_of_who_leaves",
        ),
    ),
    Mutation(
        "also what they have said under another id",
        "services/enrolment/handlers.py",
        'comes = ids_of(working, held.about[-1].removeprefix("person/"))\n',
        'comes = [held.about[-1].removeprefix("person/")]\n',
        (
            "tests/enrolment/test_substitution.py::test_it_is_decided_with_it_also_where_what_it_waited_for_is_news_of_who_leaves",
        ),
    ),
    Mutation(
        "and what waits behind that",
        "services/enrolment/handlers.py",
        "            looking += [one for key, one in behind.items() if key not in found]\n",
        "",
        ("tests/enrolment/test_substitution.py::test_it_is_decided_with_it_also_where_that_waited_behind_another_one",),
    ),
    Mutation(
        "no town gives on the place of a guest of the office",
        "services/enrolment/substituting.py",
        "    if place.city_id is None and ",
        "    if False and ",
        ("tests/enrolment/test_substitution.py::test_nobody_comes_instead_of_a_guest_of_the_office_who_is_of_no_town",),
    ),
    Mutation(
        "a seat that is found by a substitution is nobody's before them in line",
        "services/enrolment/substituting.py",
        "    return next((one.numbers for one in facts if one.person_id == place.person_id and one.becomes.takes_seat), None)",
        "    return next((one.numbers for one in facts if one.becomes.takes_seat), None)",
        ("tests/enrolment/test_substitution.py::test_it_is_not_where_somebody_before_them_in_line_is_to_have_it",),
    ),
    Mutation(
        "who lets an offer go has not confirmed that they come",
        "services/enrolment/settling.py",
        "{**fields, **over, **NO_REPLY, **said, **last}",
        "{**fields, **over, **said, **last}",
        (
            "tests/enrolment/test_late_answers.py::test_who_lets_an_offer_go_has_not_said_that_they_come_by_what_they_confirmed_before",
        ),
    ),
    Mutation(
        "a guest of the office is of the town whose team they turn out to be in",
        "services/enrolment/decisions.py",
        "= place.city_id or town_of_guest(working, session, place.person_id)",
        "= place.city_id",
        (
            "tests/enrolment/test_office.py::test_a_place_beside_the_rules_is_that_of_the_town_whose_team_its_person_is_in_whenever_that_becomes_known",
        ),
    ),
    Mutation(
        "of two places of one human that is kept says for which town, if either does",
        "services/enrolment/merging.py",
        '    fields["city_id"] = next((one.city_id for one in (kept, *both) if one.city_id is not None), None)\n',
        "",
        (
            "tests/enrolment/test_office.py::test_who_turns_out_to_be_a_guest_of_the_office_comes_for_their_town_all_the_same",
        ),
    ),
    Mutation(
        "a refused substitution is told of both",
        "services/enrolment/handlers.py",
        "                note_refused(working, heard, body.comes if fact.person_id == body.leaves else body.leaves)",
        "                pass",
        ("tests/enrolment/test_why.py::test_a_substitution_that_is_refused_at_once_is_told_of_both_with_the_reason",),
    ),
    Mutation(
        "a refusal that was said of another one is why somebody has no place",
        "services/enrolment/fates.py",
        "    refused = refused or _last(steps, lambda step: step.is_refusal)\n",
        "",
        ("tests/enrolment/test_why.py::test_who_was_to_come_by_a_substitution_that_is_refused_has_no_place_for_that",),
    ),
    Mutation(
        "from the release day on towns are called for all",
        "services/enrolment/calling.py",
        "None if is_released(working, session, now) else ",
        "",
        ("tests/enrolment/test_calls.py::test_from_the_release_day_on_a_town_is_called_for_all_that_a_session_has",),
    ),
    Mutation(
        "towns that are called are told on the release day",
        "services/enrolment/handlers.py",
        "released_since(working, session)))\n        _call(working, [session.session_id], None)\n",
        "released_since(working, session)))\n",
        (
            "tests/enrolment/test_calls.py::test_a_town_that_qualifies_after_the_release_day_is_called_for_all_also_before_that_was_decided",
        ),
    ),
    Mutation(
        "who accepted in time reads what took the offer",
        "services/enrolment/replies.py",
        "    if reason is RefusalReason.NO_OFFER and place is not None:",
        "    if False:",
        (
            "tests/enrolment/test_late_answers.py::test_who_accepted_before_something_took_the_offer_and_is_heard_after_that_reads_of_that",
        ),
    ),
    Mutation(
        "who confirmed in time reads what took the place",
        "services/enrolment/replies.py",
        "    if reason is RefusalReason.NO_PLACE and place is not None:",
        "    if False:",
        (
            "tests/enrolment/test_late_answers.py::test_who_confirmed_before_something_took_the_place_and_is_heard_after_that_reads_of_that",
        ),
    ),
)
