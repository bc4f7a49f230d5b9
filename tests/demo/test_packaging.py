"""The page finds the JavaScript client in a checkout and in a wheel, and there is one source of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = ROOT / "clients/javascript/src"
LINKS = ROOT / "cometary/demo/page/client"


def test_each_module_of_the_client_is_linked_to() -> None:
    links = {link.name: link.is_symlink() and link.resolve() for link in LINKS.iterdir()}
    sources = {source.name: source for source in SOURCES.iterdir()}
    assert links == sources, (
        "Link all modules: cd cometary/demo/page/client && ln -sf ../../../../clients/javascript/src/*.js ."
    )


def test_a_wheel_has_the_page_and_the_client_itself(tmp_path: Path) -> None:
    command: list[str | Path] = [sys.executable, "-m", "flit_core.wheel", "--outdir", tmp_path, ROOT]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    [wheel] = tmp_path.glob("*.whl")
    with ZipFile(wheel) as files:
        assert {"cometary/demo/page/index.html", "cometary/demo/page/style.css"} <= set(files.namelist())
        for source in SOURCES.iterdir():
            assert files.read(f"cometary/demo/page/client/{source.name}") == source.read_bytes()


def test_the_types_in_the_comments_of_the_page_are_right() -> None:
    tsc = ROOT / "node_modules/.bin/tsc"
    result = subprocess.run(
        [tsc, "--project", ROOT / "tests/demo/tsconfig.json"], stdout=subprocess.PIPE, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (0, "")
