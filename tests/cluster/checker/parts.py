"""The code of production that is explored, or copies of it with one rule broken."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cometary.cluster
from cometary.cluster import record
from cometary.cluster.due_receipts import DueReceipts
from cometary.cluster.mirrored import MirroredMachine
from cometary.cluster.owner import OwnerMachine
from cometary.cluster.resumption import Resumption

SOURCES = Path(cometary.cluster.__file__).parent


@dataclass(frozen=True)
class Parts:
    """What is explored.

    Attributes:
        machine: the owner's machine.
        receipts: the receipts of a session.
        mirrored: that of the owner of a mirrored session.
        resumption: what the client says of itself.
        committed: how the engine applies a change.
        adopted: how it has a session adopted.
        restored: how it takes a record back.
        stands: whether it tells what came of that.
        unfenced: whether late operations may count, and so are not left out.
    """

    machine: type[Any] = OwnerMachine
    receipts: type[Any] = DueReceipts
    mirrored: type[Any] = MirroredMachine
    resumption: type[Any] = Resumption
    committed: Any = record.committed
    adopted: Any = record.adopted
    restored: Any = record.restored
    stands: Any = record.stands
    unfenced: bool = False


PRODUCTION = Parts()


def broken(module: str, *changes: tuple[str, str]) -> Parts:
    """Return the parts with some places in the source of one module changed.

    Args:
        module: `owner`, `mirrored`, `record`, `due_receipts` or `resumption`.
        changes: what is there exactly once, and what is to be there instead.
    """
    names = executed(module, *changes)
    if module == "owner":
        base = names["OwnerMachine"]
        mirrored = executed("mirrored", ("Handling, OwnerMachine", "Handling"), OwnerMachine=base)
        return replace(PRODUCTION, machine=base, mirrored=mirrored["MirroredMachine"])
    if module == "mirrored":
        return replace(PRODUCTION, mirrored=names["MirroredMachine"])
    if module == "due_receipts":
        return replace(PRODUCTION, receipts=names["DueReceipts"])
    if module == "resumption":
        return replace(PRODUCTION, resumption=names["Resumption"])
    functions = {name: names[name] for name in ("committed", "adopted", "restored", "stands")}
    return replace(PRODUCTION, unfenced=True, **functions)


def executed(module: str, *changes: tuple[str, str], **known: Any) -> dict[str, Any]:
    """Return what a module has with some places in its source changed; `known` is there before."""
    source = (SOURCES / f"{module}.py").read_text()
    for old, new in changes:
        assert source.count(old) == 1, f"{module}.py has {source.count(old)} times: {old!r}"
        source = source.replace(old, new)
    names: dict[str, Any] = {"__name__": f"broken_{module}", **known}
    exec(compile(source, f"broken_{module}.py", "exec"), names)  # noqa: S102 - the project's own source
    return names
