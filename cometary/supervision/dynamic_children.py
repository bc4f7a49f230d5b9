"""The children of a dynamic supervisor: as little as possible about each of very many.

1.  A child is a reference and what a restart needs: its specification or, if it was started as a
    class, its constructor's arguments. That is all that is stored for most of them.
2.  A child that is RESTARTING waits for its back-off, or for another attempt: there is nothing of it but its mail.
3.  All are terminated at once: each has its own time, from that moment on, and one that is left then is
    killed. Those that are to be killed without being asked are killed at once.
4.  From the moment that all are to go nobody is started or restarted, and those that are restarting
    are forgotten: there is nothing of them to stop.
5.  A child counts as gone when its supervisor has been told of its end, and not before.

Source: Elixir, `DynamicSupervisor`, `terminate_children`: the `shutdown` of each child counts, by timers that
children with the same one share.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import TYPE_CHECKING, Any, cast

import trio

from cometary.actors import SHUTDOWN, ActorRef, Exit, Future
from cometary.actors.exits import Restart
from cometary.actors.messages import Stop
from cometary.actors.task_cell import TaskCell
from cometary.actors.thread_cell import threaded_maker
from cometary.errors import ChildStartError, ChildStateError, SpecError
from cometary.escapes import exit_in, plain, really
from cometary.log import show
from cometary.supervision.calls import ChildCount, ChildInfo
from cometary.supervision.child import KILL_GRACE, State, actor_name, restart_actor, start_actor
from cometary.supervision.child_defaults import ChildDefaults, StartOverdue
from cometary.supervision.options import Kind, shutdown_seconds
from cometary.supervision.reports import Offender
from cometary.supervision.restart_policy import Delays, RestartCounts
from cometary.supervision.spec import ChildSpec, unchecked_spec
from cometary.supervision.startable import AnyActorClass, is_actor_class, is_threading_class
from cometary.supervision.supervising_actor import SupervisingActor, logger
from cometary.supervision.task_actor import TaskActor

if TYPE_CHECKING:
    from cometary.supervision.dynamic import DynamicSupervisor

AnyRef = ActorRef[Any]

BATCH = 500
"""Children that are asked to stop between two checkpoints, so that a hundred thousand of them do not stop the loop."""


class DynamicChildren:
    """Starts, restarts and terminates children; what becomes of one that ends by itself is not decided here.

    Args:
        supervisor: whose children they are.
        defaults: how those started as a class are treated.
        counts: of their restarts.
        delays: before their restarts.

    Attributes:
        restarting: how those that wait to be restarted ended, or failed to start again.
        terminating: set once a child that is being terminated on request has gone.
        all_terminating: whether all children are to go, for good.
    """

    def __init__(
        self, supervisor: DynamicSupervisor, defaults: ChildDefaults, counts: RestartCounts, delays: Delays
    ) -> None:
        self._supervisor = supervisor
        self._defaults = defaults
        self._extra = defaults.extra_arguments
        self._counts = counts
        self._delays = delays
        self._system = supervisor.system
        self._keep_args = defaults.restart != "temporary"  # else nobody will need them again
        self._starts: dict[AnyRef, ChildSpec | tuple[Any, ...]] = {}
        self.restarting: dict[AnyRef, Exit] = {}
        self.terminating: dict[AnyRef, trio.Event] = {}
        self.all_terminating = False
        self._all_gone: trio.Event | None = None

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[AnyRef]:
        return iter(self._starts)

    def __contains__(self, ref: object) -> bool:
        return ref in self._starts

    # -- start and restart ----------------------------------------------------------------

    def start(self, start: AnyActorClass | ChildSpec, args: tuple[Any, ...]) -> tuple[AnyRef, Future[None]]:
        """Start a child; returns its reference, and a future that tells when it has started.

        Raises:
            SpecError: if it is neither a class nor a suitable specification.
            ChildStartError: if the constructor raises what is no `Exception`, such as a `SystemExit`.
            Exception: what the constructor raises; it is not a child then.
        """
        try:
            ref, started = self._start_actor(start, args)
        except BaseException as error:
            if issubclass(type(error), Exception) or exit_in(error) is not None:
                raise
            # An exit of the child's: whoever starts it is not to take it for theirs.
            raise ChildStartError(f"a child did not start: {show(error)}") from error
        if ref.is_alive():  # else its constructor has killed it
            self._starts[ref] = (
                start.as_kept() if isinstance(start, ChildSpec) else args if self._keep_args else ()
            )
            self._expect_start(ref, started)
        return ref, started

    def _start_actor(
        self, start: AnyActorClass | ChildSpec, args: tuple[Any, ...]
    ) -> tuple[AnyRef, Future[None]]:
        if isinstance(start, ChildSpec):
            if start.significant:
                raise SpecError(
                    f"child {start.id!r} is significant: a dynamic supervisor has no auto_shutdown"
                )
            return start_actor(start, self._system, self._supervisor)
        if is_actor_class(start):
            return self._system.launch(start, self._with_extra(args), {}, self._supervisor)
        if is_threading_class(start):
            maker = threaded_maker(start)
            return self._system.launch(maker, self._with_extra(args), {}, self._supervisor)
        raise SpecError(f"a child is an actor's class or a ChildSpec, not {show(start)}")

    def _with_extra(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (*self._extra, *args) if self._extra else args

    def restart(self, ref: AnyRef) -> None:
        """Start the next incarnation of a child that has ended; raises what its constructor raises."""
        start = self._starts[ref]
        if isinstance(start, ChildSpec):
            started = restart_actor(start, self._system, ref)
        else:
            args = self._with_extra(start)
            started = self._system.revive(ref, args, {}, keep_mail=self._defaults.keep_mail)
        self._expect_start(ref, started)

    def _expect_start(self, ref: AnyRef, started: Future[None]) -> None:
        # One that runs on the scheduler has started in its first turn, or blocks the loop and
        # all timers with it. So most children cost no timer.
        if not isinstance(ref.actor_inbox, TaskCell) or (seconds := self._start_seconds_of(ref)) == inf:
            return
        timer = self._supervisor.timer(StartOverdue(ref, started, seconds))
        timer.start(seconds)
        started.add_done_callback(timer.close)

    def forget(self, ref: AnyRef) -> None:
        """Forget a child that has ended, and let there be no next incarnation."""
        del self._starts[ref]
        self._counts.forget(ref)
        self._delays.forget(ref)
        self.restarting.pop(ref, None)
        ref.actor_inbox.bury()
        if self._all_gone is not None and not self._starts:
            self._all_gone.set()

    # -- terminate all --------------------------------------------------------------------

    async def terminate_all(self) -> None:
        """Ask all children to stop, and kill each that is left when its time is up."""
        all_gone = self._begin_to_terminate_all()
        asked = trio.current_time()
        for seconds, refs in sorted((await self._ask_all_to_stop()).items()):
            with trio.move_on_at(asked + seconds):
                await all_gone.wait()
            self._kill_late(refs)
        await self.kill_all()

    def _begin_to_terminate_all(self) -> trio.Event:
        if self._all_gone is None:
            self._all_gone, self.all_terminating = trio.Event(), True
        for ref in list(self):
            if ref.actor_inbox.has_ended:  # it waits for a restart, or an interrupt came before that
                self._supervisor.forget(ref)
        if not self._starts:
            self._all_gone.set()
        return self._all_gone

    async def _ask_all_to_stop(self) -> dict[float, list[AnyRef]]:
        """Ask those that are to be asked; returns them by the seconds that they have."""
        order = Stop(SHUTDOWN)
        by_seconds: dict[float, list[AnyRef]] = {}
        for number, ref in enumerate(list(self), start=1):
            seconds = self.shutdown_seconds_of(ref)
            if seconds > 0:
                by_seconds.setdefault(seconds, []).append(ref)
                ref.actor_inbox.put_if_open(order)
            else:
                ref.actor_inbox.kill()
            if number % BATCH == 0:
                await trio.lowlevel.checkpoint()
        return by_seconds

    def _kill_late(self, refs: list[AnyRef]) -> None:
        late = [ref for ref in refs if ref in self]
        if late:
            path = self._supervisor.path
            text = f"{path} kills {len(late)} children that did not stop in time"
            logger.warning("children killed", text=text, supervisor=path, children=len(late))
        for ref in late:
            ref.actor_inbox.kill()

    async def kill_all(self) -> None:
        """Kill all children that are left, at once."""
        all_gone = self._begin_to_terminate_all()
        for ref in list(self):
            ref.actor_inbox.kill()
        if not await _soon(all_gone):
            path, left = self._supervisor.path, len(self)
            text = f"{path} killed {left} children that go on: they are shielded from cancellation"
            logger.error("children go on", text=text, supervisor=path, children=left)
            await all_gone.wait()

    # -- terminate one --------------------------------------------------------------------

    async def terminate(self, ref: Any) -> None:
        """Stop a child and forget it; returns when it has gone.

        Raises:
            ChildStateError: if there is no such child; the calling code's fault.
        """
        self.check(ref)
        if ref in self.restarting:
            self._supervisor.forget(ref)
            return
        self.terminating[ref] = gone = trio.Event()
        if (seconds := self.shutdown_seconds_of(ref)) > 0:
            ref.actor_inbox.put_if_open(Stop(SHUTDOWN))
            with trio.move_on_after(seconds):
                await gone.wait()
        if not gone.is_set():
            ref.actor_inbox.kill()
            if not await _soon(gone):
                path = self._supervisor.path
                text = f"{path} killed {ref}, which goes on: it is shielded from cancellation"
                logger.error("child goes on", text=text, supervisor=path, **ref.actor_inbox.account())
                await gone.wait()

    # -- about one child ------------------------------------------------------------------

    def spec_of(self, ref: AnyRef) -> ChildSpec | None:
        """Return the specification of a child; None if it was started as a class."""
        start = self._starts.get(ref)
        return start if isinstance(start, ChildSpec) else None

    def args_of(self, ref: AnyRef) -> tuple[Any, ...]:
        """Return the constructor's arguments of a child that was started as a class and may be restarted."""
        start = self._starts[ref]
        return () if isinstance(start, ChildSpec) else start

    def id_of(self, ref: AnyRef) -> str:
        """Return the id of a child; empty if it was started as a class."""
        spec = self.spec_of(ref)
        return "" if spec is None else spec.id

    def shown_id_of(self, ref: AnyRef) -> str:
        """Return its id, or of one that was started as a class its `display_name`, if it has one, or else its URN."""
        if child_id := self.id_of(ref):
            return child_id
        named = getattr(ref.actor_inbox.actor, "display_name", None)
        return plain(named) if really(named, str) and named else ref.actor_urn

    def name_of(self, ref: AnyRef) -> str:
        """Return what reports call the class or function of a child."""
        spec = self.spec_of(ref)
        return ref.qualified_label if spec is None else actor_name(spec, ref)

    def kind_of(self, ref: AnyRef) -> Kind:
        """Return what sort of child it is."""
        spec = self.spec_of(ref)
        if spec is not None:
            return spec.kind
        if is_threading_class(ref.actor_class):
            return "thread"
        if issubclass(ref.actor_class, TaskActor):
            return "task"
        return "supervisor" if issubclass(ref.actor_class, SupervisingActor) else "worker"

    def restart_of(self, ref: AnyRef) -> Restart:
        """Return the restart type of a child."""
        spec = self.spec_of(ref)
        return self._defaults.restart if spec is None else spec.restart

    def shutdown_seconds_of(self, ref: AnyRef) -> float:
        """Return the seconds that a child has to stop."""
        spec = self.spec_of(ref)
        if spec is not None:
            return spec.shutdown_seconds
        return shutdown_seconds(self._defaults.shutdown, self.kind_of(ref))

    def _start_seconds_of(self, ref: AnyRef) -> float:
        spec = self.spec_of(ref)
        if spec is not None:
            return spec.start_seconds
        return inf if self.kind_of(ref) == "supervisor" else self._defaults.start_timeout

    def restarts_of(self, ref: AnyRef) -> int:
        """Return how often a child has been restarted."""
        return self._counts.restarts(ref)

    def state_of(self, ref: AnyRef) -> State:
        """Return what a child is doing."""
        if ref in self.restarting:
            return "restarting"
        if ref in self.terminating:
            return "stopping"
        return "starting" if ref.actor_inbox.starting is not None else "running"

    def offender(self, ref: AnyRef) -> Offender:
        """Return what a report says about a child."""
        return Offender(self.id_of(ref), self.name_of(ref), ref, self.restarts_of(ref))

    def check(self, ref: object) -> AnyRef:
        """Return `ref`, which must be that of a child.

        Raises:
            ChildStateError: if it is not; the calling code's fault.
        """
        if really(ref, str):
            raise ChildStateError(f"{self._supervisor.path} knows its children by reference, not by id")
        if ref not in self:
            raise ChildStateError(f"{self._supervisor.path} has no child {show(ref)}")
        return cast("AnyRef", ref)

    def info(self, ref: AnyRef) -> ChildInfo:
        """Tell about a child."""
        return ChildInfo(self.id_of(ref), ref, self.kind_of(ref), self.state_of(ref))

    def infos(self) -> tuple[ChildInfo, ...]:
        """Tell who there is."""
        return tuple(map(self.info, self._starts))

    def childspec(self, ref: AnyRef) -> ChildSpec:
        """Return the specification of a child; of one that was started as a class, what it would have been."""
        start = self._starts[ref]
        if isinstance(start, ChildSpec):
            return start
        defaults = self._defaults
        return unchecked_spec(
            self.shown_id_of(ref),
            ref.actor_class,
            args=self._with_extra(start) if self._keep_args else (),
            restart=defaults.restart,
            shutdown=defaults.shutdown,
            start_timeout=self._start_seconds_of(ref),
            keep_mail=defaults.keep_mail,
        )

    def count(self) -> ChildCount:
        """Tell how many there are; takes time in proportion."""
        count = len(self._starts)
        supervisors = sum(self.kind_of(ref) == "supervisor" for ref in self._starts)
        return ChildCount(count, count - len(self.restarting), supervisors, count - supervisors)


async def _soon(event: trio.Event) -> bool:
    with trio.move_on_after(KILL_GRACE):
        await event.wait()
        return True
    return False
