"""A model checker: it explores every state that something stepped from outside can reach.

1.  It visits every state that a model can reach, breadth first, and every move in each of them. So the
    first counterexample it meets is a shortest one.
2.  A state is any hashable value. Of those visited only the hash is kept (64 bits: with a million states
    the chance that two of them share one is about one in forty million), so memory is small.
3.  What a model promises it checks itself, by raising: at whichever state or move that happens, the
    exploration ends with the way there.
4.  A `Goal` is a promise about the future: from every state, some way leads there by the moves that
    the goal allows. It is judged when all states are known. States that were found but not expanded
    because a bound was reached are given the benefit of the doubt, and `complete` is False then.

Pure: no clock, no socket. Source: Holzmann, "The SPIN Model Checker" (hash compaction); Clarke, Emerson,
Sistla 1986 (the goals are CTL's AG EF).
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from cometary.testing.models import Counterexample, Exploration, Goal, Model

S = TypeVar("S", bound=Hashable)
M = TypeVar("M")


def check_model(
    model: Model[S, M],
    *,
    goals: Sequence[Goal[S, M]] = (),
    max_depth: int | None = None,
    max_states: int = 1_000_000,
) -> Exploration[M]:
    """Visit every state of `model`, breadth first, until there is trouble or nothing is left.

    Args:
        model: what to explore. If it has a method `tell(moves)` that returns a sequence of sentences,
            a counterexample is told in these.
        goals: what must stay reachable from everywhere.
        max_depth: how many moves from the initial state to go at most; without it, as far as there is.
        max_states: when there are as many states, no more are expanded.

    Returns:
        Counts, and the shortest counterexample if there is one. Nothing is raised for trouble in the model.
    """
    search = _Search(model, goals)
    search.run(max_depth, max_states)
    return search.outcome()


class _Search(Generic[S, M]):
    """One exploration under way: the graph as it grows, states by number in order of discovery."""

    def __init__(self, model: Model[S, M], goals: Sequence[Goal[S, M]]) -> None:
        self._model = model
        self._goals = goals
        self._numbers: dict[int, int] = {}
        self._parents = array("l")
        self._made: list[M | None] = []
        self._sources = array("l")
        self._targets = array("l")
        self._allowed = [bytearray() for _ in goals]
        self._reached = [bytearray() for _ in goals]
        self._unexpanded: list[int] = []
        self._depth = 0
        self._trouble: tuple[int, tuple[M, ...], str] | None = None

    def run(self, max_depth: int | None, max_states: int) -> None:
        """Search layer by layer."""
        try:
            state = self._model.initial()
        except Exception as error:  # noqa: BLE001 - whatever a model raises is trouble
            self._trouble = (-1, (), _words(error))
            return
        layer = deque([(self._discover(hash(state), state, -1, None), state)])
        while layer and self._depth != max_depth and len(self._parents) < max_states:
            layer = self._expand(layer, max_states)
            self._depth += bool(layer) and not self._unexpanded
        self._unexpanded += [number for number, _ in layer]
        if self._trouble is None:
            self._judge_goals()

    def _expand(self, layer: deque[tuple[int, S]], max_states: int) -> deque[tuple[int, S]]:
        """Make every move in the states of `layer`, which is used up; returns the states that are new."""
        found: deque[tuple[int, S]] = deque()
        model, numbers = self._model, self._numbers
        while layer and len(numbers) < max_states:
            source, state = layer.popleft()
            for move in model.moves(state):
                try:
                    after = model.after(state, move)
                except Exception as error:  # noqa: BLE001 - the same
                    self._trouble = (source, (move,), _words(error))
                    return deque()
                key = hash(after)
                target = numbers.get(key, -1)
                if target < 0:
                    target = self._discover(key, after, source, move)
                    found.append((target, after))
                self._connect(source, target, move)
        self._unexpanded += [number for number, _ in layer]
        return found

    def _discover(self, key: int, state: S, parent: int, move: M | None) -> int:
        number = self._numbers[key] = len(self._parents)
        self._parents.append(parent)
        self._made.append(move)
        for goal, reached in zip(self._goals, self._reached, strict=True):
            reached.append(goal.reached(state))
        return number

    def _connect(self, source: int, target: int, move: M) -> None:
        self._sources.append(source)
        self._targets.append(target)
        for goal, allowed in zip(self._goals, self._allowed, strict=True):
            allowed.append(goal.by is None or goal.by(move))

    # -- goals ------------------------------------------------------------------------------

    def _judge_goals(self) -> None:
        for goal, reached, allowed in zip(self._goals, self._reached, self._allowed, strict=True):
            stuck = self._first_unable(reached, allowed)
            if stuck is not None:
                self._trouble = (stuck, (), f"from here there is no way to: {goal.name}")
                return

    def _first_unable(self, reached: bytearray, allowed: bytearray) -> int | None:
        """Return the first state found from which nothing that was reached can be reached."""
        origins: list[list[int]] = [[] for _ in self._parents]
        for source, target, may in zip(self._sources, self._targets, allowed, strict=True):
            if may:
                origins[target].append(source)
        able = bytearray(reached)
        for number in self._unexpanded:
            able[number] = 1
        waiting = [number for number, yes in enumerate(able) if yes]
        while waiting:
            for source in origins[waiting.pop()]:
                if not able[source]:
                    able[source] = 1
                    waiting.append(source)
        first = able.find(0)
        return None if first < 0 else first

    # -- the report -------------------------------------------------------------------------

    def outcome(self) -> Exploration[M]:
        """Return what there is to say."""
        counterexample = None
        if self._trouble is not None:
            number, last, problem = self._trouble
            moves = (*self._way_to(number), *last)
            counterexample = Counterexample(moves, problem, self._told(moves))
        complete = counterexample is None and not self._unexpanded
        return Exploration(len(self._parents), len(self._sources), self._depth, complete, counterexample)

    def _way_to(self, number: int) -> list[M]:
        way: list[M] = []
        while number > 0:
            move = self._made[number]
            assert move is not None  # noqa: S101 - only the initial state was not reached by a move
            way.append(move)
            number = self._parents[number]
        return way[::-1]

    def _told(self, moves: tuple[M, ...]) -> tuple[str, ...]:
        tell: Callable[[tuple[M, ...]], Sequence[str]] | None = getattr(self._model, "tell", None)
        return tuple([str(move) for move in moves] if tell is None else tell(moves))


def _words(error: Exception) -> str:
    text = str(error).partition("\n")[0]  # pytest puts the values that were compared behind it
    return text if isinstance(error, AssertionError) and text else repr(error)
