"""Ports on the loopback address: whether one is free, and which one to take. Never holds a port."""

import random
import socket

from deploy.embedded.errors import EmbeddedError

LOOPBACK = "127.0.0.1"

# Below the range systems hand out for outgoing connections (Linux from 32768, macOS from 49152): a port that was
# free when we looked is not taken by somebody's outgoing connection before the server binds it.
_FIRST, _LAST = 20_000, 32_000
_chosen: set[int] = set()


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do, or the connections of a server just stopped (TIME_WAIT) would look like a server.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    # macOS lets a second server bind an address that a wildcard listener already serves.
    return not is_answering(port)


def is_answering(port: int) -> bool:
    """Whether something accepts connections on this loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((LOOPBACK, port)) == 0


def require_free(port: int, option: str) -> None:
    """Refuses, in a sentence for the person at the terminal, when the port is taken; `option` says where to choose."""
    if not is_free(port):
        raise EmbeddedError(
            f"Port {port} is in use: stop what listens there, choose another with {option}, or start again with {option} 0,"
            " which finds a free one."
        )


def choose_free() -> int:
    """A loopback port nobody listens on, and another one each time: whoever was given the last one may not listen yet."""
    ports = random.SystemRandom()
    for _ in range(200):
        port = ports.randint(_FIRST, _LAST)
        if port not in _chosen and is_free(port):
            _chosen.add(port)
            return port
    raise EmbeddedError(f"No free port found between {_FIRST} and {_LAST} on {LOOPBACK}.")
