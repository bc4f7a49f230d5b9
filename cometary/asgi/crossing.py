"""Calls that go over to a loop in another thread, many at one wake-up.

To wake a loop costs more than most of what is then done there. So a call that comes while the loop is about to
wake up anyway waits for that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any


class Crossing:
    """One direction.

    Args:
        wake: has the other loop call a function soon; from any thread.
    """

    def __init__(self, wake: Callable[[Callable[[], None]], object]) -> None:
        self._wake = wake
        self._calls: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._waking = False

    def call(self, function: Callable[..., object], *args: Any) -> None:
        """Have `function` called over there, after all that were called before; from this side's thread."""
        self._calls.append((function, args))
        # The other side sets this to False before it looks for calls. So whoever finds it True has its
        # call found, and who finds it False wakes the loop, at worst once more than needed.
        if not self._waking:
            self._waking = True
            self._wake(self._run)

    def _run(self) -> None:
        self._waking = False
        calls = self._calls
        for _ in range(len(calls)):
            function, args = calls.popleft()
            function(*args)
        if calls and not self._waking:
            self._waking = True
            self._wake(self._run)
