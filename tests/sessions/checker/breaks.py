"""Rules of the session to break, one at a time, in a copy of its source: the checker has to notice each."""

from __future__ import annotations

from dataclasses import dataclass

from tests.sessions.checker.parts import Parts, broken


@dataclass(frozen=True)
class Break:
    """One rule that is broken: in `module`, `new` instead of `old`. It shows in the surroundings of `scope`."""

    rule: str
    module: str
    old: str
    new: str
    scope: str = "plain"

    def parts(self) -> Parts:
        return broken(self.module, self.old, self.new)


BREAKS = (
    Break("ignore every acknowledgement", "outbox", "if done <= 0:", "if done <= 99:"),
    Break(
        "acknowledge one packet too few",
        "outbox",
        "if ack > self.sent:",
        "done -= 1\n        if ack > self.sent:",
    ),
    Break("keep what was acknowledged last", "outbox", "packets.clear()", "del packets[:-1]"),
    Break(
        "number an answer's packets one too low",
        "outbox",
        "return self.acknowledged + 1,",
        "return self.acknowledged,",
    ),
    Break(
        "number an answer's packets by what was sent",
        "outbox",
        "return self.acknowledged + 1,",
        "return self.sent,",
        "pairs",
    ),
    Break(
        "forget what was sent",
        "outbox",
        "self.sent = last\n",
        "self.sent = last\n            self.packets = []\n",
    ),
    Break("forget how far was sent", "outbox", "self.sent = last\n", "pass\n"),
    Break(
        "put a packet before the others",
        "outbox",
        "self.packets.append(packet)\n        self._bytes = size",
        "self.packets.insert(0, packet)\n        self._bytes = size",
        "cut answers",
    ),
    Break(
        "let one request less come early",
        "window",
        "rid < self.expected + self.width",
        "rid < self.expected + self.width - 1",
    ),
    Break(
        "take the last request for a new one",
        "window",
        "<= rid < self.expected\n",
        "<= rid < self.expected - 1\n",
    ),
    Break(
        "give the turn to the wrong early request",
        "window",
        "pop(self.expected, None)",
        "pop(self.expected + 1, None)",
    ),
    Break("forget an early request that is sent again", "window", "return older", "return None", "ghosts"),
    Break("keep an early request whose connection broke", "window", "del self._early[rid]", "pass"),
    Break(
        "let go of nobody at the end",
        "window",
        "for rid in sorted(early)] if early",
        "for rid in sorted(early)[:0]] if early",
    ),
    Break(
        "expect the same request again", "machine", "self.window.expected += 1", "self.window.expected += 0"
    ),
    Break("skip a request id", "machine", "self.window.expected += 1", "self.window.expected += 2"),
    Break(
        "hand a repeated request's packets over again",
        "machine",
        "        if expected:\n            self.window.expected += 1\n",
        "        self.window.expected += expected\n        if True:\n",
    ),
    Break("hold two requests", "machine", "actions = (Answer(self._release(), 0, ()),)", "actions = ()"),
    Break(
        "lose the early request whose turn has come",
        "machine",
        "actions += self._successor()",
        "self._successor()",
    ),
    Break(
        "hold a request without a timer", "machine", "return repeat(*actions)\n", "return stay(*actions)\n"
    ),
    Break(
        "answer in `waiting` without a timer",
        "machine",
        "return repeat(*actions, answer)",
        "return stay(*actions, answer)",
    ),
    Break(
        "leave packets behind without a timer", "machine", "answer, *self._dying)", "answer)", "cut answers"
    ),
    Break(
        "hold the request of a client that lacks packets",
        "machine",
        "behind = bool(self.outbox.packets)",
        "behind = self.outbox.unsent",
    ),
    Break(
        "forget that the client lacks packets while it is served",
        "machine",
        "behind=self._behind or self.outbox.unsent",
        "behind=self.outbox.unsent",
    ),
    Break(
        "forget what the handler replied",
        "machine",
        "behind=self._behind or self.outbox.unsent",
        "behind=self._behind",
        "cut replies",
    ),
    Break(
        "hold on to a request whose connection broke",
        "machine",
        "if event.request is self.held:",
        "if event is self.held:",
    ),
    Break(
        "let the end of any connection release the held request",
        "machine",
        "if event.request is self.held:",
        "if True:",
        "three requests",
    ),
    Break(
        "answer a request whose connection broke",
        "machine",
        "            self.held = None\n            return goto(self.waiting)",
        "            return goto(self.waiting, Answer(self._release(), 0, ()))",
    ),
    Break(
        "forget the held request when its wait is over",
        "machine",
        "return goto(self.waiting, Answer(self._release(), 0, ()))",
        "return goto(self.waiting, *[self._release()][1:])",
    ),
    Break(
        "let an early request wait for ever",
        "machine",
        "stay(Timeout(EARLY, self.wait)) if alone",
        "stay() if alone",
    ),
    Break(
        "give early requests up without a word",
        "machine",
        "for request in self.window.give_up()])",
        "for request in self.window.give_up()][:0])",
    ),
    Break(
        "end without a word to the held request", "machine", "left.append(self._release())", "self._release()"
    ),
    Break(
        "close without what is left",
        "machine",
        'self._end("closed", Answer(request, *batch))',
        'self._end("closed", Answer(request, 0, batch[1]))',
        "cut answers",
    ),
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
        "        self._serve_application()\n\n    def on_receive",
        "        keeper.forget_packets()\n        self._serve_application()\n\n    def on_receive",
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
        "actor",
        "self._fails = True",
        "self._fails = False",
        "handlers",
    ),
    Break(
        "lose a request with the handler that crashed",
        "actor",
        "finally:  # a handler that crashes",
        "else:  # a handler that crashes",
        "handlers",
    ),
    Break(
        "hold a request whose handler ended the session",
        "actor",
        "            else:\n                request.refuse(session_ended(self._keeper.ended))",
        "",
        "handlers",
    ),
    Break(
        "start no timer after a first one",
        "actor",
        "timers.get(action.name) or self._new_timer(action.name)",
        "timers.get(action.name) and self.timer(None) or self._new_timer(action.name)",
    ),
    Break(
        "refuse nobody after the end",
        "actor",
        "            request.refuse(session_ended(keeper.ended))\n",
        "            return\n",
    ),
    Break("never sign off", "actor", "self.actor_inbox.put_if_open(SignOff())", "SignOff()"),
    Break(
        "lose what was sent before the sign-off",
        "manager",
        "keeper.sign_off is None and keeper.machine.outbox.add_undelivered(packet)",
        "not packet",
    ),
    Break(
        "lose the sign-off of a session that fails after its end",
        "keeper",
        "if not isinstance(item, Packet)]",
        "if not (isinstance(item, Packet) or type(item).__name__ == 'SignedOff')]",
        "given up",
    ),
    Break("keep quiet about a failure", "actor", "self._keeper.report(failure)", "failure", "handlers"),
    Break(
        "keep quiet about a handler that was broken off",
        "actor",
        "self._report(item, self.actor_inbox.dead())",
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
