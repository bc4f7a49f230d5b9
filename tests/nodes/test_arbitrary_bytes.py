"""Whatever bytes come where nodes listen, or on their links: no exception leaves what reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cometary.cluster.redis.arguments import lessees_from
from cometary.errors import NodeRefusedError
from cometary.nodes import handshake
from cometary.nodes.handshake import Hello, Identity, Proof, Refused, Welcome, accept, dial
from cometary.nodes.link import Flushing, Link
from cometary.nodes.messages import (
    Answered,
    Forwarded,
    Streaming,
    Told,
    Tunnelled,
    decode_of_acceptor,
    decode_of_dialer,
    encode,
)
from cometary.packets.published import Published

OWN: Final = Identity("a", "1", "127.0.0.1:1", b"a secret")

SAID: Final = [
    handshake._encode(each)
    for each in (Hello(1, "1", "b", "i", "b:1", 1.0, b"n" * 32), Proof(b"d" * 32, 7), Refused("why"))
]
MESSAGES: Final = [
    encode(each)
    for each in (
        Forwarded(1, False, "POST", "/comet", b"q", {b"host": b"h"}, b"{}", "192.0.2.7"),
        Told(1, Published(b"{}", "p", b"\xa1x", tracked=True, key=["k"])),
        Tunnelled(1, "192.0.2.7", b"GET", 0),
        Answered(1, 200, b"{}", b"t", ((b"n", b"v"),)),
        Streaming(1, 200, b"t", ()),
    )
]
NESTED: Final = b"\x91" * 4000


@st.composite
def harmed(draw: st.DrawFn, good: list[bytes]) -> bytes:
    """Return a message some bytes of which are others; or any bytes."""
    if draw(st.integers(0, 4)) == 0:
        return draw(st.binary(max_size=200))
    said = bytearray(draw(st.sampled_from(good)))
    for _ in range(draw(st.integers(1, 4))):
        said[draw(st.integers(0, len(said) - 1))] = draw(st.integers(0, 255))
    return bytes(said[: draw(st.integers(0, len(said)))]) if draw(st.booleans()) else bytes(said)


@dataclass
class Stranger:
    """Says what it says, and no more."""

    saying: bytes
    heard: list[bytes] = field(default_factory=list[bytes])

    async def send_all(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        self.heard.append(data)

    async def receive_exactly(self, count: int) -> bytes:
        await trio.lowlevel.checkpoint()
        if len(self.saying) < count:
            raise EOFError
        data, self.saying = self.saying[:count], self.saying[count:]
        return data


async def welcome(_: Hello) -> Welcome:
    await trio.lowlevel.checkpoint()
    return Welcome(None)


@given(steps=st.lists(harmed(SAID), min_size=1, max_size=3))
@example(steps=[SAID[0].replace(b"b:1", b"\xff:1")])
@example(steps=[NESTED])
@settings(max_examples=60, deadline=None)
def test_no_stranger_has_the_handshake_raise_anything_but_that_it_is_refused(steps: list[bytes]) -> None:
    said = b"".join(len(step).to_bytes(2, "big") + step for step in steps)
    for part in (
        lambda: accept(Stranger(said), OWN, welcome),
        lambda: dial(Stranger(said), OWN, "b"),
    ):
        with pytest.raises((NodeRefusedError, EOFError)):
            trio.run(part)


@pytest.mark.parametrize("decode", [decode_of_dialer, decode_of_acceptor])
@given(payload=harmed(MESSAGES))
@example(payload=MESSAGES[0].replace(b"POST", b"P\xffST"))
@example(payload=MESSAGES[1][:-1] + NESTED)
@example(payload=MESSAGES[4].replace(b"\x90", NESTED))
@settings(max_examples=60, deadline=None)
def test_what_comes_on_a_link_is_taken_or_cuts_it(decode: Callable[[bytes], Any], payload: bytes) -> None:
    taken: list[object] = []
    link = Link("b", Flushing(), decode, taken.append, lambda: None)
    link.read(payload)
    assert link.ended or len(taken) == 1


def test_a_name_in_the_engine_that_is_no_text_ends_nobody() -> None:
    lessees = lessees_from([(b"\xff", b"1 \xff:1", b"5000"), (b"b", b"2 10.0.0.2:7000", b"5000")])
    assert lessees is not None
    assert [(each.node, each.address) for each in lessees][1] == ("b", "10.0.0.2:7000")
