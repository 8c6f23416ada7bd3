"""Postgres, rebuilding, and the process: its connections, pages, settings and logs."""

from tests.mutation.mutation import Mutation

MUTATIONS = (
    Mutation(
        "an unfinished body is unfinished",
        "shared/process/connections.py",
        "if self._is_answered() and not self.cycle.more_body:",
        "if self._is_answered():",
        ("tests/shared/test_connections.py::test_whose_body_does_not_end_is_unfinished_too",),
    ),
    Mutation(
        "a crowd of those who do not read",
        "shared/process/connections.py",
        "next(chain(self._waited_for, self._answered), one).end()",
        "next(iter(self._waited_for), one).end()",
        ("tests/shared/test_connections.py::test_where_all_are_answered_whoever_takes_longest_to_read_goes_first",),
    ),
    Mutation(
        "the version guard, in SQL",
        "shared/postgres/database.py",
        "sa.or_(old.version < fresh.version, tied)",
        "sa.true()",
        ("tests/shared/test_lanes.py::test_both_lanes_come_to_the_same",),
    ),
    Mutation(
        "the count of watermarks moved",
        "shared/postgres/roundtrips.py",
        "        if written != numbers:",
        "        if False:",
        ("tests/shared/test_roundtrips.py::test_a_watermark_that_is_not_where_it_was_seen_is_not_moved",),
    ),
    Mutation(
        "in a crowd whoever is unfinished longest goes",
        "shared/process/connections.py",
        "            next(chain(self._waited_for, self._answered), one).end()",
        "            one.end()",
        ("tests/shared/test_connections.py::test_in_a_crowd_whoever_is_unfinished_longest_goes_first",),
    ),
    Mutation(
        "the time for a request's header",
        "shared/process/connections.py",
        "        self._within(self._crowd.limits.header_seconds, self.end)",
        "        pass",
        ("tests/shared/test_connections.py::test_a_header_that_does_not_end_is_given_some_seconds",),
    ),
    Mutation(
        "a setting of nothing is not set",
        "shared/settings.py",
        ", env_ignore_empty=True",
        "",
        ("tests/cli/test_passing.py::test_a_setting_of_nothing_is_not_set",),
    ),
    Mutation(
        "parked commands are told apart by all they are known by",
        "shared/web/app.py",
        "        offset=_offset_of(source, event_id),",
        "        offset=-microseconds(now),",
        ("tests/attendance/test_api.py::test_two_scans_of_the_same_microsecond_that_wait_in_vain_are_both_kept",),
    ),
    Mutation(
        "no name in a log",
        "shared/telemetry.py",
        'traceback.format_tb(where), f"{told(error)}\\n"]',
        'traceback.format_tb(where), f"{error}\\n"]',
        ("tests/shared/test_erasing.py::test_a_database_error_tells_what_and_where_and_no_name",),
    ),
    Mutation(
        "a swap drops nothing that is being read",
        "shared/rebuilding/rebuild.py",
        '        f"alter schema {BESIDE} rename to {PROJECTION}",\n',
        '        f"alter schema {BESIDE} rename to {PROJECTION}",\n        f"drop schema {REPLACED} cascade",\n',
        ("tests/faults/test_rebuild.py::test_a_swap_among_readers_and_writers_is_made_and_nobody_is_thrown_out",),
    ),
    Mutation(
        "rows keep what contracts name",
        "shared/contracts/model.py",
        "        if not self.model_extra:",
        "        if True:",
        ("tests/shared/test_memory_of_rows.py",),
    ),
    Mutation(
        "who answers at a server's port",
        "deploy/embedded/processes.py",
        "        return ports.is_answering(port) and self._identity is not None and self._identity.listens(port)",
        "        return ports.is_answering(port)",
        ("tests/embedded/test_taken.py::test_a_server_holds_a_port_only_if_its_own_process_listens_there",),
    ),
    Mutation(
        "Postgres is ready by its own word",
        "deploy/embedded/postgres.py",
        '        return len(said) >= 8 and said[0] == str(self.pid) and said[7].strip() == "ready"',
        "        return True",
        ("tests/embedded/test_taken.py::test_whoever_took_the_port_is_not_taken_for_our_server[postgres]",),
    ),
)
