"""Names of a package that are imported when they are first used.

So a program that wants a part of a package does not pay for all of it, and a wrong option on the command line
does not wait for a web server.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def importer(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return what a package's `__getattr__` calls.

    Args:
        package: the package's name.
        homes: by name the module that each is in.
    """

    def find(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(home), name)

    return find
