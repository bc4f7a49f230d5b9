"""Sockets: a coroutine for each client of a namespace or a path; a part of `App`.

1.  A client has a socket as soon as its session opens, if it has connected to that namespace by Socket.IO. On other
    wires it has one as soon as it sends a message to the namespace's path, `chat` of `/chat`, or asks to hear that.
2.  Each socket's coroutine is a child of a supervisor, one for each declaration, and each child is counted by itself.
    If it crashes, it is not called again (`temporary`), or is called again with the same socket (`transient`), until
    it crashes too often.
3.  When it is over, however that comes about, so is the socket, and its session is ended unless it has ended already.
    Nobody else notices.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from cometary.app.namespaces import Namespaces
from cometary.app.socket import Socket
from cometary.declarations import check_async
from cometary.errors import ChildStateError, UsageError
from cometary.sessions.flow import CAUSE
from cometary.supervision import DynamicSupervisor
from cometary.supervision.function import FunctionActor

if TYPE_CHECKING:
    from cometary.actors import ActorRef
    from cometary.dispatch.hub import Hub
    from cometary.sessions import Packet, Session

    Talker = Callable[[Socket], Awaitable[object]]
    T = TypeVar("T", bound=Talker)

RESTARTS: Final = ("temporary", "transient")
MAIN_PATH: Final = "message"
"""The path of the main namespace: what its clients send without a name."""


class Place:
    """Where sockets are: one declaration.

    Args:
        namespace: such as `/chat`.
        function: what each socket is given to.
        restart: what becomes of one whose function crashes.

    Attributes:
        namespace: the same.
        function: the same.
        restart: the same.
        path: that of its messages.
        hub: sends, while a server runs.
        supervisor: runs the functions, while it does.
    """

    def __init__(self, namespace: str, function: Talker, restart: Literal["temporary", "transient"]) -> None:
        self.namespace = namespace
        self.function = function
        self.restart: Literal["temporary", "transient"] = restart
        self.path = namespace[1:] or MAIN_PATH
        self.hub: Hub | None = None
        self.supervisor: SocketSupervisor | None = None
        self._sockets: dict[str, Socket] = {}

    def has(self, socket: Socket) -> bool:
        """Whether a socket is connected."""
        return self._sockets.get(socket.name) is socket

    def enter(self, session: Session) -> Socket:
        """Return the socket of a session; it has one from now on.

        Raises:
            ChildStateError: none can be had at the moment, since the supervisor has crashed; nobody's fault.
        """
        socket = self._sockets.get(session.name)
        if socket is None:
            if self.supervisor is None:
                raise ChildStateError(f"there are no sockets of {self.namespace} at the moment")
            socket = self._sockets[session.name] = Socket(session, self)
            session.connect(self.path)
            self.supervisor.talk_with(socket)
        return socket

    def take(self, session: Session, _path: str, message: Any) -> Awaitable[None] | None:
        """Take what a client says; for `App.packet`."""
        return self.enter(session).take(message)

    def admit(self, session: Session, _path: str) -> bool:
        """Let a client hear the path, which makes it a socket; for `App.authorize`."""
        self.enter(session)
        return True

    def signed_on(self, session: Session) -> None:
        """Take note of a new session."""
        if session.namespace == self.namespace:
            self.enter(session)

    def signed_off(self, session: Session, _reason: str, _undelivered: Sequence[Packet]) -> None:
        """Take note that a session has ended."""
        socket = self._sockets.pop(session.name, None)
        if socket is not None:
            socket.say_no_more()

    def over(self, socket: Socket) -> None:
        """Take note that a socket's function is over for good (rule 3)."""
        socket.read_no_more()
        if self._sockets.pop(socket.name, None) is not None:
            socket.session.kick()

    def broadcast(self, message: Any, sender: Socket, exclude: Collection[Socket]) -> None:
        """See `Socket.broadcast`."""
        hub = self.hub
        if hub is None:
            return  # the server has stopped: nobody is there
        if not exclude:
            hub.update(self.path, message, exclude=sender.session.sid)
            return
        left_out = {sender.name, *[socket.name for socket in exclude]}
        for socket in [*self._sockets.values()]:
            if socket.name not in left_out:
                socket.session.send(self.path, message)


async def talk(function: Talker, socket: Socket) -> None:
    """Call a socket's function."""
    CAUSE.set(None)  # what it does is not what one packet has brought about
    await function(socket)


class SocketSupervisor(DynamicSupervisor):
    """Runs the functions of all sockets of one place.

    Args:
        place: the place.
    """

    def __init__(self, place: Place) -> None:
        super().__init__(per="child", restart=place.restart)
        self._place = place
        self._sockets: dict[ActorRef[Any], Socket] = {}

    def talk_with(self, socket: Socket) -> None:
        """Call the function of the place with a socket, as a child."""
        self._sockets[self.start_child(FunctionActor, talk, self._place.function, socket)] = socket

    async def on_start(self) -> None:  # type: ignore[override]  # async, as its on_receive is
        """Begin to take sockets."""
        await super().on_start()
        self._place.supervisor = self

    def forget(self, ref: ActorRef[Any]) -> None:
        """Forget a child, whose socket is over with it."""
        super().forget(ref)
        socket = self._sockets.pop(ref, None)
        if socket is not None:
            self._place.over(socket)


class Sockets(Namespaces):
    """The sockets of an application, and all that `Namespaces` has.

    Attributes:
        places: where there are sockets.
    """

    def __init__(self) -> None:
        super().__init__()
        self.places: list[Place] = []

    def socket(
        self, namespace: str, *, restart: Literal["temporary", "transient"] = "temporary"
    ) -> Callable[[T], T]:
        """Call `function(socket)`, which is async, for each client of a namespace: it talks with it until it returns.

            @app.socket("/chat")
            async def chat(socket):
                async for message in socket:
                    socket.broadcast(message)

        Socket.IO is spoken from then on. Clients on other wires are in the namespace `/chat` if they send to the path
        `chat`, or ask to hear it.

        Args:
            namespace: such as `/chat`; `/` is the main one.
            restart: what becomes of a socket whose function crashes: `temporary`, its session is ended; or `transient`,
                the function is called again with it, three times within five seconds at most.

        Raises:
            UsageError: if that namespace already has sockets, it is not a name, the function cannot be called so,
                or a server runs the application; the caller's fault, nothing has changed.
        """
        if restart not in RESTARTS:
            raise UsageError(f"@app.socket(restart=…) is one of {', '.join(RESTARTS)}, not {restart!r}")
        if any(place.namespace == namespace for place in self.places):
            raise UsageError(f"there are sockets of the namespace {namespace} already")
        self._have_namespace("@app.socket", namespace)

        def declare(function: T) -> T:
            check_async("@app.socket", function, "socket")
            place = Place(namespace, function, restart)
            self.places.append(place)
            self.of_signon.append(place.signed_on)
            self.of_signoff.append(place.signed_off)
            self.handle_packets(place.path, place.take)
            self.authorize(place.path)(place.admit)
            return function

        return declare

    def attach(self, hub: Hub | None) -> None:
        """Send updates by `hub` from now on; None when the server has stopped."""
        self._hub = hub
        for place in self.places:
            place.hub = hub
