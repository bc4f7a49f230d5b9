"""States, and the two pseudo-states that declarations use."""

from __future__ import annotations

from typing import Final

UNNAMED: Final = "?"


class State:
    """One state of a machine, declared in the body of its class and compared by identity.

    Args:
        doc: What the machine does in this state, in a few words; shown in tables and diagrams.
        initial: Whether a new machine is in this state. Exactly one state of a machine is.

    Attributes:
        name: The name under which the class body declares it.
        owner: The class that declares it; None for `ANY` and `END`.
    """

    __slots__ = ("doc", "initial", "name", "owner")

    def __init__(self, doc: str = "", *, initial: bool = False) -> None:
        self.doc = doc
        self.initial = initial
        self.name = UNNAMED
        self.owner: type | None = None

    def __set_name__(self, owner: type, name: str) -> None:
        # A state keeps the first name it was given; the table refuses a second one.
        if self.name == UNNAMED:
            self.name = name
        if self.name == name:
            self.owner = owner

    def __repr__(self) -> str:
        return f"<{self.owner.__name__}.{self.name}>" if self.owner else self.name

    def __reduce__(self) -> str | tuple[object, ...]:
        # States compare by identity, so a copied or unpickled machine must find the very same object.
        return (getattr, (self.owner, self.name)) if self.owner else self.name


def _pseudo_state(name: str, doc: str) -> State:
    state = State(doc)
    state.name = name
    return state


ANY: Final = _pseudo_state("ANY", "every state of the machine")
"""In place of a state in `on` and `enter`: every state that has no handler of its own for the event."""

END: Final = _pseudo_state("END", "the machine has stopped")
"""In the `to=` of a handler: it may stop the machine."""
