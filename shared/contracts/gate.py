"""The contract gate: the published JSON Schemas and golden samples are in step with the models, and no change breaks a reader.

`python -m shared.contracts.gate check` is part of `make check`; `… write` (`make schemas`) publishes what is new. It refuses what an
existing reader or an old event could not stand: that needs a new major version beside the old one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from shared.contracts import EVENTS, Event
from shared.contracts.model import Fact

FOLDER = Path(__file__).parent
SCHEMAS = FOLDER / "schemas"
SAMPLES = FOLDER / "samples"


def schema_of(model: type[Event]) -> dict[str, Any]:
    """The published schema of one event's body."""
    schema = model.model_json_schema(mode="validation")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"rollcall:{model.type_name()}",
        "x-stream": model.stream,
        "x-subject": model.subject,
        "x-says": "fact" if issubclass(model, Fact) else "request",
        **schema,
        "examples": [model.example],
    }


def text_of(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def problems() -> list[str]:
    """What is not in step, one sentence each."""
    found = []
    for name, model in EVENTS.items():
        schema = SCHEMAS / f"{name}.json"
        if not schema.exists() or schema.read_text(encoding="utf-8") != text_of(schema_of(model)):
            found.append(f"{name}: the published schema is not that of the model; run `make schemas`")
        if text_of(model.example) not in [sample.read_text(encoding="utf-8") for sample in samples_of(name)]:
            found.append(f"{name}: its example is no golden sample yet; run `make schemas`")
    for file in (*SCHEMAS.glob("*.json"), *SAMPLES.glob("*/*.json")):
        name = file.stem if file.parent == SCHEMAS else file.parent.name
        if name not in EVENTS:
            found.append(f"{name}: was published and has no contract any more; old events must be readable for ever")
    return found + unreadable_samples()


def unreadable_samples() -> list[str]:
    """Golden samples that their contract no longer reads."""
    found = []
    for name, model in EVENTS.items():
        for sample in samples_of(name):
            try:
                model.model_validate_json(sample.read_bytes())
            except ValidationError as error:
                found.append(f"{name}: the golden sample {sample.name} is no longer read: {error.errors()[0]['msg']}")
    return found


def samples_of(name: str) -> list[Path]:
    return sorted((SAMPLES / name).glob("*.json"))


def breaks(old: dict[str, Any], new: dict[str, Any], where: str = "body") -> list[str]:
    """Why `new` is not a compatible successor of the published schema `old`."""
    found = []
    if old.get("x-stream") != new.get("x-stream") or old.get("x-subject") != new.get("x-subject"):
        found.append("the stream or the subject changed")
    for part, before in _objects(old).items():
        after = _objects(new).get(part)
        if after is None:
            found.append(f"{part} is gone")
            continue
        place = f"{where}.{part}" if part else where
        found += [f"{place}: new field {name} is required" for name in set(after[1]) - set(before[1])]
        found += [f"{place}: {name} is no longer required" for name in set(before[1]) - set(after[1])]
        for name, rule in before[0].items():
            if name not in after[0]:
                found.append(f"{place}: {name} is gone")
            elif _rule(rule) != _rule(after[0][name]):
                found.append(f"{place}: {name} means something else")
    for part, values in _enums(old).items():
        gone = set(values) - set(_enums(new).get(part, ()))
        found += [f"{part}: the value {value!r} is gone" for value in sorted(gone)]
    return found


def _objects(schema: dict[str, Any]) -> dict[str, tuple[dict[str, Any], list[str]]]:
    parts = {"": schema, **schema.get("$defs", {})}
    return {
        name: (part["properties"], part.get("required", [])) for name, part in parts.items() if "properties" in part
    }


def _enums(schema: dict[str, Any]) -> dict[str, list[str]]:
    return {name: part["enum"] for name, part in schema.get("$defs", {}).items() if "enum" in part}


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in rule.items() if name not in ("title", "description", "default")}


def write() -> list[str]:
    """Publishes schemas and samples. Returns why not, if a change would break readers."""
    refused = []
    for name, model in EVENTS.items():
        file, new = SCHEMAS / f"{name}.json", schema_of(model)
        if file.exists():
            why = breaks(json.loads(file.read_text(encoding="utf-8")), json.loads(text_of(new)))
            refused += [f"{name}: {one}; publish a v{model.version + 1} beside it" for one in why]
    if refused:
        return refused
    for name, model in EVENTS.items():
        SCHEMAS.mkdir(exist_ok=True)
        (SCHEMAS / f"{name}.json").write_text(text_of(schema_of(model)), encoding="utf-8")
        existing = samples_of(name)
        if text_of(model.example) not in [sample.read_text(encoding="utf-8") for sample in existing]:
            (SAMPLES / name).mkdir(parents=True, exist_ok=True)
            (SAMPLES / name / f"{len(existing) + 1:03}.json").write_text(text_of(model.example), encoding="utf-8")
    return []


def main(arguments: list[str]) -> int:
    found = write() if arguments == ["write"] else problems()
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
