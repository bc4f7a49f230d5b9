"""An attack: so many malformed requests to a real server, over real sockets.

1.  Case I of a seed is the same request as long as the corpus is, whatever ran before it, so a report's number is
    enough to send it again.
2.  A request of a whole head is followed by the end of the connection, so that none waits for
    more of it; a body goes in a flawless request, which is answered. The former comes behind up to
    two flawless ones, all of it cut in up to three pieces: these have to be answered whatever follows.
3.  A mutation may still be a good request. It is sent, and does not count as malformed.
4.  The workers' own sessions may suffer what the requests say. The bystanders' may not: they talk
    with the server all the while, and miss nothing, of what shouters say either, who say as much as they may.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import count, pairwise
from random import Random
from typing import Final

import trio

from tests.fuzzing.answers import CLOSED, OK, WrongAnswerError, outcome
from tests.fuzzing.bystander import Bystander
from tests.fuzzing.corpus import SID, Entry, corpus
from tests.fuzzing.expensive import expensive
from tests.fuzzing.mutations import mutate, mutate_within
from tests.fuzzing.sessions import LEAVE, OPEN, leave_alone
from tests.fuzzing.shouter import shout

COMET: Final = "comet"

FOR_NOTHING: Final = b"GET /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
"""Answered by `not-found`, at both interfaces."""

WORKERS: Final = 16
BYSTANDERS: Final = 4
SHOUTERS: Final = 2
LONGEST_WAIT: Final = 5.0
"""Seconds that nobody may wait, on however busy a machine."""

PATIENCE: Final = 30.0
"""Seconds until a request that is neither answered nor refused is a fault."""

COSTLY: Final = 0.005
"""The part of all cases that are as costly as they can be; more of them, and there is time for little else."""

FEW_CASES: Final = 4
"""The same on other wires, where more of what may be said ends a session."""

WITHIN: Final = 0.8
"""The part of all cases on a wire in which the head of the request is left as it is."""

CASES_PER_SESSION: Final = 50
"""Then a worker takes a new session: the old one may have been closed, or be full."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a server listens, on 127.0.0.1."""

    comet: int
    control: int

    def of(self, interface: str) -> int:
        """Return the port of an interface of the corpus."""
        return self.control if interface == "control" else self.comet


@dataclass(slots=True)
class Findings:
    """What came of an attack.

    Attributes:
        outcomes: how often each answer was given.
        faults: what must not have happened, with what is needed to see it again.
        exchanged: how many messages the bystanders sent and got back meanwhile.
        heard: how much of what was shouted they heard.
        longest: seconds that one of their requests took, without those that were held.
    """

    outcomes: Counter[str] = field(default_factory=Counter[str])
    faults: list[str] = field(default_factory=list[str])
    exchanged: int = 0
    heard: int = 0
    longest: float = 0

    @property
    def malformed(self) -> int:
        """How many requests were refused or cut off."""
        return self.outcomes.total() - self.outcomes[OK]


def case(seed: int, number: int, wire: str = COMET) -> tuple[Entry, bytes]:
    """Return what case `number` of a seed is made from, and its content; see `attack` for the wire."""
    random = Random(f"{seed}:{number}")  # noqa: S311 - a seed has to give the same again
    if wire == COMET and random.random() < COSTLY:
        entry = random.choice(costly())
        return entry, entry.content
    entries = entries_of(wire)
    entry = random.choice(random.choice((entries, understood(entries))))
    others = [other.content for other in entries if other.form == entry.form]
    if wire != COMET and random.random() < WITHIN:
        return entry, mutate_within(entry.content, others, random)
    return entry, mutate(entry.content, entry.form, others, random)


@cache
def entries_of(wire: str) -> tuple[Entry, ...]:
    """Return the requests on a wire; those of the comet protocol and of the control interface are one."""
    interfaces = (COMET, "control") if wire == COMET else (wire,)
    return tuple(entry for entry in corpus() if entry.interface in interfaces)


@cache
def costly() -> tuple[Entry, ...]:
    """Return bodies that take a parser as long as any within the limits; for both interfaces."""
    return tuple(
        Entry(f"{interface}/bad-request/update-{name}", interface, "bad-request", form, content)
        for interface in ("comet", "control")
        for name, (form, content) in expensive().items()
    )


