"""One WebSocket, whatever is said on it: in turns, with bounds, and with a proper end."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
import trio
import trio.testing

from cometary.transport.http.body_queue import AT_ONCE, BodyQueue
from cometary.transport.http.limits import Limits
from cometary.transport.net.buffered import MOST_UNSENT
from cometary.transport.net.channel import Channel, Floor
from cometary.transport.net.deadlines import DeadlineQueue
from cometary.transport.net.switchboard import Switchboard
from cometary.transport.wires.websocket.channel import (
    LEAST,
    LINGER,
    MOST_BEHIND,
    SILENT_MS,
    WebSocketChannel,
)
from cometary.transport.wires.websocket.client_frames import NO_MASK, ServersFrames, masked
from cometary.transport.wires.websocket.codes import GOING_AWAY, NO_CODE, NORMAL, close_payload
from cometary.transport.wires.websocket.common import Common
from cometary.transport.wires.websocket.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    LAST,
    PING,
    PONG,
    TEXT,
    Frame,
    frame,
)

LIMITS = Limits(body_bytes=100_000, body_seconds=4, bytes_per_second=500, longest_seconds=30)
SETTLED = 0.01
MASK = b"abcd"
GREETING = b"welcome"
PATIENCE = 30.0
"""Seconds after which what is waited for does not come."""
PERIOD = 7.0
"""Seconds that what a subclass waits for may take."""


class Talker(WebSocketChannel):
    """Notes what is said, and says it again if it was told to."""

    def __init__(self, sock: socket.socket, floor: Floor, common: Common, beyond: bytes = b"") -> None:
        super().__init__(sock, floor, common, GREETING, beyond)
        self.messages: list[tuple[int, bytes]] = []
        self.notes: list[str] = []
        self.room = 1_000_000
        self.most = LIMITS.body_bytes
        self.echoes = False
        self.waits = False

    @property
    def longest(self) -> int:
        return min(self.most, super().longest)

    @property
    def ready(self) -> bool:
        return self.room > 0

    @property
    def awaited(self) -> DeadlineQueue[Channel] | None:
        return self._floor.deadline("what is awaited", PERIOD) if self.waits else None

    def received(self, opcode: int, payload: bytes) -> None:
        if payload == b"fail":
            raise ZeroDivisionError
        self.room -= 1
        self.messages.append((opcode, payload))
        if self.echoes:
            self.send_frame(frame(opcode, payload))

    def drained(self) -> None:
        self.notes.append("drained")

    def left(self) -> None:
        self.notes.append("left")


class Turns(BodyQueue):
    """Gives turns when the test says, if it does.

    Attributes:
        held: those that were asked for, each with what it costs; None while they are given as ever.
    """

    held: list[tuple[int, Callable[[], None]]] | None = None

    def wait(self, size: int, connection: object, work: Callable[[], None]) -> None:
        if self.held is None:
            super().wait(size, connection, work)
        else:
            self.held.append((size, work))

    def hold(self) -> list[tuple[int, Callable[[], None]]]:
        """Give none from now on."""
        self.credit = 0
        self.held = []
        return self.held


class Peer:
    """The other end.

    Attributes:
        channel: the one that is tested.
        bodies: has messages handled in their turn.
        board: what serves it.
    """

    def __init__(self, channel: Talker, bodies: Turns, board: Switchboard, stream: trio.SocketStream) -> None:
        self.channel = channel
        self.bodies = bodies
        self.board = board
        self.stream = stream
        self._frames = ServersFrames()
        self._heard: list[Frame] = []

    async def say(self, opcode: int, payload: bytes = b"") -> None:
        """Send a frame, and let it be dealt with."""
        await self.send(masked(opcode, payload, MASK))

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)
        await trio.testing.wait_all_tasks_blocked(0.005)

    async def hear(self, count: int = 1) -> list[tuple[int, bytes]]:
        """Return the next frames."""
        with trio.fail_after(PATIENCE):
            while len(self._heard) < count:
                data = bytes(await self.stream.receive_some(65_536))
                assert data, f"closed behind {self._heard}"
                self._heard += self._frames.feed(data.removeprefix(GREETING))
        heard, self._heard = self._heard[:count], self._heard[count:]
        return [(each.opcode, each.payload) for each in heard]

    async def closed(self) -> bool:
        """Whether nothing more is said, up to the end."""
        with trio.fail_after(PATIENCE):
            return not self._heard and not await self.stream.receive_some()

    @property
    def open(self) -> bool:
        return self.board.open_connections == 1

    @property
    def said(self) -> list[bytes]:
        return [payload for _, payload in self.channel.messages]


@asynccontextmanager
async def talking(beyond: bytes = b"", *, gone: bool = False) -> AsyncGenerator[Peer]:
    async with trio.open_nursery() as nursery:
        board = Switchboard([])
        nursery.start_soon(board.serve)
        await trio.testing.wait_all_tasks_blocked()
        ours, theirs = socket.socketpair()
        ours.settimeout(0)
        bodies = Turns(nursery.start_soon)
        channel = Talker(ours, board, Common(bodies, LIMITS), beyond)
        if gone:
            theirs.shutdown(socket.SHUT_RDWR)
        board.add(channel)
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))
        async with stream:
            yield Peer(channel, bodies, board, stream)
        nursery.cancel_scope.cancel()


async def test_the_greeting_is_said_first_and_what_came_behind_the_handshake_is_taken() -> None:
    beyond = (
        masked(TEXT, b"first", MASK) + masked(BINARY, b"x" * 200, MASK) + masked(TEXT, b"half", MASK)[:-2]
    )
    async with talking(beyond) as peer:
        assert peer.channel.messages == [(TEXT, b"first"), (BINARY, b"x" * 200)]
        await peer.send(masked(TEXT, b"half", MASK)[-2:])
        assert peer.said[2:] == [b"half"]
        assert bytes(await peer.stream.receive_some()) == GREETING


@pytest.mark.parametrize("size", [1, 2, 7, 1_000])
async def test_messages_are_the_same_in_whatever_pieces_they_come(size: int) -> None:
    first = masked(TEXT, b"frag", MASK)
    fragment = bytes([first[0] & ~LAST]) + first[1:]
    last = masked(CONTINUATION, b"ment", MASK)
    all_of_it = (
        masked(TEXT, "a\u00e4".encode(), MASK)
        + fragment
        + masked(PING, b"?", MASK)
        + last
        + masked(BINARY, b"", MASK)
    )
    async with talking() as peer:
        for start in range(0, len(all_of_it), size):
            await peer.stream.send_all(all_of_it[start : start + size])
            await trio.testing.wait_all_tasks_blocked(0.0005)
        assert await peer.hear() == [(PONG, b"?")]
        assert peer.channel.messages == [(TEXT, "a\u00e4".encode()), (TEXT, b"fragment"), (BINARY, b"")]


async def test_a_ping_is_answered_with_its_like_and_a_pong_with_nothing() -> None:
    async with talking() as peer:
        await peer.say(PONG, b"unasked")
        await peer.say(PING, b"are you there")
        assert await peer.hear() == [(PONG, b"are you there")]
        assert peer.said == []


@pytest.mark.parametrize("payload", [b"", close_payload(GOING_AWAY, "")])
async def test_a_close_is_answered_with_its_like_and_is_the_end(payload: bytes) -> None:
    async with talking() as peer:
        await peer.say(CLOSE, payload)
        assert await peer.hear() == [(CLOSE, payload)]
        assert await peer.closed()
        assert not peer.open
        assert peer.channel.notes == ["left"]


async def test_who_closes_waits_for_the_answer_and_takes_nothing_else() -> None:
    async with talking() as peer:
        peer.channel.say_close(NORMAL, "enough")
        peer.channel.say_close(GOING_AWAY)
        assert not peer.channel.send_frame(frame(TEXT, b"too late"))
        await peer.send(masked(TEXT, b"too late", MASK) + masked(PING, b"too late", MASK))
        assert peer.open
        assert await peer.hear() == [(CLOSE, close_payload(NORMAL, "enough"))]
        await peer.say(CLOSE, close_payload(NORMAL, ""))
        assert await peer.closed()
        assert not peer.open
        assert (peer.channel.notes, peer.said) == (["left"], [])


async def test_a_close_without_a_code_says_nothing_more() -> None:
    async with talking() as peer:
        peer.channel.say_close(NO_CODE, "of which nothing is said")
        assert await peer.hear() == [(CLOSE, b"")]


async def test_who_never_answers_a_close_is_closed_on(autojump_clock: trio.testing.MockClock) -> None:
    autojump_clock.autojump_threshold = SETTLED
    async with talking() as peer:
        peer.channel.say_close(NORMAL)
        began = trio.current_time()
        assert await peer.hear() == [(CLOSE, close_payload(NORMAL, ""))]
        assert await peer.closed()
        assert LINGER <= trio.current_time() - began <= LINGER + 2


WRONG = [
    (frame(TEXT, b"not masked"), 1002),
    (masked(TEXT, b"\xff", MASK), 1007),
    (masked(BINARY, b"x" * 200, MASK) + masked(0x3, b"", MASK), 1002),
    (masked(CLOSE, b"\0", MASK), 1002),
    (masked(BINARY, bytes(LIMITS.body_bytes + 1), MASK)[:20], 1009),
]


@pytest.mark.parametrize(("data", "code"), WRONG)
async def test_what_is_wrong_is_said_and_all_that_follows_is_thrown_away(
    data: bytes, code: int, autojump_clock: trio.testing.MockClock
) -> None:
    autojump_clock.autojump_threshold = SETTLED
    async with talking() as peer:
        await peer.send(data)
        ((opcode, payload),) = await peer.hear()
        assert (opcode, int.from_bytes(payload[:2], "big")) == (CLOSE, code)
        assert await peer.closed(), "it has said its last word"
        assert peer.open, "and still reads, so that this arrives"
        before = len(peer.said)
        await peer.send(masked(TEXT, b"deaf", MASK) + frame(TEXT, b"not masked either"))
        assert len(peer.said) == before
        assert peer.channel.notes == ["left"]
        await trio.sleep(LINGER + 2)
        assert not peer.open


async def test_a_peer_that_goes_once_it_was_told_what_is_wrong_is_not_waited_for() -> None:
    async with talking() as peer:
        await peer.send(frame(TEXT, b"not masked"))
        await peer.hear()
        await peer.stream.send_eof()
        await trio.testing.wait_all_tasks_blocked(0.005)
        assert not peer.open


async def test_a_message_that_is_too_long_is_logged_with_its_option(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "cometary.transport")
    async with talking() as peer:
        await peer.send(masked(BINARY, bytes(LIMITS.body_bytes + 1), MASK)[:20])
    assert [vars(record)["structured"]["size"] for record in caplog.records] == [LIMITS.body_bytes + 1]


async def test_who_is_not_ready_is_told_of_the_next_message_when_it_goes_on() -> None:
    async with talking() as peer:
        peer.channel.room = 2
        for number in range(4):
            await peer.say(TEXT, b"%d" % number)
        assert peer.said == [b"0", b"1"]
        peer.channel.room = 1
        peer.channel.go_on()
        await trio.testing.wait_all_tasks_blocked(0.005)
        assert peer.said == [b"0", b"1", b"2"]
        peer.channel.room = 10
        peer.channel.go_on()
        await peer.say(TEXT, b"4")
        assert peer.said == [b"0", b"1", b"2", b"3", b"4"]


async def test_of_messages_that_came_together_too_no_more_are_handled_than_there_is_room_for() -> None:
    async with talking() as peer:
        peer.channel.room = 2
        await peer.send(b"".join(masked(TEXT, b"%d" % number, MASK) for number in range(4)))
        assert peer.said == [b"0", b"1"]
        peer.channel.room = 10
        peer.channel.go_on()
        assert peer.said == [b"0", b"1", b"2", b"3"]


@pytest.mark.parametrize("together", [True, False])
async def test_what_costs_too_much_now_is_handled_in_its_turn_and_nothing_is_read_meanwhile(
    together: bool,
) -> None:
    async with talking() as peer:
        turns = peer.bodies.hold()
        peer.bodies.credit = LEAST - 1
        frames = [masked(TEXT, b"%d" % number, MASK) for number in range(3)]
        for data in [b"".join(frames)] if together else frames:
            await peer.send(data)
        for number in range(3):
            assert peer.said == [b"%d" % each for each in range(number)]
            ((size, work),) = turns
            turns.clear()
            assert size == LEAST
            work()
            await trio.testing.wait_all_tasks_blocked(0.005)
        assert peer.said == [b"0", b"1", b"2"]
        assert turns == []


async def test_what_is_handled_at_once_counts_with_its_bytes_and_least_of_all_with_a_few() -> None:
    async with talking() as peer:
        assert peer.bodies.credit == AT_ONCE
        await peer.say(TEXT, b"x")
        await peer.say(TEXT, b"x" * 1_000)
        assert peer.bodies.credit == AT_ONCE - LEAST - 1_000
        peer.bodies.credit = LEAST
        await peer.say(TEXT, b"y")
        assert (peer.said[-1], peer.bodies.credit) == (b"y", 0)


async def test_a_frame_whose_turn_comes_too_late_is_nobodys() -> None:
    async with talking() as peer:
        turns = peer.bodies.hold()
        await peer.say(TEXT, b"late")
        peer.channel.close()
        ((_, work),) = turns
        work()
        assert (peer.said, peer.channel.notes) == ([], ["left"])


async def test_what_a_message_leads_to_closes_its_connection_if_it_fails_in_its_turn(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with talking() as peer:
        peer.bodies.credit = 0
        await peer.say(TEXT, b"fail")
        assert await peer_end(peer)
        assert not peer.open
        assert "ZeroDivisionError" in caplog.text


async def peer_end(peer: Peer, *said: tuple[int, bytes]) -> bool:
    """Whether there is nothing but the greeting and these frames up to the end."""
    data = b""
    with trio.fail_after(PATIENCE):
        while piece := bytes(await peer.stream.receive_some()):
            data += piece
    return data == GREETING + b"".join(frame(opcode, payload) for opcode, payload in said)


async def test_what_is_put_off_is_done_in_its_turn_unless_it_has_closed() -> None:
    async with talking() as peer:
        done: list[str] = []
        peer.channel.later(100, lambda: done.append("first"))
        assert done == []
        await trio.testing.wait_all_tasks_blocked()
        assert done == ["first"]
        peer.channel.later(100, lambda: done.append("second"))
        peer.channel.close()
        await trio.testing.wait_all_tasks_blocked()
        assert done == ["first"]


LARGE = bytes(400_000)
"""More than the kernel takes at once."""


async def test_what_the_kernel_does_not_take_is_sent_later_in_order_and_then_there_is_room_again() -> None:
    async with talking() as peer:
        assert peer.channel.send_frame(frame(BINARY, b"small"))
        assert not peer.channel.send_frame(frame(BINARY, LARGE))
        assert not peer.channel.send_frame(frame(BINARY, b"behind it"))
        assert peer.channel.notes == []
        assert not peer.channel.idle
        assert await peer.hear(3) == [(BINARY, b"small"), (BINARY, LARGE), (BINARY, b"behind it")]
        await trio.testing.wait_all_tasks_blocked(0.005)
        assert peer.channel.notes == ["drained"]
        assert peer.channel.idle
        assert peer.channel.send_frame(frame(BINARY, b"again"))
        assert await peer.hear() == [(BINARY, b"again")]


async def test_who_asks_and_does_not_read_is_not_read_either_until_it_does() -> None:
    async with talking() as peer:
        peer.channel.echoes = True
        peer.channel.send_frame(frame(BINARY, LARGE))
        message = b"x" * 4_000
        for _ in range(10):
            await peer.say(TEXT, message)
        taken = len(peer.said)
        assert MOST_BEHIND // len(message) < taken <= MOST_BEHIND // len(message) + 1
        assert await peer.hear(11) == [(BINARY, LARGE), *[(TEXT, message)] * 10]
        assert len(peer.said) == 10


async def test_a_close_comes_behind_what_is_unsent() -> None:
    async with talking() as peer:
        peer.channel.send_frame(frame(BINARY, LARGE))
        peer.channel.say_close(NORMAL)
        assert await peer.hear(2) == [(BINARY, LARGE), (CLOSE, close_payload(NORMAL, ""))]
        assert peer.open
        await peer.say(CLOSE, b"")
        assert not peer.open
        assert peer.channel.notes.count("left") == 1


async def test_a_message_that_comes_no_further_is_not_waited_for(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = SETTLED
    async with talking() as peer:
        await peer.send(masked(BINARY, b"x" * 1_000, MASK)[:500])
        began = trio.current_time()
        assert await peer_end(peer)
        assert LIMITS.body_seconds <= trio.current_time() - began <= LIMITS.body_seconds + 2
        assert peer.channel.notes == ["left"]


async def test_one_that_comes_at_a_fair_pace_is_waited_for_and_each_has_a_time_of_its_own(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = SETTLED
    async with talking() as peer:
        for _ in range(2):
            data = masked(BINARY, b"x" * 24_000, MASK)
            for start in range(0, len(data), 3_000):
                await peer.send(data[start : start + 3_000])
                await trio.sleep(LIMITS.body_seconds - 1)
        assert peer.said == [b"x" * 24_000] * 2
        assert trio.current_time() > LIMITS.longest_seconds
        await trio.sleep(100)
        assert peer.open, "between messages nothing is waited for"


async def test_a_message_for_which_there_is_no_room_may_take_as_long_as_it_likes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = SETTLED
    async with talking() as peer:
        peer.channel.room = 1
        await peer.send(masked(TEXT, b"one", MASK) + masked(TEXT, b"two", MASK)[:-1])
        await trio.sleep(5 * LIMITS.body_seconds)
        assert peer.open
        peer.channel.room = 1
        peer.channel.go_on()
        await peer.send(masked(TEXT, b"two", MASK)[-1:])
        assert peer.said == [b"one", b"two"]


async def test_what_is_awaited_has_its_time_when_nothing_of_frames_is_waited_for(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = SETTLED
    async with talking() as peer:
        peer.channel.waits = True
        await peer.say(PING, b"")
        await trio.sleep(5)
        await peer.send(masked(TEXT, b"split", MASK)[:3])
        await trio.sleep(3)
        await peer.send(masked(TEXT, b"split", MASK)[3:])
        began = trio.current_time()
        assert await peer_end(peer, (PONG, b""))
        assert PERIOD <= trio.current_time() - began <= PERIOD + 2


async def test_a_peer_that_goes_while_nothing_is_read_is_noticed_if_it_hears_no_more() -> None:
    async with talking() as peer:
        peer.channel.room = 1
        await peer.say(TEXT, b"one")
        await peer.say(TEXT, b"two")
        await peer.stream.send_eof()
        await trio.testing.wait_all_tasks_blocked(0.005)
        assert peer.open, "it may still hear, and has said something"
        peer.channel.room = 5
        peer.channel.go_on()
        await trio.testing.wait_all_tasks_blocked(0.005)
        assert peer.said == [b"one", b"two"]
        assert not peer.open
        assert peer.channel.notes == ["left"]


async def test_one_that_hangs_up_while_nothing_is_read_is_gone_at_once() -> None:
    async with talking() as peer:
        peer.channel.room = 1
        await peer.say(TEXT, b"one")
        await peer.say(TEXT, b"two")
        await peer.stream.aclose()
        await trio.testing.wait_all_tasks_blocked(0.005)
        assert not peer.open
        assert peer.channel.notes == ["left"]


async def test_it_is_idle_while_nothing_is_under_way() -> None:
    async with talking() as peer:
        assert peer.channel.idle
        await peer.send(masked(TEXT, b"half", MASK)[:4])
        assert not peer.channel.idle
        await peer.send(masked(TEXT, b"half", MASK)[4:])
        assert peer.channel.idle
        peer.bodies.hold()
        await peer.say(TEXT, b"waits")
        assert not peer.channel.idle


async def test_one_that_closes_is_not_idle() -> None:
    async with talking() as peer:
        peer.channel.say_close(NORMAL)
        assert not peer.channel.idle


async def test_once_it_is_closed_nothing_goes_on() -> None:
    async with talking() as peer:
        peer.channel.close()
        for again in (peer.channel.close, peer.channel.go_on, lambda: peer.channel.say_close(NORMAL)):
            again()
        assert not peer.channel.send_frame(b"")
        assert peer.channel.notes == ["left"]


async def test_of_a_peer_that_has_gone_before_it_was_greeted_nothing_is_taken() -> None:
    async with talking(masked(TEXT, b"first", MASK), gone=True) as peer:
        assert not peer.open
        assert (peer.said, peer.channel.notes) == ([], ["left"])


async def test_who_closes_waits_no_longer_for_a_peer_that_goes_on_talking(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = SETTLED
    async with talking() as peer:
        peer.channel.say_close(NORMAL)
        for _ in range(4):
            assert peer.open is (trio.current_time() < LINGER)
            with suppress(trio.BrokenResourceError):
                await peer.send(masked(BINARY, bytes(5_000), MASK))
            await trio.sleep(1.5)
        assert not peer.open


def test_the_kernel_keeps_little_for_a_reader_that_stops_and_notices_one_that_has_vanished() -> None:
    board = Switchboard([])
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as calling:
        calling.connect(listening.getsockname())
        ours = listening.accept()[0]
        ours.settimeout(0)
        board.add(Talker(ours, board, Common(BodyQueue(lambda *_: None), LIMITS)))
        assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == SILENT_MS == 45_000
        assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == MOST_UNSENT
        board._close_all()
        board.poller.close()


async def test_what_is_within_a_message_is_none_though_it_looks_like_one() -> None:
    inner = masked(TEXT, b"inner", MASK)
    outer = masked(BINARY, inner, NO_MASK)
    async with talking() as peer:
        await peer.send(outer[: -len(inner)])
        await peer.send(inner)
        assert peer.channel.messages == [(BINARY, inner)]


async def test_a_server_without_standard_input_may_speak_at_its_descriptor() -> None:
    """The system gives out the lowest descriptor that is free, which then is 0."""
    board = Switchboard([])
    kept = os.dup(0)
    try:
        os.close(0)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            assert ours.fileno() == 0
            ours.settimeout(0)
            channel = Talker(ours, board, Common(BodyQueue(lambda *_: None), LIMITS))
            board.add(channel)
            channel.say_close(NORMAL)
            assert theirs.recv(100) == GREETING + frame(CLOSE, close_payload(NORMAL, ""))
            channel.close()
    finally:
        os.dup2(kept, 0)
        os.close(kept)
        board.poller.close()


async def test_a_message_may_be_as_long_as_is_said_when_its_turn_has_come() -> None:
    async with talking() as peer:
        peer.channel.room = 1
        await peer.send(masked(BINARY, bytes(200), MASK) + masked(BINARY, bytes(200), MASK))
        assert len(peer.said) == 1
        peer.channel.room, peer.channel.most = 1, 199
        peer.channel.go_on()
        ((opcode, payload),) = await peer.hear()
        assert (opcode, int.from_bytes(payload[:2], "big")) == (CLOSE, 1009)


async def test_what_has_to_be_parsed_counts_so_that_others_have_their_turn() -> None:
    data = masked(BINARY, bytes(1_000), MASK)
    async with talking() as peer:
        await peer.send(data)
        assert peer.board._parsed == len(data)


async def test_a_close_that_makes_no_sense_is_said_to_be_wrong_in_its_turn() -> None:
    async with talking() as peer:
        turns = peer.bodies.hold()
        await peer.say(CLOSE, b"\0")
        ((_, work),) = turns
        work()
        ((opcode, payload),) = await peer.hear()
        assert (opcode, int.from_bytes(payload[:2], "big")) == (CLOSE, 1002)


async def test_an_exit_that_a_signal_has_asked_for_is_no_failure_of_a_connection() -> None:
    def leave(*_: object) -> None:
        raise SystemExit

    before = signal.signal(signal.SIGUSR1, leave)
    try:
        async with talking() as peer:
            turns = peer.bodies.hold()
            peer.channel.later(1, lambda: signal.raise_signal(signal.SIGUSR1))
            ((_, work),) = turns
            with pytest.raises(SystemExit):
                work()
            assert peer.open
    finally:
        signal.signal(signal.SIGUSR1, before)


async def test_a_message_that_begins_with_the_end_of_another_has_a_time_of_its_own(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = SETTLED
    frames = [masked(TEXT, b"%d" % number, MASK) for number in range(2)]
    async with talking() as peer:
        for data in (frames[0][:-1], frames[0][-1:] + frames[1][:-1], frames[1][-1:]):
            await peer.send(data)
            await trio.sleep(LIMITS.body_seconds - 1)
        assert peer.said == [b"0", b"1"]


async def test_who_does_not_read_what_it_was_sent_is_not_read_either() -> None:
    async with talking() as peer:
        peer.channel.send_frame(frame(BINARY, LARGE))
        peer.channel.send_frame(frame(BINARY, bytes(MOST_BEHIND)))
        await peer.say(TEXT, b"unread")
        assert peer.said == []
        await peer.hear(2)
        await trio.testing.wait_all_tasks_blocked(0.005)
        assert peer.said == [b"unread"]


async def test_who_closes_before_it_has_read_gets_all_that_was_sent_and_the_answer_behind_it() -> None:
    async with talking() as peer:
        peer.channel.send_frame(frame(BINARY, LARGE))
        await peer.say(CLOSE, close_payload(NORMAL, ""))
        assert await peer.hear(2) == [(BINARY, LARGE), (CLOSE, close_payload(NORMAL, ""))]
        assert await peer.closed()
        assert not peer.open
