"""Rules of the session to break, one at a time, in a copy of its source: the checker has to notice each."""

from __future__ import annotations

from dataclasses import dataclass

from tests.sessions.checker.parts import Parts, broken


@dataclass(frozen=True)
class Break:
    """One rule that is broken: in `module`, `new` instead of `old`. It shows in the surroundings of `scope`."""

    rule: str
    module: str
    old: str
    new: str
    scope: str = "plain"

    def parts(self) -> Parts:
        return broken(self.module, self.old, self.new)
