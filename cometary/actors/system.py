"""An actor system: the scheduler, the living actors and their names, on one Trio loop.

1.  A system is closed from the moment its nursery is cancelled: after an orderly stop, or
    because an exit that a signal has asked for (a Ctrl-C) came out of an actor.
2.  Nothing starts in a closed system. What comes too late is answered, not lost: whoever
    waits for an actor there gets `ActorDeadError`.
3.  Whatever ended it, at the end every actor has been told and every cell is closed.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Generator, Hashable
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

import pykka
import trio

from cometary.actors.exits import KILLED, SHUTDOWN, crashed
from cometary.actors.future import Future
from cometary.actors.groups import Groups
from cometary.actors.in_process import LEFT_BEHIND, NoLoop, remember
from cometary.actors.links import SignalQueue
from cometary.actors.loops import Watched
from cometary.actors.messages import Stop
from cometary.actors.names import Names, Whom, as_reference
from cometary.actors.scheduler import Scheduler
from cometary.errors import NoSystemError

if TYPE_CHECKING:
    from cometary.actors.actor import Actor
    from cometary.actors.bound import Bounded
    from cometary.actors.cell import Cell, Parent
    from cometary.actors.ref import ActorRef

    A = TypeVar("A", bound=Actor)

current: ContextVar[ActorSystem | None] = ContextVar("cometary_actor_system", default=None)
new_scheduler: ContextVar[Callable[[], Scheduler]] = ContextVar("cometary_scheduler", default=Scheduler)
"""Makes the scheduler of each system that is started; a test may want another one."""
NO_THREAD: Final = -1
_TICK: Final = 0.01
in_threads: list[ActorSystem] = []
"""Systems started with `system_in_thread`; the last one serves threads that have no other."""


class ActorSystem:
    """What actors live in; made by `system()` or `system_in_thread()`.

    Attributes:
        scheduler: runs the actors whose handler is a plain `def`.
        actors: references to all living actors, in the order they were started, with the time when the present
            incarnation began, in seconds since the epoch.
        names: the unique names of living actors.
        signals: exit signals that are being delivered.
        urns: the actors whose URN has been looked at.
        ask_timeout: seconds after which an `ask` that says nothing else gives up; None: never.
        thread: identity of the thread that the system's loop runs on.
        killing: whether all that is left is being killed; from then on nothing starts or restarts.
        closed: whether the system has come to its end.
        left_behind: whether this process was forked from that in which the system lives.
    """

    def __init__(self, nursery: trio.Nursery, ask_timeout: float | None = None) -> None:
        self.ask_timeout = ask_timeout
        self.scheduler = new_scheduler.get()()
        self.names = Names()
        self.signals = SignalQueue()
        self._scopes: dict[str, Groups] = {}
        self.actors: dict[ActorRef[Any], float] = {}
        self._now = 0.0
        self.urns: weakref.WeakValueDictionary[str, ActorRef[Any]] = weakref.WeakValueDictionary()
        self.thread = threading.get_ident()
        self._token = trio.lowlevel.current_trio_token()
        self._nursery = nursery
        self._empty: trio.Event | None = None
        self.killing = False
        self.closed = False
        self.left_behind = False
        remember(self)

    @contextmanager
    def as_current(self) -> Generator[Self]:
        """Make this the system that the code in the block runs in, as far as that can be named.

        For code that was not started from the system's block, such as callbacks of the host of Trio's guest mode.
        """
        restore = current.set(self)
        try:
            yield self
        finally:
            current.reset(restore)

    # -- starting -----------------------------------------------------------------------

    def launch(
        self,
        actor_class: type[A],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        parent: Parent | None = None,
        mailbox: Bounded | None = None,
        *,
        name: Hashable | None = None,
    ) -> tuple[ActorRef[A], Future[None]]:
        """Build an actor in the caller's context, as Pykka does, and start it.

        Args:
            actor_class: the class, built with `args` and `kwargs`; or what stands for one that
                is not ours, with its `new_cell` and `incarnate`.
            args: positional arguments of the constructor.
            kwargs: keyword arguments of the constructor.
            parent: the supervisor that decides what happens when the actor has ended.
            mailbox: the bound of its mailbox, instead of that of its class.
            name: a name, or a `Via`, that it has from before it is built; None for none.

        Returns:
            The reference, and a future that is settled when `on_start` has run.
        """
        cell = actor_class.new_cell(self, mailbox)
        if name is not None:
            self.names.register(name, cell.ref)  # first: if it is taken, nothing has happened
        try:
            actor = actor_class.incarnate(cell, args, kwargs)
        except BaseException as error:
            self.post(cell.abandon, crashed(error))  # the constructor may have given its reference away
            raise
        cell.parent = parent
        started: Future[None] = Future()
        self.actors[cell.ref] = self._about_now()  # here, so that whoever has started it finds it
        self.post(self._begin, actor, started)
        return cell.ref, started

    def _begin(self, actor: Actor, started: Future[None]) -> None:
        cell = actor.actor_inbox
        if self.closed or self.killing or cell.actor is not actor:  # its constructor may have killed it
            started.offer(error=cell.dead())
            self.forget(cell.ref)  # first: its parent may revive it
            cell.abandon(cell.exit or KILLED)
            return
        cell.begin(actor, started)
        if self._empty is not None and cell.parent is None:
            cell.put_if_open(Stop(SHUTDOWN))  # the others have been asked to stop already

    def revive(
        self, ref: ActorRef[A], args: tuple[Any, ...], kwargs: dict[str, Any], *, keep_mail: bool
    ) -> Future[None]:
        """Start the next incarnation of an actor that has ended and is not buried.

        Returns:
            A future that is settled when `on_start` has run.

        Raises:
            NoSystemError: if the system is at its end.
            Exception: what the constructor raises; the actor still waits to be revived or buried.
        """
        if self.closed or self.killing:
            raise NoSystemError("the actor system has ended")
        cell = ref.actor_inbox
        cell.life += 1
        self.actors[ref] = self._about_now()
        if not keep_mail:
            cell.mail_since = cell.life
            cell.discard(cell.drain())
        started: Future[None] = Future()
        actor = cell.incarnate(args, kwargs)
        if cell.actor is actor:
            cell.begin(actor, started)
        else:  # it ended while it was being built, and its parent has been told
            started.offer(error=cell.dead())
        return started

    def _about_now(self) -> float:
        # To a hundredth of a second, so that actors that are started together share one number.
        now = time.time()
        if not 0 <= now - self._now <= _TICK:
            self._now = now
        return self._now

    def start_soon(self, function: Callable[..., Awaitable[object]], *args: Any) -> None:
        """Run an async function as long as the system lives, from any thread."""
        self.post(self._spawn, function, args)

    def _spawn(self, function: Callable[..., Awaitable[object]], args: tuple[Any, ...]) -> None:
        if not self.closed:
            self._nursery.start_soon(self._inside, function, args, name=function)

    async def _inside(self, function: Callable[..., Awaitable[object]], args: tuple[Any, ...]) -> None:
        current.set(self)  # whoever has started it, from wherever
        try:
            await Watched(function(*args))
        except BaseException:
            self.closed = True  # this cancels the nursery
            raise

    def groups(self, scope: str = "default") -> Groups:
        """Return the groups of one scope, from any thread; see `cometary.actors.groups`."""
        found = self._scopes.get(scope)
        return self._scopes.setdefault(scope, Groups(self, scope)) if found is None else found

    # -- the loop's thread --------------------------------------------------------------

    def on_thread(self) -> bool:
        """Whether this is called on the loop's thread."""
        return threading.get_ident() == self.thread

    def post(self, function: Callable[..., object], *args: Any) -> None:
        """Call `function(*args)` on the loop's thread: now if this is it, else soon.

        When the loop is over it is called here: there is nobody left to race with.
        """
        if threading.get_ident() != self.thread:
            try:
                self._token.run_sync_soon(function, *args)
            except trio.RunFinishedError:
                pass
            else:
                return
        function(*args)

    def call_soon(self, function: Callable[..., object], *args: Any) -> None:
        """Have the loop call `function(*args)` soon; from any thread, keeping its order.

        Raises:
            pykka.ActorDeadError: if the loop is over.
        """
        try:
            self._token.run_sync_soon(function, *args)
        except trio.RunFinishedError:
            raise pykka.ActorDeadError("the actor system has ended") from None

    # -- ending -------------------------------------------------------------------------

    def forget(self, ref: ActorRef[Any]) -> None:
        """Take note that an actor has ended for good."""
        self.actors.pop(ref, None)
        self.names.forget(ref)
        if self._empty is not None and not self.actors:
            self._empty.set()

    async def shut_down(self, timeout: float) -> None:  # noqa: ASYNC109 - it bounds the grace, not the call
        """Ask all actors to stop, the youngest first; after `timeout` seconds kill those left.

        Supervised actors are left to their supervisors until then, who stop them one by one.
        """
        try:
            await self._stop_all(timeout)
        finally:
            self.closed = True
            self._nursery.cancel_scope.cancel()

    async def _stop_all(self, timeout: float) -> None:  # noqa: ASYNC109 - see above
        self._empty = trio.Event()
        for cell in self._cells():
            if cell.parent is None:
                cell.put_if_open(Stop(SHUTDOWN))
        if self.actors and not self.closed:
            with trio.move_on_after(timeout):
                await self._empty.wait()
        self.killing = True
        for cell in self._cells():
            cell.kill()
        if self.actors and not self.closed:
            await self._empty.wait()  # for what is still unwinding

    def bury_all(self) -> None:
        """Close every cell that is left, and tell whoever waits; nothing runs any more."""
        self.killing = True
        for cell in self._cells():
            cell.kill()
            cell.bury()

    def leave_behind(self) -> None:
        """Close it, and all actors, in a process that was just forked: nobody is told, and nothing runs."""
        self.left_behind = self.closed = self.killing = True
        self.thread = NO_THREAD
        self._token = cast("trio.lowlevel.TrioToken", NoLoop())
        for cell in self._cells():
            cell.leave_behind()
        self.actors.clear()
        self.names, self._scopes = Names(), {}
        if self in in_threads:
            in_threads.remove(self)

    def _cells(self) -> list[Cell]:
        # A copy, and in one go: other threads start actors meanwhile.
        return [ref.actor_inbox for ref in reversed(list(self.actors))]


