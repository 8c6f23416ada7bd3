"""The command `rollcall`."""

from tests.mutation.mutation import Mutation

MUTATIONS = (
    Mutation(
        "a command loads what it needs when it runs",
        "rollcall/status.py",
        "if TYPE_CHECKING:\n    from rollcall.looking",
        "if True:\n    from rollcall.looking",
        ("tests/cli/test_start.py",),
    ),
    Mutation(
        "a broker that comes late is waited for",
        "rollcall/waiting.py",
        "            if time.monotonic() >= deadline:",
        "            if True:",
        ("tests/cli/test_waiting.py::test_a_broker_that_comes_late_gets_everything",),
    ),
    Mutation(
        "status while Kafka is away",
        "rollcall/looking.py",
        "    except (Refusal, KafkaError) as error:",
        "    except ZeroDivisionError as error:",
        ("tests/cli/test_waiting.py::test_status_shows_what_there_is_while_kafka_is_away",),
    ),
    Mutation(
        "status --wait before anybody answers",
        "rollcall/looking.py",
        "            if time.monotonic() >= deadline:\n                raise",
        "            if True:\n                raise",
        ("tests/cli/test_waiting.py::test_status_with_wait_waits_for_the_services_too",),
    ),
    Mutation(
        "names in tables go on in the next line",
        "rollcall/showing.py",
        'overflow="fold"',
        'overflow="ellipsis"',
        ("tests/cli/test_showing.py::test_nothing_is_cut_however_narrow",),
    ),
    Mutation(
        "`up` decides where things are",
        "rollcall/passing.py",
        " for name, field in model.model_fields.items() if name not in DECIDED}",
        " for name, field in model.model_fields.items()}",
        ("tests/cli/test_passing.py::test_what_up_starts_itself_no_setting_moves_elsewhere",),
    ),
    Mutation(
        "the caller's settings reach what `up` starts",
        "rollcall/system.py",
        "            | given(os.environ, name)\n",
        "",
        ("tests/cli/test_demo_run.py",),
    ),
    Mutation(
        "the demo speaks to what it started",
        "rollcall/connection.py",
        "    return connection(path, lambda _name: None)",
        "    return connection(path)",
        ("tests/cli/test_commands.py::test_what_was_started_here_is_spoken_to_whatever_the_environment_names",),
    ),
    Mutation(
        "who says that a child is ready",
        "rollcall/system.py",
        "    return said and child.identity is not None and child.identity.listens(port)",
        "    return said",
        (
            "tests/cli/test_ready.py::test_the_word_of_another_process_is_not_that_of_the_child",
            "tests/cli/test_ready.py::test_whoever_answers_at_a_port_that_was_taken_meanwhile_makes_nothing_ready",
        ),
    ),
    Mutation(
        "one that has ended since it was ready",
        "rollcall/system.py",
        "            failing = [name for name in wanted if self._children[name].seen.restarts]",
        "            failing = [name for name in waiting if self._children[name].seen.restarts]",
        ("tests/cli/test_ready.py::test_one_that_was_ready_and_has_ended_since_is_not_up",),
    ),
    Mutation(
        "a refused token is one service's problem",
        "rollcall/looking.py",
        '        return None, f"refuses the token at {url}: {detail or answer.status}"',
        '        raise Refusal(f"refuses the token at {url}: {detail or answer.status}")',
        ("tests/cli/test_looking.py::test_whatever_one_service_answers_the_others_are_shown",),
    ),
    Mutation(
        "an answer in another's place",
        "rollcall/understanding.py",
        '    if said.get("service") != service:',
        "    if False:",
        ("tests/cli/test_looking.py::test_whatever_one_service_answers_the_others_are_shown",),
    ),
    Mutation(
        "the inbox's equations while it is away",
        "rollcall/looking.py",
        "        mails=None if found.inbox is None else mails_of(inbox),",
        "        mails=None if inbox is None else mails_of(inbox),",
        ("tests/cli/test_looking.py::test_while_the_inbox_is_away_its_equations_stand_there_as_not_known",),
    ),
    Mutation(
        "what `uv run` puts on the path",
        "rollcall/typed.py",
        "            path = path[1:]",
        "            pass",
        ("tests/cli/test_typed.py::test_what_uv_run_puts_on_the_path_is_not_there_in_the_next_terminal",),
    ),
    Mutation(
        "a discard means every copy",
        "rollcall/parked.py",
        "    if not names:\n        return tuple(SERVICES)",
        "    if not names:\n        return tuple(SERVICES)[:1]",
        ("tests/cli/test_parked.py::test_one_discard_gives_up_every_copy",),
    ),
)
