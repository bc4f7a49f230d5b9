"""Sockets that a process was started with: taken where their address is wanted, and left alone otherwise."""

from __future__ import annotations

import os
import socket
from collections.abc import Generator
from pathlib import Path

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


def handed_over(monkeypatch: pytest.MonkeyPatch, sock: socket.socket, **said: str) -> Inherited:
    """What a process makes of `sock`, which stays the test's."""
    monkeypatch.setattr(inherited, "FIRST", sock.fileno())
    environment = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", **said}
    made = Inherited(environment, os.getpid())
    assert environment == {}
    return made


@pytest.mark.parametrize(
    "said", [{"LISTEN_PID": "1"}, {"LISTEN_PID": ""}, {"LISTEN_FDS": "x"}, {"LISTEN_FDS": "0"}]
)
def test_what_is_said_to_another_process_or_makes_no_sense_is_taken_out_and_not_heeded(
    monkeypatch: pytest.MonkeyPatch, said: dict[str, str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.set_inheritable(True)
        made = handed_over(monkeypatch, sock, **said)
        assert (made.unused, made.network().successor) == ([], "none")
        made.close()
        assert sock.get_inheritable()
        assert sock.getsockname()  # it is open


@pytest.mark.parametrize(
    ("family", "kind"), [(socket.AF_UNIX, socket.SOCK_STREAM), (socket.AF_INET, socket.SOCK_DGRAM)]
)
def test_what_is_for_something_else_in_this_process_is_left_open(
    monkeypatch: pytest.MonkeyPatch, family: int, kind: int
) -> None:
    with socket.socket(family, kind) as sock:
        made = handed_over(monkeypatch, sock)
        assert (made.unused, made.network().successor) == ([], "none")
        made.close()
        assert not sock.get_inheritable()  # but no child's
        assert os.fstat(sock.fileno())


def test_one_at_no_path_is_left_open_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(f"\0cometary-{os.getpid()}")
        made = handed_over(monkeypatch, sock)
        assert (made.unused, made.network().successor) == ([], "none")
        made.close()
        assert os.fstat(sock.fileno())


async def test_of_an_address_the_host_and_the_port_count(
    handed: Inherited, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In IPv6 it has two numbers more."""
    (where,) = handed._sockets

    async def addresses_of(_host: str, _port: int) -> list[object]:
        return [(socket.AF_INET6, (*where, 0, 0))]

    monkeypatch.setattr(inherited, "addresses_of", addresses_of)
    (sock,) = await handed.open_sockets("localhost", 0)
    sock.close()
    assert handed.unused == []


@pytest.mark.parametrize(("reuse_port", "successor"), [(False, "none"), (True, "port")])
def test_without_any_a_successor_may_take_the_same_port_if_that_was_said(
    reuse_port: bool, successor: str
) -> None:
    assert Inherited({}, os.getpid(), reuse_port=reuse_port).network().successor == successor


def test_one_at_a_path_is_what_listens_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = str(tmp_path / "push.sock")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
        made = handed_over(monkeypatch, sock)
        assert made.unused == [f"unix:{path}"]
        with made.network().open_unix_socket(path, 0o600) as taken:
            assert (taken.getsockname(), made.unused) == (path, [])
        made.close()
        with made.network().open_unix_socket(f"{path}.other", 0o600) as other:
            assert other.getsockname() == f"{path}.other"
        sock.detach()  # `close` has closed it
    assert Path(path).exists()  # it is whoever's who has started the process
