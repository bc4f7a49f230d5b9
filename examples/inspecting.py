"""Looking into a counter while it counts, and giving it new code: for the guide on live actors.

python examples/inspecting.py
"""

from __future__ import annotations

from typing import Any

import trio

from cometary.actors import Actor, sys, system


class Counter(Actor):
    """Counts what it is told."""

    version = 1

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def on_receive(self, message: str) -> int:  # noqa: ARG002 - it counts, whatever it is
        """Count a message; who asks gets the count."""
        self.count += 1
        return self.count


class CounterByWord(Actor):
    """The next version: counts each word for itself."""

    version = 2
    counts: dict[str, int]

    @staticmethod
    def code_change(old_version: object, state: dict[str, Any]) -> dict[str, Any]:
        """Take over from a `Counter`, which did not tell words apart."""
        print("code change from version", old_version)
        return {"counts": {"(before)": state["count"]}}

    def on_receive(self, message: str) -> int:
        """Count a word; who asks gets its count."""
        self.counts[message] = self.counts.get(message, 0) + 1
        return self.counts[message]


async def main() -> None:
    """Look, stop, change and go on."""
    async with system():
        counter = Counter.start()
        counter.tell("apple")
        print(await sys.get_state(counter))

        await sys.statistics(counter, flag=True)
        await sys.log(counter, True)  # noqa: FBT003 - as in OTP
        async with sys.trace_events(counter) as events:
            await counter.ask("pear")
            for _ in range(2):
                event = await anext(events)
                print(event.kind, event.content)
        print("messages:", (await sys.statistics(counter)).messages_in)
        print("the latest:", [event.kind for event in await sys.log(counter)])

        await sys.suspend(counter)
        answer = counter.ask("pear")  # waits
        info = await sys.process_info(counter)
        print(info.status, "with", info.mailbox, "in its mailbox")
        await sys.replace_state(counter, lambda state: {"count": state["count"] * 10})
        await sys.change_code(counter, CounterByWord)
        await sys.resume(counter)
        print("pear:", await answer)
        print(await sys.get_state(counter))


if __name__ == "__main__":
    trio.run(main)
