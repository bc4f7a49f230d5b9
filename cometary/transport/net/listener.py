"""A listening socket: accepts while there is room, and waits in silence when there is none.

1. At most `BATCH` connections are accepted in a row, so that the others get their turn.
2. At its limit of connections, which the log tells now and then, and when the system has no
   descriptor left, it stops listening to its own socket; the kernel's backlog keeps the callers. The
   switchboard lets it resume when a connection closes, or a second later, since descriptors are
   freed elsewhere too.
3. One that comes `first` has a higher limit than the others, and what a connection that closes has
   freed is offered to it alone if it was paused: silent strangers cannot keep its callers out.
4. Once it is closed nothing lets it resume.

Where its sockets come from is the `Network`, and how many connections there may be at which listener, so that
strangers never take the last descriptor, `shares`.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import trio

from cometary.log import get_logger
from cometary.transport.net.poller import Poller, best_poller
from cometary.transport.net.unix import UNIX_PEER, open_unix_socket

if TYPE_CHECKING:
    from cometary.transport.net.channel import Protocol
    from cometary.transport.net.switchboard import Switchboard

BATCH: Final = 64
BACKLOG: Final = 4096
EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
UNAVAILABLE: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})

OTHERS: Final = 64
"""Descriptors for what is no connection of the front end: listeners, logs, connections to back-ends, the
application's own. Where there are few, a quarter of them."""

RESERVED: Final = 32
"""Connections that are left to listeners with a reserve. Where there are few, a quarter of them."""

logger = get_logger("cometary.transport")


class Listener:
    """An open listening socket.

    Args:
        sock: The socket, bound and listening; the listener closes it.
        protocol: Makes the channels of the connections that it accepts.
        switchboard: What watches the sockets.
        most: How many connections there may be, at all listeners together, for it to accept one more.
        first: Whether its callers come before those of others.
    """

    def __init__(
        self,
        sock: socket.socket,
        protocol: Protocol,
        switchboard: Switchboard,
        most: int,
        *,
        first: bool = False,
    ) -> None:
        self.sock = sock
        self.first = first
        self._most = most
        self._protocol = protocol
        self._switchboard = switchboard
        self._paused = False

    def accept(self) -> bool:
        """Accept the callers that are there, as far as there is room.

        Returns:
            Whether none are left that could be accepted now.
        """
        for _ in range(BATCH):
            if self._switchboard.open_connections >= self._most:
                self._switchboard.note_full()
                return self._pause()
            try:
                sock, address = self.sock.accept()
            except BlockingIOError:
                return True
            except OSError as error:
                if error.errno in EXHAUSTED:
                    text = f"no connection can be accepted for now: {error}"
                    logger.warning("listener paused", text=text, error=str(error))
                    return self._pause()
                continue  # that caller has gone already
            self._welcome(sock, str(address[0]) if address else UNIX_PEER)
        return False

    def take_waiting(self) -> None:
        """Accept all who are in the backlog by now, as far as there is room."""
        for _ in range(BACKLOG // BATCH):
            if self.accept():
                return

    def _welcome(self, sock: socket.socket, peer: str) -> None:
        try:
            sock.settimeout(0)
            if peer != UNIX_PEER:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            self._switchboard.traffic.accepted += 1
            self._switchboard.add(self._protocol(sock, peer, self._switchboard))
        except OSError as error:  # it has gone meanwhile, or the poller can take no more
            text = f"a connection from {peer} could not be served: {error}"
            logger.warning("connection not served", text=text, peer=peer, error=str(error))
            sock.close()

    def _pause(self) -> bool:
        self._paused = True
        self._watch()
        self._switchboard.paused.add(self, self._switchboard.now)
        return True

    def resume(self) -> bool:
        """Accept again, if it was paused; returns whether it was."""
        if not self._paused:
            return False
        self._paused = False
        self._watch()
        self._switchboard.paused.discard(self)
        return True

    def _watch(self) -> None:
        self._switchboard.poller.change(self.sock.fileno(), reading=not self._paused, writing=False)

    def close(self) -> None:
        """Stop listening; callers in the backlog are reset."""
        if self.sock.fileno() >= 0:
            self._paused = False
            self._switchboard.paused.discard(self)
            self._switchboard.poller.forget(self.sock.fileno())
            self.sock.close()


async def addresses_of(host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[Any, ...]]]:
    """The addresses that `host` has, each with its family.

    Raises:
        OSError: It has none: the configuration's fault.
    """
    kind, flags = socket.SOCK_STREAM, socket.AI_PASSIVE
    found = await trio.socket.getaddrinfo(host, port, type=kind, flags=flags)
    return [(family, address) for family, _, _, _, address in found]


