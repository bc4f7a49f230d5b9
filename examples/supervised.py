"""A supervised program: tills that may crash, a ledger that must not forget, and a queue of customers.

python examples/supervised.py
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import trio

from cometary.actors import Actor, ActorRef, system
from cometary.supervision import (
    ChildSpec,
    CrashReport,
    DynamicSupervisor,
    TreeNode,
    start_child,
    subscribe,
    supervise,
    tree,
    which_children,
)

CUSTOMERS = (("ann", "3.50"), ("bob", "one pound"), ("cat", "2.25"), ("bob", "1.00"))


class Ledger(Actor):
    """Adds up what the tills take in.

    Args:
        sums: what each customer has paid; it outlives this actor, so a restart forgets nothing.
    """

    def __init__(self, sums: dict[str, float]) -> None:
        super().__init__()
        self.sums = sums

    def on_receive(self, message: tuple[str, float]) -> None:
        """Note what a customer has paid."""
        customer, amount = message
        self.sums[customer] = self.sums.get(customer, 0.0) + amount


class Till(Actor):
    """Serves one customer; crashes when the money is not a number."""

    def __init__(self, customer: str, ledger: ActorRef[Ledger]) -> None:
        super().__init__()
        self.customer = self.display_name = customer
        self.ledger = ledger

    def on_receive(self, message: str) -> None:
        """Take in some money."""
        self.ledger.tell((self.customer, float(message)))

    def crash_state(self) -> object:
        """Tell a crash report whom this till was serving."""
        return {"customer": self.customer}

    @staticmethod
    def format_message(message: object) -> str:
        """Keep what a customer hands over out of the logs."""
        return f"a payment of {len(str(message))} characters"


async def serve(customers: Iterable[tuple[str, str]], tills: ActorRef[Any], ledger: ActorRef[Any]) -> None:
    """Let the customers pay, one after the other; everyone has a till of his own."""
    open_tills: dict[str, ActorRef[Any]] = {}
    for customer, money in customers:
        if customer not in open_tills:
            open_tills[customer] = await start_child(tills, Till, customer, ledger)
        open_tills[customer].tell(money)


def outline(node: TreeNode, depth: int = 0) -> list[str]:
    """Draw a tree, one line for each place in it."""
    line = f"{'  ' * depth}{node.id} ({node.actor}, {node.state}, restarts: {node.restarts})"
    return [line, *(below for child in node.children for below in outline(child, depth + 1))]


async def run(customers: Iterable[tuple[str, str]]) -> tuple[dict[str, float], list[str], list[CrashReport]]:
    """Run the shop for some customers; returns what they paid, the tree at the end, and the crashes."""
    sums: dict[str, float] = {}
    crashes: list[CrashReport] = []
    children = [
        ChildSpec("ledger", Ledger, (sums,)),
        ChildSpec("tills", DynamicSupervisor, kwargs={"per": "child", "max_children": 100}),
    ]
    async with system(), supervise(children, id="shop", strategy="rest_for_one") as shop:
        subscribe(shop, crashes.append)
        refs = {child.id: child.ref for child in await which_children(shop)}
        ledger, tills = refs["ledger"], refs["tills"]
        if ledger is not None and tills is not None:
            await serve(customers, tills, ledger)
        await trio.sleep(0.1)  # for the last payment to be noted
        return sums, outline(tree(shop)), crashes


if __name__ == "__main__":
    logging.basicConfig(format="%(levelname)s %(message)s")
    paid, drawing, crashes_seen = trio.run(run, CUSTOMERS)
    print(*drawing, sep="\n")
    print(paid)
    for crash in crashes_seen:
        print(f"{crash.state}: {crash.error}, {crash.action}")
