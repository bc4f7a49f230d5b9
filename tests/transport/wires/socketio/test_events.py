"""What a packet of a session is as an event, and an event as a packet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from cometary.packets.notices import ANSWER_PATH
from cometary.packets.packet import Packet, marked
from cometary.packets.question import Question
from cometary.transport.wires.socketio.events import Namespace


@dataclass
class Picture:
    """What an application may send."""

    pixels: bytes


def test_an_event_that_has_a_number_for_its_name_has_that_as_its_path() -> None:
    packet = Namespace("/").plain_packet_of([7, "x"])
    assert (packet.path, packet.message) == ("7", "x")
    assert Namespace("/chat").plain_packet_of([7, "x"]).path == "chat/7"


def test_what_begins_like_a_control_packet_is_one_in_every_namespace() -> None:
    for name in ("/", "/chat"):
        packet = Namespace(name).plain_packet_of(["::connect", "news"])
        assert isinstance(packet, Question)
        assert (packet.path, packet.ask) == ("::connect", None)


@pytest.mark.parametrize(
    ("message", "written"),
    [
        (7, b'42["p",7]'),
        (None, b'42["p",null]'),
        ((), b'42["p"]'),
        ((1, "a"), b'42["p",1,"a"]'),
        ([1, "a"], b'42["p",[1,"a"]]'),
        (b"\1", b'451-["p",{"_placeholder":true,"num":0}]\x1ebAQ=='),
        (Picture(b"\1"), b'451-["p",{"pixels":{"_placeholder":true,"num":0}}]\x1ebAQ=='),
        ((Picture(b"\1"), 2), b'451-["p",{"pixels":{"_placeholder":true,"num":0}},2]\x1ebAQ=='),
    ],
)
def test_an_event_says_what_its_packet_does_whatever_else_is_known_of_that(
    message: Any, written: bytes
) -> None:
    encoding = Namespace("/").encoding
    assert encoding.write(Packet("p", message)) == written
    assert encoding.write(marked(Packet("p", message), "at", "x.1-7")) == written


def test_an_answer_with_bytes_has_them_as_attachments_however_deep_they_are() -> None:
    answer = Packet(ANSWER_PATH, {"ask": "7", "value": Picture(b"\1")})
    written = Namespace("/").encoding.write(answer)
    assert written == b'461-7[{"pixels":{"_placeholder":true,"num":0}}]\x1ebAQ=='
