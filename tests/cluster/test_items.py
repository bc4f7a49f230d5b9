"""What a record holds comes back as it was."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cometary.cluster.items import (
    SIGN_ON,
    Ending,
    OwnPacket,
    read_item,
    read_own,
    write_ending,
    write_item,
    write_own,
)
from cometary.packets.packet import Packet, marked
from cometary.packets.question import Question
from cometary.packets.receipted import AskedPacket
from cometary.packets.tracked import tracked

PATHS = st.text("abc/", min_size=1).filter(lambda text: "//" not in text and text.strip("/") == text)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | TEXTS
    | st.binary()
)
MESSAGES = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
)


@given(PATHS, MESSAGES, st.none() | st.just("seen"), st.none() | st.just("7"))
def test_a_packet_for_the_client_comes_back(
    path: str, message: Any, receipt: str | None, ask: str | None
) -> None:
    packet: Packet = (
        Packet(path, message) if receipt is None else tracked(path, message, receipt=receipt, ttl=1)
    )
    if ask is not None:
        packet = marked(packet, "ask", ask)
    again = read_own(write_own(packet))
    assert type(again) is OwnPacket
    assert (again.path, again.message, again.receipt, again.extra) == (path, message, receipt, packet.extra)
    assert again.json == packet.json
    assert again.slot is None, "it is never dropped"


@given(PATHS, MESSAGES, st.sampled_from(["plain", "receipt", "question", "control"]))
def test_a_packet_of_the_client_comes_back(path: str, message: Any, kind: str) -> None:
    packet = {
        "plain": Packet(path, message),
        "receipt": AskedPacket(path, message, "mine"),
        "question": Question(path, message, "7"),
        "control": Question("::connect", message, None),
    }[kind]
    again = read_item(write_item(packet))
    assert type(again) is type(packet)
    assert isinstance(again, Packet)
    assert (again.path, again.message) == (packet.path, message)
    assert getattr(again, "receipt", None) == getattr(packet, "receipt", None)
    assert getattr(again, "ask", None) == getattr(packet, "ask", None)


def test_so_does_what_is_told_of_a_sessions_begin_and_end() -> None:
    assert read_item(SIGN_ON) is None
    assert read_item(write_ending("timeout")) == Ending("timeout")


def test_what_is_as_it_is_anyway_is_not_written() -> None:
    assert write_item(Packet("a", 1)) == b'{"path":"a","message":{"value":1}}'
