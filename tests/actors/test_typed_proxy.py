"""Proxies whose attributes type checkers know; what they let type checkers find is in `tests/typing`."""

from __future__ import annotations

from typing import Any

import pytest

from cometary.actors import Actor, ActorDeadError, ActorSystem, Future, Proxy, proxy_field, proxy_method
from cometary.supervision import ChildSpec, supervise
from tests.supervision.company import child, settled


class Account(Actor):
    balance = 0

    async def on_receive(self, message: Any) -> Any:
        raise LookupError(message)

    def deposit(self, amount: int) -> int:
        self.balance += amount
        return self.balance

    async def audit(self, year: int) -> str:
        return f"{year}: {self.balance}"


class AccountProxy(Proxy[Account]):
    bring = proxy_method(Account.deposit)
    audit = proxy_method(Account.audit)
    balance: Future[int] = proxy_field()


async def test_methods_and_attributes_are_those_of_the_actor(actor_system: ActorSystem) -> None:
    account = AccountProxy(Account.start())
    assert await account.bring(3) == 3
    assert await account.balance == 3
    assert await account.audit(2026) == "2026: 3"


async def test_it_is_for_whichever_incarnation_lives(actor_system: ActorSystem) -> None:
    async with supervise([ChildSpec("account", Account)]) as root:
        account = AccountProxy(await child(root, "account"))
        await account.bring(3)
        account.actor_ref.tell("a bill of three")
        await settled()
        assert await account.balance == 0


async def test_nothing_is_set_through_it(actor_system: ActorSystem) -> None:
    account: Any = AccountProxy(Account.start())
    for name in ("bring", "balance"):
        with pytest.raises(AttributeError, match=r"call a method that sets (deposit|balance)"):
            setattr(account, name, 7)


async def test_there_is_none_to_an_actor_that_has_ended(actor_system: ActorSystem) -> None:
    ref = Account.start()
    await ref.stop()
    with pytest.raises(ActorDeadError):
        AccountProxy(ref)
