"""Actors: Pykka's model on Trio's loop.

from cometary.actors import Actor, system

class Greeter(Actor):
    def on_receive(self, message):
        return f"hello {message}"

async with system():
    greeter = Greeter.start()
    print(await greeter.ask("world"))
"""

from __future__ import annotations

from pykka import ActorDeadError, ThreadingActor, Timeout, traversable

from cometary.actors.actor import Actor
from cometary.actors.base_registry import Entry, Registered, Unregistered
from cometary.actors.bound import Bounded, MailboxStatistics
from cometary.actors.call import Call
from cometary.actors.delayed import DelayedSend, send_after, send_interval
from cometary.actors.exits import KILLED, NOPROC, NORMAL, SHUTDOWN, Exit
from cometary.actors.finding import (
    ActorRegistry,
    ask,
    groups,
    register,
    registered,
    send,
    stop,
    unregister,
    whereis,
)
from cometary.actors.future import Future
from cometary.actors.futures import get_all, wrap_future
from cometary.actors.groups import GroupJoined, GroupLeft, Groups
from cometary.actors.idleness import ReceiveTimeout
from cometary.actors.messages import Down, ExitSignal
from cometary.actors.names import Registry, Via
from cometary.actors.ref import ActorRef
from cometary.actors.registries import DuplicateRegistry, UniqueRegistry
from cometary.actors.requests import Request, Requests, Response
from cometary.actors.run_system import system, system_in_thread
from cometary.actors.scheduler import SchedulerStatistics
from cometary.actors.system import ActorSystem, current_system
from cometary.actors.tasks import Task
from cometary.actors.timers import Timer
from cometary.actors.typed_proxy import Proxy, proxy_field, proxy_method
from cometary.actors.watchdog import BlockedHandler

__all__ = [
    "KILLED",
    "NOPROC",
    "NORMAL",
    "SHUTDOWN",
    "Actor",
    "ActorDeadError",
    "ActorRef",
    "ActorRegistry",
    "ActorSystem",
    "BlockedHandler",
    "Bounded",
    "Call",
    "DelayedSend",
    "Down",
    "DuplicateRegistry",
    "Entry",
    "Exit",
    "ExitSignal",
    "Future",
    "GroupJoined",
    "GroupLeft",
    "Groups",
    "MailboxStatistics",
    "Proxy",
    "ReceiveTimeout",
    "Registered",
    "Registry",
    "Request",
    "Requests",
    "Response",
    "SchedulerStatistics",
    "Task",
    "ThreadingActor",
    "Timeout",
    "Timer",
    "UniqueRegistry",
    "Unregistered",
    "Via",
    "ask",
    "current_system",
    "get_all",
    "groups",
    "proxy_field",
    "proxy_method",
    "register",
    "registered",
    "send",
    "send_after",
    "send_interval",
    "stop",
    "system",
    "system_in_thread",
    "traversable",
    "unregister",
    "whereis",
    "wrap_future",
]
