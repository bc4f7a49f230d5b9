"""Frames as a client of our own writes and reads them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cometary.transport.wires.websocket.client_frames import NO_MASK, ServersFrames, masked
from cometary.transport.wires.websocket.frames import BINARY, TEXT, Frame, frame
from cometary.transport.wires.websocket.unmasking import unmask

sizes = st.sampled_from([0, 1, 125, 126, 127, 65_535, 65_536])
opcodes = st.sampled_from([TEXT, BINARY])


@given(opcodes, sizes, st.binary(min_size=4, max_size=4) | st.just(NO_MASK))
def test_what_a_client_sends_is_what_the_server_unmasks(opcode: int, size: int, mask: bytes) -> None:
    payload = bytes(range(256)) * (size // 256) + bytes(range(size % 256))
    plain, sent = frame(opcode, payload), masked(opcode, payload, mask)
    head = len(plain) - size
    assert sent[0] == plain[0]
    assert sent[1] == plain[1] | 0x80
    assert sent[2:head] == plain[2:head]
    assert sent[head : head + 4] == mask
    assert unmask(sent[head + 4 :], mask) == payload


@given(st.lists(st.tuples(opcodes, sizes), max_size=4), st.integers(100, 70_000))
def test_what_a_server_sends_is_read_however_it_is_cut(frames: list[tuple[int, int]], piece: int) -> None:
    sent = [Frame(opcode, b"x" * size) for opcode, size in frames]
    stream = b"".join(frame(each.opcode, each.payload) for each in sent)
    reader = ServersFrames()
    first = stream[:300]  # byte by byte, and the rest in larger pieces
    cuts = [bytes([byte]) for byte in first]
    cuts += [stream[at : at + piece] for at in range(len(first), len(stream), piece)]
    assert [each for cut in cuts for each in reader.feed(cut)] == sent
