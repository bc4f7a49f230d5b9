"""The link between two processes: messages and descriptors come in their order, and nobody is sent without bound."""

from __future__ import annotations

import errno
import os
import resource
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.lowlevel
import trio.testing

from cometary.errors import MailboxFullError
from cometary.packets.published import Published
from cometary.workers import link as links
from cometary.workers.link import HEAD, Link
from cometary.workers.messages import Handed, Message, Ready, encode

Came = list[tuple[Message, int]]


@asynccontextmanager
async def linked() -> AsyncGenerator[tuple[Link, Link, Came]]:
    """Two ends that run, and what has come to the second."""
    came = Came()

    async def take(message: Message, descriptor: int) -> None:
        await trio.lowlevel.checkpoint()
        came.append((message, descriptor))

    here, there = socket.socketpair()
    ends = Link(here, take), Link(there, take)
    async with trio.open_nursery() as nursery:
        for each in ends:
            nursery.start_soon(each.run)
        yield *ends, came
        nursery.cancel_scope.cancel()


async def until(came: Came, count: int) -> None:
    while len(came) < count:
        await trio.lowlevel.checkpoint()


async def test_messages_and_the_descriptors_that_go_with_them_come_in_their_order() -> None:
    async with linked() as (end, _, came):
        sent: list[Message] = []
        for number in range(40):
            reading, writing = os.pipe()
            os.write(writing, bytes((number,)))
            os.close(writing)
            sent += [Published(b"x" * 1000 * number, str(number)), Handed(number, "", b"", 0)]
            end.send(sent[-2])
            end.send(sent[-1], reading)
        await until(came, 80)
        assert [message for message, _ in came] == sent
        for message, descriptor in came:
            assert (descriptor >= 0) is isinstance(message, Handed)
            if isinstance(message, Handed):
                assert os.read(descriptor, 2) == bytes((message.worker,))
                os.close(descriptor)


async def test_messages_are_sent_from_other_threads_as_well() -> None:
    async with linked() as (end, _, came):
        await trio.to_thread.run_sync(end.send, Published(b"", "news"))
        await until(came, 1)
        assert came == [(Published(b"", "news"), -1)]


async def test_what_the_other_end_has_sent_before_it_closed_comes_though_it_takes_nothing_any_more() -> None:
    came = list[Message]()

    async def take(message: Message, _: int) -> None:
        await trio.lowlevel.checkpoint()
        came.append(message)

    here, there = socket.socketpair()
    end, payload = Link(here, take), encode(Published(b"x" * 100_000, "last"))
    with there:
        there.sendall(len(payload).to_bytes(HEAD - 1, "big") + b"\0" + payload)
    end.send(Ready())
    await end.run()
    assert came == [Published(b"x" * 100_000, "last")]


async def test_it_is_known_how_much_the_other_end_has_taken_and_how_much_waits() -> None:
    async with linked() as (end, _, came):
        for number in range(3):
            end.put(encode(Published(b"x" * 100, str(number))))
        waiting = end._kept
        assert (waiting > 300, end.sent) == (True, 0)
        await until(came, 3)
        await trio.testing.wait_all_tasks_blocked()
        assert (end._kept, end.sent) == (0, waiting)


async def test_a_descriptor_whose_message_did_not_come_whole_is_closed() -> None:
    here, there = socket.socketpair()
    reading = a_pipe(b"")
    known = descriptors()

    async def nobody(_: Message, __: int) -> None:
        raise AssertionError

    with there:
        end = Link(here, nobody)
        socket.send_fds(there, [b"\0\0\0\5\1"], [reading])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(end.run)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        os.close(reading)
        assert descriptors() <= known


async def test_what_is_sent_in_a_turn_goes_when_that_ends_and_all_of_it_in_its_order() -> None:
    async with linked() as (end, _, came):
        steps = list[Callable[[], None]]()
        end.flush_soon = steps.append
        sent: list[Message] = [Published(b"x" * size, str(size)) for size in (1, 2, 1_000_000, 3)]
        for message in sent[:2]:
            end.send(message)
        await trio.testing.wait_all_tasks_blocked()
        assert (len(steps), came) == (1, [])
        steps.pop()()
        assert not end._frames, "it waits for another task"
        await until(came, 2)
        for message in sent[2:]:
            end.send(message)
        reading, writing = os.pipe()
        os.close(writing)
        end.send(Handed(1, "", b"", 0), reading)
        end.send(Ready())
        steps.pop()()
        await until(came, 6)
        assert [message for message, _ in came] == [*sent, Handed(1, "", b"", 0), Ready()]
        os.close(came[4][1])


