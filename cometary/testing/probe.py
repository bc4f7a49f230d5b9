"""A probe: an actor that stands in for another one in a test, and tells what it was sent.

1.  Expectations are about the oldest message that has not been looked at; looking takes it away.
2.  Time is the loop's: on a `MockClock` that jumps, waiting for what does not come takes no time.
3.  It keeps so many messages and no more. Those that come then are dropped and counted, and the
    expectation that would have come to them fails.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Self, TypeVar, cast, overload

import trio

from cometary.actors import Actor, ActorRef, ActorSystem, Bounded, Down, Exit, Future, current_system
from cometary.actors.cell import Cell
from cometary.errors import UsageError
from cometary.testing.matching import describe, matches

M = TypeVar("M")

LIMIT: Final = 10_000
"""The most messages that a probe keeps."""

_SHOWN = 5


class Received(NamedTuple):
    """A message, and where its answer goes if one was asked for."""

    message: object
    reply: Future[Any] | None


class ProbeActor(Actor):
    """The actor behind a probe: hands it every message."""

    @classmethod
    def new_cell(cls, system: ActorSystem, mailbox: Bounded | None = None) -> Cell:
        """Make a cell whose reference is a probe."""
        cell = super().new_cell(system, mailbox)
        cell.ref = Probe(cls, cell)
        return cell

    def on_receive(self, message: Any) -> None:
        """Put it where the test looks for it."""
        asked = self.actor_inbox.replying is not None
        cast("Probe", self.actor_ref).take(Received(message, self.reply_later() if asked else None))


class Probe(ActorRef[ProbeActor]):
    """A reference to an actor that a test looks into; made by `Probe.start()`, used on the loop.

    Source: Akka's `TestProbe`.
    """

    def __init__(self, actor_class: type[ProbeActor], cell: Cell) -> None:
        super().__init__(actor_class, cell)
        self.name = "probe"
        self._received = deque[Received]()
        self._looked_at = deque[object](maxlen=_SHOWN + 1)
        self._current: Received | None = None
        self._dropped = 0
        self._news = trio.lowlevel.ParkingLot()

    @classmethod
    def start(cls, name: str = "probe") -> Self:
        """Start a probe in the current system.

        Args:
            name: what it is called in messages about failures.

        Raises:
            NoSystemError: if no actor system is running; the caller's fault.
        """
        ref, _ = current_system().launch(ProbeActor, (), {})
        probe = cast("Self", ref)
        probe.name = name
        return probe

    def take(self, received: Received) -> None:
        """Take what was sent; for the actor behind the probe."""
        if len(self._received) >= LIMIT:
            self._dropped += 1
        else:
            self._received.append(received)
        self._news.unpark_all()

    @property
    def waiting(self) -> Sequence[object]:
        """The messages that have come and that nobody has looked at, oldest first."""
        return [received.message for received in self._received]

    # -- expecting ------------------------------------------------------------------------

    @overload
    async def expect(self, wanted: type[M], *, within: float = 3.0) -> M: ...

    @overload
    async def expect(self, wanted: Callable[[Any], object], *, within: float = 3.0) -> Any: ...

    @overload
    async def expect(self, wanted: M, *, within: float = 3.0) -> M: ...

    async def expect(self, wanted: object, *, within: float = 3.0) -> Any:
        """Take the next message, which must be what is wanted.

        Args:
            wanted: the message; its class; or a function that returns whether a message will do.
            within: seconds in which it must have come.

        Returns:
            The message.

        Raises:
            AssertionError: if none comes in time or another one comes; says which.
        """
        __tracebackhide__ = True
        received = await self._next(within)
        if received is None:
            raise self._nothing_came(wanted, within)
        if not matches(wanted, received.message):
            raise self._came_instead(f"expected {describe(wanted)}", received)
        return received.message

    @overload
    async def skip_to(self, wanted: type[M], *, within: float = 3.0) -> M: ...

    @overload
    async def skip_to(self, wanted: Callable[[Any], object], *, within: float = 3.0) -> Any: ...

    @overload
    async def skip_to(self, wanted: M, *, within: float = 3.0) -> M: ...

    async def skip_to(self, wanted: object, *, within: float = 3.0) -> Any:
        """Take messages until one is what is wanted, and return that one; see `expect`.

        Args:
            wanted: as for `expect`.
            within: seconds for all of it.

        Raises:
            AssertionError: if none comes in time.
        """
        __tracebackhide__ = True
        deadline = trio.current_time() + within
        while (received := await self._next(deadline - trio.current_time())) is not None:
            if matches(wanted, received.message):
                return received.message
        raise self._nothing_came(wanted, within)

    async def expect_nothing(self, *, for_: float = 1.0) -> None:
        """Wait `for_` seconds, in which no message may come, nor may one be waiting.

        Raises:
            AssertionError: if one comes; says which.
        """
        __tracebackhide__ = True
        since = trio.current_time()
        received = await self._next(for_)
        if received is not None:
            elapsed = trio.current_time() - since
            raise self._came_instead(f"expected nothing for {for_:g} s", received, f" after {elapsed:g} s")

    # -- deaths ---------------------------------------------------------------------------

    def watch(self, ref: ActorRef[Any]) -> None:
        """Have the probe told when `ref` ends, by a `Down`: expect it with `expect_down`."""
        self._living().monitor(ref)

    def unwatch(self, ref: ActorRef[Any]) -> None:
        """Do not have it told any more."""
        self._living().demonitor(ref)

    async def expect_down(
        self, ref: ActorRef[Any], *, reason: str | None = None, within: float = 3.0
    ) -> Exit:
        """Take the next message, which must say that an actor has ended that the probe watches.

        Args:
            ref: which actor.
            reason: why it must have ended (`Exit.reason`), if that matters.
            within: seconds in which it must have ended.

        Returns:
            How it ended.

        Raises:
            AssertionError: if it does not end in time, another message comes, or the reason is another one.
        """
        __tracebackhide__ = True
        received = await self._next(within)
        wanted = f"the end of {ref}" + ("" if reason is None else f" ({reason})")
        if received is None:
            raise self._failed(f"expected {wanted} within {within:g} s, but nothing came")
        down = received.message
        if not isinstance(down, Down) or down.ref is not ref or reason not in (None, down.exit.reason):
            raise self._came_instead(f"expected {wanted}", received)
        return down.exit

    # -- answering ------------------------------------------------------------------------

    def reply(self, value: object = None, *, error: BaseException | None = None) -> None:
        """Answer the message that was expected last.

        Args:
            value: what the `ask` returns.
            error: what it raises instead.

        Raises:
            UsageError: if nobody waits for an answer to it; the test's fault.
        """
        current, self._current = self._current, None
        if current is None or current.reply is None:
            what = "anything" if current is None else repr(current.message)
            raise UsageError(f"{self.name} cannot reply: nobody waits for an answer to {what}")
        current.reply.offer(value, error=error)

    # -------------------------------------------------------------------------------------

    async def _next(self, within: float) -> Received | None:
        with trio.move_on_after(max(within, 0.0)):
            await trio.lowlevel.checkpoint()
            while not self._received:
                if self._dropped:
                    raise self._failed(f"was sent {self._dropped} messages more than it keeps ({LIMIT})")
                await self._news.park()
        if not self._received:  # it may have come in the very round in which the time was up
            return None
        self._current = received = self._received.popleft()
        self._looked_at.append(received.message)
        return received

    def _living(self) -> ProbeActor:
        actor = self.actor_inbox.actor
        if actor is None:
            raise self.actor_inbox.dead()
        return cast("ProbeActor", actor)

    def _nothing_came(self, wanted: object, within: float) -> AssertionError:
        ended = "" if self.is_alive() else ", as the probe itself has ended"
        return self._failed(f"expected {describe(wanted)} within {within:g} s, but nothing came{ended}")

    def _came_instead(self, expected: str, received: Received, when: str = "") -> AssertionError:
        self._looked_at.pop()  # it is told here
        return self._failed(f"{expected}, but got {received.message!r}{when}")

    def _failed(self, what: str) -> AssertionError:
        lines = [f"{self.name} {what}"]
        if self._looked_at:
            lines.append(f"  before that: {', '.join(map(repr, list(self._looked_at)[-_SHOWN:]))}")
        if self._received:
            shown = ", ".join(map(repr, self.waiting[:_SHOWN]))
            more = f" and {len(self._received) - _SHOWN} more" if len(self._received) > _SHOWN else ""
            lines.append(f"  still waiting: {shown}{more}")
        return AssertionError("\n".join(lines))

    def __str__(self) -> str:
        return f"{self.name} ({self.actor_urn})"
