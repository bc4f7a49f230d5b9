"""The table, row by row: all of it happens within the bounds of the tests, and no row can be changed without harm."""

from __future__ import annotations

from cometary.testing import check_model
from tests.sessions.checker.exploring import declared_ways, explored, scopes_by_way
from tests.sessions.checker.model import SessionModel
from tests.sessions.checker.scopes import SCOPES, STATES, USUAL
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
    return any(does_harm(change, scope, NEAR) for scope in earliest) or any(
        does_harm(change, scope, STATES.get(scope, USUAL)) for scope in earliest
    )


def does_harm(change: TableBreak, scope: str, states: int) -> bool:
    model = SessionModel(SCOPES[scope], change.parts())
    exploration = check_model(model, goals=model.goals, max_states=states)
    return exploration.counterexample is not None
