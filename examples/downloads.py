"""Fetches pages under a task supervisor: a few at a time, in order, and none longer than a second.

python examples/downloads.py
"""

from __future__ import annotations

import trio

from cometary.actors import Actor, ActorRef, Response, Task, system
from cometary.supervision import TaskSupervisor, async_nolink, async_stream, async_stream_nolink


async def fetch(page: str) -> str:
    """Stand for a download, which may take its time, or fail."""
    await trio.sleep(60 if page == "slow" else 0.01)
    if page == "missing":
        raise LookupError(page)
    return page.upper()


class Reader(Actor):
    """Has pages fetched, and goes on reading meanwhile."""

    def __init__(self, tasks: ActorRef[TaskSupervisor]) -> None:
        super().__init__()
        self.tasks = tasks
        self.pages: dict[str, str] = {}

    def on_receive(self, message: str | Response) -> dict[str, str] | None:
        """Fetch a page; or note one that is there; or tell of all."""
        match message:
            case Response(page, text, error):
                self.pages[page] = text if error is None else f"not there: {error}"
            case "all":
                return self.pages
            case page:
                self.expect(async_nolink(self.tasks, fetch, page), tag=page)
        return None


async def main() -> None:
    """Fetch in each of the ways."""
    async with system():
        tasks = TaskSupervisor.start(max_children=100)

        task: Task[str] = async_nolink(tasks, fetch, "one")
        print(await task)

        async for text in async_stream(tasks, ["a", "b", "c"], fetch, max_concurrency=2):
            print(text)

        pages = ["a", "missing", "slow"]
        async for page, text, error in async_stream_nolink(tasks, pages, fetch, timeout=1):
            print(page, text, type(error).__name__)

        reader = Reader.start(tasks)
        reader.tell("news")
        await trio.sleep(0.1)
        print(await reader.ask("all"))


if __name__ == "__main__":
    trio.run(main)
