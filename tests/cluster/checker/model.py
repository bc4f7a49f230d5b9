"""One session in a cluster that loses, doubles and overtakes, node deaths and an engine that forgets included.

The record, the owner's machine and what the client says of itself are the code of production. Any node that holds the
session may get any request; messages overtake each other; a copy of one comes at any later time. What must hold is
asserted where it could break.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from cometary.cluster.change import Change
from cometary.cluster.client_position import ClientPosition, read_client_position
from cometary.cluster.due_receipts import read_due
from cometary.cluster.owner_events import (
    ClientRequest,
    ClientSign,
    Commit,
    Committed,
    Drain,
    End,
    Published,
    Renewed,
    RequestBroken,
    Restored,
    Returned,
    Sent,
    Yielded,
)
from cometary.cluster.record import Record
from cometary.packets.position import Position
from cometary.testing import Goal
from tests.cluster.checker.canonical import canonical
from tests.cluster.checker.holding import (
    ALL,
    Holding,
    record_of,
    requests_of,
    under_way,
)
from tests.cluster.checker.moves import HARM, Move, is_copy, moves, rid_of
from tests.cluster.checker.parts import PRODUCTION, Parts
from tests.cluster.checker.promises import buried, called, given, recorded, reported, takes
from tests.cluster.checker.scopes import Budget, Scope
from tests.cluster.checker.world import (
    BASE,
    SIGN_OFF,
    Answer,
    Client,
    Engine,
    Holder,
    Line,
    Operation,
    Waiting,
    World,
)


@cache
def text_of(position: ClientPosition) -> str:
    return position.text()


@cache
def position_of(text: str | None) -> ClientPosition:
    return ClientPosition() if text is None else read_client_position(text)


def _heals(move: Move) -> bool:
    return move[0] not in HARM


class ClusterModel:
    """The model.

    Args:
        scope: what may happen, and how often.
        parts: the code that is explored.
    """

    def __init__(self, scope: Scope, parts: Parts = PRODUCTION) -> None:
        self.scope = scope
        self.parts = parts
        self._machine = parts.mirrored if scope.mirror else parts.machine
        self.goals: tuple[Goal[World, Move], ...] = (
            Goal("everybody has everything", self.is_settled, _heals),
        )

    def initial(self) -> World:
        record = Record(1, 0, "node", BASE)
        machine = self._machine(record, adopted=False, handling=self.scope.handling)
        receipts = self.parts.receipts() if self.scope.receipts else None
        holding = Holding(machine, Holder(()).desk, None, leased=True, receipts=receipts)
        holding.start()
        calls = (0,) * (self.scope.inbound + 1)
        client = Client(self.parts.resumption(1, None, BASE))
        world = World(Engine(record), (holding.frozen(),), (), (), client, calls, calls, 0, self.scope.budget)
        world = world._replace(given=(0,) * self.scope.pushes, dead=(0,) * self.scope.pushes)
        for begun in self.scope.begins:
            first = (begun,) if isinstance(begun, str) else begun
            [move] = [move for move in self.moves(world) if move[: len(first)] == first]
            world = self.after(world, move)
        return world

    def moves(self, world: World) -> Iterable[Move]:
        """Return what may happen next."""
        return moves(world, self.scope)

    def is_settled(self, world: World) -> bool:
        """Whether all that was sent has arrived, both ways, and the application knows what it should."""
        record, client = world.engine.record, world.client
        if record is None or world.engine.lost:
            return False
        receipts = not self.scope.receipts or self._has_receipts(world)
        if record.ended is not None:
            return record.gone and receipts
        told = all(map(max, zip(world.called[:-1], world.reported[:-1], strict=True)))
        return (
            client.got == world.engine.sent
            and client.read == world.engine.log == self.scope.published
            and client.sent == self.scope.inbound
            and world.pushed == self.scope.pushes
            and told
            and receipts
            and not record.inbox
            and not any(waiting.packets for waiting in client.waiting)
        )

    @staticmethod
    def _has_receipts(world: World) -> bool:
        """Whether it is known of all recorded packets that want a receipt what has become of that."""
        known = list(map(max, zip(world.given, world.dead, strict=True)))
        return all(known[int(packet[1:]) - 1] for packet in world.engine.sent if packet[:1] == b"P")

    # -- what they do

    def after(self, world: World, move: Move) -> World:
        name, *rest = move
        changed: World = getattr(self, "_" + name.replace(" ", "_"))(world, *rest)
        return canonical(changed, unfenced=self.parts.unfenced, mirror=self.scope.mirror)

    def _client_asks(self, world: World) -> World:
        return self._asks_anew(world, ())

    def _client_sends(self, world: World) -> World:
        before = world.client.sent
        sent = self.scope.inbound if self.scope.together else before + 1
        world = world._replace(client=world.client._replace(sent=sent))
        return self._asks_anew(world, tuple([b"%d" % number for number in range(before + 1, sent + 1)]))

    def _asks_anew(self, world: World, packets: tuple[bytes, ...]) -> World:
        client = world.client
        waiting = Waiting(client.next, packets)
        client = client._replace(next=client.next + 1, waiting=(*client.waiting, waiting))
        return self._ask(world._replace(client=client), waiting)

    def _client_asks_again(self, world: World, rid: int) -> World:
        [again] = [waiting for waiting in world.client.waiting if waiting.rid == rid]
        waiting = tuple(
            [each._replace(cut=False) if each is again else each for each in world.client.waiting]
        )
        return self._ask(world._replace(client=world.client._replace(waiting=waiting)), again)

    def _ask(self, world: World, waiting: Waiting) -> World:
        client, says = world.client, world.client.resumption
        if self.scope.mirror:
            request = ClientRequest(waiting.rid, 0, client.ack, 0, ClientPosition(), waiting.packets)
        else:
            request = ClientRequest(
                waiting.rid, says.generation, client.ack, says.done, position_of(says.at), waiting.packets
            )
        return world._replace(network=(*world.network, request))

    def _cut(self, world: World, rid: int) -> World:
        client = world.client
        waiting = tuple([each._replace(cut=True) if each.rid == rid else each for each in client.waiting])
        network = tuple([each for each in world.network if rid_of(each) != rid or is_copy(each)])
        world = world._replace(client=client._replace(waiting=waiting), network=network)
        return self._spent(world, Budget.CUTS)

    # -- streams

    def _client_attaches(self, world: World) -> World:
        client = world.client
        number = client.lines + 1
        line = Line(number, 0, (), client.ack)
        return self._sign(world._replace(client=client._replace(line=line, lines=number)), "attach", number)

    def _client_signs(self, world: World) -> World:
        client = world.client
        assert client.line is not None
        line = client.line._replace(told=client.ack)
        world = world._replace(client=client._replace(line=line))
        return self._sign(world, "sign", line.number, line.generation)

    @staticmethod
    def _sign(world: World, *exchange: object) -> World:
        client, says = world.client, world.client.resumption
        sign = ClientSign(says.generation, client.ack, position_of(says.at), exchange)
        return world._replace(network=(*world.network, sign))

    def _client_reads(self, world: World) -> World:
        client, before = world.client, world.client.resumption.generation
        assert client.line is not None
        frame, *frames = client.line.frames
        world = world._replace(client=client._replace(line=client.line._replace(frames=tuple(frames))))
        if frame.condition == "session-ended":
            return self._ended(world)
        assert frame.condition is None, f"an honest client is refused: {frame.condition}"
        world = self._takes_in(world, frame)
        return self._client_signs(world) if before < world.client.resumption.generation else world

    def _line_ends(self, world: World) -> World:
        return world._replace(client=world.client._replace(line=None))

    def _line_breaks(self, world: World) -> World:
        return self._spent(self._line_ends(world), Budget.CUTS)

    def _copy(self, world: World, message: ClientRequest | Answer) -> World:
        copy = message._replace(ghost=True) if isinstance(message, Answer) else message._replace(exchange=1)
        return self._spent(world._replace(network=(*world.network, copy)), Budget.COPIES)

    @staticmethod
    def _spent(world: World, what: int) -> World:
        left = list(world.left)
        left[what] -= 1
        return world._replace(left=tuple(left))

    @staticmethod
    def _without(world: World, message: object) -> World:
        network = list(world.network)
        network.remove(message)  # type: ignore[arg-type]  # it is one of them
        return world._replace(network=tuple(network))

    # -- the client

    def _client_gets(self, world: World, answer: Answer) -> World:
        world = self._without(world, answer)
        client, says = world.client, world.client.resumption
        expected = any(waiting.rid == answer.rid for waiting in client.waiting)
        if answer.condition == "session-ended":
            return self._ended(world)
        if answer.condition is not None:
            assert not expected, f"an honest client is refused: {answer.condition}"
            return world
        if expected:
            says = says.answered(answer.rid)
            waiting = tuple([each for each in client.waiting if each.rid != answer.rid])
            client = client._replace(waiting=waiting)
        return self._takes_in(world._replace(client=client._replace(resumption=says)), answer)

    @staticmethod
    def _ended(world: World) -> World:
        record = world.engine.record
        assert record is None or record.ended, "the client is told of an end that is not in the record"
        return world._replace(client=world.client._replace(over=True, waiting=(), line=None), network=())

    def _takes_in(self, world: World, answer: Answer) -> World:
        """The client takes what an answer, or a stream, brings."""
        client, says, mirrored = world.client, world.client.resumption, self.scope.mirror
        if not (mirrored or says.counts(answer.generation)):
            return world
        for number, packet in enumerate(answer.packets, answer.first):
            if number > client.ack:
                assert number == client.ack + 1, "there is a gap in the numbers"
                client = takes(client._replace(ack=number), packet, world.engine, mirrored=mirrored)
        if mirrored:
            return world._replace(client=client)
        last = answer.first + len(answer.packets) - 1 if answer.packets else 0
        at = None if answer.at is None else text_of(answer.at)
        says = says.got(answer.generation, last, world.client.ack, at)
        place = position_of(says.at)
        read = dict(place.logs)["path"].offset if place.logs else 0
        assert (place.own, read) == (len(client.got), client.read), "the client does not know where it is"
        return world._replace(client=client._replace(resumption=says))

    # -- nodes

    def _holding(self, world: World, generation: int) -> Holding:
        [holder] = [each for each in world.holders if record_of(each).generation == generation]
        return Holding.of(holder, self._machine)

    def _moved(self, world: World, generation: int, holding: Holding) -> World:
        """Let the world know what a node has done."""
        others = [each for each in world.holders if record_of(each).generation != generation]
        for item in holding.invoked:
            world = called(world, item, holding.generation, self.scope)
        for item in holding.reported:
            world = reported(world, item, holding.generation, self.scope)
        for receipt in holding.buried:
            world = buried(world, receipt, holding.generation)
        if holding.calling is not None and not self.scope.slow and not holding.waits:
            holding.invoked.clear()
            holding.reported.clear()
            holding.buried.clear()
            self._return(holding)
            return self._moved(world, generation, holding)
        world = self._written(world, holding)
        network = world.network + self._arriving(world, holding.answers)
        if holding.forwarded is None:
            others.append(holding.frozen())
        else:
            cut = {waiting.rid for waiting in world.client.waiting if waiting.cut}
            network += tuple([each for each in holding.forwarded if each.exchange or each.rid not in cut])
        operations = [
            Operation(each.generation, each.version, each.change, False, None)
            if isinstance(each, Commit)
            else Operation(each.record.generation, each.record.version, each.record, False, None)
            for each in holding.operations
        ]
        return world._replace(
            holders=tuple(others), network=network, operations=(*world.operations, *operations)
        )

    @staticmethod
    def _written(world: World, holding: Holding) -> World:
        """Let what was written to a stream be on its way, if it is the one that the client has."""
        line = world.client.line
        for number, frame in holding.frames:
            if line is not None and line.number == number and line.generation in {0, frame.generation}:
                line = line._replace(generation=frame.generation, frames=(*line.frames, frame))
        holding.frames.clear()
        return world._replace(client=world.client._replace(line=line))

    def _arriving(self, world: World, answers: Sequence[Answer]) -> tuple[Answer, ...]:
        """Return the answers that are not given on a connection that is broken, or was answered."""
        arriving: list[Answer] = []
        cut = {waiting.rid for waiting in world.client.waiting if waiting.cut}
        for answer in answers:
            on_way = [*world.network, *arriving]
            same = any(
                isinstance(each, Answer) and each.rid == answer.rid and not each.ghost for each in on_way
            )
            if not same and answer.rid not in cut:
                arriving.append(answer)
        return tuple(arriving)

    def _return(self, holding: Holding) -> None:
        item, holding.calling = holding.calling, None
        assert item is not None
        replies = item != SIGN_OFF and self.scope.replies and not holding.telling
        holding.telling = False
        fields, accounted = holding.changes()
        holding.step(Returned(Change(out=(b"R" + item,) if replies else (), fields=fields), accounted))

    def _does(self, world: World, generation: int, event: object) -> World:
        holding = self._holding(world, generation)
        holding.step(event)
        return self._moved(world, generation, holding)

    def _node_hears(self, world: World, generation: int, request: ClientRequest | ClientSign) -> World:
        return self._does(self._without(world, request), generation, request)

    def _waits_too_long(self, world: World, generation: int, request: ClientRequest) -> World:
        return self._does(world, generation, RequestBroken(request))

    def _application_sends(self, world: World, generation: int) -> World:
        packet = b"P%d" % (world.pushed + 1)
        holding = self._holding(world, generation)
        holding.send(packet)
        return self._moved(world._replace(pushed=world.pushed + 1), generation, holding)

    def _node_reads(self, world: World, generation: int) -> World:
        holding = self._holding(world, generation)
        place = holding.desk.read + 1
        holding.desk = holding.desk._replace(read=place)
        packet = b"L%d" % place
        if self.scope.mirror:
            holding.step(Sent((packet,), (("path", b"%d" % place),), ALL))
        else:
            holding.step(Published("path", Position("epoch", place), packet))
        return self._moved(world, generation, holding)

    def _wait_is_over(self, world: World, generation: int) -> World:
        holding = self._holding(world, generation)
        holding.wait_is_over()
        return self._moved(world, generation, holding)

    def _handler_waits(self, world: World, generation: int) -> World:
        return self._does(world, generation, Yielded())

    def _handler_returns(self, world: World, generation: int) -> World:
        holding = self._holding(world, generation)
        self._return(holding)
        return self._moved(world, generation, holding)

    def _lease_over(self, world: World, generation: int) -> World:
        holders = [
            each._replace(leased=False) if record_of(each).generation == generation else each
            for each in world.holders
        ]
        return self._spent(world._replace(holders=tuple(holders)), Budget.LEASES)

    def _lease_renewed(self, world: World, generation: int) -> World:
        holding = self._holding(world, generation)
        holding.leased = holding.machine.leased = True
        holding.step(Renewed())
        return self._moved(world, generation, holding)

    def _node_learns_that_the_engine_was_away(self, world: World, generation: int) -> World:
        return self._does(world, generation, Renewed())

    def _drain(self, world: World, generation: int) -> World:
        holding = self._holding(world, generation)
        if holding.touched:
            holding.send()
        holding.step(Drain())
        return self._spent(self._moved(world, generation, holding), Budget.DRAINS)

    # -- receipts

    def _node_records_receipts(self, world: World, generation: int) -> World:
        holding = self._holding(world, generation)
        holding.send()
        return self._moved(world, generation, holding)

    def _receipt_begins(self, world: World, generation: int, number: int) -> World:
        holding = self._holding(world, generation)
        holding.begin(number)
        return self._moved(world, generation, holding)

    def _receipt_is_given(self, world: World, generation: int, number: int, receipt: str) -> World:
        holding = self._holding(world, generation)
        holding.receiving = number
        return self._moved(given(world, receipt, generation), generation, holding)

    def _receipt_was_given(self, world: World, generation: int) -> World:
        holding = self._holding(world, generation)
        holding.finish(holding.receiving)
        return self._moved(world, generation, holding)

    def _end(self, world: World, generation: int) -> World:
        return self._spent(self._does(world, generation, End("timeout", SIGN_OFF)), Budget.ENDS)

    def _node_learns_that_it_is_no_owner(self, world: World, generation: int) -> World:
        holding = self._holding(world, generation)
        holding.forwarded = requests_of(holding.frozen())
        return self._moved(world, generation, holding)

    def _crash(self, world: World, generation: int) -> World:
        holders = tuple([each for each in world.holders if record_of(each).generation != generation])
        return self._spent(world._replace(holders=holders), Budget.CRASHES)

    def _node_sends_its_change_again(self, world: World, generation: int) -> World:
        [holder] = [each for each in world.holders if record_of(each).generation == generation]
        change, record = under_way(holder), record_of(holder)
        assert change is not None
        again = Operation(generation, record.version, change, False, None)
        return world._replace(operations=(*world.operations, again))

    # -- the engine

    def _publish(self, world: World) -> World:
        return world._replace(engine=world.engine._replace(log=world.engine.log + 1))

    def _adopt(self, world: World) -> World:
        record = world.engine.record
        assert record is not None
        adopted = self.parts.adopted(record, "node", record.generation)
        assert adopted is not None
        machine = self._machine(adopted, adopted=True, handling=self.scope.handling)
        receipts = dict(adopted.fields).get("receipts")
        had = self.parts.receipts(*read_due(receipts)) if self.scope.receipts else None
        dying = () if had is None else tuple([each.number for each in had.interrupted])
        holding = Holding(machine, Holder(()).desk, None, leased=True, receipts=had, dying=dying)
        holding.start()
        world = world._replace(engine=world.engine._replace(record=adopted, before=record))
        return self._moved(world, adopted.generation, holding)

    def _lose(self, world: World) -> World:
        engine = world.engine
        engine = engine._replace(record=engine.before, before=None, lost=True)
        return self._spent(world._replace(engine=engine), Budget.LOSSES)

    def _copy_operation(self, world: World, operation: Operation) -> World:
        copy = operation._replace(copy=True)
        return self._spent(world._replace(operations=(*world.operations, copy)), Budget.OPERATIONS)

    def _engine_does(self, world: World, operation: Operation) -> World:
        engine = world.engine
        if isinstance(operation.what, Record):
            verdict, record = self.parts.restored(engine.record, operation.what)
            before = None
        else:
            verdict, record = self.parts.committed(
                engine.record, operation.generation, operation.version, operation.what
            )
            before = engine.record
        if record is not engine.record:
            engine = engine._replace(record=record, before=before)
            engine = recorded(engine, world)
        operations = [each for each in world.operations if each is not operation]
        told = verdict if self.parts.stands(verdict, lacking=engine.lost) else None
        operations.append(operation._replace(reply=told))
        return world._replace(engine=engine, operations=tuple(operations))

    def _engine_answers(self, world: World, operation: Operation) -> World:
        operations = [each for each in world.operations if each is not operation]
        world = world._replace(operations=tuple(operations))
        for holder in world.holders:
            record = record_of(holder)
            if (record.generation, record.version) == (operation.generation, operation.version):
                if under_way(holder) is None:
                    break
                assert operation.reply is not None
                kind = Restored if isinstance(operation.what, Record) else Committed
                return self._does(world, operation.generation, kind(operation.reply))
        return world

    def tell(self, moves: Sequence[Move]) -> list[str]:
        """Say what has happened."""
        return [", ".join([str(part) for part in move]) for move in moves]
