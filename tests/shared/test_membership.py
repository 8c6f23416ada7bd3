"""Who is known to Kafka by a name of its own: after kill -9 it takes its partitions again at once."""

from __future__ import annotations

from pydantic import SecretStr

from shared.consuming.projector import member_name
from shared.settings import Settings


def test_a_replica_with_a_name_has_one_place_in_each_lane() -> None:
    assert member_name("attendance", "facts", "attendance-1") == "attendance-facts-attendance-1"
    assert member_name("attendance", "decisions", "attendance-1") == "attendance-decisions-attendance-1"


def test_who_was_given_no_name_throws_nobody_out() -> None:
    settings = Settings(database_url=SecretStr(""), port=0)
    assert member_name("attendance", "facts", settings.replica) is None
    assert member_name("attendance", "facts", "") is None
