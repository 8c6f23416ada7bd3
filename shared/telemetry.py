"""Logs and metrics: structured lines and Prometheus numbers. Names end in their unit."""

from __future__ import annotations

import logging
import sys
import traceback
from collections import Counter as Tally
from collections.abc import Iterable
from types import TracebackType

import structlog
from prometheus_client import Counter, Gauge, Histogram

from shared.faults import told
from shared.state.ownership import Verdict

FACTS = Counter("rollcall_facts_total", "Facts heard, by what they were to the row before", ["service", "verdict"])
STALE = Counter("rollcall_stale_facts_total", "Facts older than what was known, by source", ["service", "source"])
RECORDS = Counter("rollcall_records_total", "Records read from Kafka", ["service", "lane"])
LAG = Gauge("rollcall_lag_records", "Records not yet heard", ["service", "stream"])
PARKED = Gauge("rollcall_parked_records", "Records set aside and not yet dealt with", ["service"])
HELD = Gauge("rollcall_held_requests", "Requests that wait for something to become known", ["service"])
OUTBOX = Gauge("rollcall_outbox_facts", "Facts not yet acknowledged by Kafka", ["service"])
OUTBOX_AGE = Gauge("rollcall_outbox_age_seconds", "Age of the oldest fact in the outbox", ["service"])
DUE_AGE = Gauge("rollcall_due_age_seconds", "How long the oldest due moment has been due", ["service"])
BATCH_SECONDS = Histogram(
    "rollcall_batch_seconds",
    "Time to hear one batch",
    ["service", "lane"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
MOST_SOURCES = 100
_sources: set[str] = set()
"""Sources with a number of their own: whoever makes up new ones must not fill our memory."""

POSITIONS = Counter("rollcall_positionings_total", "Times a partition was positioned at its watermark", ["service"])
REWINDS = Counter("rollcall_rewinds_total", "Partitions heard again from their start", ["service", "stream"])
FAULTS = Counter("rollcall_faults_total", "Transient faults that were retried", ["service", "where"])
NOTICES = Counter("rollcall_notices_total", "Mails, by outcome", ["outcome"])
RETURNS = Counter("rollcall_returns_total", "What came to return addresses, by what it was", ["what"])


def count(service: str, verdicts: Iterable[tuple[Verdict, str]]) -> None:
    """Counts what facts were; a stale one is counted by source too, because that is whom to ask."""
    for (verdict, source), number in Tally(verdicts).items():
        FACTS.labels(service, verdict).inc(number)
        if verdict is Verdict.STALE and source:
            if len(_sources) < MOST_SOURCES:
                _sources.add(source)
            STALE.labels(service, source if source in _sources else "others").inc(number)


def without_texts(logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """An exception as where it happened and what may be told of it: the texts of database drivers quote the rows that they refuse."""
    raised = event.pop("exc_info", None)
    if raised:
        error = raised if isinstance(raised, BaseException) else (sys.exc_info() if raised is True else raised)[1]
        if error is not None:
            event["exception"] = "".join(_lines(error, error.__traceback__)).rstrip()
    return event


def _lines(error: BaseException, where: TracebackType | None) -> list[str]:
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    first = [*_lines(before, before.__traceback__), "which led to:\n"] if before is not None else []
    return [*first, *traceback.format_tb(where), f"{told(error)}\n"]


def configure_logs(service: str, *, level: str = "INFO", as_json: bool | None = None) -> None:
    """One line an event: JSON where nobody looks, colours on a terminal."""
    as_json = not sys.stderr.isatty() if as_json is None else as_json
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        without_texts,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False) if as_json else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.processors.StackInfoRenderer(), renderer],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level)),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Libraries speak up only when something is wrong; our own lines go through structlog.
    root.setLevel(logging.WARNING)
