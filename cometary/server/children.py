"""The children of the server's tree besides its sessions and front end: what routes, and what only some servers have.

Some of these may fail for a long time, such as a connection to another program. So each kind has a supervisor of its
own, which waits before a restart, and whose restarts do not count as the server's.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from cometary.app.sockets import SocketSupervisor
from cometary.authentication.served import ServedAuthenticator
from cometary.declarations import name_of
from cometary.dispatch.delegate import Delegate
from cometary.dispatch.dispatcher import Dispatcher
from cometary.dispatch.parking import Parking
from cometary.supervision import Backoff, ChildSpec, SupervisorSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cometary.app import App, Authenticator, Task
    from cometary.app.receipt_reader import ReceiptReader
    from cometary.dispatch.dispatcher import Table
    from cometary.dispatch.engine import Engine
    from cometary.dispatch.hub import Hub
    from cometary.server.running import Running
    from cometary.sessions import SessionManager

PAUSES: Final = Backoff(min=0.1, max=5.0)
"""How long what is not the server's own waits for its restart after a crash."""


def dispatcher_child(table: Table, engine: Engine, manager: SessionManager) -> ChildSpec:
    """Return what routes updates.

    Args:
        table: who hears what.
        engine: brings updates.
        manager: knows the sessions.
    """
    limits = manager.settings
    parking = Parking(table, manager.flow, limits.max_queued_packets, limits.max_queued_bytes)
    made_with = (table, engine.attach, manager.receipts, parking, manager.flow, manager.find_actor)
    return ChildSpec("dispatcher", Dispatcher, made_with)


def engine_children(engine: Engine) -> list[ChildSpec]:
    """Return what an engine does by itself, if anything."""
    return [] if engine.run is None else [with_pauses("engine", [ChildSpec("connections", engine.run)])]


def delegate_children(app: App, hub: Hub) -> list[ChildSpec]:
    """Return what tells the application's delegates of updates, if it has any."""
    specs = [
        ChildSpec(f"delegate-{number}", Delegate, (told, hub)) for number, told in enumerate(app.delegates, 1)
    ]
    return [with_pauses("delegates", specs)] if specs else []


def authenticator_children(authenticator: Authenticator | None) -> list[ChildSpec]:
    """Return what keeps up the connections of an authenticator that has any."""
    if not isinstance(authenticator, ServedAuthenticator):
        return []
    return [with_pauses("authenticator", [ChildSpec("connections", authenticator.run)])]


def socket_children(app: App) -> list[ChildSpec]:
    """Return what runs the functions of the application's sockets, if it has any."""
    specs = [ChildSpec(place.path, SocketSupervisor, (place,)) for place in app.places]
    return [with_pauses("sockets", specs)] if specs else []


def task_children(
    tasks: Iterable[Task], children: Iterable[ChildSpec], running: Running, reader: ReceiptReader | None
) -> list[ChildSpec]:
    """Return what runs the application's own tasks, if it has any.

    Args:
        tasks: the tasks.
        children: what else runs beside them.
        running: what each of them is given.
        reader: has its handlers told of receipts; None if it has no such handlers.
    """
    specs = [*[ChildSpec(name, task, (running,)) for name, task in named(tasks)], *children]
    if reader is not None:
        specs.append(ChildSpec("receipt-handlers", reader.run))
    return [with_pauses("application", specs)] if specs else []


def named(tasks: Iterable[Task]) -> Iterator[tuple[str, Task]]:
    """Yield each task with a name of its own: that of its function, with a number from the second one on."""
    taken: Counter[str] = Counter()
    for task in tasks:
        name = name_of(task)
        taken[name] += 1
        yield name if taken[name] == 1 else f"{name}-{taken[name]}", task


def with_pauses(name: str, children: list[ChildSpec]) -> ChildSpec:
    """Return a supervisor of its own for `children`, whose pauses spare the server's restart intensity."""
    return ChildSpec(name, SupervisorSpec(children, intensity=10, period=5.0, backoff=PAUSES))
