"""Sockets that a process was started with: taken where their address is wanted, and left alone otherwise."""

from __future__ import annotations

import os
import socket
from collections.abc import Generator

import pytest

from cometary.transport.net import inherited
from cometary.transport.net.inherited import Inherited


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> Generator[Inherited]:
    """One socket is handed over, and inherited as systemd does it."""
    sock = socket.create_server(("127.0.0.1", 0))
    descriptor = sock.detach()
    os.set_inheritable(descriptor, True)
    monkeypatch.setattr(inherited, "FIRST", descriptor)
    environment = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "a", "HOME": "/"}
    handed = Inherited(environment, os.getpid())
    assert environment == {"HOME": "/"}
    assert not os.get_inheritable(descriptor)
    yield handed
    handed.close()


async def test_it_is_what_listens_at_its_address(handed: Inherited) -> None:
    (address,) = handed.unused
    port = int(address.split(":")[1])
    assert handed.network().successor == "sockets"
    for _ in range(2):  # a start that failed may be tried again
        (sock,) = await handed.open_sockets("localhost", port)
        with sock:
            assert sock.getsockname() == ("127.0.0.1", port)
            assert sock.gettimeout() == 0
    assert handed.unused == []


async def test_at_any_other_address_another_one_is_opened(handed: Inherited) -> None:
    (sock,) = await handed.open_sockets("127.0.0.1", 0)
    with sock:
        assert f"127.0.0.1:{sock.getsockname()[1]}" not in handed.unused
    assert len(handed.unused) == 1
