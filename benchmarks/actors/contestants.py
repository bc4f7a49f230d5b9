"""Who takes part, and how each is started."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.harness import provision, versions
from benchmarks.harness.provision import Kit
from benchmarks.harness.workspace import BENCHMARKS, COMPILED, ROOT, WORK, output_of

SUBJECT = "cometary"
INTERPRETED = "cometary-interpreted"
PYKKA = "pykka"
ERLANG = "erlang"

ERLANG_PROGRAMS = (
    BENCHMARKS / "actors" / "rings" / "ring.erl",
    BENCHMARKS / "actors" / "crowds" / "crowd.erl",
)

NO_SUPERVISOR = "it has no supervisor"
NO_CROWD = "100,000 threads are more than the kernel lets a process have"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One runtime in the comparison.

    Attributes:
        name: Its name in the tables.
        about: What an actor is there.
        messages: How many a measurement takes, so that it lasts about a second.
        command: The program `ring` or `crowd`, to which its arguments are added.
        set_up: Makes it ready to start, or raises `UnavailableError`.
        version: Says what exactly is measured.
        where: In which folder: the checkout, or its compiled copy.
        most: How many actors of a population it has, if that is not all.
        limit: Why it is not all.
        lacks: Which trials it cannot take part in, by their names, and why.
    """

    name: str
    about: str
    messages: int
    command: Callable[[Kit, str], list[str]]
    set_up: Callable[[Kit], object]
    version: Callable[[Kit], str]
    where: Path = ROOT
    most: int | None = None
    limit: str = ""
    lacks: Mapping[str, str] = field(default_factory=dict[str, str])

    def run(self, program: str, arguments: Sequence[object], kit: Kit, *, seconds: float) -> str:
        """Runs one program in a process of its own and returns what it printed.

        Raises:
            UnavailableError: It failed, or took longer than `seconds`.
        """
        return output_of([*self.command(kit, program), *map(str, arguments)], seconds=seconds, cwd=self.where)


def _python(
    name: str,
    about: str,
    module: str,
    messages: int,
    interpreter: Callable[[Kit], str],
    *packages: str,
    where: Path = ROOT,
    most: int | None = None,
    limit: str = "",
    lacks: Mapping[str, str] | None = None,
) -> Contestant:
    return Contestant(
        name=name,
        about=about,
        messages=messages,
        command=lambda kit, program: [interpreter(kit), "-m", f"benchmarks.actors.{program}s.{module}"],
        set_up=provision.compiled if where == COMPILED else interpreter,
        version=partial(versions.packages, interpreter, packages),
        where=where,
        most=most,
        limit=limit,
        lacks=lacks or {},
    )


def _compile_erlang(kit: Kit) -> None:
    provision.erlang_runtime(kit)
    WORK.mkdir(parents=True, exist_ok=True)
    output_of(["erlc", "-o", str(WORK), *map(str, ERLANG_PROGRAMS)], seconds=60)


def _erlang_command(_kit: Kit, program: str) -> list[str]:
    return ["erl", "+S", "1:1", "-noshell", "-pa", str(WORK), "-run", program, "main"]


CONTESTANTS = (
    _python(
        SUBJECT,
        "scheduled: no task of its own; compiled",
        "cometary_scheduled",
        1_500_000,
        Kit.subject,
        "trio",
        where=COMPILED,
    ),
    _python(INTERPRETED, "the same, as sources", "cometary_scheduled", 1_500_000, Kit.subject, "trio"),
    _python("cometary-async", "a Trio task", "cometary_tasks", 250_000, Kit.subject, "trio", where=COMPILED),
    _python(
        PYKKA,
        "a thread",
        "pykka_threads",
        60_000,
        Kit.subject,
        "pykka",
        most=2_000,
        limit=NO_CROWD,
        lacks={"restart": NO_SUPERVISOR, "ring of 100,000": NO_CROWD},
    ),
    _python(
        "trio",
        "a Trio task and a memory channel",
        "trio_tasks",
        200_000,
        Kit.subject,
        "trio",
        lacks={"restart": NO_SUPERVISOR},
    ),
    _python("triotp", "a Trio task and a mailbox", "triotp_mailboxes", 40_000, Kit.triotp, "triotp", "trio"),
    Contestant(
        name=ERLANG,
        about="a process; one scheduler",
        messages=3_000_000,
        command=_erlang_command,
        set_up=_compile_erlang,
        version=versions.erlang_runtime,
    ),
)
