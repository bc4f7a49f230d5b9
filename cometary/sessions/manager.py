"""The manager of sessions: opens them under their supervisor, finds them, ends them all.

It is not an actor: it only hands over to actors. Everything here runs on the loop's thread.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from random import randint
from typing import TYPE_CHECKING, Any, Final, cast

import trio

from cometary.errors import ProtocolError, UsageError
from cometary.packets.notices import without_notices
from cometary.packets.packet import Packet
from cometary.packets.receipts import Receipt, ReceiptLog
from cometary.packets.tracked import TrackedPacket
from cometary.sessions.actor import SessionActor, SignOff
from cometary.sessions.application import Connect, Disconnect
from cometary.sessions.brief import session_in_brief
from cometary.sessions.directory import Directory
from cometary.sessions.ended import EndedSessions
from cometary.sessions.events import End
from cometary.sessions.flow import Flow
from cometary.sessions.frozen import Released, Thawing, freeze, let_go, read
from cometary.sessions.handler_times import HandlerTimes
from cometary.sessions.ids import new_name, new_sid
from cometary.sessions.journal import Journal
from cometary.sessions.keeper import MOVED, SessionKeeper
from cometary.sessions.locator import here
from cometary.sessions.machine import SessionMachine
from cometary.sessions.policy import policy_of
from cometary.sessions.posting import Posting
from cometary.sessions.room import Room
from cometary.sessions.session import Session
from cometary.sessions.session_arbiter import SessionArbiter, Turnstile
from cometary.sessions.totals import Totals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cometary.actors import ActorRef, Exit
    from cometary.sessions.application import Application, Hub
    from cometary.sessions.events import Attach, Request
    from cometary.sessions.policy import Policy
    from cometary.sessions.settings import SessionSettings
    from cometary.sessions.tracking import Outcome
    from cometary.supervision import DynamicSupervisor


class SessionManager:
    """All sessions of one server.

    Args:
        settings: times and limits.
        application: whom sessions report to.

    Attributes:
        hub: by whom sessions are sent packets; it sets itself, before the first one opens.
        receipts: what has become of the packets of which somebody wants to know.
        posting: takes what is sent to sessions.
        journal: tells the log of openings and ends.
        flow: whose client is behind, and who waits for it.
        turnstile: lets requests in; the gate sets it, before the first session opens.
        room: is kept for sessions that are on their way to be here.
        new_sid: makes the ids of sessions; of several processes each has its own.
        handler_times: how long some calls of the application's handlers have taken.
        tell_back_end: sends an event of a recorded session, given its id, its type, the session's name, its body, and
            what is called when the back-end has it or it is given up; returns whether it waits to be sent. None if no
            back-end is told.
        ended_sessions: those that have ended, as operators may see them.
    """

    hub: Hub

    def __init__(self, settings: SessionSettings, application: Application) -> None:
        self.settings = settings
        self._policy = policy_of(settings)
        self.application = application
        self.receipts = ReceiptLog()
        self.posting = Posting(self.too_late, self.refuse)
        self.journal = Journal(trio.current_time, addresses=settings.log_addresses)
        self.ended_sessions = EndedSessions(settings.ended_sessions)
        self.tell_back_end: Callable[[str, str, str, bytes, Callable[[], object]], bool] | None = None
        self.flow = Flow()
        self.turnstile = Turnstile()
        self.new_sid: Callable[[], str] = new_sid
        self.handler_times = HandlerTimes()
        self._past = Totals()
        self.directory = Directory(remember=settings.die, now=trio.current_time)
        self.room = Room()
        self.shutting_down = False
        self._spread: int | None = None
        self._supervisor: DynamicSupervisor | None = None
        self._leaving: dict[ActorRef[Any], SessionKeeper] = {}
        """The sessions that have ended, but whose sign-off may still be going on."""

    def attach(self, supervisor: DynamicSupervisor) -> None:
        """Let `supervisor` run the sessions from now on.

        Sessions that ran under one before it have died with it, and end as `failed`.
        """
        self._supervisor = supervisor
        for keeper in [*self.directory, *self._leaving.values()]:
            self._fail(keeper)

    def change(self, settings: SessionSettings) -> None:
        """Go by other settings from now on; sessions that are open keep what is their own."""
        self.settings = settings
        self._policy = policy_of(settings)
        self.journal.addresses = settings.log_addresses
        self.ended_sessions.change(settings.ended_sessions)

    # -- opening and finding ----------------------------------------------------------------

    def open(self, first_rid: int, wait: float | None = None, policy: Policy | None = None) -> SessionKeeper:
        """Open a session.

        Args:
            first_rid: the id of the request that opens it.
            wait: seconds that the client wants its requests held at most.
            policy: what the sessions of its wire are like; None for those of the native protocol.

        Raises:
            ProtocolError: `too-many-sessions` or `shutting-down`; nobody's fault, try later.
        """
        self.find_room()
        keeper = self.new_keeper(first_rid, wait, policy)
        self.enter(keeper)
        return keeper

    def new_keeper(self, first_rid: int, wait: float | None, policy: Policy | None) -> SessionKeeper:
        """Return the lasting part of a session that is to be opened; for the arguments see `open`."""
        machine = SessionMachine(self.settings, first_rid, wait, policy or self._policy)
        return SessionKeeper(self.new_sid(), new_name(), machine, trio.current_time())

    def enter(self, keeper: SessionKeeper) -> None:
        """Let a session begin; raises as `open` does."""
        self._begin(keeper, self.find_room())
        self.directory.add(keeper)

    def find_room(self) -> DynamicSupervisor:
        """Return what one more session may run under; raises as `open` does."""
        if self.shutting_down or self._supervisor is None or not self._supervisor.open:
            detail = "the server is stopping, or takes no new sessions for a moment"
            raise ProtocolError("shutting-down", detail, retry_after=self._come_back() or RETRY_AFTER)
        if len(self.directory) + self.room.kept >= self.settings.max_sessions:
            detail = "the server has as many sessions as it may have"
            raise ProtocolError("too-many-sessions", detail, retry_after=RETRY_AFTER)
        return self._supervisor

    def _begin(self, keeper: SessionKeeper, supervisor: DynamicSupervisor) -> None:
        keeper.machine.arbiter = SessionArbiter(keeper, self.turnstile, self.flow)
        keeper.ref = supervisor.start_child(actor_of(keeper), keeper, self)

    def find(self, sid: str) -> SessionKeeper:
        """Return the session with the id `sid`, which is here.

        Raises:
            ProtocolError: `session-ended` or `unknown-session`; the caller's fault.
        """
        return here(self.directory.find(sid))

    def find_actor(self, sid: str) -> ActorRef[Any] | None:
        """Return the actor of the living session with the id `sid`; None if there is none here."""
        keeper = self.directory.living.get(sid)
        return None if keeper is None else keeper.ref

    def describe(self, keeper: SessionKeeper) -> dict[str, Any]:
        """Return what operators may see of a living session; not its id."""
        return {**session_in_brief(keeper, trio.current_time()), **self.hub.paths(keeper, SHOWN).shown()}

    # -- moving -----------------------------------------------------------------------------

    def release(self, keeper: SessionKeeper, forward: Callable[[object], None]) -> Released:
        """Let a session go on elsewhere; on the loop, but not in a turn of its own.

        Whoever calls this sees to it that `adopt` takes what it returns. An async handler that runs is cancelled, and
        reported as failed where the session goes on; `keeper.begun` says whether there is one.

        Args:
            keeper: a session that has not ended.
            forward: given what is sent to the session here from now on, for `pass_on` there.

        Raises:
            UsageError: if it has ended, or this is its own turn, or its data has no plain form; the caller's or the
                application's fault, nothing has changed.
        """
        if keeper.ended is not None or keeper.has_turn:
            raise UsageError(f"<Session {keeper.name}> cannot move: it has ended, or this is its own turn")
        self.posting.take_all()
        cell = keeper.ref.actor_inbox
        mail = cell.drain()
        try:
            frozen = freeze(keeper, self.hub.paths(keeper).listed, mail)
        except BaseException:
            cell.put_back(iter(mail))
            raise
        self._moved(keeper, forward)
        carriers = let_go(keeper.machine, mail)
        keeper.leave()
        return Released(frozen, carriers)

    def _moved(self, keeper: SessionKeeper, forward: Callable[[object], None]) -> None:
        keeper.ended, keeper.forward = MOVED, forward
        self.hub.drop(keeper)
        self.flow.catch_up(keeper.ref)
        self.directory.remove(keeper)
        self._past.add(keeper.machine.outbox)
        self._past.received += keeper.received

    def forget(self, keeper: SessionKeeper) -> list[Request | Attach]:
        """Let a recorded session go on elsewhere; in its own turn, behind which its actor stops.

        What is sent to it here from now on is not delivered, and is counted so.

        Returns:
            Its client's requests that were not answered.
        """
        if keeper.ended is not None:  # its end was told here, though not to the application
            self._leaving.pop(keeper.ref, None)
            return []

        def refuse(message: object) -> None:
            if isinstance(message, Packet):
                self.refuse(keeper, message)

        self._moved(keeper, refuse)
        for timer in keeper.timers.values():
            timer.close()
        return let_go(keeper.machine, ())

    def adopt(self, plain: object, late: float = 0.0) -> SessionKeeper:
        """Take a session that was released elsewhere.

        Args:
            plain: what `release` has returned of it, perhaps by way of JSON or CBOR.
            late: seconds that have passed since.

        Raises:
            UsageError: if it is no session, of a version of which nothing is known, or here already, or does not fit
                into this server's limits; the caller's fault, nothing has changed.
            ProtocolError: `too-many-sessions` or `shutting-down`; nobody's fault, try later.
        """
        frozen = read(plain)
        if frozen.sid in self.directory.living:
            raise UsageError(f"<Session {frozen.name}> is here already")
        supervisor = self.find_room()
        thawing = Thawing(frozen, self.settings, self.hub, trio.current_time(), late)
        keeper = thawing.keeper
        self._begin(keeper, supervisor)
        try:
            self.hub.subscribe(keeper, frozen.paths).get()
        except BaseException:
            keeper.leave()
            raise
        self.directory.add(keeper)
        thawing.resume(partial(self.settle, keeper))
        self._past.take_off(keeper.machine.outbox)
        self._past.received -= keeper.received
        return keeper

    def pass_on(self, keeper: SessionKeeper, message: object) -> None:
        """Take what was sent to a session where it was before; see `release`."""
        if isinstance(message, Connect):
            self.hub.subscribe(keeper, message.patterns, message.replay)
        elif isinstance(message, Disconnect):
            self.hub.unsubscribe(keeper, message.patterns)
        else:
            self.posting.post(keeper, message)

    # -- what becomes of packets ------------------------------------------------------------

    def too_late(self, keeper: SessionKeeper, packet: Packet) -> None:
        """Take a packet that has come to a session which has ended."""
        # If it was sent before the end, or before the application was told of that, it gets it.
        if keeper.settled:
            self.refuse(keeper, packet)
        elif keeper.sign_off is None:
            keeper.machine.outbox.keep(packet)
        elif not keeper.machine.outbox.add_undelivered(packet):
            self.refuse(keeper, packet)

    def refuse(self, keeper: SessionKeeper, packet: Packet) -> None:
        """Account for a packet of which the application is not told: the session has ended."""
        self._past.undelivered += 1
        if isinstance(packet, TrackedPacket) and packet.receipt is not None:
            self.settle(keeper, packet, "undelivered")

    def settle(self, keeper: SessionKeeper, packet: TrackedPacket, outcome: Outcome) -> None:
        """Give the receipt for a packet that wants one."""
        reason = keeper.ended if outcome == "undelivered" else None
        receipt = Receipt(cast("str", packet.receipt), outcome, packet.path, keeper.name, keeper.user, reason)
        if keeper.recorder is None:
            self.receipts.add(receipt)
        else:
            self.receipts.announce(receipt)
            keeper.recorder.note_receipt(receipt)

    def left(self, keeper: SessionKeeper) -> list[Packet]:
        """Return what a session that has ended did not deliver; to be asked once."""
        self.posting.take_all()
        keeper.list_late()
        keeper.settled = True
        outbox = keeper.machine.outbox
        undelivered = outbox.close(partial(self.settle, keeper))
        self._past.add(outbox, undelivered=len(undelivered))
        self._past.received += keeper.received
        self.journal.ended(keeper, len(undelivered))
        self.ended_sessions.settle(keeper, undelivered)
        return without_notices(undelivered)

    def past(self) -> Totals:
        """Return what has become of the packets of all sessions that are here no more."""
        return Totals(**asdict(self._past))

    def unsettled(self) -> list[SessionKeeper]:
        """Return all sessions that are not in the past yet, but for those that are `settled`."""
        return [*self.directory, *self._leaving.values()]

    def statistics(self) -> dict[str, int]:
        """Return how many sessions there are, and what has become of all packets since the start."""
        now = self.past()
        for keeper in self.unsettled():
            if not keeper.settled:
                now.add(keeper.machine.outbox)
                now.received += keeper.received
        return {"sessions": len(self.directory), **asdict(now), "receipts": self.receipts.last}

    # -- ending -----------------------------------------------------------------------------

    def ended(self, keeper: SessionKeeper, reason: str) -> None:
        """Take note that a session has ended."""
        now, paths = trio.current_time(), self.hub.paths(keeper, SHOWN)
        self.hub.drop(keeper)
        self.flow.catch_up(keeper.ref)
        self.directory.end(keeper, reason, now)
        if keeper.lease is not None:
            keeper.lease.ended(reason, now)
        self.ended_sessions.note(keeper, now, paths)
        if reason == "overflow":
            self.journal.overflowed(keeper)
        self._leaving[keeper.ref] = keeper

    def gone(self, keeper: SessionKeeper) -> None:
        """Take note that a session has signed off."""
        self._leaving.pop(keeper.ref, None)

    def gave_up(self, ref: ActorRef[Any], _exit: Exit) -> None:
        """End as `failed` a session whose actor has crashed too often.

        Its actor is dead for good; a last one, which has nothing else to do, tells the client
        and the application.
        """
        keeper = self._find_by(ref)
        if keeper is not None:
            self._fail(keeper)

    def rescue(self, keeper: SessionKeeper, mail: Iterable[object]) -> None:
        """Keep the packets in the mailbox of an actor that has ended for good: they are undelivered."""
        self.hub.drop(keeper)  # it takes no more
        for item in mail:
            if keeper.forward is not None and isinstance(item, Packet | End):
                keeper.forward(item)
            elif isinstance(item, Packet):
                self.too_late(keeper, item)

    def _find_by(self, ref: ActorRef[Any]) -> SessionKeeper | None:
        """Return the session of an actor; not fast, but only asked when one has failed."""
        if ref in self._leaving:
            return self._leaving[ref]
        return next((keeper for keeper in self.directory if keeper.ref is ref), None)

    def _fail(self, keeper: SessionKeeper) -> None:
        if self._supervisor is None:
            return
        self.hub.drop(keeper)
        self.flow.catch_up(keeper.ref)
        self._leaving.pop(keeper.ref, None)
        keeper.forget_packets()
        if keeper.sign_off is not None and not keeper.unhandled:
            return  # the last call of all has been made
        # A sign-off that is still queued needs no message: this actor finds it when it starts.
        keeper.ref = self._supervisor.start_child(actor_of(keeper), keeper, self)
        if keeper.ended is None:
            keeper.ref.tell(End("failed"))
            return
        self._leaving[keeper.ref] = keeper
        if keeper.sign_off is None:
            keeper.ref.tell(SignOff())

    def _come_back(self) -> int | None:
        """Choose in how many seconds one client is to come back; None if nobody knows."""
        return None if self._spread is None else randint(1, self._spread)  # noqa: S311 - no secret

    async def shut_down(self, spread: int | None = None) -> None:
        """End every session with `shutdown`; returns when the last one has signed off.

        Args:
            spread: seconds over which their clients are to come back, each at a time of its own: at once they would be
                a flood, and who comes after the others is no worse off for having waited; None: they are not told.
        """
        self.shutting_down = True
        self._spread = spread
        leaving, ends = [*self._leaving.values()], [*self.directory]  # the former may not have signed off
        for keeper in ends:
            if keeper.recorder is not None:
                keeper.recorder.leave()
                continue
            keeper.retry_after = self._come_back()
            keeper.ref.tell(End("shutdown", keeper.retry_after))
        with trio.move_on_after(LAST_REPORTS):
            await _all_stopped([keeper for keeper in leaving if keeper.recorder is not None])
        for keeper in leaving:
            if keeper.recorder is not None:
                keeper.recorder.leave()
        await _all_stopped([*leaving, *ends])
        self.journal.close()

    def abandon(self) -> Iterator[tuple[Session, str, list[Packet]]]:
        """Account for the sessions that have not signed off when the server can wait for them no longer.

        Returns:
            Each session that the application has not been told of, why it ends, and what it did not deliver.
        """
        left = [*self._leaving.values(), *self.directory]
        left = [keeper for keeper in left if keeper.recorder is None]  # the others go on elsewhere
        untold, lost = [keeper for keeper in left if not keeper.settled], 0
        for keeper in untold:
            undelivered = self.left(keeper)
            lost += len(undelivered)
            yield Session(keeper, self.hub), keeper.ended or "shutdown", undelivered
        if left:
            self.journal.abandoned(left, len(untold), lost)


def actor_of(keeper: SessionKeeper) -> type[SessionActor]:
    """Return what runs a session."""
    return SessionActor if keeper.recorder is None else keeper.recorder.actor


async def _all_stopped(keepers: Iterable[SessionKeeper]) -> None:
    """Wait until none of these has an actor."""
    for keeper in keepers:
        while keeper.ref.is_alive():  # a session that fails meanwhile gets another actor
            await keeper.ref.stopped()


LAST_REPORTS: Final = 1.0
"""Seconds for which a server that stops waits until back-ends know of the recorded sessions that have ended. After that
whoever goes on with these sessions tells them."""

SHOWN: Final = 100
"""Paths of each session that operators are shown at most."""

RETRY_AFTER = 5
"""Seconds after which a client that could not open a session is told to try again."""
