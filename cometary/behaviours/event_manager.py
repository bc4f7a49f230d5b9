"""An event manager: one actor, and handlers in it that come and go; each hears of every event.

1.  Handlers are called one after the other, in the order in which they were added, and must not wait: a coroutine is a
    crash. What is slow is told to an actor.
2.  One that raises, or returns what it may not, is removed, alone: the others hear of the event all the same. What a
    call raises goes to the caller, `Exception` or not, and the manager lives on.
3.  Each leaves by `on_stop(exit)`, once: `normal` if it was removed or removed itself, `swapped`, `shutdown` or
    another if the manager or the owner ends, and `crashed`. What that raises is logged, and no more.
4.  A handler with an OWNER is removed when the owner has ended; and the owner gets one `HandlerRemoved` when it goes,
    unless the manager is killed. That is the runtime's own message: a full mailbox takes it, the owner's next
    incarnation does not.
5.  A manager that is restarted has no handlers: those who have added them monitor it.
6.  There are at most `max_handlers`; more are refused.

Source: OTP, `gen_event`. There, too, a handler is a value in the manager's process, not a process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import Any, Final, NamedTuple, cast

from cometary.actors import NORMAL, Actor, ActorRef, Down, Exit
from cometary.actors.exits import NOPROC, crashed
from cometary.actors.names import Whom
from cometary.behaviours.calls import at_once, behaviour_meant, for_the_caller
from cometary.behaviours.event_handler import (
    REMOVE,
    EventHandler,
    HandlerRemoved,
    Owner,
    Place,
    Places,
    Swap,
    check_handler,
)
from cometary.errors import TooManyChildrenError, UsageError
from cometary.escapes import exit_in
from cometary.log import get_logger, show

logger = get_logger("cometary.behaviours")

MAX_HANDLERS: Final = 1000
"""Handlers that a manager may have if it does not say."""


class _Event(NamedTuple):
    """To the manager: an event."""

    event: Any


class _Add(NamedTuple):
    """To the manager: add this handler."""

    handler: EventHandler
    id: Hashable
    owner: Owner | None


class _Delete(NamedTuple):
    """To the manager: remove that handler."""

    id: Hashable


class _Swap(NamedTuple):
    """To the manager: remove that one, and put this in its place."""

    old: Hashable
    new: _Add


class _Call(NamedTuple):
    """To the manager: ask that handler."""

    id: Hashable
    request: Any


class _Which(NamedTuple):
    """To the manager: what handlers are there?"""


_OWNER: Final = object()
"""The tag of the manager's monitors."""

_OURS: Final = frozenset({_Event, _Add, _Delete, _Swap, _Call, _Which, Down})


SWAPPED: Final = Exit("swapped")


