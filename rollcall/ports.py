"""Which ports a system listens on: those asked for, else those of the folder's last start, else the usual ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from deploy.embedded.ports import choose_free, is_free
from rollcall.folder import DEFAULT_PORTS
from rollcall.terminal import Refusal


def choose(
    asked: Mapping[str, int | None],
    before: Mapping[str, int],
    *,
    take_free: bool,
    free: Callable[[int], bool] = is_free,
    any_free: Callable[[], int] = choose_free,
) -> dict[str, int]:
    """A port for every name, all of them free and different; otherwise one sentence says which is taken.

    0 asks for a free one: the folder's own if it had one. `take_free`: a port in use is replaced by a free one.
    """
    chosen: dict[str, int] = {}
    for name, usual in DEFAULT_PORTS.items():
        wanted = asked.get(name)
        port = wanted or before.get(name, 0 if wanted == 0 else usual)
        may_move = take_free or wanted == 0
        while may_move and (port == 0 or port in chosen.values() or not free(port)):
            port = any_free()
        chosen[name] = port
    for name, port in chosen.items():
        sharing = [other for other, its in chosen.items() if its == port]
        if len(sharing) > 1:
            raise Refusal(f"{' and '.join(sharing)} cannot share port {port}.")
        if not free(port):
            raise Refusal(
                f"Port {port} ({name}) is in use: stop what listens there, choose another with --{name}-port,"
                " or let --free-ports choose."
            )
    return chosen
