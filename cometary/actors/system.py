"""An actor system: the scheduler, the living actors and their names, on one Trio loop.

Structured concurrency: a system is an `async with`, and leaving it leaves nothing running.
"""

from __future__ import annotations

import contextlib
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

import pykka
import trio

from cometary.actors.exits import SHUTDOWN
from cometary.actors.future import Future
from cometary.actors.messages import Stop
from cometary.actors.names import Names
from cometary.actors.scheduler import Scheduler
from cometary.errors import NoSystemError, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from cometary.actors.actor import Actor
    from cometary.actors.cell import Cell, Parent
    from cometary.actors.ref import ActorRef

    A = TypeVar("A", bound=Actor)

_current: ContextVar[ActorSystem | None] = ContextVar("cometary_actor_system", default=None)
_in_threads: list[ActorSystem] = []
"""Systems started with `system_in_thread`; the last one serves threads that have no other."""


class ActorSystem:
    """What actors live in; made by `system()` or `system_in_thread()`.

    Attributes:
        scheduler: runs the actors whose handler is a plain `def`.
        actors: references to all living actors, in the order they were started.
        names: the unique names of living actors.
        thread: identity of the thread that the system's loop runs on.
    """

    def __init__(self, nursery: trio.Nursery) -> None:
        self.scheduler = Scheduler()
        self.names = Names()
        self.actors: dict[ActorRef[Any], None] = {}
        self.thread = threading.get_ident()
        self._token = trio.lowlevel.current_trio_token()
        self._nursery = nursery
        self._adopted: Cell | None = None
        self._closed = False
        self._empty: trio.Event | None = None

    @property
    def closed(self) -> bool:
        """Whether the system has come to its end."""
        return self._closed

    # -- starting -----------------------------------------------------------------------

    def launch(
        self,
        actor_class: type[A],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        parent: Parent | None = None,
    ) -> tuple[ActorRef[A], Future[None]]:
        """Build an actor in the caller's context, as Pykka does, and start it.

        Args:
            actor_class: the class, built with `args` and `kwargs`.
            args: positional arguments of the constructor.
            kwargs: keyword arguments of the constructor.
            parent: the supervisor that decides what happens when the actor has ended.

        Returns:
            The reference, and a future that is settled when `on_start` has run.
        """
        actor = actor_class(*args, **kwargs)
        ref = actor.actor_ref
        ref.actor_inbox.parent = parent
        started: Future[None] = Future()
        self.call(self._begin, actor, started)
        return ref, started

    def _begin(self, actor: Actor, started: Future[None]) -> None:
        self.actors[actor.actor_ref] = None
        actor.actor_inbox.begin(actor, started)

    def revive(
        self, ref: ActorRef[A], args: tuple[Any, ...], kwargs: dict[str, Any], *, keep_mail: bool
    ) -> Future[None]:
        """Start the next incarnation of an actor that has ended and is not buried.

        Returns:
            A future that is settled when `on_start` has run.
        """
        cell = ref.actor_inbox
        if not keep_mail:
            cell.discard(cell.drain())
        started: Future[None] = Future()
        self._adopted = cell
        try:
            actor = ref.actor_class(*args, **kwargs)
        finally:
            self._adopted = None
        cell.begin(actor, started)
        return started

    def adopt(self, actor_class: type[Actor]) -> Cell | None:
        """Return the cell put aside for the actor that is being rebuilt, if this is it."""
        cell = self._adopted
        if cell is None or cell.ref is None or cell.ref.actor_class is not actor_class:
            return None
        self._adopted = None
        return cell

    # -- the loop's thread --------------------------------------------------------------

    def start_soon(self, function: Callable[..., Awaitable[object]], *args: Any) -> None:
        """Run an async function as long as the system lives, from any thread."""
        self.call(self._nursery.start_soon, function, *args)

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call `function(*args)` on the loop's thread and return what it returns."""
        if threading.get_ident() == self.thread:
            return function(*args)
        return trio.from_thread.run_sync(function, *args, trio_token=self._token)

    def call_soon(self, function: Callable[..., object], *args: Any) -> None:
        """Have the loop call `function(*args)` soon; from any thread, keeping its order.

        Raises:
            pykka.ActorDeadError: if the system has ended.
        """
        try:
            self._token.run_sync_soon(function, *args)
        except trio.RunFinishedError:
            msg = "the actor system has ended"
            raise pykka.ActorDeadError(msg) from None

    # -- ending -------------------------------------------------------------------------

    def forget(self, ref: ActorRef[Any]) -> None:
        """Take note that an actor has ended for good."""
        self.actors.pop(ref, None)
        self.names.forget(ref)
        if self._empty is not None and not self.actors:
            self._empty.set()

    async def stop_all(self, timeout: float) -> None:  # noqa: ASYNC109  # it bounds the grace, not the call
        """Stop all actors, the youngest first; kill those left after `timeout` seconds.

        Supervised actors are left to their supervisors.
        """
        for ref in reversed(list(self.actors)):
            cell = ref.actor_inbox
            if cell.parent is None:
                cell.put_if_open(Stop(SHUTDOWN))
        self._empty = trio.Event()
        if self.actors:
            with trio.move_on_after(timeout):
                await self._empty.wait()
        for ref in reversed(list(self.actors)):
            ref.actor_inbox.kill()
            ref.actor_inbox.parent = None

    def close(self) -> None:
        """Let nothing of the system go on: cancel its tasks, answer who still waits."""
        self._closed = True
        self._nursery.cancel_scope.cancel()
        for ref in list(self.actors):
            ref.actor_inbox.bury()


