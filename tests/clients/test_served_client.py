"""The client that the server has for browsers is the one of this repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

from cometary.browser import CLIENT, TYPES
from tests.servers import ROOT

PAGE = """
import { allTabs, cbor, Comet } from "/comet.js";

const comet = new Comet<{ news: string }>("/comet", { share: allTabs(), codec: cbor() });
comet.on("news", (text) => text.trim());
// @ts-expect-error no such pattern
comet.on("olds", () => undefined);
"""

NODE = ("node", "clients/javascript/served.js")
STRICT = ("--noEmit", "--strict", "--module", "esnext", "--moduleResolution", "bundler", "--target", "es2022")


def test_it_is_made_of_what_is_there_now(tmp_path: Path) -> None:
    subprocess.run([*NODE, tmp_path], cwd=ROOT, check=True)
    for kept in (CLIENT, TYPES):
        same = (tmp_path / kept.name).read_bytes() == kept.read_bytes()
        assert same, "Make it anew: npm run served --workspace clients/javascript"


def test_its_types_are_right_for_a_page_that_imports_it_from_the_server(tmp_path: Path) -> None:
    (tmp_path / "page.ts").write_text(PAGE)
    tsc = ROOT / "node_modules/.bin/tsc"
    found = subprocess.run(
        [tsc, *STRICT, "--types", "", "page.ts", TYPES],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (found.returncode, found.stdout) == (0, "")
