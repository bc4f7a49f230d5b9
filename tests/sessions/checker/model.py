"""A session, a client and a network that does its worst: as a model to explore.

The network loses, delays, doubles and reorders requests and answers, breaks connections, and tells the server of
it at once, late or never. Timers run out at any moment, and their messages arrive late. The application sends, and
its handlers return, reply, raise or take their time. The actor is restarted, or given up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from cometary.sessions.carriers import HOLD_OR_DIE
from cometary.testing import Goal
from tests.sessions.checker.clients import Client, Move, StreamClient
from tests.sessions.checker.lines import Line
from tests.sessions.checker.parts import PRODUCTION, Parts
from tests.sessions.checker.played import ANSWERED, COMING, THERE, Exchange, timer_of
from tests.sessions.checker.promises import check
from tests.sessions.checker.scopes import Scope
from tests.sessions.checker.states import State, frozen_world, thawed_world
from tests.sessions.checker.telling import told
from tests.sessions.checker.world import World

WAIT_RUNS_OUT: Final[Move] = ("runs out", HOLD_OR_DIE, "held")
"""The time-out after which a held request is answered; without a held request it ends the session."""


class SessionModel:
    """A session in its surroundings, for `check_model`."""

    def __init__(self, scope: Scope, parts: Parts = PRODUCTION) -> None:
        self.scope = scope
        self.parts = parts
        self.settings = scope.settings
        self._looked_at: tuple[State, World, Client] | None = None

    @property
    def goals(self) -> tuple[Goal[State, Move], ...]:
        """What must stay possible."""
        replies_to_ghosts = self.scope.ghosts > 0 and any("replies" in mood for mood in self.scope.moods)
        if self.scope.loses:
            return (ENDS,)
        return (ENDS, ARRIVES_IN_TIME if replies_to_ghosts else ARRIVES)

    def initial(self) -> State:
        world = World(self.settings, self.scope.packets, self.parts, policy=self.scope.policy)
        world.begin()
        check(world)
        return frozen_world(world, self.scope.client())

    # -- what may happen -----------------------------------------------------------------------------

    def moves(self, state: State) -> list[Move]:
        """Return what may happen next."""
        world, client = self._look(state)
        moves: list[Move] = []
        moods = self.scope.moods if world.keeper.unhandled else ((),)
        running = world.running is not None
        if running:
            moves += [("handler returns",), *[("handler raises", mood) for mood in self.scope.moods]]
        if world.done is not None:
            moves += [("handler's end arrives", mood) for mood in moods]
        if world.keeper.waits and not world.stopped:
            moves += [("goes on", mood) for mood in (((),) if running or world.done is not None else moods)]
        if running or world.done:
            moves += [("actor dies", mood) for mood in (self.scope.moods if running else moods)]
        if world.keeper.ended is not None:
            return moves + self._after_the_end(world)
        moves += client.moves(world, self.scope.up - (client.sent - world.handed))
        moves += [("application sends",), ("server ends it",)]
        if self.scope.failures:
            moves.append(("supervisor gives up",))
        moves += self._time(world)
        ghosts = sum(not one.awaited for one in world.exchanges)
        for place, exchange in enumerate(world.exchanges):
            moves += self._network(place, exchange, world, haunted=ghosts >= self.scope.ghosts)
        for place, line in enumerate(world.lines):
            moves += [(name, place) for name in self._on_a_line(line, client)]
        return moves

    @staticmethod
    def _on_a_line(line: Line, client: Client) -> list[str]:
        """What may happen to a stream."""
        may = {
            "stream arrives": line.where == COMING,
            "frame arrives": line.awaited and bool(line.frames),
            "client acknowledges": line.awaited
            and line.where != COMING
            and line.coming is None
            and client.ack > line.said,
            "acknowledgement arrives": line.coming is not None,
            "stream fills": line.awaited and line.room and (line.attached or line.where == COMING),
            "stream drains": line.awaited and not line.room and (line.attached or line.where == COMING),
            "stream goes on": line.more,
            "stream breaks": line.awaited,
            "stream is reported broken": not (line.awaited or line.told or line.where == COMING),
        }
        return [name for name, possible in may.items() if possible]

    def _after_the_end(self, world: World) -> list[Move]:
        moves: list[Move] = [("arrives", 0, ())] if world.exchanges else []
        moves += [("stream arrives", 0)] if world.lines else []
        if world.signing_off:
            moves += [("sign-off arrives", mood) for mood in self.scope.moods]
            if world.keeper.sign_off is None and len(world.keeper.machine.outbox) <= self.scope.down:
                moves.append(("application sends",))
        if self.scope.failures and not world.stopped:
            moves.append(("supervisor gives up",))
        return moves

    def _time(self, world: World) -> list[Move]:
        due = {timer_of(one) for one in world.late}
        arrivals: list[Move] = [("time-out arrives", name) for name in sorted(due)]
        running = [name for name, timer in world.keeper.timers.items() if timer.running and name not in due]
        held = world.keeper.machine.held is not None
        return arrivals + [
            WAIT_RUNS_OUT if held and name == HOLD_OR_DIE else ("runs out", name) for name in running
        ]

    def _network(self, place: int, one: Exchange, world: World, *, haunted: bool) -> list[Move]:
        moves: list[Move] = []
        if one.where == COMING:
            moves += [("arrives", place, mood) for mood in self._moods(one, world)]
            if not haunted:
                moves.append(("is doubled", place))
        if one.awaited:
            if one.where == ANSWERED:
                moves.append(("answer arrives", place))
            moves.append(("is lost", place))
            if one.where != ANSWERED and not haunted:
                moves.append(("is given up", place))
        elif one.where == THERE:
            moves.append(("is reported broken", place))
        return moves

    def _moods(self, one: Exchange, world: World) -> Sequence[tuple[str, ...]]:
        """The handler's moods, if this sending may have a handler called."""
        if world.running is not None or world.done is not None:
            return ((),)
        there = any(other.packets for other in world.exchanges if other is one or other.where == THERE)
        return self.scope.moods if there else ((),)

    # -- what comes of it ----------------------------------------------------------------------------

    def after(self, state: State, move: Move) -> State:
        world, client = self._look(state)
        self._looked_at = None
        self.make(move, world, client)
        check(world)
        return frozen_world(world, client)

    def make(self, move: Move, world: World, client: Client) -> None:
        """Do one move."""
        name: str = move[0]
        simple = SIMPLE.get(name)
        if simple is not None:
            simple(world)
        elif name in WITH_MOOD:
            world.mood = move[1]
            WITH_MOOD[name](world)
        elif name in TIME:
            self._time_passes(move, world)
        elif name in STREAMS:
            line: int = move[1]
            self._stream_acts(name, world.lines[line], world, client)
        elif name in NETWORK:
            place: int = move[1]
            self._network_acts(move, world.exchanges[place], world, client)
        else:
            client.make(move, world)
        world.mood = ()

    def _time_passes(self, move: Move, world: World) -> None:
        if move[0] == "runs out":
            world.runs_out(move[1])
            if self.scope.late:
                return
        world.time_out_arrives(move[1])

    def _network_acts(self, move: Move, exchange: Exchange, world: World, client: Client) -> None:
        name = move[0]
        if name == "arrives":
            world.mood = move[2]
            world.arrives(exchange)
        elif name == "is doubled":
            copy = Exchange(world, exchange.rid, exchange.ack, exchange.packets, close=exchange.close)
            copy.awaited = False
            world.exchanges.append(copy)
        elif name == "answer arrives":
            world.exchanges.remove(exchange)
            client.reads(exchange)
        elif name == "is reported broken":
            world.hears_of_drop(exchange)
        else:
            exchange.awaited = False
            client.loses(exchange)
            if name == "is given up":
                return  # it goes on as a ghost
            if exchange.where == THERE:
                world.hears_of_drop(exchange)
            else:
                world.exchanges.remove(exchange)

    @staticmethod
    def _stream_acts(name: str, line: Line, world: World, client: Client) -> None:
        if name in ON_LINES:
            ON_LINES[name](world, line)
        elif name == "frame arrives":
            assert isinstance(client, StreamClient)
            client.reads_frame(line)
        elif name == "client acknowledges":
            line.coming = line.said = client.ack
        elif name == "stream fills":
            line.room = False
        else:
            assert name == "stream breaks"
            line.awaited = False
            line.frames = []
            if line.where == COMING:
                world.lines.remove(line)
            elif sum(not (one.told or one.awaited) for one in world.lines) > 1:
                world.hears_of_break(line)

    def _look(self, state: State) -> tuple[World, Client]:
        """Thaw a state, or return what was last thawed of it and has not been used up by a move."""
        if self._looked_at is None or self._looked_at[0] is not state:
            self._looked_at = (state, *self.thaw(state))
        return self._looked_at[1:]

    def thaw(self, state: State) -> tuple[World, Client]:
        return thawed_world(state, self.settings, self.scope.packets, self.parts)

    def tell(self, moves: Sequence[Move]) -> list[str]:
        """A counterexample in words."""
        return told(self, moves)


