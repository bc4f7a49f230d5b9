"""Why an actor ended, as a value: OTP's exit reasons; and how its `on_stop` is told.

Source: Erlang reference manual, "Processes", sections on exit reasons and links.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeVar, cast, get_args

from cometary.errors import StartIgnoredError, UsageError
from cometary.escapes import class_name, exit_in, plain, really
from cometary.log import show

T = TypeVar("T")

Restart = Literal["permanent", "transient", "temporary"]
RESTARTS: Final = get_args(Restart)


@dataclass(frozen=True, slots=True)
class Exit:
    """How one incarnation of an actor ended.

    Args:
        reason: `normal` (it stopped itself or was asked to), `shutdown` (its supervisor or
            its system stopped it), `killed` (it was not given the chance to clean up),
            `crashed` (a handler raised), `noproc` (it was linked to an actor that had ended
            already), or a word of the program's own, which counts as abnormal.
        error: the exception of a crash, with its traceback; None otherwise.
        last_message: what the actor was handling when it crashed; None otherwise.
        state: what the actor's `crash_state()` said about it when it crashed; None otherwise.
        name: the `display_name` of an actor that crashed or was killed; empty if it has none.
        names: what such an actor was registered as, as text.
    """

    reason: str
    error: BaseException | None = None
    last_message: object = None
    state: object = None
    name: str = ""
    names: tuple[str, ...] = ()

    @property
    def abnormal(self) -> bool:
        """Whether a `transient` child that ended like this is restarted."""
        return self.reason not in ("normal", "shutdown")

    def matters(self, restart: Restart) -> bool:
        """Whether it is acted on: for a `permanent` child any end is, for a `transient` one an abnormal one."""
        return restart == "permanent" or (restart == "transient" and self.abnormal)

    def __str__(self) -> str:
        return self.reason if self.error is None else f"{self.reason}: {show(self.error)}"


NORMAL = Exit("normal")
SHUTDOWN = Exit("shutdown")
KILLED = Exit("killed")
NOPROC = Exit("noproc")
FORKED = Exit("forked")
"""That of an actor in a process that was forked from its own."""


def as_exit(reason: object) -> Exit:
    """Return the exit that a caller means, who may write just a word.

    Raises:
        UsageError: if it is neither; the caller's fault.
    """
    if reason is NORMAL:  # nearly always
        return NORMAL
    # What is compared and put into sentences later, elsewhere, are Python's own strings.
    if really(reason, str) and (word := plain(reason)):
        return Exit(word)
    if not really(reason, Exit):
        raise UsageError(f"an exit reason must be an Exit or a word, not {show(reason)}")
    if type(reason) is Exit and type(reason.reason) is type(reason.name) is str and reason.error is None:
        return reason
    return _checked(reason)


def _checked(exit: Exit) -> Exit:  # noqa: A002 - OTP's word
    word, error, name = exit.reason, exit.error, exit.name
    if not really(word, str) or not really(name, str) or not (error is None or really(error, BaseException)):
        raise UsageError(f"an Exit has a word, and an exception or None, not {show(word)} and {show(error)}")
    return Exit(plain(word), error, exit.last_message, exit.state, plain(name))


def taken_along(exit: Exit) -> Exit:  # noqa: A002 - OTP's word
    """The exit of an actor that another's takes along: for the same reason, with an account of its own to come."""
    return Exit(exit.reason, exit.error)


def with_account(exit: Exit, actor: object, names: tuple[str, ...]) -> Exit:  # noqa: A002 - OTP's word
    """Add to an abnormal exit what the actor was called and, after a crash, the state that only it can tell."""
    name = _told(lambda: plain(str(getattr(actor, "display_name", ""))), "display_name")
    state = None if exit.reason != "crashed" else _told(lambda: _state_of(actor), "crash_state")
    if not (name or names or state is not None):
        return exit
    return replace(exit, name=name, state=state, names=names)


def _state_of(actor: object) -> object:
    tell = getattr(actor, "crash_state", None)
    return None if tell is None else tell()


def remembered(exit: Exit) -> Exit:  # noqa: A002 - OTP's word
    """What is kept of an exit that has been told: neither the message nor, by a traceback, a handler's variables."""
    if exit.error is None and exit.last_message is None and exit.state is None:
        return exit
    error = None if exit.error is None else _without_traceback(exit.error)
    return Exit(exit.reason, error, name=exit.name, names=exit.names)


def _without_traceback(error: BaseException) -> BaseException:
    kind, twin = type(error), error
    with suppress(BaseException):  # to copy it is to call its class, which is the user's
        if isinstance(error, BaseExceptionGroup):
            group = cast("BaseExceptionGroup[BaseException]", error)
            return group.derive([_without_traceback(each) for each in group.exceptions])
        twin = copy.copy(error)
    if type(twin) is kind and twin is not error:
        return twin
    return RuntimeError(f"a {class_name(kind)}, which cannot be copied")


def _told(tell: Callable[[], T], what: str) -> T | str:
    try:
        return tell()
    except BaseException as error:
        if exit_in(error) is not None:
            raise
        return f"{what} raised {show(error)}"  # it ends because its state is not sound


def failed_start(error: BaseException) -> Exit:
    """The exit of an actor whose `on_start` raised `error`: an orderly one if it only said that it is not needed."""
    return Exit("normal", error) if really(error, StartIgnoredError) else crashed(error)


def crashed(error: BaseException, last_message: object = None) -> Exit:
    """The exit of an actor whose handler raised `error` while handling `last_message`."""
    return Exit("crashed", error, last_message)


_NAMES = {"exit", "reason"}


def takes_exit(on_stop: Callable[..., object]) -> bool:
    """Whether an `on_stop`, as a class has it, is declared to be told how the actor ends.

    It is if its first parameter has no default, or is called `exit` or `reason`, or stands for any number.
    """
    parameters = list(inspect.signature(on_stop).parameters.values())[1:2]  # after `self`
    return any(
        each.kind is each.VAR_POSITIONAL
        or (
            each.kind is not each.VAR_KEYWORD
            and (each.default is each.empty or each.name.strip("_") in _NAMES)
        )
        for each in parameters
    )


def call_on_stop(actor: Any, exit: Exit) -> Any:  # noqa: A002 - OTP's word
    """Call `on_stop`, with how the actor ends if it is declared to take that."""
    return actor.on_stop(exit) if actor.stop_takes_exit else actor.on_stop()
