"""A client in Python: it connects itself to a room, asks who may be there, and prints what is said.

cometary serve examples.rooms:app
python examples/room_visitor.py http://127.0.0.1:8080/comet
"""

import sys

import trio

from cometary.client import Comet, Reopened


async def main(url: str) -> None:
    """Visit the kitchen."""
    comet = Comet(url)

    @comet.on("room/*")
    def heard(message: object, path: str) -> None:
        print(path, message, flush=True)

    @comet.gap
    def missed(path: str) -> None:
        print("something was missed:", path, flush=True)

    @comet.reopened
    def reopened(new: Reopened) -> None:
        print("another session, since", new.reason, flush=True)

    async with comet:
        await comet.connect("room/kitchen")
        print(await comet.ask("members", "room/kitchen", timeout=10), flush=True)
        await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main, sys.argv[1])
