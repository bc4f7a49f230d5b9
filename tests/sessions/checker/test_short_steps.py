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
from tests.sessions.checker.clients import Move
from tests.sessions.checker.model import SessionModel
from tests.sessions.checker.parts import PRODUCTION, Parts, by_table
from tests.sessions.checker.scopes import SCOPES, Scope

STATES = 250

# In the order of the file.
SHORT_BREAKS = (
    Break(
        "step on after the end", "short_steps", "if keeper.ended is not None:", "if keeper.ended is keeper:"
    ),
    Break("answer when no request is held", "short_steps", "if held is None or machine", "if machine"),
    Break(
        "let a queue grow beyond its bound",
        "short_steps",
        "not outbox.append(packet):",
        "outbox.keep(packet):",
        "full queue",
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
    Break("hold on to what was answered", "short_steps", "    machine.held = None\n", ""),
    Break("answer and go on as before", "short_steps", "    machine.state = WAITING\n", ""),
    Break("wait as if a request were held", "short_steps", "machine.policy.die)", "machine.wait)"),
    Break(
        "hold a poll in any state",
        "short_steps",
        "machine.state is not WAITING or poll",
        "poll",
        "full queue",
    ),
    Break("hold a poll whose turn has not come", "short_steps", "poll.rid != window.expected or", ""),
    Break(
        "hold a poll that is not plain", "short_steps", "or not is_plain(machine, poll):", ":", "cut answers"
    ),
    Break(
        "hold the poll of a client that lacks packets",
        "short_steps",
        "or poll.ack != outbox.sent ",
        "",
        "pairs",
    ),
    Break("keep what a poll acknowledges", "short_steps", "    outbox.acknowledge(poll.ack)\n", ""),
    Break(
        "expect the same poll again", "short_steps", "    window.expected += 1\n    machine", "    machine"
    ),
    Break("hold no poll", "short_steps", "    machine.held = poll\n", ""),
    Break(
        "hold a poll and go on as before", "short_steps", "poll\n    machine.state = HAVE_REQUEST\n", "poll\n"
    ),
    Break(
        "let in a request whose turn has not come", "short_steps", "request.rid != window.expected or ", ""
    ),
    Break("keep what a request acknowledges", "short_steps", "    outbox.acknowledge(request.ack)\n", ""),
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
        "hold a request of a client that lacks packets",
        "short_steps",
        "ready.behind or not",
        "not",
        "cut replies",
    ),
    Break(
        "hold a request that is not plain",
        "short_steps",
        "or not is_plain(machine, request):",
        ":",
        "cut answers",
    ),
    Break(
        "release a carrier that is to be completed",
        "short_steps",
        'machine.policy.second_request != "releases"',
        "False",
        "completing",
    ),
    Break(
        "hold a request where packets wait",
        "short_steps",
        " or (older is None and machine.state is not WAITING)",
        "",
        "cut replies",
    ),
    Break("hold no request", "short_steps", "    machine.held = request\n", ""),
    Break(
        "hold a request and go on as before",
        "short_steps",
        "request\n    machine.state = HAVE_REQUEST\n",
        "request\n",
    ),
    Break("answer no older request", "short_steps", "if older is not None:", "if older is request:"),
    Break(
        "hold a request beside a stream",
        "short_steps",
        "        and machine.stream is None\n",
        "",
        "streams and sends",
    ),
    Break(
        "forget the early requests",
        "short_steps",
        "        and not machine.window.has_early\n",
        "",
        "three requests",
    ),
    Break("hold a request that closes", "short_steps", "        and not request.close\n", "", "cut answers"),
    Break("hold a send", "short_steps", "        and request.holds\n", "", "streams and sends"),
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
        "        machine._fsm_timers = (action,)\n",
        "        pass\n",
    ),
    Break(
        "forget the timer of the early requests",
        "short_steps",
        "        keep_timer(machine, action)\n",
        "        machine._fsm_timers = (action,)\n",
        "three requests",
    ),
    Break("leave a timer its message", "short_steps", "    timer.message = action\n", ""),
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
    return check_model(BothWays(SCOPES[scope], parts), max_states=states)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_short_step_leads_where_the_table_does(scope: str) -> None:
    assert explored(scope).counterexample is None


@pytest.mark.parametrize("mutant", SHORT_BREAKS, ids=lambda mutant: mutant.rule)
def test_a_short_step_that_does_otherwise_is_found_out(mutant: Break) -> None:
    assert explored(mutant.scope, mutant.parts(), 2_000).counterexample is not None
