"""How links come about: a node dials, and is dialed; what they say first is in `handshake`.

1.  A caller that has not proved yet who it is has `PATIENCE` seconds to do so, and there are no more than `STRANGERS`
    of them: more are closed at once.
2.  A node that cannot be reached is dialed again, after a pause. What is wrong is logged once, until it is something
    else. If a node does not go together with this one while this one starts, that keeps it from starting.
3.  Nobody who dials is answered before this node has its name; they wait in the kernel. The engine names the process
    that had it until the lease of that has run out: others would refuse this one, which keeps it from starting.
4.  Whatever else goes wrong with one connection ends that one, and is logged: no stranger, and no other node, ends this
    one.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

import trio

from cometary.config.kinds import ADDRESS_OR_UNIX, UnixAddress
from cometary.errors import ConfigError, NodeRefusedError
from cometary.log import get_logger
from cometary.nodes.handshake import SKEW, Hello, Identity, Proof, Welcome, accept, dial, skew_of
from cometary.transport.net.unix import UNIX_PEER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.config.kinds import Address
    from cometary.nodes.peer import Peer

PATIENCE: Final = 3.0
"""Seconds for a connection, and for what is said on it first."""

UNIX: Final = "unix:"
"""How the address of a worker begins: all that it is linked with are on this machine."""

STRANGERS: Final = 64
PAUSE: Final = 0.5
"""Seconds between two attempts to dial a node."""

logger = get_logger("cometary.nodes")


class House(Protocol):
    """Who is told of links."""

    async def check(self, hello: Hello) -> None:
        """Raise `NodeRefusedError` if another process is now that node."""
        ...

    def dialed(self, peer: Peer, hello: Hello, proof: Proof, sock: socket.socket) -> None:
        """Take a link to a node."""
        ...

    async def welcome(self, hello: Hello) -> Welcome:
        """Return what a node that has dialed is told; raises `NodeRefusedError` to refuse it."""
        ...

    def accepted(self, hello: Hello, sock: socket.socket) -> None:
        """Take a link from a node."""
        ...

    def refused(self, peer: Peer) -> None:
        """Take note that nobody listens where a node is."""
        ...

    def note_change(self) -> None:
        """Check soon which nodes have to be dialed."""
        ...

    def faulty(self) -> None:
        """Take note that this node cannot start (`Dialing.check`)."""
        ...


class Dialing:
    """Makes links.

    Args:
        own: who this node is.
        house: is told of them.

    Attributes:
        start_soon: runs an async function; set by the keeper of the links.
    """

    def __init__(self, own: Identity, house: House) -> None:
        self._own = own
        self._house = house
        self._dialing = set[str]()
        self._strangers = 0
        self._troubles: dict[str, str] = {}
        self._strange: dict[str, str] = {}
        self._skewed = set[str]()
        self._faults: list[str] = []
        self._starting = True
        self._named = trio.Event()
        self.start_soon: Callable[..., Any] = _not_yet

    def begin(self) -> None:
        """Answer those who dial: this node has its name (rule 3)."""
        self._named.set()

    def check(self) -> None:
        """Check that all nodes that were reached go together with this one.

        Raises:
            ConfigError: one does not; the operator's fault.
        """
        self._starting = False
        if self._faults:
            raise ConfigError("node", self._faults[0])

    # -- dialing

    def dial(self, peer: Peer) -> None:
        """Begin to dial a node, unless that is under way."""
        if peer.node not in self._dialing:
            self._dialing.add(peer.node)
            self.start_soon(self._dial, peer)

    async def _dial(self, peer: Peer) -> None:
        try:
            with trio.fail_after(PATIENCE):
                sock = await _connect(read_address(peer.address), self._own.address)
                try:
                    hello, proof = await dial(_Stream(sock), self._own, peer.node)
                    await self._house.check(hello)
                except BaseException:
                    sock.close()
                    raise
            self._note_clock(hello)
            self._troubles.pop(peer.node, None)
            self._house.dialed(peer, hello, proof, _given_up(sock))
        except ConnectionRefusedError:
            self._house.refused(peer)
            await trio.sleep(PAUSE)
        except NodeRefusedError as error:
            self.note(peer.node, peer.address, str(error), fault=True)
            await trio.sleep(PAUSE)
        except (OSError, EOFError, ValueError, trio.TooSlowError) as error:
            if not peer.leaving:
                self.note(peer.node, peer.address, str(error) or "it does not answer")
            await trio.sleep(PAUSE)
        except Exception:  # rule 4
            logger.exception("node not reached", text=f"dialing node {peer.node} failed", node=peer.node)
            await trio.sleep(PAUSE)
        finally:
            self._dialing.discard(peer.node)
            self._house.note_change()  # so it is dialed again now, if it has to be

    def note(self, node: str, address: str, trouble: str, *, fault: bool = False) -> None:
        """Log what is wrong with a node, once; `fault`: it does not go together with this one."""
        if fault and self._starting:
            self._faults.append(f"node {node!r} at {address}: {trouble}")
            self._house.faulty()
        if self._troubles.get(node) != trouble:
            self._troubles[node] = trouble
            text = f"node {node} at {address} cannot be reached: {trouble}"
            logger.warning("node not reached", text=text, node=node, address=address)

    def _note_clock(self, hello: Hello) -> None:
        skew = skew_of(hello)
        if abs(skew) > SKEW and hello.node not in self._skewed:
            self._skewed.add(hello.node)
            ahead = f"{abs(skew):.0f} seconds {'ahead of' if skew > 0 else 'behind'} this one's"
            text = (
                f"the clock of node {hello.node} is {ahead}: tokens expire at one before they do at the other"
            )
            logger.warning("clocks differ", text=text, node=hello.node, seconds=round(skew))

    # -- being dialed

    async def take_callers(self, sockets: Sequence[socket.socket]) -> None:
        """Accept callers as soon as this node has its name, until cancelled."""
        await self._named.wait()
        async with trio.open_nursery() as nursery:
            for sock in sockets:
                nursery.start_soon(self._listen, trio.socket.from_stdlib_socket(sock))

    async def _listen(self, listening: trio.socket.SocketType) -> None:
        while True:
            try:
                sock, address = await listening.accept()
            except OSError as error:
                logger.warning("node not taken", text=f"no node can connect for now: {error}")
                await trio.sleep(PAUSE)
                continue
            if self._strangers >= STRANGERS:
                sock.close()
                continue
            self._strangers += 1
            self.start_soon(self._take, sock, str(address[0]) if address else UNIX_PEER)

    async def _take(self, sock: trio.socket.SocketType, address: str) -> None:
        taken = False
        try:
            with trio.fail_after(PATIENCE):
                hello = await accept(_Stream(sock), self._own, self._house.welcome)
            self._note_clock(hello)
            taken = True
            self._house.accepted(hello, _given_up(sock))
        except NodeRefusedError as error:
            text = f"a connection from {address} is not accepted as a node's: {error}"
            if self._strange.get(address) != text:
                self._strange[address] = text
                if len(self._strange) > STRANGERS:
                    del self._strange[next(iter(self._strange))]
                logger.warning("node refused", text=text, address=address)
        except (OSError, EOFError, trio.TooSlowError):
            pass  # a look at the port; or a node that has gone, which dials again
        except Exception:  # rule 4
            logger.exception("node not taken", text=f"accepting a connection from {address} failed")
        finally:
            self._strangers -= 1
            if not taken:
                sock.close()


class _Stream:
    """What the handshake is said on: it reads no byte that is not its own."""

    def __init__(self, sock: trio.socket.SocketType) -> None:
        self._sock = sock

    async def send_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[await self._sock.send(view) :]

    async def receive_exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = await self._sock.recv(count - len(data))
            if not more:
                raise EOFError("it has closed the connection")
            data += more
        return data


async def _connect(address: Address | UnixAddress, own: str) -> trio.socket.SocketType:
    """Connect to a node at an address; `own` is where it would connect to this one.

    Raises:
        NodeRefusedError: only a worker of another server can be there, whose path says nothing here; the operator's
            fault.
        OSError: it cannot be reached.
    """
    if not isinstance(address, UnixAddress):
        return await _connect_to_host(*address)
    if not own.startswith(UNIX):
        raise NodeRefusedError(
            "it is a worker of another server, whose engine-prefix no other can share: give this one another"
        )
    sock = trio.socket.socket(socket.AF_UNIX)
    try:
        await sock.connect(address.path)
    except BaseException as error:
        sock.close()
        if isinstance(error, FileNotFoundError):
            raise ConnectionRefusedError(*error.args) from None  # its process has ended, and its path is gone
        raise
    return sock


async def _connect_to_host(host: str, port: int) -> trio.socket.SocketType:
    found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    errors: list[OSError] = []
    for family, kind, protocol, _, where in found:
        sock = trio.socket.socket(family, kind, protocol)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await sock.connect(where)
        except OSError as error:
            sock.close()
            errors.append(error)
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise errors[-1]


def read_address(text: str) -> Address | UnixAddress:
    """Read where a node is, as the engine or the node says it.

    Raises:
        ValueError: it is not an address; the fault of the node that gave it.
    """
    try:
        return ADDRESS_OR_UNIX.parse(text)
    except ValueError:
        raise ValueError(f"it is not an address, {ADDRESS_OR_UNIX.allowed}") from None


def _given_up(sock: trio.socket.SocketType) -> socket.socket:
    """Return the socket for the switchboard: not Trio's any more, and the same descriptor."""
    with suppress(OSError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    plain = socket.socket(fileno=sock.detach())
    plain.settimeout(0)
    return plain


def _not_yet(*_: object) -> None:
    raise AssertionError("nobody keeps the links")
