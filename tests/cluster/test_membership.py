from __future__ import annotations

from collections.abc import Iterable

import pytest
import trio
import trio.testing

from cometary.cluster.membership import Lessee, Membership, Neighbours, name_taken
from cometary.errors import NodeNameError


def test_leases_are_counted_on_by_ones_own_clock() -> None:
    neighbours = Neighbours("a", 4.0)
    neighbours.heard(100.0, [Lessee("a", "", 4.0), Lessee("b", "there", 2.0)])
    assert neighbours.alive("b", 101.0)
    assert not neighbours.alive("b", 102.0)
    assert neighbours.gone(101.0) == []
    assert neighbours.gone(102.0) == ["b"]
    assert neighbours.gone(103.0) == []


def test_a_node_that_has_hung_takes_nobody_for_dead_before_it_has_heard_of_them_again() -> None:
    neighbours = Neighbours("a", 4.0)
    neighbours.heard(100.0, [Lessee("b", "there", 3.0)])
    assert neighbours.alive("b", 110.0)
    assert not neighbours.alive("c", 110.0)
    neighbours.heard(110.0, [Lessee("b", "there", -1.0)])
    assert not neighbours.alive("b", 110.0)


async def test_what_a_node_was_told_before_it_hung_is_held_against_nobody(
    autojump_clock: trio.testing.MockClock,
) -> None:
    gone, hangs = list[str](), 10.0

    async def renew() -> Iterable[Lessee]:
        await trio.sleep(hangs)
        return [Lessee("b", "there", 3.0)]

    membership = Membership("a", 4.0, renew)
    membership.watch(gone.append)
    await membership.renew()
    assert gone == []
    assert membership.alive("b")


def test_who_is_gone_is_told_once_for_each_time() -> None:
    neighbours = Neighbours("a", 4.0)
    neighbours.heard(100.0, [Lessee("b", "", -9.0)])
    assert neighbours.gone(100.0) == ["b"]
    for now in (101.0, 102.0):
        neighbours.heard(now, [Lessee("b", "", -9.0 - now)])
        assert neighbours.gone(now) == []
        assert not neighbours.alive("b", now)
    neighbours.heard(103.0, [Lessee("b", "", 4.0)])
    assert neighbours.alive("b", 103.0)
    neighbours.heard(108.0, [Lessee("b", "", -1.0)])
    assert neighbours.gone(108.0) == ["b"]


def test_nobody_is_taken_for_dead_while_the_engine_is_away_nor_before_all_could_renew() -> None:
    neighbours = Neighbours("a", 4.0)
    neighbours.heard(100.0, [Lessee("b", "", 2.0), Lessee("c", "", 2.0)])
    neighbours.away()
    assert neighbours.gone(130.0) == []
    assert neighbours.alive("b", 130.0)
    neighbours.heard(130.0, [])
    assert neighbours.gone(135.9) == []
    assert neighbours.alive("b", 135.9)
    neighbours.heard(134.0, [Lessee("b", "", 4.0)])
    assert neighbours.gone(136.0) == ["c"]
    assert neighbours.alive("b", 136.0)


