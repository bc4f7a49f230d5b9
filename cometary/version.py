"""What runs: which version, and whether as machine code."""

from __future__ import annotations

from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Final

from cometary import __version__

PACKAGE: Final = Path(__file__).parent


def kind() -> str:
    """Tell which code would run, without importing it for that."""
    engines = [PACKAGE / f"fsm/engine{suffix}" for suffix in EXTENSION_SUFFIXES]
    return "compiled" if any(engine.exists() for engine in engines) else "interpreted"


def version() -> str:
    """Return the line of `cometary --version`."""
    return f"cometary {__version__}, {kind()}"
