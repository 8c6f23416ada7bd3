"""Links and pages: who may open one, what pressing a button does, and what is shown."""

from tests.mutation.mutation import Mutation

MUTATIONS = (
    Mutation(
        "a key is of one audience",
        "shared/web/links.py",
        "key_named(token) != key.key_id or key.audience != audience:",
        "key_named(token) != key.key_id:",
        ("tests/shared/test_links.py::test_a_link_opens_only_at_its_audience_and_only_for_its_purpose",),
    ),
    Mutation(
        "a withdrawn key opens nothing",
        "shared/web/links.py",
        "    if now >= min(link.until, key.verifies_until):",
        "    if now >= link.until:",
        ("tests/shared/test_links.py::test_a_link_does_not_outlive_its_key_and_a_withdrawn_key_opens_nothing",),
    ),
    Mutation(
        "a link's time is over",
        "shared/web/links.py",
        "    if now >= min(link.until, key.verifies_until):\n        return Rejection(Refused.EXPIRED, link.language)\n",
        "",
        ("tests/shared/test_links.py::test_a_link_says_what_it_was_made_of_until_its_time_is_over",),
    ),
    Mutation(
        "keys are stated by notifications alone",
        "shared/contracts/notifications.py",
        '    subject = "link-key/{key_id}"\n    only_by_owner = True\n',
        '    subject = "link-key/{key_id}"\n',
        (
            "tests/shared/test_decoding.py::test_that_places_are_settled_and_who_was_told_is_what_only_a_service_can_know_of_itself",
        ),
    ),
    Mutation(
        "nobody outside writes a stream that has an owner",
        "deploy/kafka/access.py",
        "        if stream.owner is None:",
        '        if not name.endswith(".events"):',
        (
            "tests/compose/test_declared.py::test_outside_systems_say_neither_what_services_decided_nor_read_personal_data",
        ),
    ),
    Mutation(
        "replicas make one key between them",
        "services/notifications/linking.py",
        "            await store.lock_signing_keys(connection)\n",
        "",
        ("tests/notifications/test_linking.py::test_replicas_that_begin_at_once_share_one_key_and_state_it_once",),
    ),
    Mutation(
        "an old key signs nothing new",
        "services/notifications/keys.py",
        " and now < key.signs_until and ",
        " and ",
        ("tests/notifications/test_linking.py::test_a_key_signs_for_its_time_and_verifies_for_longer",),
    ),
    Mutation(
        "a withdrawn key signs nothing new",
        "services/notifications/keys.py",
        " and (stated is None or stated.verifies_until >= key.verifies_until)",
        "",
        ("tests/notifications/test_linking.py::test_a_key_that_is_withdrawn_signs_nothing_more",),
    ),
    Mutation(
        "the button of a mail leads to its reader's page",
        "services/notifications/mail.py",
        "        html = html.replace(_WRITTEN_OUT, f'href=\"{THEIR_PAGE}\"')\n",
        "",
        (
            "tests/notifications/test_linking.py::test_a_mail_about_a_place_has_a_button_and_the_same_address_in_its_text",
        ),
    ),
    Mutation(
        "what is asked of another standing is not done",
        "services/enrolment/pages/place.py",
        "            if not is_as_seen(seen, found.place):",
        "            if False:",
        ("tests/enrolment/test_pages.py::test_a_place_that_stands_otherwise_than_on_the_page_is_left_alone",),
    ),
    Mutation(
        "a button pressed twice is one request",
        "services/enrolment/pages/place.py",
        "request_id(asked, link.session_id, seen)",
        "None",
        ("tests/enrolment/test_pages.py::test_a_button_pressed_twice_or_at_the_same_time_is_one_request",),
    ),
    Mutation(
        "each asking is a request of its own",
        "services/enrolment/pages/showing.py",
        '    return f"page.{act}.{session_id}.{seen}"',
        '    return f"page.{act}.{session_id}"',
        ("tests/enrolment/test_pages.py::test_whoever_gave_a_place_back_may_ask_again_and_give_it_back_again",),
    ),
    Mutation(
        "of whoever is erased nothing is shown",
        "services/enrolment/pages/place.py",
        "        if found.person is not None and found.person.erased:\n",
        "        if False:\n",
        ("tests/enrolment/test_pages.py::test_whoever_is_erased_reads_that_nothing_is_left_and_nothing_else",),
    ),
    Mutation(
        "a page offers only what can be done",
        "services/enrolment/pages/showing.py",
        "            return (Act.ASK_AGAIN,) if may_ask else ()",
        "            return (Act.ASK_AGAIN,)",
        ("tests/enrolment/test_pages.py::test_a_place_that_a_rule_took_says_why_and_is_not_asked_for_again",),
    ),
    Mutation(
        "a page says that the mail told another time or place",
        "services/enrolment/pages/showing.py",
        "arranged != arrangement(session.venue, session.address, session.meetings)",
        "False",
        (
            "tests/enrolment/test_pages.py::test_whoever_comes_by_a_mail_that_told_another_time_or_place_is_told_that_it_has_changed",
        ),
    ),
    Mutation(
        "pages escape what they show",
        "shared/web/pages/kit.py",
        "            autoescape=True,",
        "            autoescape=False,",
        ("tests/enrolment/test_pages.py::test_what_others_wrote_is_shown_as_text_and_never_as_markup",),
    ),
    Mutation(
        "pages forbid what they do not load themselves",
        "shared/web/pages/kit.py",
        '    "Content-Security-Policy": POLICY,\n',
        "",
        ("tests/enrolment/test_pages.py::test_every_page_carries_the_strict_headers_and_nothing_inline",),
    ),
    Mutation(
        "after an act the page is got anew",
        "shared/web/pages/kit.py",
        'return RedirectResponse(f"{last}{chosen}", 303, HEADERS)',
        'return RedirectResponse(f"{last}{chosen}", 307, HEADERS)',
        ("tests/enrolment/test_pages.py::test_a_place_is_given_back_and_goes_to_whoever_waits_first",),
    ),
    Mutation(
        "a doubtful text is no translation",
        "deploy/texts.py",
        "        elif found.fuzzy:",
        "        elif False:",
        ("tests/shared/test_pages_kit.py::test_a_text_that_is_missing_doubtful_wrong_or_left_over_is_named",),
    ),
    Mutation(
        "the origin logs no address of a page",
        "deploy/docker/Caddyfile",
        '				request>uri regexp "^(/[^/?]*).*" "$1"\n',
        "",
        ("tests/compose/test_declared.py::test_what_the_origin_logs_holds_no_address_of_a_page_and_no_header",),
    ),
)
