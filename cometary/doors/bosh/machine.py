"""The machine of one BOSH session (XEP-0124). No socket, no clock.

The machine of other wires' sessions numbers packets; here answers are bound to requests, and a repeated request gets
the same answer. So the states are the same, but the machine is another:

1.  `have_request`: at least one request with a live connection is held. `waiting`: none is, and nothing waits.
    `have_packet`: elements wait for a request. `closing`: the XMPP server has ended its stream; the next request is
    told.
2.  Requests are processed, and answered, in the order of their ids. One that comes early waits for those before it.
    One outside the window ends the session (`item-not-found`), and so does one for a stream that does not exist.
3.  If a request that was answered is repeated, it gets the same answer. If one that is held is repeated, it is
    answered on its old connection with an error from which the client can recover, and is held on the new one.
4.  No more are held than were agreed: when one more comes, the oldest is answered. What waits goes with the oldest
    whose connection lives; those before it, whose connections broke, get empty answers if they are repeated.
5.  There is one timer, `CLOCK`, and it always runs. While a request is held, it says that the oldest was held for
    long enough. Otherwise it says that the client has gone; a client that pauses has longer, until its next request.
6.  `pace` says how fast a client may ask, `answers` which answers are kept, and `keys` what proves who asks.
7.  What waits is bounded: beyond `MOST_WAITING` bytes, the XMPP server is not read until the client has fetched some.
"""

from __future__ import annotations

from typing import Final

from cometary.doors.bosh.answers import Answers
from cometary.doors.bosh.bodies import write_body
from cometary.doors.bosh.events import (
    Answer,
    Arrived,
    Asked,
    End,
    Forward,
    Gone,
    Leave,
    Reading,
    Restart,
    ServerEnded,
)
from cometary.doors.bosh.keys import Keys
from cometary.doors.bosh.names import BAD_REQUEST, ITEM_NOT_FOUND, LEGACY, POLICY_VIOLATION
from cometary.doors.bosh.pace import Pace
from cometary.doors.bosh.terms import Terms
from cometary.doors.bosh.waiting import Waiting
from cometary.fsm import ANY, END, State, StateMachine, Step, TimedOut, Timeout, goto, on, stay, stop, timeout
from cometary.sessions.window import RequestWindow

CLOCK: Final = "hold or die"

REPORT_AFTER: Final = 1.0
"""Seconds after an answer in which a missing acknowledgement is not reported: it may be on its way."""

RECOVERABLE: Final = write_body([("type", "error")])
EMPTY: Final = write_body()


class Held:
    """A request that was processed but not answered.

    Args:
        asked: the request.
        until: when it is answered at the latest.
    """

    __slots__ = ("asked", "key", "report", "rid", "until")

    def __init__(self, asked: Asked, until: float) -> None:
        self.asked: Asked | None = asked  # None when its connection has broken
        self.rid = asked.body.rid
        self.key = asked.key
        self.until = until
        self.report = False


