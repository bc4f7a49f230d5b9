"""Modules in C, made where a test needs them: a checkout has none."""

from __future__ import annotations

import subprocess
import sysconfig
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

WARNINGS = ("-Wall", "-Wextra", "-Werror")


def made_of(source: Path, folder: Path) -> ModuleType:
    """Return the module that is made of `source`, in `folder`."""
    module = folder / f"{source.stem}{sysconfig.get_config_var('EXT_SUFFIX')}"
    options = ["-O2", "-shared", "-fPIC", *WARNINGS, f"-I{sysconfig.get_path('include')}"]
    subprocess.run(["cc", *options, str(source), "-o", str(module)], check=True)  # noqa: S607 - it is our own
    loader = ExtensionFileLoader(source.stem, str(module))
    spec = spec_from_loader(source.stem, loader)
    assert spec is not None
    built = module_from_spec(spec)
    loader.exec_module(built)
    return built
