"""A supervisor against a naive model of OTP's rules, with arbitrary children and arbitrary ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from cometary.actors import system
from cometary.supervision import ChildSpec, Supervisor, restart_child, terminate_child, which_children
from tests.supervision.company import Clerk, Diary, Worker, assert_deserted, settled

RESTARTS = ["permanent", "transient", "temporary"]
STRATEGIES = ["one_for_one", "one_for_all", "rest_for_one"]
DEEDS = ["leave", "crash", "kill", "terminate", "restart"]
INTENSITY = 4

children_of = st.lists(st.tuples(st.sampled_from(RESTARTS), st.booleans()), min_size=1, max_size=5)
deeds_on = st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(0, 4)), max_size=12)


@dataclass
class Model:
    """What OTP's manual says, as plainly as possible; time stands still, so every restart counts.

    Attributes:
        strategy: who is restarted together.
        restart: the restart type of each child that has a specification, in order of start.
        running: who lives.
        events: what happened to whom.
    """

    strategy: str
    restart: dict[str, str]
    running: set[str] = field(default_factory=set[str])
    events: list[str] = field(default_factory=list[str])
    restarts: int = 0
    ended: bool = False

    def start(self, name: str) -> None:
        self.running.add(name)
        self.events.append(f"start {name}")

    def stop(self, name: str) -> None:
        if name in self.running:
            self.running.remove(name)
            self.events.append(f"stop {name}")

    def forget_if_temporary(self, name: str) -> None:
        if self.restart[name] == "temporary":
            del self.restart[name]

    def do(self, deed: str, name: str) -> None:
        """Do one thing to one child."""
        if self.ended or name not in self.restart:
            return
        if deed == "restart":
            if name not in self.running:
                self.start(name)
        elif deed == "terminate":
            self.stop(name)
            self.forget_if_temporary(name)
        elif name in self.running:
            self.end(deed, name)

    def end(self, deed: str, name: str) -> None:
        """Let a child end by itself."""
        if deed == "leave":
            self.stop(name)
        else:
            self.running.remove(name)
        kind = self.restart[name]
        if kind == "permanent" or (kind == "transient" and deed != "leave"):
            self.restart_with_others(name)
        else:
            self.forget_if_temporary(name)

    def restart_with_others(self, name: str) -> None:
        """Restart a child and whom the strategy restarts with it, unless that is one too many."""
        self.restarts += 1
        if self.restarts > INTENSITY:
            for each in reversed(self.restart):
                self.stop(each)
            self.ended = True
            return
        names = list(self.restart)
        first = {"one_for_all": 0, "rest_for_one": names.index(name), "one_for_one": names.index(name)}
        group = [name] if self.strategy == "one_for_one" else names[first[self.strategy] :]
        for each in reversed(group):
            if each != name:
                self.stop(each)
                self.forget_if_temporary(each)
        for each in group:
            if each in self.restart:
                self.start(each)


@pytest.mark.parametrize("strategy", STRATEGIES)
@settings(max_examples=120)
@given(children=children_of, deeds=deeds_on)
def test_it_does_what_the_model_does(
    strategy: str, children: list[tuple[str, bool]], deeds: list[tuple[str, int]]
) -> None:
    names = [str(number) for number in range(len(children))]
    model = Model(strategy, dict(zip(names, (restart for restart, _ in children), strict=True)))
    for name in names:
        model.start(name)
    trio.run(_play, strategy, children, [(deed, str(number)) for deed, number in deeds], model)


async def _play(
    strategy: Any, children: list[tuple[Any, bool]], deeds: list[tuple[str, str]], model: Model
) -> None:
    diary = Diary()
    specs = [
        ChildSpec(str(number), Clerk if asynchronous else Worker, (str(number), diary), restart=restart)
        for number, (restart, asynchronous) in enumerate(children)
    ]
    async with system() as actors:
        supervisor = await Supervisor.start_async(specs, strategy=strategy, intensity=INTENSITY, period=1000)
        for deed, name in deeds:
            if supervisor.is_alive():
                await _do(supervisor, deed, name)
            model.do(deed, name)
            assert diary == model.events
            assert supervisor.is_alive() is not model.ended
        if not model.ended:
            infos = await which_children(supervisor)
            assert [info.id for info in infos] == list(model.restart)
            assert {info.id for info in infos if info.ref is not None} == model.running
            await supervisor.stop()
        assert_deserted(actors)


async def _do(supervisor: Any, deed: str, name: str) -> None:
    info = next((info for info in await which_children(supervisor) if info.id == name), None)
    if info is None:
        return
    if deed == "terminate":
        await terminate_child(supervisor, name)
    elif deed == "restart":
        if info.state == "stopped":
            await restart_child(supervisor, name)
    elif info.ref is not None:
        if deed == "kill":
            info.ref.kill()
        else:
            info.ref.tell(deed)
    await settled()
