"""The link between two processes: messages and descriptors come in their order, and nobody is sent without bound."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.lowlevel
import trio.testing

from cometary.errors import MailboxFullError
from cometary.workers import link as links
from cometary.workers.link import Link
from cometary.workers.messages import Handed, Message, Published, Ready

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
