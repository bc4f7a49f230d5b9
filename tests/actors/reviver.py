"""The least that a supervisor can be: it starts the next incarnation at once."""

from __future__ import annotations

from math import inf
from typing import Any

from cometary.actors import ActorRef, ActorSystem, Exit


class Reviver:
    """A parent that starts the next incarnation at once, inside `child_exited`.

    Args:
        actors: the system.
        *args: what each incarnation is built with.
        keep_mail: whether it finds the mail of the one before.
        ends: after how many ends the actor is buried.
    """

    def __init__(self, actors: ActorSystem, *args: Any, keep_mail: bool = True, ends: float = inf) -> None:
        self.actors = actors
        self.args = args
        self.keep_mail = keep_mail
        self.ends = ends
        self.exits: list[Exit] = []

    def ends_for_good(self, ref: Any, exit: Any, /) -> bool:  # noqa: A002 - OTP's word
        return False

    def child_exited(self, ref: ActorRef[Any], exit: Exit, /) -> None:  # noqa: A002
        self.exits.append(exit)
        if self.actors.killing or len(self.exits) >= self.ends:
            ref.actor_inbox.bury()
        else:
            self.actors.revive(ref, self.args, {}, keep_mail=self.keep_mail)
