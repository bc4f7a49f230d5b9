"""How two nodes find out that they are who they say, and what they say if not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

import pytest
import trio
from trio.testing import memory_stream_pair

from cometary.errors import NodeRefusedError
from cometary.nodes import handshake
from cometary.nodes.handshake import Hello, Identity, Proof, Welcome, accept, dial

SECRET = b"a secret of theirs"
A = Identity("a", "1", "10.0.0.1:7000", SECRET)
B = Identity("b", "2", "10.0.0.2:7000", SECRET)


class Talk:
    """One end of what they talk by."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self.said = b""

    async def send_all(self, data: bytes) -> None:
        self.said += data
        await self._stream.send_all(data)

    async def receive_exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = await self._stream.receive_some(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data


async def both(
    dialer: Callable[[Talk], Awaitable[object]], acceptor: Callable[[Talk], Awaitable[object]]
) -> list[object]:
    """Have both talk; returns what each returns, or raises."""
    here, there = map(Talk, memory_stream_pair())
    outcomes: dict[str, object] = {}

    async def run(name: str, part: Callable[[Talk], Awaitable[object]], talk: Talk) -> None:
        try:
            outcomes[name] = await part(talk)
        except (NodeRefusedError, EOFError) as error:
            outcomes[name] = str(error)
            await talk._stream.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, "dialer", dialer, here)
        nursery.start_soon(run, "acceptor", acceptor, there)
    return [outcomes["dialer"], outcomes["acceptor"]]


def dialing(own: Identity, node: str = "b") -> Callable[[Talk], Awaitable[object]]:
    return lambda talk: dial(talk, own, node)


def welcoming(heard: int | None = None) -> Callable[[Hello], Awaitable[Welcome]]:
    async def welcome(_: Hello) -> Welcome:
        await trio.lowlevel.checkpoint()
        return Welcome(heard, (("c", "10.0.0.3:7000"),))

    return welcome


def accepting(own: Identity, heard: int | None = None) -> Callable[[Talk], Awaitable[object]]:
    return lambda talk: accept(talk, own, welcoming(heard))


async def test_two_that_know_the_secret_learn_who_the_other_is_and_what_it_has_heard() -> None:
    told, hello = await both(dialing(A), accepting(B, 7))
    other, proof = cast("tuple[Hello, Proof]", told)
    assert (other.node, other.address, proof.heard) == ("b", "10.0.0.2:7000", 7)
    assert proof.others == (("c", "10.0.0.3:7000"),)
    assert isinstance(hello, Hello)
    assert (hello.node, hello.incarnation) == ("a", "1")


@pytest.mark.parametrize(
    ("own", "node", "other", "said"),
    [
        (Identity("a", "1", "", b"another"), "b", B, "node-secret is not the same at both"),
        (A, "c", B, "it is the node 'b'"),
        (Identity("b", "3", "", SECRET), "b", B, "two nodes have the name 'b'"),
    ],
)
async def test_two_that_do_not_go_together_say_why(
    own: Identity, node: str, other: Identity, said: str
) -> None:
    dialer, _ = await both(dialing(own, node), accepting(other))
    assert said in str(dialer)


async def test_what_one_has_proved_is_no_proof_when_it_is_said_back() -> None:
    async def say_it_back(talk: Talk) -> None:
        await handshake._hear(talk)
        await handshake._say(talk, B.hello())
        proof, _ = await handshake._hear(talk)
        await handshake._say(talk, proof)

    dialer, _ = await both(dialing(A), say_it_back)
    assert dialer == "node-secret is not the same at both"


async def test_whoever_dials_proves_first() -> None:
    heard: list[object] = []

    async def only_ask(talk: Talk) -> None:
        await handshake._say(talk, A.hello())
        heard.append((await handshake._hear(talk))[0])
        await handshake._say(talk, Proof(b"none"))
        heard.append((await handshake._hear(talk))[0])

    await both(only_ask, accepting(B))
    assert not any(isinstance(each, Proof) for each in heard)


async def test_neither_says_the_secret() -> None:
    here, there = map(Talk, memory_stream_pair())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dial, here, A, "b")
        nursery.start_soon(accepting(B), there)
    assert SECRET not in here.said + there.said


NO_TEXT = handshake._encode(A.hello()).replace(b"10.0.0.1", b"10.0.0.\xff")
NESTED = b"\x91" * 4096
"""Arrays in arrays, as deep as a message is long."""


def framed(said: bytes) -> bytes:
    return len(said).to_bytes(2, "big") + said


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff\xff" + b"x" * 100,
        b"\0\x03abc",
        framed(NO_TEXT),
        framed(NESTED),
        framed(b"\x92\xa5hello" + NESTED[:4000]),
    ],
)
async def test_what_is_no_node_is_said_to_be_none(said: bytes) -> None:
    async def stranger(talk: Talk) -> None:
        await talk.send_all(said)

    _, acceptor = await both(stranger, accepting(B))
    assert acceptor == "it does not speak as a node does"


def test_what_a_stranger_says_is_one_short_line_in_the_log() -> None:
    assert handshake.shown("a\nb\x1b[1m" + "x" * 1000) == "a?b?[1m" + "x" * 293
