"""Sessions in a cluster keep their promises in small surroundings; and each rule of theirs is needed for that."""

from __future__ import annotations

import re

import pytest

from cometary.testing import check_model
from tests.cluster.checker.breaks import BREAKS, Break
from tests.cluster.checker.model import ClusterModel
from tests.cluster.checker.scopes import SMALL

DEFECTIVE = re.compile("NameError|AttributeError|TypeError|IndexError")


@pytest.mark.parametrize("name", SMALL)
def test_every_way_through_a_small_surrounding_keeps_the_promises(name: str) -> None:
    model = ClusterModel(SMALL[name])
    exploration = check_model(model, goals=model.goals)
    assert exploration.counterexample is None, exploration
    assert exploration.complete


@pytest.mark.parametrize("mutant", BREAKS, ids=lambda mutant: mutant.rule)
def test_a_broken_rule_is_found_out(mutant: Break) -> None:
    model = ClusterModel(mutant.scope, mutant.parts())
    found = check_model(model, goals=model.goals, max_states=10_000).counterexample
    assert found is not None
    assert not DEFECTIVE.match(found.problem), found  # it has to run to break a promise
    assert re.search(mutant.harm, found.problem), found


def test_what_a_broken_rule_does_is_harmless_where_nothing_fails() -> None:
    [mutant] = [each for each in BREAKS if each.rule == "R3: a call that had begun is made again"]
    model = ClusterModel(SMALL["a packet, a drain"], mutant.parts())
    assert check_model(model, goals=model.goals).counterexample is None
