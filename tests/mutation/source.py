"""Where the parts of a syntax tree stand in the bytes of their source."""

from __future__ import annotations

import ast
from itertools import accumulate


class Source:
    """The bytes of a module."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._starts = [0, *accumulate(len(line) for line in content.splitlines(keepends=True))]

    def start(self, node: ast.expr | ast.stmt) -> int:
        """The first byte of `node`."""
        return self._starts[node.lineno - 1] + node.col_offset

    def end(self, node: ast.expr | ast.stmt) -> int:
        """The byte after the last of `node`."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._starts[node.end_lineno - 1] + node.end_col_offset

    def text(self, node: ast.expr | ast.stmt) -> bytes:
        """What is written there."""
        return self.content[self.start(node) : self.end(node)]

    def whole_lines(self, start: int, end: int, replacement: bytes) -> tuple[str, str]:
        """The lines that have something of `start` to `end`, as they are and with it replaced, on one line each.

        A comment at their end is left out.
        """
        first = self.content.rfind(b"\n", 0, start) + 1
        last = self.content.find(b"\n", end)
        head, tail = self.content[first:start], self.content[end : last if last >= 0 else None]
        if tail.lstrip().startswith(b"#"):
            tail = b""
        return _joined(head + self.content[start:end] + tail), _joined(head + replacement + tail)


def _joined(text: bytes) -> str:
    return " ".join(text.decode().split())
