"""The package of the JavaScript client can be made in any clone, and has what it names."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.servers import ROOT

CLIENT = ROOT / "clients/javascript"

INSTALLS = f"""#!/bin/sh
test "$1" = ci || exit 1
test -f package-lock.json || exit 2
test -z "$npm_package_name" || exit 3
ln -s {ROOT}/node_modules node_modules
"""
"""An npm that installs what the lock file names without a network: from where it has been installed already."""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What a clone has of it: all but what was installed and made."""
    names = ["package.json", "package-lock.json", "clients/javascript"]
    for name in subprocess.check_output(["git", "ls-files", *names], cwd=ROOT, text=True).splitlines():  # noqa: S607
        target = tmp_path / "clone" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    return tmp_path / "clone"


def pack(directory: Path, *options: str, first_on_path: Path | None = None) -> Any:
    """Pack with the real npm; returns what it tells of the package."""
    npm = shutil.which("npm")
    assert npm
    path = os.pathsep.join([*([str(first_on_path)] if first_on_path else []), os.environ["PATH"]])
    done = subprocess.run(
        [npm, "pack", "--json", *options],
        cwd=directory,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)[0]


def test_it_is_packed_where_nothing_was_installed(clone: Path, tmp_path: Path) -> None:
    stand_in = tmp_path / "bin/npm"
    stand_in.parent.mkdir()
    stand_in.write_text(INSTALLS)
    stand_in.chmod(0o755)
    client = clone / "clients/javascript"
    packed = pack(client, "--pack-destination", str(tmp_path), first_on_path=stand_in.parent)
    assert (clone / "node_modules").is_symlink(), "nothing was installed"
    assert (tmp_path / packed["filename"]).exists()
    assert (client / "types/comet.d.ts").exists()


def test_what_it_exports_is_in_it(clone: Path) -> None:
    (clone / "node_modules").symlink_to(ROOT / "node_modules")
    client = clone / "clients/javascript"
    packed = {file["path"] for file in pack(client, "--dry-run")["files"]}
    package = json.loads((client / "package.json").read_text())
    named = {name.removeprefix("./") for each in package["exports"].values() for name in each.values()}
    assert named | {"README.md"} <= packed
    assert not {name for name in packed if name.startswith("tests/")}
    assert {f"types/{Path(name).stem}.d.ts" for name in packed if name.startswith("src/")} <= packed