SIMPLE: dict[str, Callable[[World], None]] = {
    "application sends": World.push,
    "server ends it": World.ends,
    "supervisor gives up": World.give_up,
    "handler returns": World.handler_returns,
}
WITH_MOOD: dict[str, Callable[[World], None]] = {
    "sign-off arrives": World.sign_off_arrives,
    "goes on": World.goes_on,
    "handler's end arrives": World.handler_done_arrives,
    "handler raises": World.handler_raises,
    "actor dies": World.restart,
}
NETWORK = {"arrives", "is doubled", "answer arrives", "is reported broken", "is lost", "is given up"}

TIME = {"runs out", "time-out arrives"}
ON_LINES: dict[str, Callable[[World, Line], None]] = {
    "stream arrives": World.line_arrives,
    "acknowledgement arrives": World.hears,
    "stream drains": World.line_drains,
    "stream goes on": World.line_goes_on,
    "stream is reported broken": World.hears_of_break,
}
STREAMS = {*ON_LINES, "frame arrives", "client acknowledges", "stream fills", "stream breaks"}
CLIENTS = {"asks", "asks again", "page sends", "page closes", "pumps", "attaches"}
MOVES = {*SIMPLE, *WITH_MOOD, *NETWORK, *TIME, *STREAMS, *CLIENTS}
"""Everything that may happen."""


# -- promises about the future -----------------------------------------------------------------------


def has_ended(state: State) -> bool:
    ended: bool = state[0]
    return ended


def has_settled(state: State) -> bool:
    settled: bool = state[1]
    return settled


KIND = {"arrives", "goes on", "handler's end arrives", "sign-off arrives"}  # with a handler that just returns
KINDEST = {
    *("asks", "asks again", "pumps", "answer arrives", "time-out arrives", "handler returns"),
    *("attaches", "stream arrives", "frame arrives", "stream drains", "stream goes on"),
}

ENDS = Goal[State, Move]("the session ends, by its timers alone", has_ended, lambda move: move[0] in TIME)


def is_kind(move: Move) -> bool:
    return (move[0] in KIND and not move[-1]) or move[0] in KINDEST


ARRIVES = Goal[State, Move](
    "everything that was sent has arrived, once the network is kind", has_settled, is_kind
)

ARRIVES_IN_TIME = Goal[State, Move](
    "everything that was sent has arrived, once the network is kind and the wait of a held request over",
    has_settled,
    lambda move: is_kind(move) or move == WAIT_RUNS_OUT,
)
"""For where a handler's reply may go out with a held request that nobody waits for any more, while the next request
is there: that one is held, since what it lacks was sent after it came."""
