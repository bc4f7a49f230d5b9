"""Why an actor ended, as a value: OTP's exit reasons.

Source: Erlang reference manual, "Processes", sections on exit reasons and links.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from cometary.errors import UsageError

T = TypeVar("T")


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
    """

    reason: str
    error: BaseException | None = None
    last_message: object = None
    state: object = None
    name: str = ""

    @property
    def abnormal(self) -> bool:
        """Whether a `transient` child that ended like this is restarted."""
        return self.reason not in ("normal", "shutdown")

    def __str__(self) -> str:
        return self.reason if self.error is None else f"{self.reason}: {self.error!r}"


NORMAL = Exit("normal")
SHUTDOWN = Exit("shutdown")
KILLED = Exit("killed")
NOPROC = Exit("noproc")


def as_exit(reason: object) -> Exit:
    """Return the exit that a caller means, who may write just a word.

    Raises:
        UsageError: if it is neither; the caller's fault.
    """
    if isinstance(reason, Exit):
        return reason
    if isinstance(reason, str) and reason:
        return Exit(reason)
    raise UsageError(f"an exit reason must be an Exit or a word, not {reason!r}")


def taken_along(exit: Exit) -> Exit:  # noqa: A002 - OTP's word
    """The exit of an actor that another's takes along: for the same reason, with an account of its own to come."""
    return Exit(exit.reason, exit.error)


def with_account(exit: Exit, actor: object) -> Exit:  # noqa: A002 - OTP's word
    """Add to an abnormal exit what only the actor can tell: its name and, after a crash, its state."""
    if not exit.abnormal:
        return exit
    name = _told(lambda: str(getattr(actor, "display_name", "")), "display_name")
    tell = getattr(actor, "crash_state", None)
    state = None if exit.reason != "crashed" or tell is None else _told(tell, "crash_state")
    return replace(exit, name=name, state=state) if name or state is not None else exit


def _told(tell: Callable[[], T], what: str) -> T | str:
    try:
        return tell()
    except Exception as error:  # noqa: BLE001 - it ends because its state is not sound
        return f"{what} raised {error!r}"


def crashed(error: BaseException, last_message: object = None) -> Exit:
    """The exit of an actor whose handler raised `error` while handling `last_message`."""
    return Exit("crashed", error, last_message)
