"""How two nodes find out that they are who they say, and what they say if not."""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Awaitable, Callable
from typing import cast

import msgspec
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
        (Identity("a", "1", "", b"another"), "b", B, "the two have different values of node-secret"),
        (A, "c", B, "it is the node 'b'"),
        (Identity("b", "3", "", SECRET), "b", B, "two nodes are named 'b'"),
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
    assert dialer == "the two have different values of node-secret"


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
    assert acceptor == "it does not speak the protocol of nodes"


def test_what_a_stranger_says_is_one_short_line_in_the_log() -> None:
    assert handshake.shown("a\nb\x1b[1m" + "x" * 1000) == "a?b?[1m" + "x" * 293


def test_a_proof_is_a_keyed_digest_under_a_word_of_each_sides_own() -> None:
    """RFC 2104: the secret is the key."""
    expected = hmac.new(SECRET, b"dialer" + b"all that was said", "sha256").digest()
    assert A.proof(b"dialer", b"all that was said") == expected
    assert A.proof(b"acceptor", b"all that was said") != expected


def saying(*steps: handshake.Step) -> Callable[[Talk], Awaitable[object]]:
    """Say these, one after the other, each when something was heard before it."""

    async def say(talk: Talk) -> None:
        for step in steps:
            await handshake._hear(talk)
            await handshake._say(talk, step)

    return say


def opening_with(*steps: handshake.Step) -> Callable[[Talk], Awaitable[object]]:
    """Say these, and then hear what comes."""

    async def say(talk: Talk) -> None:
        for step in steps:
            await handshake._say(talk, step)
            await handshake._hear(talk)

    return say


LATER = handshake.LINK_VERSION + 1
OF_LATER = msgspec.structs.replace(B.hello(), link_version=LATER, version="9.9")
SPEAKS = rf"'b' is cometary 9.9, which speaks version {LATER} of the link; this one is .*: update all nodes"


async def test_both_see_that_the_other_speaks_another_version() -> None:
    dialer, _ = await both(dialing(A), saying(OF_LATER))
    assert re.search(SPEAKS, str(dialer))
    _, acceptor = await both(opening_with(OF_LATER), accepting(A))
    assert re.search(SPEAKS, str(acceptor))


async def test_whoever_says_anything_before_a_hello_is_no_node() -> None:
    dialer, _ = await both(dialing(A), saying(Proof(b"at once")))
    assert dialer == "it does not speak the protocol of nodes"
    _, acceptor = await both(opening_with(Proof(b"at once")), accepting(B))
    assert acceptor == "it does not speak the protocol of nodes"


async def test_anything_but_a_proof_proves_nothing() -> None:
    dialer, _ = await both(dialing(A), saying(B.hello(), B.hello()))
    assert dialer == "the two have different values of node-secret"
    _, acceptor = await both(opening_with(A.hello(), A.hello()), accepting(B))
    assert acceptor == "the two have different values of node-secret"


async def test_one_that_is_refused_after_it_has_proved_who_it_is_is_told_why() -> None:
    async def refuse(_: Hello) -> Welcome:
        await trio.lowlevel.checkpoint()
        raise NodeRefusedError("it has left")

    outcomes = await both(dialing(A), lambda talk: accept(talk, B, refuse))
    assert outcomes == ["it refuses this one: it has left", "it has left"]


@pytest.mark.parametrize(("more", "said"), [(0, "it refuses this one: xx"), (1, "it does not speak the")])
async def test_a_message_is_just_as_long_as_may_be(more: int, said: str) -> None:
    least = len(handshake._encode(handshake.Refused("x" * 300))) - 300
    refused = handshake.Refused("x" * (handshake.LONGEST - least + more))
    dialer, _ = await both(dialing(A), saying(refused))
    assert str(dialer).startswith(said)


async def test_an_acceptor_names_only_so_many_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshake, "MOST_OTHERS", 2)
    others = tuple((name, "10.0.0.9:7000") for name in "cdef")

    async def welcome(_: Hello) -> Welcome:
        await trio.lowlevel.checkpoint()
        return Welcome(None, others)

    told, _ = await both(dialing(A), lambda talk: accept(talk, B, welcome))
    _, proof = cast("tuple[Hello, Proof]", told)
    assert proof.others == others[:2]


def test_by_how_much_a_clock_is_ahead_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    hello = msgspec.structs.replace(B.hello(), time=1_000_007.5)
    monkeypatch.setattr(time, "time", lambda: 1_000_000.0)
    assert handshake.skew_of(hello) == 7.5


def test_what_is_said_is_an_array_as_nodes_of_any_version_read_it() -> None:
    steps = [Hello(1, "1.2", "a", "i", "10.0.0.1:7000", 2.5, b"n"), Proof(b"d", 7), handshake.Refused("why")]
    assert [msgspec.msgpack.decode(handshake._encode(step)) for step in steps] == [
        ["hello", 1, "1.2", "a", "i", "10.0.0.1:7000", 2.5, b"n"],
        ["proof", b"d", 7, []],
        ["refused", "why"],
    ]