async def test_who_waits_until_it_is_known_who_is_dead_waits_while_the_engine_is_away_and_until_all_could_renew(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    there = False

    async def renew() -> Iterable[Lessee]:
        await trio.lowlevel.checkpoint()
        if not there:
            raise OSError("away")
        return ()

    membership = Membership("a", 4.0, renew)
    with trio.testing.assert_checkpoints():
        await membership.after_grace()
    assert trio.current_time() == 0
    with pytest.raises(OSError, match="away"):
        await membership.renew()
    known = list[float]()

    async def wait() -> None:
        await membership.after_grace()
        known.append(trio.current_time())

    nursery.start_soon(wait)
    await trio.sleep(30)
    there = True
    await membership.renew()
    await trio.sleep(5.9)
    assert known == []
    await trio.sleep(0.2)
    assert known == [36.0]


async def test_a_node_hears_that_its_lease_had_run_out_and_that_the_engine_was_away(
    autojump_clock: trio.testing.MockClock,
) -> None:
    there, lapses = True, list[float]()

    async def renew() -> Iterable[Lessee]:
        await trio.lowlevel.checkpoint()
        if not there:
            raise OSError("away")
        return ()

    membership = Membership("a", 4.0, renew)
    membership.watch_lapses(lambda: lapses.append(trio.current_time()))
    for _ in range(3):
        await membership.renew()
        await trio.sleep(3)
    assert not lapses, "neither had it run out, nor was the engine away"
    await trio.sleep(2)
    await membership.renew()
    assert lapses == [11.0]
    there = False
    with pytest.raises(OSError, match="away"):
        await membership.renew()
    there = True
    await membership.look()
    assert lapses == [11.0, 11.0]


async def test_a_lease_has_run_out_at_its_very_end(autojump_clock: trio.testing.MockClock) -> None:
    """From then on others may have adopted what this node had."""
    lapses = list[float]()

    async def renew() -> Iterable[Lessee]:
        await trio.lowlevel.checkpoint()
        return ()

    membership = Membership("a", 4.0, renew)
    membership.watch_lapses(lambda: lapses.append(trio.current_time()))
    await membership.renew()
    await trio.sleep(4)
    await membership.renew()
    assert lapses == [4.0]


async def test_a_node_that_has_left_renews_its_lease_no_more() -> None:
    renewals = list[None]()

    async def renew() -> Iterable[Lessee]:
        await trio.lowlevel.checkpoint()
        renewals.append(None)
        return ()

    membership = Membership("a", 4.0, renew)
    await membership.renew()
    membership.leave()
    with trio.testing.assert_checkpoints():
        await membership.renew()
    assert len(renewals) == 1


async def test_a_node_whose_name_another_one_has_is_told_so_once_and_renews_its_lease_no_more(
    autojump_clock: trio.testing.MockClock,
) -> None:
    renewals, told = list[float](), list[str]()
    taken_at = 2.0

    async def renew() -> Iterable[Lessee]:
        await trio.lowlevel.checkpoint()
        renewals.append(trio.current_time())
        if trio.current_time() > taken_at:
            raise name_taken("a")
        return ()

    membership = Membership("a", 3.0, renew)
    membership.watch_ousted(lambda error: told.append(str(error)))
    await membership.renew()
    with trio.move_on_after(10):
        await membership.run()
    assert renewals == [0.0, 1.0, 2.0, 3.0]
    assert [text.partition(",")[0] for text in told] == ["there is another node 'a'"]


async def test_a_node_that_never_had_its_name_is_refused_it() -> None:
    async def renew() -> Iterable[Lessee]:
        await trio.lowlevel.checkpoint()
        raise name_taken("a")

    membership = Membership("a", 3.0, renew)
    membership.watch_ousted(lambda _: pytest.fail("it had none"))
    with pytest.raises(NodeNameError):
        await membership.renew()


def test_one_that_was_told_to_be_gone_is_there_again_once_anything_is_left_of_its_lease() -> None:
    neighbours = Neighbours("a", 4.0)
    neighbours.heard(100.0, [Lessee("b", "", 0.0)])
    assert neighbours.gone(100.0) == ["b"]
    neighbours.heard(101.0, [Lessee("b", "", 0.0)])
    assert not neighbours.alive("b", 101.0)
    assert neighbours.gone(101.0) == []
    neighbours.heard(102.0, [Lessee("b", "", 0.5)])
    assert neighbours.alive("b", 102.4)
    assert neighbours.gone(102.5) == ["b"]


def test_of_a_node_that_is_there_it_is_known_where_and_which_process_it_is() -> None:
    neighbours = Neighbours("a", 4.0)
    neighbours.heard(100.0, [Lessee("a", "here", 4.0, "0"), Lessee("b", "there", 4.0, "7")])
    assert (neighbours.address("b"), neighbours.incarnation("b")) == ("there", "7")
    assert (neighbours.address("c"), neighbours.incarnation("c")) == (None, "")
    assert neighbours.addresses() == {"b": "there"}
    assert neighbours.gone(104.0) == ["b"]
    assert (neighbours.address("b"), neighbours.incarnation("b"), neighbours.addresses()) == (None, "", {})


async def test_whoever_watches_is_told_of_each_node_that_is_gone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    lessees, gone = [Lessee("b", "", 2.0), Lessee("c", "", 4.0)], list[tuple[float, str]]()

    async def renew() -> Iterable[Lessee]:
        await trio.lowlevel.checkpoint()
        return lessees

    membership = Membership("a", 4.0, renew)
    assert membership.longest_grace == 6.0
    membership.watch(lambda node: gone.append((trio.current_time(), node)))
    await membership.renew()
    assert membership.lease_until == 4.0
    assert (membership.alive("b"), membership.alive("d")) == (True, False)
    lessees = []
    with trio.move_on_after(9):
        await membership.run()
    assert [node for _, node in gone] == ["b", "c"]
    assert [when for when, _ in gone] == pytest.approx([8 / 3, 4.0])


def test_what_was_heard_half_a_lease_ago_is_held_against_nobody() -> None:
    neighbours = Neighbours("a", 4.0)
    neighbours.heard(100.0, [Lessee("b", "", 1.0)])
    assert not neighbours.alive("b", 102.0)
    assert neighbours.alive("b", 102.1)


async def test_a_node_goes_on_asking_an_engine_that_is_away(autojump_clock: trio.testing.MockClock) -> None:
    asked = list[float]()

    async def renew() -> Iterable[Lessee]:
        await trio.lowlevel.checkpoint()
        asked.append(trio.current_time())
        if len(asked) < 3:
            raise OSError("away")
        return ()

    membership = Membership("a", 3.0, renew)
    with trio.move_on_after(4.5):
        await membership.run()
    assert asked == [1.0, 2.0, 3.0, 4.0]
    assert membership.lease_until == 7.0
