"""A producer and its consumers, with back-pressure by demand: nothing is sent that was not asked for.

1.  A consumer asks for `max_demand` events when it subscribes, and again, for as many as it has handled, whenever no
    more than `min_demand` are outstanding. So at most `max_demand` events are on their way to it, or in its mailbox.
2.  The producer is told of new demand by `on_demand(demand)`, and returns so many events, or fewer: then what is
    lacking stays in `demand`, and later events (`emit`) go there. Events go to the consumer that has asked for most.
3.  Events for which there is no demand wait in the producer's `buffer`, which has a bound and a policy like a mailbox.
4.  They end together as far as they have to. A consumer that has ended takes its demand with it, and the events that it
    had. A producer that has ended, for a restart too, ends its consumers, unless they have subscribed otherwise: a
    supervisor with `rest_for_one` starts them anew behind it, and they subscribe in their `on_start`.
5.  These are actors and messages, nothing else: events come to the mailbox of a consumer as the runtime's own messages,
    room or not, since it has asked for them. What is sent either way is for the incarnation that it was sent to.

Source: Elixir, GenStage, with its `DemandDispatcher`. There is no producer-consumer: a step in between that only
transforms belongs into the consumer.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Awaitable, Iterable, Sequence
from functools import cached_property
from typing import Any, ClassVar, Final, NamedTuple

from cometary.actors import Actor, ActorRef, Bounded, Down
from cometary.actors.exits import RESTARTS, Restart
from cometary.actors.names import Whom
from cometary.behaviours.demands import Demands
from cometary.behaviours.dropping import drop_message
from cometary.errors import ActorEndedError, MailboxFullError, UsageError
from cometary.escapes import class_name
from cometary.log import get_logger

logger = get_logger("cometary.behaviours")

_OURS: Final = object()
"""What tells our monitors from those of a subclass."""


class _Subscribe(NamedTuple):
    """To the producer: this consumer asks for so many events, for the first time."""

    consumer: ActorRef[Any]
    demand: int
    life: int


class _Ask(NamedTuple):
    """To the producer: this consumer asks for more."""

    consumer: ActorRef[Any]
    demand: int


class _Unsubscribe(NamedTuple):
    """To the producer: this consumer asks for nothing any more."""

    consumer: ActorRef[Any]


class _Events(NamedTuple):
    """To the consumer: what it has asked for, or a part of it."""

    producer: ActorRef[Any]
    events: Sequence[Any]


class Producer(Actor):
    """Produces events for those who ask for them.

    Attributes:
        buffer: how many events may wait for demand, and what happens to more: with `refuse`, `emit` raises
            `MailboxFullError` and keeps none of them (with `block` likewise: it cannot wait); with `drop_oldest` and
            `drop_newest` some are lost, with a warning.
    """

    buffer: ClassVar[Bounded] = Bounded(10_000, "drop_oldest")

    def __init__(self) -> None:
        super().__init__()

    # A subclass need not call that constructor, as in any other actor.

    @cached_property
    def _demands(self) -> Demands:
        return Demands()

    @cached_property
    def _buffered(self) -> deque[Any]:
        return deque()

    def on_demand(self, demand: int) -> Iterable[Any] | Awaitable[Iterable[Any] | None] | None:
        """Return at most `demand` events for consumers who have just asked for so many; may be `async def`.

        By default none: events come by `emit` alone.
        """

    def on_message(self, message: Any) -> Any:
        """Handle a message that is not about demand, as `on_receive` does in other actors; may be `async def`."""
        drop_message(self.actor_ref, message)

    @property
    def demand(self) -> int:
        """How many events have been asked for, and not been sent."""
        return self._demands.total

    def emit(self, *events: Any) -> None:
        """Send events to those who have asked for some; the rest wait until somebody does.

        Raises:
            MailboxFullError: if more would wait than may, and the buffer's policy is `refuse`.
        """
        kept = len(self._buffered) + len(events) - self.demand
        policy, capacity = self.buffer.when_full, self.buffer.capacity
        if kept > capacity and policy not in ("drop_oldest", "drop_newest"):
            raise MailboxFullError(f"{self.actor_ref} has {capacity} events that nobody has asked for")
        self._buffered.extend(events)
        self._dispatch()
        lost = len(self._buffered) - capacity
        if lost > 0:
            for _ in range(lost):
                _ = self._buffered.popleft() if policy == "drop_oldest" else self._buffered.pop()
            text = f"{self.actor_ref} has dropped {lost} events that nobody has asked for"
            logger.warning("events dropped", text=text, dropped=lost, **self._cell.account())

    async def on_receive(self, message: Any) -> Any:
        """Take note of demand; whatever else there is goes to `on_message`."""
        kind = type(message)  # pyright: ignore[reportUnknownVariableType]
        if kind is _Subscribe:
            if message.life == message.consumer.actor_inbox.life:  # else it has ended, and been restarted
                self._demands.begin(message.consumer, message.life)
                self.monitor(message.consumer, _OURS)
                await self._asked(message.consumer, message.demand)
        elif kind is _Ask:
            if message.consumer in self._demands:
                await self._asked(message.consumer, message.demand)
        elif kind is _Unsubscribe:
            self._demands.end(message.consumer)
            self.demonitor(message.consumer, _OURS)
        elif kind is Down and message.tag is _OURS:
            self._demands.end(message.ref)
        else:
            return await _outcome(self.on_message(message))
        return None

    async def _asked(self, ref: ActorRef[Any], demand: int) -> None:
        self._demands.ask(ref, demand)
        new = demand - len(self._buffered)
        self._dispatch()
        if new > 0:
            events = await _outcome(self.on_demand(new))
            if events is not None:
                self.emit(*events)

    def _dispatch(self) -> None:
        while self._buffered and self._demands.total:
            consumer, number = self._demands.serve(len(self._buffered))
            events = [self._buffered.popleft() for _ in range(number)]
            consumer.ref.actor_inbox.post_for(consumer.life, _Events(self.actor_ref, events))


class _Subscription:
    """What a consumer knows of a producer."""

    __slots__ = ("cancel", "handled", "step")

    def __init__(self, step: int, cancel: Restart) -> None:
        self.step = step
        self.cancel: Restart = cancel
        self.handled = 0


class Consumer(Actor):
    """Handles events, as many as it has asked for."""

    def __init__(self) -> None:
        super().__init__()

    @cached_property
    def _producers(self) -> dict[ActorRef[Any], _Subscription]:
        return {}  # see Producer

    def on_events(self, events: Sequence[Any], producer: ActorRef[Any]) -> Any:
        """Handle some events, at least one; may be `async def`, which is where back-pressure comes from.

        A subclass has its own. If it raises, the consumer crashes, and these events are lost.
        """
        raise NotImplementedError(f"{class_name(type(self))} has no on_events")

    def on_message(self, message: Any) -> Any:
        """Handle a message that is not about events, as `on_receive` does in other actors; may be `async def`."""
        drop_message(self.actor_ref, message)

    def subscribe(
        self,
        producer: Whom,
        *,
        max_demand: int = 1000,
        min_demand: int | None = None,
        cancel: Restart = "permanent",
    ) -> None:
        """Ask `producer` for events, from now on; a restarted consumer asks anew, in its `on_start`.

        Args:
            producer: a `Producer`, by its reference or its name.
            max_demand: events that are outstanding at most.
            min_demand: outstanding events at which more are asked for; by default half of `max_demand`.
            cancel: whether this actor stops when the producer has ended: `permanent`, always; `transient`, if that was
                abnormal; `temporary`, never.

        Raises:
            ActorEndedError: if nobody has the name.
            UsageError: for another actor, or numbers that make no sense; the caller's fault.
        """
        least = max_demand // 2 if min_demand is None else min_demand
        if not 0 <= least < max_demand:
            raise UsageError(f"demand is between 0 and at least 1 more, not {least!r} and {max_demand!r}")
        if cancel not in RESTARTS:
            raise UsageError(f"cancel is one of {', '.join(RESTARTS)}, not {cancel!r}")
        ref = self._find(producer)
        if not issubclass(ref.actor_class, Producer):
            raise UsageError(f"{ref} is not a producer")
        if ref in self._producers:
            raise UsageError(f"{self.actor_ref} has subscribed to {ref} already")
        self._producers[ref] = _Subscription(max_demand - least, cancel)
        self.monitor(ref, _OURS)
        self._tell(ref, _Subscribe(self.actor_ref, max_demand, self._cell.life))

    def unsubscribe(self, producer: Whom) -> None:
        """Ask for no more; what is on its way is dropped. Harmless if it is not subscribed."""
        try:
            ref = self._find(producer)
        except ActorEndedError:
            return  # nobody has the name any more: the producer has ended, of which there is a `Down`
        if self._producers.pop(ref, None) is not None:
            self.demonitor(ref, _OURS, flush=True)
            self._tell(ref, _Unsubscribe(self.actor_ref))

    async def on_receive(self, message: Any) -> Any:
        """Handle events, and ask for more; whatever else there is goes to `on_message`."""
        kind = type(message)  # pyright: ignore[reportUnknownVariableType]
        if kind is _Events:
            await self._handle(message.producer, message.events)
        elif kind is Down and message.tag is _OURS:
            self._producer_ended(message)
        else:
            return await _outcome(self.on_message(message))
        return None

    async def _handle(self, producer: ActorRef[Any], events: Sequence[Any]) -> None:
        # In pieces, so that more is on its way while the rest is handled.
        while events and (subscription := self._producers.get(producer)) is not None:
            number = subscription.step - subscription.handled
            piece, events = events[:number], events[number:]
            await _outcome(self.on_events(piece, producer))
            subscription.handled += len(piece)
            if subscription.handled >= subscription.step and self._producers.get(producer) is subscription:
                self._tell(producer, _Ask(self.actor_ref, subscription.handled))
                subscription.handled = 0

    def _producer_ended(self, down: Down) -> None:
        subscription = self._producers.pop(down.ref, None)
        if subscription is not None and down.exit.matters(subscription.cancel):
            self.stop(down.exit.reason)

    def _tell(self, producer: ActorRef[Any], message: object) -> None:
        cell = producer.actor_inbox
        cell.post_for(cell.life, message)


async def _outcome(value: Any) -> Any:
    """Return `value`, or what it yields if it is a coroutine."""
    return await value if inspect.iscoroutine(value) else value
