"""Sets up what a peer needs, or says why it cannot be had.

Nothing here fails a run: a peer that is missing is shown as missing, with the reason.
System packages are installed only as root and only if allowed; everything else goes
into the working directory.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.harness.workspace import (
    FLOOR,
    LOAD,
    PEERS,
    ROOT,
    SWARM,
    WORK,
    UnavailableError,
    compile_c,
    output_of,
)

INSTALL_SECONDS = 300

ERLANG_PACKAGES = ("erlang-base", "erlang-crypto", "erlang-inets", "erlang-mochiweb", "erlang-jiffy")
NGINX_PACKAGES = ("nginx-light", "libnginx-mod-nchan")
NCHAN_MODULE = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
ERLANG_CHECK = """
[error({missing, M}) || M <- [mochiweb, jiffy, httpd_util, crypto], code:which(M) =:= non_existing],
halt().
"""


@dataclass
class Kit:
    """What servers are started with.

    Attributes:
        python: The interpreter that everything in Python is measured on.
        install: Whether missing packages may be installed.
    """

    python: str
    install: bool
    _environments: dict[Path, str] = field(default_factory=dict[Path, str])

    def subject(self) -> str:
        """Returns the interpreter that Cometary runs on.

        It is the one that runs the harness, which has what Cometary needs, or else an
        environment made from the one that was asked for.

        Raises:
            UnavailableError: The environment could not be made.
        """
        if Path(self.python) == Path(sys.executable):
            return self.python
        return self.environment(ROOT / "requirements" / "run.txt")

    def peers(self) -> str:
        """Returns the interpreter of the Python peers: the same build as Cometary's.

        Raises:
            UnavailableError: Their environment could not be made.
        """
        return self.environment(PEERS / "requirements.txt")

    def triotp(self) -> str:
        """Returns the interpreter of triotp, which needs a Trio of years ago beside it.

        Raises:
            UnavailableError: Its environment could not be made.
        """
        return self.environment(PEERS / "requirements-triotp.txt")

    def environment(self, requirements: Path) -> str:
        """Returns the interpreter of a virtual environment, made if there is none yet.

        Its name holds the interpreter's build and the pinned versions, so that a change of
        either makes a new one.

        Args:
            requirements: What is installed in it: a requirements file with hashes.

        Raises:
            UnavailableError: It could not be made.
        """
        if requirements not in self._environments:
            self._environments[requirements] = self._make_environment(requirements)
        return self._environments[requirements]

    def _make_environment(self, requirements: Path) -> str:
        build = output_of([self.python, "-c", "import sys; print(sys.base_prefix, sys.version)"], seconds=20)
        key = hashlib.sha256(build.encode() + requirements.read_bytes()).hexdigest()[:12]
        home = WORK / f"venv-{key}"
        complete = home / "complete"
        if not complete.exists():
            self._install(home, requirements)
            complete.touch()
        return str(home / "bin" / "python")

    def _install(self, home: Path, requirements: Path) -> None:
        if not self.install:
            raise UnavailableError("its packages are not installed, and installing is off")
        shutil.rmtree(home, ignore_errors=True)
        # Not every distribution has what venv needs to bring pip along; ours can install into it.
        output_of([self.python, "-m", "venv", "--without-pip", str(home)], seconds=60)
        pip = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "install", "--quiet"]
        output_of([*pip, "--require-hashes", "-r", str(requirements)], seconds=INSTALL_SECONDS)


def build_swarm() -> None:
    """Compiles the load generator.

    Raises:
        UnavailableError: There is no C compiler.
    """
    compile_c(LOAD / "swarm.c", SWARM)


def floor(_kit: Kit) -> None:
    """Compiles the floor."""
    compile_c(LOAD / "floor.c", FLOOR)


def erlang(kit: Kit) -> None:
    """Finds or installs Erlang with mochiweb and jiffy."""
    _ready_or_apt(kit, ["erl", "-noshell", "-eval", ERLANG_CHECK], ERLANG_PACKAGES)


def erlang_runtime(kit: Kit) -> None:
    """Finds or installs Erlang alone."""
    _ready_or_apt(kit, ["erl", "-noshell", "-eval", "halt()."], ("erlang-base",))


def nginx(kit: Kit) -> None:
    """Finds or installs nginx with the nchan module."""
    _ready_or_apt(kit, ["sh", "-c", f"nginx -v && test -f {NCHAN_MODULE}"], NGINX_PACKAGES)


def valgrind(kit: Kit) -> None:
    """Finds or installs valgrind."""
    _ready_or_apt(kit, ["valgrind", "--version"], ("valgrind",))


def node(kit: Kit) -> None:
    """Finds Node and installs the locked packages beside the peer's server."""
    here = PEERS / "socketio-node"
    installed = here / "node_modules" / ".package-lock.json"
    lock = here / "package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    if not kit.install:
        raise UnavailableError("its packages are not installed, and installing is off")
    output_of(["npm", "ci", "--no-audit", "--no-fund"], cwd=here, seconds=INSTALL_SECONDS)


def python_peers(kit: Kit) -> None:
    """Makes the environment of the Python peers."""
    kit.peers()


def cometary(kit: Kit) -> None:
    """Checks that Cometary can be imported where it will be measured."""
    output_of([kit.subject(), "-c", "import cometary.cli"], seconds=20, cwd=ROOT)


def compiled(kit: Kit) -> None:
    """Compiles Cometary's hot modules for the interpreter that it will be measured on."""
    output_of([kit.subject(), "scripts/compile.py"], seconds=INSTALL_SECONDS, cwd=ROOT)


def _ready_or_apt(kit: Kit, check: Sequence[str], packages: Sequence[str]) -> None:
    try:
        output_of(check, seconds=20)
    except UnavailableError as missing:
        if not kit.install or os.geteuid() != 0:
            wanted = " ".join(packages)
            raise UnavailableError(f"{missing} (Debian: {wanted})") from missing
        _apt_install(packages)
        output_of(check, seconds=20)


def _apt_install(packages: Sequence[str]) -> None:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    output_of(["apt-get", "update", "-q"], environment=quiet, seconds=INSTALL_SECONDS)
    install = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages]
    output_of(install, environment=quiet, seconds=INSTALL_SECONDS)
