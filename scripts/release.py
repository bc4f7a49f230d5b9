"""Make everything that a release publishes, of the tag that is checked out, and put it into `dist/VERSION`.

    python scripts/release.py            the source archive, wheels, the npm package, an SBOM, their sums
    python scripts/release.py --pure     the same without the compiled wheel, which takes minutes
    python scripts/release.py --check    only see whether what is checked out could be released

1.  The version is the tag's, `v1.2.3`: nothing else names it. Python's packages take it from git (setuptools-scm), the
    npm package is given it here.
2.  Only what is committed and tagged is released: it is built in a clone of the tag, with the npm packages of the tag's
    lock file, so nothing else can get in.
3.  The changelog must have a dated section of that version with something in it.
4.  One wheel is compiled, for the interpreter that runs this, and one is not. Those that an index takes, for each
    interpreter and kind of machine, are cibuildwheel's, as `pyproject.toml` says.
5.  Nothing is published here.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
TAG: Final = re.compile(r"v(\d+\.\d+\.\d+(?:rc\d+)?)")
SECTION: Final = re.compile(r"^## \[(?P<version>[^\]]+)\](?P<date> - \d{4}-\d\d-\d\d)?$", re.MULTILINE)
PYTHON: Final = sys.executable


class NotReadyError(Exception):
    """What is checked out cannot be released, and why; the releaser's to mend."""


def main() -> int:
    """Make the release, or see whether it could be made; returns the exit status."""
    try:
        version = version_of(ROOT)
        changes(version, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    except NotReadyError as error:
        sys.stderr.write(f"no release: {error}\n")
        return 1
    if "--check" not in sys.argv[1:]:
        with TemporaryDirectory() as folder:
            kinds = ("pure",) if "--pure" in sys.argv[1:] else ("pure", "compiled")
            make(version, kinds, Path(folder, "clone"), ROOT / "dist" / version)
    return 0


def version_of(root: Path) -> str:
    """Return the version of the tag that is checked out (rules 1 and 2).

    Raises:
        NotReadyError: there is none, or something is not committed.
    """
    if git(root, "status", "--porcelain"):
        raise NotReadyError("something is not committed")
    tags = [
        found[1] for tag in git(root, "tag", "--points-at", "HEAD").split() if (found := TAG.fullmatch(tag))
    ]
    if len(tags) != 1:
        raise NotReadyError(f"one tag such as v1.2.3 has to be at this commit, there are {len(tags)}")
    return tags[0]


def changes(version: str, changelog: str) -> str:
    """Return what the changelog says of a version (rule 3).

    Raises:
        NotReadyError: it says nothing, or not since when.
    """
    sections = list(SECTION.finditer(changelog))
    for section, following in zip(sections, [*sections[1:], None], strict=True):
        if section["version"] == version:
            text = changelog[section.end() : following.start() if following else None].strip()
            if section["date"] and text:
                return text
            raise NotReadyError(f"the changelog's section {version} has no date, or nothing in it")
    raise NotReadyError(f"the changelog has no section {version}")


def git(root: Path, *words: str) -> str:
    """Return what git prints."""
    command = ["git", *words]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout


def run(where: Path, *command: str, **environment: str) -> None:
    """Run a command, whose output goes straight through."""
    subprocess.run(command, cwd=where, env={**os.environ, **environment}, check=True)


def make(version: str, kinds: Sequence[str], clone: Path, target: Path) -> None:
    """Build everything in a clone of the tag (rule 2)."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    git(ROOT, "clone", "--quiet", "--branch", f"v{version}", str(ROOT), str(clone))
    run(clone, "npm", "ci")
    make_python_packages(clone, kinds, target)
    make_npm_package(clone, version, target)
    make_sbom(clone, target)
    run(clone, PYTHON, "-m", "twine", "check", "--strict", *map(str, packages(target)))
    (target / "CHANGES.md").write_text(changes(version, (clone / "CHANGELOG.md").read_text()) + "\n")
    write_sums(target)


def packages(target: Path) -> list[Path]:
    """Return what goes to Python's index."""
    return sorted([*target.glob("*.tar.gz"), *target.glob("*.whl")])


def make_python_packages(clone: Path, kinds: Sequence[str], target: Path) -> None:
    """Make the source archive, and the wheels from it, which shows that it has all that they need (rule 4)."""
    run(clone, PYTHON, "-m", "build", "--no-isolation", "--sdist", "--outdir", str(target))
    [archive] = target.glob("*.tar.gz")
    quiet = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--no-cache-dir"]
    for kind in kinds:
        wheel = [PYTHON, "-m", "pip", "wheel", *quiet, "--wheel-dir", str(target), str(archive)]
        run(clone, *wheel, COMETARY_BUILD=kind)


def make_npm_package(clone: Path, version: str, target: Path) -> None:
    """Make the npm package, which is told its version here (rule 1)."""
    client = clone / "clients/javascript"
    number = re.sub(r"rc(\d+)$", r"-rc.\1", version)
    run(client, "npm", "version", "--no-git-tag-version", "--no-workspaces-update", number)
    run(client, "npm", "pack", "--pack-destination", str(target))


def make_sbom(clone: Path, target: Path) -> None:
    """Say what an installation consists of, in CycloneDX: the package and what it needs, as it was tested."""
    environment = clone / ".sbom"
    install(clone, target, environment)
    bom = ["--output-reproducible", "--pyproject", "pyproject.toml", "--mc-type", "library"]
    what = [*bom, "-o", str(target / "sbom.json"), str(environment)]
    run(clone, PYTHON, "-m", "cyclonedx_py", "environment", *what)


def install(clone: Path, target: Path, environment: Path) -> None:
    """Make an environment of the wheel and what it needs alone."""
    needed = clone / "needed.txt"
    exactly = ["--quiet", "--generate-hashes", "--constraint", "requirements/run.txt"]
    run(clone, PYTHON, "-m", "uv", "pip", "compile", *exactly, "--output-file", str(needed), "pyproject.toml")
    run(clone, PYTHON, "-m", "venv", str(environment))
    pip = [str(environment / "bin/python"), "-m", "pip"]
    quiet = ["--quiet", "--disable-pip-version-check"]
    run(clone, *pip, "install", *quiet, "--require-hashes", "--requirement", str(needed))
    [wheel] = target.glob("*-none-any.whl")
    run(clone, *pip, "install", *quiet, "--no-deps", str(wheel))
    run(clone, *pip, "uninstall", "--quiet", "--yes", "pip")


def write_sums(target: Path) -> None:
    """Write what `sha256sum --check` reads."""
    files = [file for file in sorted(target.iterdir()) if file.is_file()]
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (target / "SHA256SUMS").write_text("".join(lines))


if __name__ == "__main__":
    sys.exit(main())
