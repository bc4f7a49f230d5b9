"""Compile the modules that every delivery runs through, with mypyc, in a copy of this checkout.

The sources stay what they are, typed Python, and run as well without: a delivery then takes about half as
much processor time again. The copy is in `.cache/compiled`; a Python that is started there, or has it on
its PYTHONPATH, runs what was compiled.

    python scripts/compile.py           compile, unless nothing has changed since
    python scripts/compile.py --test    then run the tests of the packages that have compiled modules

Compiled are only classes that nobody but this package makes subclasses of, or that say by
`mypyc_attr` that others may: `mypyc` binds calls early, so nothing in such a module can be patched,
and its classes have neither `__dict__` nor `__slots__`. Actors, machines and handlers, which users write
in Python, stay Python.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

SELF: Final = Path(__file__).resolve()
ROOT: Final = SELF.parent.parent
COPY: Final = ROOT / ".cache" / "compiled"
STAMP: Final = COPY / "compiled.stamp"
MODULES: Final = (
    "actors/timers",
    "fsm/actions",
    "fsm/engine",
    "fsm/shell",
    "fsm/step",
    "fsm/table",
    "sessions/directory",
    "sessions/events",
    "sessions/keeper",
    "sessions/outbox",
    "sessions/packet",
    "sessions/performing",
    "sessions/window",
    "transport/codecs/negotiation",
    "transport/comet",
    "transport/comet_bodies",
    "transport/connection",
    "transport/deadlines",
    "transport/exchange",
    "transport/head_memory",
    "transport/responses",
    "transport/router",
    "transport/service",
    "transport/switchboard",
)
TESTED: Final = ("actors", "fsm", "statem", "sessions", "dispatch", "transport", "authentication", "protocol")
"""The packages with compiled modules, and those next to them, whose tests show that nothing has changed."""

NOT_TESTED: Final = "tests/sessions/checker"
"""The model checker puts broken classes, and some of its own, where compiled code takes only the real ones."""

LEFT_OUT: Final = ("*.so", "__pycache__", "node_modules", ".*", "results", "dist", "compile.py")
LINKED: Final = (".venv", "node_modules")

SETUP: Final = """
from mypyc.build import mypycify
from setuptools import setup

modules = mypycify({arguments!r}, opt_level="3", debug_level="0", group_name="cometary")
setup(name="cometary", packages=[], ext_modules=modules)
"""


def copied() -> list[Path]:
    """The files and folders of the checkout that go into the copy."""
    return [path for path in ROOT.iterdir() if not path.name.startswith(".") and path.name not in LINKED]


def is_left_out(file: Path) -> bool:
    """Whether `file` is no part of the copy, and none of what it is made with."""
    parts = file.relative_to(ROOT).parts
    return file != SELF and any(fnmatch(part, pattern) for part in parts for pattern in LEFT_OUT)


def missing() -> list[str]:
    """The modules that this interpreter would not find as machine code."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    return [module for module in MODULES if not (COPY / f"cometary/{module}{suffix}").exists()]


def is_up_to_date() -> bool:
    """Whether all is there for this interpreter, and nothing that was copied has changed since."""
    if not STAMP.exists() or missing():
        return False
    made = STAMP.stat().st_mtime
    files = (file for path in copied() for file in (path, *path.rglob("*")))
    return all(file.stat().st_mtime < made for file in files if file.is_file() and not is_left_out(file))


def copy() -> None:
    """Make the copy anew."""
    shutil.rmtree(COPY, ignore_errors=True)
    COPY.mkdir(parents=True)
    for path in copied():
        if path.is_dir():
            ignored = shutil.ignore_patterns(*LEFT_OUT)
            shutil.copytree(path, COPY / path.name, ignore=ignored, symlinks=True)
        else:
            shutil.copy2(path, COPY)
    for name in LINKED:
        (COPY / name).symlink_to(ROOT / name)


def build() -> None:
    """Compile in the copy, out of sight of the settings that the project has for its own tools."""
    settings, aside = COPY / "pyproject.toml", COPY / "pyproject.toml.aside"
    settings.rename(aside)
    arguments = ["--strict", *(f"cometary/{module}.py" for module in MODULES)]
    (COPY / "setup.py").write_text(SETUP.format(arguments=arguments))
    log = COPY / "compile.log"
    with log.open("w") as output:
        command = [sys.executable, "setup.py", "build_ext", "--inplace"]
        done = subprocess.run(command, cwd=COPY, stdout=output, stderr=output, check=False)
    aside.rename(settings)
    if done.returncode:
        sys.exit(f"{log.read_text()[-4000:]}\nnot compiled; the sources run as well, only slower")


def main() -> int:
    """Compile, and test if that is asked for; returns the exit status."""
    if not is_up_to_date():
        copy()
        build()
        if missing():
            sys.exit(f"not compiled: {', '.join(missing())}")
        STAMP.touch()
    if "--test" not in sys.argv[1:]:
        return 0
    tests = [f"tests/{package}" for package in TESTED]
    options = ["-q", "--numprocesses=auto", "--maxprocesses=4", "--dist=loadfile", f"--ignore={NOT_TESTED}"]
    command = [sys.executable, "-m", "pytest", *options, *tests]
    return subprocess.run(command, cwd=COPY, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
