"""Where other nodes are, as the engine says it, which anybody may have put there."""

from __future__ import annotations

import socket
from typing import Never

import pytest
import trio
import trio.lowlevel
from trio.testing import wait_all_tasks_blocked

from cometary.config.kinds import UnixAddress
from cometary.nodes.dialing import Dialing, read_address
from cometary.nodes.handshake import Hello, Identity, Proof, Welcome, dial
from cometary.nodes.peer import Peer

OWN = Identity("a", "1", "127.0.0.1:7000", b"a secret")
OTHER = Identity("b", "2", "127.0.0.1:7001", b"a secret")


class Welcoming:
    """In the place of all other nodes: it welcomes whoever dials."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.any = trio.Event()

    async def welcome(self, hello: Hello) -> Welcome:
        await trio.lowlevel.checkpoint()
        return Welcome(None)

    def accepted(self, hello: Hello, sock: socket.socket) -> None:
        sock.close()
        self.taken.append(hello.node)
        self.any.set()

    async def check(self, hello: Hello) -> Never:
        raise NotImplementedError

    def dialed(self, peer: Peer, hello: Hello, proof: Proof, sock: socket.socket) -> Never:
        raise NotImplementedError

    def refused(self, peer: Peer) -> Never:
        raise NotImplementedError

    def note_change(self) -> Never:
        raise NotImplementedError

    def faulty(self) -> Never:
        raise NotImplementedError


class Caller:
    """What another node dials by.

    Args:
        stream: a connection.
    """

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream

    async def send_all(self, data: bytes) -> None:
        await self._stream.send_all(data)

    async def receive_exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += await self._stream.receive_some(count - len(data))
        return data


async def test_nobody_who_dials_is_answered_before_this_node_has_its_name() -> None:
    """Until then the engine names the process that had it: others would refuse this one, which could not start."""
    others = Welcoming()
    dialing = Dialing(OWN, others)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        async with trio.open_nursery() as nursery:
            dialing.start_soon = nursery.start_soon
            nursery.start_soon(dialing.take_callers, [listening])
            async with await trio.open_tcp_stream(*listening.getsockname()) as stream:
                nursery.start_soon(dial, Caller(stream), OTHER, "a")
                await wait_all_tasks_blocked(0.01)
                assert others.taken == []
                dialing.begin()
                await others.any.wait()
            nursery.cancel_scope.cancel()
    assert others.taken == ["b"]


@pytest.mark.parametrize(
    ("text", "host"), [("127.0.0.1:7000", "127.0.0.1"), ("[::1]:7000", "::1"), ("a.b:7000", "a.b")]
)
def test_an_address_is_read(text: str, host: str) -> None:
    assert read_address(text) == (host, 7000)


def test_the_address_of_a_worker_is_a_path() -> None:
    assert read_address("unix:/folder/node-1-2") == UnixAddress("/folder/node-1-2")


@pytest.mark.parametrize(
    "text", ["", "10.0.0.1", "10.0.0.1:", "a:99999999999999999999999", "a:-1", "\ufffd:1", ":1"]
)
def test_what_is_no_address_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"it is not an address, HOST:PORT"):
        read_address(text)
