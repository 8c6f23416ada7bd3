"""One mechanism, what stands there without it, and how the project looks then."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Mutation:
    """One mechanism, the line that is it, what stands there without it, and the tests that should notice."""

    mechanism: str
    file: str
    line: str
    without: str
    tests: tuple[str, ...]
    backed_up_by: tuple[str, str] | None = None
    """A second line of the same file that would stand in for the first one, and what stands there without it."""

    def changes(self) -> list[tuple[str, str]]:
        return [(self.line, self.without), *([self.backed_up_by] if self.backed_up_by else [])]

    def why_not(self, root: Path = ROOT) -> str | None:
        """Why it cannot be tried, in one sentence: code or test has moved on. None when it can."""
        file = root / self.file
        if not file.is_file():
            return f"{self.file} is gone"
        text = file.read_text(encoding="utf-8")
        for line, _ in self.changes():
            if (number := text.count(line)) != 1:
                return f"{self.file} holds {number} times: {line.strip()}"
        for test in self.tests:
            path, _, name = test.partition("::")
            if not (root / path).exists():
                return f"{path} is gone"
            if name and f"def {name.partition('[')[0]}(" not in (root / path).read_text(encoding="utf-8"):
                return f"{path} has no {name}"
        return None

    def switch_off(self, root: Path) -> None:
        """Takes the mechanism out of a copy of the project."""
        file = root / self.file
        text = file.read_text(encoding="utf-8")
        for line, without in self.changes():
            text = text.replace(line, without)
        file.write_text(text, encoding="utf-8")
