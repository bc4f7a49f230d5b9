"""From `MODULE:NAME` to the object that a user wrote."""

from __future__ import annotations

import importlib
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import Final

from cometary.errors import ConfigError, UsageError

PACKAGE: Final = Path(__file__).parent


def find_object(name: str, where: str) -> object:
    """Import what `name` says.

    Args:
        name: `MODULE:NAME`. MODULE is a dotted module, looked for in the working directory first,
            or the path of a `.py` file, beside which its own imports are looked for first.
        where: what gave the name, for errors.

    Raises:
        ConfigError: there is no such thing, or a declaration in it makes no sense. If its module
            raised anything else, the traceback is on standard error already.
    """
    module, _, attributes = name.rpartition(":")
    found = _import(module, where)
    for attribute in attributes.split("."):
        if not hasattr(found, attribute):
            raise ConfigError(where, f"{module} has no {attributes}")
        found = getattr(found, attribute)
    return found


def _import(module: str, where: str) -> object:
    name, directory = _locate(module, where)
    sys.path.insert(0, str(directory))
    try:
        return importlib.import_module(name)
    except UsageError as error:
        raise ConfigError(_place(error, module), str(error)) from None
    except Exception as error:  # noqa: BLE001 (a module may raise anything)
        users_part = _users_part(error.__traceback__)
        if isinstance(error, ModuleNotFoundError) and users_part is None:
            raise ConfigError(where, f"there is no module {module}") from None
        traceback.print_exception(type(error), error, users_part)
        raise ConfigError(where, f"{module} could not be imported: {type(error).__name__}") from None


def _place(error: UsageError, module: str) -> str:
    """Return the file and the line where `module`, or one that it imports, asked for what makes no sense."""
    for frame in reversed(traceback.extract_tb(_users_part(error.__traceback__))):
        if PACKAGE not in Path(frame.filename).parents:
            return f"{frame.filename}:{frame.lineno}"
    return module


def _locate(module: str, where: str) -> tuple[str, Path]:
    """Return the dotted name to import, and the directory to look for it first."""
    if not module.endswith(".py"):
        return module, Path.cwd()
    path = Path(module).resolve()
    if not path.is_file():
        raise ConfigError(where, f"there is no file {module}")
    if path.stem in sys.modules:
        raise ConfigError(where, f"{module} has the name of a module in use; rename the file")
    return path.stem, path.parent


def _users_part(frames: TracebackType | None) -> TracebackType | None:
    """Leave out what a traceback says of this file and of Python's import machinery."""
    while frames is not None:
        file = frames.tb_frame.f_code.co_filename
        if file not in {__file__, importlib.__file__} and not file.startswith("<frozen importlib"):
            return frames
        frames = frames.tb_next
    return None
