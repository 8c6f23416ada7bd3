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
        "services/enrolment/handlers.py",
        'update={"session_event_id": session.event_id, "session_version": session.version}',
        "update={}",
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
)
