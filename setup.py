"""Builds the package: its hot modules as machine code, where that can be made, else as the sources they are.

What does not depend on the machine is in pyproject.toml, the list of these modules (`tool.cometary.compiled`) included.
COMETARY_BUILD says otherwise: `compiled` fails where it cannot be done, `pure` leaves it, `auto`, the default, is to
compile if there are a C compiler and Python's headers. COMETARY_OPTIMIZE is what the C compiler is told: 3, or 0 for
machine code that is no faster than the sources, in a fraction of the time.

The sources go along in either case: tracebacks and newcomers read them, and what is not compiled runs beside
what is. An editable install is never compiled, for what was compiled would hide each change of its source.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import tomllib
from pathlib import Path
from subprocess import DEVNULL, run
from tempfile import TemporaryDirectory
from typing import Any

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, LinkError

WISH = os.environ.get("COMETARY_BUILD", "auto")
OPTIMIZE = os.environ.get("COMETARY_OPTIMIZE", "3")
PROJECT: dict[str, Any] = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
MODULES: list[str] = PROJECT["tool"]["cometary"]["compiled"]
IN_C: list[str] = PROJECT["tool"]["cometary"]["in-c"]
COMPILES = {"bdist_wheel", "build", "build_ext"}
"""The commands that compile; others of setuptools' only ask what there is."""


def has_compiler() -> bool:
    """Whether a C compiler and the headers of this Python are there."""
    compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    with TemporaryDirectory() as folder:
        source = Path(folder, "probe.c")
        source.write_text("#include <Python.h>\n")
        command = [
            *compiler.split(),
            f"-I{sysconfig.get_path('include')}",
            "-c",
            str(source),
            "-o",
            os.devnull,
        ]
        try:
            return run(command, stdout=DEVNULL, stderr=DEVNULL, check=False).returncode == 0
        except OSError:
            return False


def needs() -> list[str]:
    """What has to be there to compile: mypyc, and whatever the modules import, whose types it reads."""
    return [*PROJECT["dependency-groups"]["build"], *PROJECT["project"]["dependencies"]]


def extensions() -> list[Any]:
    """The modules as machine code; none if they are not to be compiled, or cannot be."""
    if COMPILES.isdisjoint(sys.argv):
        return []
    try:
        from mypyc.build import mypycify  # noqa: PLC0415 - needed for no other command
    except ImportError:
        return give_up("mypyc is not installed")
    arguments = ["--config-file=", "--strict", *(f"cometary/{module}.py" for module in MODULES)]
    try:
        compiled = mypycify(arguments, opt_level=OPTIMIZE, debug_level="0", group_name="cometary")
    except SystemExit:  # it has said why: some library's types are not those that we are checked with
        return give_up("mypyc refuses the sources")
    if (
        sys.platform == "linux"
    ):  # calls within go straight there, not by a table in which other libraries could step in
        for extension in compiled:
            extension.extra_link_args = [*extension.extra_link_args, "-Wl,-Bsymbolic"]
    return [*in_c(), *compiled]


def in_c() -> list[Any]:
    """What is written in C, where the system has sockets as POSIX has them."""
    if os.name != "posix":
        return []
    return [Extension(f"cometary.{module.replace('/', '.')}", [f"cometary/{module}.c"]) for module in IN_C]


class BuildExtensions(build_ext):
    """Compiles what mypyc has written; if that fails there is nothing of it, not half of it."""

    def run(self) -> None:
        """See `build_ext`."""
        try:
            super().run()
        except (CompileError, LinkError) as error:
            give_up(str(error))
            for extension in self.extensions:
                Path(self.get_ext_fullpath(extension.name)).unlink(missing_ok=True)
            self.extensions = self.distribution.ext_modules = []


def give_up(reason: str) -> list[Any]:
    """Say why nothing is compiled; where that was asked for, it is an error."""
    if WISH == "compiled":
        sys.exit(f"COMETARY_BUILD=compiled: {reason}")
    print(f"cometary is not compiled ({reason}): it runs from its sources, only slower", file=sys.stderr)
    return []


if WISH not in {"auto", "compiled", "pure"}:
    sys.exit(f"COMETARY_BUILD={WISH}: say auto, compiled or pure")
if WISH == "pure":
    setup()
elif not has_compiler():
    give_up("there is no C compiler, or Python's headers are missing")
    setup()
else:
    setup(
        ext_modules=extensions(),
        setup_requires=[] if "editable_wheel" in sys.argv else needs(),
        cmdclass={"build_ext": BuildExtensions},
    )
