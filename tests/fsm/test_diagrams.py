from __future__ import annotations

from cometary.fsm import (
    ANY,
    END,
    Call,
    State,
    StateMachine,
    StateTimeout,
    Step,
    TimedOut,
    Transition,
    goto,
    on,
    state_timeout,
    stop,
    timeout,
)


class Coin:
    """An event."""


class Push:
    """An event."""


class Turnstile(StateMachine):
    locked = State("asks for a coin; or two", initial=True)
    free = State()

    @on(locked, Coin, to=free)
    def pay(self, _event: Coin) -> Step:
        """Lets one person | pass.

        The rest of the docstring is for readers of the code.
        """
        return goto(self.free, StateTimeout(5))

    @on(free, (Push, state_timeout), to=locked)
    def lock(self, _event: Push | TimedOut) -> Step:
        return goto(self.locked)

    @on(ANY, Push)
    def push(self, _event: Push) -> None:
        """Nothing moves."""

    @on(ANY, (Call[Coin], timeout("night")), to=END)
    def close(self, _event: object) -> Step:
        """Closes for the night."""
        return stop("closed")


def test_transitions_are_rows_of_data_in_order_of_declaration() -> None:
    locked, free = Turnstile.locked, Turnstile.free
    assert Turnstile.transitions() == [
        Transition(locked, "Coin", (free,), "pay", "Lets one person | pass."),
        Transition(free, "Push", (locked,), "lock", ""),
        Transition(free, "state time-out", (locked,), "lock", ""),
        Transition(ANY, "Push", (), "push", "Nothing moves."),
        Transition(ANY, "call Coin", (END,), "close", "Closes for the night."),
        Transition(ANY, "night time-out", (END,), "close", "Closes for the night."),
    ]


def test_the_markdown_table_has_one_row_for_each() -> None:
    assert Turnstile.table() == (
        "| in state | on | goes to | what it does |\n"
        "| --- | --- | --- | --- |\n"
        "| `locked` | Coin | `free` | Lets one person \\| pass. |\n"
        "| `free` | Push | `locked` |  |\n"
        "| `free` | state time-out | `locked` |  |\n"
        "| any | Push | stays | Nothing moves. |\n"
        "| any | call Coin | (end) | Closes for the night. |\n"
        "| any | night time-out | (end) | Closes for the night. |\n"
    )


def test_the_diagram_has_one_arrow_from_state_to_state_with_all_that_leads_there() -> None:
    assert Turnstile.mermaid() == (
        "stateDiagram-v2\n"
        "    locked : locked<br/>asks for a coin, or two\n"
        "    [*] --> locked\n"
        "    locked --> free : Coin\n"
        "    free --> locked : Push<br/>state time-out\n"
        "    locked --> [*] : call Coin<br/>night time-out\n"
        "    free --> [*] : call Coin<br/>night time-out\n"
    )
