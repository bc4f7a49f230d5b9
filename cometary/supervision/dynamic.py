"""The dynamic supervisor: any number of children, started and gone at any time.

1.  Starting, ending and restarting one child take the same time however many there are.
2.  It does not wait for `on_start`: a crash in there is a crash like any other, and so is to
    take too long. But a child whose start somebody waits for (`start_child_async`) is not restarted for it.
3.  A child that crashed is restarted at once, in the call by which its cell tells of its end,
    or after its back-off; the mail in its cell is then handled by the next incarnation.
4.  If its constructor fails at a restart, that counts as another crash. The next attempt comes
    by a message to the supervisor itself, not in a loop, so that calls and the order to stop
    are served in between.
5.  One restart too many is the LAST STRAW: the supervisor terminates all children and ends; or,
    if each child has a count of its own, the end of that child alone.
6.  Nobody is restarted by a supervisor that is about to end.
7.  A supervisor that is restarted keeps its mail: what one incarnation sent to itself, the next may
    read. It does not know the children of the former, and drops what is about them.

What it keeps about its children, and how they are terminated: `cometary.supervision.dynamic_children`.

Sources: OTP, `supervisor`, strategy `simple_one_for_one`, `restart_child` and `do_restart`; Elixir,
`DynamicSupervisor`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar, TypeVarTuple, Unpack, overload

import trio

from cometary.actors import KILLED, Actor, ActorRef, Exit, Future, ThreadingActor
from cometary.actors.exits import Restart, crashed
from cometary.errors import (
    ChildStateError,
    NameTakenError,
    RestartIntensityError,
    SpecError,
    StartIgnoredError,
    TooManyChildrenError,
    UsageError,
)
from cometary.escapes import exit_in, really
from cometary.log import show
from cometary.supervision.awaited_starts import AwaitedStarts, not_started
from cometary.supervision.calls import (
    CALLS,
    CountChildren,
    DeleteChild,
    GetChildSpec,
    RestartChild,
    SetIntensity,
    StartChild,
    StartChildAsync,
    TerminateChild,
    WhichChild,
    WhichChildren,
)
from cometary.supervision.child_defaults import ChildDefaults, StartOverdue
from cometary.supervision.dynamic_children import DynamicChildren
from cometary.supervision.options import WORKER_START, Kind, Per, Shutdown, check_count
from cometary.supervision.restart_policy import Backoff, Delays, RestartCounts
from cometary.supervision.spec import ChildSpec
from cometary.supervision.startable import AnyActorClass
from cometary.supervision.supervising_actor import SupervisingActor, logger

A = TypeVar("A", bound=Actor)
Ts = TypeVarTuple("Ts")
AnyRef = ActorRef[Any]


class RestartNow(NamedTuple):
    """To itself: the back-off of a child is over."""

    ref: AnyRef


class TryAgain(NamedTuple):
    """To itself: the constructor of a child failed at its restart."""

    ref: AnyRef


class GiveUp(NamedTuple):
    """To itself: children were restarted too often; terminate them all, and end."""

    exit: Exit


class DynamicSupervisor(SupervisingActor):
    """Supervises children that come and go, `one_for_one`.

    Code on the loop that holds the supervisor itself starts children with `start_child`, a
    plain call; all other code uses the functions of `cometary.supervision` on its reference.

    Args:
        per: who runs out of restarts: the `supervisor`, which then stops all children and
            ends, so that its own supervisor decides (OTP's rule); or the `child`, which is
            then given up, and nobody else is touched.
        intensity: restarts that are put up with in `period`, for all children together (by
            default 1) or for each child (by default 3), depending on `per`.
        period: seconds.
        restart: for children started as a class: `permanent`, `transient` or `temporary`, see
            `ChildSpec`. By default a child that ends by itself has done its work.
        shutdown: for children started as a class: seconds that they have to stop, `brutal_kill` or
            `infinity`; by default 5 s, for supervisors `infinity`. When the supervisor itself stops, all
            are asked at the same time, and each has its own time from then on.
        start_timeout: for children started as a class: seconds until `on_start` must have run,
            or the child crashes; for supervisors none. Only an `async` one can take its time.
        keep_mail: for children started as a class, see `ChildSpec`.
        extra_arguments: for children started as a class: what their constructor gets before the arguments that
            `start_child` has.
        backoff: how long each child waits before it is restarted; by default not at all.
        max_children: how many there may be at a time; None: no limit.
        on_give_up: with `per="child"`, called with the dead reference and the last exit of a
            child that was given up.

    Raises:
        SpecError: if an option has a value that it may not have; the calling code's fault.
    """

    def __init__(
        self,
        *,
        per: Per = "supervisor",
        intensity: int | None = None,
        period: float = 5.0,
        restart: Restart = "transient",
        shutdown: Shutdown | None = None,
        start_timeout: float = WORKER_START,
        keep_mail: bool = True,
        extra_arguments: tuple[Any, ...] = (),
        backoff: Backoff | None = None,
        max_children: int | None = None,
        on_give_up: Callable[[AnyRef, Exit], None] | None = None,
    ) -> None:
        super().__init__()
        if max_children is not None:
            check_count("max_children", max_children)
        self.max_children = max_children
        self._counts, self._delays = RestartCounts(per, intensity, period), Delays(backoff)
        defaults = ChildDefaults(restart, shutdown, start_timeout, keep_mail, extra_arguments)
        self.children = DynamicChildren(self, defaults, self._counts, self._delays)
        self._awaited = AwaitedStarts(self._note_start)
        self._alone = per == "child"
        self._on_give_up = on_give_up
        self._last_straw: GiveUp | None = None
        """The message to itself by which it gives up, once it has been sent."""

    # -- start ----------------------------------------------------------------------------

    @overload
    def start_child(self, start: Callable[[Unpack[Ts]], A], *args: *Ts) -> ActorRef[A]: ...

    @overload
    def start_child(self, start: ChildSpec | type[ThreadingActor], *args: object) -> ActorRef[Any]: ...

    def start_child(self, start: Any, *args: object) -> ActorRef[Any]:
        """Start a child; on the loop, without waiting.

        Args:
            start: a class, or a specification (whose `id` is only shown, and need not be unique).
            *args: the arguments of the class's constructor.

        Raises:
            TooManyChildrenError: if there are `max_children`; nobody's fault.
            ChildStateError: if the supervisor does not run, or is stopping; nobody's fault.
            SpecError: if the child is neither a class nor a suitable specification.
            Exception: what the constructor raises; it is not a child then.
        """
        _check_room(self)
        ref, _ = self.children.start(start, args)
        self._note_start(ref)
        return ref

    @overload
    def start_child_async(self, start: Callable[[Unpack[Ts]], A], *args: *Ts) -> Future[ActorRef[A]]: ...

    @overload
    def start_child_async(
        self, start: ChildSpec | type[ThreadingActor], *args: object
    ) -> Future[ActorRef[Any]]: ...

    def start_child_async(self, start: Any, *args: object) -> Future[ActorRef[Any]]:
        """Start a child, on the loop; awaiting what this returns waits for its `on_start`.

        See `cometary.supervision.start_child_async`, also for the errors.
        """
        _check_room(self)
        return self._start_awaited(Future(), start, args)

    def _start_awaited(
        self, answer: Future[AnyRef], start: AnyActorClass | ChildSpec, args: tuple[Any, ...]
    ) -> Future[AnyRef]:
        try:
            ref, started = self.children.start(start, args)
        except (SpecError, NameTakenError, StartIgnoredError):
            raise
        except Exception as error:
            raise not_started(crashed(error)) from error
        if ref in self.children:
            self._awaited.add(ref, started, answer)
        else:  # its constructor has killed it
            answer.offer(error=not_started(ref.actor_inbox.exit or KILLED))
        return answer

    def _note_start(self, ref: AnyRef) -> None:
        self.tally.starts += 1
        if ref in self.children:  # else its constructor has killed it
            self.progress(lambda: self.children.offender(ref))

    @property
    def parent_ref(self) -> ActorRef[Any]:
        """Who supervises the children."""
        return self.actor_ref

    def kinds(self) -> Iterable[Kind]:
        """Return the kind of each child; see `SupervisingActor`."""
        return [self.children.kind_of(ref) for ref in self.children]

    @property
    def open(self) -> bool:
        """Whether children are started and restarted: it runs, and is not about to end."""
        cell = self._cell
        if cell.actor is not self or self._last_straw is not None or self.children.all_terminating:
            return False
        return not cell.system.killing

    # -- children that end ----------------------------------------------------------------

    def child_exited(self, ref: AnyRef, exit: Exit) -> None:  # noqa: A002 - OTP's word
        """Restart the child that has ended, or forget it."""
        terminated = self.children.terminating.pop(ref, None)
        if ref not in self.children:
            ref.actor_inbox.bury()  # its own constructor has killed it, or the system is at its end
        elif ref in self._awaited.answers:
            self._has_not_started(ref, exit, terminated)
        elif not self.open or terminated is not None:
            if self._ended_unlike_told(ref, exit, alone=terminated is not None):
                self.report(self.children.offender(ref), exit, "nothing")
            self.forget(ref)
            if terminated is not None:
                terminated.set()
        elif really(exit.error, StartIgnoredError):
            self.forget(ref)
        elif exit.matters(self.children.restart_of(ref)):
            self._restart(ref, exit)
        else:
            if exit.abnormal:
                self.report(self.children.offender(ref), exit, "nothing")
            self.forget(ref)

    def _has_not_started(self, ref: AnyRef, exit: Exit, terminated: trio.Event | None) -> None:  # noqa: A002
        if self.open and exit.abnormal and terminated is None:
            self.report(self.children.offender(ref), exit, "nothing")
        self.forget(ref)
        self._awaited.failed(ref, exit)
        if terminated is not None:
            terminated.set()

    def _ended_unlike_told(self, ref: AnyRef, exit: Exit, *, alone: bool) -> bool:  # noqa: A002
        if exit.reason == "killed":  # if all have to stop, one line tells how many were killed
            return alone and self.children.shutdown_seconds_of(ref) > 0
        return exit.abnormal

    def ends_for_good(self, _ref: AnyRef, _exit: Exit) -> bool:
        """Never certain: `child_exited` decides at once, and `forget` may want to look at the mail."""
        return False

    def forget(self, ref: AnyRef) -> None:
        """Forget a child that has ended for good, and discard its mail, which a subclass may look at before."""
        self.children.forget(ref)

    # -- restart --------------------------------------------------------------------------

    def _restart(self, ref: AnyRef, exit: Exit) -> None:  # noqa: A002 - OTP's word
        offender, now = self.children.offender(ref), trio.current_time()
        if not self._counts.allows(ref, now):
            self.report(offender, exit, "give_up")
            self._give_up(ref, exit)
            return
        self.report(offender, exit, "restart")
        if (delay := self._delays.before_restart(ref, now)) > 0:
            self.children.restarting[ref] = exit
            self.timer(RestartNow(ref)).start(delay)
        else:
            self._restart_now(ref)

    def _restart_now(self, ref: AnyRef) -> None:
        self.tally.restarts += 1
        try:
            self.children.restart(ref)
            self.progress(lambda: self.children.offender(ref))
        except StartIgnoredError:
            self.forget(ref)
        except BaseException as error:  # whatever the constructor raises
            if exit_in(error) is not None:
                raise
            self.children.restarting[ref] = crashed(error)
            self._cell.put_if_open(TryAgain(ref))

    def _give_up(self, ref: AnyRef, exit: Exit) -> None:  # noqa: A002 - OTP's word
        self.forget(ref)
        if self._alone:
            self._tell_of_give_up(ref, exit)
        else:
            self._last_straw = GiveUp(exit)
            self._cell.put_if_open(self._last_straw)

    def _tell_of_give_up(self, ref: AnyRef, exit: Exit) -> None:  # noqa: A002 - OTP's word
        if self._on_give_up is None:
            return
        try:
            self._on_give_up(ref, exit)
        except BaseException as error:  # it is logged, and the supervisor must not fail with it
            if exit_in(error) is not None:
                raise
            text = f"on_give_up of {self.path} failed for {ref}"
            logger.exception("on_give_up failed", text=text, supervisor=self.path)

    # -- terminate ------------------------------------------------------------------------

    async def stop_children(self) -> None:
        """Stop all children at the same time; see `SupervisingActor`."""
        await self.children.terminate_all()

    async def kill_children(self) -> None:
        """Kill all children that are left, at once; see `SupervisingActor`."""
        await self.children.kill_all()

    # -- messages -------------------------------------------------------------------------

    understood = (*CALLS, TryAgain, RestartNow, StartOverdue, GiveUp)

    async def serve(self, message: Any) -> Any:
        """Serve the messages of `cometary.supervision.calls`, and its own."""
        match message:
            case StartChild(start, args):
                starting: Any = start
                return self.start_child(starting, *args)
            case StartChildAsync(start, args):
                _check_room(self)
                self._start_awaited(self.reply_later(), start, args)
            case TerminateChild(ref):
                await self.children.terminate(ref)
            case WhichChildren():
                return self.children.infos()
            case CountChildren():
                return self.children.count()
            case WhichChild(ref):
                return self.children.info(self.children.check(ref))
            case GetChildSpec(ref):
                return self.children.childspec(self.children.check(ref))
            case SetIntensity(intensity, period):
                self._counts.change(intensity, period)
            case RestartChild() | DeleteChild():
                raise ChildStateError(f"{self.path} knows its children by reference, not by id")
            case _:
                await self._heed(message)
        return None

    async def _heed(self, message: Any) -> None:
        restarting = self.children.restarting  # rule 7: without the children of a former incarnation
        match message:
            case TryAgain(ref):
                if self.open and ref in restarting:
                    self._restart(ref, restarting.pop(ref))
            case RestartNow(ref):
                if self.open and restarting.pop(ref, None) is not None:
                    self._restart_now(ref)
            case StartOverdue():
                message.act()
            case GiveUp(exit_):
                if message is self._last_straw:
                    await self._end(exit_)
            case _:
                self.warn_of_unknown(message)

    async def _end(self, last: Exit) -> None:
        await self.stop_children()
        error = RestartIntensityError(f"{self.path}: children ended once too often, the last one: {last}")
        error.__cause__ = last.error
        self.end_now(Exit("shutdown", error))


def _check_room(supervisor: Any) -> None:
    try:
        is_open = supervisor.open
    except AttributeError:  # as in Elixir: `DynamicSupervisor.start_child(ref, …)`
        if really(supervisor, DynamicSupervisor):
            raise
        text = f"{show(supervisor)} is no supervisor itself: write `await start_child(ref, …)`, the function"
        raise UsageError(text) from None
    if not is_open:
        raise ChildStateError(f"{supervisor.path} does not run, or is stopping")
    if supervisor.max_children is not None and len(supervisor.children) >= supervisor.max_children:
        raise TooManyChildrenError(
            f"{supervisor.path} has {supervisor.max_children} children, all it may have"
        )
