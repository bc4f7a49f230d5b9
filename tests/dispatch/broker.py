"""A second engine, as small as can be: nodes that a broker joins, which is an actor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio

from cometary.actors import Actor, ActorRef, Future
from cometary.dispatch.engine import History, LocalEngine, Position, no_server
from cometary.errors import MailboxFullError
from cometary.packets.patterns import Pattern
from cometary.sessions import Packet

MOST_UNTAKEN = 1_000


class Broker(Actor):
    """Passes each packet on to all engines that are interested in its path, in the order in which they come."""

    def __init__(self) -> None:
        super().__init__()
        self._wanted: dict[tuple[BrokerEngine, str], Pattern] = {}

    def on_receive(self, message: Callable[[Broker], None]) -> None:
        message(self)

    def interest(self, engine: BrokerEngine, pattern: str, wanted: bool) -> None:
        if wanted:
            assert (engine, pattern) not in self._wanted
            self._wanted[engine, pattern] = Pattern.compile(pattern)
        else:
            del self._wanted[engine, pattern]

    def pass_on(self, packet: Packet, taken: Future[None]) -> None:
        for engine in {engine for (engine, _), each in self._wanted.items() if each.matches(packet.path)}:
            engine.heard.send_nowait(Packet(packet.path, packet.message))
        taken.offer()


class BrokerEngine:
    """Publishes to a broker, and then here what the broker says."""

    publish_once = None

    def __init__(self, broker: ActorRef[Any]) -> None:
        self._broker = broker
        self._local = LocalEngine()
        self.members = self._local.members
        self._attached = trio.Event()
        self._untaken = 0
        self.heard, self._hear = trio.open_memory_channel[Packet](100_000)

    async def run(self) -> None:
        await self._attached.wait()
        while True:
            self._local.publish(await self._hear.receive())

    def attach(self, dispatcher: ActorRef[Any]) -> None:
        self._local.attach(dispatcher)
        self._attached.set()

    def publish(self, packet: Packet) -> Future[None]:
        if not self._attached.is_set():
            raise no_server()
        if self._untaken >= MOST_UNTAKEN:
            raise MailboxFullError("the broker is slow")
        taken: Future[None] = Future()
        self._untaken += 1
        taken.add_done_callback(self._was_taken)

        def pass_on(broker: Broker) -> None:
            broker.pass_on(packet, taken)

        self._broker.tell(pass_on)
        return taken

    def _was_taken(self) -> None:
        self._untaken -= 1

    def interest(self, pattern: str, *, wanted: bool) -> None:
        def note(broker: Broker) -> None:
            broker.interest(self, pattern, wanted)

        self._broker.tell(note)

    def history(self, path: str, behind: Position | None, limit: int) -> Future[History]:
        return self._local.history(path, behind, limit)
