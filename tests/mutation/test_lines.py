"""Every mechanism that `make mutation` switches off still is the line that it names, and the tests that hold it are there."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.mutation.mutation import Mutation
from tests.mutation.table import MUTATIONS


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.mechanism)
def test_a_mechanism_is_the_line_it_was(mutation: Mutation) -> None:
    assert mutation.why_not() is None


def test_each_mechanism_has_a_name_of_its_own() -> None:
    assert [name for name, number in Counter(one.mechanism for one in MUTATIONS).items() if number > 1] == []
