"""What is installed: a package that runs wherever it is built, with the page and the one source of the client in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from tarfile import TarFile
from tarfile import open as open_archive
from zipfile import ZipFile

import pytest

from cometary.browser import CLIENT, TYPES, WELCOME
from cometary.cli.new import FILES

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
TAG = {"SETUPTOOLS_SCM_PRETEND_VERSION_FOR_COMETARY": "9.8.7"}
"""Says what git's tag would say."""


def copy(folder: Path, names: Iterable[str] = PACKAGED) -> None:
    """Copy what packages are made of, since building leaves behind what a checkout is not to have."""
    folder.mkdir(exist_ok=True)
    for name in names:
        if (ROOT / name).is_dir():
            left_out = shutil.ignore_patterns("__pycache__", "*.so")
            shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=left_out)
        else:
            shutil.copy(ROOT / name, folder)


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run this Python in `folder`."""
    whole = [sys.executable, *command]
    return subprocess.run(
        whole, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def wheel_of(folder: Path, source: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Build a wheel, as pip does, into `folder/dist`."""
    quiet = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation"]
    return run(folder, "-m", "pip", "wheel", *quiet, "--wheel-dir", "dist", source, **environment)


def test_where_there_is_no_compiler_the_wheel_of_the_source_archive_has_all_that_runs(tmp_path: Path) -> None:
    copy(tmp_path)
    for words in (["init"], ["add", *PACKAGED]):  # what is in git is looked at for the archive
        command = ["git", *words]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    program = "from setuptools.build_meta import build_sdist as build; build('archive')"
    assert (built := run(tmp_path, "-c", program, **NO_COMPILER, **TAG)).returncode == 0, built.stderr
    [archive] = (tmp_path / "archive").iterdir()
    with open_archive(archive) as files:
        check_archive(files)
    built = wheel_of(tmp_path, str(archive), **NO_COMPILER)
    assert built.returncode == 0, built.stderr
    [wheel] = (tmp_path / "dist").iterdir()
    assert wheel.name == "cometary-9.8.7-py3-none-any.whl", "the archive knows its version without git"
    with ZipFile(wheel) as files:
        check_wheel(files)


def check_archive(files: TarFile) -> None:
    """The archive has what a wheel is made of, as files, and nothing that only a checkout can use."""
    names = {Path(*Path(name).parts[1:]).as_posix() for name in files.getnames()}
    assert {"pyproject.toml", "setup.py", "README.md", "LICENSE"} <= names
    assert not [member.name for member in files if member.issym() or member.islnk()]
    tops = {name.partition("/")[0] for name in names}
    assert not tops & {"tests", "benchmarks", "docs", "examples", "node_modules"}


def check_wheel(files: ZipFile) -> None:
    """The wheel has the sources, and all that the page needs."""
    names = set(files.namelist())
    modules = {file.relative_to(ROOT).as_posix() for file in (ROOT / "cometary").rglob("*.py")}
    assert modules <= names
    assert {"cometary/py.typed", "cometary/demo/page/index.html", "cometary/demo/page/style.css"} <= names
    for file in (CLIENT, TYPES, WELCOME):
        assert files.read(f"cometary/browser/{file.name}") == file.read_bytes()
    assert {f"cometary/cli/project/{name}" for name in FILES} <= names
    assert {f"cometary/doors/inspector/page/{name}" for name in ("index.html", "main.js", "dom.js")} <= names
    for source in SOURCES.iterdir():
        for folder in ("demo/page", "contrib/django/static/cometary", "doors/inspector/page"):
            assert files.read(f"cometary/{folder}/client/{source.name}") == source.read_bytes()


def test_what_git_archives_has_the_version_of_its_tag(tmp_path: Path) -> None:
    copy(tmp_path / "clone", ("pyproject.toml", ".gitattributes", ".git_archival.txt"))
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for words in (["init"], ["add", "--all"], ["commit", "-m", "x"], ["tag", "v1.2.3"]):
        subprocess.run([*git, *words], cwd=tmp_path / "clone", check=True, capture_output=True)
    archived = subprocess.run(
        [*git, "archive", "HEAD"], cwd=tmp_path / "clone", check=True, capture_output=True
    )
    with open_archive(fileobj=BytesIO(archived.stdout)) as files:
        files.extractall(tmp_path / "archive", filter="data")
    assert run(tmp_path / "archive", "-m", "setuptools_scm").stdout == "1.2.3\n"


def test_who_asks_for_a_compiled_one_is_told_what_is_missing(tmp_path: Path) -> None:
    copy(tmp_path)
    built = wheel_of(tmp_path, ".", COMETARY_BUILD="compiled", **NO_COMPILER)
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
    in_c = project["tool"]["cometary"]["in-c"]
    assert [module for module in in_c if not (ROOT / f"cometary/{module}.c").exists()] == []


def test_each_module_of_the_client_is_linked_to() -> None:
    links = {link.name: link.is_symlink() and link.resolve() for link in LINKS.iterdir()}
    sources = {source.name: source for source in SOURCES.iterdir()}
    assert links == sources, (
        "Link all modules: cd cometary/demo/page/client && ln -sf ../../../../clients/javascript/src/*.js ."
    )
