"""The handlers of an event manager: their base, the words between them and it, and its table of them.

An id may be any object of the user's. It is hashed and compared only where somebody names it, not when an event comes,
nor when a handler goes, but for taking it out.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from cometary.actors import ActorRef, Exit
from cometary.errors import UsageError
from cometary.escapes import class_name, exit_in, really
from cometary.log import get_logger, show

logger = get_logger("cometary.behaviours")


class _Remove:
    """What `on_event` returns for the handler to be removed."""

    def __repr__(self) -> str:
        return "REMOVE"


REMOVE: Final = _Remove()


class EventHandler:
    """The base of handlers. Each method may be left out."""

    def on_start(self, previous: Any) -> None:
        """Begin, in the manager. If it raises, it is not added.

        Args:
            previous: what the `on_stop` of the handler that this one takes the place of has returned; else None.
        """

    def on_event(self, event: Any) -> Any:
        """Hear of an event. Return `REMOVE` to be removed, a `Swap` for another to take the place, or None."""

    def on_call(self, request: Any) -> Any:
        """Answer a `call_handler`.

        Raises:
            UsageError: here, because there is nothing to answer with.
        """
        raise UsageError(f"{class_name(type(self))} has no on_call for {show(request)}")

    def on_stop(self, exit: Exit) -> Any:  # noqa: A002 - OTP's word
        """End. What it returns goes to whoever removed it, or to the handler that takes its place."""


class Swap(NamedTuple):
    """Returned by `on_event`: `handler` takes my place; by the same id, unless it says another."""

    handler: EventHandler
    id: Hashable | None = None


class HandlerRemoved(NamedTuple):
    """To the owner of a handler: it is not there any more.

    Args:
        manager: where it was.
        id: what it was called there.
        exit: why; see the rules of `cometary.behaviours.event_manager`.
    """

    manager: ActorRef[Any]
    id: Hashable
    exit: Exit


def check_handler(handler: object) -> None:
    """Check that `handler` is one.

    Raises:
        UsageError: if it is something else, such as a class of handlers; the fault of whoever adds it.
    """
    if not really(handler, EventHandler):
        raise UsageError(f"what is added is an instance of a subclass of EventHandler, not {show(handler)}")


class Owner(NamedTuple):
    """The incarnation of an actor that owns a handler."""

    ref: ActorRef[Any]
    life: int


@dataclass(slots=True, eq=False)
class Place:
    """A handler in its manager."""

    handler: EventHandler
    id: Hashable
    owner: Owner | None


class Places:
    """The handlers of a manager, in the order in which they were added."""

    def __init__(self) -> None:
        self._by_id: dict[Hashable, Place] = {}
        self._there: dict[int, Place] = {}
        """In order, by identity."""

    def __len__(self) -> int:
        return len(self._there)

    def __iter__(self) -> Iterator[Place]:
        return iter(list(self._there.values()))

    def __contains__(self, place: Place) -> bool:
        return id(place) in self._there

    def find(self, id_: Hashable) -> Place | None:
        """Return the handler called `id_`, or None."""
        place = self._by_id.get(id_)
        return place if place is not None and place in self else None

    def add(self, place: Place) -> None:
        """Put a handler behind the others."""
        self._by_id[place.id] = place
        self._there[id(place)] = place

    def remove(self, place: Place) -> bool:
        """Take a handler out; returns whether it was there."""
        if self._there.pop(id(place), None) is None:
            return False
        try:
            if self._by_id.get(place.id) is place:
                del self._by_id[place.id]
        except BaseException as error:
            if exit_in(error) is not None:
                raise
            # It could be hashed and compared when it was given; whoever asks for it now fails likewise.
            logger.exception(
                "id failed", text="The id of an event handler can be neither hashed nor compared any more"
            )
        return True
