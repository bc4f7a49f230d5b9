"""Rules of the session's machine, its outbox and its window, broken one at a time."""

from __future__ import annotations

from tests.sessions.checker.breaks import Break

MACHINE_BREAKS = (
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
        "return first, packets",
        "return first - 1, packets",
    ),
    Break(
        "number an answer's packets by what was sent",
        "outbox",
        "return first, packets",
        "return self.sent, packets",
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
        "self.packets.append(packet)\n        self.size = size",
        "self.packets.insert(0, packet)\n        self.size = size",
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
    Break(
        "hold two requests",
        "carriers",
        "return (Answer(self._let_go_of_held(), 0, ()),)",
        "return ()",
    ),
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
    Break("leave packets behind without a timer", "machine", "answer, *self._die)", "answer)", "cut answers"),
    Break(
        "hold the request of a client that lacks packets",
        "machine",
        "behind = bool(self.outbox.packets)",
        "behind = self.outbox.unsent",
    ),
    Break(
        "forget that the client lacks packets while it is served",
        "machine",
        "outbox.unsent or (outbox.resends and (ready.behind or (self.completes and outbox.packets)))",
        "outbox.unsent",
    ),
    Break(
        "forget what the handler replied",
        "machine",
        "outbox.unsent or (outbox.resends and (ready.behind or (self.completes and outbox.packets)))",
        "ready.behind",
        "cut replies",
    ),
    Break(
        "hold on to a request whose connection broke",
        "machine",
        "if event.request is not self.held:",
        "if event is not self.held:",
    ),
    Break(
        "let the end of any connection release the held request",
        "machine",
        "if event.request is not self.held:",
        "if self.held is None:",
        "three requests",
    ),
    Break(
        "answer a request whose connection broke",
        "machine",
        '        self.held = None\n        return self._end("closed") if self.policy.drop_ends else goto(WAITING)',
        "        return goto(WAITING, Answer(self._let_go_of_held(), 0, ()))",
    ),
    Break(
        "forget the held request when its wait is over",
        "carriers",
        "return goto(self.waiting, Answer(self._let_go_of_held(), 0, ()))",
        "return goto(self.waiting, *[self._let_go_of_held()][1:])",
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
        "end without a word to the held request",
        "carriers",
        "left.append(self._let_go_of_held())",
        "self._let_go_of_held()",
    ),
    Break(
        "close without what is left",
        "machine",
        'self._end("closed", self.outbox.answer(request, self.most_bytes))',
        'self._end("closed", Answer(request, 0, self.outbox.batch(self.most_bytes)[1]))',
        "cut answers",
    ),
    Break(
        "let nothing expire",
        "machine",
        "self.outbox.expire(event.now)\n",
        "self.outbox.expire(0.0)\n",
        "expiring",
    ),
)
