"""What a client says about itself in each request, so that any node can go on with its session.

1.  A request says which generation is the highest that its client has seen, so that a node that was taken to be dead
    hears of it.
2.  It says up to which id requests were answered (`done`): these and all before them were processed, since that goes in
    the order of the ids (R6). The node that adopts the session knows of no request without packets.
3.  It says where its client is (`at`), which came with the last answer whose packets were all new or the last.
4.  Packets in an answer of an older generation than the highest seen are dropped: another node has begun to number from
    what the client had then (R5). The answer still counts as one.

Pure, and a value.
"""

from __future__ import annotations

from typing import NamedTuple


class Resumption(NamedTuple):
    """What a client keeps for that.

    Attributes:
        generation: the highest that it has seen.
        at: where it is, as it was told; None before it was told anything.
        done: the highest id of a request that was answered.
    """

    generation: int
    at: str | None = None
    done: int = 0

    def answered(self, rid: int) -> Resumption:
        """Take note that the request with the id `rid` was answered (rule 2)."""
        return self._replace(done=max(self.done, rid))

    def counts(self, generation: int) -> bool:
        """Whether packets count that come in an answer of this generation (rule 4)."""
        return generation >= self.generation

    def got(self, generation: int, last: int, ack: int, at: str | None) -> Resumption:
        """Take note of an answer whose packets count.

        Args:
            generation: of the answer.
            last: the number of its last packet.
            ack: the number of the last packet that the client had before.
            at: where the client is after its last packet.
        """
        moved = last > ack and at is not None
        return self._replace(generation=max(self.generation, generation), at=at if moved else self.at)