def instead_of_blocking(code: str) -> str:
    """Return what to do instead of a call that would block the loop: `code`, where there can be an `await`."""
    found = current.get()
    if found is None or not found.on_thread() or found.scheduler.timers.batch_began is None:
        return f"write `{code}` instead"
    return (
        f"this is a plain `def` handler, which cannot wait: make `on_receive` an `async def` and write `{code}`, "
        "or have the answer sent to this actor as a message"
    )


def current_system() -> ActorSystem:
    """Return the system that the calling code runs in.

    Raises:
        NoSystemError: if there is none; the caller's fault.
    """
    found = current.get()
    if found is not None and not found.closed:
        return found
    if in_threads:
        return in_threads[-1]
    if found is not None and found.left_behind:
        raise NoSystemError(f"the actor system {LEFT_BEHIND}: start one here")
    raise NoSystemError(
        "no actor system is running: use `async with system():` or `with system_in_thread():`"
    )


def actor_meant(whom: Whom) -> ActorRef[Any]:
    """Return the actor that is meant: that with this reference, in any thread, or with this name in the current system.

    Raises:
        UsageError: if it is no reference to one of Cometary's actors; the caller's fault.
        ActorEndedError: if nobody has the name.
    """
    return as_reference(whom) or current_system().names.find(whom)
