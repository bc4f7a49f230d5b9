"""A server in a thread: started and stopped from others, again and again."""

from __future__ import annotations

import socket
from threading import Thread
from urllib.parse import urlsplit

import pytest

from cometary.config import Address, Settings
from cometary.connector import Connector
from cometary.doors.roots import Dolores
from cometary.server import BackgroundServer

SETTINGS = Settings(port=0, control=Address("127.0.0.1", 0))


def is_open(url: str) -> bool:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname, parts.port)).close()
    except OSError:
        return False
    return True


def test_r4_it_starts_once_and_stops_from_another_thread_with_all_ports_closed() -> None:
    dolores, server = Dolores(), BackgroundServer(SETTINGS)
    for _ in range(2):
        dolores.add_starter(server.start)
    dolores.start()
    running = server.start()
    assert running is server.start()
    with Connector(running.control) as connector:
        assert connector.healthz() == "ok"
    threads = [Thread(target=server.stop) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not is_open(running.comet)
    assert not is_open(running.control)
    server.stop()


def test_it_can_be_started_again() -> None:
    server = BackgroundServer(SETTINGS)
    for _ in range(2):
        with server as running:
            assert is_open(running.comet)


def test_what_keeps_it_from_starting_is_raised() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = BackgroundServer(Settings(port=taken.getsockname()[1], control=Address("127.0.0.1", 0)))
        with pytest.raises(OSError, match="in use"):
            server.start()
        server.stop()
