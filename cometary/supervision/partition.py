"""Partitions: one specification, started several times, each responsible for its share of the keys.

With dynamic supervisors as partitions, one that is busy stopping a child, or that gives up
because children crash too often, holds up or takes down its share of the children only. All
partitions run on one loop: they share out blame and waiting, not processors.

Source: Elixir, `PartitionSupervisor`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any
from zlib import crc32

from cometary.actors import ActorRef
from cometary.actors.names import Whom
from cometary.actors.system import actor_meant
from cometary.errors import ChildStateError, SpecError
from cometary.supervision.calls import ChildCount, DeleteChild, StartChild, StartChildAsync, count_children
from cometary.supervision.options import Strategy, check_count, check_instance
from cometary.supervision.restart_policy import Backoff
from cometary.supervision.spec import ChildSpec
from cometary.supervision.supervisor import Supervisor

PARTITIONS = 8
"""How many partitions there are unless the caller wants another number."""


class PartitionSupervisor(Supervisor):
    """Supervises `partitions` children that are all started in the same way.

    Their ids are the numbers of the partitions, as strings: "0", "1" and so on. They are a
    supervisor's children like any others, but none is added, and none deleted.

    Args:
        child: how to start a partition, often a `DynamicSupervisor`; its id is not used.
        partitions: how many there are, always.
        with_arguments: called with the specification's `args` and the number of a partition;
            returns the `args` of that one. By default they are the same for all.
        strategy: as for any `Supervisor`, and so are the options after it.
        intensity: restarts of partitions that are put up with in `period`.
        period: seconds.
        backoff: how long a partition waits before it is restarted; by default not at all.

    Raises:
        SpecError: if an option has a value that it may not have; the calling code's fault.
    """

    def __init__(
        self,
        child: ChildSpec,
        *,
        partitions: int = PARTITIONS,
        with_arguments: Callable[[tuple[Any, ...], int], tuple[Any, ...]] | None = None,
        strategy: Strategy = "one_for_one",
        intensity: int = 1,
        period: float = 5.0,
        backoff: Backoff | None = None,
    ) -> None:
        check_instance("a partition", child, ChildSpec, "a ChildSpec")
        if child.name is not None:
            raise SpecError(
                f"all partitions cannot have the name {child.name!r}: give it to their supervisor"
            )
        check_count("partitions", partitions, least=1)
        specs = [
            replace(
                child,
                id=str(number),
                args=with_arguments(child.args, number) if with_arguments else child.args,
            )
            for number in range(partitions)
        ]
        super().__init__(specs, strategy=strategy, intensity=intensity, period=period, backoff=backoff)
        self.partitions = partitions

    def partition(self, key: Hashable) -> ActorRef[Any]:
        """Return the partition that is responsible for `key`; see `partition`."""
        child = self._children.find(str(partition_number(key, self.partitions)))
        if child.ref is None or not child.ref.is_alive():
            raise ChildStateError(f"{child.path} is {child.state}")
        return child.ref

    async def _serve(self, call: object) -> object:
        if isinstance(call, StartChild | StartChildAsync | DeleteChild):
            raise ChildStateError(f"{self.path} has {self.partitions} partitions, no more and no fewer")
        return await super()._serve(call)


def partition_number(key: Hashable, partitions: int) -> int:
    """Return the number of the partition that is responsible for `key`.

    It is the same in every run of a program for whole numbers, strings and bytes; for other keys
    it follows from their `hash`, which may be another one in each run.
    """
    if isinstance(key, int):
        return key % partitions
    if isinstance(key, str):
        return crc32(key.encode(errors="surrogatepass")) % partitions
    if isinstance(key, bytes):
        return crc32(key) % partitions
    return hash(key) % partitions


def partition(supervisor: Whom, key: Hashable) -> ActorRef[Any]:
    """Return the partition that is responsible for `key`; on the loop's thread, without waiting.

    It is the same one for the same key, for as long as the supervisor lives, and its reference
    stays valid when it is restarted.

    Raises:
        ChildStateError: if `supervisor` is no `PartitionSupervisor` that runs, or the partition
            has ended for good; the calling code's fault.
        ActorEndedError: if nobody has the name that `supervisor` is.
    """
    return _running(supervisor).partition(key)


async def count_partitioned(supervisor: Whom) -> ChildCount:
    """Return how many children the partitions have, counted together; they must be supervisors.

    `count_children` counts the partitions themselves, as in Elixir.

    Raises:
        ChildStateError: as `partition`.
    """
    living = [child.ref for child in _running(supervisor).children if child.ref is not None]
    counts = [await count_children(ref) for ref in living if ref.is_alive()]
    return ChildCount(*map(sum, zip(*counts, strict=True))) if counts else ChildCount(0, 0, 0, 0)


def _running(whom: Whom) -> PartitionSupervisor:
    supervisor = actor_meant(whom)
    actor = supervisor.actor_inbox.actor
    if not isinstance(actor, PartitionSupervisor):
        raise ChildStateError(f"{supervisor} is no PartitionSupervisor that runs")
    return actor
