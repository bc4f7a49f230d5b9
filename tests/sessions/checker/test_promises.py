"""Whatever a network, a client's timing, handlers and crashes do, within these bounds a session keeps its promises.

Each surrounding is explored breadth first, every state and every move: some of them completely, the others as far as
a test may take. To go further: `python -m tests.sessions.checker --states 1000000`.

The same explorations show that all of the table happens within these bounds, and where: no row of it can be changed
without harm. All that asks about them is in one file, so that one process makes each of them once.
"""

from __future__ import annotations

import re
from functools import cache

import pytest

from cometary.testing import check_model
from tests.sessions.checker.__main__ import main
from tests.sessions.checker.exploring import CountingModel, declared_ways, explored, scopes_by_way
from tests.sessions.checker.model import MOVES, SessionModel
from tests.sessions.checker.scopes import COMPLETE, SCOPES, STATES, USUAL
from tests.sessions.checker.table_breaks import TableBreak, table_breaks

NEVER_HAPPENS = {
    # While a request is held nothing is unsent, so after an answer nothing is left behind.
    ("have_request", "Request", "have_packet"),
    ("have_request", "Ready", "have_packet"),
    # These clients acknowledge only what they have.
    ("have_request", "Heard", "waiting"),
    # A stream's turn may come when the next one is attached and has caught up: further away than the tests go.
    ("have_request", "Writable", "stays"),
}
"""What the table declares and this model cannot reach, and why."""

HARMLESS = {
    # An answer too small for all that waits leaves `waiting` as well as `have_packet`: the client is behind
    # already, so its next request is answered at once in either.
    "waiting, Request: have_packet -> stays",
    "waiting, Ready: have_packet -> stays",
    # That a stream takes no more is known already: it was to wait for its turn.
    "have_packet, Full: ignored",
}
"""Changes of the table that break no promise, and why."""

NEAR = 120
"""How many states to look at first: most changes do harm soon after they take effect."""


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


def test_all_that_the_table_declares_happens() -> None:
    assert declared_ways() - set(scopes_by_way()) == NEVER_HAPPENS


def test_every_change_of_the_table_is_found_out() -> None:
    changes = list(table_breaks(scopes_by_way()))
    assert len(changes) > 100
    assert {str(change) for change in changes if not is_found_out(change)} == HARMLESS


def is_found_out(change: TableBreak) -> bool:
    """Look in the surroundings in which what is changed happens: near by in all of them, then further."""
    made: dict[str, int] = {}
    for way, scopes in scopes_by_way().items():
        if (
            way.state == change.state
            and change.event in (way.event, "enter")
            and change.leads in ("", way.leads)
        ):
            for scope in scopes:
                made[scope] = min(made.get(scope, 1 << 30), explored(scope).taken[way])
    earliest = sorted(made, key=made.__getitem__)
    near_by = [scope for scope in earliest if made[scope] <= moves_near_by(scope)]
    return any(does_harm(change, scope, NEAR) for scope in near_by) or any(
        does_harm(change, scope, STATES.get(scope, USUAL)) for scope in earliest
    )


@cache
def moves_near_by(scope: str) -> int:
    """How many moves are made near by: what is changed in a later one cannot be seen there."""
    model = CountingModel(SCOPES[scope])
    check_model(model, max_states=NEAR)
    return model.made


def does_harm(change: TableBreak, scope: str, states: int) -> bool:
    model = SessionModel(SCOPES[scope], change.parts())
    exploration = check_model(model, goals=model.goals, max_states=states)
    return exploration.counterexample is not None


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
