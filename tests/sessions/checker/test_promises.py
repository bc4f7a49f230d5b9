"""Whatever a network, a client's timing, handlers and crashes do, within these bounds a session keeps its promises.

Each surrounding is explored breadth first, every state and every move: some of them completely, the others as far as
a test may take. To go further: `python -m tests.sessions.checker --states 1000000`.
"""

from __future__ import annotations

import re

import pytest

from tests.sessions.checker.__main__ import main
from tests.sessions.checker.exploring import explored
from tests.sessions.checker.model import MOVES
from tests.sessions.checker.scopes import COMPLETE, SCOPES, STATES, USUAL


@pytest.mark.parametrize("name", SCOPES)
def test_no_promise_can_be_broken(name: str) -> None:
    exploration = explored(name).exploration
    assert exploration.counterexample is None, exploration
    if name in COMPLETE:
        assert exploration.complete
        assert exploration.states == COMPLETE[name]
    else:
        assert exploration.states >= STATES.get(name, USUAL)
        assert exploration.transitions > 2 * exploration.states


def test_every_kind_of_move_is_made() -> None:
    assert set().union(*[explored(name).kinds for name in SCOPES]) == MOVES


def test_the_command_explores_what_it_is_told_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--states", "50", "plain", "given up"]) == 0
    assert re.findall(
        r"^(\w[\w ]+): 5\d states \(not all there are\)", capsys.readouterr().out, re.MULTILINE
    ) == [
        "plain",
        "given up",
    ]


def test_the_command_knows_its_surroundings(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["plane"])
    assert "there are no such surroundings: plane" in capsys.readouterr().err
