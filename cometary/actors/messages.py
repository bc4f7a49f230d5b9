"""The messages that the runtime itself handles; everything else goes to `on_receive`.

A question on its way to an actor, and the answer to come, are one object: a future that is brought about by awaiting
it, where that is possible. A question that is sent on the loop is answered two rounds of Trio's later: in the next one
the scheduler's task runs, and in the one after that whoever asked. So whoever awaits the answer runs the scheduler's
batch right there, and goes on at once if that has brought it. Such an `await` notices a cancellation like any other,
but no other task runs meanwhile. The scheduler sees to it that they run often enough: it lets only so much be run
ahead of it (its rule 6), and when it refuses, the `await` is one like any other.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeGuard, TypeVar, cast

import pykka
from pykka import ActorDeadError, messages
from trio.lowlevel import checkpoint, checkpoint_if_cancelled, in_trio_task

from cometary.actors.exits import NORMAL, Exit
from cometary.actors.future import Future
from cometary.errors import CallingSelfError, StrayExitError
from cometary.escapes import exit_in
from cometary.log import show

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.actors.cell import Cell
    from cometary.actors.ref import ActorRef

T = TypeVar("T")


class Answer(Future[T]):
    """A future that one actor is to settle, in its turn; so it is no use to that actor to wait for it.

    Args:
        cell: the actor's.
    """

    def __init__(self, cell: Cell) -> None:  # pyright: ignore[reportMissingSuperCall]
        self.cell = cell

    async def _until_set(self) -> None:
        self.refuse_itself()
        await super()._until_set()

    def _block(self, timeout: float | None) -> None:
        self.refuse_itself()
        super()._block(timeout)

    def refuse_itself(self) -> None:
        """If it is the actor itself that is about to wait for this, have it fail at once."""
        if self.cell.calling_itself():
            self.offer(error=CallingSelfError(f"{self.cell.ref} waits for itself, and would for ever"))

    def _too_late(self, seconds: float) -> pykka.Timeout:
        return pykka.Timeout(f"{self.cell.ref} did not {self._duty} within {seconds} seconds")

    @property
    def _duty(self) -> str:
        return "serve a call of cometary.actors.sys"


class Question(Answer[T]):
    """What `ask` sends, and what it returns; see the rules above.

    Args:
        message: what the actor is asked.
        cell: the actor's.
    """

    def __init__(self, message: Any, cell: Cell) -> None:  # pyright: ignore[reportMissingSuperCall]
        self.message = message
        self.cell = cell

    def __repr__(self) -> str:
        return f"<Question {self.message!r}, {'answered' if self.done() else 'open'}>"

    @property
    def _duty(self) -> str:
        kind = type(self.message).__name__
        return "stop" if kind == "Stop" else f"answer a message of type {kind}"

    def __await__(self) -> Generator[Any, Any, T]:
        ahead = self.cell.system.scheduler.run_ahead()
        if not self._done or not (ahead or (self._timeout is None and in_trio_task())):
            return (yield from self._wait().__await__())
        point = checkpoint_if_cancelled() if ahead else checkpoint()  # noqa: ASYNC105 - as `_wait` comes to
        yield from point.__await__()  # a generator cannot say await
        value: Any = self._value
        return value if self._error is None else self.get()

    __iter__ = __await__


class Stop(NamedTuple):
    """Stop after the messages sent before this one; `exit` is what watchers are told."""

    exit: Exit = NORMAL


class ForLife(NamedTuple):
    """What is for one incarnation alone: the next one finds it in the mail that was kept, and drops it.

    Args:
        life: the number of the incarnation, see `Standing`.
        message: what it gets; a `Stop` if it has told itself to stop.
    """

    life: int
    message: Any


class Down(NamedTuple):
    """Sent to the actor that called `monitor`, once, when the monitored actor has ended.

    Args:
        ref: who has ended.
        exit: how.
        tag: that of the monitor; None if it has none.

    Source: Erlang reference manual, `erlang:monitor/3`.
    """

    ref: ActorRef[Any]
    exit: Exit
    tag: Any = None


class ExitSignal(NamedTuple):
    """Sent to an actor that traps exits, in place of ending it: a linked actor has ended, or `ref.exit` was called.

    Args:
        ref: who has ended, or who called `exit`; None if that did not say.
        exit: how it has ended, or how this actor was to.

    Source: Erlang reference manual, "Processes", "Receiving Exit Signals".
    """

    ref: ActorRef[Any] | None
    exit: Exit


class Answerable(Protocol):
    """A message whose sender waits for an answer by other means than `ask`.

    Only classes that have been announced by `answer_if_discarded` are asked: a message of the user's
    may have an attribute of the same name.
    """

    def discarded(self) -> None:
        """Take note that there will be none: the actor has ended, or its full mailbox dropped this."""
        ...


class SystemMessage:
    """A call of `cometary.actors.sys`: served between two other messages, also when the actor is suspended.

    Args:
        call: what to do with the actor's cell; what it returns or raises is the answer.
        reply: where the answer goes.
    """

    __slots__ = ("_call", "_reply")

    def __init__(self, call: Callable[[Cell], object], reply: Future[Any]) -> None:
        self._call = call
        self._reply = reply

    def serve(self, cell: Cell) -> None:
        """Do it, and answer."""
        try:
            answer = self._call(cell)
        except Exception as error:  # noqa: BLE001 - it is the caller's, and harms the actor in no way
            self._reply.offer(error=error)
        except BaseException as error:
            if exit_in(error) is not None:
                raise
            self._reply.offer(error=as_told(error))
        else:
            self._reply.offer(answer)

    def discarded(self) -> None:
        """Answer that the actor has ended; see `Answerable`."""
        self._reply.offer(error=ActorDeadError("the actor ended before it came to a system message"))


_answerable: tuple[type, ...] = (SystemMessage,)


def answer_if_discarded(kind: type[Answerable]) -> None:
    """Have the messages of the class `kind`, and of those derived from it, told when nobody will handle them."""
    global _answerable  # noqa: PLW0603 - one for the process, as the classes are
    _answerable = (*_answerable, kind)


def is_answerable(message: object) -> TypeGuard[Answerable]:
    """Whether the sender of `message` waits for an answer by other means than `ask`."""
    return issubclass(type(message), _answerable)


def as_told(error: BaseException) -> Exception:
    """Return what a caller gets of `error`, which came out of the code of others: never an exit of their own."""
    if issubclass(type(error), Exception):
        return cast("Exception", error)
    told = StrayExitError(f"what was called raised {show(error)}, which is no Exception")
    told.__cause__ = error
    return told


PykkaStop = messages._ActorStop  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
STOPS = frozenset({Stop, PykkaStop})
PROXIED = frozenset({messages.ProxyCall, messages.ProxyGetAttr, messages.ProxySetAttr})
WRAPPERS: frozenset[type] = frozenset({ForLife, Question})
SPECIAL = WRAPPERS | {SystemMessage} | STOPS | PROXIED
"""Message classes that a turn does not hand to `on_receive` as they are."""


def is_stop(message: Any) -> bool:
    """Whether `message` tells the actor to stop, with or without somebody who waits for it."""
    kind = type(as_received(message))
    return kind is Stop or kind is PykkaStop  # not `in STOPS`: a metaclass may have a hash of its own


def as_received(message: Any) -> object:
    """Return what the actor's handler gets for `message`."""
    kind = type(message)  # pyright: ignore[reportUnknownVariableType]
    return message.message if kind is Question or kind is ForLife else message


__all__ = [
    "PROXIED",
    "SPECIAL",
    "STOPS",
    "Answer",
    "Answerable",
    "Down",
    "ExitSignal",
    "ForLife",
    "PykkaStop",
    "Question",
    "Stop",
    "SystemMessage",
    "answer_if_discarded",
    "as_received",
    "as_told",
    "is_answerable",
]
