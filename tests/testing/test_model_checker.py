"""The model checker: every state once, shortest counterexamples, goals, bounds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from cometary.testing import Goal, check_model

Jugs = tuple[int, int]
MOVES = ("fill the small", "fill the large", "empty the small", "empty the large", "pour over", "pour back")


class TwoJugs:
    """One jug of three litres and one of five: a model of 16 states."""

    def __init__(self, never: int = 9, moves: Sequence[str] = MOVES) -> None:
        self.never = never
        self.enabled = moves

    def initial(self) -> Jugs:
        return (0, 0)

    def moves(self, state: Jugs) -> Iterable[str]:
        return self.enabled

    def after(self, state: Jugs, move: str) -> Jugs:
        small, large = state
        after = {
            "fill the small": (3, large),
            "fill the large": (small, 5),
            "empty the small": (0, large),
            "empty the large": (small, 0),
            "pour over": (max(0, small + large - 5), min(5, small + large)),
            "pour back": (min(3, small + large), max(0, small + large - 3)),
        }[move]
        assert self.never not in after, f"there are {self.never} litres in a jug"
        return after


class ToldJugs(TwoJugs):
    def tell(self, moves: Sequence[str]) -> list[str]:
        return [move.upper() for move in moves]


def test_all_states_are_visited_once_and_every_move_is_made() -> None:
    exploration = check_model(TwoJugs())
    assert (exploration.states, exploration.transitions, exploration.complete) == (16, 96, True)
    assert exploration.counterexample is None
    assert str(exploration) == f"16 states (all there are), 96 transitions, depth {exploration.depth}"


def test_a_counterexample_is_the_shortest_there_is() -> None:
    exploration = check_model(TwoJugs(never=4))
    assert exploration.counterexample is not None
    assert len(exploration.counterexample.moves) == 6
    assert not exploration.complete
    assert str(exploration.counterexample).splitlines() == [
        "  1. fill the large",
        "  2. pour back",
        "  3. empty the small",
        "  4. pour back",
        "  5. fill the large",
        "  6. pour back",
        "  => there are 4 litres in a jug",
    ]


def test_a_model_may_tell_its_counterexamples() -> None:
    counterexample = check_model(ToldJugs(never=5)).counterexample
    assert counterexample is not None
    assert counterexample.told == ("FILL THE LARGE",)


def test_whatever_a_model_raises_is_trouble() -> None:
    class Failing(TwoJugs):
        def after(self, state: Jugs, move: str) -> Jugs:
            raise KeyError(move)

    counterexample = check_model(Failing()).counterexample
    assert counterexample is not None
    assert counterexample.problem == "KeyError('fill the small')"


def test_trouble_may_be_there_from_the_beginning() -> None:
    class Failing(TwoJugs):
        def initial(self) -> Jugs:
            raise AssertionError("no jugs")

    exploration = check_model(Failing())
    assert exploration.counterexample is not None
    assert (exploration.counterexample.moves, exploration.counterexample.problem) == ((), "no jugs")
    assert exploration.states == 0


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_it_goes_no_deeper_than_it_may(depth: int) -> None:
    exploration = check_model(TwoJugs(), max_depth=depth)
    assert exploration.depth == depth
    assert not exploration.complete


def test_it_expands_no_more_once_it_has_so_many_states() -> None:
    exploration = check_model(TwoJugs(), max_states=5)
    assert 5 <= exploration.states < 16
    assert not exploration.complete


def test_the_depth_it_states_is_that_to_which_every_way_was_gone() -> None:
    by_depth = [check_model(TwoJugs(), max_depth=depth).states for depth in range(8)]
    for max_states in range(1, 20):
        exploration = check_model(TwoJugs(), max_states=max_states)
        assert exploration.states >= by_depth[exploration.depth]
        assert exploration.complete == (exploration.states == 16 and exploration.transitions == 96)


def test_an_exploration_that_is_not_complete_says_so() -> None:
    exploration = check_model(TwoJugs(), max_states=5)
    assert "not all there are" in str(exploration)


# -- goals -----------------------------------------------------------------------------------------


EMPTY = Goal[Jugs, str]("both jugs are empty", lambda state: state == (0, 0))


def test_a_goal_that_can_be_reached_from_everywhere_is_no_trouble() -> None:
    assert check_model(TwoJugs(), goals=[EMPTY]).counterexample is None


def test_a_goal_that_is_out_of_reach_is_trouble_where_it_first_is() -> None:
    model = TwoJugs(moves=MOVES[:2])
    counterexample = check_model(model, goals=[EMPTY]).counterexample
    assert counterexample is not None
    assert counterexample.moves == ("fill the small",)
    assert counterexample.problem == "from here there is no way to: both jugs are empty"


def test_a_goal_is_reached_by_the_moves_that_it_allows() -> None:
    by_pouring = Goal[Jugs, str](
        "empty, by pouring", lambda state: state == (0, 0), lambda move: "pour" in move
    )
    by_emptying = Goal[Jugs, str]("empty", lambda state: state == (0, 0), lambda move: "empty" in move)
    assert check_model(TwoJugs(), goals=[by_emptying]).counterexample is None
    assert check_model(TwoJugs(), goals=[by_emptying, by_pouring]).counterexample is not None


def test_what_was_not_expanded_gets_the_benefit_of_the_doubt() -> None:
    model = TwoJugs(moves=MOVES[:2])
    assert check_model(model, goals=[EMPTY], max_depth=1).counterexample is None
