"""An auction as an actor on Trio: calls with answers, answers that come later, timers and monitors.

python examples/auction.py
"""

from __future__ import annotations

from typing import Any, NamedTuple

import trio

from cometary.actors import Actor, ActorRef, Down, Future, system


class Bid(NamedTuple):
    """Someone offers so much."""

    bidder: str
    amount: int


class WhoWins(NamedTuple):
    """Someone wants to know the winning bid, and waits for the end of the auction."""


class Closing(NamedTuple):
    """The time is up."""


class Auction(Actor):
    """Sells to the highest bidder; ends when nobody has bid for a while.

    Args:
        item: what is sold.
        patience: seconds without a bid after which it ends.
    """

    def __init__(self, item: str, patience: float) -> None:
        super().__init__()
        self.item = item
        self._patience = patience
        self._best = Bid("nobody", 0)
        self._waiting: list[Future[Bid]] = []
        self._closing = self.timer(Closing())

    def on_start(self) -> None:
        """Let the time run."""
        self._closing.start(self._patience)

    def on_receive(self, message: Any) -> Any:
        """Take a bid, a question, or the end."""
        if isinstance(message, Bid):
            return self._take(message)
        if isinstance(message, WhoWins):
            self._waiting.append(self.reply_later())
        elif isinstance(message, Closing):
            self.stop()
        return None

    def on_stop(self) -> None:
        """Answer all who wait."""
        for reply in self._waiting:
            reply.set(self._best)

    def _take(self, bid: Bid) -> Bid:
        if bid.amount <= self._best.amount:
            # The bidder gets this; the auction goes on.
            raise ValueError(f"{bid.amount} is not more than {self._best.amount}")
        self._best = bid
        self._closing.start(self._patience)
        return bid


class Porter(Actor):
    """Notes which auctions are over, however they ended."""

    def __init__(self) -> None:
        super().__init__()
        self.over: list[str] = []

    def on_receive(self, message: Any) -> None:
        """Watch an auction, or hear of its end."""
        if isinstance(message, Down):
            self.over.append(message.exit.reason)
        else:
            self.monitor(message)


async def main() -> None:
    """Sell a comet."""
    async with system():
        auction: ActorRef[Auction] = Auction.start("a comet", patience=0.2)
        porter = Porter.start()
        porter.tell(auction)
        winner = auction.ask(WhoWins())
        print("accepted:", await auction.ask(Bid("Ada", 10)))
        try:
            await auction.ask(Bid("Bob", 5))
        except ValueError as error:
            print("refused: ", error)
        print("accepted:", await auction.ask(Bid("Bob", 15)))
        print("sold to: ", await winner)
        await auction.stopped()
        print("ended:   ", *await porter.proxy().over)


if __name__ == "__main__":
    trio.run(main)
