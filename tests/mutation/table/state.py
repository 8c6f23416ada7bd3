"""What makes a row: who may say it, and which statement is the newest."""

from tests.mutation.mutation import Mutation

MUTATIONS = (
    Mutation(
        "each statement of a takeover by its version too",
        "shared/state/working.py",
        """("rule_id", "event_id", "version")""",
        """("rule_id", "event_id")""",
        (
            "tests/shared/test_succession.py::test_a_rule_that_is_stated_again_under_the_same_id_of_its_event_keeps_what_it_said_before",
        ),
    ),
    Mutation(
        "a rule's way of numbering",
        "shared/state/working.py",
        "            return Verdict.RENUMBERED if renumbered else Verdict.NEWER",
        "            return Verdict.NEWER",
        ("tests/shared/test_succession.py::test_a_rule_may_not_change_its_way_of_numbering",),
    ),
    Mutation(
        "the version guard, event by event",
        "shared/state/working.py",
        "        return Verdict.NEWER if new.version > old.version else Verdict.STALE",
        "        return Verdict.NEWER",
        ("tests/shared/test_working.py",),
    ),
    Mutation(
        "one writer per aggregate",
        "shared/state/working.py",
        "    Claim.NONE: Verdict.FOREIGN,",
        "    Claim.NONE: Verdict.NEWER,",
        ("tests/shared/test_working.py",),
    ),
    Mutation(
        "requests are known by source and id",
        "shared/state/working.py",
        "        return self._answer_to(heard) is not None or self[Held].get(heard.source, heard.event_id) is not None",
        "        return False",
        ("tests/enrolment/test_decisions.py",),
    ),
    Mutation(
        "a held request keeps what its contract names",
        "shared/state/working.py",
        "heard.body.model_dump_json(include=set(type(heard.body).model_fields))",
        "heard.body.model_dump_json()",
        ("tests/shared/test_working.py::test_a_held_request_keeps_what_its_contract_names_and_no_more",),
    ),
    Mutation(
        "what comes too late for the row is kept beside it",
        "shared/state/working.py",
        "        if verdict in _REMEMBERED and (remember",
        "        if verdict is Verdict.NEWER and (remember",
        ("tests/attendance/test_views.py::test_a_fact_heard_behind_a_newer_one_still_tells_how_the_place_stood",),
    ),
    Mutation(
        "a held request holds back the next one of its scope",
        "shared/state/working.py",
        '        return scope is not None and bool(self[Held].where("scope", scope))',
        "        return False",
        ("tests/shared/test_scope.py", "tests/enrolment/test_decisions.py"),
    ),
    Mutation(
        "a takeover lets in who spoke too early, and no former owner",
        "shared/state/succession.py",
        "                return BY_NATURE\n            if",
        "                pass\n            if",
        ("tests/shared/test_succession.py",),
    ),
    Mutation(
        "what a writer said before is remembered",
        "shared/state/working.py",
        "                news = said  # When it was first said counts.",
        "                pass",
        ("tests/shared/test_succession.py::test_a_duplicate_of_an_old_fact_is_old_whoever_has_the_place_now",),
    ),
    Mutation(
        "an older wording of a takeover",
        "shared/state/succession.py",
        "            if known is None or one.version > known.version or",
        "            if True or",
        ("tests/shared/test_succession.py::test_an_older_wording_of_a_rule_that_comes_late_says_nothing",),
    ),
    Mutation(
        "nothing is overwritten in vain before all rules are known",
        "shared/state/succession.py",
        "return Claim.OUTRANKS if said_at <= since else",
        "return Claim.OUTRANKS if True else",
        (
            "tests/shared/test_succession.py::test_what_seems_to_be_said_in_vain_is_not_overwritten_before_all_rules_are_known",
        ),
    ),
    Mutation(
        "what was answered without a fact is known",
        "shared/state/working.py",
        "        return self[Answer].get(*key) or self[Unchanged].get(*key)",
        "        return self[Answer].get(*key)",
        ("tests/attendance/test_api.py",),
    ),
    Mutation(
        "another statement under one id and version",
        "shared/state/working.py",
        "        return Verdict.NEWER if new.heard_at < old.heard_at else Verdict.ID_REUSED",
        "        return Verdict.NEWER if new.heard_at < old.heard_at else Verdict.DUPLICATE",
        ("tests/shared/test_working.py",),
    ),
)
