"""The recorded sessions of one server: how they are opened, found when they are elsewhere, and taken over.

1.  A session is told its id when its record is kept. Until then, and until a session is adopted, room is kept for it:
    a server without room does not ask the engine for anything. A record that no session came of is ended.
2.  A request for a session that is not here asks the engine who has it. If that node is gone, the session is adopted.
    If the node is there, the caller is told which it is, if requests can be forwarded there
    (`cometary.nodes.finding`); otherwise the request waits until the node is gone, but not for long: its client asks
    again.
3.  A node that has not been heard of yet may have come a moment ago: the engine is asked before it is taken to be
    gone.
4.  Sessions of nodes that are gone are also adopted when nobody asks for them (`cometary.cluster.inheritance`).
5.  A process with the name of one that has gone goes on with that one's sessions.
6.  One task looks for a session at a time, so that it is not adopted twice here. Who asks for one that is being
    adopted unasked has it looked for, too, if it does not come: another node may have been first.
7.  While this process stops, one task checks, for everyone who looks for a session, whether the process has let go of
    its own sessions, and each of them asks the engine again only then: a handler that takes its time costs nobody
    anything. Should it begin to stop while it adopts a session, another one adopts that.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import trio

from cometary.actors import Future
from cometary.cluster.inheritance import Inheritance, Prevented
from cometary.cluster.items import SIGN_ON
from cometary.cluster.mirrored import MirroredMachine
from cometary.cluster.owner import OwnerMachine
from cometary.cluster.record import NOT_OPENED, Record, opened
from cometary.cluster.recorded_session import RecordedSession
from cometary.cluster.session_fields import SessionFields
from cometary.dispatch.history import History
from cometary.errors import ElsewhereError, EngineError, ProtocolError
from cometary.gate.refusals import refusal_of
from cometary.log import get_logger
from cometary.sessions.ids import SID_LENGTH
from cometary.sessions.keeper import SessionKeeper
from cometary.sessions.locator import unknown_session
from cometary.sessions.machine import SessionMachine

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cometary.cluster.engine import Engine
    from cometary.cluster.reports import Report
    from cometary.packets.position import Position
    from cometary.packets.receipts import ReceiptLog
    from cometary.sessions import Request, SessionManager
    from cometary.sessions.admission import Admission
    from cometary.sessions.events import Stream
    from cometary.transport.http.exchange import Exchange

    GoOn = Callable[[], object]
    Refuse = Callable[[ProtocolError], object]
    Find = Callable[[str], Awaitable[ProtocolError | str | None]]
    PassOn = Callable[[str], object]

logger = get_logger("cometary.cluster")

MOST_SOUGHT: Final = 10_000
"""Sessions that are looked for at a time: when a node dies or stops, all those whose clients ask here."""

MOST_EACH: Final = 8
"""Requests that wait for any one of them."""

LONGEST_SID: Final = 64
"""Characters of an id, with what a process appends to it."""

ANY_SID: Final = re.compile(rf"[A-Za-z0-9_.-]{{{SID_LENGTH},{LONGEST_SID}}}")
"""What may be an id. Anyone who asks for anything else is a stranger, and the engine is not to see it: braces mean
something in its keys."""

PATIENCE: Final = 10.0
"""Seconds for which a request waits until the session's owner is gone."""

LOOK: Final = 0.1
"""Seconds until this is checked again, once for all who wait for the same node; the engine is not asked for it."""

ASK_AGAIN: Final = 1.0
"""Seconds after which the engine is asked again who has the session: it may have ended meanwhile."""

LETTING_GO: Final = 0.02
"""Seconds between two checks whether this process, which stops, has let go of its sessions."""


class Seeker(NamedTuple):
    """Who wants a session; the functions are those of `Recording.seek`."""

    go_on: GoOn
    refuse: Refuse
    elsewhere: PassOn | None


