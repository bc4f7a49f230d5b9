"""Actors of a known kind, for which one writes only what is one's own: OTP's behaviours, and Elixir's.

from cometary.behaviours import Agent

counter = Agent.start(int)
await Agent.update(counter, lambda number: number + 1)
print(await Agent.get(counter))
"""

from __future__ import annotations

from cometary.behaviours.agent import Agent
from cometary.behaviours.demand import Consumer, Producer
from cometary.behaviours.event_handler import REMOVE, EventHandler, HandlerRemoved, Swap
from cometary.behaviours.event_manager import (
    EventManager,
    add_handler,
    call_handler,
    notify,
    remove_handler,
    swap_handler,
    sync_notify,
    which_handlers,
)

__all__ = [
    "REMOVE",
    "Agent",
    "Consumer",
    "EventHandler",
    "EventManager",
    "HandlerRemoved",
    "Producer",
    "Swap",
    "add_handler",
    "call_handler",
    "notify",
    "remove_handler",
    "swap_handler",
    "sync_notify",
    "which_handlers",
]
