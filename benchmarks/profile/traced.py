"""The server with a count of the steps of Python's interpreter, its bytecode instructions, by stack.

A count, so that it is the same whatever else the machine does. What the compiled modules and the libraries in C do
is not in it. SIGUSR1 begins it, the next one ends it and has it written, a stack and its count a line.

    python -m benchmarks.profile.traced FILE serve APPLICATION ...
"""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

from cometary.cli import main

ROOT: Final = Path(main.__code__.co_filename).parents[2]

Trace = Callable[[FrameType, str, Any], Any]


class Counts:
    """Counts steps by stack."""

    def __init__(self) -> None:
        self._steps: Counter[tuple[CodeType, ...]] = Counter()
        self.going = False

    def begin(self, frame: FrameType | None) -> None:
        """Count from now on, in `frame` and those around it, too."""
        self.going = True
        sys.settrace(self._called)
        while frame is not None:
            frame.f_trace = self._called(frame, "call", None)
            frame = frame.f_back

    def end(self, file: Path) -> None:
        """Count no longer, and write what was counted."""
        self.going = False
        sys.settrace(None)
        lines = [f"{';'.join(map(name_of, stack))} {steps}" for stack, steps in self._steps.items()]
        half = file.with_suffix(".partial")
        half.write_text("\n".join(lines))
        half.replace(file)

    def _called(self, frame: FrameType, _event: str, _argument: object) -> Trace:
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        steps, stack = self._steps, tuple(reversed(stack_of(frame)))

        def count(_frame: FrameType, event: str, _argument: object) -> Trace:
            if event == "opcode":
                steps[stack] += 1
            return count

        return count


def stack_of(frame: FrameType | None) -> list[CodeType]:
    """Return what `frame` executes, and what the frames around it do."""
    stack: list[CodeType] = []
    while frame is not None:
        stack.append(frame.f_code)
        frame = frame.f_back
    return stack


def name_of(code: CodeType) -> str:
    """Return a name that tells where it comes from."""
    where = code.co_filename
    for base in (str(ROOT), *sys.path):
        where = where.removeprefix(base + os.sep)
    return f"{where.removesuffix('.py')}:{code.co_qualname}".replace(";", ",").replace(" ", "_")


def _serve(file: Path, arguments: list[str]) -> int:
    counts = Counts()

    def turn(_: int, frame: FrameType | None) -> None:
        if counts.going:
            counts.end(file)
        else:
            counts.begin(frame)

    signal.signal(signal.SIGUSR1, turn)
    return main(arguments)


if __name__ == "__main__":
    sys.exit(_serve(Path(sys.argv[1]), sys.argv[2:]))