async def test_answers_to_what_came_together_go_together_and_before_anything_is_waited_for() -> None:
    here, there = socket.socketpair()
    go_on, answered = trio.Event(), list[Message]()

    def answer(message: Message, _: int) -> Awaitable[None] | None:
        other.put(encode(message))
        return go_on.wait() if message == Ready() else None

    def take(message: Message, _: int) -> None:
        answered.append(message)

    async with trio.open_nursery() as nursery:
        end, other = Link(here, take), Link(there, answer)
        for each in (end, other):
            nursery.start_soon(each.run)
        sent: list[Message] = [Published(b"", "1"), Ready(), Published(b"", "2")]
        for message in sent:
            end.send(message)
        await trio.testing.wait_all_tasks_blocked()
        assert answered == sent[:2]
        go_on.set()
        await trio.testing.wait_all_tasks_blocked()
        assert answered == sent
        nursery.cancel_scope.cancel()


async def test_who_sends_for_itself_is_refused_when_too_much_waits_and_who_sends_for_others_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(links, "MOST", 1000)
    async with linked() as (end, _, came):
        end.send(Published(b"x" * 2000, ""))
        assert end.full
        with pytest.raises(MailboxFullError):
            end.send(Ready())
        await end.room()
        end.send(Ready())
        await until(came, 2)


async def test_a_message_is_taken_when_the_one_before_was() -> None:
    here, there = socket.socketpair()
    taken, go_on = list[Message](), trio.Event()

    async def take(message: Message, _: int) -> None:
        taken.append(message)
        await go_on.wait()

    async def nobody(_: Message, __: int) -> None:
        await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        end, other = Link(here, nobody), Link(there, take)
        nursery.start_soon(end.run)
        nursery.start_soon(other.run)
        end.send(Published(b"", "1"))
        end.send(Published(b"", "2"))
        while not taken:
            await trio.lowlevel.checkpoint()
        await trio.testing.wait_all_tasks_blocked()
        assert taken == [Published(b"", "1")]
        go_on.set()
        while len(taken) < 2:
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()


async def test_a_link_ends_with_either_end_and_closes_what_it_has_not_handed_over() -> None:
    async with linked() as (end, other, _):
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb", 0):
            end.send(Handed(1, "", b"", 0), reading)
            other._sock.close()
            end._sock.close()
            await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(reading)


def a_pipe(content: bytes) -> int:
    """Return the end of a pipe at which this is read."""
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    return reading


def descriptors() -> set[int]:
    """Return those that this process has, with one of its own."""
    return {int(each.name) for each in Path("/proc/self/fd").iterdir()}


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


async def test_a_descriptor_that_there_is_no_room_for_is_lost_and_no_other_is_taken_for_it() -> None:
    async with linked() as (end, _, came):
        first, second = a_pipe(b"1"), a_pipe(b"2")
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
        try:
            end.send(Handed(1, "", b"", 0), first)
            await until(came, 1)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        end.send(Handed(2, "", b"", 0), second)
        await until(came, 2)
        assert came[0] == (Handed(1, "", b"", 0), -1)
        with os.fdopen(came[1][1], "rb") as reading:
            assert reading.read() == b"2"


def refusing(monkeypatch: pytest.MonkeyPatch, end: Link, number: int) -> None:
    """Have the system refuse to send the next descriptors."""

    class Refusing:
        """A socket that sends none."""

        def sendmsg(self, *_: object) -> int:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(end, "_plain", Refusing())


async def test_when_too_many_descriptors_are_on_their_way_their_messages_come_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with linked() as (end, _, came):
        refusing(monkeypatch, end, errno.ETOOMANYREFS)
        reading = a_pipe(b"")
        end.send(Handed(1, "", b"x" * 1000, 0), reading)
        end.send(Ready())
        await until(came, 2)
        assert came == [(Handed(1, "", b"x" * 1000, 0), -1), (Ready(), -1)]
        assert not is_open(reading)
        assert end._kept == end._descriptors == 0


async def test_a_link_that_cannot_send_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    async with linked() as (end, _, _):
        refusing(monkeypatch, end, errno.EPERM)
        first, second = a_pipe(b""), a_pipe(b"")
        end.send(Handed(1, "", b"", 0), first)
        await trio.testing.wait_all_tasks_blocked()
        end.send(Handed(1, "", b"", 0), second)
        assert end._closed
        assert not is_open(first)
        assert not is_open(second)


async def test_a_crowd_of_descriptors_crosses_in_few_turns_of_other_tasks() -> None:
    turns, crowd = 0, 128

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with linked_at_once() as (end, came), trio.open_nursery() as nursery:
        nursery.start_soon(count)
        for number in range(crowd):
            end.send(Handed(number, "", b"", 0), a_pipe(b"%d" % number))
        await until(came, crowd)
        assert turns < crowd / 4
        nursery.cancel_scope.cancel()
    for message, descriptor in came:
        assert isinstance(message, Handed)
        assert os.read(descriptor, 4) == b"%d" % message.worker
        os.close(descriptor)


