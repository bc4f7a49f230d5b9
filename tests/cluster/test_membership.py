from __future__ import annotations

from cometary.cluster.membership import Lessee, Neighbours


def test_leases_are_counted_on_by_ones_own_clock() -> None:
    neighbours = Neighbours("a", 4.0)
    neighbours.heard(100.0, [Lessee("a", "", 4.0), Lessee("b", "there", 2.0)])
    assert neighbours.alive("b", 101.0)
    assert not neighbours.alive("b", 102.0)
    assert neighbours.gone(101.0) == []
    assert neighbours.gone(102.0) == ["b"]
    assert neighbours.gone(103.0) == []


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