async def open_sockets(host: str, port: int, *, reuse_port: bool = False) -> list[socket.socket]:
    """Listening sockets, non-blocking, one at each address that `host` has, all at the same port.

    Args:
        host: A name or an address of this machine.
        port: 0 lets the system choose.
        reuse_port: Whether other processes of the same user may listen there, too.

    Raises:
        OSError: An address is taken, or not this machine's: the configuration's fault.
    """
    socks: list[socket.socket] = []
    refusals: list[OSError] = []
    with ExitStack() as unless_all_is_well:
        for family, address in await addresses_of(host, port):
            chosen = socks[0].getsockname()[1] if socks else port
            try:
                sock = open_socket(family, (address[0], chosen, *address[2:]), reuse_port=reuse_port)
            except OSError as error:
                # A name such as localhost has an IPv6 address even where IPv6 is switched off.
                if error.errno not in UNAVAILABLE:
                    raise
                refusals.append(error)
            else:
                unless_all_is_well.callback(sock.close)
                socks.append(sock)
        if not socks:
            raise refusals[0]
        unless_all_is_well.pop_all()
    return socks


def open_socket(
    family: socket.AddressFamily, address: tuple[Any, ...], *, reuse_port: bool = False
) -> socket.socket:
    """A listening socket, non-blocking.

    Args:
        family: `AF_INET` or `AF_INET6`.
        address: As `socket.getaddrinfo` gives it.
        reuse_port: Whether other processes of the same user may listen there, too.

    Raises:
        OSError: The address is taken, or not this machine's: the configuration's fault.
    """
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family is socket.AF_INET6:  # the IPv4 address of the same name has a socket of its own
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


@dataclass(frozen=True, slots=True)
class Network:
    """What the front end takes its sockets from, and what watches them.

    A simulation of the whole server puts sockets in memory in their place (`tests/simulation`).

    Attributes:
        open_sockets: Listens at a host and a port; see `open_sockets`.
        open_unix_socket: Listens at a path; see `open_unix_socket`.
        new_poller: Makes what watches these sockets and those that they accept.
        successor: Who accepts callers when this process stops: `none`, then they are told that it does; or one that
            has the same `sockets`, or others at the same `port`, to which they are left from the beginning.
    """

    open_sockets: Callable[[str, int], Awaitable[list[socket.socket]]] = open_sockets
    new_poller: Callable[[], Poller] = best_poller
    open_unix_socket: Callable[[str, int], socket.socket] = open_unix_socket
    successor: Literal["none", "sockets", "port"] = "none"


SYSTEM: Final = Network()
"""The system's own."""


class Shares(NamedTuple):
    """How many connections there may be.

    Attributes:
        public: The most that there may be for one more to be taken from anybody.
        all: The most that there may be for one more to be taken at a listener with a reserve.
    """

    public: int
    all: int


def shares(connections: int, descriptors: int) -> Shares:
    """Share the descriptors out.

    Args:
        connections: The most that there may be.
        descriptors: How many the process may have; fewer than 0 for any number.
    """
    if descriptors >= 0:
        connections = min(connections, max(2, descriptors - min(OTHERS, descriptors // 4)))
    return Shares(max(1, connections - min(RESERVED, connections // 4)), connections)
