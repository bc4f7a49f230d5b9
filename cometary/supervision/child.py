"""One child of a supervisor: starting it, stopping it, and what is known about it.

1.  A child has at most one incarnation. `start` returns when its `on_start` has run, `stop`
    when everything that belonged to it has gone.
2.  An actor that ends tells its parent, which is this object, in `child_exited`. Whoever waits
    in `start` or `stop` is woken; otherwise the supervisor is told.
3.  The cell of an ended child waits for the next incarnation until the supervisor buries it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import trio

from cometary.actors import KILLED, SHUTDOWN, Actor, ActorRef, ActorSystem, Exit, Future
from cometary.actors.cell import Cell, Parent
from cometary.actors.exits import crashed
from cometary.actors.messages import Stop
from cometary.actors.thread_cell import threaded_maker
from cometary.errors import ChildStartError, StartIgnoredError
from cometary.escapes import escapes, really
from cometary.log import get_logger, show
from cometary.supervision.function import BlockingFunctionActor, FunctionActor, InThread, function_name
from cometary.supervision.reports import CrashReport, ReportSink
from cometary.supervision.spec import ChildSpec, SupervisorSpec
from cometary.supervision.startable import is_actor_class, is_threading_class
from cometary.supervision.supervising_actor import SupervisingActor

logger = get_logger("cometary.supervision")

State = Literal["starting", "running", "ended", "stopping", "restarting", "stopped"]

KILL_GRACE = 1.0
"""Seconds after which it is logged that a killed child is still there."""


class Child(ReportSink):
    """A child, through all its incarnations.

    Args:
        spec: how to start it.
        system: where it lives.
        above: the path of its supervisor in the tree, and where reports go.
        on_exit: called when it has ended without being asked to.
    """

    def __init__(
        self, spec: ChildSpec, system: ActorSystem, above: ReportSink | None, on_exit: Callable[[Child], None]
    ) -> None:
        self.spec = spec
        self.state: State = "stopped"
        self.ref: ActorRef[Any] | None = None
        self.exit: Exit | None = None
        """How the last incarnation ended; None while there is one, and before the first."""
        self.restarts = 0
        self.streak = 0
        """Restarts in a row, for the back-off."""
        self.started_at = 0.0
        self.expected: object = None
        """The message to the supervisor about this child that still counts; others are overtaken."""
        self.unreported = False
        """Whether it ended, or failed to start, and the supervisor has not looked at it yet."""
        self.leaving = False
        """Whether it is stopped or killed for good."""
        self._system = system
        self._above = above
        self._on_exit = on_exit
        self._gone: trio.Event | None = None

    @property
    def alive(self) -> bool:
        """Whether there is an incarnation, or something left of one."""
        return self._gone is not None and not self._gone.is_set()

    # -- start ----------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the next incarnation, and wait until its `on_start` has run.

        One that is not needed now, as it says by `StartIgnoredError`, is `stopped` afterwards.

        Raises:
            ChildStartError: if it failed or took too long; nothing is left of the attempt.
                The child's fault.
        """
        self.state = "starting"
        self.leaving = False
        self.exit = None
        failure = await self._try_to_start()
        if failure is not None:
            await self._kill()
            if really(failure, StartIgnoredError):
                self.state = "stopped"
                return
            raise self._not_started(failure)
        self.state = "running"
        self.started_at = trio.current_time()
        self.spec = self.spec.as_kept()
        if not self.alive:  # it ended between its `on_start` and this line
            self._ended()

    async def _try_to_start(self) -> BaseException | None:
        """Start the next incarnation; returns what it raised instead of starting, if it did."""
        try:
            started = self._begin()
            with trio.fail_after(self.spec.start_seconds):
                await started
        except BaseException as error:
            if escapes(error):
                raise
            return error
        return None

    def _begin(self) -> Future[None]:
        self._gone = trio.Event()  # first: a constructor may even kill its own actor
        try:
            if self.ref is not None and self.ref.is_alive():
                return restart_actor(self.spec, self._system, self.ref)
            self.ref = None
            self.ref, started = start_actor(self.spec, self._system, self)
        except BaseException:
            self._gone.set()
            raise
        return started

    def _not_started(self, error: BaseException) -> ChildStartError:
        if self.exit is not None and self.exit.error is not None:
            error = self.exit.error  # whatever it seems to be: this is what has ended it
        elif really(error, trio.TooSlowError):
            error = TimeoutError(f"it did not start within {self.spec.start_seconds} s")
        self.exit = crashed(error)
        self.unreported = True
        if really(error, ChildStartError):
            return error  # a supervisor: what it says about its child says it all
        failure = ChildStartError(f"child {self.path} did not start: {show(error)}")
        failure.__cause__ = error
        return failure

    # -- stop -----------------------------------------------------------------------------

    async def stop(self, *, for_good: bool) -> bool:
        """Stop the incarnation in good order, or kill it when its time is up.

        Its cell then waits for the next one, or for `bury`; but it has closed if that was `for_good`.

        Returns:
            Whether there was one; all of it has gone now.
        """
        self.expected = None
        self.leaving = for_good
        if not self.alive:
            self.state = "stopped"
            return False
        self.state = "stopping"
        in_time = self.spec.shutdown_seconds > 0 and await self._ask_to_stop()
        await self._kill()
        if not in_time and self.exit is not None and not self.exit.abnormal:
            self.exit = KILLED  # it had begun to stop in good order, but a task of its own took too long
        self.state = "stopped"
        return True

    async def _ask_to_stop(self) -> bool:
        order = Stop(SHUTDOWN)
        cell = self._cell()
        cell.put_if_open(order)
        with trio.move_on_after(self.spec.shutdown_seconds):
            await self._until_gone()
        # If the actor ended before it came to the order, the order is still in its mail, and
        # the next incarnation must not take it for its own.
        if not cell.empty():
            mail = cell.drain()
            cell.put_back(iter([item for item in mail if item is not order]))
        return not self.alive

    async def kill(self) -> None:
        """End the incarnation for good, without asking; returns when all of it has gone. Then it is to be buried."""
        self.state = "stopping"
        self.leaving = True
        await self._kill()

    async def _kill(self) -> None:
        if not self.alive:
            return
        self._cell().kill()
        with trio.move_on_after(KILL_GRACE):
            await self._until_gone()
            return
        # Trio cannot end a task that is shielded from cancellation, or that waits for a
        # thread. To go on without it would let the next incarnation meet it, so: wait.
        text = f"Child {self.path} was killed and goes on: it is shielded from cancellation"
        logger.error("child goes on", text=text, child=self.path)
        await self._until_gone()

    async def _until_gone(self) -> None:
        if self._gone is not None:
            await self._gone.wait()

    def bury(self) -> None:
        """Let there be no next incarnation behind the same reference."""
        self.expected = None
        self.unreported = False
        self.state = "stopped"
        if self.ref is not None:
            self._cell().bury()

    def _cell(self) -> Cell:
        if self.ref is None:
            raise RuntimeError(f"child {self.path} was never started")
        return self.ref.actor_inbox

    # -- what its actor and those below it tell -------------------------------------------

    def child_exited(self, _ref: ActorRef[Any], exit: Exit) -> None:  # noqa: A002 - OTP's word
        """Take note that the incarnation has ended."""
        self.exit = exit
        if self._gone is not None:
            self._gone.set()
        if self.state == "running":
            self._ended()

    def _ended(self) -> None:
        self.state = "ended"
        self.unreported = True
        self._on_exit(self)

    def ends_for_good(self, _ref: ActorRef[Any], exit: Exit) -> bool:  # noqa: A002 - OTP's word
        """Whether the supervisor is certainly not going to restart it, so that its cell can close."""
        if self.spec.restart == "temporary" or self.leaving:
            return True
        return self.state == "running" and not exit.matters(self.spec.restart)

    @property
    def parent_ref(self) -> ActorRef[Any] | None:
        """Who supervises it; None for the root."""
        return self._above.actor_ref if isinstance(self._above, SupervisingActor) else None

    @property
    def ended_unlike_told(self) -> bool:
        """Whether its supervisor has stopped it and it ended otherwise than it should have."""
        if self.exit is None:
            return False
        if self.exit.reason == "killed":
            return self.spec.shutdown_seconds > 0  # it was killed because it did not stop in time
        return self.exit.abnormal or (self.exit.reason == "normal" and self.spec.restart == "permanent")

    @property
    def path(self) -> str:
        """Where in the tree the child is: ids from the root down, joined by slashes."""
        return self.spec.id if self._above is None else f"{self._above.path}/{self.spec.id}"

    def has_progress_observers(self) -> bool:
        """Whether anybody is to be told of children that have started below this one; see `ReportSink`."""
        return self._above is not None and self._above.has_progress_observers()

    def progress_observers(self) -> Iterator[Callable[[Any], None]]:
        """Who is to be told of children that have started below this one; see `ReportSink`."""
        return iter(()) if self._above is None else self._above.progress_observers()

    def note(self, report: CrashReport) -> None:
        """Pass on a report of something below this child."""
        if self._above is not None:
            self._above.note(report)


