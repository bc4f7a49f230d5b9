"""Encodings: whoever brings another form of packets has it written once, like the built-in ones."""

from __future__ import annotations

import json

import pytest

from cometary.packets.encodings import CBOR, JSON, Encoding
from cometary.packets.packet import Packet
from cometary.packets.tracked import tracked


class LineEncoding(Encoding):
    """A third form: the frame of a line protocol, as a wire would make it."""

    def __init__(self) -> None:
        super().__init__("line")
        self.written = 0

    def write(self, packet: Packet) -> bytes:
        self.written += 1
        return b"%b\t%b\n" % (packet.path.encode(), json.dumps(packet.message).encode())


@pytest.fixture
def line() -> LineEncoding:
    return LineEncoding()


@pytest.mark.parametrize("packet", [Packet("news", [1, 2]), tracked("news", [1, 2], receipt="r")])
def test_a_third_encoding_is_written_once_however_many_receive_it(line: LineEncoding, packet: Packet) -> None:
    frames = [line.encode(packet) for _ in range(100)]
    assert frames[0] == b"news\t[1, 2]\n"
    assert all(frame is frames[0] for frame in frames)
    assert line.written == 1


def test_encodings_do_not_get_in_each_others_way(line: LineEncoding) -> None:
    packet = Packet("a", 1)
    forms = {encoding.name: encoding.encode(packet) for encoding in (JSON, line, CBOR)}
    assert forms == {"json": packet.json, "line": b"a\t1\n", "cbor": CBOR.write(packet)}
    assert forms == {encoding.name: encoding.encode(packet) for encoding in (CBOR, JSON, line)}
    assert JSON.write(packet) is JSON.encode(packet)


def test_what_could_not_be_written_is_not_kept(line: LineEncoding) -> None:
    packet = Packet("a", object())
    for _ in range(2):
        with pytest.raises(TypeError):
            line.encode(packet)
    packet.message = 1
    assert line.encode(packet) == b"a\t1\n"


def test_who_says_nothing_of_how_to_write_says_so() -> None:
    with pytest.raises(NotImplementedError):
        Encoding("mute").encode(Packet("a"))
    assert repr(Encoding("mute")) == "<Encoding mute>"
