"""What the harness knows of one server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from benchmarks.harness.provision import Kit


class Mode(StrEnum):
    """What swarm's clients do; the names are swarm's."""

    IDLE = "idle"
    BROADCAST = "broadcast"
    UNICAST = "unicast"
    ECHO = "echo"


LOADED = (Mode.BROADCAST, Mode.UNICAST, Mode.ECHO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server of the comparison.

    In `argv`, `url` and `load`, ``{port}``, ``{control}`` and ``{stomp}`` stand for the ports that it
    gets, the last for the second of three, and ``{python}`` for its interpreter.

    Attributes:
        name: Its name in the tables.
        about: What it is, for the legend under them.
        argv: The command that runs it in the foreground.
        cwd: Where that command runs.
        adapter: The protocol that swarm speaks to it.
        url: What swarm's clients poll.
        load: swarm's further arguments in a mode that needs some.
        set_up: Makes it ready to start, or raises `UnavailableError`.
        version: Says what exactly is measured.
        python: Says which interpreter it runs on, if it runs on one.
        ports: How many ports it listens on.
    """

    name: str
    about: str
    argv: tuple[str, ...]
    cwd: Path
    adapter: str
    url: str
    load: Mapping[Mode, tuple[str, ...]]
    set_up: Callable[[Kit], None]
    version: Callable[[Kit], str]
    python: Callable[[Kit], str] = Kit.subject
    ports: int = 1


def filled(template: tuple[str, ...], values: Mapping[str, str]) -> list[str]:
    """Returns a command with its ``{name}`` placeholders replaced.

    Only the names given are: the JSON bodies among swarm's arguments are full of braces.
    """
    words = list(template)
    for name, value in values.items():
        words = [word.replace(f"{{{name}}}", value) for word in words]
    return words
