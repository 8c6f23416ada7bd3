"""What is said about a line that cannot be published, and that a good one becomes the record a service hears."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import TopicAuthorizationFailedError
from typer.testing import CliRunner

from rollcall import publishing
from rollcall.main import app
from rollcall.publishing import read
from rollcall.terminal import Refusal
from shared.contracts.selection import CityQualified


def event(**changes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "one",
        "source": "urn:test",
        "type": "rollcall.CityQualified.v1",
        "time": "2026-03-02T10:00:00Z",
        "data": dict(CityQualified.example),
    } | changes


def problem(text: str) -> str:
    lines, problems = read("f.jsonl", ["", text])
    assert lines == []
    return str(problems[0])


def test_a_good_line_goes_to_the_stream_of_its_type_under_its_key() -> None:
    lines, problems = read("f.jsonl", [json.dumps(event()), ""])
    assert problems == []
    assert (lines[0].stream, lines[0].key) == ("programme.cities", b"geonames:776597")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{nope", "f.jsonl:2: not JSON"),
        ("[1]", "f.jsonl:2: a CloudEvent is a JSON object"),
        (json.dumps(event(type="rollcall.Nothing.v1")), "f.jsonl:2: type: "),
        (json.dumps(event(id="")), "f.jsonl:2: id: is missing"),
        (json.dumps(event(data={**CityQualified.example, "stage": "one"})), "f.jsonl:2: data.stage: "),
        (json.dumps(event(subject="city/other/stage/1")), "f.jsonl:2: wrong_subject: "),
        (json.dumps(event(specversion="0.3")), "f.jsonl:2: not_a_cloudevent: "),
        (json.dumps(event(time="2999-01-01T00:00:00Z")), "f.jsonl:2: future_time: "),
        (json.dumps(event(aggregateversion="one")), "f.jsonl:2: not_a_cloudevent: "),
    ],
)
def test_a_bad_line_is_named_with_file_line_and_field(text: str, said: str) -> None:
    assert problem(text).startswith(said)


def test_a_file_that_was_written_on_windows_is_read_like_any_other() -> None:
    """With the mark that begins it, with lines that end there as they do, and several of them put together."""
    one, another = (json.dumps(event(id=name)) for name in ("one", "another"))
    lines, problems = read("f.jsonl", f"\ufeff{one}\r\n\r\n\ufeff{another}\r\n\ufeff\r\n".split("\n"))
    assert ([json.loads(line.value)["id"] for line in lines], problems) == (["one", "another"], [])


def test_a_file_that_is_no_text_of_ours_says_so(tmp_path: Path) -> None:
    """As PowerShell writes one with `>`."""
    (tmp_path / "f.jsonl").write_bytes(json.dumps(event()).encode("utf-16"))
    result = CliRunner().invoke(app, ["publish", str(tmp_path / "f.jsonl")])
    assert (result.exit_code, result.stderr) == (2, f"{tmp_path / 'f.jsonl'} cannot be read: it is not UTF-8.\n")


def test_one_bad_line_publishes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "mixed.jsonl"
    file.write_text(json.dumps(event()) + "\n{nope\n", "utf-8")
    result = CliRunner().invoke(app, ["publish", str(file)])
    assert result.exit_code == 2
    assert f"{file}:2: not JSON" in result.stderr
    assert "1 of 2 lines is not valid: nothing was published." in result.stderr


def test_lines_can_be_checked_from_stdin_without_a_system() -> None:
    result = CliRunner().invoke(app, ["publish", "-", "--check", "--json"], input=json.dumps(event()))
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"published": 0, "bad": 0, "streams": {"programme.cities": 1}}


def test_what_comes_from_stdin_is_utf8_whatever_the_terminal_speaks() -> None:
    line = json.dumps(event(data={**CityQualified.example, "name": "Żory"}), ensure_ascii=False).encode()
    command = [sys.executable, "-m", "rollcall.main", "publish", "-", "--check", "--json"]
    elsewhere = {"PATH": "/usr/bin:/bin", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, input=line, env=elsewhere, capture_output=True, check=False, timeout=180)
    assert json.loads(done.stdout)["streams"] == {"programme.cities": 1}
    done = subprocess.run(command, input=b"\xff", env=elsewhere, capture_output=True, check=False, timeout=180)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["publish", str(tmp_path / "none.jsonl")])
    assert result.exit_code == 2
    assert "cannot be read: No such file or directory." in result.stderr


async def test_what_kafka_refuses_for_good_is_not_to_be_published_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the command inside a container installation, whose user reads everything and writes nothing."""

    class Denied:
        async def start(self) -> None: ...

        async def stop(self) -> None: ...

        async def send(self, stream: str, *_: Any, **__: Any) -> None:
            raise TopicAuthorizationFailedError(stream)

    monkeypatch.setattr(publishing, "_producer", lambda kafka: Denied())
    lines, _ = read("f.jsonl", [json.dumps(event())])
    with pytest.raises(Refusal, match=r"^Kafka refuses it: .*programme\.cities\. What it had taken before is absorbed"):
        await publishing.send({"bootstrap_servers": ["127.0.0.1:1"]}, lines)
