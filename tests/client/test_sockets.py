"""A page's WebSocket, without the socket: others read what it sends, and it reads what the server writes."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import SERVER, Protocol

from cometary.client.bodies import Packet as Received
from cometary.client.sockets import SocketReader, answer_to
from cometary.packets.packet import Packet
from cometary.transport.wires.websocket.bodies import JSON_FORM
from cometary.transport.wires.websocket.client_frames import masked
from cometary.transport.wires.websocket.codes import close_payload
from cometary.transport.wires.websocket.frames import CLOSE, PING, TEXT, frame
from tests.client.test_streams import packets

masks = st.binary(min_size=4, max_size=4)


@given(st.binary(max_size=300) | st.just(b"x" * 70_000), masks)
def test_what_a_page_sends_is_a_frame_to_another_implementation(payload: bytes, mask: bytes) -> None:
    protocol = Protocol(SERVER)
    protocol.receive_data(masked(TEXT, payload, mask) + answer_to(payload[:125], mask))
    text, pong = protocol.events_received()
    assert text == Frame(Opcode.TEXT, payload)
    assert pong == Frame(Opcode.PONG, payload[:125])


@given(
    st.integers(1, 2**50), st.lists(st.lists(packets, min_size=1, max_size=4), max_size=6), st.integers(1, 50)
)
def test_what_the_server_writes_is_read(first: int, batches: Sequence[Sequence[Packet]], step: int) -> None:
    written, number = JSON_FORM.encode({"seq": first, "packets": []}), first
    for batch in batches:
        written += JSON_FORM.carry(number, batch, follows=True) + frame(PING, b"?")
        number += len(batch)
    written += JSON_FORM.confirmation(7) + JSON_FORM.beat + frame(CLOSE, close_payload(4014, "kicked"))
    reader = SocketReader()
    hello, *bodies, confirmed, beat = [
        body for place in range(0, len(written), step) for body in reader.feed(written[place : place + step])
    ]
    assert (hello.seq, hello.packets) == (first, [])
    assert (confirmed.rid, confirmed.is_beat) == (7, False)
    assert beat.is_beat
    received = [(seq, one) for body in bodies for seq, one in enumerate(body.packets or (), body.seq or 0)]
    sent = [packet for batch in batches for packet in batch]
    assert received == [(seq, Received(one.path, one.message)) for seq, one in enumerate(sent, first)]
    assert reader.closed == 4014
    assert reader.asked == [b"?"] * len(batches)
