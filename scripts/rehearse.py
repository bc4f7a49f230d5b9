"""Rehearse a release, from the tag to the machines of those who install it: `make release-rehearsal`.

It takes some minutes; with `--pure`, which leaves the compiled wheel out, one.

1.  In a clone, what is committed here gets the changelog's section and the tag of a version that will never be.
    `scripts/release.py` makes the release there. What is compiled is not optimized, for nobody measures it: so it is
    compiled in a fraction of the time.
2.  twine uploads it to an index of our own, a pypiserver on loopback, and pip gets it from there; what it needs comes
    by the lock file, as always.
3.  Each kind is installed afresh and used as the documentation says: the compiled wheel and the other one say what they
    are, `cometary new` writes a project whose test passes, and the npm package is imported and required.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.release import git, packages, run  # noqa: E402

VERSION: Final = "99.0.0rc1"
PYTHON: Final = sys.executable
OPTIONS: Final = sys.argv[1:]
KINDS: Final = {"compiled": (), "interpreted": ("--platform", "any", "--only-binary", ":all:")}
"""What a package says that it is, by what pip is told to get it."""
PATIENCE: Final = 30
"""Seconds that the index has to start."""


def main() -> int:
    """Rehearse; returns the exit status."""
    with TemporaryDirectory() as folder:
        made = release(Path(folder, "repository"))
        with index(Path(folder, "index")) as url:
            publish(url, made)
            for kind in KINDS if "--pure" not in OPTIONS else ["interpreted"]:
                use_python(Path(folder, kind), url, kind)
        use_npm(Path(folder, "npm"), next(made.glob("*.tgz")))
        sys.stdout.write(f"rehearsed: {', '.join(sorted(file.name for file in made.iterdir()))}\n")
    return 0


def release(clone: Path) -> Path:
    """Make a release of what is committed here, under a version of its own (rule 1); returns where it is."""
    git(ROOT, "clone", "--quiet", str(ROOT), str(clone))
    changelog = clone / "CHANGELOG.md"
    dated = f"## [Unreleased]\n\n## [{VERSION}] - {date.today().isoformat()}\n"  # noqa: DTZ011 - the releaser's day
    changelog.write_text(changelog.read_text().replace("## [Unreleased]\n", dated, 1))
    who = ["-c", "user.name=Rehearsal", "-c", "user.email=rehearsal@localhost"]
    git(clone, *who, "commit", "--quiet", "--all", "--message", f"Rehearse {VERSION}")
    git(clone, *who, "tag", "--annotate", f"v{VERSION}", "--message", VERSION)
    run(clone, PYTHON, "scripts/release.py", *OPTIONS, COMETARY_OPTIMIZE="0")
    return clone / "dist" / VERSION


@contextmanager
def index(folder: Path) -> Generator[str]:
    """Run an index of Python packages on loopback; gives its URL."""
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    options = ["--interface", "127.0.0.1", "--port", str(port), "--passwords", ".", "--authenticate", "."]
    with subprocess.Popen([PYTHON, "-m", "pypiserver", "run", *options, str(folder)]) as server:
        try:
            wait_for(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def wait_for(port: int) -> None:
    """Return as soon as somebody listens there."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


def publish(url: str, made: Path) -> None:
    """Upload the packages (rule 2)."""
    upload = [
        "upload",
        "--non-interactive",
        "--disable-progress-bar",
        "--repository-url",
        url,
        "-u",
        "x",
        "-p",
        "x",
    ]
    run(made, PYTHON, "-m", "twine", *upload, *map(str, packages(made)))


def use_python(folder: Path, url: str, kind: str) -> None:
    """Install the package afresh, of one kind of wheel, and use it (rule 3)."""
    python = folder / "venv/bin/python"
    run(ROOT, PYTHON, "-m", "venv", str(folder / "venv"))
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    run(ROOT, *pip, "install", "--require-hashes", "--requirement", "requirements/run.txt")
    got = [*pip, "download", "--no-deps", "--pre", "--index-url", f"{url}/simple/", "--dest", str(folder)]
    run(ROOT, *got, *KINDS[kind], "cometary")
    [wheel] = folder.glob("*.whl")
    run(ROOT, *pip, "install", "--no-deps", str(wheel))
    said = subprocess.run(
        [folder / "venv/bin/cometary", "--version"], check=True, capture_output=True, text=True
    )
    if said.stdout != f"cometary {VERSION}, {kind}\n":
        raise SystemExit(f"{wheel.name} says {said.stdout}")
    run(folder, str(folder / "venv/bin/cometary"), "new", "lobby")
    run(folder, *pip, "install", "pytest")  # as the project's README says
    run(folder / "lobby", str(python), "-m", "pytest", "-q", PYTHONPATH="")


def use_npm(folder: Path, package: Path) -> None:
    """Install the npm package afresh, import it and require it (rule 3)."""
    folder.mkdir()
    (folder / "package.json").write_text("{}\n")
    run(folder, "npm", "install", "--no-audit", "--no-fund", str(package))
    run(
        folder,
        "node",
        "--input-type=module",
        "-e",
        'import { Comet } from "cometary"; new Comet("/comet").state;',
    )
    run(folder, "node", "-e", 'require("cometary/tabs").allTabs();')


if __name__ == "__main__":
    sys.exit(main())
