"""Specifications are checked when they are made; each mistake has a message of its own."""

from __future__ import annotations

import dataclasses
from functools import partial
from math import inf, nan
from typing import Any

import pytest
import trio

from cometary.actors import Actor, Bounded
from cometary.errors import MailboxFullError, SpecError, UsageError
from cometary.supervision import Backoff, ChildSpec, DynamicSupervisor, InThread, Supervisor, SupervisorSpec
from tests.supervision.company import Diary, Worker, child, company, leaving_nothing, tell, worker


class Nobody(Actor):
    def on_receive(self, message: Any) -> None: ...


async def function() -> None: ...


def plain() -> None: ...


class CallableObject:
    async def __call__(self) -> None: ...


def make_child(**fields: Any) -> ChildSpec:
    options: dict[str, Any] = {"id": "x", "start": Nobody, **fields}
    return ChildSpec(**options)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"id": ""}, "id must not be empty"),
        ({"id": 7}, "id must be a string, not 7"),
        (
            {"start": plain},
            "child 'x': start must be an Actor, a SupervisorSpec, an async function or InThread",
        ),
        ({"start": str}, "child 'x': start must be an Actor"),
        ({"start": len}, "child 'x': start must be an Actor"),
        ({"start": "Nobody"}, "child 'x': start must be an Actor"),
        ({"start": SupervisorSpec(), "args": (1,)}, "child 'x': a SupervisorSpec takes no args"),
        ({"start": SupervisorSpec(), "kwargs": {"a": 1}}, "child 'x': a SupervisorSpec takes no args"),
        ({"args": [1]}, r"child 'x': args must be a tuple, not \[1\]"),
        ({"kwargs": [1]}, r"child 'x': kwargs must be a mapping, not \[1\]"),
        ({"restart": "always"}, "restart must be one of permanent, transient, temporary, not 'always'"),
        ({"shutdown": -1}, "child 'x': shutdown must be 0 or more seconds, not -1"),
        ({"shutdown": "kill"}, "child 'x': shutdown must be one of brutal_kill, infinity, not 'kill'"),
        ({"shutdown": True}, "child 'x': shutdown must be a number of seconds, 0 or more, not True"),
        ({"shutdown": nan}, "child 'x': shutdown must be a number of seconds, 0 or more, not nan"),
        ({"start_timeout": 0}, "child 'x': start_timeout must be above 0 seconds, not 0"),
        ({"significant": True}, "child 'x' is significant and permanent"),
    ],
)
def test_a_wrong_child_is_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        make_child(**fields)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"strategy": "all_for_one"}, "strategy must be one of one_for_one, one_for_all, rest_for_one"),
        ({"intensity": -1}, "intensity must be a whole number, 0 or more, not -1"),
        ({"intensity": 1.5}, "intensity must be a whole number, 0 or more, not 1.5"),
        ({"period": 0}, "period must be above 0 seconds, not 0"),
        ({"period": "5"}, "period must be a number of seconds, above 0, not '5'"),
        ({"auto_shutdown": True}, "auto_shutdown must be one of never, any_significant, all_significant"),
        ({"backoff": 3}, "backoff must be a Backoff or None, not 3"),
        ({"children": [Nobody]}, "a child must be a ChildSpec, not <class"),
        ({"children": [ChildSpec("x", Nobody), ChildSpec("x", function)]}, "two children are called 'x'"),
        (
            {"children": [ChildSpec("x", Nobody, restart="transient", significant=True)]},
            "child 'x' is significant, but auto_shutdown is 'never'",
        ),
    ],
)
def test_a_wrong_supervisor_is_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        SupervisorSpec(**fields)


@leaving_nothing
async def test_a_supervisor_checks_its_options_like_its_specification() -> None:
    wrong: Any = "all_for_one"
    with pytest.raises(SpecError, match="strategy must be one of"):
        Supervisor.start([], strategy=wrong)


class Named(Actor):
    def __init__(self, name: str, *, loud: bool) -> None: ...


async def greet(name: str, *, task_status: object) -> None: ...


def obey(name: str, stopping: object) -> None: ...


