"""Compile the modules that every delivery runs through, with mypyc, in a copy of this checkout.

The sources stay what they are, typed Python, and run as well without: a delivery then takes two to three
times as many instructions. The copy is in `.cache/compiled`; a Python that is started there, or has it on
its PYTHONPATH, runs what was compiled.

    python scripts/compile.py           compile, unless nothing has changed since
    python scripts/compile.py --test    then run the tests of the packages that have compiled modules
    python scripts/compile.py --test --all    then run those of the others as well, minutes
    python scripts/compile.py --if-possible   do not fail where it cannot be, or where COMETARY_BUILD=pure says not to
    python scripts/compile.py --wheel   then put it all into a wheel in `dist`, for this interpreter and kind of machine

Compiled are only classes that nobody but this package makes subclasses of, or that say by
`mypyc_attr` that others may: `mypyc` binds calls early, so nothing in such a module can be patched,
and its classes have neither `__dict__` nor `__slots__`. Actors, machines and handlers, which users write
in Python, stay Python.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from zipfile import ZipFile

SELF: Final = Path(__file__).resolve()
ROOT: Final = SELF.parent.parent
COPY: Final = ROOT / ".cache" / "compiled"
BEGUN: Final = COPY / "begun.stamp"
STAMP: Final = COPY / "compiled.stamp"
"""That all was compiled, of the sources as they were when the file was made: it is the former, under another name."""
DIST: Final = ROOT / "dist"
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["cometary"]
MODULES: Final[list[str]] = [*PROJECT["compiled"], *PROJECT["in-c"]]
TESTED: Final = (
    "actors",
    "fsm",
    "statem",
    "packets",
    "sessions",
    "dispatch",
    "gate",
    "transport",
    "doors/control",
    "authentication",
    "protocol",
)
"""The tests of packages with compiled modules, and of what is said to these on every wire, which each run has."""

NOT_EACH_TIME: Final = {
    "app": "calls the hub and the sessions, which dispatch, sessions and protocol test by the same calls",
    "asgi": "has the sessions behind servers that are not ours; what is compiled of them, protocol tests",
    "behaviours": "is actors written in Python, on cells that actors tests",
    "cli": "reads options and starts processes; what is compiled of them, protocol and transport test",
    "chaos": "breaks servers for a minute, of which sessions and protocol test each step",
    "client": "is the other side, and not compiled; what it says, protocol tests",
    "clients": "is JavaScript and browsers, which say what transport and protocol say",
    "config": "reads options before anything compiled runs",
    "cluster": "is not compiled, and has engines in processes of their own",
    "conformance": "says on every wire what transport and protocol say on each, for minutes",
    "connector": "is the other side, and not compiled; what it says, doors/control tests",
    "contrib": "is back-ends in other frameworks, which speak by the connector",
    "demo": "is an application, not compiled, and a page in a browser",
    "doors": "is the doors beside the control interface, not compiled, and servers of others",
    "examples": "runs the programs of the pages, for a minute; none of them is compiled",
    "nodes": "is not compiled, and has processes of its own; what is compiled of it, transport and gate test",
    "server": "puts together what the other packages test",
    "simulation": "runs sessions for minutes; sessions and protocol test the same rules",
    "supervision": "is supervisors written in Python, on cells that actors tests",
    "workers": "is not compiled, and has processes of its own; what is compiled of it, transport and gate test",
    "xmpp": "is not compiled, and speaks to an XMPP server in a process of its own",
    "testing": "is what applications are tested with, in Python by its nature: it replaces parts",
}
"""Why not, for each; `--all` runs them too."""

NEVER: Final = {
    "autobahn": "is run by hand, against a server in a process of its own",
    "benchmarks": "is of the programs that measure, which are no part of the package",
    "converse": "is run by hand, in a browser; nothing that it tests is compiled",
    "fuzzing": "is run by hand; its corpus, transport tests",
    "mutation": "changes sources, which compiled code does not read",
    "socketio_suite": "is run by hand, against a server in a process of its own, but for how its report is read",
    "typing": "has the checkers read the sources",
}
"""Of which packages there is nothing that compiled code could change."""

STAND_INS: Final = {
    "actors/test_shortcut.py": "a Ferry for the shortcut",
    "sessions/checker": "a SimpleNamespace for the times of handlers, and machines that are broken on purpose",
    "sessions/test_effects.py": "a Scene for the keeper",
    "sessions/test_flow.py": "a Held for the keeper",
    "sessions/test_posting.py": "a FakeKeeper for the keeper",
    "transport/wires/comet/test_requests.py": "a Noting for the gate",
    "transport/wires/engineio/test_connection.py": "a Talking and a Wire, which extend compiled classes",
    "transport/wires/socketio/test_stream.py": "a Connected for the connection",
    "transport/wires/streams/test_body_stream.py": "a Wire for the exchange",
    "transport/wires/streams/test_endpoint.py": "an Attaching and a Noting for the gate",
    "transport/wires/streams/test_event_source.py": "a Knowing and an Opens for the gate, a Held for the exchange",
    "transport/wires/websocket/test_channel.py": "a Talker and Turns, which extend compiled classes",
    "transport/wires/websocket/test_conversation.py": "a Letting for the gate",
}
"""Tests that put an object of another class where compiled code takes only the real one, and which."""

WORDS: Final = {
    "hypercorn": "the second door's half of each test in protocol, for the same reason as asgi",
    "whoever_brought_it_about_is_held_until_it_has_gone_on": "it stops a session without an actor, a stand-in too",
}
"""Words in the names of single tests that are left out, and why."""

WORKERS: Final = min(4, os.cpu_count() or 1)
"""As many as there are cores: these tests wait for little, and what each process has to collect takes seconds."""

LEFT_OUT: Final = ("*.so", "__pycache__", "node_modules", ".*", "results", "dist", "compile.py")
LINKED: Final = (".venv", "node_modules")

COMPILING: Final = {**os.environ, "COMETARY_BUILD": "compiled"}
"""What tells setup.py not to go on without."""
PRETEND: Final = "SETUPTOOLS_SCM_PRETEND_VERSION_FOR_COMETARY"
"""What tells it the version: git, which knows it, is not in the copy."""


def copied() -> list[Path]:
    """The files and folders of the checkout that go into the copy."""
    return [path for path in ROOT.iterdir() if not path.name.startswith(".") and path.name not in LINKED]


def is_left_out(file: Path) -> bool:
    """Whether `file` is no part of the copy, and none of what it is made with."""
    parts = file.relative_to(ROOT).parts
    return file != SELF and any(fnmatch(part, pattern) for part in parts for pattern in LEFT_OUT)


def compiled() -> list[str]:
    """The files that this interpreter looks for, in the package, to find the modules as machine code."""
    return [f"{module}{sysconfig.get_config_var('EXT_SUFFIX')}" for module in MODULES]


def missing() -> list[str]:
    """Those of them that are not there."""
    return [name for name in compiled() if not (COPY / "cometary" / name).exists()]


def is_up_to_date() -> bool:
    """Whether all is there for this interpreter, and nothing that was copied has changed since."""
    if not STAMP.exists() or missing():
        return False
    made = STAMP.stat().st_mtime
    files = (file for path in copied() for file in (path, *path.rglob("*")))
    return all(file.stat().st_mtime < made for file in files if file.is_file() and not is_left_out(file))


def copy() -> None:
    """Make the copy anew."""
    shutil.rmtree(COPY, ignore_errors=True)
    COPY.mkdir(parents=True)
    BEGUN.touch()  # before anything is copied: what changes from now on, while the compiler runs, is not in the copy
    for path in copied():
        if path.is_dir():
            ignored = shutil.ignore_patterns(*LEFT_OUT)
            shutil.copytree(path, COPY / path.name, ignore=ignored, symlinks=True)
        else:
            shutil.copy2(path, COPY)
    for name in LINKED:
        (COPY / name).symlink_to(ROOT / name)


def set_up(*command: str, **environment: str) -> None:
    """Run a command of setuptools in the copy."""
    log = COPY / "compile.log"
    with log.open("w") as output:
        whole = [sys.executable, "setup.py", *command]
        done = subprocess.run(
            whole, cwd=COPY, env={**COMPILING, **environment}, stdout=output, stderr=output, check=False
        )
    if done.returncode:
        sys.exit(f"{log.read_text()[-4000:]}\n{command[0]} failed; the sources run as well, only slower")


def compile_anew() -> None:
    """Make the copy and compile in it."""
    copy()
    set_up("build_ext", "--inplace")
    if missing():
        sys.exit(f"not compiled: {', '.join(missing())}")
    BEGUN.rename(STAMP)


def compile_if_possible() -> int:
    """Compile for who only wants to run it; returns the exit status, 0 if all that is missing is speed."""
    if os.environ.get("COMETARY_BUILD") == "pure":
        shutil.rmtree(COPY, ignore_errors=True)  # it would be run otherwise
    elif not is_up_to_date():
        print(
            "Compiling what every delivery runs through, some minutes, once (COMETARY_BUILD=pure leaves it) ...",
            flush=True,
        )
        try:
            compile_anew()
        except SystemExit as error:
            shutil.rmtree(COPY, ignore_errors=True)
            print(str(error).splitlines()[-1] if str(error) else "not compiled", file=sys.stderr)
    return 0


def make_wheel() -> None:
    """Put the package, sources included, into a wheel, and say where it is."""
    asked = [sys.executable, "-m", "setuptools_scm"]
    version = subprocess.run(asked, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    with TemporaryDirectory() as folder:
        set_up("bdist_wheel", "--dist-dir", folder, **{PRETEND: version})
        (wheel,) = Path(folder).iterdir()
        expected = {file.relative_to(ROOT).as_posix() for file in packaged()}
        if left := expected - set(ZipFile(wheel).namelist()):
            sys.exit(f"not in the wheel: {', '.join(sorted(left))}")
        DIST.mkdir(exist_ok=True)
        print(shutil.copy(wheel, DIST))


def packaged() -> list[Path]:
    """The files that a wheel must have, where they would be in the checkout."""
    files = [file for file in (ROOT / "cometary").rglob("*") if file.is_file() and not is_left_out(file)]
    return [*files, *(ROOT / f"cometary/{name}" for name in compiled())]


def check_that_machine_code_runs() -> None:
    """Leave unless a Python that is started in the copy runs what was compiled: else the tests would show nothing."""
    names = [f"cometary.{module.replace('/', '.')}" for module in MODULES]
    program = f"from importlib import import_module as get; print(*[get(name).__file__ for name in {names}], sep='\\n')"
    shown = subprocess.run(
        [sys.executable, "-c", program], cwd=COPY, stdout=subprocess.PIPE, text=True, check=True
    ).stdout.split()
    if interpreted := {str(COPY / "cometary" / name) for name in compiled()}.symmetric_difference(shown):
        sys.exit(f"not what was compiled would be tested: {', '.join(sorted(interpreted))}")


def test(*, everything: bool) -> int:
    """Run the tests of the packages concerned on the copy, or of all; returns the exit status."""
    check_that_machine_code_runs()
    packages = dict.fromkeys([*TESTED, *(NOT_EACH_TIME if everything else ())])
    options = [
        "-q",
        f"--numprocesses={WORKERS}",
        "--dist=loadfile",
        *(f"--ignore=tests/{each}" for each in STAND_INS),
    ]
    options += ["-k", f"not {' and not '.join(WORDS)}"]
    again = [sys.executable, str(SELF.with_name("again.py")), str(ROOT / ".cache" / "compiled-tests.xml")]
    command = [*again, *options, *(f"tests/{package}" for package in packages)]
    return subprocess.run(command, cwd=COPY, check=False).returncode


def main() -> int:
    """Compile, and do what else is asked for; returns the exit status."""
    if "--if-possible" in sys.argv[1:]:
        return compile_if_possible()
    if not is_up_to_date():
        compile_anew()
    if "--wheel" in sys.argv[1:]:
        make_wheel()
    return test(everything="--all" in sys.argv[1:]) if "--test" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
