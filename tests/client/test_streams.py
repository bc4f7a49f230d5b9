"""Streams as the server writes them are read as they were written, wherever they are cut into pieces."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from cometary.client.bodies import Packet as Received
from cometary.client.conversation import ACKNOWLEDGED, Conversation
from cometary.client.streams import EVENTS, LINES, READERS, StreamBody
from cometary.errors import ProtocolError
from cometary.packets.packet import Packet
from cometary.transport.wires.streams.forms import FORMS

texts = st.text(st.characters(codec="utf-8"), max_size=8)
packets = st.builds(
    Packet, texts.filter(bool), st.none() | st.integers() | texts | st.lists(texts, max_size=2)
)


@given(
    st.sampled_from([LINES, EVENTS]),
    st.integers(1, 2**50),
    st.lists(st.lists(packets, min_size=1, max_size=4), max_size=6),
    st.integers(1, 50),
)
def test_what_is_written_is_read(
    accept: bytes, first: int, batches: Sequence[Sequence[Packet]], step: int
) -> None:
    form, reader = FORMS[accept], READERS[accept]()
    written, number = form.hello(first) + form.beat, first
    for batch in batches:
        written += form.packets(number, batch, follows=True)
        number += len(batch)
    written += form.error(ProtocolError("session-ended", "over", reason="kicked"))
    hello, beat, *bodies, last = [
        body for place in range(0, len(written), step) for body in reader.feed(written[place : place + step])
    ]
    assert hello == StreamBody(first, [])
    assert beat.is_beat
    assert not hello.is_beat
    assert (last.error, last.reason, last.is_beat) == ("session-ended", "kicked", False)
    received = [
        (seq, packet) for body in bodies for seq, packet in enumerate(body.packets or (), body.seq or 0)
    ]
    sent = [packet for batch in batches for packet in batch]
    assert received == [
        (seq, Received(packet.path, packet.message)) for seq, packet in enumerate(sent, first)
    ]


def body(conversation: Conversation) -> dict[str, object] | None:
    request = conversation.take()
    if request is None:
        return None
    written: dict[str, object] = json.loads(conversation.body(request))
    return written


def conversation() -> Conversation:
    return Conversation("s", 1, 2)


def test_with_a_stream_nothing_is_held() -> None:
    page = conversation()
    assert json.loads(page.attach()) == {"sid": "s", "ack": 0}
    assert body(page) is None
    page.offer(b'{"path":"a"}')
    assert body(page) == {"sid": "s", "rid": 2, "ack": 0, "packets": [{"path": "a"}], "hold": False}
    assert body(page) is None


def test_a_request_that_was_lost_before_is_sent_again_as_a_send() -> None:
    page = conversation()
    request = page.take()
    assert request is not None
    page.attach()
    page.lost(request)
    assert body(page) == {"sid": "s", "rid": 2, "ack": 0, "hold": False}


def test_a_send_that_was_lost_is_held_once_there_is_no_stream() -> None:
    page = conversation()
    page.attach()
    page.offer(b'{"path":"a"}')
    request = page.take()
    assert request is not None
    page.detach()
    page.lost(request)
    assert body(page) == {"sid": "s", "rid": 2, "ack": 0, "packets": [{"path": "a"}]}


def test_many_packets_or_a_beat_are_acknowledged() -> None:
    page = conversation()
    page.attach()
    assert page.carried(1, range(ACKNOWLEDGED - 1)) == range(ACKNOWLEDGED - 1)
    assert body(page) is None
    assert page.carried(ACKNOWLEDGED, ["last"]) == ["last"]
    assert body(page) == {"sid": "s", "rid": 2, "ack": ACKNOWLEDGED, "hold": False}
    page.answered(0, ())
    assert body(page) is None
    page.beat()
    assert body(page) == {"sid": "s", "rid": 3, "ack": ACKNOWLEDGED, "hold": False}


def test_what_two_carriers_bring_is_taken_once() -> None:
    page = conversation()
    page.attach()
    assert page.carried(1, ["a", "b"]) == ["a", "b"]
    assert page.carried(2, ["b", "c"]) == ["c"]
    assert page.carried(1, ["a"]) == ()
    assert page.answered(1, ["a", "b", "c", "d"]) == ["d"]
    assert page.ack == 4