@pytest.mark.parametrize(
    ("start", "args", "kwargs", "shown"),
    [
        (Named, (), {}, "Named(name, loud)"),
        (Named, ("Ada",), {}, "Named(name, loud)"),
        (Named, ("Ada", True), {}, "Named(name, loud)"),
        (Named, ("Ada",), {"loud": True, "quick": True}, "Named(name, loud)"),
        (greet, (), {}, "greet(name, task_status)"),
        (greet, ("Ada", 1), {}, "greet(name, task_status)"),
        (InThread(obey), (), {}, "obey(name, stopping)"),
        (partial(greet, "Ada"), ("Grace",), {}, "greet(task_status)"),
    ],
)
def test_arguments_with_which_a_child_could_never_start_are_refused(
    start: Any, args: tuple[object, ...], kwargs: dict[str, object], shown: str
) -> None:
    with pytest.raises(SpecError) as refused:
        ChildSpec("child", start, args, kwargs)
    assert (
        str(refused.value) == f"child 'child': {shown} cannot be called with args={args} and kwargs={kwargs}"
    )


@pytest.mark.parametrize(
    ("start", "args", "kwargs"),
    [
        (Named, ("Ada",), {"loud": True}),
        (greet, ("Ada",), {}),
        (InThread(obey), ("Ada",), {}),
        (partial(greet, name="Ada"), (), {}),
    ],
)
def test_arguments_with_which_it_can_start_are_taken(
    start: Any, args: tuple[object, ...], kwargs: dict[str, object]
) -> None:
    assert ChildSpec("child", start, args, kwargs).args is args


def test_a_plain_function_is_no_child_in_a_partial_either() -> None:
    with pytest.raises(SpecError, match="start must be an Actor"):
        ChildSpec("child", partial(obey, "Ada"), (None,))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_a_wrong_specification_is_a_usage_error() -> None:
    assert issubclass(SpecError, UsageError)


@pytest.mark.parametrize(
    ("start", "kind", "seconds", "start_seconds"),
    [
        (Nobody, "worker", 5, 30),
        (function, "task", 5, 30),
        (CallableObject(), "task", 5, 30),
        (SupervisorSpec(), "supervisor", inf, inf),
        (Supervisor, "supervisor", inf, inf),
        (DynamicSupervisor, "supervisor", inf, inf),
    ],
)
def test_the_defaults_follow_from_the_kind(
    start: Any, kind: str, seconds: float, start_seconds: float
) -> None:
    spec = ChildSpec("x", start)
    assert (spec.kind, spec.shutdown_seconds, spec.start_seconds) == (kind, seconds, start_seconds)


@pytest.mark.parametrize(
    ("shutdown", "seconds"), [("brutal_kill", 0), ("infinity", inf), (0, 0), (2.5, 2.5), (inf, inf)]
)
def test_shutdown_is_a_number_of_seconds_in_the_end(shutdown: Any, seconds: float) -> None:
    assert ChildSpec("x", Nobody, shutdown=shutdown).shutdown_seconds == seconds


def test_specifications_are_values() -> None:
    spec = ChildSpec("x", Nobody, (1,), {"a": 2}, restart="transient")
    assert spec == dataclasses.replace(spec)
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.restart = "permanent"  # type: ignore[misc]
    with pytest.raises(SpecError):
        dataclasses.replace(spec, restart="never")  # type: ignore[arg-type]


def test_the_options_of_a_specification_are_those_of_a_supervisor() -> None:
    spec = SupervisorSpec((), "rest_for_one", 7, 8.0, "any_significant", Backoff(1, 2))
    assert SupervisorSpec(spec.children, **spec.options()) == spec


async def test_a_child_gets_the_mailbox_of_its_specification_in_every_incarnation() -> None:
    diary = Diary()
    async with company(worker("a", diary, mailbox=Bounded(1)), intensity=10) as root:
        ref = await child(root, "a")
        for _ in range(2):
            ref.tell("x")
            with pytest.raises(MailboxFullError):
                ref.tell("y")
            await tell(root, "a", "crash")
        assert ref.mailbox_statistics().refused == 2


def test_only_an_actor_has_a_mailbox_to_choose() -> None:
    with pytest.raises(SpecError, match="only an actor's class has a mailbox to choose"):
        ChildSpec("task", trio.sleep_forever, mailbox=Bounded(1))
    with pytest.raises(SpecError, match="mailbox must be a Bounded or None"):
        ChildSpec("worker", Worker, ("worker", Diary()), mailbox=10)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]


def test_less_than_a_second_is_a_time_like_any_other() -> None:
    spec = ChildSpec("x", Nobody, shutdown=0.5, start_timeout=0.5)
    assert (spec.shutdown_seconds, spec.start_seconds) == (0.5, 0.5)
    assert SupervisorSpec(period=0.5, backoff=Backoff(0.1, 0.5)).period == 0.5
