"""A watchman at night: silence, bells, errands, rounds, and a lamp that goes out; for the guide on time and ends.

python examples/night_watch.py
"""

from __future__ import annotations

from typing import Any

import trio

from cometary.actors import (
    Actor,
    Down,
    Exit,
    ReceiveTimeout,
    Response,
    send_after,
    send_interval,
    stop,
    system,
)

ROUNDS = 3


class Lamp(Actor):
    """Burns until it is stopped, and says why it goes out."""

    def on_stop(self, exit: Exit) -> None:  # type: ignore[override]  # noqa: A002  # pyright: ignore[reportIncompatibleMethodOverride]
        """Go out."""
        print("the lamp goes out:", exit.reason)


class Watchman(Actor):
    """Watches the actor called `lamp`, and ends with it."""

    def on_start(self) -> None:
        """Begin the night."""
        self.rounds = 0
        self.monitor("lamp", "my light")
        self.monitor("lamp", "of no interest")
        self.demonitor("lamp", "of no interest", flush=True)
        self.receive_timeout(0.01)  # from now on, whenever nothing else has come for so long

    def on_receive(self, message: Any) -> None:
        """Do one thing after the other."""
        match message:
            case ReceiveTimeout():
                print("all is quiet")
                self.receive_timeout(None)
                self.timer("bell").start(0.01)
            case "bell":
                print("a bell rings")
                self.expect(self.start_task(self.fetch, "oil"), tag="errand")
            case Response("errand", value):
                print("fetched:", value)
                self.interval = send_interval(self.actor_ref, "round", 0.01)
            case "round":
                self.rounds += 1
                if self.rounds == ROUNDS:
                    self.interval.cancel()
                    print(ROUNDS, "rounds")
                    stop("lamp", exit="shutdown")
            case Down(_, exit_, tag):
                print(f"{tag} has gone: {exit_.reason}")
                self.stop()
            case _:
                pass

    async def fetch(self, what: str) -> str:
        """Run beside the mailbox."""
        await trio.sleep(0.01)
        return what


async def main() -> None:
    """Wait for the end of the night; nobody waits for an answer for more than five seconds."""
    async with system(ask_timeout=5):
        Lamp.with_name("lamp").start()
        watchman = Watchman.start()
        morning = send_after(watchman, "good morning", 3600)
        print("seconds to go:", round(morning.cancel() or 0))
        await watchman.stopped()


if __name__ == "__main__":
    trio.run(main)
