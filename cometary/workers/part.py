"""What a process that is a worker is told: its part, in a variable of its environment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal

VARIABLE: Final = "COMETARY_WORKER"


@dataclass(frozen=True, slots=True)
class AsNode:
    """What a worker is told that is a node, as all are where there is an engine.

    Attributes:
        name: its own, which no other process has had; see `Family`.
        family: what the names of all begin with.
        links: the path at which the others connect to it.
        secret: by which they know each other.
        engine: the URL of the engine.
    """

    name: str
    family: str
    links: str
    secret: str
    engine: str

    @property
    def address(self) -> str:
        """Where the others connect to it, as text."""
        return f"unix:{self.links}"


@dataclass(frozen=True, slots=True)
class Part:
    """Its place among the others.

    Attributes:
        number: its number, from 1.
        workers: how many there are.
        link: the descriptor of its end of the link.
        listening: those of the listening sockets of the clients.
        control: the path of its own control interface.
        successor: who accepts callers when all stop; see `Network`.
        above: the address of the control interface that all have in common, as text.
        node: as what it is a node; None where there is no engine.
    """

    number: int
    workers: int
    link: int
    listening: Sequence[int]
    control: str
    successor: Literal["none", "sockets", "port"] = "none"
    above: str = ""
    node: AsNode | None = None

    def written(self) -> str:
        """Return it as the variable's value."""
        return json.dumps(asdict(self))


def is_worker(environment: Mapping[str, str]) -> bool:
    """Whether this process is a worker, as long as it has not read its part."""
    return VARIABLE in environment


def take_part(environment: MutableMapping[str, str]) -> Part | None:
    """Return what this process was told, which nobody else is then; None if it is not a worker.

    The descriptors are those of this process alone: none that it starts gets them.
    """
    text = environment.pop(VARIABLE, None)
    if text is None:
        return None
    members = json.loads(text)
    node = members.pop("node")
    part = Part(**members, node=None if node is None else AsNode(**node))
    for descriptor in (part.link, *part.listening):
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - its one argument
    return part
