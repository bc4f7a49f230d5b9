"""The session as the application's handlers see it."""

from __future__ import annotations

from threading import get_ident
from typing import TYPE_CHECKING, Any, Final

import trio
from mypy_extensions import mypyc_attr

from cometary.declarations import check_text
from cometary.errors import AskError
from cometary.packets.packet import marked
from cometary.packets.patterns import NO_GRANTS, Grants
from cometary.packets.position import read_replay

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cometary.packets.packet import Packet
    from cometary.sessions.application import Hub
    from cometary.sessions.handshake import Handshake
    from cometary.sessions.keeper import SessionKeeper
    from cometary.sessions.recorder import Recorder

_thread: Final = get_ident  # which compiled code finds without looking for its name


@mypyc_attr(allow_interpreted_subclasses=True)
class Session:
    """One client. Handed to every handler; may be kept and used later, from any thread."""

    __slots__ = ("_hub", "_keeper")

    def __init__(self, keeper: SessionKeeper, hub: Hub) -> None:
        self._keeper = keeper
        self._hub = hub

    @property
    def sid(self) -> str:
        """The session's secret id: its only credential. Do not log it."""
        return self._keeper.sid

    @property
    def name(self) -> str:
        """A short public name, safe to log and to show."""
        return self._keeper.name

    @property
    def namespace(self) -> str | None:
        """The namespace that its client has connected to, such as `/chat`; None on wires that have none."""
        return self._keeper.machine.policy.namespace

    @property
    def handshake(self) -> Handshake | None:
        """What its client showed of itself when the session opened, by Socket.IO; None on other wires.

        It holds secrets, such as cookies: do not log what is in it.
        """
        return self._keeper.handshake

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
        return self._hub.paths(self._keeper).listed

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
            packet = self._hub.packet(path, message)
        else:
            packet = self._hub.tracked(path, message, receipt=receipt, ttl=ttl, key=key)
        self._send(packet)

    def _send(self, packet: Packet) -> None:
        keeper = self._keeper
        serving = keeper.serving
        if serving is not None and _thread() == keeper.system.thread:
            serving.push(packet)  # called by a handler, in the actor's own turn
        else:
            self._hub.post(keeper, packet)

    async def ask(self, path: str, message: Any = None, *, timeout: float = 10.0) -> Any:  # noqa: ASYNC109 - see below
        """Send the client a packet, and wait for what its handler returns; on the loop.

        Args:
            path: see `send`.
            message: see `send`.
            timeout: seconds to wait at most, for the client to get it and to answer.

        Raises:
            AskError: there is no answer; `fault` says whose fault that is.
            UsageError: see `send`.
            MailboxFullError: see `send`; or too many questions have no answer yet.
        """
        packet = self._hub.packet(path, message)
        with self._hub.asking(self._keeper) as asked:
            self._send(marked(packet, "ask", asked.ask))
            with trio.move_on_after(timeout):
                return await asked.answer
        raise AskError("nobody", "timeout", f"The client has not answered within {timeout:g} seconds.")

    def connect(self, *paths: str, last: int = 0, since: Mapping[str, str] | None = None) -> None:
        """Receive every update to these paths (`*`: any one segment, `**`: any rest) from now on.

        Args:
            *paths: the paths, or patterns.
            last: how many of the latest updates to each of the paths to send first, as far as they are kept.
            since: for some of them, or of the paths that they cover, the position (`at`) behind which to begin
                instead.

        Raises:
            PatternError: if one of them is not a path or pattern; the caller's fault, nothing has changed.
            UsageError: if one of them is not text, or they would be more paths than the option `session-paths`
                allows, or `last` or `since` makes no sense; the same.
        """
        _check_texts("connect", paths)
        replay = read_replay(last, since)
        self._hub.subscribe(self._keeper, paths, replay).get()

    @property
    def granted(self) -> Grants:
        """The paths, and patterns, that the client may connect itself to by the token that it was let in on."""
        lease = self._keeper.lease
        return NO_GRANTS if lease is None else lease.paths

    def replay(self, since: Mapping[str, str]) -> None:
        """Send what is kept of paths that the session is connected to, behind a position in each of them.

        Raises:
            UsageError: if it is not connected to one of the paths, or that is no position; the caller's fault, nothing
                was sent.
        """
        self._hub.replay(self._keeper, read_replay(0, since)).get()

    def presence(self, path: str, most: int) -> dict[str, object]:
        """Return who is on a path that the session hears, as plain data: `count`, and the first `most` as `members`.

        Raises:
            UsageError: if it does not hear that path; the caller's fault.
        """
        return self._hub.presence_for(self._keeper, path, most)

    def disconnect(self, *paths: str) -> None:
        """Receive no more updates to these paths.

        Raises:
            PatternError: if one of them is not a path or pattern; the caller's fault, nothing has changed.
            UsageError: if one of them is not text; the same.
        """
        _check_texts("disconnect", paths)
        self._hub.unsubscribe(self._keeper, paths).get()

    def kick(self) -> None:
        """End the session; the client is told `kicked`."""
        self._hub.end(self._keeper, "kicked")

    def __repr__(self) -> str:
        return f"<Session {self.name}>"


def _check_texts(name: str, paths: Iterable[object]) -> None:
    for path in paths:
        check_text(f"session.{name}", path, f'session.{name}("news", "chat/*"), one text for each path')


def recorder_of(session: Session) -> Recorder | None:
    """Return what records a session; None if nothing does."""
    return session._keeper.recorder  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - it is of this module
