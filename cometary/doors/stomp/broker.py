"""Does what STOMP clients ask for: destinations are paths, queues, sessions, and what is told of sessions.

1.  A destination is the path of an update, or, to subscribe, a pattern. `/queue/…` is a queue; `/session/SID` one
    session, whose packet's path is in the header `path`; `::signon` and its like what happens to sessions, as in
    webhooks.
2.  A client that reads more slowly than it is sent to is disconnected: what waits for it is bounded. While it has no
    room, it is not sent what clients of sessions say (`::message`): these must not be able to disconnect a back-end.
3.  What a client hears of paths comes through an actor of its own, which ends with its connection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, Final, cast

import trio

from cometary.actors import Actor, Future
from cometary.dispatch.call_line import TAKEN
from cometary.doors.stomp.bodies import JSON, STOMP, message_of, passed_on
from cometary.doors.stomp.conversation import Conversation, result_of
from cometary.doors.stomp.frames import Frame, tail
from cometary.doors.stomp.logins import Rights
from cometary.doors.stomp.queues import Consumer, Message, Queues
from cometary.doors.stomp.subscription import Subscription
from cometary.doors.webhooks.event_queue import MESSAGE
from cometary.errors import PatternError, ProtocolError, UsageError
from cometary.packets.packet import Packet
from cometary.packets.paths import check_target
from cometary.packets.patterns import Pattern

if TYPE_CHECKING:
    from cometary.dispatch.hub import Hub
    from cometary.doors.stomp.logins import Login, Logins
    from cometary.doors.webhooks.event_queue import Event
    from cometary.packets.patterns import Grants

QUEUE: Final = "/queue/"
SESSION: Final = "/session/"
APART: Final = (QUEUE, SESSION)
"""The beginnings of destinations that are not paths."""

EVENTS: Final = ("::signon", "::signoff", "::failure", "::receipt", "::message")
"""What happens to sessions, and what their clients send; the words are those of webhooks."""


class Ear(Actor):
    """Hears updates for one client (rule 3)."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client

    def on_receive(self, message: Any) -> None:
        """Pass on a packet."""
        if isinstance(message, Packet):
            self._client.hear(message)

    def on_stop(self) -> None:
        """Close the connection: its client would wait in vain."""
        self._client.leave()


class Broker:
    """What all clients have in common.

    Args:
        hub: sends, whoever asks.
        logins: says who may speak.

    Attributes:
        hub: the same; likewise the next.
    """

    def __init__(self, hub: Hub, logins: Logins) -> None:
        self.hub = hub
        self.logins = logins
        self.queues = Queues()
        self.clients: dict[Client, None] = {}
        self.listeners: dict[str, dict[Subscription, Client]] = {name: {} for name in EVENTS}
        self.sent = 0
        """Messages that clients have sent."""
        self._count = 0

    def new_name(self) -> str:
        """Return the name that a client is given for its session."""
        self._count += 1
        return str(self._count)

    def tell(self, event: Event) -> bool:
        """Send an event to those who subscribe to its type; returns whether it was sent to any (rule 2)."""
        name = f"::{event.type}"
        rest = tail([("content-type", JSON)], event.body)
        told = [*self.listeners[name].items()]
        if event.type == MESSAGE:
            told = [(subscription, client) for subscription, client in told if client.has_room(subscription)]
        for subscription, client in told:
            client.deliver(subscription, name, rest)
        return bool(told)

    def publish(self, frames: Sequence[Frame]) -> Future[None] | None:
        """See `conversation.Server`."""
        if len(frames) == 1 and not (destination := frames[0].headers["destination"]).startswith(APART):
            return self._taken(self.hub.publish_all((self._packet(destination, frames[0]),)))
        packets: list[Packet] = []
        calls: list[Callable[[], object]] = []
        queued: dict[str, list[bytes]] = {}
        for frame in frames:
            destination = frame.headers["destination"]
            if destination.startswith(QUEUE):
                check_target(destination)
                queued.setdefault(destination, []).append(passed_on(frame))
            elif destination.startswith(SESSION):
                sid = destination.removeprefix(SESSION)
                packet = self._packet(frame.headers.get("path", ""), frame)
                calls.append(partial(self.hub.send, sid, [packet]))
            else:
                packets.append(self._packet(destination, frame))
        self.queues.check(queued)
        if packets:
            calls.insert(0, partial(self.hub.publish_all, packets))
        calls += [partial(self.queues.put, name, rest) for name, rests in queued.items() for rest in rests]
        return self._make(calls)

    def _packet(self, path: str, frame: Frame) -> Packet:
        check_target(path)
        try:
            return self.hub.packet(path, message_of(frame))
        except UsageError as error:
            raise ProtocolError("bad-request", str(error)) from None

    def _make(self, calls: Sequence[Callable[[], object]]) -> Future[None] | None:
        """Make calls, and return the last answer that is still to come."""
        waiting: Future[None] | None = None
        for call in calls:
            answer = call()
            if isinstance(answer, Future):
                waiting = self._taken(cast("Future[None]", answer)) or waiting
            else:
                self.sent += 1
        return waiting

    def _taken(self, answer: Future[None]) -> Future[None] | None:
        """Count a call that was made, and return its answer if that is still to come."""
        self.sent += 1
        if answer is TAKEN:  # as it nearly always is
            return None
        if not answer.done():
            return answer
        result_of(answer)
        return None


