"""Why an actor ended, as a value: OTP's exit reasons.

Source: Erlang reference manual, "Processes", sections on exit reasons and links.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

T = TypeVar("T")
Reason = Literal["normal", "shutdown", "killed", "crashed"]


@dataclass(frozen=True, slots=True)
class Exit:
    """How one incarnation of an actor ended.

    Args:
        reason: `normal` (it stopped itself or was asked to), `shutdown` (its supervisor or
            its system stopped it), `killed` (it was not given the chance to clean up) or
            `crashed` (a handler raised).
        error: the exception of a crash, with its traceback; None otherwise.
        last_message: what the actor was handling when it crashed; None otherwise.
        state: what the actor's `crash_state()` said about it when it crashed; None otherwise.
        name: the `display_name` of an actor that crashed or was killed; empty if it has none.
    """

    reason: Reason
    error: BaseException | None = None
    last_message: object = None
    state: object = None
    name: str = ""

    @property
    def abnormal(self) -> bool:
        """Whether a `transient` child that ended like this is restarted."""
        return self.reason in ("killed", "crashed")

    def __str__(self) -> str:
        return self.reason if self.error is None else f"{self.reason}: {self.error!r}"


NORMAL = Exit("normal")
SHUTDOWN = Exit("shutdown")
KILLED = Exit("killed")


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
