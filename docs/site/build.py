"""Build the site of one version beside those that are there: `make docs`.

    python docs/site/build.py [--version VERSION] [--into DIRECTORY] [--base PATH]

1.  Each version is a directory of its own, `DIRECTORY/VERSION`, which nothing touches again once it is built: what
    a release publishes is the directory with one version more.
2.  `DIRECTORY/versions.json` lists them for the switcher in each page, the newest first, and `DIRECTORY/index.html`
    leads to the newest release, or else to whatever there is.
3.  The switcher asks for that list where the site is: under PATH of its host, `/` unless it is said.
4.  A warning of Sphinx's fails the build.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[1]
CACHE: Final = ROOT / ".cache/docs"
RELEASE: Final = re.compile(r"\d+\.\d+\.\d+")
NUMBERED: Final = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:rc(\d+))?")
"""A release, or a candidate for one."""


def main() -> int:
    """Build it; returns the exit status."""
    parser = ArgumentParser(description="Build the site of one version.")
    parser.add_argument("--version", default="development")
    parser.add_argument("--into", type=Path, default=CACHE / "site", metavar="DIRECTORY")
    parser.add_argument("--base", default="/", metavar="PATH")
    options = parser.parse_args()
    status = build(options.version, options.into / options.version, options.base)
    if status == 0:
        list_versions(options.into, options.base)
        sys.stdout.write(f"{options.into}/index.html\n")
    return status


def build(version: str, target: Path, base: str) -> int:
    """Have Sphinx build one version; returns its exit status."""
    quietly = ["--quiet", "--fail-on-warning", "--keep-going", "--jobs", "auto"]
    command = [
        *(sys.executable, "-m", "sphinx", *quietly, "--builder", "html"),
        *("--conf-dir", str(HERE), "--doctree-dir", str(CACHE / "doctrees"), str(ROOT), str(target)),
    ]
    environment = {**os.environ, "COMETARY_DOCS_VERSION": version, "COMETARY_DOCS_BASE": base}
    return subprocess.run(command, env=environment, check=False).returncode


def list_versions(site: Path, base: str) -> None:
    """Write the list of the versions that are there, and the page that leads to the newest release (rule 2)."""
    versions = sorted(
        (path.parents[1].name for path in site.glob("*/docs/index.html")), key=age, reverse=True
    )
    newest = next((version for version in versions if RELEASE.fullmatch(version)), versions[0])
    listed = [
        {"version": version, "name": version, "url": f"{base}{version}/", "preferred": version == newest}
        for version in versions
    ]
    (site / "versions.json").write_text(json.dumps(listed, indent=2) + "\n")
    page = (HERE / "extra/index.html").read_text().replace("docs/index.html", f"{newest}/docs/index.html")
    (site / "index.html").write_text(page)


def age(version: str) -> tuple[int, ...]:
    """Return what versions are ordered by: candidates before their release; those that are neither are the newest."""
    found = NUMBERED.fullmatch(version)
    numbers = found.groups() if found else (None,)
    return tuple(sys.maxsize if number is None else int(number) for number in numbers)


if __name__ == "__main__":
    sys.exit(main())
