"""The machine's table, changed in one row: the checker has to notice.

Every row that is taken is changed in every way: ignored altogether, and led to each other place; and each enter
action is left out.
"""

# What is taken apart here may be of any class.
# pyright: basic

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from cometary.fsm import END, State, Step, goto, stay, stop
from cometary.fsm.step import NOT_FOR_SHELL
from tests.sessions.checker.exploring import TABLE, Way, rows_of
from tests.sessions.checker.parts import Parts, by_table, copied_machine


@dataclass(frozen=True)
class TableBreak:
    """One row of the machine's table changed: the event is ignored, or leads elsewhere.

    Attributes:
        state: where the event is handled.
        event: the event, in words.
        leads: where it led; "" if it is ignored altogether.
        instead: where it leads now.
    """

    state: str
    event: str
    leads: str = ""
    instead: str = ""

    def __str__(self) -> str:
        how = f"{self.leads} -> {self.instead}" if self.leads else "ignored"
        return f"{self.state}, {self.event}: {how}"

    def parts(self) -> Parts:
        machine = copied_machine()
        table = machine._fsm_table
        if self.event == "enter":
            forget_enter_action(table, table.states[self.state])
        else:
            state = table.states[self.state]
            key, handler = next(row for row in rows_of(table, state) if str(row[0][1]) == self.event)
            everywhere = {one: table.enters.get(one) for one in table.states.values()}
            changed = replace(
                handler,
                function=self._changed(handler.function, table.states),
                targets=(*table.states.values(), END),
                enters=everywhere,
            )
            table.handlers[state, key[1]] = changed
        return replace(by_table(), machine=machine)

    def _changed(self, function: Callable[[Any, Any], Step | None], states: dict[str, State]) -> Any:
        if not self.leads:
            return lambda _machine, _event: None
        wanted = states.get(self.leads, END)
        instead = states.get(self.instead, END if self.instead == "END" else None)

        def changed(machine: Any, event: Any) -> Step | None:
            step = function(machine, event)
            if step is None or step.target is not wanted:
                return step
            if instead is END:
                return stop("closed", *[one for one in step.actions if type(one) not in NOT_FOR_SHELL])
            return stay(*step.actions) if instead is None else goto(instead, *step.actions)

        return changed


def forget_enter_action(table: Any, state: State) -> None:
    table.enters.pop(state)
    for handler in table.handlers.values():
        if state in handler.enters:
            handler.enters[state] = None


def table_breaks(ways: Iterable[Way]) -> Iterator[TableBreak]:
    """Yield every change of what was seen to happen: ignored, or led to each other place."""
    for state in TABLE.states.values():
        if state in TABLE.enters:
            yield TableBreak(state.name, "enter")
    for state, event in sorted({(state, event) for state, event, _ in ways}):
        yield TableBreak(state, event)
    for state, event, leads in sorted(ways):
        for instead in (*TABLE.states, "END", "stays"):
            if leads not in ("stays", instead) and (instead != state or leads == "END"):
                yield TableBreak(state, event, leads, instead)
