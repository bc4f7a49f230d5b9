"""Changes on the loop's thread: what goes wrong in one is told to whoever asked for it, and a Ctrl-C is the loop's."""

from __future__ import annotations

import signal
from types import SimpleNamespace
from typing import Any

import pytest

from cometary.actors import ActorSystem
from cometary.dispatch.on_loop import on_loop


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


async def test_what_a_change_raises_is_for_whoever_asked_for_it(actor_system: ActorSystem) -> None:
    keeper: Any = SimpleNamespace(system=actor_system)

    def fail() -> None:
        raise LookupError("of the change")

    with pytest.raises(LookupError, match="of the change"):
        await on_loop(keeper, fail)


async def test_a_ctrl_c_that_strikes_in_a_change_goes_on_from_there(actor_system: ActorSystem) -> None:
    keeper: Any = SimpleNamespace(system=actor_system)
    with pytest.raises(KeyboardInterrupt):
        on_loop(keeper, interrupt)
