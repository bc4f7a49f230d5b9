"""A flame graph of stacks, as an SVG that needs no script: the wider a function, the more is done in it and below.

Left to right they stand by name, bottom up by who calls whom. What is too narrow to be seen is left out. (The idea is
Brendan Gregg's, https://www.brendangregg.com/flamegraphs.html.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Final
from zlib import crc32

NAMESPACE: Final = "http://www.w3.org/2000/svg"
WIDTH: Final = 1200
ROW: Final = 16
CHARACTER: Final = 6.8
"""Pixels."""
NARROWEST: Final = 1.0
HUES: Final = {
    "transport": 205,
    "doors": 185,
    "gate": 170,
    "sessions": 25,
    "fsm": 45,
    "actors": 60,
    "dispatch": 290,
    "packets": 320,
}
"""A colour for each layer; all else is grey."""


@dataclass(slots=True)
class Frame:
    """A function as called from where it stands.

    Attributes:
        total: what it and those that it calls have taken.
        callees: those, by name.
    """

    total: int = 0
    callees: dict[str, Frame] = field(default_factory=dict[str, "Frame"])


def tree(costs: Mapping[tuple[str, ...], int]) -> Frame:
    """Return the root of what the stacks make together."""
    root = Frame()
    for stack, cost in costs.items():
        frame = root
        frame.total += cost
        for name in stack:
            frame = frame.callees.setdefault(name, Frame())
            frame.total += cost
    return root


def svg(title: str, costs: Mapping[tuple[str, ...], int], layers: Mapping[str, str]) -> str:
    """Return the graph.

    Args:
        title: what stands above it.
        costs: by stack, the innermost function last.
        layers: of the functions that have one, by name: the first part of it chooses the colour.
    """
    root = tree(costs)
    boxes = list(_boxes(root, 0.0, WIDTH / max(root.total, 1), 0))
    height = (max((depth for *_, depth in boxes), default=0) + 3) * ROW
    lines = [
        f'<svg xmlns="{NAMESPACE}" viewBox="0 0 {WIDTH} {height}" font-family="monospace" font-size="11">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/><text x="4" y="13">{escape(title)}</text>',
    ]
    for name, total, left, width, depth in boxes:
        hue = HUES.get(layers.get(name, "").partition("/")[0])
        shade = 70 + crc32(name.encode()) % 15
        colour = f"hsl({hue} 75% {shade}%)" if hue is not None else f"hsl(0 0% {shade + 5}%)"
        text = escape(name[: int(width / CHARACTER)]) if width > 4 * CHARACTER else ""
        y = height - (depth + 1) * ROW
        share = 100 * total / root.total
        lines.append(
            f'<g><title>{escape(name)}: {share:.1f} %</title><rect x="{left:.1f}" y="{y}" width="{width:.1f}"'
            f' height="{ROW - 1}" fill="{colour}"/><text x="{left + 2:.1f}" y="{y + 11}">{text}</text></g>'
        )
    return "\n".join([*lines, "</svg>", ""])


def _boxes(
    frame: Frame, left: float, scale: float, depth: int
) -> Iterator[tuple[str, int, float, float, int]]:
    for name, callee in sorted(frame.callees.items()):
        width = callee.total * scale
        if width >= NARROWEST:
            yield name, callee.total, left, width, depth
            yield from _boxes(callee, left, scale, depth + 1)
        left += width
