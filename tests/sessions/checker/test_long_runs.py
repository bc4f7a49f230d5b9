"""Long random runs of the same composition, with more packets, requests and ghosts than can be explored.

At the end the network is kind, and all that was sent has to arrive.
"""

from __future__ import annotations

from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.sessions.checker.clients import AnyClient, Move
from tests.sessions.checker.javascript_client import JavaScriptClient
from tests.sessions.checker.model import ARRIVES_IN_TIME, SessionModel, has_settled
from tests.sessions.checker.played import TRACKED
from tests.sessions.checker.scopes import ANYTHING, Scope

allows = ARRIVES_IN_TIME.by or bool


def is_an_end(move: Move) -> bool:
    """Whether it may end the session: kept seldom, or no run would be long."""
    return move[0] in ("server ends it", "supervisor gives up") or move == ("runs out", "hold or die")


class LongRun(RuleBasedStateMachine):
    """Any moves in any order; the more seldom ones of a state are as likely as the others."""

    scope: ClassVar[Scope]

    def __init__(self) -> None:
        super().__init__()
        self.model = SessionModel(self.scope)
        self.state = self.model.initial()

    @rule(data=st.data(), may_end=st.integers(0, 30).map(lambda number: number == 30))
    def something_happens(self, data: st.DataObject, may_end: bool) -> None:
        moves = [move for move in self.model.moves(self.state) if may_end or not is_an_end(move)]
        if moves:  # else it is all over
            name = data.draw(st.sampled_from(sorted({str(move[0]) for move in moves})))
            move = data.draw(st.sampled_from([move for move in moves if move[0] == name]))
            self.state = self.model.after(self.state, move)

    def teardown(self) -> None:
        for _ in range(300):
            if has_settled(self.state):
                return
            kind = [move for move in self.model.moves(self.state) if allows(move)]
            self.state = self.model.after(self.state, min(kind, key=eagerness))
        raise AssertionError("the network has been kind for long, and something has not arrived")


def eagerness(move: Move) -> tuple[int, str]:
    """Let what is under way arrive before anything new is sent."""
    order = (
        "answer arrives",
        "arrives",
        "handler's end arrives",
        "handler returns",
        "asks again",
        "pumps",
        "asks",
        "runs out",
    )
    return (order.index(move[0]) if move[0] in order else -1, str(move))


class AnyClientsLongRun(LongRun):
    scope = Scope(
        client=lambda: AnyClient(3, (0, 1, 3)),
        down=8,
        up=8,
        per_answer=3,
        ghosts=3,
        moods=ANYTHING,
        late=True,
        failures=True,
        requests=3,
    )


class JavaScriptsLongRun(LongRun):
    scope = Scope(
        client=lambda: JavaScriptClient(2),
        down=6,
        up=6,
        per_answer=2,
        ghosts=2,
        moods=ANYTHING,
        late=True,
        failures=True,
        packets=TRACKED,
    )


AnyClientsLongRun.TestCase.settings = settings(max_examples=50, stateful_step_count=60)
JavaScriptsLongRun.TestCase.settings = settings(max_examples=50, stateful_step_count=60)
TestAnyClient = AnyClientsLongRun.TestCase
TestJavaScript = JavaScriptsLongRun.TestCase
