"""A supervised bank: one account crashes and begins anew, the others notice nothing."""

from typing import NamedTuple

import trio

from cometary.actors import Actor, ask, send, system
from cometary.supervision import ChildSpec, DynamicSupervisor, start_child, supervise


class Deposit(NamedTuple):
    """Bring money; the answer is the balance."""

    amount: int


class Withdraw(NamedTuple):
    """Take money; the answer is the balance."""

    amount: int


class Account(Actor):
    """Keeps the money of one customer."""

    balance = 0

    def on_receive(self, message: object) -> int:
        """Do what the customer wants."""
        match message:
            case Deposit(amount) if amount >= 0:
                self.balance += amount
            case Withdraw(amount) if amount <= self.balance:
                self.balance -= amount
            case Withdraw():
                raise ValueError("insufficient funds")
            case _:
                raise TypeError(message)
        return self.balance


async def open_account(owner: str) -> None:
    """Open an account, known by the name of its owner."""
    await start_child("accounts", ChildSpec(owner, Account, name=owner))


async def transfer(giver: str, receiver: str, amount: int) -> None:
    """Move money, unless there is not enough."""
    await ask(giver, Withdraw(amount))
    await ask(receiver, Deposit(amount))


async def main() -> None:
    """Open the bank for a moment."""
    accounts = ChildSpec("accounts", DynamicSupervisor, name="accounts")
    async with system(), supervise([accounts]):
        for owner in ("ann", "bob"):
            await open_account(owner)
        await ask("ann", Deposit(10))
        await transfer("ann", "bob", 3)
        try:
            await transfer("ann", "bob", 100)
        except ValueError as error:
            print(error)
        send("bob", "a bill of three")
        print(await ask("ann", Deposit(0)), await ask("bob", Deposit(0)))


if __name__ == "__main__":
    trio.run(main)
