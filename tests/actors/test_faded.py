"""The reference to an actor that has ended for good, as its cell has it again."""

from __future__ import annotations

import threading
from typing import Any

from cometary.actors import Actor, ActorRef, system
from cometary.actors.faded import FadedRef


async def test_two_threads_that_ask_at_once_are_given_one_reference() -> None:
    async with system():
        ref: ActorRef[Any] = Actor.start()
        cell, faded, first = ref.actor_inbox, FadedRef(ref), list[ActorRef[Any]]()

        def look() -> None:
            """Find nothing; before that is told, another thread finds nothing as well, and makes one."""
            faded._weak = lambda: None  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
            other = threading.Thread(target=lambda: first.append(faded.again(cell)))
            other.start()
            other.join()

        faded._weak = look  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
        assert faded.again(cell) is first[0]
        assert faded.again(cell) is first[0]
