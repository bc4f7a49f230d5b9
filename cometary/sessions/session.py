"""The session as the application's handlers see it."""

from __future__ import annotations

from contextlib import suppress
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final

from pykka import ActorDeadError

from cometary.actors import Future
from cometary.actors.messages import as_told
from cometary.declarations import check_text
from cometary.errors import MailboxFullError
from cometary.escapes import exit_in
from cometary.sessions.events import End
from cometary.sessions.flow import CAUSE
from cometary.sessions.keeper import BEHIND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cometary.sessions.keeper import SessionKeeper
    from cometary.sessions.manager import SessionManager


MOST_MAIL: Final = 100_000
"""Messages that wait for a session's actor at most."""


class Session:
    """One client. Handed to every handler; may be kept and used later, from any thread."""

    __slots__ = ("_keeper", "_manager")

    def __init__(self, keeper: SessionKeeper, manager: SessionManager) -> None:
        self._keeper = keeper
        self._manager = manager

    @property
    def sid(self) -> str:
        """The session's secret id: its only credential. Do not log it."""
        return self._keeper.sid

    @property
    def name(self) -> str:
        """A short public name, safe to log and to show."""
        return self._keeper.name

    @property
    def data(self) -> dict[str, Any]:
        """The application's own notes; they survive a restart of the session's actor."""
        return self._keeper.data

    @property
    def user(self) -> str | int | None:
        """The item `user` of `data`, if that is text or a number."""
        return self._keeper.user

    @property
    def paths(self) -> list[str]:
        """The paths that the session is connected to."""
        return self._manager.paths(self._keeper)

    def send(
        self,
        path: str,
        message: Any = None,
        *,
        receipt: str | None = None,
        ttl: float | None = None,
        key: str | None = None,
    ) -> None:
        """Send the client a packet.

        Once the session has ended nothing reaches the client. Until the application is told of the end,
        the packet is one of the `undelivered`; later it is dropped, and counted.

        Args:
            path: where the message belongs.
            message: any value that JSON or CBOR can carry.
            receipt: the id for a receipt that says what has become of the packet; None for none.
            ttl: seconds that it waits unsent at most; None: as the path's contract says.
            key: what it is conflated and counted with; None: as the path's contract says.

        Raises:
            UsageError: if `path` is none, `message` cannot be encoded or is larger than all that a session
                queues (`queue-bytes`), or another argument makes no sense; the caller's fault, nothing was sent.
            MailboxFullError: if a hundred thousand messages wait for the session to have its turn, since
                whoever sends them gives it none; nobody else's fault, nothing was sent, try later.
        """
        if receipt is None and ttl is None and key is None:
            packet = self._manager.packet(path, message)
        else:
            packet = self._manager.tracked(path, message, receipt=receipt, ttl=ttl, key=key)
        actor = self._keeper.serving
        if actor is not None and get_ident() == actor.system.thread:
            actor.push(packet)  # called by a handler, in the actor's own turn
            return
        if self._keeper.lag == BEHIND:
            self._hold_sender()
        if self._keeper.ended is None and self._keeper.mail >= MOST_MAIL:
            raise MailboxFullError(f"{MOST_MAIL} messages wait for {self} to have its turn")
        self._manager.posting.send(self._keeper, packet)

    def _hold_sender(self) -> None:
        """Hold the session whose client's packet is being handled here, if one is (`flow`)."""
        cause = CAUSE.get()
        if cause is not None and get_ident() == self._keeper.system.thread:
            self._manager.flow.hold_for(cause, self._keeper.ref)

    def connect(self, *paths: str) -> None:
        """Receive every update to these paths (`*`: any one segment, `**`: any rest) from now on.

        Raises:
            PatternError: if one of them is not a path or pattern; the caller's fault, nothing has changed.
            UsageError: if one of them is not text, or they would be more paths than the option `session-paths`
                allows; the same.
        """
        _check_texts("connect", paths)
        self._on_loop(self._manager.connect, paths)

    def disconnect(self, *paths: str) -> None:
        """Receive no more updates to these paths.

        Raises:
            UsageError: if one of them is not text; the caller's fault.
        """
        _check_texts("disconnect", paths)
        self._on_loop(self._manager.disconnect, paths)

    def kick(self) -> None:
        """End the session; the client is told `kicked`."""
        self._manager.posting.send(self._keeper, End("kicked"))

    def _on_loop(self, change: Callable[[SessionKeeper, Iterable[str]], None], paths: Iterable[str]) -> None:
        """Change the table of subscriptions, which has no lock, on the one thread that may."""
        system = self._keeper.system
        if get_ident() == system.thread:
            change(self._keeper, paths)
            return
        changed: Future[None] = Future()

        def call() -> None:
            try:
                change(self._keeper, paths)
            except BaseException as error:  # it is raised where it was called for
                if exit_in(error) is not None:
                    raise
                changed.offer(error=as_told(error))
            else:
                changed.offer()

        with suppress(ActorDeadError):  # the server has stopped
            system.call_soon(call)
            changed.get()

    def __repr__(self) -> str:
        return f"<Session {self.name}>"


def _check_texts(name: str, paths: Iterable[object]) -> None:
    for path in paths:
        check_text(f"session.{name}", path, f'session.{name}("news", "chat/*"), one text for each path')
