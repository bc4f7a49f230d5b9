"""The engine: by what publications travel from whoever publishes to the dispatchers of all nodes.

1.  The hub publishes, the table of subscriptions says which patterns somebody here wants, and the dispatcher routes
    what arrives here. What is between these is the engine's, and none of them knows which it is.
2.  A server by itself has the `LocalEngine`: to publish is to put the packet into the dispatcher's mailbox. An engine
    that joins nodes has one of these as well, and publishes by it what it hears.
3.  Two packets that one publisher sends to one path arrive in that order wherever they arrive. Nothing is said of
    different paths, or publishers.
4.  An engine keeps what it has not passed on up to a bound of its own, and refuses more (`MailboxFullError`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from cometary.actors import Future
from cometary.dispatch.dispatcher import counted
from cometary.errors import UsageError
from cometary.packets.tracked import TrackedPacket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from cometary.actors import ActorRef
    from cometary.packets.packet import Packet


class Position(NamedTuple):
    """A place in what is kept of a path.

    Attributes:
        epoch: which life of it; of another epoch nothing is known any more.
        offset: how many packets come before.
    """

    epoch: str
    offset: int


class History(NamedTuple):
    """What was kept of a path.

    Attributes:
        packets: in the order in which they were published.
        at: the position behind the last of them, to read on from; None if nothing is kept.
        complete: whether these are all that were published in between; False if some were, or may have been, lost.
    """

    packets: Sequence[Packet]
    at: Position | None
    complete: bool


class Engine(Protocol):
    """What joins the nodes of a system; a node is one server."""

    @property
    def run(self) -> Callable[[], Awaitable[None]] | None:
        """What the engine does by itself, such as to keep up a connection; None if it does nothing.

        It is a child of the server's tree, which starts before the dispatcher and is cancelled when the sessions have
        signed off. Should it crash or return it is called again after a pause, on the same engine; what was published
        meanwhile waits (rule 4).
        """
        ...

    def attach(self, dispatcher: ActorRef[Any]) -> None:
        """Let `dispatcher` route on this node from now on; called whenever it has started, before `run` or after."""
        ...

    def publish(self, packet: Packet) -> Future[None] | None:
        """Take a packet for everybody who hears its path, on this node and all others; from any thread.

        It waits for nothing. Whether anybody hears it makes no difference.

        Returns:
            When the packet can be lost by no failure of this node, or an error that says it could not be passed
            on: nobody's fault, try later. None if there is nothing to wait for. Not everybody waits
            for it, so an engine logs what it could not pass on.

        Raises:
            UsageError: no server runs; the caller's fault, nothing was sent.
            MailboxFullError: far too much has not been passed on yet; nothing was sent, try later.
        """
        ...

    def interest(self, pattern: str, *, wanted: bool) -> None:
        """Take note that a pattern has got its first subscriber on this node, or has lost the last one.

        It is called on the loop's thread while somebody subscribes, so it returns at once and raises nothing.
        What is published on this node behind the call reaches that subscriber. So does what is published
        elsewhere as soon as the engine has heard of the interest there, or it is in the path's history.

        Args:
            pattern: what was subscribed to, which may have stars.
            wanted: whether somebody wants it now; it alternates for each pattern, and begins with True.
        """
        ...

    def history(self, path: str, behind: Position | None, limit: int) -> Future[History]:
        """Read what was kept of a path.

        Args:
            path: the path.
            behind: where to begin; None for the oldest that is kept.
            limit: how many packets are wanted at most.

        Returns:
            It, now or later; an error if it cannot be read: nobody's fault, try later.
        """
        ...


class LocalEngine:
    """The engine of a server by itself: nothing travels, and nothing is kept."""

    run: Callable[[], Awaitable[None]] | None = None

    def __init__(self) -> None:
        self._dispatcher: ActorRef[Any] | None = None

    def attach(self, dispatcher: ActorRef[Any]) -> None:
        """Let `dispatcher` route from now on."""
        self._dispatcher = dispatcher

    def publish(self, packet: Packet) -> Future[None] | None:
        """Put a packet into the dispatcher's mailbox; see `Engine.publish`."""
        dispatcher = self._dispatcher
        if dispatcher is None:
            raise no_server()
        if isinstance(packet, TrackedPacket) and packet.receipt is not None:
            dispatcher.tell(counted(packet))
        else:
            dispatcher.tell(packet)
        return None

    def interest(self, pattern: str, *, wanted: bool) -> None:
        """Do nothing: the dispatcher has the table."""

    def history(self, path: str, behind: Position | None, limit: int) -> Future[History]:  # noqa: ARG002 - as declared
        """Say that nothing is kept."""
        nothing: Future[History] = Future()
        nothing.offer(History((), None, complete=False))
        return nothing


def no_server() -> UsageError:
    """Return the error for an update that nobody routes."""
    return UsageError("no server runs this application, so there is nobody to update")
