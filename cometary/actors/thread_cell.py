"""How Pykka's `ThreadingActor` runs under a supervisor: in a thread of its own, behind a cell like any other.

1.  The cell and its mailbox live on the loop. Each hook and each message is a call that the
    cell hands to the actor's thread; the next one is handed over when that has returned. So
    what waits is in the mailbox, where a restart finds it.
2.  All calls of one incarnation, from `on_start` to `on_stop` or `on_failure`, are made in the
    same thread. The constructor runs on the loop, as Pykka runs it in the thread that starts.
3.  The thread of an incarnation that ends in good order has made its last call when that is
    told. One that is killed during a call leaves it behind: see `cometary.actors.blocking`.
4.  The actor's own `actor_ref` is the lasting reference. The one that it had in its constructor
    is Pykka's and is for this incarnation; what is sent to it comes to the same mailbox.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from threading import get_ident
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

import pykka

from cometary.actors.blocking import BlockingCall, check_room_for_thread, run_in_thread
from cometary.actors.bound import Bounded
from cometary.actors.bounded_mailbox import BoundedCell
from cometary.actors.exits import crashed, takes_exit
from cometary.actors.future import Future
from cometary.actors.messages import Question
from cometary.actors.ref import ActorRef
from cometary.actors.task_cell import TaskCell

if TYPE_CHECKING:
    from pykka._envelope import Envelope as PykkaEnvelope

    from cometary.actors.actor import Actor
    from cometary.actors.cell import Cell
    from cometary.actors.exits import Exit
    from cometary.actors.system import ActorSystem

Threading = pykka.ThreadingActor


def threaded_maker(actor_class: type[Threading]) -> type[Actor]:
    """Return what to `launch` for a class of Pykka's."""
    return cast("type[Actor]", _ThreadedMaker(cast("type[Actor]", actor_class)))


