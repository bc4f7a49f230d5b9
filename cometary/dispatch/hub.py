"""The hub: the one way by which packets are sent, and sessions connected, disconnected and ended.

1.  The application, its sessions' handlers, and back-ends by any door all come here; nothing else routes.
2.  A caller that has a `Session` knows the session by its keeper, and the session is here then. A caller that has
    only an id (a door) gets a future, since the answer may have to wait; it is settled at once if nothing has to.
    Such a call is made on the loop's thread; all others may come from any thread.
3.  The table of who hears what has no lock: it is changed on the loop's thread, wherever the change is asked for.
4.  Nobody sends without bound. An update is refused with `MailboxFullError` while far too many have not been routed
    yet, and a packet for one session while far too many wait for its turn. The client whose packet causes work waits
    for it (`cometary.sessions.flow`), and back-ends wait for what they send (`call_line`).
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from threading import get_ident
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cometary.actors import Future
from cometary.dispatch.asks import Asks
from cometary.dispatch.call_line import TAKEN, CallLine, failed, settle, when_all
from cometary.dispatch.engine import LocalEngine
from cometary.dispatch.idempotency import IdempotencyKeys
from cometary.dispatch.on_loop import on_loop
from cometary.dispatch.presence import Presence, check_hears
from cometary.dispatch.replays import Replays
from cometary.errors import CometaryError, ElsewhereError, MailboxFullError, ProtocolError, UsageError
from cometary.packets.contract_table import Contracts
from cometary.packets.notices import GAP_PATH
from cometary.packets.packet import Packet
from cometary.packets.paths import check_own_path
from cometary.packets.patterns import Pattern
from cometary.packets.position import NOTHING, Replay
from cometary.packets.probes import Probes
from cometary.sessions.application import Connect, Disconnect, Paths
from cometary.sessions.application import Hub as SessionsHub
from cometary.sessions.flow import CAUSE, Flow
from cometary.sessions.keeper import BEHIND
from cometary.sessions.locator import here, unknown_session
from cometary.sessions.posting import Posting
from cometary.sessions.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cometary.actors import ActorRef
    from cometary.dispatch.dispatcher import Table
    from cometary.dispatch.engine import Engine
    from cometary.dispatch.history import History
    from cometary.packets.position import Position
    from cometary.sessions import SessionKeeper, SessionManager
    from cometary.sessions.locator import Locator

T = TypeVar("T")

MOST_MAIL: Final = 100_000
"""Messages that wait for a session's actor at most."""


