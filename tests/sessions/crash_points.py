"""Every point at which something can crash in the life of a session, and a crash at the one that is chosen.

1.  Points are counted as they are reached: before and behind each message that the actor of a session handles
    and each action that it carries out, and wherever the script's handlers say so, that is at their
    beginnings and ends, before and behind each `await` and each packet that they send. Of a short step, which has no
    actions, behind each answer.
2.  At a point within a turn something raises. Between two messages the actor is crashed from outside.
3.  A life without a crash counts the points; then there is one life for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from cometary.sessions import Packet, SessionMachine
from cometary.sessions.actor import SessionActor
from tests.sessions.bench import Asked


class InjectedError(Exception):
    """The crash."""


class Points:
    """Counts the points.

    Args:
        crash_at: the number of the one at which something crashes; -1 for none.
        short_steps: whether sessions make these, as in production; else their tables say all that they do.
    """

    def __init__(self, crash_at: int = -1, *, short_steps: bool = True) -> None:
        self._crash_at = crash_at
        self._short_steps = short_steps
        self.names: list[str] = []
        """What was reached, in order."""

    def reach(self, name: str) -> None:
        """Reach a point, and crash if it is the one."""
        self.names.append(name)
        if len(self.names) - 1 == self._crash_at:
            raise InjectedError(name)

    @contextmanager
    def watching(self) -> Generator[None]:
        """Have the actors of sessions reach points until the end of the block."""
        start, step, receive = SessionMachine.start, SessionMachine.step, SessionActor.on_receive
        answer = Asked.answer

        def watched_start(machine: SessionMachine) -> Sequence[Any]:
            return WatchedActions(start(machine), self.reach)

        def watched_step(machine: SessionMachine, event: object) -> Sequence[Any]:
            return WatchedActions(step(machine, event), self.reach)

        def watched_receive(actor: SessionActor, message: Any) -> None:
            self._between_messages(actor, f"before {type(message).__name__}")
            receive(actor, message)
            self._between_messages(actor, f"behind {type(message).__name__}")

        def watched_answer(request: Asked, first_seq: int, packets: Sequence[Packet]) -> None:
            answer(request, first_seq, packets)
            self.reach("behind an answer")

        with ExitStack() as stack:
            stack.enter_context(patch.object(SessionMachine, "start", watched_start))
            stack.enter_context(patch.object(SessionMachine, "step", watched_step))
            stack.enter_context(patch.object(SessionActor, "on_receive", watched_receive))
            stack.enter_context(patch("cometary.sessions.actor.ShortSteps", no_shortcut))  # all come there
            if self._short_steps:
                stack.enter_context(patch.object(Asked, "answer", watched_answer))
            else:
                stack.enter_context(without_short_steps())
            yield

    def _between_messages(self, actor: SessionActor, name: str) -> None:
        try:
            self.reach(name)
        except InjectedError as error:
            actor.actor_inbox.fail(error, None)  # it takes effect at the end of the turn


@contextmanager
def without_short_steps() -> Generator[None]:
    """Leave all to the machine's table until the end of the block."""
    with (
        patch("cometary.sessions.actor.receive", makes_none),
        patch("cometary.sessions.actor.meet", makes_none),
        patch("cometary.sessions.actor.ShortSteps", no_shortcut),
    ):
        yield


def no_shortcut(*_: object) -> None:
    """Have the actor itself handle all messages."""


def makes_none(*_: object) -> bool:
    """Make no short step."""
    return False


class WatchedActions(Sequence[Any]):
    """Actions between which there are points.

    Args:
        actions: the actions.
        reach: told of the points.
    """

    def __init__(self, actions: Sequence[Any], reach: Callable[[str], None]) -> None:
        self._actions = actions
        self._reach = reach

    def __len__(self) -> int:
        return len(self._actions)

    def __getitem__(self, place: Any) -> Any:
        return self._actions[place]

    def __iter__(self) -> Iterator[Any]:
        name = "the machine's step"
        for action in self._actions:
            self._reach(f"behind {name}")
            name = type(action).__name__
            yield action
        self._reach(f"behind {name}")