class EventManager(Actor):
    """Passes events on to its handlers; see the rules above.

    Args:
        max_handlers: how many there may be; beyond that `add_handler` raises `TooManyChildrenError`.
    """

    def __init__(self, *, max_handlers: int = MAX_HANDLERS) -> None:
        super().__init__()
        self._max_handlers = max_handlers
        self._places = Places()
        self._owned: Counter[ActorRef[Any]] = Counter()
        """How many handlers each owner has. It is monitored while that is not none."""

    def on_receive(self, message: Any) -> Any:
        """Take an event, or a call. Whatever else an actor is told is an event."""
        if type(message) not in _OURS:  # of what others send only the type is looked at
            self._notify(message)
            return None
        with for_the_caller():
            return self._serve(message)

    def _serve(self, message: Any) -> Any:
        match message:
            case _Event(event):
                self._notify(event)
            case _Call(id_, request):
                return self._call(id_, request)
            case _Add():
                self._add(message, None)
            case _Delete(id_):
                return self._leave(self._found(id_), NORMAL)
            case _Swap(old, new):
                self._swap(self._places.find(old), new)
            case _Which():
                return tuple(place.id for place in self._places)
            case Down(ref, exit_, tag) if tag is _OWNER:
                self._owner_ended(ref, exit_)
            case _:  # of another monitor: an event like any other
                self._notify(message)
        return None

    def on_stop(self, exit: Exit) -> None:  # type: ignore[override]  # noqa: A002  # pyright: ignore[reportIncompatibleMethodOverride]
        """End the handlers, the youngest first."""
        for place in reversed(list(self._places)):
            self._leave(place, exit)

    def system_get_state(self) -> dict[Hashable, EventHandler]:
        """See `sys.get_state`: the handlers by their ids."""
        return {place.id: place.handler for place in self._places}

    # -- events and calls -------------------------------------------------------------------

    def _notify(self, event: Any) -> None:
        for place in self._places:
            if place in self._places:  # else another handler has had it removed
                try:
                    self._heed(place, _plain(place.handler.on_event(event), "on_event"))
                except BaseException as error:  # noqa: BLE001 - an exit is raised further
                    self._crash(place, error, event)

    def _heed(self, place: Place, outcome: object) -> None:
        if outcome is None:
            return
        if outcome is REMOVE:
            self._leave(place, NORMAL)
        elif type(outcome) is Swap:
            check_handler(outcome.handler)
            new_id = place.id if outcome.id is None else outcome.id
            self._swap(place, _Add(outcome.handler, new_id, place.owner))
        else:
            raise UsageError(f"on_event returns None, REMOVE or a Swap, not {show(outcome)}")

    def _call(self, id_: Hashable, request: Any) -> Any:
        place = self._found(id_)
        try:
            return _plain(place.handler.on_call(request), "on_call")
        except BaseException as error:
            self._crash(place, error, request)
            raise

    def _found(self, id_: Hashable) -> Place:
        place = self._places.find(id_)
        if place is None:
            raise UsageError(f"{self.actor_ref} has no handler {show(id_)}")
        return place

    # -- coming and going -------------------------------------------------------------------

    def _add(self, new: _Add, previous: Any) -> None:
        if self._places.find(new.id) is not None:
            raise UsageError(f"{self.actor_ref} has a handler {show(new.id)} already")
        if len(self._places) >= self._max_handlers:
            raise TooManyChildrenError(f"{self.actor_ref} has {self._max_handlers} handlers, all it may have")
        _plain(new.handler.on_start(previous), "on_start")  # type: ignore[func-returns-value]
        place = Place(new.handler, new.id, new.owner)
        self._places.add(place)
        if new.owner is not None:
            self._owned[new.owner.ref] += 1
            if self._owned[new.owner.ref] == 1:
                self.monitor(new.owner.ref, _OWNER)
            if new.owner.life != new.owner.ref.actor_inbox.life:  # whose end no monitor tells any more
                self._leave(place, NOPROC)

    def _swap(self, place: Place | None, new: _Add) -> None:
        if self._places.find(new.id) not in (None, place):
            raise UsageError(f"{self.actor_ref} has a handler {show(new.id)} already")
        previous = None if place is None else self._leave(place, SWAPPED)
        if place is not None and new.owner is None:
            new = new._replace(owner=place.owner)
        self._add(new, previous)

    def _leave(self, place: Place, exit: Exit) -> Any:  # noqa: A002 - OTP's word
        if not self._places.remove(place):
            return None
        try:
            return _plain(place.handler.on_stop(exit), "on_stop")
        except BaseException as error:
            if exit_in(error) is not None:
                raise
            self._log(place, error)
            return None
        finally:
            self._tell_owner(place, exit)

    def _crash(self, place: Place, error: BaseException, message: Any) -> None:
        if exit_in(error) is not None:
            raise error
        self._log(place, error)
        self._leave(place, crashed(error, message))

    def _log(self, place: Place, error: BaseException) -> None:
        text = f"Handler {show(place.id)} of {self.actor_ref} has crashed:"
        logger.error("event handler crashed", text=text, **self._cell.account(), exc_info=error)

    def _tell_owner(self, place: Place, exit: Exit) -> None:  # noqa: A002 - OTP's word
        owner = place.owner
        if owner is None:
            return
        self._owned[owner.ref] -= 1
        if not self._owned[owner.ref]:
            del self._owned[owner.ref]
            self.demonitor(owner.ref, _OWNER)
        cell = owner.ref.actor_inbox
        cell.post_for(owner.life, HandlerRemoved(self.actor_ref, place.id, exit))

    def _owner_ended(self, ref: ActorRef[Any], exit: Exit) -> None:  # noqa: A002 - OTP's word
        for place in self._places:
            if place.owner is not None and place.owner.ref is ref:
                self._leave(place, exit)


