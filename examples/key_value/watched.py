"""Step 4 of the tutorial: a store that tells those who watch a key of every change.

python -m examples.key_value.watched
"""

from __future__ import annotations

import contextlib
from typing import Any, NamedTuple

import trio

from cometary.actors import Actor, ActorDeadError, ActorRef, Down, system
from examples.key_value.client import Add, put
from examples.key_value.store import Put
from examples.key_value.supervised import LastingStore


class Watch(NamedTuple):
    """Tell an actor what is under a key: now, and at every change."""

    key: str
    watcher: ActorRef[Any]


class Changed(NamedTuple):
    """To a watcher: this is under the key from now on."""

    key: str
    value: Any


class WatchedStore(LastingStore):
    """Keeps values under keys, and tells watchers of changes for as long as they live."""

    def __init__(self, table: dict[str, Any]) -> None:
        super().__init__(table)
        self.watchers: dict[ActorRef[Any], set[str]] = {}

    def on_receive(self, message: Any) -> Any:
        """Handle one message."""
        match message:
            case Watch(key, watcher):
                self.monitor(watcher)
                self.watchers.setdefault(watcher, set()).add(key)
                self._tell(watcher, key)
            case Down(ref):
                self.watchers.pop(ref, None)
            case Put(key) | Add(key):
                answer = super().on_receive(message)
                for watcher, keys in self.watchers.items():
                    if key in keys:
                        self._tell(watcher, key)
                return answer
            case _:
                return super().on_receive(message)
        return None

    def _tell(self, watcher: ActorRef[Any], key: str) -> None:
        # It may have ended, and the Down that says so still wait behind this message.
        with contextlib.suppress(ActorDeadError):
            watcher.tell(Changed(key, self.table.get(key)))


class Printer(Actor):
    """Prints what it is told."""

    def on_receive(self, message: Changed) -> None:
        """Print a change."""
        print(f"{message.key}: {message.value}")


async def main() -> None:
    """Watch a key for a while."""
    async with system():
        store, printer = WatchedStore.start({}), Printer.start()
        store.tell(Watch("colour", printer))
        put(store, "colour", "blue")
        put(store, "size", 5)
        put(store, "colour", "green")
        await trio.sleep(0.1)
        await printer.stop()
        put(store, "colour", "red")


if __name__ == "__main__":
    trio.run(main)
