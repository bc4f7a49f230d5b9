"""A rate limiter: so many calls in a second for each user."""

from collections import Counter

import trio

from cometary.actors import Actor, send_interval, system


class RateLimiter(Actor):
    """Answers whether a user may go on."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit, self.calls = limit, Counter[str]()
        send_interval(self.actor_ref, None, seconds)

    def on_receive(self, message: str | None) -> bool:
        """Count a call; or begin a new interval."""
        if message is None:
            self.calls.clear()
            return True
        self.calls[message] += 1
        return self.calls[message] <= self.limit


async def main() -> None:
    """Call three times, wait, and call again."""
    async with system():
        limiter = RateLimiter.start(2, 1.0)
        print([await limiter.ask("ann") for _ in range(3)])
        await trio.sleep(1.1)
        print(await limiter.ask("ann"))


if __name__ == "__main__":
    trio.run(main)