class BoshMachine(StateMachine):
    """One session, without its connections.

    Args:
        sid: its id.
        terms: what was agreed with its client.
        first: the request that asks for it.
    """

    waiting = State("no request is held, nothing waits")
    have_request = State("a request is held", initial=True)
    have_packet = State("elements wait for a request")
    closing = State("the XMPP server has ended its stream; the next request is told")

    def __init__(self, sid: str, terms: Terms, first: Asked) -> None:
        super().__init__()
        self.sid = sid
        self.terms = terms
        self._first = first.body.rid
        self._window: RequestWindow[Asked] = RequestWindow(first.body.rid, terms.requests)
        self._keys = Keys(first.body)
        self._pace = Pace(terms, first.now)
        self._answers = Answers(terms.requests, acknowledged=terms.acknowledges)
        self._held = [Held(first, first.now + terms.wait)]
        self._waiting = Waiting()
        self._away: float = terms.inactivity
        self._ended: str | None = None
        self._reading = True

    def init(self) -> tuple[object, ...]:
        """Have the request that asks for the session wait for the XMPP server, as long as requests are held."""
        return (Timeout(CLOCK, self.terms.wait),)

    # -- requests (rules 2 and 3) -------------------------------------------------------------------

    @on((waiting, have_request, have_packet), Asked, to=(waiting, have_request, have_packet, END))
    def ask(self, asked: Asked) -> Step:
        """Process it and those that waited for it, or have it wait, or answer it as before."""
        rid, window = asked.body.rid, self._window
        if rid <= window.last:
            return self._ask_again(asked)
        if rid > window.last + self.terms.requests:
            return self._terminate(ITEM_NOT_FOUND, [], asked)
        unanswered = sum(held.asked is not None for held in self._held) + window.early_count
        older = window.keep(rid, asked)
        if older is not None:
            return stay(Answer(older, RECOVERABLE))
        if not self._pace.allows(asked.body, unanswered, asked.now) or self._answers.too_many:
            return self._terminate(POLICY_VIOLATION, [], asked)
        actions: list[object] = []
        while (turn := window.take_expected()) is not None:
            end = self._process(turn, actions)
            if end is not None:
                return end
        return self._settle(actions, asked.now, heard=rid <= window.last)

    def _process(self, asked: Asked, actions: list[object]) -> Step | None:
        """Do what a request asks for, and hold it; returns how the session ends with it, if it does."""
        self._window.expected += 1
        body, terms = asked.body, self.terms
        held = Held(asked, asked.now + terms.wait)
        self._held.append(held)
        if not self._keys.admit(body) or body.names_stream:
            return self._terminate(ITEM_NOT_FOUND, actions, asked)
        if terms.acknowledges:
            held.report = self._acknowledge(body.numbers.get("ack", body.rid - 1), asked.now)
        self._away = terms.inactivity
        if body.children:
            actions.append(Forward(body.children))
            body.children = ()  # it may be held for long
        if body.terminates:
            return self._end(actions, [("type", "terminate")])
        if body.restarts:
            actions.append(Restart())
        if body.pause is not None:
            return self._pause(body.pause, asked, actions)
        return None

    def _acknowledge(self, rid: int, now: float) -> bool:
        """Drop answers; returns whether the client is to be told which one it seems to lack."""
        self._answers.acknowledge(rid)
        lacking = self._answers.time_of(rid + 1)
        return lacking is not None and now - lacking >= REPORT_AFTER

    def _pause(self, seconds: int, asked: Asked, actions: list[object]) -> Step | None:
        """Answer all, this one last."""
        if seconds > self.terms.pause:
            return self._terminate(BAD_REQUEST, actions, asked)
        self._away = seconds
        for held in self._held[:-1]:
            self._answer(held, (), asked.now, actions)
        self._held.clear()
        self._answers.answered(asked.body.rid)
        actions.append(Answer(asked, EMPTY))
        return None

    def _ask_again(self, asked: Asked) -> Step:
        rid, key = asked.body.rid, asked.key
        for held in self._held:
            if held.rid == rid and held.key == key:
                older, held.asked = held.asked, asked
                held.until = asked.now + self.terms.wait
                actions: list[object] = [] if older is None else [Answer(older, RECOVERABLE)]
                return self._settle(actions, asked.now, heard=True)
        known = self._answers.find(rid, key)
        if known is None:
            return self._terminate(ITEM_NOT_FOUND, [], asked)
        return self._settle([Answer(asked, known)], asked.now, heard=True)

    @on(ANY, Gone, to=(waiting, have_request, have_packet))
    def forget(self, event: Gone) -> Step:
        """Take note that a request cannot be answered any more, unless it comes again."""
        self._window.forget(event.asked.body.rid, event.asked)
        for held in self._held:
            if held.asked is event.asked:
                held.asked = None
                return self._settle([], event.now, heard=not self._has_live())
        return stay()

    # -- answers (rule 4) ---------------------------------------------------------------------------

    def _settle(self, actions: list[object], now: float, *, heard: bool) -> Step:
        """Answer what is to be answered, and go where that leads.

        Args:
            actions: what is done before.
            now: the time.
            heard: whether the client was heard from, so that its time starts again.
        """
        heard = heard or self.state is self.have_request
        held = self._held
        while held and (len(held) > self.terms.hold or held[0].report or self._may_send()):
            self._answer_oldest(now, actions)
        self._watch(actions)
        if self._has_live():
            return goto(self.have_request, *actions, Timeout(CLOCK, at=self._next_until()))
        if heard:
            actions.append(Timeout(CLOCK, self._away))
        return goto(self.have_packet if self._waiting else self.waiting, *actions)

    def _has_live(self) -> bool:
        return any(held.asked is not None for held in self._held)

    def _next_until(self) -> float:
        return min(held.until for held in self._held if held.asked is not None)

    def _may_send(self) -> bool:
        return bool(self._waiting) and self._has_live()

    def _answer_oldest(self, now: float, actions: list[object]) -> None:
        held = self._held.pop(0)
        self._answer(held, () if held.asked is None else self._waiting.take(), now, actions)

    def _answer(
        self,
        held: Held,
        payload: tuple[bytes, ...],
        now: float,
        actions: list[object],
        *more: tuple[str, str],
    ) -> None:
        attributes = [*self._said_of(held, now), *more]
        body = write_body(attributes, payload) if attributes or payload else EMPTY
        self._answers.add(held.rid, body, held.key, now)
        self._pace.said_something = bool(payload)
        if held.asked is not None:
            actions.append(Answer(held.asked, body))

    def _said_of(self, held: Held, now: float) -> list[tuple[str, str]]:
        if held.rid == self._first:
            return [*self.terms.attributes(self.sid, held.rid)]
        said: list[tuple[str, str]] = []
        if self.terms.acknowledges and self._window.last != held.rid:
            said.append(("ack", str(self._window.last)))
        if held.report and (lacking := self._answers.oldest) is not None:
            rid, since = lacking
            said += [("report", str(rid)), ("time", str(round((now - since) * 1000)))]
        return said

    def _watch(self, actions: list[object]) -> None:
        if self._reading == self._waiting.is_full:
            self._reading = not self._reading
            actions.append(Reading(self._reading))

    # -- the XMPP server ----------------------------------------------------------------------------

    @on((waiting, have_request, have_packet), Arrived, to=(waiting, have_request, have_packet))
    def arrive(self, event: Arrived) -> Step:
        """Let the client have what the server has sent."""
        self._waiting.add(event.elements)
        actions: list[object] = []
        if not event.elements and self._held and self._held[0].rid == self._first:
            self._answer_oldest(event.now, actions)
        return self._settle(actions, event.now, heard=False)

    @on((waiting, have_request, have_packet), ServerEnded, to=(closing, END))
    def server_ended(self, event: ServerEnded) -> Step:
        """Tell the client, now or with its next request."""
        self._waiting.add(event.elements)
        self._ended = event.condition
        return self._terminate(event.condition, []) if self._has_live() else goto(self.closing)

    @on(closing, Asked, to=END)
    def tell(self, asked: Asked) -> Step:
        """Tell the client why the session has ended."""
        known = self._answers.find(asked.body.rid, asked.key)
        if known is not None:
            return stay(Answer(asked, known))
        self._held.append(Held(asked, asked.now))
        return self._terminate(self._ended or ITEM_NOT_FOUND, [])

    @on(closing, (Arrived, ServerEnded))
    def nothing_more(self, _: Arrived | ServerEnded) -> None:
        """Do nothing: it has ended."""

    # -- the timer (rule 5) -------------------------------------------------------------------------

    @on(have_request, timeout(CLOCK), to=(waiting, have_request, have_packet))
    def hold_runs_out(self, _: TimedOut) -> Step:
        """Answer the request that was held for long enough, and those before it."""
        actions: list[object] = []
        now = self._next_until()
        while self._has_live() and self._next_until() <= now:
            self._answer_oldest(now, actions)
        return self._settle(actions, now, heard=True)

    @on((waiting, have_packet, closing), timeout(CLOCK), to=END)
    def client_has_gone(self, _: TimedOut) -> Step:
        """End the session without a word."""
        early = [Answer(asked, *self._saying(ITEM_NOT_FOUND)) for asked in self._window.give_up()]
        return stop("normal", *early, Leave(self._waiting.take_all()))

    # -- the end --------------------------------------------------------------------------------------

    @on(ANY, End, to=END)
    def end(self, event: End) -> Step:
        """End the session because the server says so."""
        return self._terminate(event.condition, [])

    def _terminate(self, condition: str, actions: list[object], culprit: Asked | None = None) -> Step:
        """End the session by a condition, which the oldest request is told, and the one that caused it."""
        body, status = self._saying(condition)
        if culprit is not None:
            actions.append(Answer(culprit, body, status))
            self._let_go_of(culprit)
        return self._end(actions, [("type", "terminate"), ("condition", condition)], status)

    def _saying(self, condition: str) -> tuple[bytes, int]:
        if self.terms.version is None and condition in LEGACY:
            return b"", LEGACY[condition]
        return write_body([("type", "terminate"), ("condition", condition)]), 200

    def _let_go_of(self, asked: Asked) -> None:
        self._held = [held for held in self._held if held.asked is not asked]
        self._window.forget(asked.body.rid, asked)

    def _end(self, actions: list[object], attributes: list[tuple[str, str]], status: int = 200) -> Step:
        """End the session: the oldest request is told how, together with what waits; the others get empty answers."""
        left = [held.asked for held in self._held if held.asked is not None] + self._window.give_up()
        self._held.clear()
        if left:
            body = write_body(attributes, self._waiting.take_all()) if status == 200 else b""  # noqa: PLR2004
            actions.append(Answer(left[0], body, status))
            actions += [Answer(asked, EMPTY) for asked in left[1:]]
        return stop("normal", *actions, Leave(self._waiting.take_all()))
