"""The auction of the documentation does what the documentation says."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import trio

from cometary.actors import Actor, ActorDeadError, ActorRef, ActorSystem
from cometary.testing import Probe, explore_orders
from examples.auction import Auction, Bid, WhoWins

PROGRAM = Path(__file__).parents[2] / "examples" / "auction.py"


async def test_the_highest_bid_wins_when_nobody_has_bid_for_a_while(actor_system: ActorSystem) -> None:
    auction = Auction.start("a comet", patience=60)
    winner = auction.ask(WhoWins())
    await trio.sleep(59)
    await auction.ask(Bid("Ada", 10))
    await trio.sleep(59)
    await auction.ask(Bid("Bob", 15))
    assert await winner == Bid("Bob", 15)
    assert trio.current_time() == pytest.approx(178)
    with pytest.raises(ActorDeadError):
        await auction.ask(Bid("Ada", 20))


async def test_it_ends_when_nobody_bids(probe: Probe) -> None:
    auction = Auction.start("a comet", patience=60)
    probe.watch(auction)
    await probe.expect_nothing(for_=59)
    await probe.expect_down(auction, reason="normal", within=2)


async def test_a_bid_that_is_too_low_is_refused_and_changes_nothing(actor_system: ActorSystem) -> None:
    auction = Auction.start("a comet", patience=60)
    winner = auction.ask(WhoWins())
    await auction.ask(Bid("Ada", 10))
    with pytest.raises(ValueError, match="10 is not more than 10"):
        await auction.ask(Bid("Bob", 10))
    assert await winner == Bid("Ada", 10)


class Bidder(Actor):
    """Bids whatever it is told to, and does not mind being refused."""

    def __init__(self, name: str, auction: ActorRef[Auction]) -> None:
        super().__init__()
        self.name = name
        self.auction = auction

    def on_receive(self, message: int) -> None:
        """Bid so much."""
        self.auction.ask(Bid(self.name, message))


@explore_orders(runs=30)
async def test_the_highest_bid_wins_in_whatever_order_bids_come(probe: Probe) -> None:
    auction = Auction.start("a comet", patience=60)
    probe.watch(auction)
    winner = auction.ask(WhoWins())
    for amount, name in enumerate(("Ada", "Bob", "Cat", "Dan"), start=1):
        Bidder.start(name, auction).tell(amount)
    assert await winner == Bid("Dan", 4)
    await probe.expect_down(auction, reason="normal")


def test_the_program_runs(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(PROGRAM), run_name="__main__")
    assert capsys.readouterr().out.splitlines() == [
        "accepted: Bid(bidder='Ada', amount=10)",
        "refused:  5 is not more than 10",
        "accepted: Bid(bidder='Bob', amount=15)",
        "sold to:  Bid(bidder='Bob', amount=15)",
        "ended:    normal",
    ]
