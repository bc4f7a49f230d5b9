from __future__ import annotations

from typing import Any

import pytest

from benchmarks.harness.server import Mode
from benchmarks.harness.servers import (
    ERLANG,
    INTERPRETED,
    SOCKETIO_NODE,
    SOCKETIO_NODE_WEBSOCKET,
    SOCKETIO_WEBSOCKET,
    SUBJECT,
    WEBSOCKET,
)
from benchmarks.harness.summary import Summary
from benchmarks.harness.swarm import Measurement

CLEAN: dict[str, Any] = {
    "n": 10,
    "ready": 10,
    "errors": 0,
    "lost": 0,
    "duplicated": 0,
    "out_of_order": 0,
    "misrouted": 0,
    "stalled": False,
    "seconds": 2.0,
    "other_cpu_s": 0.0,
    "server_cpu_us_per_delivery": 10.0,
    "server_cores": 0.5,
    "rss_kb_per_session": 5.0,
}


def made(
    server: str, mode: Mode = Mode.ECHO, number: int = 1, sessions: int = 10, **report: Any
) -> Measurement:
    return Measurement(server, mode, sessions, number, {**CLEAN, **report})


def costing(server: str, *us: float, mode: Mode = Mode.ECHO) -> list[Measurement]:
    return [made(server, mode, number, server_cpu_us_per_delivery=each) for number, each in enumerate(us, 1)]


def test_the_cpu_time_is_the_median_with_its_range() -> None:
    spread = Summary(costing(SUBJECT, 30.0, 10.0, 20.0), 10).cpu_us(SUBJECT, Mode.ECHO)

    assert spread is not None
    assert (spread.low, spread.median, spread.high, spread.rounds) == (10.0, 20.0, 30.0, 3)


def test_a_ratio_is_taken_inside_each_round() -> None:
    """A machine that was twice as slow in one round was so for both sides."""
    both = [*costing(SUBJECT, 10.0, 20.0, 10.0), *costing(SOCKETIO_NODE, 20.0, 40.0, 20.0)]

    ratio = Summary(both, 10).ratio(SUBJECT, SOCKETIO_NODE, Mode.ECHO)

    assert ratio is not None
    assert (ratio.low, ratio.median, ratio.high) == (0.5, 0.5, 0.5)


def test_a_round_that_one_side_missed_has_no_ratio() -> None:
    both = [*costing(SUBJECT, 10.0, 10.0), *costing(SOCKETIO_NODE, 20.0)]

    ratio = Summary(both, 10).ratio(SUBJECT, SOCKETIO_NODE, Mode.ECHO)

    assert ratio is not None
    assert ratio.rounds == 1


def test_another_number_of_sessions_is_left_out() -> None:
    summary = Summary([made(SUBJECT, sessions=20)], 10)

    assert summary.cpu_us(SUBJECT, Mode.ECHO) is None


def test_a_measurement_without_deliveries_has_no_cpu_time() -> None:
    summary = Summary([made(SUBJECT, server_cpu_us_per_delivery=0.0)], 10)

    assert summary.cpu_us(SUBJECT, Mode.ECHO) is None


def test_faults_add_up_over_modes_and_rounds() -> None:
    summary = Summary([made(SUBJECT, lost=2), made(SUBJECT, Mode.UNICAST, lost=1, ready=9)], 10)

    assert summary.faults(SUBJECT) == {"lost": 3, "never_ready": 1}


def test_a_stall_is_a_fault() -> None:
    assert Summary([made(SUBJECT, stalled=True)], 10).faults(SUBJECT) == {"stalled": 1}


@pytest.mark.parametrize(("cost", "met"), [(6.9, True), (7.0, True), (7.1, False)])
def test_the_target_is_a_share_of_the_peer(cost: float, met: bool) -> None:
    summary = Summary([*costing(SUBJECT, cost), *costing(SOCKETIO_NODE, 20.0)], 10)

    verdicts = {target.name: target.met for target in summary.targets()}

    assert verdicts[f"echo ÷ {SOCKETIO_NODE}"] is met


def test_the_sources_have_a_target_of_their_own_if_they_were_measured() -> None:
    assert not [one for one in Summary(costing(SUBJECT, 1.0), 10).targets() if "interpreted" in one.name]
    both = [*costing(INTERPRETED, 10.1), *costing(SOCKETIO_NODE, 20.0)]
    own = Summary([*both, *costing(SUBJECT, 1.0)], 10).targets()
    echo = {one.name: one for one in own}[f"interpreted echo ÷ {SOCKETIO_NODE}"]
    assert (echo.limit, echo.met) == (0.5, False)


def test_a_target_that_could_not_be_measured_is_neither_met_nor_missed() -> None:
    verdicts = {target.name: target.met for target in Summary(costing(SUBJECT, 1.0), 10).targets()}

    assert verdicts[f"echo ÷ {ERLANG}"] is None
    assert verdicts["faults"] is True


def test_one_lost_packet_misses_the_target_of_none() -> None:
    verdicts = {target.name: target.met for target in Summary([made(SUBJECT, lost=1)], 10).targets()}

    assert verdicts["faults"] is False


def test_websockets_have_targets_of_their_own_if_they_were_measured() -> None:
    assert not [one for one in Summary(costing(SUBJECT, 1.0), 10).targets() if "WebSocket" in one.name]
    both = [*costing(WEBSOCKET, 9.0), *costing(SOCKETIO_NODE_WEBSOCKET, 10.0)]
    targets = {one.name: one for one in Summary(both, 10).targets() if "WebSocket" in one.name}
    echo = targets[f"WebSocket echo ÷ {SOCKETIO_NODE_WEBSOCKET}"]
    assert (echo.limit, echo.value, echo.met) == (1.0, 0.9, True)
    assert targets[f"WebSocket unicast ÷ {SOCKETIO_NODE_WEBSOCKET}"].met is None
    assert targets["KB a WebSocket session"].met is False
    assert targets["faults on WebSockets"].met


def test_clients_of_socket_io_are_compared_with_the_same_on_node() -> None:
    peer = SOCKETIO_NODE_WEBSOCKET
    both = [*costing(SOCKETIO_WEBSOCKET, 6.1), *costing(peer, 10.0), made(peer, rss_kb_per_session=9.0)]
    targets = {one.name: one for one in Summary(both, 10).targets()}
    echo, memory = (targets[f"{SOCKETIO_WEBSOCKET} {what} ÷ {peer}"] for what in ("echo", "KB a session"))
    assert (echo.limit, echo.value, echo.met) == (0.6, 0.61, False)
    assert (memory.limit, memory.value) == (0.5, 5.0 / 7.0)
    assert targets[f"{SOCKETIO_WEBSOCKET} broadcast ÷ {peer}"].met is None
    assert f"echo ÷ {ERLANG}" not in targets