async def test_others_have_their_turn_though_messages_come_without_end_behind_a_descriptor() -> None:
    here, there = socket.socketpair()
    turns, came, many = 0, Came(), 200
    payload = encode(Ready())

    def take(message: Message, descriptor: int) -> None:
        came.append((message, descriptor))
        here.send(len(payload).to_bytes(HEAD - 1, "big") + b"\0" + payload)

    with here:
        handed = encode(Handed(1, "", b"", 0))
        reading = a_pipe(b"")
        socket.send_fds(here, [len(handed).to_bytes(HEAD - 1, "big") + b"\1" + handed], [reading])
        os.close(reading)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Link(there, take).run)
            while len(came) < many:
                turns += 1
                await trio.lowlevel.checkpoint()
                assert len(came) < turns + 10
            nursery.cancel_scope.cancel()
    os.close(came[0][1])


@asynccontextmanager
async def linked_at_once() -> AsyncGenerator[tuple[Link, Came]]:
    """The first of two ends, and what comes to the second, which takes it without waiting."""
    came = Came()
    here, there = socket.socketpair()

    def take(message: Message, descriptor: int) -> None:
        came.append((message, descriptor))

    end, other = Link(here, take), Link(there, take)
    async with trio.open_nursery() as nursery:
        for each in (end, other):
            nursery.start_soon(each.run)
        yield end, came
        nursery.cancel_scope.cancel()


async def test_descriptors_that_the_kernel_does_not_take_at_once_go_later_in_their_order() -> None:
    here, there = socket.socketpair()
    here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    came = Came()

    def take(message: Message, descriptor: int) -> None:
        came.append((message, descriptor))

    async with trio.open_nursery() as nursery:
        end, other = Link(here, take), Link(there, take)
        nursery.start_soon(end.run)
        for number in range(64):
            end.send(Handed(number, "", b"x" * 200, 0), a_pipe(b"%d" % number))
        await trio.testing.wait_all_tasks_blocked()
        assert 0 < end._descriptors < 64
        nursery.start_soon(other.run)
        await until(came, 64)
        nursery.cancel_scope.cancel()
    for number, (message, descriptor) in enumerate(came):
        assert message == Handed(number, "", b"x" * 200, 0)
        assert os.read(descriptor, 4) == b"%d" % number
        os.close(descriptor)


async def test_it_is_crowded_until_descriptors_have_gone_or_it_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(links, "MOST_DESCRIPTORS", 1)
    for ends in (False, True):
        here, there = socket.socketpair()
        came = Came()

        def take(message: Message, descriptor: int, came: Came = came) -> None:
            came.append((message, descriptor))

        with there:
            end = Link(here, take)
            end.send(Handed(1, "", b"", 0), a_pipe(b""))
            assert end.crowded
            async with trio.open_nursery() as nursery:
                nursery.start_soon(end.room_for_descriptors)
                await trio.testing.wait_all_tasks_blocked()
                assert nursery.child_tasks
                if ends:
                    end._close()
                else:
                    nursery.start_soon(end.run)
                    there.settimeout(0)
                    await trio.testing.wait_all_tasks_blocked()
                    there.close()
            assert not end.crowded


async def test_no_more_than_so_many_descriptors_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "MOST_CROSSING", 1)
    async with linked() as (end, _, came):
        first, second = a_pipe(b""), a_pipe(b"")
        end.send(Handed(1, "", b"", 0), first)
        with pytest.raises(MailboxFullError):
            end.send(Handed(2, "", b"", 0), second)
        end.send(Ready())
        await until(came, 2)
        end.send(Handed(3, "", b"", 0), second)
        await until(came, 3)
        for _, descriptor in came:
            links.close_descriptor(descriptor)


@pytest.mark.parametrize("ends", [False, True], ids=["room", "end"])
async def test_all_who_wait_for_room_go_on_when_there_is_room_and_when_the_link_ends(
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: trio.testing.MockClock,
    ends: bool,
) -> None:
    monkeypatch.setattr(links, "MOST", 1000 if ends else 10)
    here, there = socket.socketpair()

    async def nobody(_: Message, __: int) -> None:
        await trio.lowlevel.checkpoint()

    with there, trio.fail_after(1):
        end = Link(here, nobody)
        end.put(b"x" * (8_000_000 if ends else 100))  # more than the kernel takes
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(end.room)
            await trio.testing.wait_all_tasks_blocked()
            async with trio.open_nursery() as running:
                running.start_soon(end.run)
                await trio.testing.wait_all_tasks_blocked()
                running.cancel_scope.cancel()


async def test_a_message_that_fails_is_logged_and_the_next_one_is_taken(
    caplog: pytest.LogCaptureFixture,
) -> None:
    came = list[Message]()

    async def take(message: Message, _: int) -> None:
        await trio.lowlevel.checkpoint()
        if isinstance(message, Published):
            raise ZeroDivisionError
        came.append(message)

    here, there = socket.socketpair()
    ends = Link(here, take), Link(there, take)
    async with trio.open_nursery() as nursery:
        for each in ends:
            nursery.start_soon(each.run)
        ends[0].send(Published(b"", ""))
        ends[0].send(Ready())
        while not came:
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert "a message of another process failed: Published" in caplog.text