class Hub(SessionsHub):
    """Passes on what is sent to the sessions of one server.

    Args:
        manager: knows the sessions.
        table: who hears what.
        contracts: what becomes of packets where a session is too slow for them; by default nothing is declared.
        engine: by what updates travel; None for one that goes no further than this server.
        locator: finds the sessions of which only an id is known; None for the manager's directory.
        start_soon: runs an async function beside everything else.

    Attributes:
        probes: how long some packets have taken.
    """

    def __init__(
        self,
        manager: SessionManager,
        table: Table,
        contracts: Contracts | None = None,
        *,
        engine: Engine | None = None,
        locator: Locator | None = None,
        start_soon: Callable[..., None],
    ) -> None:
        manager.hub = self
        self._locator: Locator = manager.directory if locator is None else locator
        self._living = self._locator.living
        self._manager = manager
        self._table = table
        self._flow: Flow = manager.flow
        self.probes = Probes(monotonic)
        self._posting: Posting = manager.posting
        self._line = CallLine(manager.flow, start_soon)
        self._start_soon = start_soon
        self._asks = asks = Asks()
        self.asking, self.answered = asks.asking, asks.answer
        contracts = Contracts() if contracts is None else contracts
        self.contracts = contracts
        self.packet = contracts.packet
        self.tracked = contracts.tracked
        self._make = contracts.packet if contracts else contracts.plain
        self._engine: Engine = LocalEngine() if engine is None else engine
        table.watch(self._engine.interest)
        self._keys = IdempotencyKeys(monotonic)
        self._presence = presence = Presence(table, contracts, start_soon, self._engine.members)
        self.presence, self.presence_for = presence.present, presence.present_for
        self._keeps = contracts.keeping
        self._replays = Replays(self._engine, contracts, manager.settings.max_queued_packets // 2)

    # -- updates ------------------------------------------------------------------------------

    def update(
        self,
        path: str,
        message: Any = None,
        *,
        sender: object = None,
        receipt: str | None = None,
        ttl: float | None = None,
        key: str | None = None,
        exclude: str | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        """Send `message` to every session connected to `path`; see `App.update`.

        Raises:
            UsageError: the arguments make no sense, or no server runs; the caller's fault, nothing was sent.
            MailboxFullError: far too many updates have not been routed yet; nothing was sent, try later.
        """
        check_own_path(path)
        if receipt is None and ttl is None and key is None and exclude is None:
            packet = self._make(path, message, sender)
        else:
            packet = self.tracked(path, message, sender, receipt=receipt, ttl=ttl, key=key, exclude=exclude)
        if idempotency_key is None:
            self.publish(packet)
        else:
            self.publish_once(packet, idempotency_key)

    def update_all(self, path: str, updates: Iterable[tuple[object, object]]) -> None:
        """Send several messages, each with its sender; see `App.update_all`. It raises as `update` does."""
        check_own_path(path)
        packets = [self._make(path, message, sender) for message, sender in updates]
        for packet in packets:
            self.publish(packet)

    def publish_once(self, packet: Packet, key: str) -> Future[None] | None:
        """Do as `publish`, unless this is a repeat: then return what was returned the first time.

        Raises:
            KeyReusedError: the key was another packet's; the caller's fault, nothing was sent.
        """
        return self._keys.once(key, packet, partial(self.publish, key=key))

    def check_once(self, packet: Packet, key: str) -> None:
        """See whether `publish_once` would take a packet; raises as that does, before anything is sent."""
        self._keys.check(key, packet)

    def publish(self, packet: Packet, key: str | None = None) -> Future[None] | None:
        """Send a packet that was made already to every session connected to its path; raises as `update` does.

        Args:
            packet: the packet.
            key: the idempotency key under which this server publishes it for the first time.

        Returns:
            When the engine has it; None if it has.
        """
        packet.cause = cause = CAUSE.get()  # whose client has brought it about
        if cause is not None:
            self._flow.rounds.count()
        self._flow.check()
        self.probes.look_at(packet)
        if key is not None and self._engine.publish_once is not None:
            return self._engine.publish_once(packet, key)
        return self._engine.publish(packet)

    def publish_all(self, packets: Sequence[Packet]) -> Future[None]:
        """Do so with several, in order, when what was sent before has been passed on; for doors."""
        return self.in_line(partial(self._publish_all, packets))

    def _publish_all(self, packets: Sequence[Packet]) -> Future[None] | None:
        taken = [self.publish(packet) for packet in packets]
        waiting = [each for each in taken if each is not None]
        return when_all(waiting) if waiting else None

    def in_line(self, publish: Callable[[], T | Future[T]]) -> Future[T]:
        """Have a door publish when what was sent before has been passed on; see `CallLine.make`."""
        return self._line.make(publish)

    def history(self, path: str, behind: Position | None, limit: int) -> Future[History]:
        """Read what is kept of a path, or of all that a pattern covers; on the loop. See `Engine.history`.

        Raises:
            UsageError: if `path` is not a path or pattern; the caller's fault.
        """
        check_own_path(path)
        return self._engine.history(path, behind, limit)

    # -- one session, which is here -----------------------------------------------------------

    def post(self, keeper: SessionKeeper, packet: Packet) -> None:
        """Send a session a packet, but not from within its own turn.

        Raises:
            MailboxFullError: far too many messages wait for the session to have its turn; nothing was sent.
        """
        cause = CAUSE.get()
        if cause is not None:
            self._flow.rounds.count()
            if keeper.lag == BEHIND and get_ident() == keeper.system.thread:
                self._flow.hold_for(cause, keeper.ref)
        if keeper.ended is None and keeper.mail >= MOST_MAIL:
            raise MailboxFullError(f"{MOST_MAIL} messages wait for <Session {keeper.name}> to have its turn")
        self.probes.look_at(packet)
        self._posting.send(keeper, packet)

    def tell_gaps(self, path: str | None = None) -> None:
        """Tell each session that it may have missed something of a path, or of all that it hears (`::gap`)."""
        for keeper in self._manager.directory:
            for pattern in list(self._table.patterns(keeper.ref, None)):
                if path is None or path == pattern or Pattern.compile(pattern).matches(path):
                    with suppress(MailboxFullError):  # it is told of those before
                        self.post(keeper, Packet(GAP_PATH, {"path": pattern}))

    def subscribe(
        self, keeper: SessionKeeper, patterns: Iterable[str], replay: Replay | None = None
    ) -> Future[None]:
        """Let a session have every update to the paths that `patterns` cover.

        Args:
            keeper: the session.
            patterns: the patterns.
            replay: what it is sent first of what is kept of these paths; None for nothing, not even its positions.

        Returns:
            When that is so; a `PatternError` or `UsageError` if one of them is not a pattern, or they would be more
            than a session may have: the caller's fault, nothing has changed.
        """
        return on_loop(keeper, partial(self._subscribe, keeper, tuple(patterns), replay))

    def replay(self, keeper: SessionKeeper, replay: Replay) -> Future[None]:
        """Send a session what is kept of paths, and patterns, that it is connected to.

        Returns:
            When that is under way; a `UsageError` if it is not connected to one of them: the caller's fault, nothing
            was sent.
        """
        return on_loop(keeper, partial(self._replay, keeper, replay))

    def _replay(self, keeper: SessionKeeper, replay: Replay) -> None:
        for path in replay.since:
            check_hears(self._table, keeper, path)
        for path, position in replay.since.items():
            self._replays.replay(keeper, path, position)

    def unsubscribe(self, keeper: SessionKeeper, patterns: Iterable[str]) -> Future[None]:
        """Let it have no more of them."""
        return on_loop(keeper, partial(self._unsubscribe, keeper, tuple(patterns)))

    def end(self, keeper: SessionKeeper, reason: str) -> None:
        """End a session, behind what it was sent before."""
        self._posting.end(keeper, reason)

    def paths(self, keeper: SessionKeeper, most: int | None = None) -> Paths:
        """Return what a session is connected to: the first `most` of it, or all."""
        return Paths(list(self._table.patterns(keeper.ref, most)), self._table.count(keeper.ref))

    def is_connected(self, keeper: SessionKeeper, pattern: str) -> bool:
        """Whether a session is connected to this very path, or pattern."""
        return self._table.has(pattern, keeper.ref)

    def drop(self, keeper: SessionKeeper) -> None:
        """Send the actor of a session nothing any more."""
        self._presence.end(keeper)
        self._table.drop(keeper.ref)
        if self._asks:
            self._asks.drop(keeper)

    def _subscribe(self, keeper: SessionKeeper, patterns: Sequence[str], replay: Replay | None) -> None:
        if keeper.forward is not None:
            keeper.forward(Connect(tuple(patterns), replay))
        if keeper.ended is not None:
            return
        self._presence.check(keeper, patterns)
        new: list[str] = []  # this costs as much as is asked for, however many paths there are already
        try:
            self._subscribe_each(keeper.ref, patterns, new)
        except BaseException:
            self._unsubscribe(keeper, new)
            raise
        self._presence.join(keeper, new)
        if keeper.recorder is not None:
            keeper.recorder.connected(new if replay is None else ())  # else a replay says from where on
        if replay is not None and (self._keeps or replay is not NOTHING):
            self._replays.begin(keeper, new if replay is NOTHING else patterns, replay)

    def _subscribe_each(self, ref: ActorRef[Any], patterns: Iterable[str], new: list[str]) -> None:
        most, table = self._manager.settings.max_paths, self._table
        for pattern in patterns:
            if table.subscribe(pattern, ref):
                new.append(pattern)
                if table.count(ref) > most:
                    raise UsageError(f"a session is connected to {most} paths at most (session-paths)")

    def _unsubscribe(self, keeper: SessionKeeper, patterns: Iterable[str]) -> None:
        for pattern in patterns:
            Pattern.compile(pattern)
        if keeper.forward is not None:
            keeper.forward(Disconnect(tuple(patterns)))
        self._presence.leave(keeper, patterns)
        for pattern in patterns:
            self._table.unsubscribe(pattern, keeper.ref)
        if keeper.recorder is not None:
            keeper.recorder.disconnected([*patterns])

    # -- any other actor; for doors -----------------------------------------------------------

    def listen(self, ref: ActorRef[Any], pattern: str) -> None:
        """Have an actor told every packet to the paths that `pattern` covers.

        Raises:
            PatternError: if it is not a pattern; the caller's fault, nothing has changed.
        """
        self._table.subscribe(pattern, ref)

    def unlisten(self, ref: ActorRef[Any], pattern: str) -> None:
        """Have it told no more of them."""
        self._table.unsubscribe(pattern, ref)

    def forget(self, ref: ActorRef[Any]) -> None:
        """Tell it no packet any more."""
        self._table.drop(ref)

    # -- one session, wherever it is; for doors -----------------------------------------------

    def send(self, sid: str, packets: Sequence[Packet]) -> Future[None]:
        """Send packets to one session, when what was sent before has been passed on.

        Returns:
            When they have been taken; `unknown-session` if there is no such session, the caller's fault.
        """
        if not self._line.free:
            return self._line.make(partial(self._send, sid, packets))
        try:
            self._send(sid, packets)
        except ProtocolError as error:
            return failed(error)
        return TAKEN

    def connect(
        self, sid: str, patterns: Sequence[str], replay: Replay | None = None, *, listing: int = 0
    ) -> Future[Paths]:
        """Connect a session to the paths that `patterns` cover.

        Args:
            sid: its id.
            patterns: the patterns.
            replay: see `subscribe`.
            listing: how many of all its paths the answer lists.

        Returns:
            What it is connected to then; errors are those of `subscribe`, and `unknown-session`.
        """

        def connect(keeper: SessionKeeper) -> Paths:
            self._subscribe(keeper, patterns, replay)
            return self.paths(keeper, listing)

        return self._call(sid, connect)

    def disconnect(self, sid: str, patterns: Iterable[str], *, listing: int = 0) -> Future[Paths]:
        """Disconnect it; see `connect`."""

        def disconnect(keeper: SessionKeeper) -> Paths:
            self._unsubscribe(keeper, patterns)
            return self.paths(keeper, listing)

        return self._call(sid, disconnect)

    def kick(self, sid: str) -> Future[None]:
        """End a session; its client is told `kicked`."""
        return self._call(sid, lambda keeper: self.end(keeper, "kicked"))

    def ask(self, sid: str, path: str, message: object, timeout: float) -> Future[Any]:
        """Ask the client of a session something; for doors.

        Returns:
            Its answer, or an `AskError`, in `timeout` seconds at the latest; errors are those of `Session.ask`, and
            `unknown-session`.
        """
        answer: Future[Any] = Future()

        async def ask() -> None:
            try:
                session = Session(self._find(sid), self)
                answer.offer(await session.ask(path, message, timeout=timeout))
            except CometaryError as error:
                answer.offer(error=error)

        self._start_soon(ask)
        return answer

    def _send(self, sid: str, packets: Sequence[Packet]) -> None:
        keeper = self._find(sid)
        posting, one = self._posting, len(packets) == 1
        for packet in packets:
            self.probes.look_at(packet)
            if one:
                posting.hand(keeper, packet)
            else:  # not all in this turn of the loop: nobody knows how many they are
                posting.post(keeper, packet)
        self._line.sent_to(keeper)

    def _call(self, sid: str, call: Callable[[SessionKeeper], T]) -> Future[T]:
        answer: Future[T] = Future()
        settle(answer, lambda: call(self._find(sid)))
        return answer

    def _find(self, sid: str) -> SessionKeeper:
        keeper = self._living.get(sid)
        if keeper is not None:
            return keeper
        try:
            return here(self._locator.find(sid))
        except ElsewhereError as error:
            if error.forward is None:  # else whoever answers the call has it forwarded
                raise unknown_session() from None
            raise
        except ProtocolError as error:  # to a back-end a session that has ended is one that the user has left
            raise ProtocolError("unknown-session", error.detail) from None
