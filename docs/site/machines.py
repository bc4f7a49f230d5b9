"""The directive `machine`: the diagram and the table of a state machine, drawn from its class."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx


class Machine(SphinxDirective):
    """Draws the machine of which it is given the full name."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the drawing, and the table below it."""
        module, _, name = self.arguments[0].rpartition(".")
        machine = getattr(import_module(module), name)
        return self.parse_text_to_nodes(f"{drawing(machine)}\n{table(machine)}")


def drawing(machine: Any) -> str:
    """Return a machine's diagram as a directive."""
    lines = ["", *machine.mermaid().splitlines()]
    return ".. mermaid::\n" + "\n".join(f"   {line}" for line in lines) + "\n"


def table(machine: Any) -> str:
    """Return a machine's table as a directive."""
    head, _, *rows = machine.table().splitlines()
    lines = [".. csv-table::", "   :header-rows: 1", "   :delim: |", ""]
    return "\n".join(lines + [f"   {row.strip('| ')}" for row in [head, *rows] if row]) + "\n"


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the directive known."""
    app.add_directive("machine", Machine)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
