"""References to actors: what may be passed around, stored, and used from any thread."""

from __future__ import annotations

import threading
import uuid
import weakref
from collections.abc import Hashable, Iterable
from math import inf
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast, overload

import pykka
import trio
from pykka.messages import ProxySetAttr

from cometary.actors.bound import MailboxStatistics
from cometary.actors.exits import NORMAL, Exit, as_exit
from cometary.actors.future import Future
from cometary.actors.in_process import InProcess
from cometary.actors.loops import in_asyncio, on_a_loop
from cometary.actors.messages import Question, Stop
from cometary.actors.proxy import ActorProxy
from cometary.actors.sending import Sending, get_ident
from cometary.actors.system import instead_of_blocking
from cometary.errors import BlockingCallError, CallingSelfError
from cometary.escapes import class_name
from cometary.log import show

if TYPE_CHECKING:
    from cometary.actors.actor import Actor
    from cometary.actors.call import Call
    from cometary.actors.cell import Cell

A_co = TypeVar("A_co", bound="Actor", covariant=True)
R = TypeVar("R")

in_trio_run = trio.lowlevel.in_trio_run
_naming = threading.Lock()


class ActorRef(Sending, InProcess, pykka.ActorRef[A_co]):  # type: ignore[type-var]  # Pykka leaves it invariant
    """A reference to an actor; stays valid when a supervisor restarts the actor.

    Made by `Actor.start()`. It is a value: a copy of it, a deep one too, is the same reference. It cannot be
    pickled, because there is no such actor in another process. Calls differ from Pykka's in one way: on the
    Trio loop nothing may block, so there `ask` and `stop` return a future to be awaited.
    """

    # Slots, as in the base.
    __slots__ = ("actor_class",)

    actor_class: type[A_co]
    actor_inbox: Cell  # pyright: ignore[reportIncompatibleVariableOverride] - never reassigned

    def __init__(self, actor_class: type[A_co], cell: Cell) -> None:  # pyright: ignore[reportMissingSuperCall]
        # Not Pykka's constructor: it makes a weak reference and a lock for each actor, most
        # of which are never looked at. Here they are properties.
        Sending.__init__(self, cell)
        self.actor_class = actor_class

    @property
    def actor_urn(self) -> str:  # type: ignore[override]
        """A universally unique name, made when it is first asked for."""
        cell = self.actor_inbox
        if cell.urn is None:
            with _naming:  # two threads may ask at once
                if cell.urn is None:
                    urn = uuid.uuid4().urn
                    cell.system.urns[urn] = self
                    cell.urn = urn
        return cell.urn

    @property
    def actor_stopped(self) -> threading.Event:  # type: ignore[override]
        """An event that says whether the actor has ended, as of now; for Pykka's own use."""
        event = threading.Event()
        if not self.is_alive():
            event.set()
        return event

    @property
    def _actor_weakref(self) -> weakref.ref[A_co]:  # type: ignore[override]
        actor = self.actor_inbox.actor
        return (
            weakref.ref(cast("A_co", actor)) if actor is not None else cast("weakref.ref[A_co]", lambda: None)
        )

    def is_alive(self) -> bool:
        """Whether the actor can take messages; also while its supervisor restarts it."""
        return not self.actor_inbox.closed

    def proxy(self) -> ActorProxy[A_co]:
        """Return a proxy: what is an attribute or a method of the actor is one of a future; see Pykka.

        It is for whichever incarnation lives: a supervisor may restart the actor.

        Raises:
            pykka.ActorDeadError: if the actor has ended for good.
        """
        return ActorProxy(actor_ref=self)

    # -- sending ------------------------------------------------------------------------

    async def tell_async(self, message: Any) -> None:
        """Send `message`; if the mailbox is full and its policy is `block`, wait until there is room.

        If it is cancelled while it waits, the message is not sent. Source: Erlang reference manual,
        `erlang:send/3`, where a sender may be suspended.

        Raises:
            pykka.ActorDeadError: if the actor has ended, or ends first; see `tell`.
            MailboxFullError: if there is no room and the policy is `refuse`; nobody's fault.
        """
        on_trio = trio.lowlevel.in_trio_task()
        if on_trio:
            await trio.lowlevel.checkpoint_if_cancelled()
        entering = self.actor_inbox.entering(message)
        if entering is not None:
            await entering
        elif on_trio:
            await trio.lowlevel.cancel_shielded_checkpoint()  # a cancellation from here on comes too late

    def mailbox_statistics(self) -> MailboxStatistics:
        """Tell what has been counted about this actor's mailbox; from any thread, as of now."""
        return self.actor_inbox.statistics()

    @overload  # type: ignore[override]
    def ask(self, message: Call[R], *, block: Literal[True], timeout: float | None = None) -> R: ...

    @overload
    def ask(  # pyright: ignore[reportOverlappingOverload]
        self, message: Call[R], *, block: Literal[False] | None = None, timeout: float | None = None
    ) -> Future[R]: ...

    # What a `Call` does not answer is not to be taken for whatever the caller wants: a type checker that finds no R for
    # that would go on to the overloads for any message, which answer anything.
    @overload
    def ask(  # type: ignore[overload-cannot-match]
        self, message: Call[object], *, block: Literal[False] | None = None, timeout: float | None = None
    ) -> Future[object]: ...

    @overload
    def ask(self, message: Any, *, block: Literal[False], timeout: float | None = None) -> Future[Any]: ...

    @overload
    def ask(self, message: Any, *, block: bool | None = None, timeout: float | None = None) -> Any: ...

    def ask(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, message: Any, *, block: bool | None = None, timeout: float | None = None
    ) -> Any:
        """Send `message` and ask for an answer.

        Args:
            message: what `on_receive` gets; its return value is the answer.
            block: True waits here for the answer, False returns a future. By default a
                future on the Trio loop (`await ref.ask(...)`), elsewhere the answer. Type checkers take a `Call`'s to
                be on the loop, unless `block` is given.
            timeout: seconds until the wait (not the actor) gives up; by default what `system(ask_timeout=…)`
                says, which is never; `math.inf` for never in any case.

        Raises:
            BlockingCallError: for `block=True` on the loop; nothing was sent.
            CallingSelfError: where an async actor awaits its own answer; it is not asked.
            ActorEndedError: if the actor ends before it answers; its `reason` says why. It is a
                `pykka.ActorDeadError`.
            MailboxFullError: if its mailbox has a bound and no room, by the policies `refuse` and
                `drop_newest`, and later by `drop_oldest`. With `block` the question waits for room, as
                long as somebody waits for the answer; nobody's fault.
            pykka.Timeout: after `timeout` seconds. Harms neither side: a late answer is dropped.
            UsageError: for a negative `timeout`; nothing was sent.
            Exception: what the handler raised; the actor lives on (Pykka's rule).
        """
        cell = self.actor_inbox
        system = cell.system
        here = get_ident() == system.thread
        # While the system lives its thread is in a run of Trio's, which it takes longer to ask. Once it has
        # ended, that thread may block like any other, and is told at once that the actor is dead.
        on_loop = (here and not system.closed) or in_trio_run() or in_asyncio()
        if on_loop and block is not False and (block or type(message) is ProxySetAttr):
            _refuse_to_block("ask", message, block=block)
        question: Question[Any] = Question(message, cell)
        if timeout is None:
            timeout = system.ask_timeout
        if timeout is not None and timeout != inf:
            question.within(timeout)
        if here:
            cell.offer(question)
        else:
            _send_from_outside(cell, question)
        if block or (block is None and not on_loop):
            return question.get(timeout=timeout)
        return question

    # -- ending -------------------------------------------------------------------------

    @overload
    def stop(
        self, *, block: Literal[True], timeout: float | None = None, exit: Exit | str = NORMAL
    ) -> bool: ...

    @overload
    def stop(
        self, *, block: Literal[False], timeout: float | None = None, exit: Exit | str = NORMAL
    ) -> Future[bool]: ...

    @overload
    def stop(
        self, *, block: bool | None = None, timeout: float | None = None, exit: Exit | str = NORMAL
    ) -> Any: ...

    def stop(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        *,
        block: bool | None = None,
        timeout: float | None = None,
        exit: Exit | str = NORMAL,  # noqa: A002 - OTP's word
    ) -> Any:
        """Ask the actor to stop once it has handled what was sent before.

        Args:
            block: as for `ask`.
            timeout: seconds until the wait gives up.
            exit: what watchers and linked actors are told; a word stands for `Exit(word)`.

        Returns:
            A future of, or, when blocking, the answer: True if it was alive, False if not.

        Raises:
            BlockingCallError: for `block=True` on the loop; nothing was sent.
            CallingSelfError: where an async actor awaits its own stop; it does not stop.
            pykka.Timeout: after `timeout` seconds; the actor will stop all the same.
            UsageError: for a negative `timeout` or an `exit` that is not valid; nothing was sent.
        """
        on_loop = on_a_loop()
        if on_loop and block:
            _refuse_to_block("stop", None, block=block)
        cell = self.actor_inbox
        stopped: Question[bool] = Question(Stop(as_exit(exit)), cell)
        if timeout is not None:
            stopped.within(timeout)
        if cell.closed:
            stopped.offer(value=False)
        else:
            cell.system.post(cell.put_if_open, stopped)
        if block or (block is None and not on_loop):
            return stopped.get(timeout=timeout)
        return stopped

    def kill(self) -> None:
        """End the actor now: its mail is not read, `on_stop` is not called (OTP's brutal kill).

        A handler that is running is cancelled if it is async, else it returns first. From
        another thread, this happens a moment later.
        """
        cell = self.actor_inbox
        cell.system.post(cell.kill)

    def exit(self, reason: Exit | str, sender: ActorRef[Any] | None = None) -> None:
        """Send the actor an exit signal, as if an actor linked to it had ended.

        `"normal"` is ignored, `"kill"` is `kill()`, and any other reason ends it now, without
        `on_stop`; but an actor that traps exits gets an `ExitSignal` for all except `"kill"`. To
        one that has ended, or is just being restarted, it does nothing. From another thread, all
        this happens a moment later. Source: OTP, `erlang:exit/2`.

        Args:
            reason: why; a word stands for `Exit(word)`.
            sender: what a trapping actor finds as `ref` in the `ExitSignal`.

        Raises:
            UsageError: if `reason` is neither; the caller's fault.
        """
        cell, exit_ = self.actor_inbox, as_exit(reason)
        if exit_.reason == "kill":
            cell.system.post(cell.kill)
        else:
            cell.system.post(cell.exit_signal, sender, exit_)

    async def stopped(self) -> Exit:
        """Wait until the present life of the actor has ended, and return how.

        Of one that has ended for good already, the exit has no message, no state, and a copy of the error.

        Raises:
            CallingSelfError: in the actor itself; its own fault.
        """
        if self.actor_inbox.calling_itself():
            raise CallingSelfError(f"{self} waits for its own end, and would for ever")
        future: Future[Exit] = Future()

        def note(_: ActorRef[Any], exit_: Exit) -> None:
            future.set(exit_)

        cell = self.actor_inbox
        cell.system.post(cell.watch, note)
        try:
            return await future
        finally:
            cell.system.post(cell.unwatch, note)

    @property
    def label(self) -> str:
        """What logs and reports call the class of the actor."""
        return class_name(self.actor_class)

    @property
    def qualified_label(self) -> str:
        """The same with where the class is defined, as supervisors call it."""
        return self.actor_class.__qualname__

    def described(self, names: Iterable[Hashable]) -> str:
        """Tell who it is: the class, the names that it has or had, and the URN; never fails."""
        called = "".join(f" {show(name)}" for name in names)
        return f"{self.label}{called} ({self.actor_urn})"

    def __str__(self) -> str:
        return self.described(self.actor_inbox.system.names.of(self))


def _send_from_outside(cell: Cell, ask: Question[Any]) -> None:
    try:
        cell.system.call_soon(cell.offer, ask)
    except pykka.ActorDeadError:
        cell.discard([ask])


def _refuse_to_block(call: str, message: object, *, block: bool | None) -> None:
    # Before anything is sent: afterwards the actor would act on what the caller was refused.
    if type(message) is ProxySetAttr:
        instead = instead_of_blocking("await ref.ask(ProxySetAttr((name,), value), block=False)")
        raise BlockingCallError(
            "setting an attribute through a proxy would block the event loop; "
            f"call a method that sets it, `await proxy.set_it(value)`, or {instead}"
        )
    if block:
        instead = instead_of_blocking(f"await ref.{call}(...)")
        raise BlockingCallError(f"{call}(block=True) would block the event loop; {instead}")
