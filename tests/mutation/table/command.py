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
)
