"""What was counted, as tables."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.harness.markdown import table

Shares = Mapping[str, Mapping[str, float]]
"""By mode, then by layer or name: how many a delivery."""


def matrix(shares: Shares, what: str, digits: int = 0) -> str:
    """Return a table with a column for each mode and a row for each layer, the costliest first, and the total."""
    modes = list(shares)
    names = sorted({name for each in shares.values() for name in each}, key=lambda name: -_sum(shares, name))
    rows = [
        [name, *(f"{shares[mode].get(name, 0):,.{digits}f}" for mode in modes)]
        for name in names
        if round(max(shares[mode].get(name, 0) for mode in modes), digits)
    ]
    total = ["**all**", *(f"**{sum(shares[mode].values()):,.{digits}f}**" for mode in modes)]
    return table([what, *modes], [*rows, total])


def _sum(shares: Shares, name: str) -> float:
    return sum(each.get(name, 0) for each in shares.values())
