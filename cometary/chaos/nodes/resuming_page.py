"""A page whose session outlives its node, and whose requests go to whichever node is next.

1.  With each request it says how far it has come, as `cometary.cluster.resumption` has it.
2.  An answer that has overtaken the one before it is ignored, and so is one from a node that has been replaced: its
    packets come again.
3.  Its connections are the balancer's. A request that no node has answered is made again a moment later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from cometary.chaos.application import BEAT
from cometary.chaos.habits import NOTICING
from cometary.chaos.line import Line
from cometary.chaos.nodes.application import FAILED
from cometary.chaos.nodes.moves import Moving
from cometary.chaos.nodes.node_ledger import NodeLedger
from cometary.chaos.page import Page
from cometary.client.line import members_of
from cometary.cluster.resumption import Resumption

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from cometary.chaos.habits import Habits
    from cometary.chaos.ledger import Ledger
    from cometary.chaos.plan import Plan
    from cometary.chaos.shared import Shared, Target
    from cometary.chaos.wire import Reply
    from cometary.client.bodies import Answer, Packet, Welcome

GAP: Final = "::gap"
NOT_RECORDED: Final = "sessions are not recorded: they would not outlive their node"

PATIENCE: Final = 10.0
"""Seconds for an answer, beyond those for which a request may be held: what clients have."""


class ResumingPage(Page):
    """One page; for the arguments see `Page`."""

    def __init__(self, plan: Plan, target: Target, habits: Habits, chance: Random, shared: Shared) -> None:
        self._moves = shared.moves
        super().__init__(plan, target, habits, chance, shared)
        self._resumption = Resumption(0)
        self._moving = Moving(shared.moves)
        self.patience = PATIENCE

    def _new_ledger(self) -> Ledger:
        self._books = NodeLedger(self._moves, trio.current_time)
        return self._books

    def _new_line(self) -> Line:
        assert self._shared.balancer is not None  # noqa: S101 - the bench has one in modes with such pages
        return BalancedLine(self, self._chance)

    def _wishes(self) -> bytes:
        return super()._wishes() + b',"resume":true'

    def _welcomed(self, welcome: Welcome, rid: int) -> None:
        super()._welcomed(welcome, rid)
        self._resumption = Resumption(welcome.gen, None, rid)
        self.patience = welcome.wait + PATIENCE
        if not welcome.gen:
            self._shared.give_up(NOT_RECORDED)

    def _says(self) -> bytes:
        return members_of(self._resumption)

    def _new_of(self, rid: int, answer: Answer) -> Sequence[Packet]:
        """See `Page._new_of` (rule 2)."""
        before = self._resumption
        says, ack = before.answered(rid), self._conversation.ack
        left = answer.seq > ack + 1 or not says.counts(answer.gen)
        if not left:
            says = says.got(answer.gen, answer.seq + len(answer.packets) - 1, ack, answer.at)
        self._resumption = says
        if says.generation > before.generation:
            self._moving.moved(self._books.sent)
            self._moving.answered_up_to(self._books.known, trio.current_time())
        return self._conversation.answered(0 if left else answer.seq, [] if left else answer.packets)

    def _note(self, packets: Sequence[Packet]) -> None:
        super()._note(packets)
        self._moving.answered_up_to(self._books.known, trio.current_time())

    def _note_one(self, packet: Packet) -> None:
        if packet.path == FAILED:
            self._books.failed(packet.message)
        elif packet.path == GAP and packet.message["path"].startswith(BEAT):
            self._books.gap()
        else:
            super()._note_one(packet)

    async def exchange(self, data: bytes, written: Callable[[], None]) -> Reply | None:
        """Have a request answered by any node (rule 3)."""
        balancer = self._shared.balancer
        assert balancer is not None  # noqa: S101 - see `_new_line`
        with trio.move_on_after(self.patience):
            reply = await balancer.exchange(data, written)
            if reply is not None:
                return reply
        self._moves.unanswered += 1
        self.lost_line()
        await trio.sleep(self._chance.uniform(*NOTICING))
        return None


class BalancedLine(Line):
    """Takes the place of a connection: the balancer has those.

    Args:
        page: whose it is.
        chance: what its troubles would follow from; it has none of its own.
    """

    def __init__(self, page: ResumingPage, chance: Random) -> None:
        super().__init__(page, chance)
        self._resuming = page

    async def exchange(self, data: bytes, written: Callable[[], None]) -> Reply | None:
        """See `Line.exchange`."""
        return await self._resuming.exchange(data, written)
