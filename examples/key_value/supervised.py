"""Step 3 of the tutorial: the store under a supervisor, with a table that outlives its crashes.

python -m examples.key_value.supervised
"""

from __future__ import annotations

from typing import Any

import trio

from cometary.actors import ActorRef, system
from cometary.supervision import ChildSpec, CrashReport, subscribe, supervise, which_children
from examples.key_value.client import Add, CountingStore, get, put


class LastingStore(CountingStore):
    """A store that may crash.

    Args:
        table: where the values are kept; it belongs to whoever starts the store, and outlives it.
    """

    def __init__(self, table: dict[str, Any]) -> None:
        super().__init__()
        self.table = table


async def child(supervisor: ActorRef[Any], name: str) -> ActorRef[Any]:
    """Return the reference to a supervisor's child."""
    (ref,) = [info.ref for info in await which_children(supervisor) if info.id == name]
    assert ref is not None, f"{name} is not running"  # noqa: S101 - these children always are
    return ref


async def main() -> None:
    """Crash the store, and find everything still there."""
    table: dict[str, Any] = {}

    def tell(report: CrashReport) -> None:
        print(f"crash: {report.error}; {report.action}")

    async with system(), supervise([ChildSpec("store", LastingStore, (table,))]) as root:
        subscribe(root, tell)
        store = await child(root, "store")
        put(store, "colour", "blue")
        store.tell(Add("colour", 1))  # a cast: nobody is there to get the error
        print("colour:", await get(store, "colour"))


if __name__ == "__main__":
    trio.run(main)
