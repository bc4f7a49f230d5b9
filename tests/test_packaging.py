"""What is installed: a package that runs wherever it is built, with the page and the one source of the client in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "clients/javascript/src"
LINKS = ROOT / "cometary/demo/page/client"
PACKAGED = (
    "cometary",
    "clients/javascript/src",
    "pyproject.toml",
    "setup.py",
    "MANIFEST.in",
    "README.md",
    "LICENSE",
)

NO_COMPILER = {"CC": "/nowhere/cc"}


def build(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Build a wheel as pip does, of a copy, since that leaves behind what a checkout is not to have."""
    for name in PACKAGED:
        if (ROOT / name).is_dir():
            left_out = shutil.ignore_patterns("__pycache__", "*.so")
            shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=left_out)
        else:
            shutil.copy(ROOT / name, folder)
    options = [
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--disable-pip-version-check",
        "--wheel-dir",
        "dist",
        ".",
    ]
    command = [sys.executable, "-m", "pip", "wheel", *options]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def test_where_there_is_no_compiler_the_wheel_has_the_sources_and_all_that_the_page_needs(
    tmp_path: Path,
) -> None:
    built = build(tmp_path, **NO_COMPILER)
    assert built.returncode == 0, built.stderr
    [wheel] = (tmp_path / "dist").iterdir()
    assert wheel.name.endswith("-py3-none-any.whl")
    with ZipFile(wheel) as files:
        names = set(files.namelist())
        modules = {file.relative_to(ROOT).as_posix() for file in (ROOT / "cometary").rglob("*.py")}
        assert modules <= names
        assert {"cometary/py.typed", "cometary/demo/page/index.html", "cometary/demo/page/style.css"} <= names
        for source in SOURCES.iterdir():
            for folder in ("demo/page", "contrib/django/static/cometary"):
                assert files.read(f"cometary/{folder}/client/{source.name}") == source.read_bytes()


def test_who_asks_for_a_compiled_one_is_told_what_is_missing(tmp_path: Path) -> None:
    built = build(tmp_path, COMETARY_BUILD="compiled", **NO_COMPILER)
    assert built.returncode != 0
    assert "COMETARY_BUILD=compiled: there is no C compiler" in built.stdout + built.stderr


@pytest.mark.parametrize("command", ["--version", "bdist_wheel"])
def test_an_unknown_wish_is_refused(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "setup.py", command],
        cwd=ROOT,
        env={**os.environ, "COMETARY_BUILD": "fast"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "COMETARY_BUILD=fast: say auto, compiled or pure\n")


def test_what_is_compiled_is_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    modules = project["tool"]["cometary"]["compiled"]
    assert modules == sorted(set(modules))
    assert [module for module in modules if not (ROOT / f"cometary/{module}.py").exists()] == []


def test_each_module_of_the_client_is_linked_to() -> None:
    links = {link.name: link.is_symlink() and link.resolve() for link in LINKS.iterdir()}
    sources = {source.name: source for source in SOURCES.iterdir()}
    assert links == sources, (
        "Link all modules: cd cometary/demo/page/client && ln -sf ../../../../clients/javascript/src/*.js ."
    )
