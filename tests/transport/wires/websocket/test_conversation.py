"""The comet protocol on a WebSocket without a server: whom the gate is asked for, and what the client is told when."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing

from cometary.errors import ElsewhereError, ProtocolError
from cometary.gate.opening import NO_TOKEN, Welcome
from cometary.packets.packet import Packet
from cometary.transport.http.body_queue import BodyQueue
from cometary.transport.http.limits import Limits
from cometary.transport.net.channel import Channel, Floor
from cometary.transport.net.departing import Departing
from cometary.transport.net.switchboard import Switchboard
from cometary.transport.wires.comet.senders import LONGEST_OPENING
from cometary.transport.wires.websocket.bodies import CBOR_FORM, JSON_FORM, Form
from cometary.transport.wires.websocket.client_frames import NO_MASK, ServersFrames, masked
from cometary.transport.wires.websocket.common import Common
from cometary.transport.wires.websocket.conversation import CONFIRM, Conversation
from cometary.transport.wires.websocket.counterparts import (
    FrameCredentials,
    FrameOpening,
    FrameRequest,
    FrameStream,
)
from cometary.transport.wires.websocket.frames import BINARY, CLOSE, PING, TEXT

LIMITS = Limits(body_bytes=100_000, head_seconds=5)
SETTLED = 0.01
MASK = b"abcd"
GREETING = b"welcome"
HEADERS = {b"origin": b"https://here.test", b"cookie": b"a=b"}
PATIENCE = 30.0


class Letting:
    """A gate that notes what it is asked."""

    def __init__(self) -> None:
        self.guards = True
        self.openings: list[FrameOpening] = []
        self.attached: list[tuple[str, FrameStream, int, Any]] = []
        self.requests: list[FrameRequest] = []
        self.tokens: list[Any] = []
        self.notes: list[object] = []

    def open(self, opening: FrameOpening) -> None:
        credentials: Any = opening.credentials
        self.tokens.append((credentials.token, credentials.header(b"cookie")))
        self.openings.append(opening)

    def attach(self, sid: str, stream: FrameStream, ack: int, credentials: Any) -> None:
        self.tokens.append(None if credentials is None else credentials.token)
        self.attached.append((sid, stream, ack, credentials))

    def submit_further(self, sid: str, request: FrameRequest, credentials: Any = None) -> None:
        assert sid == "sid"
        self.tokens.append(None if credentials is None else credentials.token)
        self.requests.append(request)

    def hear(self, stream: FrameStream, ack: int) -> None:
        self.notes.append(("heard", ack))

    def writable(self, stream: FrameStream) -> None:
        self.notes.append("writable")

    def withdraw(self, opening: FrameOpening) -> None:
        self.notes.append("withdrawn")

    def leave(self, stream: FrameStream) -> None:
        self.notes.append("left")


class Peer:
    """A client, and what is at the other end."""

    def __init__(
        self, channel: Conversation, gate: Letting, board: Switchboard, stream: trio.SocketStream
    ) -> None:
        self.channel, self.gate, self.board, self.stream = channel, gate, board, stream
        self._frames = ServersFrames()
        self._heard: list[tuple[int, bytes]] = []

    async def say(self, body: object) -> None:
        await self.send(masked(TEXT, json.dumps(body, separators=(",", ":")).encode(), MASK))

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)
        await trio.testing.wait_all_tasks_blocked(0.005)

    async def heard(self) -> list[Any]:
        """Return what has come by now: what a close says as its code and its reason."""
        with trio.move_on_after(0.005):
            while data := bytes(await self.stream.receive_some(65_536)):
                self._take(data)
        heard, self._heard = self._heard, []
        return [said(*each) for each in heard]

    async def hear(self) -> Any:
        """Return what comes next."""
        with trio.fail_after(PATIENCE):
            while not self._heard:
                data = bytes(await self.stream.receive_some(65_536))
                assert data, "closed"
                self._take(data)
        return said(*self._heard.pop(0))

    def _take(self, data: bytes) -> None:
        found = self._frames.feed(data.removeprefix(GREETING))
        self._heard += [(each.opcode, each.payload) for each in found]

    async def open(self) -> FrameStream:
        """Have a session."""
        await self.say({"rid": 1})
        opening = self.gate.openings[-1]
        opening.opened(Welcome("sid", 60.0, 60.0, 2, 100))
        stream = opening.stream
        assert isinstance(stream, FrameStream)
        stream.sid = "sid"
        stream.admitted()
        stream.taken()
        assert (await self.hear())["sid"] == "sid"
        assert await self.hear() == {"seq": 1, "packets": []}
        return stream


def said(opcode: int, payload: bytes) -> Any:
    if opcode == CLOSE:
        return int.from_bytes(payload[:2], "big"), payload[2:].decode()
    return payload if opcode != TEXT else json.loads(payload)


@asynccontextmanager
async def talking(form: Form = JSON_FORM, handshake: bytes = b"") -> AsyncGenerator[Peer]:
    async with trio.open_nursery() as nursery:
        board = Switchboard([])
        nursery.start_soon(board.serve)
        await trio.testing.wait_all_tasks_blocked()
        ours, theirs = socket.socketpair()
        ours.settimeout(0)
        gate: Any = Letting()
        channel = Conversation(
            ours,
            board,
            Common(BodyQueue(nursery.start_soon), LIMITS),
            GREETING,
            b"",
            gate=gate,
            form=form,
            credentials=FrameCredentials("192.0.2.1", HEADERS),
            handshake=handshake,
        )
        board.add(channel)
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))
        async with stream:
            yield Peer(channel, gate, board, stream)
        nursery.cancel_scope.cancel()


# -- the first frame ------------------------------------------------------------------------------


async def test_an_opening_shows_the_handshake_and_the_token_and_keeps_neither() -> None:
    async with talking() as peer:
        await peer.say({"rid": 3, "token": "secret", "wait": 20})
        (opening,) = peer.gate.openings
        assert peer.gate.tokens == [("secret", b"a=b")]
        assert (opening.rid, opening.wire, opening.wait) == (3, "websocket json", 20)
        credentials = peer.channel.credentials
        assert (credentials.token, credentials.header(b"cookie")) == (NO_TOKEN, None)
        assert (credentials.peer, credentials.origin) == ("192.0.2.1", "https://here.test")


async def test_a_session_that_is_there_is_told_and_from_which_number_it_goes_on() -> None:
    async with talking() as peer:
        await peer.say({"rid": 1})
        (opening,) = peer.gate.openings
        opening.opened(Welcome("sid", 60.0, 30.0, 2, 100))
        assert await peer.heard() == [
            {"version": 1, "sid": "sid", "wait": 60.0, "die": 30.0, "requests": 2, "packets": 100}
        ]
        assert opening.stream is not None
        opening.stream.carried = 4
        for _ in range(2):
            opening.stream.taken()
        assert await peer.heard() == [{"seq": 5, "packets": []}]


async def test_what_was_written_before_has_said_from_which_number_already() -> None:
    async with talking() as peer:
        await peer.say({"sid": "sid", "ack": 6})
        ((sid, stream, ack, _),) = peer.gate.attached
        assert (sid, ack) == ("sid", 6)
        assert stream.write(7, [Packet("a", 1)])
        stream.taken()
        stream.write(8, [Packet("a", 2), Packet("a", 3)])
        stream.write(20, [Packet("a", 4)])
        assert await peer.heard() == [
            {"seq": 7, "packets": []},
            {"packets": [{"path": "a", "message": 1}]},
            {"packets": [{"path": "a", "message": 2}, {"path": "a", "message": 3}]},
            {"seq": 20, "packets": [{"path": "a", "message": 4}]},
        ]


@pytest.mark.parametrize("guards", [True, False])
async def test_credentials_are_shown_where_they_make_a_difference(guards: bool) -> None:
    async with talking() as peer:
        peer.gate.guards = guards
        await peer.say({"sid": "sid", "token": "secret"})
        assert peer.gate.tokens == (["secret"] if guards else [None])


async def test_a_client_that_is_not_let_in_is_told_and_has_no_session() -> None:
    async with talking() as peer:
        await peer.say({"rid": 1})
        peer.gate.openings[0].refuse(ProtocolError("unauthorized", "No."))
        assert await peer.heard() == [{"error": "unauthorized", "detail": "No."}, (4401, "unauthorized")]
        await peer.stream.aclose()
        await trio.testing.wait_all_tasks_blocked(0.005)
        assert peer.gate.notes == []
        assert peer.board.traffic.refused == {"unauthorized": 1}


async def test_who_goes_while_its_opening_is_judged_withdraws_it() -> None:
    async with talking() as peer:
        await peer.say({"rid": 1})
        await peer.stream.aclose()
        await trio.testing.wait_all_tasks_blocked(0.005)
        assert peer.gate.notes == ["withdrawn"]


async def test_who_goes_later_leaves_its_session() -> None:
    async with talking() as peer:
        await peer.open()
        await peer.stream.aclose()
        await trio.testing.wait_all_tasks_blocked(0.005)
        assert peer.gate.notes == ["left"]


async def test_further_frames_wait_until_it_is_known_whose_they_are() -> None:
    async with talking() as peer:
        await peer.say({"rid": 1})
        for rid in (2, 3):
            await peer.say({"rid": rid})
        assert peer.gate.requests == []
        stream = peer.gate.openings[0].stream
        assert stream is not None
        stream.sid = "sid"
        stream.admitted()
        await trio.testing.wait_all_tasks_blocked(0.005)
        assert [request.rid for request in peer.gate.requests] == [2, 3]


async def test_until_there_is_a_session_little_may_be_said_in_one_frame() -> None:
    async with talking() as peer:
        assert peer.channel.longest == LONGEST_OPENING
        assert peer.channel.ready
        assert peer.channel.idle
        await peer.say({"rid": 1})
        assert peer.channel.longest == LONGEST_OPENING
        assert not peer.channel.ready
        assert not peer.channel.idle
        peer.gate.openings[0].refuse(ProtocolError("unauthorized", "No."))
    async with talking() as peer:
        await peer.open()
        assert peer.channel.longest == LIMITS.body_bytes
        assert peer.channel.ready
        assert not peer.channel.idle


@pytest.mark.parametrize("probes", [0, 2])
async def test_the_first_frame_has_its_time_and_so_has_each_behind_a_probe(
    probes: int, autojump_clock: trio.testing.MockClock
) -> None:
    autojump_clock.autojump_threshold = SETTLED
    async with talking() as peer:
        for _ in range(probes):
            await trio.sleep(LIMITS.head_seconds - 1)
            await peer.say({"probe": 1})
            assert await peer.hear() == {"probe": 1}
        began = trio.current_time()
        with trio.fail_after(PATIENCE):
            while data := await peer.stream.receive_some():
                assert bytes(data) == GREETING
        assert LIMITS.head_seconds - 1 <= trio.current_time() - began <= LIMITS.head_seconds + 2


async def test_a_session_may_be_silent_for_as_long_as_it_likes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = SETTLED
    async with talking() as peer:
        await peer.open()
        assert not peer.board.deadlines
        await trio.sleep(100)
        assert peer.gate.notes == []


async def test_an_opening_may_be_judged_for_as_long_as_that_takes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = SETTLED
    async with talking() as peer:
        await peer.say({"rid": 1})
        await trio.sleep(4 * LIMITS.head_seconds)
        assert peer.gate.notes == []
        assert peer.board.open_connections == 1


async def test_a_probe_in_cbor_comes_back_as_it_was_and_a_frame_of_the_other_kind_is_refused() -> None:
    probe = CBOR_FORM.codec.encode({"probe": 1})
    async with talking(CBOR_FORM) as peer:
        await peer.send(masked(BINARY, probe, MASK))
        assert await peer.heard() == [probe]
        await peer.say({"rid": 1})
        assert await peer.heard() == [(1003, "frames hold cbor here")]
        assert peer.gate.openings == []


# -- requests -------------------------------------------------------------------------------------


async def test_a_request_brings_packets_and_is_known_by_where_it_came_from() -> None:
    async with talking() as peer:
        await peer.open()
        await peer.say({"rid": 2, "ack": 3, "packets": [{"path": "a", "message": 1}]})
        await peer.say({"rid": 3, "close": True})
        first, second = peer.gate.requests
        assert (first.rid, first.ack, first.close, first.address) == (2, 3, False, "192.0.2.1")
        assert [(packet.path, packet.message) for packet in first.packets] == [("a", 1)]
        assert first.size == len('{"rid":2,"ack":3,"packets":[{"path":"a","message":1}]}')
        assert (second.ack, second.close) == (0, True)
        assert not first.holds


async def test_a_token_is_shown_with_the_request_that_brings_it_and_with_no_other() -> None:
    async with talking() as peer:
        await peer.open()
        await peer.say({"rid": 2, "token": "new"})
        await peer.say({"rid": 3})
        assert peer.gate.tokens[1:] == ["new", None]
        assert peer.channel.credentials.token is NO_TOKEN


async def test_what_was_processed_is_confirmed_with_the_next_frame_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = SETTLED
    async with talking() as peer:
        stream = await peer.open()
        for rid in (2, 3, 4):
            await peer.say({"rid": rid})
        for place in (0, 2, 1):
            peer.gate.requests[place].answer(0, ())
        stream.write(1, [Packet("a", 1)])
        stream.beat()
        heard = [await peer.hear() for _ in range(3)]
        assert heard == [{"rid": 4}, {"packets": [{"path": "a", "message": 1}]}, {}]
        await peer.say({"rid": 5})
        peer.gate.requests[3].answer(0, ())
        began = trio.current_time()
        assert await peer.hear() == {"rid": 5}
        assert CONFIRM <= trio.current_time() - began <= CONFIRM + 1.5
        await peer.say({"rid": 6})
        peer.gate.requests[4].answer(0, ())
        assert await peer.hear() == {"rid": 6}
        await trio.sleep(20)
        assert await peer.heard() == []
        assert peer.gate.notes == []


async def test_packets_that_come_with_the_end_follow_their_confirmation() -> None:
    async with talking() as peer:
        await peer.open()
        await peer.say({"rid": 2, "close": True})
        peer.gate.requests[0].answer(7, [Packet("a", 1)])
        assert await peer.heard() == [{"rid": 2}, {"seq": 7, "packets": [{"path": "a", "message": 1}]}]


async def test_what_is_wrong_with_a_request_is_told_with_its_number_and_the_connection_goes_on() -> None:
    async with talking() as peer:
        await peer.open()
        await peer.say({"rid": 2})
        peer.gate.requests[0].refuse(ProtocolError("too-many-requests", "Slow down.", retry_after=3))
        told = await peer.hear()
        assert (told["rid"], told["error"]) == (2, "too-many-requests")
        await peer.say({"rid": 3, "packets": [{"path": "::gap"}]})
        assert (await peer.hear())["rid"] == 3
        await peer.say({"rid": 4, "packets": 1})
        assert (await peer.hear())["rid"] == 4
        await peer.say({"rid": 5})
        assert [request.rid for request in peer.gate.requests] == [2, 5]
        assert peer.board.traffic.refused == {
            "too-many-requests": 1,
            "forbidden-path": 1,
            "bad-request": 1,
        }


@pytest.mark.parametrize("body", [{"packets": [{"path": "a"}]}, {"close": True}, {"token": 1}, 7])
async def test_what_is_wrong_with_no_request_closes_the_connection(body: object) -> None:
    async with talking() as peer:
        await peer.open()
        await peer.say(body)
        error, close = await peer.heard()
        assert (error["error"], close) == ("bad-request", (4400, "bad-request"))
        assert "rid" not in error
        assert peer.gate.notes == ["left"]


async def test_a_sign_of_life_says_how_far_all_has_come() -> None:
    async with talking() as peer:
        await peer.open()
        await peer.say({"ack": 3})
        await peer.say({})
        assert peer.gate.notes == [("heard", 3), ("heard", 0)]
        assert await peer.heard() == []


# -- the end --------------------------------------------------------------------------------------


async def test_a_stream_that_is_released_says_so_and_nothing_is_left() -> None:
    async with talking() as peer:
        stream = await peer.open()
        stream.release()
        assert await peer.heard() == [(4001, "released")]
        assert peer.gate.notes == []


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (ProtocolError("session-ended", "Over.", reason="kicked"), 4014, "session-ended: kicked"),
        (ProtocolError("unknown-session", "No."), 4404, "unknown-session"),
    ],
)
async def test_an_end_is_told_with_its_reason(error: ProtocolError, code: int, reason: str) -> None:
    async with talking() as peer:
        stream = await peer.open()
        stream.refuse(error)
        told, close = await peer.heard()
        assert (told["error"], close) == (error.condition, (code, reason))
        assert peer.gate.notes == []


async def test_who_reads_again_is_written_to_again() -> None:
    async with talking() as peer:
        stream = await peer.open()
        assert not stream.write(1, [Packet("a", "x" * 500_000)])
        assert peer.gate.notes == []
        await peer.hear()
        await trio.testing.wait_all_tasks_blocked(0.005)
        assert peer.gate.notes == ["writable"]


# -- another process ------------------------------------------------------------------------------


class Elsewhere:
    """Another process, which is given connections."""

    def __init__(self) -> None:
        self.given: list[tuple[bytes, int, str, bytes]] = []

    def pass_on(self, handshake: bytes, said: int) -> Any:
        def succeed(sock: socket.socket, peer: str, floor: Floor, read: bytes) -> Channel:
            self.given.append((handshake, said, peer, read))
            return Departing(sock, floor, read, lambda _, fd: socket.close(fd))

        return succeed


async def test_a_connection_whose_session_another_process_has_goes_there_with_all_that_was_said() -> None:
    there, first = Elsewhere(), b'{"sid":"sid","ack":1}'
    async with talking(handshake=b"GET") as peer:
        peer.gate.attach = lambda _, stream, *__: stream.refuse(  # type: ignore[method-assign]
            ElsewhereError(there.pass_on)
        )
        half = masked(TEXT, b"half", MASK)[:-1]
        await peer.send(masked(TEXT, first, MASK) + half)
        ((handshake, said_already, address, read),) = there.given
        assert (handshake, said_already, address) == (b"GET", len(GREETING), "192.0.2.1")
        assert read == masked(TEXT, first, NO_MASK) + half
        assert peer.board.open_connections == 0
        assert peer.gate.notes == []
        assert not peer.board.deadlines
        assert peer.board.traffic.refused == {}


@pytest.mark.parametrize("handshake", [b"", b"GET"])
async def test_where_it_cannot_go_there_there_is_no_such_session(handshake: bytes) -> None:
    async with talking(handshake=handshake) as peer:
        there = Elsewhere()
        pass_on = there.pass_on if not handshake else None
        peer.gate.attach = lambda _, stream, *__: stream.refuse(  # type: ignore[method-assign]
            ElsewhereError(pass_on)
        )
        await peer.say({"sid": "sid"})
        told, close = await peer.heard()
        assert (told["error"], close) == ("unknown-session", (4404, "unknown-session"))
        assert there.given == []


async def test_a_ping_is_answered_while_there_is_no_session() -> None:
    async with talking() as peer:
        await peer.send(masked(PING, b"?", MASK))
        assert await peer.heard() == [b"?"]


async def test_a_connection_that_had_its_session_does_not_go_elsewhere_any_more() -> None:
    there = Elsewhere()
    async with talking(handshake=b"GET") as peer:
        await peer.say({"sid": "sid"})
        ((_, stream, _, _),) = peer.gate.attached
        stream.refuse(ElsewhereError(there.pass_on))
        assert (await peer.heard())[-1] == (4404, "unknown-session")
        assert there.given == []


async def test_a_frame_of_the_wrong_kind_asks_for_nothing_whatever_is_in_it() -> None:
    async with talking() as peer:
        await peer.send(masked(BINARY, b'{"rid":1}', MASK))
        assert await peer.heard() == [(1003, "frames hold json here")]
        assert peer.gate.openings == []
        assert peer.board.traffic.refused == {}


async def test_nobody_waits_for_one_that_has_gone_elsewhere_with_its_first_frame_alone() -> None:
    there = Elsewhere()
    async with talking(handshake=b"GET") as peer:
        peer.gate.attach = lambda _, stream, *__: stream.refuse(  # type: ignore[method-assign]
            ElsewhereError(there.pass_on)
        )
        await peer.say({"sid": "sid"})
        assert len(there.given) == 1
        assert not peer.board.deadlines


async def test_who_is_let_in_at_once_is_not_waited_for_any_longer() -> None:
    async with talking() as peer:

        def let_in(opening: FrameOpening) -> None:
            opening.opened(Welcome("sid", 60.0, 60.0, 2, 100))
            assert opening.stream is not None
            opening.stream.sid = "sid"
            opening.stream.admitted()

        peer.gate.open = let_in  # type: ignore[method-assign]
        assert peer.board.deadlines
        await peer.say({"rid": 1})
        assert not peer.board.deadlines
