"""A client of `lasting.py` that counts twice a second, whatever becomes of the server."""

import sys

import trio

from cometary.client import Comet, Reopened


async def count(url: str, times: int, pause: float = 0.5) -> None:
    """Count so often, and print what the server says."""
    counted = trio.Event()
    async with Comet(url, resume=True) as comet:

        @comet.on("counted")
        def show(message: int, path: str) -> None:  # noqa: ARG001
            print(message, flush=True)
            if message == times:
                counted.set()

        @comet.reopened
        def start_anew(reopened: Reopened) -> None:
            print(f"the session is lost: {reopened.reason}", flush=True)

        for _ in range(times):
            comet.send("count")
            await trio.sleep(pause)
        await counted.wait()


if __name__ == "__main__":
    trio.run(count, "http://127.0.0.1:8080/comet", int(sys.argv[1]))
