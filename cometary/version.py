"""What runs: which version, and whether as machine code."""

from __future__ import annotations

from importlib import metadata
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).parent
UNKNOWN: Final = "0.0"
"""The version of a copy that was not installed."""


def installed() -> str:
    """Return the version that was installed, which is that of git's tag."""
    try:
        return metadata.version("cometary")
    except metadata.PackageNotFoundError:
        return UNKNOWN


__version__: Final = installed()


def kind() -> str:
    """Tell which code would run, without importing it for that."""
    engines = [PACKAGE / f"fsm/engine{suffix}" for suffix in EXTENSION_SUFFIXES]
    return "compiled" if any(engine.exists() for engine in engines) else "interpreted"


def version() -> str:
    """Return the line of `cometary --version`."""
    return f"cometary {__version__}, {kind()}"
