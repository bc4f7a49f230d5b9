"""The short steps, held to the table: wherever one is made, the table leads to the very same state.

All that may happen in a state happens twice, to a session as it runs in production and to one whose every step is its
table's: carriers, answers, outbox, window, timers and their tokens, and what the application was told have to be the
same. So all promises that are kept by the table are kept.
"""

from __future__ import annotations

from typing import Any

import pytest

from cometary.testing import Exploration, check_model
from tests.sessions.checker.breaks import Break
from tests.sessions.checker.clients import AnyClient, Move
from tests.sessions.checker.model import SessionModel
from tests.sessions.checker.parts import PRODUCTION, Parts, by_table
from tests.sessions.checker.scopes import SCOPES, Scope

STATES = 250

MORE_SCOPES = {
    **SCOPES,
    "answers of one": Scope(client=lambda: AnyClient(1, (0,)), down=3, up=1, per_answer=1, ghosts=0),
}

# In the order of the file.
SHORT_BREAKS = (
    Break(
        "step on after the end",
        "short_steps",
        "\n    if keeper.ended is not None:",
        "\n    if keeper.ended is keeper:",
    ),
    Break(
        "let a queue grow beyond its bound",
        "short_steps",
        "not outbox.append(packet):",
        "outbox.keep(packet):",
        "full queue",
    ),
    Break("hold on to what was answered", "short_steps", "        machine.held = None\n", ""),
    Break(
        "have packets wait behind an answer",
        "short_steps",
        "held, WAITING)",
        "held, HAVE_PACKET)",
        "cut replies",
    ),
    Break(
        "queue a packet and go on as before",
        "short_steps",
        "        machine.state = HAVE_PACKET\n",
        "        pass\n",
    ),
    Break(
        "write to a stream what was not sent last",
        "short_steps",
        "outbox.send_last(stream)",
        "outbox.sent",
        "streams",
    ),
    Break(
        "take no note that a stream is full",
        "short_steps",
        "            advance(performer, keeper, Full(stream))\n",
        "            pass\n",
        "streams",
    ),
    Break(
        "answer with all that waits",
        "short_steps",
        "batch(machine.most_bytes,",
        "batch(1 << 30,",
        "cut replies",
    ),
    Break(
        "send again what is not to be",
        "short_steps",
        "0 if outbox.resends else outbox.sent",
        "0",
        "resending nothing",
    ),
    Break(
        "leave packets behind and wait for none",
        "short_steps",
        "behind if outbox.unsent else WAITING",
        "WAITING",
        "cut answers",
    ),
    Break("wait as if a request were held", "short_steps", "policy.die)\n\n", "policy.wait)\n\n"),
    Break(
        "answer a poll whose turn has not come",
        "short_steps",
        "if request.rid != window.expected or machine._fsm_extra is not None or window",
        "if window",
    ),
    Break(
        "forget the early requests",
        "short_steps",
        "is not None or window.has_early:",
        "is not None:",
        "chaos",
    ),
    Break("hold a poll that closes", "short_steps", "if request.close or not", "if not", "cut answers"),
    Break(
        "hold a send", "short_steps", "request.close or not request.holds or", "request.close or", "streams"
    ),
    Break(
        "hold two polls",
        "short_steps",
        "machine.held is not None or machine.stream",
        "machine.stream",
        "full queue",
    ),
    Break("hold a poll beside a stream", "short_steps", " or machine.stream is not None:", ":", "streams"),
    Break(
        "hold the poll of a client that lacks packets",
        "short_steps",
        "if not waits and request.ack != outbox.sent:",
        "if waits is None:",
        "pairs",
    ),
    Break(
        "keep what a poll acknowledges",
        "short_steps",
        "    outbox.acknowledge(request.ack)\n    window.expected += 1\n    if",
        "    window.expected += 1\n    if",
    ),
    Break("expect the same poll again", "short_steps", "    window.expected += 1\n    if", "    if"),
    Break(
        "hold a poll where packets wait",
        "short_steps",
        "    if waits:\n",
        "    if waits is None:\n",
        "completing",
    ),
    Break(
        "leave packets behind a poll and wait for none",
        "short_steps",
        "waits:\n        answer(keeper, machine, request, HAVE_PACKET)",
        "waits:\n        answer(keeper, machine, request, WAITING)",
        "answers of one",
    ),
    Break(
        "hold no poll",
        "short_steps",
        "    else:\n        machine.held = request\n        machine.state = HAVE_REQUEST\n        start",
        "    else:\n        machine.state = HAVE_REQUEST\n        start",
    ),
    Break(
        "hold a poll and go on as before",
        "short_steps",
        "machine.held = request\n        machine.state = HAVE_REQUEST\n        start",
        "machine.held = request\n        start",
    ),
    Break(
        "let go of a stream",
        "short_steps",
        "if held is None or machine._fsm_extra",
        "if machine._fsm_extra",
        "streams",
    ),
    Break("let go of a request before its time", "short_steps", " or machine._fsm_timers != (timer,):", ":"),
    Break(
        "let go of a request and go on as before",
        "short_steps",
        "        return False\n    machine.held = None\n    machine.state = WAITING\n",
        "        return False\n    machine.held = None\n",
    ),
    Break(
        "let go of a request and wait as if it were held",
        "short_steps",
        "machine.policy.die)\n    return",
        "machine.wait)\n    return",
    ),
    Break(
        "let in a request whose turn has not come",
        "short_steps",
        "if request.rid != window.expected or machine._fsm_extra is not None:",
        "if machine._fsm_extra is not None:",
    ),
    Break(
        "keep what a request acknowledges",
        "short_steps",
        "    outbox.acknowledge(request.ack)\n    window.expected += 1\n    perf",
        "    window.expected += 1\n    perf",
    ),
    Break("expect the same request again", "short_steps", "    window.expected += 1\n    perf", "    perf"),
    Break("lose the packets of a request", "short_steps", "    performer.take_in(", "    repr("),
    Break(
        "forget that its client lacks packets",
        "short_steps",
        "behind=bool(outbox.packets)",
        "behind=False",
        "cut replies",
    ),
    Break(
        "serve before the early requests",
        "short_steps",
        " or machine.window.has_early or",
        " or",
        "three requests",
    ),
    Break(
        "hold a request that closes",
        "short_steps",
        "has_early or request.close:",
        "has_early:",
        "cut answers",
    ),
    Break(
        "hold a send with packets",
        "short_steps",
        "    if not request.holds:\n",
        "    if request.holds is None:\n",
        "streams and sends",
    ),
    Break(
        "hear nothing of a stream's client",
        "short_steps",
        "            stream.heard = True\n",
        "            pass\n",
        "streams and sends",
    ),
    Break(
        "release a stream without a word",
        "short_steps",
        "    elif stream is not None:\n        return False\n",
        "",
        "streams and sends",
    ),
    Break(
        "leave a reply behind and wait for none",
        "short_steps",
        "unsent:\n        answer(keeper, machine, request, HAVE_PACKET)",
        "unsent:\n        answer(keeper, machine, request, WAITING)",
        "cut replies",
    ),
    Break(
        "hold a request of a client that lacks packets",
        "short_steps",
        "elif ready.behind or machine",
        "elif machine",
        "cut replies",
    ),
    Break(
        "release a carrier that is to be completed",
        "short_steps",
        ' or machine.policy.second_request != "releases":',
        ":",
        "completing",
    ),
    Break(
        "hold no request",
        "short_steps",
        "        machine.held = request\n        machine.state = HAVE_REQUEST\n        try",
        "        machine.state = HAVE_REQUEST\n        try",
    ),
    Break(
        "hold a request and go on as before",
        "short_steps",
        "        machine.state = HAVE_REQUEST\n        try",
        "        try",
    ),
    Break("answer no older request", "short_steps", "if older is not None:", "if older is request:"),
    Break(
        "start a timer under the last token",
        "short_steps",
        "machine._fsm_token + 1\n",
        "machine._fsm_token\n",
        "handlers",
    ),
    Break(
        "forget the timer that was started",
        "short_steps",
        "        machine._fsm_timers = started\n",
        "        pass\n",
    ),
    Break(
        "forget the timer of the early requests",
        "short_steps",
        "        keep_timer(machine, started[0])\n",
        "        machine._fsm_timers = started\n",
        "three requests",
    ),
    Break("leave a timer its message", "short_steps", "    timer.message = started[0]\n", ""),
)


class BothWays(SessionModel):
    """Makes each move twice."""

    def __init__(self, scope: Scope, parts: Parts = PRODUCTION) -> None:
        super().__init__(scope, parts)
        self._by_table = SessionModel(scope, by_table())

    def after(self, state: Any, move: Move) -> Any:
        after = super().after(state, move)
        assert after == self._by_table.after(state, move), "a short step leads where the table does not"
        return after


def explored(scope: str, parts: Parts = PRODUCTION, states: int = STATES) -> Exploration[Move]:
    return check_model(BothWays(MORE_SCOPES[scope], parts), max_states=states)


@pytest.mark.parametrize("scope", MORE_SCOPES)
def test_a_short_step_leads_where_the_table_does(scope: str) -> None:
    assert explored(scope).counterexample is None


@pytest.mark.parametrize("mutant", SHORT_BREAKS, ids=lambda mutant: mutant.rule)
def test_a_short_step_that_does_otherwise_is_found_out(mutant: Break) -> None:
    assert explored(mutant.scope, mutant.parts(), 2_000).counterexample is not None
