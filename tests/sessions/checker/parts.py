"""Which classes a checked session is made of: those that run in production, or broken copies of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import cometary.sessions
import cometary.sessions.actor as actor_module
import cometary.sessions.carriers as carriers_module
from cometary.sessions import SessionKeeper, SessionMachine, SessionManager
from cometary.sessions.actor import SessionActor
from tests.sessions.crash_points import makes_none

SOURCES = Path(cometary.sessions.__file__).parent
CLASSES = {
    "machine": "SessionMachine",
    "carriers": "CarrierMachine",
    "outbox": "Outbox",
    "presuming": "PresumingOutbox",
    "window": "RequestWindow",
    "keeper": "SessionKeeper",
    "actor": "SessionActor",
    "effects": "advance",
    "manager": "SessionManager",
}


@dataclass(frozen=True)
class Parts:
    """The classes that make up one session; the outbox and the window are the machine's, the effects the actor's."""

    machine: type[Any] = SessionMachine
    keeper: type[Any] = SessionKeeper
    actor: type[Any] = SessionActor
    manager: type[Any] = SessionManager


PRODUCTION = Parts()


@cache
def by_table() -> Parts:
    """Return the parts of a session that makes no short steps: all it does, its table says."""
    return replace(PRODUCTION, actor=_actor_with(receive=makes_none, meet=makes_none))


def broken(module: str, old: str, new: str) -> Parts:
    """Return the parts with one place in the source of one module changed.

    Args:
        module: one of `CLASSES`.
        old: what is there, exactly once.
        new: what is to be there instead.
    """
    source = (SOURCES / f"{module}.py").read_text()
    assert source.count(old) == 1, f"{module}.py has {source.count(old)} times: {old!r}"
    copies = _executed(module, source.replace(old, new))
    if module == "short_steps":
        return replace(PRODUCTION, actor=_actor_with(receive=copies["receive"], meet=copies["meet"]))
    if module == "handover":
        return replace(PRODUCTION, actor=_actor_with(Handover=copies["Handover"]))
    name = CLASSES[module]
    copy = copies[name]
    if module in ("outbox", "presuming", "window"):
        carriers = _executed("carriers", (SOURCES / "carriers.py").read_text())
        carriers[name] = copy
        module, copy = "carriers", carriers["CarrierMachine"]
    if module == "carriers":
        module, copy = "machine", _machine_on(copy)
    if module == "machine":
        return replace(by_table(), machine=copy)
    if module == "effects":
        return replace(PRODUCTION, actor=_actor_with(advance=copy, receive=makes_none, meet=makes_none))
    return replace(PRODUCTION, **{module: copy})


def _actor_with(**functions: Any) -> Any:
    """Return a copy of the actor's class that calls other functions."""
    names = _executed("actor", (SOURCES / "actor.py").read_text())
    actor = names["SessionActor"]
    names |= {
        name: kind for name, kind in vars(actor_module).items() if isinstance(kind, type)
    }  # its messages
    names |= functions
    return actor


def copied_machine() -> Any:
    """Return a copy of the machine's class, with a table of its own."""
    return _machine_on(SessionMachine.__base__)


def _machine_on(carriers: Any) -> Any:
    """Return a copy of the machine's class that stands on another half."""
    imports = "from cometary.sessions.carriers import HOLD_OR_DIE, CarrierMachine\n"
    source = (SOURCES / "machine.py").read_text()
    assert source.count(imports) == 1
    return _executed(
        "machine", source.replace(imports, ""), **(vars(carriers_module) | {"CarrierMachine": carriers})
    )["SessionMachine"]


def _executed(module: str, source: str, **given: Any) -> dict[str, Any]:
    names: dict[str, Any] = {**given, "__name__": f"broken_{module}"}
    exec(compile(source, f"broken_{module}.py", "exec"), names)  # noqa: S102 - the project's own source
    return names
