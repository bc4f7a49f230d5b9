"""Running the commands that pages show: really, or as far as can be in a moment and without a network."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from cometary.cli import calls
from cometary.cli.arguments import parse
from cometary.cli.chaos import make_plan
from tests.examples.code_blocks import Block
from tests.servers import ENVIRONMENT, READY, ROOT, running_server, started

SECRETS: Final = {
    "COMETARY_SECRET": "open-sesame",
    "COMETARY_TOKEN_SECRET": "a-secret-of-thirty-two-characters",
    "COMETARY_AUTH_SECRET": "whsec_" + "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4",
    "COMETARY_WEBHOOK_SECRET": "whsec_" + "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4",
}
"""What stands where pages have `…`."""

SHORTER: Final = {
    "tests.cluster.checker": ["--states", "50", "--no-breaks"],
    "tests.sessions.checker": ["--states", "50"],
    "tests.simulation": ["--sessions", "5", "--minutes", "1"],
}
"""What makes a long program short."""

COMMAND: Final = re.compile(
    r"([A-Z_]+=\S+ )*((\.|\.\./\.\.)?/?(\.?venv/bin/)?(make|cometary|python3?|pip|pytest|curl|cd))\b"
)
VARIABLE: Final = re.compile(r"([A-Z_]+)=(\S*)")


def run_commands(block: Block, tmp_path: Path) -> None:
    """Run each command."""
    for line in block.lines:
        run_command(line, tmp_path)


def run_command(line: str, tmp_path: Path) -> None:
    words = shlex.split(line, comments=True)
    variables: dict[str, str] = {}
    while found := VARIABLE.fullmatch(words[0]):
        variables[found[1]] = SECRETS[found[1]] if found[2].startswith(("…", "whsec_…")) else found[2]
        words.pop(0)
    program, *arguments = [Path(words[0]).name, *words[1:]]
    if program == "python" and arguments[0].endswith("manage.py"):
        return  # as in NOT_RUN
    COMMANDS[program](arguments, variables, tmp_path)


Arguments = list[str]


def run_make(arguments: Arguments, _variables: dict[str, str], _: Path) -> None:
    """Look whether there is such a target: what it does is what the checks are, or takes minutes."""
    bash(f"make --dry-run {shlex.join(arguments)}", ROOT)


def run_cometary(arguments: Arguments, variables: dict[str, str], tmp_path: Path) -> None:
    if arguments[0] == "chaos":
        _, given = parse(arguments)
        make_plan(given)  # it takes minutes; tests/chaos runs the command itself
    elif arguments[0] in {"serve", "demo"}:
        start_server(arguments, variables, tmp_path)
    elif arguments[0] in calls.COMMANDS:
        with running_server("") as server:
            control = server.control.removeprefix("http://")
            bash(shlex.join([sys.executable, "-m", "cometary", *arguments, "--control", control]), tmp_path)
    else:
        assert bash(shlex.join([sys.executable, "-m", "cometary", *arguments]), tmp_path, **variables)


def start_server(arguments: Arguments, variables: dict[str, str], tmp_path: Path) -> None:
    """Start it, on any ports, and wait until it is ready. An application chat:app is the README's."""
    shutil.copy(ROOT / "examples/hello.py", tmp_path / "chat.py")
    given = [str(ROOT / each) if each.startswith("examples/") else each for each in arguments]
    with started(
        [*given, "--port", "0", "--control", "127.0.0.1:0"], {**ENVIRONMENT, **variables}, tmp_path
    ) as process:
        try:
            assert process.stdout is not None
            assert READY.fullmatch(process.stdout.readline())
        finally:
            process.terminate()
            assert process.wait(60) == 0


def run_curl(arguments: Arguments, _variables: dict[str, str], tmp_path: Path) -> None:
    """Call a server that there is."""
    with running_server("") as server:
        given = [each.replace("http://127.0.0.1:8081", server.control) for each in arguments]
        json.loads(bash(shlex.join(["curl", "--silent", "--fail", "--noproxy", "*", *given]), tmp_path))


def run_any_python(arguments: Arguments, variables: dict[str, str], tmp_path: Path) -> None:
    if arguments[:1] == ["-m"] and arguments[1].startswith(("examples.", "benchmarks.")):
        # What an example prints follows on the page, and is compared there; a measurement takes its time.
        assert find_spec(arguments[1])
        return
    more = SHORTER.get(arguments[1], []) if arguments[0] == "-m" else []
    bash(shlex.join([sys.executable, *arguments, *more]), ROOT, **variables)


def run_pytest(arguments: Arguments, _variables: dict[str, str], _: Path) -> None:
    given = [each.replace("tests/test_auction.py", "tests/examples/test_auction.py") for each in arguments]
    bash(shlex.join([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *given]), ROOT)


def run_pip(arguments: Arguments, _variables: dict[str, str], _: Path) -> None:
    """Have pip read what it would install, from this checkout and nowhere else."""
    assert arguments[0] == "install"
    given = [each.replace("../cometary", ".") for each in arguments[1:]]
    options = ["--dry-run", "--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check"]
    assert "Would install cometary-" in bash(
        shlex.join([sys.executable, "-m", "pip", "install", *options, *given]), ROOT
    )
    extra = re.search(r"\[(\w+)\]", given[0])
    assert extra
    assert (
        extra[1] in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    )


COMMANDS: Final[dict[str, Callable[[Arguments, dict[str, str], Path], None]]] = {
    "make": run_make,
    "cometary": run_cometary,
    "curl": run_curl,
    "python": run_any_python,
    "pytest": run_pytest,
    "pip": run_pip,
}


def bash(command: str, directory: Path, **environment: str) -> str:
    """Run a command, which has to succeed; returns what it prints."""
    done = subprocess.run(
        ["bash", "-c", command],  # noqa: S607 - the one of the system
        cwd=directory,
        env={**ENVIRONMENT, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout
