"""Switches off one mechanism at a time, in a copy of the project, and shows which test goes red. Each must: `make mutation`.

A mechanism whose absence no test notices is either not needed or not held. Prints a table; exit code 0 only if every one is noticed.
`python -m tests.mutation WORDS` tries only those whose name holds the words.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Mutation:
    """One mechanism, the line that is it, what stands there without it, and the tests that should notice."""

    mechanism: str
    file: str
    line: str
    without: str
    tests: tuple[str, ...]
    and_without: str | None = None
    """A second line of the same file that backs the first one up; it is taken away too."""


MUTATIONS = (
    Mutation(
        "a request is known by what its contract names",
        "shared/events/envelope.py",
        "exclude_defaults=True, include=known)",
        "exclude_defaults=True)",
        (
            "tests/enrolment/test_order.py::test_a_request_with_a_field_that_nobody_knows_is_the_same_one_sent_again_also_after_it_was_held",
        ),
    ),
    Mutation(
        "a day dropped after its list was to close",
        "services/attendance/state.py",
        "(begins is None or due.at >= begins):",
        "(begins is not None and due.at >= begins):",
        (
            "tests/attendance/test_handlers.py::test_a_day_that_was_dropped_after_its_list_was_to_close_took_place_also_if_that_is_heard_before_it_is_decided",
        ),
    ),
    Mutation(
        "only we say that places are settled",
        "services/enrolment/decisions.py",
        "    if said_of == (working.source, session.source, session.event_id):",
        "    if said_of and said_of[1:] == (session.source, session.event_id):",
        (
            "tests/enrolment/test_begun.py::test_whatever_others_say_of_its_places_enrolment_says_itself_that_they_are_settled",
        ),
    ),
    Mutation(
        "a withdrawal of before the cancellation",
        "services/enrolment/decisions.py",
        "    elif session.state == CANCELLED and at >= session.heard_at:",
        "    elif session.state == CANCELLED:",
        (
            "tests/enrolment/test_begun.py::test_a_place_given_back_before_the_cancellation_stays_given_back_also_if_it_is_heard_later",
        ),
    ),
    Mutation(
        "who gave back what there seemed not to be",
        "services/enrolment/decisions.py",
        " or _stays_away(place)}",
        "}",
        (
            "tests/enrolment/test_order.py::test_who_gave_back_what_there_seemed_not_to_be_stays_out_of_their_towns_session_until_they_ask",
        ),
    ),
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
        "whom a misplaced record is about, once they are erased",
        "shared/books/erasing.py",
        "    if misplaced or row.reason == Reason.WRONG_KEY:",
        "    if False:",
        (
            "tests/shared/test_erasing.py::test_what_comes_after_the_erasure_under_a_wrong_key_or_on_a_wrong_stream_leaves_no_bytes_either",
        ),
    ),
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
        "what a takeover lets in is let in at once",
        "shared/deciding/transaction.py",
        "            self.handed_over()\n",
        "            pass\n",
        ("tests/notifications/test_waking.py::test_a_takeover_is_followed_at_once_by_what_it_lets_in",),
    ),
    Mutation(
        "a cancellation in doubt is followed by no change",
        "services/notifications/untold.py",
        "if told.content is None or (told.said is not None and told.said.hash is None):",
        "if told.content is None:",
        (
            "tests/notifications/test_decisions.py::test_who_may_have_been_told_that_the_place_is_gone_is_confirmed_and_hears_of_no_change",
        ),
    ),
    Mutation(
        "each mail in doubt may be believed until its end",
        "services/notifications/ledger.py",
        "or_until=earlier)",
        "or_until=None)",
        ("tests/notifications/test_decisions.py::test_of_several_mails_in_doubt_each_may_be_believed_until_its_end",),
    ),
    Mutation(
        "what only a service can know of itself",
        "shared/events/decoding.py",
        " and source != stream.owner:",
        " and False:",
        ("tests/shared/test_decoding.py::test_what_only_a_service_can_know_of_itself_is_said_by_nobody_else",),
    ),
    Mutation(
        "a lease whose holder is here",
        "services/notifications/store.py",
        ", OPEN.c.lease != sa.all_(_UNDER_WAY))",
        ")",
        (
            "tests/notifications/test_claims.py::test_a_mail_that_has_left_is_in_no_doubt_while_its_outcome_waits_for_the_database",
        ),
    ),
    Mutation(
        "the watermark's fence: its lock and its condition",
        "shared/books/watermark.py",
        "    .with_for_update(of=WATERMARK)\n)\n_READ",
        ")\n_READ",
        ("tests/faults/test_one_at_a_time.py::test_a_batch_heard_by_two_at_once_is_heard_once",),
        and_without="        .where(WATERMARK.c.next_offset == move.c.from_offset)\n        .values(",
    ),
    Mutation(
        "the from-check",
        "shared/deciding/transaction.py",
        "    if batch.from_offset > mark.next_offset:",
        "    if False:",
        ("tests/shared/test_lanes.py::test_a_batch_that_does_not_continue_the_watermark_writes_nothing",),
    ),
    Mutation(
        "the fingerprint",
        "shared/consuming/positions.py",
        "if part[0].offset != offset or fingerprint(part[0]) != known_print:",
        "if False:",
        ("tests/shared/test_positions.py",),
    ),
    Mutation(
        "the version guard, event by event",
        "shared/state/working.py",
        "        return Verdict.NEWER if new.version > old.version else Verdict.STALE",
        "        return Verdict.NEWER",
        ("tests/shared/test_working.py",),
    ),
    Mutation(
        "the version guard, in SQL",
        "shared/postgres/database.py",
        "sa.or_(old.version < fresh.version, tied)",
        "sa.true()",
        ("tests/shared/test_lanes.py::test_both_lanes_come_to_the_same",),
    ),
    Mutation(
        "one writer per aggregate",
        "shared/state/working.py",
        "    Claim.NONE: Verdict.FOREIGN,",
        "    Claim.NONE: Verdict.NEWER,",
        ("tests/shared/test_working.py",),
    ),
    Mutation(
        "the decider's lock",
        "services/enrolment/store.py",
        "        await connection.execute(_DECIDER)",
        "        pass",
        ("tests/faults/test_one_at_a_time.py::test_the_last_seat_asked_for_by_two_at_once_is_sold_once",),
    ),
    Mutation(
        "held requests",
        "services/enrolment/handlers.py",
        "    if isinstance(decided, Wait):\n",
        "    if isinstance(decided, Wait):\n        return\n    if isinstance(decided, Wait):\n",
        ("tests/enrolment/test_decisions.py",),
    ),
    Mutation(
        "requests are known by source and id",
        "shared/state/working.py",
        "        return self[Answer].get(*key) is not None or self[Held].get(*key) is not None",
        "        return False",
        ("tests/enrolment/test_decisions.py",),
    ),
    Mutation(
        "the relay's lock",
        "shared/outbox/relay.py",
        "sa.select(sa.func.pg_try_advisory_lock(LOCK_KEY))",
        "sa.select(sa.true())",
        ("tests/faults/test_one_at_a_time.py::test_of_two_relays_one_leads_and_the_other_takes_over",),
    ),
    Mutation(
        "hearing our own streams first",
        "shared/consuming/positioning.py",
        "        if self.gate is not None and not self.gate.is_set():",
        "        if False:",
        ("tests/faults/test_one_at_a_time.py::test_nothing_else_is_heard_before_what_we_said_ourselves",),
    ),
    Mutation(
        "the quiet recovery",
        "shared/deciding/thinking.py",
        "    return until is not None and heard.offset < until",
        "    return False",
        ("tests/enrolment/test_hearing.py::test_a_database_that_lost_everything_says_nothing_twice",),
    ),
    Mutation(
        "a watermark that falls ends the process",
        "shared/consuming/positioning.py",
        "            if partition.stream in streams and known < offset:",
        "            if False:",
        (
            "tests/faults/test_hard_input.py::test_a_database_restored_under_a_running_service_ends_the_process_before_it_decides",
        ),
    ),
    Mutation(
        "saying again what our stream lost",
        "shared/consuming/positioning.py",
        "                    await journal.stage_again(connection, partition)",
        "                    pass",
        ("tests/faults/test_log.py::test_what_a_log_lost_is_absorbed_if_heard_and_said_again_if_it_was_ours",),
    ),
    Mutation(
        "a log that ends before what was read of it",
        "shared/consuming/positioning.py",
        "                self.doubt(cut)",
        "                pass",
        ("tests/faults/test_log.py::test_a_stream_that_lost_everything_between_two_looks_is_said_again",),
    ),
    Mutation(
        "the sleeper's lock given back",
        "shared/outbox/relay.py",
        "silent_ms = str(int(2000 * self._timeout_seconds))",
        'silent_ms = "0"',
        (
            "tests/faults/test_zombies.py::test_a_process_stopped_in_the_middle_is_succeeded_and_does_no_harm_when_it_wakes",
        ),
    ),
    Mutation(
        "a batch decoded ahead is dropped when its predecessor failed",
        "shared/consuming/projector.py",
        "            if not all(self.positions.is_current(one) for one in fetched):",
        "            if False:",
        ("tests/faults/test_partitions.py::test_a_batch_decoded_ahead_of_one_that_failed_waits_for_it",),
    ),
    Mutation(
        "the due moment's wait",
        "shared/deciding/due.py",
        "                if await is_heard(self._engine, await self._observer.ends_at(streams, some[-1].at)):\n",
        "                if True:\n",
        ("tests/faults/test_one_at_a_time.py::test_a_due_moment_waits_until_everything_said_before_it_has_been_heard",),
    ),
    Mutation(
        "the attempt's lease",
        "services/notifications/store.py",
        '    .where(OPEN.c.lease == sa.bindparam("lease"))\n',
        "",
        (
            "tests/notifications/test_claims.py::test_a_sender_that_slept_beyond_its_lease_writes_no_outcome_over_its_successors",
        ),
    ),
    Mutation(
        "what giving up depended on",
        "services/notifications/untold.py",
        "        and is_the_same(told.given_up_for, truth.made_of)\n",
        "",
        (
            "tests/notifications/test_decisions.py::test_what_was_given_up_is_tried_again_once_anything_it_was_made_of_is_another",
        ),
    ),
    Mutation(
        "the address as a part of what was told",
        "services/notifications/untold.py",
        "    if elsewhere:",
        "    if False:",
        (
            "tests/notifications/test_decisions.py::test_another_address_gets_a_confirmation_and_nothing_is_called_a_change",
        ),
    ),
    Mutation(
        "the end that was told",
        "services/notifications/untold.py",
        "    believes_in_a_place = told.ends_at is not None and now < told.ends_at\n",
        "    believes_in_a_place = now < session.ends_at\n",
        ("tests/notifications/test_decisions.py::test_who_was_told_of_next_week_is_told_that_it_was_yesterday",),
    ),
    Mutation(
        "the end that was told, in SQL",
        "services/notifications/differences.py",
        "    sa.and_(~_lasts, ~NOTHING_TOLD, TOLD.c.ends_at > NOW),\n",
        "",
        ("tests/notifications/test_store.py::test_sql_finds_exactly_the_differences_that_the_rules_find",),
    ),
    Mutation(
        "enrolment's first word",
        "services/notifications/untold.py",
        "        return not self.given_up and not self.waits_for_enrolment",
        "        return not self.given_up",
        (
            "tests/notifications/test_decisions.py::test_nobody_is_told_of_a_place_before_enrolment_was_heard_about_the_sessions_statement",
        ),
    ),
    Mutation(
        "a mail in doubt that waits for enrolment",
        "services/notifications/decisions.py",
        "    if notice.doubts and found is not None and found.waits_for_enrolment:",
        "    if False:",
        ("tests/notifications/test_decisions.py::test_a_mail_in_doubt_waits_for_enrolment_with_its_doubt",),
    ),
    Mutation(
        "a truth that comes back after its mail was overtaken",
        "services/notifications/ledger.py",
        "            return replace(told, content=OVERTAKEN) if notice.state is NoticeState.OVERTAKEN else told",
        "            return told",
        (
            "tests/notifications/test_decisions.py::test_a_truth_that_comes_back_after_its_mail_was_overtaken_in_doubt_is_told",
        ),
    ),
    Mutation(
        "what was put off, once something is heard about it",
        "services/notifications/planning.py",
        "                soon = await differences.bring_forward(connection, mark=oldest, now=now) if oldest else 0",
        "                soon = 0",
        ("tests/notifications/test_sending.py::test_a_corrected_address_does_not_wait_out_the_pause_of_the_wrong_one",),
    ),
    Mutation(
        "what is let in, as news",
        "shared/deciding/retry.py",
        "        self._desk.changed(row.appended_at)\n",
        "",
        ("tests/notifications/test_waking.py",),
    ),
    Mutation(
        "our own echo, which is no news",
        "shared/consuming/projector.py",
        " for one in fetched if one.batch.partition.stream not in self._own]\n            if firsts:",
        " for one in fetched]\n            if firsts:",
        (
            "tests/shared/test_echoes.py::test_listeners_hear_of_what_others_said_and_since_when_and_never_of_our_own_echo",
        ),
    ),
    Mutation(
        "a fault of our own in one mail of a group",
        "services/notifications/sending.py",
        "        except Exception as error:\n            # Also a fault",
        "        except ValueError as error:\n            # Also a fault",
        ("tests/notifications/test_sending.py::test_a_fault_of_our_own_in_one_mail_leaves_the_others_their_outcomes",),
    ),
    Mutation(
        "the doubt about a mail that was handed over",
        "services/notifications/smtp.py",
        "        self.handed_over = True\n",
        "",
        ("tests/notifications/test_smtp.py::test_only_a_mail_whose_content_was_handed_over_is_in_doubt",),
    ),
    Mutation(
        "the count of watermarks moved",
        "shared/postgres/roundtrips.py",
        "        if written != numbers:",
        "        if False:",
        ("tests/shared/test_roundtrips.py::test_a_watermark_that_is_not_where_it_was_seen_is_not_moved",),
    ),
    Mutation(
        "claims, one by one",
        "services/notifications/sending.py",
        "            return await self._claim_one_by_one(lease, most=most)",
        "            raise",
        (
            "tests/notifications/test_claims.py::test_an_outcome_that_the_database_refuses_at_a_claim_holds_back_no_other_mail",
        ),
    ),
    Mutation(
        "one entry a session: a rule where one can say the days",
        "services/notifications/calendar.py",
        "    if count > RULE_DAYS_MAX or not one_zone or not all(map(_is_plain, slots)):",
        "    if True:",
        (
            "tests/notifications/test_calendar.py::test_several_meetings_are_one_entry_that_recurs_with_a_day_for_each",
            "tests/notifications/test_calendar.py::test_outlook_refuses_a_recurrence_without_a_rule_so_there_is_one",
        ),
    ),
    Mutation(
        "a time on which readers differ, in UTC",
        "services/notifications/calendar.py",
        "    return local if _is_plain(local) else local.astimezone(dt.UTC)",
        "    return local",
        ("tests/notifications/test_calendar.py::test_a_time_on_which_readers_differ_is_written_in_utc",),
    ),
    Mutation(
        "two meetings at one time, both in the calendar",
        "services/notifications/calendar.py",
        "            while at in taken or not _is_plain(at.astimezone(slots[0].tzinfo)):",
        "            while False:",
        ("tests/notifications/test_calendar.py::test_a_reader_finds_exactly_the_meetings",),
    ),
    Mutation(
        "a clock change, in the time before it",
        "services/notifications/zones.py",
        "        onsets.append(Onset(moment + _offset(old), _offset(old), _offset(new), new.tzname() or zone))",
        "        onsets.append(Onset(moment + _offset(new), _offset(old), _offset(new), new.tzname() or zone))",
        ("tests/notifications/test_zones.py",),
    ),
    Mutation(
        "a zone's rule, only if it held for all years watched",
        "services/notifications/zones.py",
        "    if len(alike) != 1 or max(days) - min(days) != 6:",
        "    if max(days) - min(days) < 6:",
        ("tests/notifications/test_zones.py",),
    ),
    Mutation(
        "a day told for certain is taken out",
        "services/notifications/letters.py",
        "        return tuple(one for one in (self.before, self.certain) if one is not None)",
        "        return tuple(one for one in (self.before,) if one is not None)",
        (
            "tests/notifications/test_invitation.py::test_a_day_that_was_told_for_certain_is_taken_out_though_a_later_mail_may_have_done_so",
        ),
    ),
    Mutation(
        "a day that only changed its hours has no file that takes it out",
        "services/notifications/invitation.py",
        "if one not in named and gone[one.date()]}",
        "if one not in named}",
        ("tests/notifications/test_invitation.py::test_a_day_that_is_no_more_has_a_file_that_takes_it_out",),
    ),
    Mutation(
        "a day that was only named anew is the same day",
        "services/notifications/templates/timetable.py",
        "    for same_time in (True, False):",
        "    for same_time in (False,):",
        ("tests/notifications/test_mail.py::test_a_day_that_was_only_named_anew_is_not_taken_for_another",),
    ),
    Mutation(
        "a new type, when its partition changes hands",
        "shared/consuming/positioning.py",
        "            for partition in await parking.hear_new_types(connection, waiting):",
        "            for partition in ():",
        ("tests/faults/test_new_types.py::test_a_partition_that_comes_to_an_upgraded_replica_is_heard_again",),
    ),
    Mutation(
        "a held request's last moment",
        "services/enrolment/handlers.py",
        " if not heard or heard.appended_at <= held.expires_at}",
        "}",
        (
            "tests/faults/test_time.py::test_what_a_held_request_waited_for_wins_over_its_deadline_only_if_it_came_before",
        ),
    ),
    Mutation(
        "repositioning after a fault",
        "shared/consuming/projector.py",
        "            telemetry.FAULTS.labels(self._service, self.name).inc()\n            self.positioning.doubt(partitions)",
        "            telemetry.FAULTS.labels(self._service, self.name).inc()",
        ("tests/faults/test_commits.py::test_the_deciding_lanes_commit",),
    ),
    Mutation(
        "savepoints, event by event",
        "shared/deciding/transaction.py",
        "            thought = await self._transaction(batches, decoded, one_by_one=True)",
        "            raise",
        ("tests/enrolment/test_hearing.py::test_what_the_database_refuses_for_its_content_is_parked_alone",),
    ),
    Mutation(
        "a header name that is not UTF-8 is read with care",
        "shared/kafka/fetching.py",
        "            except (UnicodeDecodeError, CorruptRecordException):",
        "            except CorruptRecordException:",
        (
            "tests/faults/test_hard_input.py::test_a_header_name_that_is_not_utf8_is_read_over_and_nothing_beside_it_is_lost",
        ),
    ),
    Mutation(
        "unpacking within a limit",
        "shared/kafka/unpacking.py",
        "            if len(unpacked) > most:\n                return None\n",
        "",
        ("tests/shared/test_unpacking.py::test_a_batch_that_unpacks_to_more_than_the_limit_is_read_piece_by_piece",),
    ),
    Mutation(
        "large records are found before they are read whole",
        "shared/kafka/unpacking.py",
        "            if length > PLAIN_BYTES:\n                return False\n",
        "",
        ("tests/shared/test_unpacking.py::test_the_limits_of_a_record_are_exact_and_the_same_however_it_is_packed",),
    ),
    Mutation(
        "the work that one batch may make",
        "shared/kafka/unpacking.py",
        "        if self.at > self.most:\n            raise _TooMuch\n",
        "",
        ("tests/shared/test_unpacking.py::test_a_batch_that_would_make_work_for_minutes_is_given_up",),
    ),
    Mutation(
        "others' turns while a bomb is unpacked",
        "shared/kafka/unpacking.py",
        "            self.paused_at = self.at\n            yield PAUSE\n",
        "            self.paused_at = self.at\n            yield from ()\n",
        ("tests/shared/test_unpacking.py::test_whoever_unpacks_a_bomb_lets_others_have_their_turn",),
    ),
    Mutation(
        "a checksum of what is not kept",
        "shared/events/envelope.py",
        "    if cut is not None:\n",
        "    if False:\n",
        (
            "tests/shared/test_unpacking.py::test_two_large_records_that_begin_alike_are_told_apart_and_one_is_recognised",
        ),
    ),
    Mutation(
        "a block of snappy that lies",
        "shared/kafka/inflating.py",
        "    if size > _SNAPPY_MOST * len(block):",
        "    if False:",
        ("tests/shared/test_unpacking.py::test_a_block_of_snappy_that_lies_about_its_size_is_not_believed",),
    ),
    Mutation(
        "the bytes that are handed on at once",
        "shared/kafka/fetching.py",
        "                if weight >= most_bytes or len(found) == most:",
        "                if len(found) == most:",
        ("tests/faults/test_memory.py::test_what_is_handed_on_at_once_is_bounded_in_bytes_and_nothing_is_lost",),
    ),
    Mutation(
        "a damaged batch is set aside the second time",
        "shared/kafka/fetching.py",
        "        if _damaged.get(place) != checksum:",
        "        if True:",
        (
            "tests/faults/test_memory.py::test_a_damaged_batch_is_fetched_again_then_set_aside_and_its_partition_goes_on",
        ),
    ),
    Mutation(
        "types made up do not fill the table",
        "shared/books/parking.py",
        "or len(types[part]) < MOST_TYPES else",
        "or True else",
        ("tests/faults/test_memory.py::test_types_made_up_one_after_the_other_do_not_fill_the_table",),
    ),
    Mutation(
        "a held request keeps what its contract names",
        "shared/state/working.py",
        "heard.body.model_dump_json(include=set(type(heard.body).model_fields))",
        "heard.body.model_dump_json()",
        ("tests/shared/test_working.py::test_a_held_request_keeps_what_its_contract_names_and_no_more",),
    ),
    Mutation(
        "what was cut is not tried again",
        "shared/deciding/retry.py",
        "            if row.reason in HEADS:",
        "            if False:",
        ("tests/faults/test_memory.py::test_what_was_cut_is_not_tried_again_and_says_so",),
    ),
    Mutation(
        "a list of parked records asks for no bytes",
        "shared/books/parking.py",
        "    statement = sa.select(*_ABOUT_THEM).where(PARKED.c.state == state)",
        "    statement = sa.select(PARKED).where(PARKED.c.state == state)",
        ("tests/faults/test_memory.py::test_a_list_of_parked_records_asks_for_no_bytes",),
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
        "committed records only",
        "shared/consuming/projector.py",
        'isolation_level="read_committed"',
        'isolation_level="read_uncommitted"',
        ("tests/faults/test_hard_input.py::test_what_a_transaction_took_back_was_never_said_and_leaves_no_lag",),
    ),
    Mutation(
        "no name in Kafka's group for who was given none",
        "shared/consuming/projector.py",
        '    return f"{service}-{lane}-{replica}" if replica else None',
        '    return f"{service}-{lane}-{replica}"',
        ("tests/shared/test_membership.py",),
    ),
    Mutation(
        "a setting of nothing is not set",
        "shared/settings.py",
        ", env_ignore_empty=True",
        "",
        ("tests/cli/test_passing.py::test_a_setting_of_nothing_is_not_set",),
    ),
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
        "awaited is who had a place when the list closed",
        "services/attendance/state.py",
        "        if said.decided_at <= moment and (said",
        "        if (said",
        ("tests/attendance/test_handlers.py::test_who_is_given_a_place_after_closing_was_not_awaited",),
    ),
    Mutation(
        "what comes too late for the row is kept beside it",
        "shared/state/working.py",
        "        if verdict in (Verdict.NEWER, Verdict.STALE) and (remember",
        "        if verdict is Verdict.NEWER and (remember",
        ("tests/attendance/test_views.py::test_a_fact_heard_behind_a_newer_one_still_tells_how_the_place_stood",),
    ),
    Mutation(
        "what comes too late for the row makes us decide",
        "shared/deciding/thinking.py",
        " or (verdict is Verdict.STALE and kind in working.remember)",
        "",
        ("tests/attendance/test_views.py::test_a_fact_heard_behind_a_newer_one_still_tells_how_the_place_stood",),
    ),
    Mutation(
        "the owner's word about a place goes first",
        "services/attendance/state.py",
        "        rank = (owner, said.version if owner else 0, said.decided_at",
        "        rank = (said.version",
        (
            "tests/attendance/test_views.py::test_the_word_of_whoever_took_a_place_over_goes_before_what_was_said_before",
        ),
    ),
    Mutation(
        "a former writer keeps to one way of numbering",
        "services/attendance/state.py",
        "row.source == said.source and row.numbered != said.numbered for row",
        "False for row",
        (
            "tests/attendance/test_views.py::test_a_former_writer_who_numbers_otherwise_is_not_remembered_any_more_than_an_owner_would_be",
        ),
    ),
    Mutation(
        "the books count places as they stood",
        "services/attendance/books.py",
        "        .where(IS_CLOSED, PLACE_SAID.c.decided_at <= LIST_TABLE.c.decided_at)",
        "        .where(IS_CLOSED)",
        ("tests/attendance/test_views.py::test_the_books_count_who_had_a_place_when_the_list_closed",),
    ),
    Mutation(
        "a list whose meeting lies after its closing is open again",
        "services/attendance/handlers.py",
        "    _reopen(working, heard.body.session_id, heard)",
        "    pass",
        ("tests/attendance/test_handlers.py::test_a_list_whose_meeting_is_moved_to_after_its_closing_is_open_again",),
    ),
    Mutation(
        "the lists of others are not opened by us",
        "services/attendance/decisions.py",
        "meeting.starts_at <= closed.decided_at or not is_ours(working, closed):",
        "meeting.starts_at <= closed.decided_at:",
        ("tests/attendance/test_handlers.py::test_a_list_of_another_source_is_never_opened_by_us",),
    ),
    Mutation(
        "a closing that is due moves with a meeting that will begin after it",
        "services/attendance/state.py",
        " and (begins is None or due.at >= begins):",
        ":",
        ("tests/attendance/test_handlers.py::test_a_meeting_moved_before_its_closing_was_decided_comes_to_the_same",),
    ),
    Mutation(
        "no list closes before its meeting begins",
        "services/attendance/decisions.py",
        "(meeting.starts_at > at or rules.is_history(meeting)):",
        "rules.is_history(meeting):",
        ("tests/attendance/test_handlers.py::test_a_list_that_is_open_again_is_not_closed_before_its_meeting_begins",),
    ),
    Mutation(
        "another day's scan does not count",
        "services/attendance/decisions.py",
        "    return not (moved and is_ours(working, record))",
        "    return True",
        ("tests/attendance/test_handlers.py",),
    ),
    Mutation(
        "a scan of a time that cannot be is set aside",
        "services/attendance/decisions.py",
        "    if detail := _implausible(heard, meeting, rules):",
        "    if detail := None:",
        ("tests/attendance/test_decisions.py",),
    ),
    Mutation(
        "no scan holds back another",
        "shared/books/parking.py",
        '    return isinstance(body, Request) and body.scope == ("session_id", "person_id")',
        "    return isinstance(body, Request)",
        ("tests/attendance/test_api.py::test_a_parked_scan_holds_back_no_other_scan_of_the_same_person",),
    ),
    Mutation(
        "parked commands are told apart by all they are known by",
        "shared/web/app.py",
        "        offset=_offset_of(source, event_id),",
        "        offset=-microseconds(now),",
        ("tests/attendance/test_api.py::test_two_scans_of_the_same_microsecond_that_wait_in_vain_are_both_kept",),
    ),
    Mutation(
        "a command is in no partition's counts",
        "shared/deciding/retry.py",
        "[Partition(stream, partition)] if partition >= 0 else []",
        "[Partition(stream, partition)]",
        ("tests/attendance/test_api.py::test_what_came_over_http_and_was_parked_can_be_seen_retried_and_discarded",),
    ),
    Mutation(
        "people stand in the order of the alphabet",
        "services/attendance/views.py",
        "sorted(found, key=lambda one: by_name(one.family_name, one.given_name, one.person_id))",
        "found",
        ("tests/attendance/test_views.py::test_a_roster_stands_in_the_order_of_the_polish_alphabet",),
    ),
    Mutation(
        "that it has begun, by the latest moment known",
        "services/enrolment/decisions.py",
        "    begun = now >= session.starts_at\n",
        "    begun = False\n",
        ("tests/enrolment/test_begun.py",),
    ),
    Mutation(
        "nobody is taken out of a session that has begun",
        "services/enrolment/decisions.py",
        "        if place.is_active and now < session.starts_at and not",
        "        if place.is_active and not",
        ("tests/enrolment/test_begun.py",),
    ),
    Mutation(
        "an event that came after a session was settled",
        "services/enrolment/decisions.py",
        " or (at is not None and at >= settles_at(working, session)):",
        ":",
        ("tests/enrolment/test_begun.py",),
    ),
    Mutation(
        "what was known of a member before a session was settled",
        "services/enrolment/eligibility.py",
        "        if membership.heard_at < limit and any(qualified):",
        "        if any(qualified):",
        ("tests/enrolment/test_begun.py",),
    ),
    Mutation(
        "what was known of a town before a session was settled",
        "services/enrolment/eligibility.py",
        "            max(stage.heard_at, town.heard_at) < limit\n",
        "            True\n",
        ("tests/enrolment/test_begun.py",),
    ),
    Mutation(
        "the seats of a session that has begun",
        "services/enrolment/decisions.py",
        "            seats = before.seats  # Nobody's place was looked at with the new number.",
        "            pass",
        ("tests/enrolment/test_begun.py",),
    ),
    Mutation(
        "no larger room for what is heard late",
        "services/enrolment/eligibility.py",
        "    return min(settled.seats, session.capacity)",
        "    return session.capacity",
        ("tests/enrolment/test_begun.py",),
    ),
    Mutation(
        "a statement is settled once",
        "services/enrolment/decisions.py",
        "    if said_of == (working.source, session.source, session.event_id):",
        "    if False:",
        ("tests/enrolment/test_begun.py",),
    ),
    Mutation(
        "that a statement is settled",
        "services/enrolment/handlers.py",
        "    _say_settled(working, heard.body.session_id, heard)\n",
        "",
        ("tests/enrolment/test_begun.py",),
    ),
    Mutation(
        "nobody erased gets a place",
        "services/enrolment/eligibility.py",
        "    return person is not None and person.erased",
        "    return False",
        ("tests/enrolment/test_taken_back.py",),
    ),
    Mutation(
        "an erasure decides",
        "services/enrolment/handlers.py",
        "    PersonErased: on_erasure,\n",
        "",
        ("tests/enrolment/test_taken_back.py",),
    ),
    Mutation(
        "a place that a rule took is given back",
        "services/enrolment/decisions.py",
        "        if place.state == Standing.WITHDRAWN and place.reason in TAKEN_BY_RULE:",
        "        if False:",
        ("tests/enrolment/test_taken_back.py",),
    ),
    Mutation(
        "a returner's old number",
        "services/enrolment/settling.py",
        '            fields = _place_fields(entry.returning, None, decided_at) | {"city_id": entry.city_id}',
        "            number += 1\n            fields = _new_place(session, entry, entry.returning, number, decided_at)",
        ("tests/enrolment/test_taken_back.py",),
    ),
    Mutation(
        "whoever asks to be out of what a rule took",
        "services/enrolment/decisions.py",
        "    if place is None or not (place.is_active or place.reason in TAKEN_BY_RULE):",
        "    if place is None or not place.is_active:",
        ("tests/enrolment/test_taken_back.py",),
    ),
    Mutation(
        "a place restated for the person's other town",
        "services/enrolment/settling.py",
        '        fields["city_id"] = towns.get(place.person_id, place.city_id)\n',
        "",
        ("tests/enrolment/test_taken_back.py",),
    ),
    Mutation(
        "the number of someone nobody numbered",
        "services/enrolment/settling.py",
        '            fields["queue"] = 0  # Nobody numbered them, of an archive: they were there before the first.',
        "            pass",
        ("tests/enrolment/test_taken_back.py",),
    ),
    Mutation(
        "begun sessions counted with the seats they had",
        "services/enrolment/views.py",
        "live.c.enrolled > live.c.seats",
        "live.c.enrolled > live.c.capacity",
        ("tests/enrolment/test_views.py",),
    ),
    Mutation(
        "a statement that nobody said to be settled",
        "services/enrolment/store.py",
        "sa.union(sessions, held, unsettled)",
        "sa.union(sessions, held)",
        ("tests/enrolment/test_views.py",),
    ),
    Mutation(
        "the id of another request",
        "shared/deciding/thinking.py",
        "        if not working.is_repeated(heard):",
        "        if False:",
        (
            "tests/faults/test_keys.py::test_a_request_in_kafka_under_the_id_of_another_one_is_set_aside_and_holds_nobody_back",
        ),
    ),
    Mutation(
        "nobody waits behind what can never be decided",
        "shared/books/parking.py",
        " and reason != Reason.ID_REUSED",
        "",
        (
            "tests/faults/test_keys.py::test_a_request_in_kafka_under_the_id_of_another_one_is_set_aside_and_holds_nobody_back",
        ),
    ),
    Mutation(
        "a list that is closed, asked with another one's key",
        "services/attendance/api.py",
        "        await runtime.commands.submit(heard)  # Also if it is closed: the key may be that of another command.",
        "        if closed is None:\n            await runtime.commands.submit(heard)",
        ("tests/faults/test_keys.py::test_a_scan_or_the_closing_of_a_list_is_refused_under_another_ones_key",),
    ),
    Mutation(
        "a missing body is no tombstone",
        "shared/events/decoding.py",
        "        if value is None and _is_bare(record):",
        "        if value is None:",
        ("tests/shared/test_decoding.py::test_a_body_that_is_missing_is_no_erasure",),
    ),
    Mutation(
        "only an erasure may lack its body",
        "shared/events/decoding.py",
        '    if erasure is None or headers.get("ce_type") != erasure.type_name().encode():',
        "    if erasure is None:",
        ("tests/shared/test_decoding.py::test_a_body_that_is_missing_is_no_erasure",),
    ),
    Mutation(
        "an attribute that says two things",
        "shared/events/decoding.py",
        "            elif name in _READ and value != headers[name]:",
        "            elif False:",
        ("tests/shared/test_decoding.py::test_an_attribute_that_stands_there_twice_counts_if_both_say_the_same",),
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
        "an erasure empties what is parked",
        "shared/deciding/thinking.py",
        "    erasing.follow(writes, working.erasures)\n",
        "",
        ("tests/shared/test_erasing.py",),
    ),
    Mutation(
        "nothing is parked about the erased",
        "shared/books/erasing.py",
        "    return [_emptied(row) if any(map(is_erased, about.get(row, ()))) else row for row in rows]",
        "    return list(rows)",
        ("tests/shared/test_erasing.py::test_what_comes_after_the_erasure_is_parked_without_its_bytes",),
    ),
    Mutation(
        "what is given up is emptied",
        "shared/books/parking.py",
        '    values = {**EMPTIED, "state"',
        '    values = {"state"',
        ("tests/shared/test_erasing.py",),
    ),
    Mutation(
        "no name in a log",
        "shared/telemetry.py",
        'traceback.format_tb(where), f"{told(error)}\\n"]',
        'traceback.format_tb(where), f"{error}\\n"]',
        ("tests/shared/test_erasing.py::test_a_database_error_tells_what_and_where_and_no_name",),
    ),
    Mutation(
        "a request that was sent before a withdrawal",
        "services/enrolment/decisions.py",
        "        found = RefusalReason.WITHDRAWN_SINCE",
        "        found = eligible_city(working, session, person_id)",
        ("tests/enrolment/test_order.py",),
    ),
    Mutation(
        "a withdrawal that was sent before a request",
        "services/enrolment/decisions.py",
        "    elif place.place_asked_at is not None and at < place.place_asked_at:",
        "    elif False:",
        ("tests/enrolment/test_order.py",),
    ),
    Mutation(
        "a swap drops nothing that is being read",
        "shared/rebuilding/rebuild.py",
        '        f"alter schema {BESIDE} rename to {PROJECTION}",\n',
        '        f"alter schema {BESIDE} rename to {PROJECTION}",\n        f"drop schema {REPLACED} cascade",\n',
        ("tests/faults/test_rebuild.py::test_a_swap_among_readers_and_writers_is_made_and_nobody_is_thrown_out",),
    ),
)


def main() -> int:
    """Runs every mutation and prints what noticed it."""
    mutations = [one for one in MUTATIONS if " ".join(sys.argv[1:]) in one.mechanism]
    unnoticed = 0
    for mutation in mutations:
        with tempfile.TemporaryDirectory(prefix="rollcall-mutation-") as folder:
            noticed = try_without(mutation, Path(folder))
        unnoticed += not noticed
        print(f"{'red ' if noticed else 'GREEN'}  {mutation.mechanism:50} {noticed or 'no test noticed'}", flush=True)
    print(f"{len(mutations) - unnoticed} of {len(mutations)} mechanisms are held by a test")
    return 0 if mutations and not unnoticed else 1


def try_without(mutation: Mutation, folder: Path) -> str:
    """The first test that fails without the mechanism; empty if none does."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    file = folder / mutation.file
    source = file.read_text(encoding="utf-8")
    if source.count(mutation.line) != 1:
        raise SystemExit(f"{mutation.file} does not hold once what is switched off: {mutation.mechanism}")
    source = source.replace(mutation.line, mutation.without)
    if mutation.and_without is not None:
        source = source.replace(mutation.and_without, "        .values(")
    file.write_text(source, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *mutation.tests]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    try:
        run = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"{mutation.tests[0]} (hangs)"
    failed = [line.split()[1] for line in run.stdout.splitlines() if line.startswith(("FAILED tests/", "ERROR tests/"))]
    return failed[0] if failed else ""


if __name__ == "__main__":
    sys.exit(main())
