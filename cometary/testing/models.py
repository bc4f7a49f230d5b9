"""What a model checker explores, what it looks for, and what it reports."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

S = TypeVar("S", bound=Hashable)
M = TypeVar("M")


class Model(Protocol[S, M]):
    """What can be explored. Its states are values: a move makes a new one and leaves the old alone."""

    def initial(self) -> S:
        """Return the state to begin in."""
        ...

    def moves(self, state: S, /) -> Iterable[M]:
        """Return what may happen next in `state`."""
        ...

    def after(self, state: S, move: M, /) -> S:
        """Return the state after `move`.

        Raises:
            Exception: a promise is broken, by the move or in the state it leads to.
        """
        ...


@dataclass(frozen=True)
class Goal(Generic[S, M]):
    """From every state there must be a way to one in which `reached` is true.

    Args:
        name: what is reached, for the report.
        reached: whether a state is such a one.
        by: whether a move may be part of the way; without it every move may.
    """

    name: str
    reached: Callable[[S], bool]
    by: Callable[[M], bool] | None = None


@dataclass(frozen=True)
class Counterexample(Generic[M]):
    """A shortest way to trouble.

    Attributes:
        moves: from the initial state.
        problem: what is wrong after the last of them, or in it.
        told: the moves in words, if the model can tell them.
    """

    moves: tuple[M, ...]
    problem: str
    told: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{number:3}. {move}" for number, move in enumerate(self.told, 1)]
        return "\n".join([*lines, f"  => {self.problem}"])


@dataclass(frozen=True)
class Exploration(Generic[M]):
    """What an exploration has come to.

    Attributes:
        states: how many different states it has met.
        transitions: how many moves it has made.
        depth: every way of at most so many moves was gone. If `complete`, so was every other: then it is the
            most moves that a state is away from the initial one.
        complete: whether every move of every state was made.
        counterexample: the trouble, if there is any.
    """

    states: int
    transitions: int
    depth: int
    complete: bool
    counterexample: Counterexample[M] | None

    def __str__(self) -> str:
        extent = "all there are" if self.complete else "not all there are"
        counted = f"{self.states:,} states ({extent}), {self.transitions:,} transitions, depth {self.depth}"
        return counted if self.counterexample is None else f"{counted}\n{self.counterexample}"
