"""Names in a registry of one's own: OTP's `{via, Module, Name}`."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from cometary.actors.ref import ActorRef


class Registry(Protocol):
    """What a registry must be able to do for a `Via`; the table of a system's own names is one, too.

    It need not watch its actors: `unregister` is called when one has ended for good, if
    `whereis` still finds it then. It is called from whichever thread the caller is in.

    Source: OTP, `gen_server`, type `server_name/0`, "via".
    """

    def register(self, name: Hashable, ref: ActorRef[Any], /) -> None:
        """Give `ref` the name `name`, or raise: `NameTakenError` if another living actor has it."""
        ...

    def unregister(self, name: Hashable, /) -> None:
        """Free `name`. Must be harmless if nobody has it."""
        ...

    def whereis(self, name: Hashable, /) -> ActorRef[Any] | None:
        """Return the actor called `name`, or None."""
        ...

    def send(self, name: Hashable, message: object, /) -> None:
        """Tell `message` to the actor called `name`, or raise `pykka.ActorDeadError` if there is none."""
        ...


class Via(NamedTuple):
    """A name in `registry`; stands wherever a plain name may.

    Args:
        registry: keeps the name.
        name: what it knows the actor by.
    """

    registry: Registry
    name: Hashable
