"""Rules of the session's actor, keeper and manager, broken one at a time."""

from __future__ import annotations

from tests.sessions.checker.breaks import Break

ACTOR_BREAKS = (
    Break(
        "hand a call over again after a crash",
        "keeper",
        "item, size = self._todo.popleft()",
        "item, size = self._todo[0]",
    ),
    Break("hand the last packet over first", "keeper", "self._todo.popleft()", "self._todo.pop()", "pairs"),
    Break(
        "lose the packets that wait when the actor restarts",
        "actor",
        "        self._handover.serve(self)\n\n    def on_receive",
        "        keeper.forget_packets()\n        self._handover.serve(self)\n\n    def on_receive",
        "slow handlers",
    ),
    Break("sign on at every restart", "actor", "if not keeper.started:", "if not keeper.ended:", "handlers"),
    Break(
        "let a handler of the last incarnation end the present one's",
        "actor",
        "if message.owner is self:",
        "if message:",
        "given up",
    ),
    Break(
        "go on calling handlers after a crash",
        "handover",
        "self.fails = True",
        "self.fails = False",
        "handlers",
    ),
    Break(
        "lose a request with the handler that crashed",
        "actor",
        "finally:  # a handler that crashes",
        "except KeyError:\n            raise\n        else:  # a handler that crashes",
        "handlers",
    ),
    Break(
        "hold a request whose handler ended the session",
        "actor",
        "if not (meet(self._keeper, ready) or advance(self, self._keeper, ready)):\n",
        "if (meet(self._keeper, ready) or advance(self, self._keeper, ready)) and False:\n",
        "handlers",
    ),
    Break(
        "start no timer after a first one",
        "effects",
        "keeper.timer(action.name) or performer.new_timer(action.name)",
        "keeper.timer(action.name) and performer.timer(None) or performer.new_timer(action.name)",
    ),
    Break(
        "refuse nobody after the end",
        "actor",
        "            request.refuse(keeper.over())\n",
        "            return\n",
    ),
    Break("never sign off", "actor", "self.tell_itself(SignOff())", "SignOff()"),
    Break(
        "lose what was sent before the sign-off",
        "manager",
        "            keeper.machine.outbox.keep(packet)\n",
        "            self.refuse(keeper, packet)\n",
    ),
    Break(
        "lose the sign-off of a session that fails after its end",
        "keeper",
        "if not isinstance(item, Packet)]",
        "if not (isinstance(item, Packet) or type(item).__name__ == 'SignedOff')]",
        "given up",
    ),
    Break(
        "sign off before the packets that wait for their turn",
        "handover",
        "not (keeper.unhandled or self._is_stuck()):\n            self._m",
        "not self._is_stuck():\n            self._m",
        "paced",
    ),
    Break(
        "never take a turn", "handover", "self._keeper.waits = False", "self._keeper.waits = True", "paced"
    ),
    Break("keep quiet about a failure", "handover", "self._keeper.report(failure)", "failure", "handlers"),
    Break(
        "keep quiet about a handler that was broken off",
        "actor",
        "self._handover.report(self, item, self.actor_inbox.dead())",
        "self.actor_inbox.dead()",
        "handlers",
    ),
    Break(
        "report a failure after the packets that wait",
        "keeper",
        "self._todo.appendleft((failure, 0))",
        "self._todo.append((failure, 0))",
        "handlers",
    ),
    Break(
        "forget failures when the actor is given up",
        "keeper",
        "if not isinstance(item, Packet)]",
        "if not (isinstance(item, Packet) or type(item).__name__ == 'Failure')]",
        "handlers",
    ),
)
