"""The application object: what a user writes against.

from cometary import App

app = App()


@app.signon
def joined(session):
    session.connect("news")


@app.packet("chat/*")
def chat(session, path, message):
    app.update(path, message)
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cometary.dispatch.paths import check_path
from cometary.dispatch.patterns import Pattern
from cometary.dispatch.subscriptions import Subscriptions
from cometary.errors import ProtocolError, UsageError
from cometary.sessions.packet import outgoing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from cometary.actors import ActorRef
    from cometary.sessions import Packet, Session

    Handler = Callable[..., Awaitable[object] | None]
    H = TypeVar("H", bound=Handler)
    Task = Callable[[Any], Awaitable[object]]
    T = TypeVar("T", bound=Task)
    Verdict = bool | Mapping[str, Any]
    Authenticator = Callable[[object], Verdict | Awaitable[Verdict]]

MOST_REMEMBERED_PATHS: Final = 1024
"""Paths whose handlers are remembered; when there are more, all are looked up again."""


class App:
    """The handlers of one application. They may be `def` or `async def`.

    For one session they are called one at a time and in order, inside the session's actor. One
    that raises crashes that actor and nothing else: its supervisor restarts it, with everything
    the session had, and goes on with the packet behind the one that crashed it.
    """

    def __init__(self) -> None:
        self.authenticator: Authenticator | None = None
        self.tasks: list[Task] = []
        self.directories: list[tuple[str, Path]] = []
        self._signon: list[Handler] = []
        self._signoff: list[Handler] = []
        self._packet: Subscriptions[Handler] = Subscriptions()
        self._remembered: dict[str, tuple[Handler, ...]] = {}
        self._dispatcher: ActorRef[Any] | None = None

    # -- what a user declares ---------------------------------------------------------------

    def signon(self, handler: H) -> H:
        """Call `handler(session)` when a session has opened."""
        self._signon.append(handler)
        return handler

    def signoff(self, handler: H) -> H:
        """Call `handler(session, reason, undelivered)` when a session has ended.

        `reason` is one of the protocol's; `undelivered` are the packets that the client never
        acknowledged, in order, each with `path` and `message`.
        """
        self._signoff.append(handler)
        return handler

    def packet(self, pattern: str) -> Callable[[H], H]:
        """Call `handler(session, path, message)` for each client packet whose path matches.

        Args:
            pattern: a path, in which `*` stands for any one segment and a last `**` for any rest.
                If several patterns match, all their handlers are called, in the order in which
                they were declared. A packet that no pattern matches is refused (`forbidden`).

        Raises:
            PatternError: if it is no pattern; the caller's fault.
        """
        Pattern.compile(pattern)

        def declare(handler: H) -> H:
            self._packet.subscribe(pattern, handler)
            self._remembered.clear()
            return handler

        return declare

    def authenticate(self, authenticator: Authenticator) -> Authenticator:
        """Ask `authenticator(token)` whether a session may be opened.

        It gets what the client gave as `token`, or None, and returns (or, if it is async, is
        awaited for) whether the client is let in. A mapping lets it in as True does, and becomes
        the session's `data`: who the user is, for example. Without an authenticator every client
        is let in.
        """
        self.authenticator = authenticator
        return authenticator

    def task(self, function: T) -> T:
        """Run `function(running)`, which is async, for as long as the server runs.

        It is started once the server takes requests and given the `cometary.server.Running`. It
        is a child of the supervisor `application`, called by the function's name, and is started
        again, after a pause that grows, should it crash or return.
        """
        self.tasks.append(function)
        return function

    def files(self, prefix: str, directory: Path) -> None:
        """Serve the files of `directory` and of those below it, beside the comet endpoint.

        They are read when the server starts: what is put there later is not served.

        Args:
            prefix: what their URL paths begin with, such as `/` or `/static/`.
            directory: where they are; its `index.html` is served at `prefix` itself, too.
        """
        self.directories.append((prefix, directory))

    # -- what a user calls ------------------------------------------------------------------

    def update(self, path: str, message: Any = None, *, sender: object = None) -> None:
        """Send `message` to every session connected to `path`; from any thread.

        Raises:
            UsageError: if no server runs the application, `path` is none, or `message` cannot be
                encoded; the caller's fault, nothing was sent.
        """
        try:
            check_path(path, from_client=False)
        except ProtocolError as error:
            raise UsageError(error.detail) from None
        self.route(outgoing(path, message, sender))

    def route(self, packet: Packet) -> None:
        """Send a packet that was made already to every session connected to its path."""
        if self._dispatcher is None:
            msg = "no server runs this application, so there is nobody to update"
            raise UsageError(msg)
        self._dispatcher.tell(packet)

    # -- what the server calls --------------------------------------------------------------

    def attach(self, dispatcher: ActorRef[Any] | None) -> None:
        """Send updates to `dispatcher` from now on; None when the server has stopped."""
        self._dispatcher = dispatcher

    def accepts(self, path: str) -> bool:
        """Whether there is a handler for client packets to `path`."""
        return bool(self._handlers(path))

    def signed_on(self, session: Session) -> Awaitable[object] | None:
        """Hand a new session to the handlers."""
        return call_in_order(self._signon, session)

    def received(self, session: Session, packet: Packet) -> Awaitable[object] | None:
        """Hand a client packet to the handlers of its path."""
        handlers = self._handlers(packet.path)
        if len(handlers) == 1:
            return handlers[0](session, packet.path, packet.message)
        return call_in_order(handlers, session, packet.path, packet.message)

    def signed_off(
        self, session: Session, reason: str, undelivered: Sequence[Packet]
    ) -> Awaitable[object] | None:
        """Hand the end of a session to the handlers."""
        return call_in_order(self._signoff, session, reason, undelivered)

    def _handlers(self, path: str) -> tuple[Handler, ...]:
        handlers = self._remembered.get(path)
        if handlers is None:
            if len(self._remembered) >= MOST_REMEMBERED_PATHS:
                self._remembered.clear()
            self._remembered[path] = handlers = self._packet.subscribers(path)
        return handlers


def call_in_order(handlers: Sequence[Handler], *args: Any) -> Awaitable[object] | None:
    """Call each handler with `args`, the next one when the one before has finished.

    Returns:
        None if all have finished; else what remains to be awaited.
    """
    for place, handler in enumerate(handlers):
        outcome = handler(*args)
        if inspect.isawaitable(outcome):
            return finish_in_order(outcome, handlers[place + 1 :], *args)
    return None


async def finish_in_order(outcome: Awaitable[object], handlers: Sequence[Handler], *args: Any) -> None:
    """Await `outcome`, then call the other handlers one after the other."""
    await outcome
    for handler in handlers:
        following = handler(*args)
        if inspect.isawaitable(following):
            await following
