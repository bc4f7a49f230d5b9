"""Deliveries are made by the short steps, without the machine's table, unless somebody watches the machine."""

from __future__ import annotations

from unittest.mock import patch

from trio.testing import wait_all_tasks_blocked

from cometary.actors import ActorSystem
from cometary.app import App
from cometary.sessions import Packet, Session, SessionMachine
from tests.sessions.house import Visitor, hosting

STEPPED = AssertionError("the machine was stepped")


def echoing() -> App:
    app = App()

    @app.packet("echo")
    def echo(session: Session, path: str, message: object) -> None:
        session.send(path, message)

    return app


async def test_a_delivery_does_without_the_table(actor_system: ActorSystem) -> None:
    async with hosting(echoing()) as manager:
        visitor = Visitor(manager)
        held = await visitor.ask()
        with patch.object(SessionMachine, "step", side_effect=STEPPED):
            for number in range(3):
                manager.hub.post(visitor.keeper, Packet("to one", number))
                await wait_all_tasks_blocked()
                visitor.take(held)
                poll = await visitor.ask()
                held = await visitor.ask(Packet("echo", number))
                visitor.take(poll)
    assert visitor.got == [(path, number) for number in range(3) for path in ("to one", "echo")]


async def test_who_traces_a_session_is_told_of_the_commonest_steps_too(actor_system: ActorSystem) -> None:
    seen: list[str] = []
    async with hosting(echoing()) as manager:
        visitor = Visitor(manager)
        await visitor.ask()
        visitor.keeper.machine.observer = lambda _before, event, _after, _actions: seen.append(
            type(event).__name__
        )
        await visitor.ask(Packet("echo"))
    assert seen[:3] == ["Asked", "Packet", "Ready"]
