"""Every mechanism that `make mutation` switches off still is the line that it names."""

from __future__ import annotations

import pytest

from tests.mutation.__main__ import MUTATIONS, ROOT, Mutation


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.mechanism)
def test_a_mechanism_is_the_line_it_was(mutation: Mutation) -> None:
    text = (ROOT / mutation.file).read_text(encoding="utf-8")
    lines = [line for line in (mutation.line, mutation.and_without) if line]
    assert [text.count(line) for line in lines] == [1] * len(lines)
