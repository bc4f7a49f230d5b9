"""Where the benchmarks keep what they build, and how they run a command."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parent.parent
ROOT = BENCHMARKS.parent
LOAD = BENCHMARKS / "load"
PEERS = BENCHMARKS / "peers"
RESULTS = BENCHMARKS / "results"
WORK = BENCHMARKS / ".work"
COMPILED = ROOT / ".cache" / "compiled"

SWARM = WORK / "swarm"
FLOOR = WORK / "floor"

COMPILE_SECONDS = 60


class UnavailableError(Exception):
    """Something cannot be measured here; the text says why, for the table."""


def output_of(
    argv: Sequence[str],
    *,
    seconds: float,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Runs a command to its end and returns what it printed.

    Args:
        argv: The program and its arguments.
        seconds: How long it may take.
        cwd: Where it runs; the current directory if not given.
        environment: Its whole environment; this process's if not given.

    Raises:
        UnavailableError: It is not installed, failed, or took too long (the machine's fault).
    """
    # The name alone: the text goes into a report, where this machine's paths say nothing.
    program = Path(argv[0]).name
    try:
        done = subprocess.run(  # noqa: S603 - the commands are ours
            argv,
            cwd=cwd,
            env=environment,
            timeout=seconds,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError as error:
        raise UnavailableError(f"{program} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"{program} took longer than {seconds:.0f} s") from error
    if done.returncode != 0:
        raise UnavailableError(f"{program} failed: {last_line(done.stderr or done.stdout)}")
    return done.stdout


def last_line(text: str) -> str:
    """Returns the last line that says anything, shortened to fit a table cell."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:160] if lines else "no message"


def compile_c(source: Path, binary: Path) -> None:
    """Compiles one C file, unless the binary is newer than its source.

    Raises:
        UnavailableError: There is no compiler, or it refused the file.
    """
    if binary.exists() and binary.stat().st_mtime > source.stat().st_mtime:
        return
    binary.parent.mkdir(parents=True, exist_ok=True)
    flags = ("-O2", "-Wall", "-Wextra")
    output_of(["gcc", *flags, "-o", str(binary), str(source)], seconds=COMPILE_SECONDS)
