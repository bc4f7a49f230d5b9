"""Programs with actors that type checkers have to refuse, in each line that ends with `# wrong`, and in no other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_type

from cometary.actors import Actor, ActorRef, Bounded, Call, Future, Proxy, ask, proxy_field, proxy_method


@dataclass(frozen=True)
class Balance(Call[int]):
    account: str


class Bank(Actor):
    def __init__(self, accounts: int, *, name: str = "bank") -> None:
        super().__init__()
        self.accounts = accounts
        self.name = name

    def on_receive(self, message: Any) -> Any:
        return len(str(message)) + self.accounts

    def deposit(self, amount: int, *, note: str = "") -> int:
        return self.accounts + amount + len(note)

    async def audit(self, year: int) -> str:
        return str(year)


class Savings(Bank):
    pass


class Vault(Actor): ...


class BankProxy(Proxy[Bank]):
    deposit = proxy_method(Bank.deposit)
    audit = proxy_method(Bank.audit)
    name: Future[str] = proxy_field()


def audit(bank: ActorRef[Bank]) -> None:
    bank.tell("audit")


def audited(text: str, number: float | None) -> None: ...


# -- right ---------------------------------------------------------------------------------

bank = Bank.start(3, name="ours")
assert_type(bank, ActorRef[Bank])
assert_type(Bank.with_name("bank").with_mailbox(Bounded(10)).start(3), ActorRef[Bank])
assert_type(bank.ask(Balance("ada")), Future[int])
assert_type(bank.ask(Balance("ada"), block=True, timeout=1), int)
assert_type(bank.ask("anything", block=False), Future[Any])
assert_type(bank.stop(block=True), bool)
audit(Savings.start(3))
assert_type(bank.proxy().deposit, Any)
ours = BankProxy(Savings.start(3))
assert_type(ours.deposit(3, note="first"), Future[int])
assert_type(ours.audit(2026), Future[str])
assert_type(ours.name, Future[str])


async def right(teller: Bank) -> None:
    assert_type(await Bank.start_async(3), ActorRef[Bank])
    assert_type(await bank.ask(Balance("ada")), int)
    assert_type(await ask("bank", Balance("ada"), timeout=1), int)
    assert_type(ask("bank", Balance("ada"), block=True), int)
    number: float | None = await bank.ask(Balance("ada"))
    text: str = await bank.ask("anything")
    audited(text, number)
    assert_type(teller.start_linked(Savings, 3), ActorRef[Savings])
    assert_type(teller.start_linked(Savings.with_name("savings"), 3, name="x"), ActorRef[Savings])


# -- wrong ---------------------------------------------------------------------------------

Bank.start()  # wrong
Bank.start("3")  # wrong
Bank.start(3, nam="ours")  # wrong
Bank.with_name("bank").start("3")  # wrong
Bank.with_mailbox(Bounded(10)).start()  # wrong


async def wrong(teller: Bank) -> None:
    await Bank.start_async("3")  # wrong
    teller.start_linked(Savings, "3")  # wrong
    teller.start_linked(Savings.with_name("savings"))  # wrong
    (await bank.ask(Balance("ada"))).upper()  # wrong
    text: str = await bank.ask(Balance("ada"))  # wrong
    audited(await bank.ask(Balance("ada")), 1)  # wrong
    named: str = await ask("bank", Balance("ada"))  # wrong
    blocking: str = ask("bank", Balance("ada"), block=True)  # wrong
    audited(text, len(named + blocking))


text: str = bank.ask(Balance("ada"), block=True)  # wrong
bank.ask(Balance(7))  # wrong
BankProxy(Vault.start())  # wrong
ours.deposit("3")  # wrong
ours.deposit(3, 4)  # wrong
ours.audit()  # wrong
ours.overdraw(3)  # wrong
ours.name = "theirs"  # wrong
