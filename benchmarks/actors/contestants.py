"""Who runs the ring, and how each is started."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from benchmarks.actors.rings.gauge import Ring
from benchmarks.harness import provision, versions
from benchmarks.harness.provision import Kit
from benchmarks.harness.workspace import BENCHMARKS, ROOT, WORK, output_of

SUBJECT = "cometary"
PYKKA = "pykka"

RING_ERL = BENCHMARKS / "actors" / "rings" / "ring.erl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One runtime in the comparison.

    Attributes:
        name: Its name in the tables.
        about: What an actor is there.
        messages: How many a measurement takes, so that it lasts about a second.
        command: The program that runs the ring, to which the ring's size is added.
        set_up: Makes it ready to start, or raises `UnavailableError`.
        version: Says what exactly is measured.
    """

    name: str
    about: str
    messages: int
    command: Callable[[Kit], list[str]]
    set_up: Callable[[Kit], object]
    version: Callable[[Kit], str]

    def run(self, ring: Ring, kit: Kit, *, seconds: float) -> str:
        """Runs one ring and returns what it printed.

        Raises:
            UnavailableError: It failed, or took longer than `seconds`.
        """
        return output_of([*self.command(kit), *map(str, ring)], seconds=seconds, cwd=ROOT)


def _python(
    name: str, about: str, module: str, messages: int, interpreter: Callable[[Kit], str], *packages: str
) -> Contestant:
    return Contestant(
        name=name,
        about=about,
        messages=messages,
        command=lambda kit: [interpreter(kit), "-m", f"benchmarks.actors.rings.{module}"],
        set_up=interpreter,
        version=partial(versions.packages, interpreter, packages),
    )


def _compile_ring(kit: Kit) -> None:
    provision.erlang_runtime(kit)
    WORK.mkdir(parents=True, exist_ok=True)
    output_of(["erlc", "-o", str(WORK), str(RING_ERL)], seconds=60)


CONTESTANTS = (
    _python(SUBJECT, "scheduled: no task of its own", "cometary_scheduled", 1_500_000, Kit.subject, "trio"),
    _python("cometary-async", "a Trio task", "cometary_tasks", 250_000, Kit.subject, "trio"),
    _python(PYKKA, "a thread", "pykka_threads", 60_000, Kit.subject, "pykka"),
    _python("trio", "a Trio task and a memory channel", "trio_tasks", 200_000, Kit.subject, "trio"),
    _python("triotp", "a Trio task and a mailbox", "triotp_mailboxes", 40_000, Kit.triotp, "triotp", "trio"),
    Contestant(
        name="erlang",
        about="a process; one scheduler",
        messages=3_000_000,
        command=lambda _kit: ["erl", "+S", "1:1", "-noshell", "-pa", str(WORK), "-run", "ring", "main"],
        set_up=_compile_ring,
        version=versions.erlang_runtime,
    ),
)
