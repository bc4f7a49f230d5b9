"""The front end: all listeners of a server, and the switchboard that has all their connections.

1.  The sockets are open before anything is started that could fail later; callers wait in the backlog.
2.  They outlive the switchboard, so a front end that is restarted turns nobody away.
3.  Some of the permitted connections, and of the descriptors, are kept for the listeners that ask for it.
4.  A server that stops closes them first, and the switchboard once everything has been answered. If another process
    is to go on at the same addresses, they close before any session has ended; else those who call meanwhile are
    told.
"""

from __future__ import annotations

import resource
from itertools import chain
from typing import TYPE_CHECKING, Final

import trio

from cometary.config.kinds import Address, UnixAddress
from cometary.transport.net.channel import Traffic
from cometary.transport.net.switchboard import Listen, Switchboard

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence
    from contextlib import ExitStack

    from cometary.actors.scheduler import Scheduler
    from cometary.doors.door import Listener
    from cometary.transport.net.channel import Protocol
    from cometary.transport.net.listener import Network
    from cometary.transport.net.resumed import ResumedSocket


READING: Final = 1.0


class FrontEnd:
    """The front end of one server.

    Args:
        listeners: where connections come in, and what is spoken there.
        network: where connections come from.
        scheduler: runs the actors that it sends to. Their timers wait for what is to be read.
        inward: makes what makes the channels of sockets that are handed to it (`adopt`).
        begin_turn: called before sockets that are ready are served.

    Attributes:
        traffic: what has gone through all connections.
    """

    def __init__(
        self,
        listeners: Sequence[Listener],
        network: Network,
        scheduler: Scheduler,
        inward: Callable[[], Protocol],
        begin_turn: Callable[[], None],
    ) -> None:
        self._begin_turn = begin_turn
        self._new_inward = inward
        self._inward: Protocol | None = None
        self._listeners = listeners
        self._network = network
        self._scheduler = scheduler
        self.at_next_batch = scheduler.at_next_batch
        self._sockets: list[list[socket.socket]] = []
        self._switchboard: Switchboard | None = None
        self._end_turn: Callable[[], object] | None = None
        self.traffic = Traffic()

    async def listen(self, until: ExitStack) -> None:
        """Open the sockets.

        Args:
            until: closes them, at the latest.

        Raises:
            OSError: the address in `filename` cannot be listened on: the configuration's fault.
        """
        for listener in self._listeners:
            try:
                sockets = await self._open(listener.address)
            except OSError as error:
                error.filename = str(listener.address)  # an error of a socket says nothing of where
                raise
            self._sockets.append(sockets)
            if listener.opened is not None:
                has_port = isinstance(listener.address, Address)
                listener.opened(sock.getsockname()[:2] for sock in sockets if has_port)
            for sock in sockets:
                until.callback(sock.close)

    async def _open(self, address: Address | UnixAddress) -> list[socket.socket]:
        if isinstance(address, UnixAddress):
            return [self._network.open_unix_socket(*address)]
        return await self._network.open_sockets(*address)

    @property
    def urls(self) -> dict[str, str]:
        """Where each listener is, by its name, with the ports that were really taken."""
        addresses = self.addresses
        return {each.name: addresses[each.name].url_of(secure=each.secure) for each in self._listeners}

    @property
    def addresses(self) -> dict[str, Address | UnixAddress]:
        """The address of each listener, by its name, with the port that was really taken."""
        return {
            listener.name: taken(listener.address, sockets)
            for listener, sockets in zip(self._listeners, self._sockets, strict=True)
        }

    async def run(self, *, task_status: trio.TaskStatus[object]) -> None:
        """Serve connections until cancelled; for a child specification."""
        listen = [
            Listen(listener.new_protocol(), sockets=sockets, reserve=listener.reserve)
            for listener, sockets in zip(self._listeners, self._sockets, strict=True)
        ]
        scheduler = self._scheduler
        switchboard = Switchboard(
            listen,
            self._network.new_poller,
            run=scheduler.run_with,
            begin_turn=self._begin_turn,
            descriptors=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            traffic=self.traffic,
        )
        self._switchboard, scheduler.catch_up = switchboard, switchboard.catch_up
        switchboard.end_turn = self._end_turn
        self._inward = self._new_inward()
        try:
            await switchboard.serve(task_status=task_status)
        finally:
            scheduler.catch_up = self._switchboard = None  # what comes from now on is closed, not served
        await trio.sleep_forever()  # it was closed by `aclose`, so the supervisor will cancel this

    @property
    def pressed(self) -> bool:
        """Whether more has come than could be read in the last turn."""
        return self._switchboard is not None and self._switchboard.pressed

    @property
    def open_connections(self) -> int:
        """How many connections there are."""
        return 0 if self._switchboard is None else self._switchboard.open_connections

    @property
    def in_turn(self) -> bool:
        """Whether sockets that are ready are being served; `at_end_of_turn` comes behind that."""
        return self._switchboard is not None and self._switchboard.in_turn

    def at_end_of_turn(self, call: Callable[[], object]) -> None:
        """Have something called whenever all ready sockets have been served: what it sends goes out together."""
        self._end_turn = call
        if self._switchboard is not None:
            self._switchboard.end_turn = call

    def adopt(self, sock: socket.socket, peer: str) -> None:
        """Serve a socket, connected and non-blocking, as if a client at the address `peer` had connected by it."""
        if self._switchboard is None or self._inward is None:
            sock.close()
        else:
            self._switchboard.add(self._inward(sock, peer, self._switchboard))

    def serve(self, sock: socket.socket, peer: str, protocol: Protocol) -> bool:
        """Serve a socket, connected and non-blocking, that no listener has accepted.

        Args:
            sock: the socket, which is closed if it cannot be served.
            peer: the address of its other end.
            protocol: what is spoken on it.

        Returns:
            Whether it is served.
        """
        if self._switchboard is None or self._switchboard.full:
            sock.close()
            return False
        self._switchboard.add(protocol(sock, peer, self._switchboard))
        return True

    def resume(self, sock: ResumedSocket, peer: str, protocol: Protocol | None = None) -> None:
        """Serve a socket in the place of another process.

        It is closed if there are as many connections as there may be: a listener would not have accepted it, either.

        Args:
            sock: the socket.
            peer: the address of its other end.
            protocol: what is spoken there, if nothing was; None for what is spoken within that.
        """
        protocol = protocol or self._inward
        if self._switchboard is None or protocol is None or self._switchboard.full:
            sock.close()
            return
        sock.floor = self._switchboard
        try:
            self._switchboard.take(protocol(sock, peer, self._switchboard))
        except OSError:  # it has gone meanwhile, or the poller can take no more
            sock.close()

    def leave_callers(self) -> None:
        """Leave those who call from now on to the successor, if there is to be one; see `Network`."""
        if self._switchboard is not None and self._network.successor != "none":
            self._switchboard.stop_listening(take_waiting=self._network.successor == "port")
            self.stop_listening()

    async def drain(self) -> None:
        """Take no more connections, but for those of callers who wait; the existing ones go on until their next answer.

        Who gets that is told so by it (`Connection: close`, RFC 9112, section 9.6), so that nobody sends a request to
        a connection that is about to be closed. What was sent before now is read, for `READING` seconds at most.
        """
        switchboard = self._switchboard
        if switchboard is not None:
            switchboard.draining = True
            if self._network.successor == "none":  # else that has been done
                switchboard.stop_listening(take_waiting=True)
        self.stop_listening()
        if switchboard is not None:
            with trio.move_on_after(READING):
                await switchboard.caught_up()

    def stop_listening(self) -> None:
        """Take no more connections; the existing ones go on."""
        for sock in chain.from_iterable(self._sockets):
            sock.close()

    async def aclose(self, grace: float) -> None:
        """Let answers go out for `grace` seconds at most, then close all connections."""
        if self._switchboard is not None:
            await self._switchboard.aclose(grace)


def taken(address: Address | UnixAddress, sockets: Sequence[socket.socket]) -> Address | UnixAddress:
    """Return where a listener really is."""
    return address if isinstance(address, UnixAddress) else Address(*sockets[0].getsockname()[:2])
