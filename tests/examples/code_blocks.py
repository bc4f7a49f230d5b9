"""The blocks of code of every page: fenced ones, and those that are indented by four spaces.

A comment before a block says where it comes from: `file:` is the whole of a file, `part of:` a piece of one,
`printed by` what a program prints.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tests.servers import ROOT

PAGES: Final = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "clients/javascript/README.md",
    ROOT / "benchmarks/README.md",
    *sorted((ROOT / "examples").rglob("*.md")),
]
SOURCE: Final = re.compile(r"<!-- (file:|part of:|printed by) (\S+) -->")
INDENT: Final = "    "
INDENTED: Final = "indented"


class Block(NamedTuple):
    """A block.

    Attributes:
        page: where it is, from the root of the repository.
        line: the number of its first line.
        language: what its fence says; `indented` if it has none.
        text: its lines.
        source: where a comment says it comes from, `kind file`; empty if there is no comment.
    """

    page: str
    line: int
    language: str
    text: str
    source: str = ""

    @property
    def first(self) -> str:
        """Its first line, which tells it from the others of its page."""
        return self.text.partition("\n")[0].strip()

    @property
    def lines(self) -> list[str]:
        """Its lines, without those that are empty."""
        return [line for line in self.text.splitlines() if line.strip()]


def blocks_of(page: Path) -> Iterator[Block]:
    """Yield the blocks of a page, in order."""
    name, lines = str(page.relative_to(ROOT)), page.read_text().splitlines()
    number = 0
    while number < len(lines):
        line = lines[number]
        if line.startswith("```"):
            end = next(at for at in range(number + 1, len(lines)) if lines[at] == "```")
            comment = SOURCE.fullmatch(lines[number - 1]) if number else None
            source = f"{comment[1].rstrip(':')} {comment[2]}" if comment else ""
            text = "".join(f"{each}\n" for each in lines[number + 1 : end])
            yield Block(name, number + 1, line[3:], text, source)
            number = end + 1
        elif line.startswith(INDENT) and not lines[number - 1]:
            end = number
            while end < len(lines) and (lines[end].startswith(INDENT) or not lines[end]):
                end += 1
            text = "".join(f"{each.removeprefix(INDENT)}\n" for each in lines[number:end])
            yield Block(name, number + 1, INDENTED, text.rstrip("\n") + "\n")
            number = end
        else:
            number += 1


def where(block: Block) -> tuple[str, str]:
    """Return what tells a block from all others."""
    return block.page, block.first


BLOCKS: Final = [block for page in PAGES for block in blocks_of(page)]
LOOSE: Final = [block for block in BLOCKS if not block.source]
"""Those that no other test compares with a file."""