class _ThreadedMaker:
    """Makes cells and incarnations for a class of Pykka's, as the class methods of `Actor` do for ours."""

    def __init__(self, actor_class: type[Actor]) -> None:
        self._class = actor_class

    def new_cell(self, system: ActorSystem, mailbox: Bounded | None = None) -> Cell:
        """Make the lasting part of an actor; see `Actor.new_cell`."""
        cell = ThreadCell(system) if mailbox is None else BoundedThreadCell(system, mailbox)
        cell.ref = ActorRef(self._class, cell)
        return cell

    def incarnate(self, cell: Cell, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Actor:
        """Build the instance that lives in `cell` next; see `Actor.incarnate`."""
        return cell.incarnate(args, kwargs)


class ThreadCell(TaskCell):
    """The cell of a `ThreadingActor`: a task on the loop that hands over to the thread."""

    __slots__ = ("_thread",)

    def __init__(self, system: ActorSystem) -> None:
        super().__init__(system)
        self._thread: ActorThread | None = None

    def calling_itself(self) -> bool:
        """Whether it is called in the actor's own thread; see `Receiving.calling_itself`."""
        return self._thread is not None and self._thread.ident == get_ident()

    def incarnate(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Actor:
        """Build the next instance; see `Cell.incarnate`."""
        actor_class = self.ref.actor_class
        actor: Any = actor_class.__new__(actor_class, *args, **kwargs)
        # Pykka's constructor calls this for the inbox, and makes a reference that copies it.
        actor._create_actor_inbox = partial(Letterbox, self)  # noqa: SLF001 - its documented extension point
        actor.trap_exits = getattr(actor_class, "trap_exits", False)  # as every actor of ours has it
        self.actor = actor
        try:
            actor.__init__(*args, **kwargs)
        except BaseException as error:
            self.forget_actor(crashed(error))
            raise
        actor.actor_inbox = self
        actor.actor_urn = self.ref.actor_urn
        actor._actor_ref = self.ref  # noqa: SLF001 - this is its constructor
        return cast("Actor", actor)

    async def _loop(self, actor: Actor) -> Exit:
        self._thread = thread = ActorThread(cast("Threading", actor), self.ref)
        self.tasks.start(thread.host, ())
        try:
            return await super()._loop(cast("Actor", thread))
        finally:
            self._thread = None
            thread.close()

    def end(self, exit: Exit) -> None:  # noqa: A002 - OTP's word
        """Note that the incarnation has ended; see `Cell.end`."""
        if self.actor is not None:
            cast("Threading", self.actor).actor_stopped.set()  # for Pykka's own references to it
        super().end(exit)


class BoundedThreadCell(BoundedCell, ThreadCell):
    """That of a `ThreadingActor`, with a bound."""

    __slots__ = ("admission_stats",)


class ActorThread:
    """A thread that makes the calls of one incarnation, in their order; to its cell it is the actor.

    Attributes:
        ident: identity of the thread; None until it runs.
        stop_takes_exit: see `Actor`.
    """

    stop_takes_exit = True

    def __init__(self, actor: Threading, ref: ActorRef[Any]) -> None:
        self._actor = actor
        self._ref = ref
        self._calls: SimpleQueue[BlockingCall[Any] | None] = SimpleQueue()
        self.ident: int | None = None

    async def host(self) -> None:
        """Run the thread."""
        await run_in_thread(self._serve, self._ref.actor_class.__name__)

    def _serve(self) -> None:
        self.ident = get_ident()
        while (call := self._calls.get()) is not None:
            call.run()
            call = None  # else it would hold its message until the next one comes

    def close(self) -> None:
        """Let the thread end when it has made the calls that it was given."""
        self._calls.put(None)

    async def _call(self, function: Callable[..., Any], *args: object) -> Any:
        call = BlockingCall(str(self._ref), function, *args)
        self._calls.put(call)
        return await call.result()

    # -- what a cell calls ----------------------------------------------------------------

    async def on_start(self) -> None:
        """See `pykka.Actor.on_start`."""
        check_room_for_thread()
        await self._call(self._actor.on_start)

    async def on_continue(self) -> None:
        """See `Actor.on_continue`; Pykka's actors have none, but a class may."""
        rest = getattr(self._actor, "on_continue", None)
        if rest is not None:
            await self._call(rest)

    async def on_receive(self, message: Any) -> Any:
        """See `pykka.Actor.on_receive`."""
        return await self._call(self._actor.on_receive, message)

    async def _handle_receive(self, message: Any) -> Any:
        return await self._call(self._actor._handle_receive, message)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    async def on_stop(self, exit: Exit) -> None:  # noqa: A002 - OTP's word
        """See `Actor.on_stop`."""
        if takes_exit(type(self._actor).on_stop):
            await self._call(self._actor.on_stop, exit)
        else:
            await self._call(self._actor.on_stop)

    async def on_failure(
        self, kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        """See `pykka.Actor.on_failure`."""
        await self._call(self._actor.on_failure, kind, error, traceback)


class Letterbox:
    """The inbox that Pykka's reference puts envelopes into, from any thread: it passes them on to a cell."""

    def __init__(self, cell: ThreadCell) -> None:
        self._cell = cell

    def put(self, envelope: PykkaEnvelope[Any], /) -> None:
        """Pass on a message, and later its answer."""
        cell, waiting = self._cell, envelope.reply_to
        if waiting is not None:
            question: Question[Any] = Question(envelope.message, cell)
            question.add_done_callback(lambda: _pass_on(question, waiting))
            cell.system.post(cell.offer, question)
        elif cell.system.on_thread():
            cell.put(envelope.message)
        else:
            cell.put_from_outside(envelope.message)

    def get(self) -> PykkaEnvelope[Any]:
        """Refuse: a cell takes its mail itself."""
        raise NotImplementedError

    def empty(self) -> bool:
        """Whether nothing waits."""
        return self._cell.empty()


def _pass_on(reply: Future[Any], waiting: pykka.Future[Any]) -> None:
    try:
        waiting.set(reply.get())
    except BaseException as error:  # noqa: BLE001 - whoever waits gets it
        waiting.set_exception((type(error), error, error.__traceback__))
