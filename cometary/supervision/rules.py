"""OTP's rules about children that end, as pure functions.

Source: OTP, `supervisor`, sections "Child Specification" and "Supervision Principles".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from cometary.actors import Exit
from cometary.supervision.options import Restart, Strategy
from cometary.supervision.spec import ChildSpec

T = TypeVar("T")


def must_restart(restart: Restart, exit: Exit) -> bool:  # noqa: A002 - OTP's word
    """Whether a child that ended like this by itself is restarted."""
    return restart == "permanent" or (restart == "transient" and exit.abnormal)


def restarted_with(strategy: Strategy, children: Sequence[T], failed: T) -> Sequence[T]:
    """Return the children that are stopped, and started again, when `failed` is restarted.

    In the order in which they are started, with `failed` among them; they are stopped in the
    reverse order.
    """
    if strategy == "one_for_all":
        return list(children)
    if strategy == "rest_for_one":
        return list(children[children.index(failed) :])
    return [failed]


def worth_reporting(spec: ChildSpec, exit: Exit) -> bool:  # noqa: A002 - OTP's word
    """Whether a child that its supervisor has stopped ended otherwise than it should have."""
    if exit.reason == "killed":
        return spec.patience > 0  # it was killed because it did not stop in time
    return exit.abnormal or (exit.reason == "normal" and spec.restart == "permanent")
