"""Crash points: every await and every `async with` of some modules, found in their code, and a process that dies at one of them.

`python -m tests.faults.crashing services.enrolment.app POINT` runs the service as `python -m services.enrolment.app` does, with
the same code, and kills itself with SIGKILL as soon as POINT is passed. Without POINT it waits for orders (`serve`). Production
code knows nothing of it: the modules are rewritten while they are imported, by the walk that also lists the points.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import ctypes
import gc
import importlib
import importlib.abc
import importlib.util
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator

MACHINERY = (
    "shared.consuming.projector",
    "shared.consuming.positioning",
    "shared.deciding.transaction",
    "shared.deciding.thinking",
    "shared.deciding.facts",
    "shared.outbox.relay",
    "shared.deciding.due",
    "shared.deciding.commands",
    "shared.deciding.retry",
    "shared.books.recovery",
    "shared.outbox.journal",
    "shared.postgres.roundtrips",
)
MAIL = (
    "services.notifications.planning",
    "services.notifications.sending",
    "services.notifications.claiming",
    "services.notifications.smtp",
)
MODULES = {"services.enrolment.app": MACHINERY, "services.notifications.app": MAIL}
"""The modules whose crash points are tried in each service."""

HURRIED = {
    ("shared.deciding.retry", "POLL_SECONDS"): 0.2,
    ("services.notifications.smtp", "RECONNECT_SECONDS"): 0.1,
    ("shared.postgres.roundtrips", "FEW"): 4,
}
"""Constants that no setting changes, and that a test cannot wait for; and how many rows are many."""
HEARTBEAT_MS = 50
"""How soon one lane learns that the other has joined again; in production a second, here hundreds of times."""
LONG_POLL_MS = 50
"""How soon a partition that was just positioned is asked for while the broker still thinks about the others; half a second."""


# --- finding the points --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Point:
    """A moment at which a process may die. An await has two (before, after), an `async with` four."""

    name: str
    """`module:function:which:moment`; the second await in a function is number 2, wherever its line moves to."""
    line: int
    text: str

    @property
    def place(self) -> str:
        """The await or the `async with`, whichever of its moments this is."""
        return self.name.rpartition(":")[0]


class _Walk(ast.NodeTransformer):
    """Lists the points of a module and, in the same walk, rewrites it to pass them: what is listed is what is passed."""

    def __init__(self, module: str) -> None:
        self.points: list[Point] = []
        self._module = module
        self._names: list[str] = []
        self._numbers: list[int] = []

    def _number(self, node: ast.expr, moments: Sequence[str]) -> str:
        self._numbers[-1] += 1
        name = f"{self._module}:{'.'.join(self._names)}:{self._numbers[-1]}"
        text = " ".join(ast.unparse(node).split())
        self.points += [Point(f"{name}:{moment}", node.lineno, text) for moment in moments]
        return name

    def _within(self, node: Any) -> ast.AST:
        self._names.append(node.name)
        self._numbers.append(0)
        self.generic_visit(node)
        self._names.pop()
        self._numbers.pop()
        return node  # type: ignore[no-any-return]

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _within  # noqa: N815  # ast's names.

    def visit_Await(self, node: ast.Await) -> ast.AST:
        """`await X` becomes `passed("…:after", await passed("…:before", X))`: no frame and no turn of the loop is added."""
        name = self._number(node.value, ("before", "after"))
        self.generic_visit(node)
        before = _call("__passed__", f"{name}:before", node.value)
        return ast.copy_location(_call("__passed__", f"{name}:after", ast.Await(before)), node)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        for item in node.items:
            if ast.unparse(item.context_expr).startswith("asyncio.timeout"):
                continue  # Waits for nothing: it only sets an alarm for what is awaited inside.
            name = self._number(item.context_expr, ("entering", "entered", "leaving", "left"))
            item.context_expr = _call("__crossing__", name, item.context_expr)
        self.generic_visit(node)
        return node

    def _not_foreseen(self, node: Any) -> ast.AST:
        raise NotImplementedError(f"{self._module}:{node.lineno}: a kind of boundary that has no crash points yet")

    visit_AsyncFor = _not_foreseen  # noqa: N815  # ast's name.

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        if node.is_async:
            self._not_foreseen(node.target)
        return self.generic_visit(node)


def _call(function: str, name: str, argument: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(function, ast.Load()), [ast.Constant(name), argument], [])


def points_of(module: str) -> list[Point]:
    """Every crash point of a module, as its code stands now."""
    spec = importlib.util.find_spec(module)
    assert spec is not None and spec.origin is not None, module
    walk = _Walk(module)
    walk.visit(ast.parse(Path(spec.origin).read_text(encoding="utf-8")))
    return walk.points


# --- passing them --------------------------------------------------------------------------


class _Watch:
    """What this process passes, and where it dies. SIGUSR1: the orders are read anew and the trace begins a new section."""

    SECTION = "--"

    def __init__(self) -> None:
        self.orders: Path | None = None
        self.point: str | None = None
        self.idle: frozenset[str] = frozenset()
        """Points that are passed although nothing happens: they count only once something has begun to happen."""
        self._begun = False
        self._trace: int | None = None
        self._seen: set[str] = set()

    def follow(self, orders: Path) -> None:
        self.orders = orders
        order = json.loads(orders.read_text(encoding="utf-8"))
        self.point, self.idle, self._begun = order["point"], frozenset(order["idle"]), False
        if self._trace is None:
            self._trace = os.open(order["trace"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._seen.clear()
        self._say(self.SECTION)

    def signalled(self, number: int, frame: FrameType | None) -> None:
        if self.orders is not None:
            self.follow(self.orders)

    def passed(self, name: str, value: Any = None) -> Any:
        if name not in self.idle:
            self._begun = True
        if name == self.point and self._begun:
            self._say(name)
            os.kill(os.getpid(), signal.SIGKILL)
        if name not in self._seen:
            self._seen.add(name)
            self._say(name)
        return value

    def _say(self, line: str) -> None:
        if self._trace is not None:
            os.write(self._trace, f"{line}\n".encode())


WATCH = _Watch()


class _Crossing:
    """An async context manager that passes a point on either side of its way in and of its way out."""

    def __init__(self, name: str, inner: Any) -> None:
        self._name = name
        self._inner = inner

    async def __aenter__(self) -> Any:
        WATCH.passed(f"{self._name}:entering")
        return WATCH.passed(f"{self._name}:entered", await self._inner.__aenter__())

    async def __aexit__(self, *error: Any) -> Any:
        WATCH.passed(f"{self._name}:leaving")
        return WATCH.passed(f"{self._name}:left", await self._inner.__aexit__(*error))


class _Loader(SourceFileLoader):
    """Compiles the rewritten module, and neither takes nor leaves a .pyc."""

    def path_stats(self, path: Any) -> Any:
        raise OSError("no bytecode")

    def source_to_code(self, data: Any, path: Any, *, _optimize: int = -1) -> Any:  # type: ignore[override]
        tree = _Walk(self.name).visit(ast.parse(data, path))
        return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True, optimize=_optimize)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = frozenset(modules)

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        if fullname not in self._modules:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        assert spec is not None and spec.origin is not None
        spec.loader = _Loader(fullname, spec.origin)
        return spec


def install(modules: Sequence[str]) -> None:
    """From here on these modules are imported with their crash points."""
    assert not set(modules) & set(sys.modules), "imported too early"
    builtins.__passed__ = WATCH.passed  # type: ignore[attr-defined]
    builtins.__crossing__ = _Crossing  # type: ignore[attr-defined]
    sys.meta_path.insert(0, _Finder(modules))


# --- the process ---------------------------------------------------------------------------


def _load(app: str) -> Any:
    install(MODULES[app])
    module = importlib.import_module(app)
    for (name, constant), value in HURRIED.items():
        if name in sys.modules:
            setattr(sys.modules[name], constant, value)
    _always(GroupCoordinator, heartbeat_interval_ms=HEARTBEAT_MS)
    _always(Fetcher, fetch_max_wait_ms=LONG_POLL_MS)
    return module


def _always(kind: Any, **wanted: Any) -> None:
    """What FastStream and aiokafka pass on explicitly, and no setting of ours changes."""
    made = kind.__init__

    def init(self: Any, *arguments: Any, **keywords: Any) -> None:
        made(self, *arguments, **keywords | wanted)

    kind.__init__ = init


def _lines() -> Iterator[str]:
    """Lines of stdin as they come; no buffer that a forked process would inherit."""
    pending = b""
    while chunk := os.read(0, 65536):
        *whole, pending = (pending + chunk).split(b"\n")
        yield from (line.decode() for line in whole)


def _die_with_parent() -> None:
    """Where the system can: a test that was killed leaves no service behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def serve(app: str) -> None:
    """Imports the service once, then runs it in a forked process for each order, one after the other: importing takes two
    seconds, and each crash needs a new process. An order is a line (the path of the orders file); the answers are the pid
    and, when it has ended, its wait status."""
    _die_with_parent()
    module = _load(app)
    _, web = module.runtime_of()  # Never started. What is made or imported for the first time with it is there for all.
    uvicorn.Config(web).load()
    signal.signal(signal.SIGUSR1, WATCH.signalled)
    gc.collect()
    gc.freeze()
    for line in _lines():
        pid = os.fork()
        if pid == 0:
            _die_with_parent()
            code = 1
            with contextlib.suppress(SystemExit):
                log = os.open(f"{line}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                for number, source in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
                    os.dup2(source, number)
                WATCH.follow(Path(line))
                module.run(module.runtime_of)
                code = 0
            os._exit(code)
        os.write(1, f"{pid}\n".encode())
        os.write(1, f"{os.waitpid(pid, 0)[1]}\n".encode())


def main(app: str, point: str | None = None) -> None:
    if point is None:
        serve(app)
        return
    known = {one.name for module in MODULES[app] for one in points_of(module)}
    if point not in known:
        raise SystemExit(f"{point} is no crash point of {app}")
    module = _load(app)
    WATCH.point = point
    module.run(module.runtime_of)


if __name__ == "__main__":
    # The modules' builtins and ours must be the same watch: this file is imported under its own name, not as __main__.
    from tests.faults import crashing

    crashing.main(*sys.argv[1:])
