"""What other systems' people read of streams is what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shared.contracts import CONTRACTS
from shared.events.streams import STREAMS

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    ("page", "stream"),
    [
        *(("design.md", name) for name in STREAMS),
        *(("integrators.md", name) for name, stream in STREAMS.items() if stream.owner),
    ],
)
def test_whoever_reads_of_a_stream_reads_all_that_is_said_there(page: str, stream: str) -> None:
    lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
    (row,) = (line for line in lines if line.startswith(f"| `{stream}` |"))
    said = {model.__name__ for model in CONTRACTS if model.stream == stream}
    assert said <= set(re.findall(r"\w+", row))