def current_system() -> ActorSystem:
    """Return the system that the calling code runs in.

    Raises:
        NoSystemError: if there is none; the caller's fault.
    """
    found = _current.get()
    if found is not None and not found.closed:
        return found
    if _in_threads:
        return _in_threads[-1]
    msg = "no actor system is running: use `async with system():` or `with system_in_thread():`"
    raise NoSystemError(msg)


@contextlib.asynccontextmanager
async def system(*, stop_timeout: float = 5.0) -> AsyncIterator[ActorSystem]:
    """Run an actor system on the current Trio loop for the length of the `async with`.

    Args:
        stop_timeout: seconds that actors have to stop at the end before they are killed.

    Yields:
        The system. Inside the block, and in every task and thread started from it,
        `Actor.start` starts actors in it.
    """
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        actors = ActorSystem(nursery)
        nursery.start_soon(actors.scheduler.run)
        restore = _current.set(actors)
        try:
            yield actors
        except Exception as error:  # noqa: BLE001  # raised below, free of the nursery's group
            failure = error
        finally:
            _current.reset(restore)
            with trio.CancelScope(shield=True):
                await actors.stop_all(stop_timeout)
            actors.close()
    if failure is not None:
        raise failure


@contextlib.contextmanager
def system_in_thread(*, stop_timeout: float = 5.0) -> Iterator[ActorSystem]:
    """Run an actor system in a background thread, for a program that is not async.

    Inside the block any thread starts and uses actors as it would Pykka's, blocking calls
    included.

    Args:
        stop_timeout: seconds that actors have to stop at the end before they are killed.

    Yields:
        The system.
    """
    if trio.lowlevel.in_trio_run():
        msg = "on the Trio loop use `async with system():`"
        raise UsageError(msg)
    ready: Future[tuple[ActorSystem, trio.Event]] = Future()

    async def main() -> None:
        leave = trio.Event()
        async with system(stop_timeout=stop_timeout) as actors:
            ready.set((actors, leave))
            await leave.wait()

    thread = threading.Thread(target=_run_and_report, args=(main, ready), name="cometary-actors")
    thread.start()
    actors, leave = ready.get()
    _in_threads.append(actors)
    try:
        yield actors
    finally:
        _in_threads.remove(actors)
        with contextlib.suppress(pykka.ActorDeadError):
            actors.call_soon(leave.set)
        thread.join()


def _run_and_report(main: Callable[[], Awaitable[None]], ready: Future[Any]) -> None:
    try:
        trio.run(main)
    except BaseException:
        if not ready.done():
            ready.set_exception()
        raise