def _plain(outcome: Any, hook: str) -> Any:
    return at_once(outcome, f"the {hook} of an event handler")


# -- calls from outside: on the loop they return a future, in other threads they wait ----------------------------


def notify(manager: Whom, event: object) -> None:
    """Tell the handlers of an event, and wait for nothing. `tell` does the same, except with calls of this module.

    Raises:
        pykka.ActorDeadError: if the manager has ended, or nobody has the name.
        MailboxFullError: if its mailbox has a bound, and no room.
    """
    behaviour_meant(manager, EventManager).tell(_Event(event))


def sync_notify(manager: Whom, event: object, *, timeout: float | None = None) -> Any:
    """Tell the handlers of an event; answers None when all have been called. Errors as for `ask`."""
    return behaviour_meant(manager, EventManager).ask(_Event(event), timeout=timeout)


def add_handler(
    manager: Whom,
    handler: EventHandler,
    *,
    id: Hashable | None = None,  # noqa: A002
    owner: Actor | None = None,
) -> Any:
    """Add a handler, behind the others; answers None.

    Args:
        manager: an `EventManager`, by its reference or its name.
        handler: a new one.
        id: what it is called there; by default its class.
        owner: the actor with whose end it is removed, and that is told of its removal (`HandlerRemoved`).

    Raises:
        UsageError: if there is one with this id; the calling code's fault.
        TooManyChildrenError: if the manager is full; nobody's fault.
        Exception: what its `on_start` raises. In each case it has not been added.
    """
    return behaviour_meant(manager, EventManager).ask(_addition(handler, id, owner))


def remove_handler(manager: Whom, id: Hashable) -> Any:  # noqa: A002
    """Remove a handler; answers what its `on_stop` returns.

    Raises:
        UsageError: if there is none with this id; the calling code's fault.
    """
    return behaviour_meant(manager, EventManager).ask(_Delete(id))


def swap_handler(
    manager: Whom,
    old: Hashable,
    handler: EventHandler,
    *,
    id: Hashable | None = None,  # noqa: A002
    owner: Actor | None = None,
) -> Any:
    """Put a handler in the place of the one called `old`; answers None.

    The new one gets what the old one's `on_stop` returns, and its owner, unless it has one of its own. It is added
    also if there is no such old one; and the old one is gone also if the new one's `on_start` raises.
    Arguments and errors as for `add_handler`.
    """
    return behaviour_meant(manager, EventManager).ask(_Swap(old, _addition(handler, id, owner)))


def call_handler(manager: Whom, id: Hashable, request: object, *, timeout: float | None = None) -> Any:  # noqa: A002
    """Ask one handler; answers what its `on_call` returns.

    Raises:
        UsageError: if there is none with this id; the calling code's fault.
        Exception: what it raises; it is removed then.
    """
    return behaviour_meant(manager, EventManager).ask(_Call(id, request), timeout=timeout)


def which_handlers(manager: Whom) -> Any:
    """Answer the ids of the handlers, in their order."""
    return behaviour_meant(manager, EventManager).ask(_Which())


def _addition(handler: EventHandler, id_: Hashable | None, owner: Actor | None) -> _Add:
    check_handler(handler)
    mine = None if owner is None else Owner(owner.actor_ref, owner.actor_inbox.life)
    name = cast("Hashable", type(handler)) if id_ is None else id_
    return _Add(handler, name, mine)
