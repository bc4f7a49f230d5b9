"""Step 5 of the tutorial: a watcher that does not mind when the store crashes, and the whole server.

python -m examples.key_value.alarm
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import trio

from cometary.actors import Actor, ActorDeadError, ActorRef, Down, system
from cometary.supervision import ChildSpec, start_child, supervise
from examples.key_value.client import Add, put
from examples.key_value.supervised import child
from examples.key_value.watched import Changed, Watch, WatchedStore

AGAIN_AFTER = 0.1  # seconds


class WatchAgain(NamedTuple):
    """To itself: it is time to watch once more."""


class Alarm(Actor):
    """Rings whenever a value is above a limit.

    Args:
        store: whose value.
        key: which one.
        limit: a value that is above it rings.
        ring: called with the value.
    """

    def __init__(self, store: ActorRef[Any], key: str, limit: float, ring: Callable[[float], None]) -> None:
        super().__init__()
        self.store = store
        self.key = key
        self.limit = limit
        self.ring = ring
        self.again = self.timer(WatchAgain())

    def on_start(self) -> None:
        """Watch."""
        self._watch()

    def on_receive(self, message: Any) -> None:
        """Ring, or watch again when the store has crashed."""
        match message:
            case Changed(_, value) if value is not None and value > self.limit:
                self.ring(value)
            case Down():
                self.again.start(AGAIN_AFTER)
            case WatchAgain():
                self._watch()
            case _:
                pass

    def _watch(self) -> None:
        # First the monitor: a store that ends before it comes to the message is noticed then, too.
        self.monitor(self.store)
        try:
            self.store.tell(Watch(self.key, self.actor_ref))
        except ActorDeadError:
            self.stop()  # for good: nobody restarts it any more


async def run(ring: Callable[[float], None]) -> None:
    """Run the server, and some clients."""
    table: dict[str, Any] = {}
    async with system(), supervise([ChildSpec("store", WatchedStore, (table,))], id="server") as root:
        store = await child(root, "store")
        await start_child(root, ChildSpec("alarm", Alarm, (store, "visits", 2, ring)))
        for _ in range(3):
            store.tell(Add("visits", 1))
        put(store, "colour", "blue")
        store.tell(Add("colour", 1))  # crashes the store
        store.tell(Add("visits", 1))
        await trio.sleep(1)
        store.tell(Add("visits", 1))
        await trio.sleep(1)


if __name__ == "__main__":
    trio.run(run, print)
