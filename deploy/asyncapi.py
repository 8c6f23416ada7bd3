"""What stands on Rollcall's streams as an AsyncAPI 3 document: for tools that make clients, mocks and pages of it. Written by `make generated`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from services import SERVICES
from shared.contracts import EVENTS, Event
from shared.contracts.gate import text_of
from shared.contracts.model import Fact
from shared.events.streams import STREAMS, Stream
from shared.service import Service

FILE = "docs/asyncapi.json"
_SCHEMAS = "../shared/contracts/schemas"
_FORMAT = "application/schema+json;version=draft-07"
"""The newest that AsyncAPI knows by name; what ours have that is newer (`$defs`) means the same there."""
_ABOUT = """Every event that Rollcall hears and says, by stream. CloudEvents 1.0, in binary mode; structured mode is heard too. What holds for
all of them (who may write, what is set aside, when a version counts) stands in docs/integrators.md."""
_KAFKA = {"bindingVersion": "0.5.0"}


def document() -> dict[str, Any]:
    """The document, from contracts, streams and the services' declarations."""
    declared = {name: one.declared() for name, one in SERVICES.items()}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Rollcall", "version": version("rollcall"), "description": " ".join(_ABOUT.split())},
        "defaultContentType": "application/json",
        "channels": {stream.name: _channel(stream, declared) for stream in STREAMS.values()},
        "operations": dict(one for name, service in declared.items() for one in _operations(name, service)),
        "components": {
            "messages": {name: _message(name, model) for name, model in EVENTS.items()},
            "schemas": {"envelope": _envelope()},
        },
    }


def text() -> str:
    return text_of(document())


def _channel(stream: Stream, declared: Mapping[str, Service]) -> dict[str, Any]:
    settings = stream.settings()
    owner = next((name for name, service in declared.items() if service.source == stream.owner), None)
    says = f"Said by {owner} alone." if owner else "Said by whoever owns what is spoken of."
    kept = "The newest of each key is kept; an empty value takes it back." if stream.compacted else "Kept for ever."
    return {
        "address": stream.name,
        "description": f"{says} The key is `{stream.key}`. {kept}",
        "messages": {
            name: {"$ref": f"#/components/messages/{name}"}
            for name, model in EVENTS.items()
            if model.stream == stream.name
        },
        "bindings": {
            "kafka": {
                "topic": stream.name,
                "partitions": stream.partitions,
                "topicConfiguration": {
                    "cleanup.policy": [settings["cleanup.policy"]],
                    "retention.ms": int(settings["retention.ms"]),
                    "retention.bytes": int(settings["retention.bytes"]),
                    "max.message.bytes": int(settings["max.message.bytes"]),
                },
                **_KAFKA,
            }
        },
    }


def _operations(name: str, service: Service) -> list[tuple[str, dict[str, Any]]]:
    heard = dict.fromkeys((*service.facts, *service.decisions))
    return [
        *((f"{name} hears {stream}", _operation("receive", stream)) for stream in heard if stream not in service.own),
        *((f"{name} says {stream}", _operation("send", stream)) for stream in service.own),
    ]


def _operation(action: str, stream: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{stream}"}}


def _message(name: str, model: type[Event]) -> dict[str, Any]:
    told = inspect.cleandoc(model.__doc__ or "")
    return {
        "name": name,
        "title": model.__name__,
        "summary": " ".join(told.partition("\n\n")[0].split()),
        "tags": [{"name": "fact" if issubclass(model, Fact) else "request"}],
        "headers": {"$ref": "#/components/schemas/envelope"},
        "payload": {"schemaFormat": _FORMAT, "schema": {"$ref": f"{_SCHEMAS}/{name}.json"}},
        "bindings": {
            "kafka": {"key": {"type": "string", "description": f"The body's {STREAMS[model.stream].key}."}, **_KAFKA}
        },
        "examples": [{"headers": _headers(name), "payload": dict(model.example)}],
    }


def _headers(name: str) -> dict[str, str]:
    """Of an example."""
    return {
        "ce_specversion": "1.0",
        "ce_id": "0199aa00-0000-7000-8000-000000000001",
        "ce_source": "urn:example:system",
        "ce_type": name,
        "ce_time": "2026-03-02T10:00:00Z",
    }


def _envelope() -> dict[str, Any]:
    needed: dict[str, dict[str, str]] = {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_id": {
            "type": "string",
            "description": "With the source it names one event: said again, it changes nothing.",
        },
        "ce_source": {"type": "string", "description": "Who says it. The first to state a thing owns it."},
        "ce_type": {"type": "string", "description": "The message's name."},
        "ce_time": {"type": "string", "format": "date-time", "description": "When it was said, with an offset."},
    }
    welcome: dict[str, dict[str, str]] = {
        "ce_subject": {"type": "string", "description": "What it is about, as the schema's x-subject names it."},
        "ce_aggregateversion": {
            "type": "string",
            "description": "A whole number that grows with each statement about a thing.",
        },
        "ce_correlationid": {"type": "string"},
        "ce_causationid": {"type": "string"},
    }
    return {"type": "object", "required": list(needed), "properties": needed | welcome}
