"""A machine whose events carry what its handlers answer, so that a test reads as a list of events."""

from __future__ import annotations

from dataclasses import dataclass, field

from cometary.fsm import ANY, END, State, StateMachine, Step, TimedOut, enter, on


@dataclass(frozen=True)
class Do:
    """An event: in each state answer with this step, in others stay."""

    name: str
    a: Step | None = None
    b: Step | None = None
    c: Step | None = None


@dataclass(frozen=True)
class Unknown:
    """An event that nobody handles."""


@dataclass(frozen=True)
class Out:
    """An action for the shell."""

    what: str


@dataclass
class Scripts:
    """What the machine does by itself: its answers to time-outs, and its enter actions, by state name."""

    timed_out: dict[str, Step] = field(default_factory=dict[str, Step])
    entering: dict[str, tuple[object, ...]] = field(default_factory=dict[str, tuple[object, ...]])


class Scripted(StateMachine):
    a = State(initial=True)
    b = State()
    c = State()

    def __init__(self, scripts: Scripts | None = None) -> None:
        super().__init__()
        self.scripts = scripts or Scripts()
        self.log: list[str] = []

    @on(ANY, Do, to=(a, b, c, END))
    def do(self, event: Do) -> Step | None:
        self.log.append(f"{event.name} in {self.state.name}")
        answer: Step | None = getattr(event, self.state.name)
        return answer

    @on(ANY, TimedOut, to=(a, b, c, END))
    def time_out(self, event: TimedOut) -> Step | None:
        self.log.append(f"{event.name} time-out in {self.state.name}: {event.content}")
        return self.scripts.timed_out.get(str(event.name))

    @enter(ANY)
    def entered(self, came_from: State) -> tuple[object, ...] | None:
        self.log.append(f"enter {self.state.name} from {came_from.name}")
        return self.scripts.entering.get(self.state.name)


A, B, C = Scripted.a, Scripted.b, Scripted.c


def started(scripts: Scripts | None = None) -> Scripted:
    """A machine that has been started, and whose log is still empty."""
    machine = Scripted(scripts)
    machine.start()
    machine.log.clear()
    return machine