class Client:
    """One client of the broker.

    Args:
        broker: what it has in common with others.
        send: sends bytes to it; returns whether there is room for more.
        close: closes its connection.
        address: where it is.

    Attributes:
        conversation: what is said on its connection.
        has_left: whether that is closed.
        expires: until when it may speak, in seconds of Trio's clock.
    """

    def __init__(
        self, broker: Broker, send: Callable[[bytes], bool], close: Callable[[], object], address: str
    ) -> None:
        self.conversation = Conversation(self, self._say, broker.new_name())
        self.expires = inf
        self._address = address
        self._destinations: Grants | None = None
        self._broker = broker
        self._send = send
        self._close = close
        self._has_room = True
        self._by_destination: dict[str, list[Subscription]] = {}
        self._starred: dict[str, Pattern] = {}
        self._ear = Ear.start(self)
        self.has_left = False
        broker.clients[self] = None

    def leave(self) -> None:
        """Give up what the client had: its connection is closed."""
        if self.has_left:
            return
        self.has_left = True
        self._broker.clients.pop(self, None)
        self._broker.hub.forget(self._ear)
        self.conversation.end()
        self._ear.stop(block=False)
        self._close()

    def drained(self) -> None:
        """Take note that there is room again."""
        self._has_room = True
        for destination in [*self._by_destination]:
            if destination.startswith(QUEUE):
                self._broker.queues.go_on(destination)

    def has_room(self, subscription: Subscription) -> bool:
        """Whether what is delivered to a subscription now is read, and acknowledged, soon enough."""
        return self._has_room and not subscription.full and not self.conversation.closing

    def _say(self, data: bytes) -> None:
        self._has_room = self._send(data)

    # -- what it hears --------------------------------------------------------------------------

    def hear(self, packet: Packet) -> None:
        """Send a packet to each subscription that it is for."""
        rest = STOMP.encode(packet)
        covering = [pattern.text for pattern in self._starred.values() if pattern.matches(packet.path)]
        for destination in {packet.path: None, **dict.fromkeys(covering)}:
            for subscription in [*self._by_destination.get(destination, ())]:
                self.deliver(subscription, packet.path, rest)

    def deliver(self, subscription: Subscription, path: str, rest: bytes, message: object = None) -> None:
        """Send a message to one subscription (rule 2)."""
        if self.conversation.closing:
            return
        if subscription.full:
            self.conversation.fail(ProtocolError("too-many-requests", "too many messages are unacknowledged"))
            return
        self.conversation.deliver(subscription, path, rest, message)

    # -- what it asks for; see `conversation.Server` ----------------------------------------------

    def admit(self, login: str, passcode: str) -> Future[None] | None:
        """Let the client in."""
        answer = self._broker.logins.ask(login, passcode, self._address)
        if isinstance(answer, Rights):
            self._admitted(answer)
            return None
        done: Future[None] = Future()
        answer.add_done_callback(partial(self._judged, answer, done))
        return done

    def _judged(self, answer: Login, done: Future[None]) -> None:
        try:
            self._admitted(answer.get())
        except ProtocolError as error:
            done.offer(error=error)
        else:
            done.offer()

    def _admitted(self, rights: Rights) -> None:
        self._destinations = rights.destinations
        if rights.expires is not None:
            self.expires = trio.current_time() + rights.expires

    def _check(self, destination: str) -> None:
        """Check that the client may use a destination.

        Raises:
            ProtocolError: it may not.
        """
        if self._destinations is not None:
            try:
                covered = self._destinations.cover(Pattern.compile(destination))
            except PatternError:
                covered = False
            if not covered:
                raise ProtocolError("forbidden", "This login has no right to that destination.")

    def publish(self, frames: Sequence[Frame]) -> Future[None] | None:
        """Send messages."""
        if self._destinations is not None:
            for frame in frames:
                self._check(frame.headers["destination"])
        return self._broker.publish(frames)

    def subscribe(self, subscription: Subscription) -> None:
        """Hear a destination."""
        destination = subscription.destination
        self._check(destination)
        if destination in EVENTS:
            self._broker.listeners[destination][subscription] = self
            return
        try:
            pattern = Pattern.compile(destination)
        except PatternError as error:
            raise ProtocolError("bad-request", str(error)) from None
        if destination.startswith(QUEUE):
            check_target(destination)  # a pattern would be a queue of its own, to which nobody sends
        self._by_destination.setdefault(destination, []).append(subscription)
        if destination.startswith(QUEUE):
            self._consume(subscription)
            return
        if not pattern.exact:
            self._starred[destination] = pattern
        self._broker.hub.listen(self._ear, destination)

    def unsubscribe(self, subscription: Subscription) -> None:
        """Stop hearing it; what is in flight goes to others."""
        destination = subscription.destination
        if destination in EVENTS:
            self._broker.listeners[destination].pop(subscription, None)
            return
        known = self._by_destination[destination]
        known.remove(subscription)
        if not known:
            del self._by_destination[destination]
            self._starred.pop(destination, None)
        if destination.startswith(QUEUE):
            for message in subscription.unacknowledged.values():
                self._broker.queues.put_back(destination, cast("Message", message), subscription)
            self._broker.queues.unsubscribe(destination, subscription)
        elif not known:
            self._broker.hub.unlisten(self._ear, destination)

    def settle(self, subscription: Subscription, message: object, *, taken: bool) -> None:
        """Take note that a message was acknowledged, or was not taken."""
        if message is not None:
            if not taken:
                self._broker.queues.put_back(subscription.destination, cast("Message", message), subscription)
            self._broker.queues.go_on(subscription.destination)

    def _consume(self, subscription: Subscription) -> None:
        def deliver(message: Message) -> None:
            self.conversation.deliver(subscription, subscription.destination, message.rest, message)

        consumer = Consumer(partial(self.has_room, subscription), deliver)
        try:
            self._broker.queues.subscribe(subscription.destination, subscription, consumer)
        except ProtocolError:
            self._by_destination[subscription.destination].remove(subscription)
            raise
