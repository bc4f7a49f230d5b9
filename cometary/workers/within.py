"""A process that is a worker: a server whose listening sockets are those of the process above it.

Back-ends and operators speak with the process above; the worker's own control interface is at a path.
"""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import trio

from cometary.config.kinds import UnixAddress
from cometary.packets.published import Published
from cometary.transport.http.exchange import Exchange
from cometary.transport.net.listener import Network
from cometary.transport.net.resumed import ResumedSocket
from cometary.transport.net.unix import open_unix_socket
from cometary.workers.colleagues import OtherWorkers
from cometary.workers.link import Link
from cometary.workers.messages import (
    Answered,
    Asked,
    Begins,
    Begun,
    Came,
    Copy,
    Handed,
    Lifetime,
    Message,
    Numbered,
    Ready,
    Went,
    encode,
)
from cometary.workers.supported import unsupported

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from cometary.doors.control.door import ControlDoor
    from cometary.server.front_end import FrontEnd
    from cometary.settings import Settings
    from cometary.transport.http.exchange import Headers
    from cometary.transport.http.stream import Stream
    from cometary.workers.part import Part


def settings_of_worker(settings: Settings, part: Part) -> Settings:
    """Return the settings of one worker, whose control interface, and prompt, are at paths of their own."""
    prompt = None if settings.manhole is None else f"{settings.manhole}.{part.number}"
    engine = settings.engine if part.node is None else part.node.engine
    return replace(settings, control=UnixAddress(part.control, 0o600), manhole=prompt, engine=engine)


def network_of_worker(settings: Settings, part: Part) -> Network:
    """Return what its server takes its sockets from: those of the clients are there already."""
    clients = settings.listen or (settings.host, settings.port)
    listening = [socket.socket(fileno=descriptor) for descriptor in part.listening]
    for sock in listening:
        sock.settimeout(0)

    async def open_sockets(host: str, port: int) -> list[socket.socket]:
        await trio.lowlevel.checkpoint()
        if (host, port) != clients:
            raise unsupported(f"a door that listens at {host}:{port} does")
        return [sock.dup() for sock in listening]

    own = {part.control, settings_of_worker(settings, part).manhole}

    def open_path(path: str, mode: int) -> socket.socket:
        return open_unix_socket(path, mode) if path in own else listening[0].dup()

    return Network(open_sockets, open_unix_socket=open_path, successor=part.successor)


class AnswerToAbove:
    """The wire of a call that came by the link: its answer goes back there (`Carrier`).

    Args:
        link: the link.
        number: that of the call.
    """

    def __init__(self, link: Link, number: int) -> None:
        self._link = link
        self._number = number

    def carry(
        self,
        exchange: Exchange,  # noqa: ARG002 - the number stands for it
        status: int,
        body: bytes,
        content_type: bytes,
        headers: Headers,
    ) -> None:
        """Send the answer."""
        self._link.put(encode(Answered(self._number, status, body, content_type, headers)))

    def begin(self, exchange: Exchange, status: int, content_type: bytes, headers: Headers) -> bytes:
        """Refuse: nothing that is written bit by bit is asked for by the link."""
        raise NotImplementedError

    def push(self, exchange: Exchange, stream: Stream) -> bool:
        """See `begin`."""
        raise NotImplementedError

    def conclude(self, exchange: Exchange) -> None:
        """See `begin`."""
        raise NotImplementedError

    def note_refusal(self, condition: str) -> None:
        """Count nothing: these are no clients."""

    def close(self) -> None:
        """Do nothing: the link stays."""


class Within:
    """What a worker does for the others, and for the process above.

    Args:
        part: its part.
    """

    def __init__(self, part: Part) -> None:
        self.link = Link(socket.socket(fileno=part.link), self._take_at_once)
        self.colleagues = OtherWorkers(part.number, part.workers, self.link, self._meet, part.above)
        self._front_end: FrontEnd | None = None
        self._control: ControlDoor | None = None
        self._is_node = part.node is not None
        self._begun = trio.Event()
        self._met = trio.Event()

    async def keep_link(self) -> None:
        """Take what the process above sends, until that has gone."""
        await self.link.run()
        self._begun.set()

    async def begin(self) -> None:
        """Say that this one is about to listen, and wait until that is known, or nobody is there to know it.

        A node does not: nobody has to know it to find its sessions, and what is handed over to it before it has joined
        the others would wait for that.
        """
        if self._is_node:
            await trio.lowlevel.checkpoint()
            return
        self.link.put(encode(Begins()))
        await self._begun.wait()

    def _meet(self, front_end: FrontEnd, control: ControlDoor | None) -> None:
        self._front_end, self._control = front_end, control
        self.link.flush_soon = front_end.at_next_batch
        self._met.set()
        if self._is_node:
            self.link.put(encode(Begins()))
        self.link.put(encode(Ready()))

    def _take_at_once(self, message: Message, descriptor: int) -> Awaitable[None] | None:
        """Take a message; returns what is to be waited for, if that is not done at once."""
        if self._met.is_set():
            if isinstance(message, Asked):
                self._answer(message)
                return None
            if isinstance(message, Published) and self.colleagues.hear_at_once(message):
                return None
        return self._take(message, descriptor)

    async def _take(self, message: Message, descriptor: int) -> None:
        colleagues = self.colleagues
        match message:
            case Begins():
                self._begun.set()
            case Begun():
                colleagues.know(frozenset(message.workers))
            case Lifetime() | Copy():
                colleagues.take_copy(message)
            case Came():
                colleagues.members.came(message)
            case Went():
                colleagues.members.went(message)
            case _:
                await self._met.wait()
                await self._take_when_met(message, descriptor)

    async def _take_when_met(self, message: Message, descriptor: int) -> None:
        match message:
            case Published() | Numbered():
                await self.colleagues.hear(message)
            case Handed():
                self._resume(message, descriptor)
            case Asked():
                self._answer(message)
            case _:
                raise AssertionError(f"a worker is not sent {message}")

    def _resume(self, handed: Handed, descriptor: int) -> None:
        assert self._front_end is not None  # noqa: S101 - it was met
        if descriptor < 0:
            return  # it was lost on its way; its client asks again
        protocol = self.colleagues.here if handed.fresh else None
        if handed.control and self._control is not None:
            protocol = self._control.protocol()
        self._front_end.resume(ResumedSocket(descriptor, handed.read, handed.said), handed.peer, protocol)

    def _answer(self, asked: Asked) -> None:
        assert self._control is not None  # noqa: S101 - it is one of the built-in doors
        exchange = Exchange(asked.method, asked.path, asked.query, asked.headers, body=asked.body)
        exchange.arrive(AnswerToAbove(self.link, asked.number), asked.peer)
        self._control.service.serve(exchange)
