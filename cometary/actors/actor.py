"""The actor: Pykka's model on Trio's loop.

How an actor runs follows from how its handler is written: a plain `def on_receive` runs to
completion in turns on the shared scheduler, an `async def on_receive` has a Trio task of its
own for its lifetime and may await anything.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, ParamSpec, Self, TypeVar, cast

import trio

from cometary.actors.abilities import Abilities
from cometary.actors.bound import Bounded
from cometary.actors.bounded_mailbox import bounded_cell
from cometary.actors.cell import Cell
from cometary.actors.exits import NORMAL, Exit, as_exit, crashed, takes_exit
from cometary.actors.future import Future
from cometary.actors.messages import PROXIED, Stop
from cometary.actors.names import Whom
from cometary.actors.ref import ActorRef
from cometary.actors.scheduled_cell import ScheduledCell
from cometary.actors.system import current_system
from cometary.actors.task_cell import TaskCell
from cometary.actors.timers import Timer
from cometary.errors import ActorEndedError, UsageError

if TYPE_CHECKING:
    from cometary.actors.system import ActorSystem

A = TypeVar("A", bound="Actor")
P = ParamSpec("P")

_HOOKS = ("on_start", "on_continue", "on_stop", "on_failure")


class Actor(Abilities):
    """Subclass it, write `on_receive`, and start it with `MyActor.start(...)`.

    Hooks are Pykka's: `on_start`, `on_stop`, `on_failure`, `on_receive`, and `on_continue`. In an
    actor whose `on_receive` is `async def` any of them may be `async def`. Written as
    `on_stop(self, exit)` that one is told the `Exit` with which the actor ends (OTP's `terminate/2`).

    Attributes:
        mailbox: the bound of the mailbox of each actor of this class; None: it has none.
    """

    mailbox: ClassVar[Bounded | None] = None

    trap_exits: bool = False
    """Whether exit signals arrive as `ExitSignal` messages, instead of ending this actor.

    Set it in the class, or in an instance at any time. Source: OTP, `process_flag(trap_exit, true)`.
    """

    stop_takes_exit: ClassVar[bool] = False
    """Whether its `on_stop` is declared with a parameter, and so told how the actor ends; set by the class itself."""

    _cell_class: ClassVar[type[Cell]] = ScheduledCell

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not isinstance(cls.mailbox, Bounded | None):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise UsageError(f"{cls.__name__}.mailbox must be a Bounded or None, not {cls.mailbox!r}")
        for name in ("on_receive", *_HOOKS):
            if inspect.isgeneratorfunction(hook := getattr(cls, name)) or inspect.isasyncgenfunction(hook):
                raise UsageError(f"{cls.__name__}.{name} contains a `yield`, so calling it would not run it")
        cls.stop_takes_exit = takes_exit(cls.on_stop)
        if inspect.iscoroutinefunction(cls.on_receive):
            cls._cell_class = TaskCell
            return
        cls._cell_class = ScheduledCell
        for name in _HOOKS:
            if inspect.iscoroutinefunction(getattr(cls, name)):
                msg = f"{cls.__name__}.{name} is async, so on_receive must be `async def` too"
                raise UsageError(msg)

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # pyright: ignore[reportMissingSuperCall]
        if (args or kwargs) and type(
            self
        ).__init__ is Actor.__init__:  # else a subclass passes on what it got
            name = type(self).__name__
            way = f"A name is given by {name}.with_name(…).start()"
            raise UsageError(f"{name} takes no arguments: it has no __init__ of its own. {way}")
        # Not Pykka's constructor: see ActorRef.__init__. An actor that is started has its cell
        # already; this is for one built by hand, as a test of its plain methods may do.
        if not hasattr(self, "_cell"):  # to look at `__dict__` would make one, for each actor
            self._cell = self.new_cell(current_system())

    @classmethod
    def new_cell(cls, system: ActorSystem, mailbox: Bounded | None = None) -> Cell:
        """Make the lasting part of an actor of this class; for those who start actors."""
        bound = mailbox or cls.mailbox
        cell = cls._cell_class(system) if bound is None else bounded_cell(cls._cell_class, system, bound)
        cell.ref = ActorRef(cls, cell)
        return cell

    @classmethod
    def incarnate(cls, cell: Cell, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Self:
        """Build the instance that lives in `cell` next; for those who start actors."""
        actor = cls.__new__(cls, *args, **kwargs)
        # Before the constructor, which may start tasks, or tell others its reference.
        actor._cell = cell  # noqa: SLF001 - this is its constructor
        cell.actor = actor
        try:
            actor.__init__(*args, **kwargs)  # type: ignore[misc]  # it is this very class's
        except BaseException as error:
            cell.forget_actor(crashed(error))
            raise
        return actor

    # To a type checker these are functions of the constructor, so that it checks the arguments.

    @classmethod  # pyright: ignore[reportArgumentType]
    def start(cls: Callable[P, A], *args: P.args, **kwargs: P.kwargs) -> ActorRef[A]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Start an actor, from the loop or from any other thread, without waiting.

        The arguments are the constructor's. `on_start` runs before the first message; if it
        raises, the actor ends. Use `start_async` to be told.

        Raises:
            Exception: what the constructor raises.
            NoSystemError: if no actor system is running; the caller's fault.
        """
        ref, _ = current_system().launch(cast("type[A]", cls), args, kwargs)
        return ref

    @classmethod  # pyright: ignore[reportArgumentType]
    async def start_async(cls: Callable[P, A], *args: P.args, **kwargs: P.kwargs) -> ActorRef[A]:
        """Start an actor and wait until its `on_start` has run; raises what that raised.

        If the wait is cancelled the actor is killed, and nothing is left of it, nor of its name.

        Source: OTP design principles, `gen_server:start_link` (synchronous start, and its time-out).
        """
        return await started_actor(*current_system().launch(cast("type[A]", cls), args, kwargs))

    @classmethod  # pyright: ignore[reportArgumentType]
    def with_mailbox(cls: Callable[P, A], mailbox: Bounded) -> Starter[P, A]:
        """Choose the bound of the mailbox for one start: `MyActor.with_mailbox(Bounded(10)).start()`."""
        return Starter(cast("type[A]", cls), mailbox=mailbox)

    @classmethod  # pyright: ignore[reportArgumentType]
    def with_name(cls: Callable[P, A], name: Hashable) -> Starter[P, A]:
        """Choose a name, or a `Via`, for one start: `MyActor.with_name("printer").start()`.

        The actor has it before its constructor runs. If a living actor has it already, `start`
        raises `NameTakenError` (a `Via`'s registry may raise something else), and nothing has been
        started. If the start fails in another way, the name is free again when that is told.

        Source: OTP, `gen_server:start_link/4`.
        """
        return Starter(cast("type[A]", cls), name=name)

    # -- Pykka's extension points -------------------------------------------------------

    def _handle_receive(self, message: Any) -> Any:
        if type(message) in PROXIED:
            if self._idleness is not None:
                self._idleness.restart()
            return super()._handle_receive(message)
        return self.on_receive(message)

    @staticmethod
    def _create_actor_inbox() -> Cell:
        return ScheduledCell(current_system())

    @staticmethod
    def _create_future() -> Future[Any]:
        return Future()

    def _start_actor_loop(self) -> None:
        self._cell.begin(self, Future())

    @property
    def actor_inbox(self) -> Cell:  # type: ignore[override]
        """The actor's cell, which is its mailbox."""
        return self._cell

    @property
    def actor_ref(self) -> ActorRef[Self]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The reference to this actor, the same one in every incarnation."""
        return cast("ActorRef[Self]", self._cell.ref)

    @property
    def actor_urn(self) -> str:  # type: ignore[override]
        """See `ActorRef.actor_urn`."""
        return self.actor_ref.actor_urn

    @property
    def actor_stopped(self) -> Any:  # type: ignore[override]
        """See `ActorRef.actor_stopped`."""
        return self.actor_ref.actor_stopped

    @property
    def system(self) -> ActorSystem:
        """The system that this actor lives in."""
        return self._cell.system

    # -- what an actor can do -----------------------------------------------------------

    def on_continue(self) -> Awaitable[None] | None:
        """Do the rest of the start: after `on_start`, whose success has been told, and before any mail.

        For work that whoever starts this actor should not wait for. If it raises, the actor
        crashes. Source: OTP, `gen_server`, `handle_continue/2`.
        """

    def stop(self, exit: Exit | str = NORMAL) -> None:  # noqa: A002 - OTP's word
        """Stop once the mail that is already here has been handled.

        Args:
            exit: what watchers and linked actors are told; a word stands for `Exit(word)`.
        """
        order = Stop(as_exit(exit))
        if self._cell.actor is self:  # else it has ended, and the cell may be the next one's
            self._cell.post_for(self._cell.life, order)

    def reply_later(self) -> Future[Any]:
        """Answer the `ask` that is being handled not with the return value, but later.

        Set the future that this returns, from wherever the answer comes. If the actor ends
        first, the caller gets `ActorDeadError`. In the handling of a `tell` nobody waits for it.

        Source: OTP, `gen_server:reply/2`.
        """
        return self._cell.promise_reply()

    def timer(self, message: object) -> Timer:
        """Make a timer that sends `message` to this actor whenever it expires.

        It does not run yet: call its `start(seconds)`. It belongs to the mailbox: it goes on
        when a supervisor restarts the actor and keeps its mail, so cancel in `on_stop` and `on_failure`
        what the next incarnation shall not get. Source: OTP, `erlang:start_timer/3`.
        """
        return Timer(self.system.scheduler.timers, self._cell, message)

    # -- the ends of others: watch them, share them, survive them; all of it ends with this incarnation

    # Whom they concern, they take by reference or by name; a name that nobody has is an `ActorEndedError`
    # with the reason `noproc`.

    def monitor(self, ref: Whom, tag: Hashable = None) -> None:
        """Get one `Down(ref, exit, tag)` message when `ref` ends; at once if it has.

        Monitoring it again with the same tag before that changes nothing. All ends with this incarnation.
        Source: OTP, `erlang:monitor/3`.

        Args:
            ref: a reference, or a name.
            tag: for several monitors of one actor, each with a `Down` of its own: any key of a dict.

        Raises:
            ActorEndedError: if nobody has the name (its `reason` is `noproc`), or this incarnation has ended.
        """
        self._living_cell().monitors.add(self._find(ref), tag)

    def demonitor(self, ref: Whom, tag: Hashable = None, *, flush: bool = False) -> None:
        """Get no `Down` with this tag for `ref`, a reference or a name, except one that is in the mailbox already.

        With `flush` not that one either. Harmless if it is not monitored. Source: OTP, `erlang:demonitor/2`.
        """
        if self._cell.actor is self:
            with suppress(ActorEndedError):  # nobody has the name any more
                self._cell.monitors.remove(self._find(ref), tag, flush=flush)

    def link(self, ref: Whom) -> None:
        """End when `ref` ends, and the other way round, unless with `normal`; see `trap_exits`.

        If it has ended already, this actor gets an exit signal `noproc`. Linking to it again, or
        to oneself, changes nothing. A link ends with the incarnation of either.
        Source: OTP, `erlang:link/1`.

        Args:
            ref: a reference, or a name.

        Raises:
            UsageError: if `ref` is a `ThreadingActor`'s; the caller's fault. Monitor it from a thread.
            ActorEndedError: if nobody has the name (its `reason` is `noproc`), or this incarnation has ended.
        """
        self._living_cell().links.add(self._find(ref))

    def unlink(self, ref: Whom) -> None:
        """Get no exit signal from `ref` any more, nor send one, except an `ExitSignal` in the mailbox.

        Harmless if it is not linked. Source: OTP, `erlang:unlink/1`.
        """
        if self._cell.actor is self:
            with suppress(ActorEndedError):
                self._cell.links.remove(self._find(ref))

    def start_linked(
        self, start: Callable[P, A] | Starter[P, A], *args: P.args, **kwargs: P.kwargs
    ) -> ActorRef[A]:
        """Start an actor as `start.start(*args, **kwargs)` does, linked to this one.

        What its `on_start` raises arrives as an exit signal. Source: OTP, `erlang:spawn_link`.

        Raises:
            Exception: what `start` raises; there is no actor, and no link, then.
            pykka.ActorDeadError: if this incarnation has ended.
        """
        cell = self._living_cell()
        ref = cast("Starter[P, A]", start).start(*args, **kwargs)
        cell.links.add(ref)
        return ref

    def _find(self, whom: Whom) -> ActorRef[Any]:
        return self._cell.system.names.find(whom)

    def __str__(self) -> str:
        return str(self.actor_ref)


@dataclass(frozen=True, slots=True)
class Starter(Generic[P, A]):
    """A class of actors together with what the next ones get; see `Actor.with_mailbox` and `with_name`.

    Args:
        actor_class: the class.
        mailbox: the bound of the mailbox; None: the class says.
        name: a name, or a `Via`; None: no name.
    """

    actor_class: type[A]
    mailbox: Bounded | None = None
    name: Hashable | None = None

    def with_mailbox(self, mailbox: Bounded) -> Self:
        """See `Actor.with_mailbox`."""
        return replace(self, mailbox=mailbox)

    def with_name(self, name: Hashable) -> Self:
        """See `Actor.with_name`."""
        return replace(self, name=name)

    def start(self, *args: P.args, **kwargs: P.kwargs) -> ActorRef[A]:
        """See `Actor.start`."""
        ref, _ = self._launch(args, kwargs)
        return ref

    async def start_async(self, *args: P.args, **kwargs: P.kwargs) -> ActorRef[A]:
        """See `Actor.start_async`."""
        return await started_actor(*self._launch(args, kwargs))

    def _launch(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[ActorRef[A], Future[None]]:
        return current_system().launch(self.actor_class, args, kwargs, mailbox=self.mailbox, name=self.name)


async def started_actor(ref: ActorRef[A], started: Future[None]) -> ActorRef[A]:
    """Wait until an actor without a supervisor has started, and return its reference; if cancelled, kill it."""
    try:
        await started
    except Exception:
        raise  # what its start has raised, or it has ended: nothing is left
    except BaseException:  # the cancellation, be it Trio's or asyncio's
        ref.kill()
        if trio.lowlevel.in_trio_task():  # else asyncio waits, which does not shield
            with trio.CancelScope(shield=True):
                await ref.stopped()
        raise
    return ref