@cache
def understood(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Return the requests that get past the parsers; there are fewer, but more to try with each."""
    return tuple(entry for entry in entries if entry.answer not in {"bad-request", CLOSED})


async def attack(
    ports: Ports, seed: int, malformed: int, findings: Findings, *, first: int = 0, wire: str = COMET
) -> int:
    """Send cases, from `first` on, until so many more were malformed; those of `wire`, an interface of the corpus.

    Returns:
        The number of the case to go on with.
    """
    numbers = count(first)
    goal = findings.malformed + malformed
    bystanders = [await Bystander.open(ports.comet) for _ in range(BYSTANDERS)]
    async with trio.open_nursery() as talk:
        for bystander in bystanders:
            talk.start_soon(bystander.talk, findings.faults)
        for number in range(SHOUTERS):
            talk.start_soon(shout, ports.comet, number)
        async with trio.open_nursery() as nursery:
            for _ in range(WORKERS):
                nursery.start_soon(partial(_work, ports, seed, numbers, goal, findings, wire=wire))
        talk.cancel_scope.cancel()
    findings.exchanged += sum(bystander.exchanged for bystander in bystanders)
    findings.heard += sum(sum(bystander.heard.values()) for bystander in bystanders)
    findings.longest = max(findings.longest, *(bystander.longest for bystander in bystanders))
    if findings.longest > LONGEST_WAIT:
        findings.faults.append(f"a bystander waited {findings.longest:.1f} s for an answer")
    findings.faults += ["a bystander's session stood still" for each in bystanders if not each.exchanged]
    return next(numbers)


async def _work(
    ports: Ports, seed: int, numbers: Iterator[int], goal: int, findings: Findings, *, wire: str
) -> None:
    sid, often = b"", CASES_PER_SESSION if wire == COMET else FEW_CASES
    leave = LEAVE.get(wire, leave_alone)
    for turn in count():
        over = findings.malformed >= goal
        if sid and (over or turn % often == 0):
            await leave(ports.comet, sid)
        if over:
            return
        if turn % often == 0:
            sid = await OPEN[wire](ports.comet)
        number = next(numbers)
        entry, content = case(seed, number, wire)
        try:
            findings.outcomes[await answer(ports, entry, content, sid)] += 1
        except (WrongAnswerError, trio.TooSlowError, LookupError, ValueError) as error:
            findings.outcomes[CLOSED] += 1
            findings.faults.append(f"case {number} of seed {seed}, from {entry.name}: {error!r}: {content!r}")


async def answer(ports: Ports, entry: Entry, content: bytes, sid: bytes) -> str:
    """Send `content` as `entry` would be, and say what was answered.

    Raises:
        WrongAnswerError: nothing that the protocol has.
        TooSlowError: nothing at all.
    """
    request = entry.request(content.replace(SID, sid))
    port, whole = ports.of(entry.interface), entry.form == "http"
    random = Random(content)  # noqa: S311 - the same again for the same content
    before = random.randrange(3) if whole else 0
    pieces = cut(FOR_NOTHING * before + request, random) if whole else [request]
    with trio.fail_after(PATIENCE):
        return outcome(await ask(port, pieces, half_close=whole), before)


def cut(data: bytes, random: Random) -> list[bytes]:
    """Return `data` in one to three pieces."""
    places = sorted(random.randrange(len(data) + 1) for _ in range(random.randrange(3)))
    return [data[begin:end] for begin, end in pairwise((0, *places, len(data)))]


async def ask(port: int, pieces: Iterable[bytes], *, half_close: bool = False) -> bytes:
    """Return all that a connection brings which sends `pieces`, and says no more if `half_close`."""
    received = b""
    with trio.socket.socket() as sock:
        try:
            await sock.connect(("127.0.0.1", port))
            sock.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY, 1)
            stream = trio.SocketStream(sock)
            for piece in pieces:
                await stream.send_all(piece)
            if half_close:
                await stream.send_eof()
        except (OSError, trio.BrokenResourceError):
            pass  # it is cut off while it talks; there may be an answer to read all the same
        try:
            while data := await sock.recv(65536):
                received += data
        except OSError:
            pass  # a reset is an end, too
    return received
