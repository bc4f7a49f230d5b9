"""What the checker is worth: sessions with one rule broken are found out, with the shortest way to the harm."""

from __future__ import annotations

import re

import pytest

from cometary.testing import check_model
from tests.sessions.checker.actor_breaks import ACTOR_BREAKS
from tests.sessions.checker.breaks import Break
from tests.sessions.checker.machine_breaks import MACHINE_BREAKS
from tests.sessions.checker.model import SessionModel
from tests.sessions.checker.policy_breaks import POLICY_BREAKS
from tests.sessions.checker.scopes import SCOPES, STATES, USUAL
from tests.sessions.checker.stream_breaks import STREAM_BREAKS

BREAKS = MACHINE_BREAKS + STREAM_BREAKS + POLICY_BREAKS + ACTOR_BREAKS
DEFECTIVE = re.compile("NameError|AttributeError|TypeError")


@pytest.mark.parametrize("mutant", BREAKS, ids=lambda mutant: mutant.rule)
def test_a_broken_rule_is_found_out(mutant: Break) -> None:
    model = SessionModel(SCOPES[mutant.scope], mutant.parts())
    exploration = check_model(model, goals=model.goals, max_states=STATES.get(mutant.scope, USUAL))
    assert exploration.counterexample is not None
    assert not DEFECTIVE.match(exploration.counterexample.problem), (
        exploration
    )  # it has to run to break a promise


def test_a_counterexample_is_told_in_words() -> None:
    [mutant] = [one for one in BREAKS if one.rule == "hand a repeated request's packets over again"]
    model = SessionModel(SCOPES["plain"], mutant.parts())
    assert str(check_model(model).counterexample).splitlines() == [
        "  1. the client asks: request 2, 1 packet",
        "  2. request 2 arrives",
        "  3. request 2 is lost",
        "  4. the client asks again: request 2",
        "  5. request 2 arrives",
        "  => the application gets packet 1 after 1",
    ]