class Recording:
    """See above.

    Args:
        engine: where they are recorded.
        manager: knows the sessions that are here.
        start_soon: runs an async function beside everything else.
        mirrors: whether sessions are recorded whose clients know of no positions.

    Attributes:
        mirrors: the same.
        lapses: how often this node's lease has run out, or the engine was away.
        has_gone: whether a node is known to have gone before its lease has run out.
        reaches: whether requests can be forwarded to a node.
        move: has a request, given its session, answered by the node that has the session now; None if that is not
            possible.
        keeps: whether what is published to a path is kept where it outlives this process.
        read_log: reads what is kept of such a path; see `Engine.history` of `cometary.dispatch.engine`.
        pass_on_to: returns what passes connections on to a node, if it can be reached; see `ElsewhereError`.
    """

    def __init__(
        self,
        engine: Engine,
        manager: SessionManager,
        start_soon: Callable[..., None],
        *,
        mirrors: bool = False,
    ) -> None:
        self.mirrors = mirrors
        self._engine = engine
        self._manager = manager
        self._start_soon = start_soon
        self._sought: dict[str, list[Seeker]] = {}
        self._opening = set[str]()
        self._let_go: trio.Event | None = None
        self._awaited: dict[str, trio.Event] = {}
        self.lapses = 0
        self._inheritance = Inheritance(engine, self._inherit, lambda: manager.shutting_down, start_soon)
        self.has_gone: Callable[[str], bool] = _of_none
        self.reaches: Callable[[str], bool] = _of_none
        self.keeps: Callable[[str], bool] = _of_none
        self.read_log: Callable[[str, Position | None, int], Future[History]] = _nothing_kept
        self.move: Callable[[str, Exchange], None] | None = None
        self.pass_on_to: Callable[[str], Any] = _to_none
        engine.watch_lapses(self._note_lapse)

    @property
    def leased(self) -> bool:
        """Whether this node's lease has not run out."""
        return trio.current_time() < self._engine.lease_until

    def _note_lapse(self) -> None:
        """Have each session's generation confirmed: it may have been adopted, or its record lost."""
        self.lapses += 1
        for keeper in self._manager.directory:
            if keeper.recorder is not None:
                cast("RecordedSession", keeper.recorder).verify()

    @property
    def receipts(self) -> ReceiptLog:
        """What receipts are given to."""
        return self._manager.receipts

    # -- what back-ends are told

    @property
    def tells_back_ends(self) -> bool:
        """Whether there is one that is told."""
        return self._manager.tell_back_end is not None

    def tell_back_end(self, session: str, report: Report, settled: Callable[[], object]) -> bool:
        """Have a back-end told of a session; returns whether that waits to be sent.

        Args:
            session: its public name.
            report: what is told.
            settled: called when it has been told, or when that is given up.
        """
        tell = self._manager.tell_back_end
        return tell is not None and tell(report.id, report.kind, session, report.body.encode(), settled)

    # -- opening

    def open(
        self,
        keeper: SessionKeeper,
        admission: Admission | None,
        go_on: GoOn,
        refuse: Refuse,
        *,
        mirrored: bool = False,
    ) -> None:
        """Record a session that is to be opened (rule 1).

        Args:
            keeper: the session; nobody knows it yet.
            admission: what an authenticator has made of its client; None if nobody was asked.
            go_on: called when it is recorded.
            refuse: given the error if it cannot be.
            mirrored: whether its client knows of no positions.
        """
        fields = SessionFields()
        written = fields.of_new(keeper, admission, mirrored=mirrored)
        record = opened(self._engine.node, keeper.machine.window.first_rid, SIGN_ON, written)
        self._attach(keeper, record, fields, adopted=False)
        self._opening.add(keeper.sid)
        self._start_soon(self._open, keeper.sid, record, go_on, refuse)

    async def _open(self, sid: str, record: Record, go_on: GoOn, refuse: Refuse) -> None:
        try:
            self._manager.find_room()  # others have come since the gate has looked
            with self._manager.room:
                await self._engine.open(sid, record)
            self._let_in(sid, record, go_on)
        except Exception as error:  # noqa: BLE001 - what was not foreseen is logged there
            refuse(_away(error) if isinstance(error, EngineError) else refusal_of(error))
        finally:
            self._opening.discard(sid)

    def _let_in(self, sid: str, record: Record, go_on: GoOn) -> None:
        """Have the session begin; if it does not, nobody is to adopt it and tell the application of its end."""
        try:
            go_on()
        finally:
            if sid not in self._manager.directory.living:
                self._engine.commit(sid, record.generation, record.version, NOT_OPENED, lambda _: None)

    def _attach(self, keeper: SessionKeeper, record: Record, fields: SessionFields, *, adopted: bool) -> None:
        kind = MirroredMachine if fields.lasting.mirrored else OwnerMachine
        machine = kind(record, adopted=adopted)
        keeper.recorder = RecordedSession(keeper, machine, fields, self._engine, self)

    # -- sessions that are not here

    def seek(self, sid: str, go_on: GoOn, refuse: Refuse, elsewhere: PassOn | None = None) -> bool:
        """Look for a session that is not here (rule 2).

        Args:
            sid: its id, as a client gives it.
            go_on: called when it is here.
            refuse: given the error if it does not come.
            elsewhere: given the name of the node that has it, if requests can be forwarded there; or "" if this process
                is about to stop, and another one may adopt it. None if that is of no use.

        Returns:
            Whether it is looked for; False if no session has such an id.
        """
        if ANY_SID.fullmatch(sid) is None:
            return False
        waiting = self._sought.get(sid)
        if waiting is None and len(self._sought) < MOST_SOUGHT:
            waiting = self._sought[sid] = []
            self._start_soon(self._look_for, sid, self._find)
        if waiting is None or len(waiting) >= MOST_EACH:
            refuse(ProtocolError("too-many-requests", "too many sessions are being looked up", retry_after=1))
        else:
            waiting.append(Seeker(go_on, refuse, elsewhere))
        return True

    def seek_for_connection(self, sid: str, go_on: GoOn, refuse: Refuse) -> bool:
        """Look for the session of a connection, which is passed on if another node has it; see `seek`."""

        def elsewhere(node: str) -> None:
            pass_on = self.pass_on_to(node)
            refuse(_later("another process has this session") if pass_on is None else ElsewhereError(pass_on))

        return self.seek(sid, go_on, refuse, elsewhere)

    async def _look_for(self, sid: str, find: Find, *, again: bool = False) -> ProtocolError | None:
        """Find a session and tell those who wait for it; returns what prevents that, if anything does."""
        found: ProtocolError | str | None
        try:
            found = await find(sid)
        except EngineError as away:
            found = _away(away)
        except Exception as other:  # noqa: BLE001 - what was not foreseen is logged there
            found = refusal_of(other)
        here = sid in self._manager.directory.living
        for seeker in self._sought.pop(sid):
            if here:
                seeker.go_on()
            elif again:
                self.seek(sid, *seeker)  # rule 6
            elif isinstance(found, ProtocolError):
                seeker.refuse(found)
            elif found is not None and seeker.elsewhere is not None:
                seeker.elsewhere(found)
            else:
                seeker.refuse(_later("another process has this session"))
        return found if isinstance(found, ProtocolError) else None

    async def _find(self, sid: str) -> ProtocolError | str | None:
        """Have a session here; returns what to say if it does not come, or where it is (see `seek`)."""
        with trio.move_on_after(PATIENCE):
            while sid not in self._manager.directory.living:
                owner = None if sid in self._opening else await self._engine.owner(sid)
                if owner is None:
                    return unknown_session()
                node, generation = owner
                here = node == self._engine.node
                if not here and self.reaches(node) and not await self._is_gone(node):
                    return node
                if self._manager.shutting_down:
                    if not self._lets_go:
                        return ""
                    # Who is told that this process leaves adopts the others as well, of which calls are under way.
                    await self._until_let_go()
                elif here or await self._is_gone(node):
                    await self._adopt_unless_stopping(sid, generation)
                else:
                    await self._until_gone(node)
            return None
        return _later("another process has this session")

    async def _until_gone(self, node: str) -> None:
        """Wait until a node has gone, or the engine is to be asked again."""
        gone = self._awaited.get(node)
        if gone is None:
            gone = self._awaited[node] = trio.Event()
            self._start_soon(self._watch_until_gone, node, gone)
        with trio.move_on_after(ASK_AGAIN):
            await gone.wait()

    async def _watch_until_gone(self, node: str, gone: trio.Event) -> None:
        try:
            with trio.move_on_after(PATIENCE):
                while not await self._is_gone(node):  # noqa: ASYNC110 - it can tell nobody
                    await trio.sleep(LOOK)
        finally:
            del self._awaited[node]
            gone.set()

    @property
    def _lets_go(self) -> bool:
        """Whether there are sessions that others are to go on with, but that are not ready for it yet."""
        return any(keeper.recorder is not None for keeper in self._manager.directory.living.values())

    async def _until_let_go(self) -> None:
        """Wait until there are none (rule 7)."""
        if self._let_go is None:
            self._let_go = trio.Event()
            self._start_soon(self._watch_letting_go, self._let_go)
        await self._let_go.wait()

    async def _watch_letting_go(self, let_go: trio.Event) -> None:
        while self._lets_go:  # noqa: ASYNC110 - so no session has to tell anybody
            await trio.sleep(LETTING_GO)
        self._let_go = None
        let_go.set()

    async def _is_gone(self, node: str) -> bool:
        return self.has_gone(node) or not await self._is_alive(node)

    async def _is_alive(self, node: str) -> bool:
        if node == self._engine.node:
            return True
        if self._engine.address(node) is None:  # rule 3
            await self._engine.look()
        return self._engine.alive(node)

    async def _adopt_unless_stopping(self, sid: str, generation: int) -> None:
        try:
            await self._adopt(sid, generation)
        except ProtocolError:
            if not self._manager.shutting_down:
                raise

    async def _adopt(self, sid: str, generation: int) -> None:
        self._manager.find_room()
        with self._manager.room:
            record = await self._engine.adopt(sid, generation)
        if isinstance(record, Record):
            self._take_over(sid, record)

    def _take_over(self, sid: str, record: Record) -> None:
        manager, fields = self._manager, SessionFields(record.fields)
        lasting = fields.lasting
        machine = SessionMachine(manager.settings, lasting.first_rid, lasting.wait)
        machine.window.expected = record.rid + 1
        keeper = SessionKeeper(sid, lasting.name, machine, trio.current_time() - fields.age)
        keeper.data.update(fields.data)
        self._attach(keeper, record, fields, adopted=True)
        manager.enter(keeper)
        fields.restore_lease(keeper, manager.settings.notice)
        if record.ended is None:
            manager.hub.subscribe(keeper, fields.paths)
        text = f"<Session {keeper.name}> goes on here, in generation {record.generation}"
        logger.debug("session adopted", text=text, session=keeper.name, generation=record.generation)

    def has_settled(self, node: str) -> bool:
        """Whether it is known what has become of all sessions of a node that has gone: each was adopted, or ended."""
        going = self._engine.address(node) is not None  # its lease has run out, and nobody has been told yet
        return not going and not self._inheritance.under_way(node)

    def take_back(self) -> None:
        """Go on with the sessions of the process that had this one's name before it (rule 5)."""
        self._inheritance.take_back()

    async def _inherit(self, sid: str, node: str) -> bool | Prevented:
        """Adopt a session of a node that is gone; returns whether it goes on here, or what prevents that."""
        living = self._manager.directory.living
        if sid in living or sid in self._opening:  # of this one's name
            return False
        if sid in self._sought:
            return Prevented(None)
        self._sought[sid] = []  # before anything is waited for (rule 6)

        async def adopt(sid: str) -> None:
            owner = await self._engine.owner(sid)
            if owner is not None and owner[0] == node and sid not in living:
                await self._adopt(sid, owner[1])

        error = await self._look_for(sid, adopt, again=True)
        if error is not None:
            return Prevented(error.detail, others=error.retry_after is not None)
        return sid in living

    # -- sessions that are here no more

    def pass_on(self, request: Request | Stream) -> None:
        """Take a request, or a stream that has not begun, of a session that has meanwhile gone from here."""
        exchange = None if self.move is None else request.given_back()
        if exchange is None or self.move is None:
            request.refuse(_later("the session goes on elsewhere"))
        else:
            self.move(request.sid, exchange)


def _of_none(_: str) -> bool:
    return False


def _nothing_kept(_path: str, _behind: Position | None, _limit: int) -> Future[History]:
    answer: Future[History] = Future()
    answer.offer(History((), None, complete=False))
    return answer


def _to_none(_: str) -> None:
    return None


def _later(detail: str) -> ProtocolError:
    return ProtocolError("shutting-down", detail, retry_after=1)


def _away(error: EngineError) -> ProtocolError:
    logger.warning("engine away", text=f"a session could not be opened or found: {error}")
    return _later("sessions cannot be recorded for a moment")
