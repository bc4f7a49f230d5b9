"""The engine: how publications travel from their publishers to the dispatchers of all nodes.

1.  The hub publishes, the table of subscriptions says which patterns somebody here wants, and the dispatcher routes
    what arrives here. What lies between these is the engine's, and none of them knows which engine it is.
2.  A server by itself has the `LocalEngine`: publishing puts the packet into the dispatcher's mailbox. An engine that
    joins nodes has one of these as well, and publishes through it what it hears.
3.  Two packets that one publisher sends to one path arrive in that order wherever they arrive. Nothing is promised
    about different paths, or different publishers.
4.  An engine also has the members of paths (`cometary.dispatch.members`), those of all nodes. Joining and leaving is
    seen at once here, and elsewhere as soon as the other node has heard of it.
5.  An engine keeps what it has not passed on, up to a bound of its own, and refuses more (`MailboxFullError`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from cometary.actors import Future
from cometary.dispatch.dispatcher import as_wished
from cometary.dispatch.history import History
from cometary.dispatch.members import Members
from cometary.errors import UsageError
from cometary.packets.position import Position
from cometary.packets.tracked import TrackedPacket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cometary.actors import ActorRef
    from cometary.dispatch.history import Histories
    from cometary.packets.packet import Packet

__all__ = ["Engine", "History", "LocalEngine", "Position", "no_server"]


class Engine(Protocol):
    """What joins the nodes of a system; a node is one server."""

    @property
    def run(self) -> Callable[[], Awaitable[None]] | None:
        """What the engine does by itself, such as to keep up a connection; None if it does nothing.

        It is a child of the server's tree, which starts before the dispatcher and is cancelled when the sessions have
        signed off. Should it crash or return it is called again after a pause, on the same engine; what was published
        meanwhile waits (rule 5).
        """
        ...

    @property
    def members(self) -> Members:
        """Who is on which path: to be changed by those who are on this node, and read."""
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

    @property
    def publish_once(self) -> Callable[[Packet, str], Future[None] | None] | None:
        """Does as `publish`, unless the same update was published under this idempotency key before, at any node.

        The future then tells that, or that it was another update (`KeyReusedError`). None if nobody else publishes.
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
        """Read what was kept of a path, or of all that a pattern with stars covers; on the loop's thread.

        What is published here before the call and was routed is in it, what is routed later is not. Where the answer
        comes later, what is routed meanwhile may be in it as well: each packet has its position.

        Args:
            path: the path or pattern.
            behind: where to begin; None for the latest `limit` packets.
            limit: how many packets are wanted at most.

        Returns:
            It, now or later; an error if it cannot be read: nobody's fault, try later. An engine that numbers each
            path by itself knows nothing of a pattern: then `at` is None, and `complete` False.
        """
        ...


class LocalEngine:
    """The engine of a server by itself: nothing travels, and what is kept is lost with the server.

    A packet is kept in the turn in which it is routed. So who connects to its path and reads what is kept, in one
    turn, gets it once: kept, or routed.

    Args:
        histories: what is kept; None for nothing.
    """

    run: Callable[[], Awaitable[None]] | None = None
    publish_once: Callable[[Packet, str], Future[None] | None] | None = None

    def __init__(self, histories: Histories | None = None) -> None:
        self._dispatcher: ActorRef[Any] | None = None
        self._histories = histories
        self.members = Members()

    def attach(self, dispatcher: ActorRef[Any]) -> None:
        """Let `dispatcher` route from now on."""
        self._dispatcher = dispatcher

    def publish(self, packet: Packet) -> Future[None] | None:
        """Put a packet into the dispatcher's mailbox; see `Engine.publish`."""
        dispatcher = self._dispatcher
        if dispatcher is None:
            raise no_server()
        if self._histories is not None and self._histories.keeps(packet.path):
            dispatcher.tell(as_wished(packet, self._histories.record))
        elif isinstance(packet, TrackedPacket) and packet.has_wishes:
            dispatcher.tell(as_wished(packet))
        else:
            dispatcher.tell(packet)
        return None

    def interest(self, pattern: str, *, wanted: bool) -> None:
        """Do nothing: the dispatcher has the table."""

    def history(self, path: str, behind: Position | None, limit: int) -> Future[History]:
        """Read what was kept of a path; see `Engine.history`."""
        answer: Future[History] = Future()
        if self._histories is None:
            answer.offer(History((), None, complete=False))
        else:
            answer.offer(self._histories.read(path, behind, limit))
        return answer


def no_server() -> UsageError:
    """Return the error for an update that nobody routes."""
    return UsageError("no server runs this application, so there is nobody to update")
