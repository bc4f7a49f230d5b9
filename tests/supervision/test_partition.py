"""Partitions: each key has one, they fail apart, and they are counted together."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from cometary.actors import Actor, ActorRef
from cometary.errors import ChildStateError, SpecError, StartIgnoredError
from cometary.supervision import (
    ChildCount,
    ChildSpec,
    DynamicSupervisor,
    PartitionSupervisor,
    count_children,
    count_partitioned,
    delete_child,
    partition,
    restart_child,
    start_child,
    terminate_child,
    tree,
    which_children,
)
from cometary.supervision.partition import partition_number
from tests.supervision.company import (
    Diary,
    Sleeper,
    Worker,
    child,
    company,
    leaving_nothing,
    settled,
    worker,
)


def crowds(partitions: int = 4, **options: Any) -> ChildSpec:
    crowd = ChildSpec("crowd", DynamicSupervisor, kwargs=options)
    return ChildSpec("crowds", PartitionSupervisor, (crowd,), {"partitions": partitions})


async def start_by_key(supervisor: ActorRef[Any], diary: Diary, *keys: str) -> dict[str, ActorRef[Any]]:
    return {key: await start_child(partition(supervisor, key), Worker, key, diary) for key in keys}


def keys_of_two_partitions(partitions: int = 4) -> tuple[str, str]:
    first = "a"
    return first, next(
        key for key in "bcdefgh" if partition_number(key, partitions) != partition_number(first, partitions)
    )


async def test_all_partitions_are_started_in_the_same_way() -> None:
    async with company(crowds(3)) as root:
        supervisor = await child(root, "crowds")
        infos = await which_children(supervisor)
        assert [(info.id, info.kind) for info in infos] == [(number, "supervisor") for number in "012"]
        assert [node.actor for node in tree(supervisor).children] == ["DynamicSupervisor"] * 3


def numbered(args: tuple[Any, ...], number: int) -> tuple[Any, ...]:
    return (f"{args[0]}{number}", *args[1:])


async def test_each_may_have_arguments_of_its_own() -> None:
    diary = Diary()
    spec = ChildSpec(
        "it",
        PartitionSupervisor,
        (worker("w", diary),),
        {"partitions": 2, "with_arguments": numbered},
    )
    async with company(spec):
        assert diary.read() == ["start w0", "start w1"]
    assert diary == ["stop w1", "stop w0"]


async def test_a_key_has_the_same_partition_every_time() -> None:
    async with company(crowds()) as root:
        supervisor = await child(root, "crowds")
        refs = {info.ref for info in await which_children(supervisor)}
        keys = [*map(str, range(100)), *range(100), ("a", 1), b"bytes", None, "\ud800"]
        chosen = [partition(supervisor, key) for key in keys]
        assert set(chosen) == refs
        assert [partition(supervisor, key) for key in keys] == chosen


@given(st.one_of(st.integers(), st.text(), st.binary(), st.tuples(st.text())), st.integers(1, 100))
def test_every_key_has_a_partition(key: Any, partitions: int) -> None:
    assert 0 <= partition_number(key, partitions) < partitions


def test_strings_have_the_same_partition_in_every_run() -> None:
    assert [partition_number(key, 1000) for key in ("0", "1", b"2", 12_003)] == [209, 583, 437, 3]


async def test_children_are_counted_together() -> None:
    diary = Diary()
    async with company(crowds(4)) as root:
        supervisor = await child(root, "crowds")
        assert await count_partitioned(supervisor) == ChildCount(0, 0, 0, 0)
        await start_by_key(supervisor, diary, *map(str, range(20)))
        assert await count_partitioned(supervisor) == ChildCount(20, 20, 0, 20)
        assert await count_children(supervisor) == ChildCount(4, 4, 4, 0)
        counts = [
            (await count_children(info.ref)).specs for info in await which_children(supervisor) if info.ref
        ]
        assert sum(counts) == 20
        assert max(counts) < 20
        await terminate_child(supervisor, "0")
        assert (await count_partitioned(supervisor)).specs == 20 - counts[0]


async def test_a_partition_that_gives_up_takes_its_own_children_only() -> None:
    diary = Diary()
    async with company(crowds(intensity=0)) as root:
        supervisor = await child(root, "crowds")
        one, other = keys_of_two_partitions()
        children = await start_by_key(supervisor, diary, one, other)
        responsible = partition(supervisor, one)
        children[one].tell("crash")
        await settled()
        assert not children[one].is_alive()
        assert children[other].is_alive()
        assert partition(supervisor, one) is responsible  # a new incarnation, behind the same reference
        again = await start_by_key(supervisor, diary, one)
        assert await again[one].ask("hello") == "hello"


async def test_a_partition_that_is_busy_holds_up_its_own_calls_only(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()
    async with company(crowds(shutdown=50)) as root:
        supervisor = await child(root, "crowds")
        one, other = keys_of_two_partitions()
        busy = await start_child(partition(supervisor, one), Sleeper, one, diary)
        busy.tell(1000)
        await settled()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(terminate_child, partition(supervisor, one), busy)
            await settled()
            began = trio.current_time()
            await start_by_key(supervisor, diary, other)
            assert trio.current_time() == began
            await start_by_key(supervisor, diary, one)
            assert trio.current_time() - began == 50


async def test_there_are_always_as_many_partitions() -> None:
    diary = Diary()
    async with company(crowds(2)) as root:
        supervisor = await child(root, "crowds")
        with pytest.raises(ChildStateError, match="root/crowds has 2 partitions, no more and no fewer"):
            await start_child(supervisor, worker("x", diary))
        await terminate_child(supervisor, "0")
        with pytest.raises(ChildStateError, match="no more and no fewer"):
            await delete_child(supervisor, "0")
        with pytest.raises(ChildStateError, match="root/crowds/0 is stopped"):
            partition(supervisor, 0)
        await restart_child(supervisor, "0")
        assert partition(supervisor, 0).is_alive()


async def test_a_partition_that_is_not_needed_is_there_for_nobody() -> None:
    class Idle(Actor):
        def on_start(self) -> None:
            raise StartIgnoredError

    house = ChildSpec("house", PartitionSupervisor, (ChildSpec("share", Idle),), {"partitions": 1})
    async with company(house) as root:
        supervisor = await child(root, "house")
        with pytest.raises(ChildStateError, match="root/house/0 is stopped"):
            partition(supervisor, 0)
        assert await count_partitioned(supervisor) == ChildCount(0, 0, 0, 0)


async def test_only_a_partition_supervisor_has_partitions() -> None:
    async with company() as root:
        with pytest.raises(ChildStateError, match="is no PartitionSupervisor that runs"):
            partition(root, "key")
        with pytest.raises(ChildStateError, match="is no PartitionSupervisor that runs"):
            await count_partitioned(root)


@pytest.mark.parametrize(
    ("args", "options", "complaint"),
    [
        (("a string",), {}, "a partition must be a ChildSpec, not 'a string'"),
        (
            (ChildSpec("x", DynamicSupervisor),),
            {"partitions": 0},
            "partitions must be a whole number, 1 or more",
        ),
        ((ChildSpec("x", DynamicSupervisor),), {"strategy": "none"}, "strategy must be one of"),
    ],
)
@leaving_nothing
async def test_a_wrong_option_is_refused(args: Any, options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        PartitionSupervisor.start(*args, **options)
