import socket

import pytest

from deploy.embedded import ports
from deploy.embedded.errors import EmbeddedError


def test_a_port_in_use_is_refused_in_one_sentence_that_names_the_way_out() -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            EmbeddedError,
            match=rf"^Port {port} is in use: .* choose another with --kafka-port, or start again with --kafka-port 0, which finds a free one\.$",
        ):
            ports.require_free(port, "--kafka-port")


def test_a_port_taken_on_all_addresses_is_not_free_on_loopback() -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        assert not ports.is_free(taken.getsockname()[1])


def test_a_chosen_port_is_free_and_outside_the_range_for_outgoing_connections() -> None:
    port = ports.choose_free()
    assert ports.is_free(port)
    assert port < 32_768


def test_no_port_is_chosen_twice_though_nobody_listens_on_it_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    first = ports.choose_free()
    drawn = iter([first, first])
    draw = ports.random.SystemRandom.randint
    monkeypatch.setattr(ports.random.SystemRandom, "randint", lambda its, low, high: next(drawn, draw(its, low, high)))
    assert ports.choose_free() != first
