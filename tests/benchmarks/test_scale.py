"""The model of scale does its sums right, and what is drawn is what it says."""

from __future__ import annotations

import pytest

from benchmarks.scale.model import Constants, Workload, echo_cost, need, update_cost
from benchmarks.scale.plots import SESSIONS, data
from benchmarks.scale.workloads import WORKLOADS

CONSTANTS = Constants(
    request=100,
    forward=60,
    delivery=50,
    update=10,
    link=20,
    change=30,
    engine_change=40,
    changes=2,
    renewal=1,
    change_bytes=500,
    record_bytes=1000,
)


def test_an_echo_costs_what_its_request_its_forwarding_and_its_changes_do() -> None:
    assert echo_cost(CONSTANTS, 1, recorded=False) == (100, 0)
    assert echo_cost(CONSTANTS, 3, recorded=True) == (100 + 40 + 60, 80)
    assert update_cost(CONSTANTS, 3) == 100 + 40 + 10 + 40


def test_a_cluster_needs_what_all_that_its_sessions_do_costs() -> None:
    workload = Workload("chat", packets=1, sends=1, updates=1, audience=2, recorded=0.5)
    it = need(CONSTANTS, workload, 1_000, 2)
    answered, deliveries, changes = 4_000, 3_000, 1_500
    assert it.forwarding == pytest.approx(answered / 2 * 60e-6)
    assert it.links == pytest.approx(1_000 * 20e-6)
    own = 1_000 * 100e-6 + deliveries * 50e-6 + 1_000 * 10e-6 + changes * 30e-6
    assert it.node_cores == pytest.approx(own + it.forwarding + it.links)
    renewals = 2 * 3 / 5
    assert it.engine_calls == pytest.approx(changes + renewals)
    assert it.engine_cores == pytest.approx(changes * 40e-6 + renewals * 2 * 1e-6)
    assert (it.engine_bytes, it.engine_memory, it.shards) == (changes * 500, 500 * 1_000, 1)


def test_sessions_to_which_nothing_comes_ask_again_and_again() -> None:
    it = need(CONSTANTS, Workload("idle", recorded=0), 55_000, 1)
    assert it.node_cores == pytest.approx(1_000 * 50e-6)
    assert it.engine_memory == 0


def test_one_server_is_not_enough_for_an_engine_that_is_busier_than_a_core_may_be() -> None:
    assert need(CONSTANTS, Workload("busy", sends=1), 17_000, 1).shards == 1
    assert need(CONSTANTS, Workload("busy", sends=1), 18_000, 1).shards == 2


def test_what_is_drawn_is_what_the_model_says() -> None:
    drawn = data(CONSTANTS)
    assert drawn["prefix"] == "scale"
    nodes, engine, links = drawn["questions"]
    chat = next(each for each in WORKLOADS if each.name.startswith("chat"))
    last = nodes["curves"]["chat"][-1]
    assert last == {"x": SESSIONS[-1], "rounds": [need(CONSTANTS, chat, SESSIONS[-1], 100).node_cores]}
    assert engine["limit"] == 0.7
    assert "notices" not in links["curves"], "nothing is published there"
