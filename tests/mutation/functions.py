"""The functions of the project that are there, and what a mutant would have made of them."""

from __future__ import annotations

import gc
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import NamedTuple

from tests.mutation.mutant import Mutant


class Place(NamedTuple):
    """Where a function is written; a mutant moves no line."""

    file: str
    name: str
    line: int


class Functions:
    """All that exist now, in whatever object; to be made before `gc.freeze` hides them.

    Args:
        root: where the checkout is.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._there: defaultdict[Place, list[FunctionType]] = defaultdict(list)
        own = f"{root / 'cometary'}/"
        for each in gc.get_objects():
            if type(each) is FunctionType and each.__code__.co_filename.startswith(own):
                self._there[_place(each.__code__)].append(each)

    def changed_by(self, mutant: Mutant) -> list[tuple[FunctionType, CodeType]]:
        """The functions that `mutant` changes, with their new code; none if it cannot be given to them."""
        path = self._root / mutant.key.module
        module = compile(mutant.applied_to(path.read_bytes()), str(path), "exec", dont_inherit=True)
        codes = list(_inner(module))
        times = Counter(map(_place, codes))
        changed: list[tuple[FunctionType, CodeType]] = []
        for code in codes:
            for function in self._there.get(_place(code), ()):
                if code == function.__code__:
                    continue
                if times[_place(code)] > 1 or code.co_freevars != function.__code__.co_freevars:
                    return []
                changed.append((function, code))
        return changed


def _place(code: CodeType) -> Place:
    return Place(code.co_filename, code.co_qualname, code.co_firstlineno)


def _inner(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _inner(constant)
