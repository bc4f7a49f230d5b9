"""An asyncio program with Trio as its guest: actors run in the same thread, and tasks of asyncio ask them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio

from cometary.actors import Actor, ActorSystem, system


class Counter(Actor):
    """Counts what it is asked to."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0

    async def on_receive(self, message: int) -> int:
        """Count `message` more, and answer with the sum."""
        await trio.sleep(0.01)  # it is Trio that runs this
        self.number += message
        return self.number


@asynccontextmanager
async def guest_system() -> AsyncGenerator[ActorSystem]:
    """Run an actor system on a guest of the asyncio loop that runs this, for the length of the block."""
    loop = asyncio.get_running_loop()
    begun, over = loop.create_future(), loop.create_future()
    leave = trio.Event()

    async def main() -> None:
        async with system() as actors:
            begun.set_result(actors)
            await leave.wait()

    trio.lowlevel.start_guest_run(
        main,
        run_sync_soon_threadsafe=loop.call_soon_threadsafe,
        done_callback=over.set_result,
        host_uses_signal_set_wakeup_fd=True,
    )
    actors = await begun
    try:
        with actors.as_current():  # the block and its tasks are the host's: this names the system to them
            yield actors
    finally:
        leave.set()
        (await over).unwrap()


async def main() -> None:
    """Ask, as an asyncio program does."""
    async with guest_system():
        counter = Counter.start()
        print(await counter.ask(1, timeout=5))


if __name__ == "__main__":
    asyncio.run(main())
