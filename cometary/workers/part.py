"""What a process that is a worker is told: its part, in a variable of its environment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal

VARIABLE: Final = "COMETARY_WORKER"


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
    """

    number: int
    workers: int
    link: int
    listening: Sequence[int]
    control: str
    successor: Literal["none", "sockets", "port"] = "none"
    above: str = ""

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
    part = Part(**json.loads(text))
    for descriptor in (part.link, *part.listening):
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - its one argument
    return part
