"""The package of the JavaScript client can be made in any clone, and has what it names."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.clients.cutting_proxy import CuttingProxy
from tests.servers import ECHO, ROOT, running_server

CLIENT = ROOT / "clients/javascript"

INSTALLS = f"""#!/bin/sh
test "$1" = ci || exit 1
test -f package-lock.json || exit 2
test -z "$npm_package_name" || exit 3
ln -s {ROOT}/node_modules node_modules
"""
"""An npm that installs what the lock file names without a network: from where it has been installed already."""


def clone(directory: Path) -> Path:
    """Make what a clone has of it, in a directory: all but what was installed and made."""
    names = ["package.json", "package-lock.json", "clients/javascript"]
    for name in subprocess.check_output(["git", "ls-files", *names], cwd=ROOT, text=True).splitlines():  # noqa: S607
        target = directory / "clone" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    return directory / "clone"


@dataclass(frozen=True, slots=True)
class Packed:
    """The client's directory in a clone in which the tools are installed; the archive made there, and what is in it."""

    client: Path
    archive: Path
    files: frozenset[str]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    """The package, made once: that takes longer than to look at it."""
    directory = tmp_path_factory.mktemp("packed")
    cloned = clone(directory)
    (cloned / "node_modules").symlink_to(ROOT / "node_modules")
    client = cloned / "clients/javascript"
    told = pack(client, "--pack-destination", str(directory))
    return Packed(client, directory / told["filename"], frozenset(file["path"] for file in told["files"]))


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


def test_it_is_packed_where_nothing_was_installed(tmp_path: Path) -> None:
    stand_in = tmp_path / "bin/npm"
    stand_in.parent.mkdir()
    stand_in.write_text(INSTALLS)
    stand_in.chmod(0o755)
    cloned = clone(tmp_path)
    client = cloned / "clients/javascript"
    packed = pack(client, "--pack-destination", str(tmp_path), first_on_path=stand_in.parent)
    assert (cloned / "node_modules").is_symlink(), "nothing was installed"
    assert (tmp_path / packed["filename"]).exists()
    assert (client / "types/comet.d.ts").exists()


def test_what_it_exports_is_in_it(packed: Packed) -> None:
    package = json.loads((packed.client / "package.json").read_text())
    named = {name.removeprefix("./") for name in names(package["exports"])}
    assert named | {"README.md", "LICENSE", "old/package.json"} <= packed.files
    assert (packed.client / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert not {name for name in packed.files if name.startswith("tests/")}
    assert {
        f"types/{Path(name).stem}.d.ts" for name in packed.files if name.startswith("src/")
    } <= packed.files


def test_programs_that_require_it_and_pages_without_modules_have_it_too(
    packed: Packed, tmp_path: Path
) -> None:
    installed = tmp_path / "page/node_modules/cometary"
    installed.mkdir(parents=True)
    shutil.unpack_archive(packed.archive, tmp_path, "gztar")
    (tmp_path / "package").rename(installed.parent / "whole")
    installed.rmdir()
    (installed.parent / "whole").rename(installed)
    page = tmp_path / "page"
    (page / "required.cjs").write_text(REQUIRED)
    (page / "imported.mjs").write_text(IMPORTED)
    (page / "typed.cts").write_text(TYPED)
    for program in ("required.cjs", "imported.mjs"):
        assert run(page, "node", program) == "closed closed function\n"
    assert run(page, ROOT / "node_modules/.bin/tsc", *STRICT, "typed.cts") == ""
    assert_it_works(installed / "dist/comet.min.mjs")


def assert_it_works(client: Path) -> None:
    """Have the client whose names were made shorter do its work: nothing else shows that one was not its own."""
    with running_server(ECHO) as server, CuttingProxy(server.port, seed=1, cut=0.25) as proxy:
        url = f"http://127.0.0.1:{proxy.port}/comet"
        said = json.loads(run(ROOT, "node", "tests/clients/echo_client.mjs", url, "50", client))
    numbers = list(range(1, 51))
    assert said == {"echoed": numbers, "counted": numbers, "reopened": []}


REQUIRED = """
const { Comet } = require("cometary");
const { allTabs } = require("cometary/tabs");
const { cbor } = require("cometary/cbor");
const { readFileSync } = require("node:fs");
const vm = require("node:vm");

const script = readFileSync(require.resolve("cometary/cometary.min.js"), "utf8");
const page = vm.createContext({ EventTarget, TextEncoder });
vm.runInContext(script + "; this.state = new Cometary.Comet('/comet').state", page);
console.log(new Comet("/comet", { codec: cbor() }).state, page.state, typeof allTabs);
"""

IMPORTED = """
import { allTabs } from "cometary/tabs";
import { cbor } from "cometary/cbor";
import * as small from "cometary/comet.min.mjs";
import * as whole from "cometary/cometary.min.mjs";

console.log(new small.Comet("/comet", { codec: cbor() }).state, new whole.Comet("/comet").state, typeof allTabs);
"""

TYPED = """
import { Comet } from "cometary";
import { cbor } from "cometary/cbor";
import { allTabs } from "cometary/tabs";

const comet = new Comet<{ news: string }>("/comet", { share: allTabs(), codec: cbor() });
comet.on("news", (text) => text.trim());
// @ts-expect-error no such pattern
comet.on("olds", () => undefined);
"""

STRICT = ("--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--types", "")


def run(directory: Path, *command: str | Path) -> str:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def names(exports: Any) -> set[str]:
    """All files that a package exports, on whatever condition."""
    if isinstance(exports, str):
        return {exports}
    return {name for each in exports.values() for name in names(each)}
