"""Why somebody has a place or has none: what is written down for it, and what is told of a moment."""

from tests.mutation.mutation import Mutation

WHY = ("tests/enrolment/test_why.py",)
API = "tests/enrolment/test_why_api.py"

MUTATIONS = (
    Mutation(
        "nothing is told that was heard later than the moment asked about",
        "services/enrolment/why.py",
        "(step for step in steps if step.heard_at <= at)",
        "(step for step in steps)",
        WHY,
    ),
    Mutation(
        "the numbers are those that were recorded with the decision",
        "services/enrolment/settling.py",
        'fields | {"numbers": by, "decided_at": decided_at}',
        'fields | {"decided_at": decided_at}',
        WHY,
    ),
    Mutation(
        "a decision says by which statement of the session it was made",
        "services/enrolment/stating.py",
        'return {"session_event_id": session.event_id, "session_version": session.version}',
        "return {}",
        WHY,
    ),
    Mutation(
        "what waited is remembered once it is decided",
        "services/enrolment/handlers.py",
        "        note_wait(working, heard, decided, expires_at, before=before)\n",
        "",
        WHY,
    ),
    Mutation(
        "a request that goes on waiting for the same is noted once",
        "services/enrolment/history.py",
        "if before is None or (before.waits_for, before.expires_at) != (wait.waits_for, until):",
        "if True:",
        WHY,
    ),
    Mutation(
        "what is set aside is remembered, also where nobody could park it",
        "services/enrolment/handlers.py",
        "    note_set_aside(working, heard, why)\n",
        "",
        WHY,
    ),
    Mutation(
        "of a person only that they are known is kept for whoever asks why",
        "services/enrolment/history.py",
        "_NAMELESS = (PersonRegistered, PersonErased)",
        "_NAMELESS = ()",
        (f"{API}::test_somebody_erased_keeps_the_chain_and_loses_the_name",),
    ),
    Mutation(
        "an older statement that comes late is not taken for what held",
        "services/enrolment/statements.py",
        "return one.version >= before.version",
        "return True",
        WHY,
    ),
    Mutation(
        "what is kept of late statements makes nobody decide anew",
        "shared/deciding/thinking.py",
        "kind in service.late_news",
        "kind in working.remember",
        WHY,
    ),
    Mutation(
        "what was said under one version is kept each time",
        "services/enrolment/history.py",
        '("subject", "source", "version", "heard_at", "event_id")',
        '("subject", "source", "version")',
        WHY,
    ),
    Mutation(
        "of what was repeated under one version the first is kept, if it is heard first",
        "services/enrolment/history.py",
        "    if before is not None and told.repeats(before):\n",
        "    if False:\n",
        WHY,
    ),
    Mutation(
        "of what was repeated under one version the first is kept, if it is heard last",
        "services/enrolment/history.py",
        "    if after is not None and after.repeats(told):\n",
        "    if False:\n",
        WHY,
    ),
    Mutation(
        "what is compared with what was said under one version is all of it",
        "services/enrolment/store.py",
        "Loaded(_VERSION, frozenset(said)), seldom=True)",
        'Loaded((*_VERSION, "event_id"), frozenset()), seldom=True)',
        WHY,
    ),
    Mutation(
        "an id counts for another one from when that was known",
        "services/enrolment/why.py",
        "about_person(that_held(known.told, known.handovers, at), known.person_id)",
        "that_held(known.told, known.handovers, at)",
        WHY,
    ),
    Mutation(
        "once we have spoken of a place nobody else's word counts",
        "services/enrolment/why.py",
        "one.subject == subject and (begun is None or one.heard_at < begun)",
        "one.subject == subject",
        WHY,
    ),
    Mutation(
        "the place in line is that of the moment",
        "services/enrolment/why.py",
        "        if one.since < at or",
        "        if True or",
        WHY,
    ),
    Mutation(
        "what answered a request ends its waiting",
        "services/enrolment/fates.py",
        "[step for key, step in newest.items() if key not in done]",
        "[*newest.values()]",
        WHY,
    ),
    Mutation(
        "what was said of a place is found by its subject",
        "shared/postgres/machinery/0001.sql",
        "CREATE INDEX journal_subject ON kept.journal (key, subject);",
        "",
        (f"{API}::test_one_question_is_a_handful_of_statements_none_of_which_looks_through_a_table",),
    ),
    Mutation(
        "a page of a list goes on where the last one ended",
        "services/enrolment/paging.py",
        "whole[begins : begins + page.limit]",
        "whole[: page.limit]",
        (f"{API}::test_a_roster_is_read_page_by_page_in_its_own_order",),
    ),
    Mutation(
        "a place that is given back is no new substitution",
        "services/enrolment/meaning.py",
        "or before.episode != fact.episode",
        "or not _stood(before).is_active",
        (
            "tests/enrolment/test_why.py::test_a_place_that_is_given_back_to_who_came_instead_of_somebody_is_given_back_and_nobody_is_sent_anew",
        ),
    ),
    Mutation(
        "who came instead and was merged has the place from the other id",
        "services/enrolment/meaning.py",
        "        What.CAME_INSTEAD,\n        What.OFFERED,\n",
        "        What.OFFERED,\n",
        (
            "tests/enrolment/test_why.py::test_who_came_instead_of_somebody_and_turned_out_to_be_somebody_else_has_the_place_from_there",
        ),
    ),
    Mutation(
        "a place that follows later comes from the other id",
        "services/enrolment/why.py",
        "what is What.BY_REQUEST and is_ours",
        "False and is_ours",
        (
            "tests/enrolment/test_why.py::test_a_place_that_follows_once_its_session_lies_ahead_again_comes_from_the_other_id",
        ),
    ),
    Mutation(
        "of an id that went into another one it is not said that nobody asked",
        "services/enrolment/fates.py",
        "    if other is not None and not is_merged:",
        "    if False:",
        (
            "tests/enrolment/test_why.py::test_of_an_id_that_turned_out_to_be_another_one_it_is_not_said_that_nobody_asked",
        ),
    ),
    Mutation(
        "who closes a circle is no other one",
        "services/enrolment/fates.py",
        "    if not path or (said is path[0] and max(path, key=Told.place_in_log) is path[0]):",
        "    if not path:",
        ("tests/enrolment/test_why.py::test_of_ids_that_went_into_one_another_the_one_that_stays_is_no_other_one",),
    ),
    Mutation(
        "what a person reads goes by when the session was announced",
        "services/enrolment/pages/sentences.py",
        "    until = gives_until(session.starts_at, session.ends_at, session.terms.freeze_hours, announced_at)",
        "    until = session.starts_at - dt.timedelta(hours=session.freeze_hours)",
        (
            "tests/enrolment/test_why.py::test_what_the_person_reads_is_what_their_page_says_of_a_session_that_was_announced_within_its_freeze",
        ),
    ),
    Mutation(
        "a refused substitution is quoted to nobody",
        "services/enrolment/pages/why.html",
        '{% if body.asked_for != "substitution" %}',
        "{% if true %}",
        ("tests/enrolment/test_why.py::test_a_substitution_that_is_refused_is_quoted_to_nobody_who_did_not_ask",),
    ),
    Mutation(
        "a list of replies names who somebody turned out to be",
        "services/enrolment/listing.py",
        "sa.func.coalesce(PERSON.c.given_name, _SURVIVOR.c.given_name)",
        "PERSON.c.given_name",
        (
            "tests/enrolment/test_views.py::test_whose_id_went_into_another_one_is_called_the_same_wherever_they_are_named",
        ),
    ),
    Mutation(
        "why names who somebody turned out to be",
        "services/enrolment/reading.py",
        "sa.func.coalesce(PERSON.c.given_name, _SURVIVOR.c.given_name)",
        "PERSON.c.given_name",
        (
            "tests/enrolment/test_views.py::test_whose_id_went_into_another_one_is_called_the_same_wherever_they_are_named",
        ),
    ),
    Mutation(
        "what stays with another id of a human is told of the one that stays",
        "services/enrolment/why.py",
        "    for other in others:\n        places +=",
        "    for other in ():\n        places +=",
        ("tests/enrolment/test_why.py",),
    ),
    Mutation(
        "a place that has moved is told from there on",
        "services/enrolment/why.py",
        "    return [] if has_moved else",
        "    return [] if False else",
        ("tests/enrolment/test_why.py::test_a_place_that_moved_to_the_one_that_stays_is_told_from_there_on",),
    ),
    Mutation(
        "somebody stands as their place says, under whichever id that is",
        "services/enrolment/fates.py",
        "    return next((one for one in found if standing_after(one.body).is_active), found[0] if found else None)",
        "    return found[0] if found else None",
        (
            "tests/enrolment/test_why.py::test_a_place_in_what_has_begun_stays_with_its_id_and_is_told_of_the_one_that_stays",
        ),
    ),
    Mutation(
        "a refusal quotes whom to ask where nobody may ask themselves",
        "services/enrolment/pages/why.html",
        "{{ _read(step.reason, session, may_ask(body, session, announced_at)) }}",
        "{{ _read(step.reason, session) }}",
        ("tests/enrolment/test_why.py::test_a_refusal_quotes_whom_to_ask_where_nobody_may_ask_for_a_place_themselves",),
    ),
)
