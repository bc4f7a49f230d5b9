"""To which layer an instruction, or a step of the interpreter, belongs.

What is done in a function of C's, CPython's own or a library's, belongs to whoever called it: to the innermost compiled
module of ours on the stack, or to `INTERPRETED` if Python is interpreted further in than that.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from benchmarks.harness.workspace import ROOT

INTERPRETED: Final = "interpreted Python"
OTHER: Final = "CPython, Trio's loop included"
LIBRARIES: Final = "libraries"
EVALUATES: Final = "_PyEval_EvalFrame"
COMPILED: Final = ("CPyDef_", "CPyPy_")

Stack = tuple[str, ...]


def compiled_modules() -> list[str]:
    """Return the modules that are compiled, below the package: `sessions/keeper`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    modules: list[str] = project["tool"]["cometary"]["compiled"]
    return modules


class CompiledLayers:
    """Tells the layers of what was compiled.

    Args:
        modules: the compiled modules.
    """

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules: dict[str, str] = {}
        for module in modules:
            parts = module.split("/")
            for at in range(len(parts)):  # mypyc takes as many as tell it from all others
                self._modules["___".join(parts[at:])] = module

    def __call__(self, stack: Stack) -> str:
        """Return the layer to which the innermost function of `stack` belongs."""
        for function in reversed(stack):
            if function.startswith(EVALUATES):
                return INTERPRETED
            if function.startswith(COMPILED):
                return layer_of(self.module(function))
        return OTHER

    def readable(self, costs: Mapping[Stack, int]) -> tuple[Mapping[Stack, int], Mapping[str, str]]:
        """Return the same with stacks as people read them, and the layers of the functions in them.

        Of what is not ours only the innermost function is left, and that Python is interpreted.
        """
        shown: Counter[Stack] = Counter()
        layers: dict[str, str] = {}
        for stack, cost in costs.items():
            names: list[str] = []
            for function in stack:
                name = self._name(function)
                if name is not None and names[-1:] != [name]:
                    names.append(name)
                    layers[name] = self((function,))
            innermost = stack[-1]
            shown[(*names, innermost) if self._name(innermost) is None else tuple(names)] += cost
        return shown, layers

    def _name(self, function: str) -> str | None:
        if function.startswith(EVALUATES):
            return INTERPRETED
        if not function.startswith(COMPILED):
            return None
        return ".".join(part for part in function.partition("_")[2].split("_") if part)

    def module(self, function: str) -> str:
        """Return the module of a compiled function, by its name in C."""
        parts = function.partition("_")[2].split("___")
        names = ["___".join(parts[:end]) for end in range(len(parts), 0, -1)]
        return next((self._modules[name] for name in names if name in self._modules), function)


def interpreted_layer(stack: Stack) -> str:
    """Return the layer to which a step belongs; the functions are named as in `path/of/module:function`."""
    module = stack[-1].partition(":")[0]
    package, _, rest = module.partition("/")
    return layer_of(rest) if package == "cometary" else LIBRARIES


def layer_of(module: str) -> str:
    """Return the layer of a module: its package, and of the largest one a part."""
    parts = module.split("/")
    return "/".join(parts[: 2 if parts[0] == "transport" else 1])


def by_layer(costs: Mapping[Stack, int], layer: Callable[[Stack], str]) -> Counter[str]:
    """Add up by layer."""
    layers: Counter[str] = Counter()
    for stack, cost in costs.items():
        layers[layer(stack)] += cost
    return layers