# -- from a specification to an actor -----------------------------------------------------------------


_Blueprint = tuple[type[Actor], tuple[Any, ...], dict[str, Any]]


def _blueprint(spec: ChildSpec) -> _Blueprint:
    """Return what makes the actors that `spec` stands for, and their constructor's arguments."""
    start = spec.start
    if isinstance(start, SupervisorSpec):
        # A supervisor's children may be supervisors: the import goes round in a circle.
        from cometary.supervision.supervisor import Supervisor  # noqa: PLC0415

        return Supervisor, (start.children,), start.options()
    if is_actor_class(start):
        return start, spec.args, dict(spec.kwargs)
    if is_threading_class(start):
        return threaded_maker(start), spec.args, dict(spec.kwargs)
    if isinstance(start, InThread):
        return BlockingFunctionActor, (start.function, *spec.args), dict(spec.kwargs)
    return FunctionActor, (start, *spec.args), dict(spec.kwargs)


def start_actor(spec: ChildSpec, system: ActorSystem, parent: Parent) -> tuple[ActorRef[Any], Future[None]]:
    """Start the first incarnation; returns its reference and a future that tells when it has started."""
    return system.launch(*_blueprint(spec), parent, spec.mailbox, name=spec.name)


def restart_actor(spec: ChildSpec, system: ActorSystem, ref: ActorRef[Any]) -> Future[None]:
    """Start the next incarnation behind the same reference; the future tells when it has started."""
    _, args, kwargs = _blueprint(spec)
    if spec.name is not None:
        system.names.register(spec.name, ref)  # it has it, unless somebody took it away
    return system.revive(ref, args, kwargs, keep_mail=spec.keep_mail)


def actor_name(spec: ChildSpec, ref: ActorRef[Any] | None) -> str:
    """Return what reports call the class or function of a child; `ref` is its reference, if there is one."""
    start = spec.start
    if ref is not None and is_actor_class(start):
        return ref.qualified_label
    if isinstance(start, SupervisorSpec):
        return "Supervisor"
    return function_name(start.function if isinstance(start, InThread) else start)
