"""Names of actors: one table for each system, O(1), cleared when the actor ends; and names in a registry of one's own.

Source: Erlang reference manual, "Processes", section "Registered Processes"; OTP, `{via, Module, Name}`.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeAlias, cast

import pykka

from cometary.actors.base_registry import Where, check_alive, check_reference, nobody
from cometary.actors.registries import DuplicateRegistry, UniqueRegistry
from cometary.errors import UsageError
from cometary.escapes import exit_in, plain, really
from cometary.log import get_logger, show

if TYPE_CHECKING:
    from cometary.actors.ref import ActorRef


class Registry(Protocol):
    """What a registry must be able to do for a `Via`; a `UniqueRegistry` is one, and so are a system's own names.

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


logger = get_logger("cometary.actors")

Whom: TypeAlias = "ActorRef[Any] | Hashable"
"""Who is meant: a reference, a name, or a `Via`."""

MOST_SHOWN: Final = 3
"""Names of one actor that are shown; it may have any number."""


class Names(UniqueRegistry):
    """Unique names of living actors, for any thread. A restarted actor keeps its names.

    It is the registry of one system's own names. Where a name is a `Via`, its registry keeps it; all that is kept here
    is that the actor's end must free it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._vias: dict[ActorRef[Any], dict[tuple[int, Hashable], Via]] = {}
        self._elsewhere: dict[ActorRef[Any], dict[int, UniqueRegistry]] = {}

    def register(self, key: Hashable, ref: ActorRef[Any], value: Any = None) -> None:
        """Give `ref` the name `key`, or `Via`. Harmless if it has it already.

        Raises:
            NameTakenError: if another living actor has it; the caller's fault.
            UsageError: if the actor lives in another system; the caller's fault.
            pykka.ActorDeadError: if the actor has ended.
        """
        check_reference(ref)
        if ref.actor_inbox.system.names is not self:
            raise UsageError(f"{ref} lives in another actor system")
        if isinstance(key, Via):
            self._register_via(key, ref)
        else:
            super().register(key, ref, value)

    def unregister(self, key: Hashable, where: Where | None = None) -> None:
        """Free the name `key`, or `Via`. Harmless if nobody has it."""
        if isinstance(key, Via):
            self._unregister_via(key)
        else:
            super().unregister(key, where)

    def whereis(self, key: Hashable) -> ActorRef[Any] | None:
        """Return the actor called `key`, a name or a `Via`; or None."""
        return _registry_of(key).whereis(key.name) if isinstance(key, Via) else super().whereis(key)

    def find(self, whom: Whom) -> ActorRef[Any]:
        """Return the actor that is meant: that with this reference, or with this name.

        Raises:
            ActorEndedError: if nobody has the name; its `reason` is `noproc`.
            UsageError: for a reference that is not one of Cometary's; the caller's fault.
        """
        ref = as_reference(whom) or self.whereis(whom)
        if ref is None:
            raise nobody(whom)
        return ref

    def send(self, key: Whom, message: object) -> None:
        """Tell `message` to the actor that is meant.

        Raises:
            pykka.ActorDeadError: if there is none.
        """
        if isinstance(key, Via):
            _registry_of(key).send(key.name, message)
        else:
            self.find(key).tell(message)

    def registered(self) -> list[Hashable]:
        """Return all names, in the order in which they were given."""
        return list(self._by_key)

    def of(self, ref: ActorRef[Any]) -> list[Hashable]:
        """Return the first few names of an actor, those in other registries included; from any thread."""
        own, vias = self._by_ref.get(ref), self._vias.get(ref)
        if own is None and vias is None:
            return []
        mine, others = list((own or {}).values()), list((vias or {}).values())
        return [*(key for key, _, _ in mine), *(via.name for via in others)][:MOST_SHOWN]

    # -- the ends of actors -----------------------------------------------------------------

    def forget(self, ref: ActorRef[Any]) -> None:
        """Free every name of an actor that has ended, here and elsewhere."""
        with self._lock:
            if ref in self._by_ref:
                self._free_all(ref)
            vias = self._vias.pop(ref, None) if self._vias else None
            elsewhere = self._elsewhere.pop(ref, None) if self._elsewhere else None
        if vias is not None:
            for via in vias.values():
                _release(via, ref)
        if elsewhere is not None:
            for registry in elsewhere.values():
                registry.forget(ref)

    def until_end(self, ref: ActorRef[Any], registry: UniqueRegistry) -> None:
        """Have `registry` forget an actor when that has ended for good.

        Raises:
            pykka.ActorDeadError: if it has.
        """
        with self._lock:
            check_alive(ref)
            self._elsewhere.setdefault(ref, {})[id(registry)] = registry

    def not_until_end(self, ref: ActorRef[Any], registry: UniqueRegistry) -> None:
        """End that: the registry does not know the actor any more."""
        with self._lock:
            registries = self._elsewhere.get(ref, {})
            registries.pop(id(registry), None)
            if not registries:
                self._elsewhere.pop(ref, None)

    def _await_end(self, key: Hashable, ref: ActorRef[Any]) -> None:
        pass  # the system says when an actor has ended

    def _await_no_end(self, ref: ActorRef[Any]) -> None:
        pass

    # -- names in other registries ----------------------------------------------------------

    # A registry is other people's code, which must not be called under the lock.

    def _register_via(self, via: Via, ref: ActorRef[Any]) -> None:
        registry = _registry_of(via)
        with self._lock:
            check_alive(ref)
            vias = self._vias.setdefault(ref, {})
            new = _key(via) not in vias
            vias[_key(via)] = via
        try:
            registry.register(via.name, ref)
        except BaseException:
            if new:
                self._forget_via(via, ref)
            raise
        if not ref.is_alive():  # it ended, and was forgotten, just before it got the name
            _release(via, ref)
            raise ref.actor_inbox.not_found()

    def _unregister_via(self, via: Via) -> None:
        ref = _registry_of(via).whereis(via.name)
        via.registry.unregister(via.name)
        if ref is not None:
            self._forget_via(via, ref)

    def _forget_via(self, via: Via, ref: ActorRef[Any]) -> None:
        with self._lock:
            vias = self._vias.get(ref, {})
            vias.pop(_key(via), None)
            if not vias:
                self._vias.pop(ref, None)


def as_reference(whom: object) -> ActorRef[Any] | None:
    """Return `whom` if it is a reference, None if it is a name.

    Raises:
        UsageError: for a reference that is not one of Cometary's; the caller's fault.
    """
    if not issubclass(type(whom), pykka.ActorRef):
        return None
    check_reference(whom)
    return cast("ActorRef[Any]", whom)


def names_shown(ref: ActorRef[Any]) -> tuple[str, ...]:
    """Return the names of an actor as text, for reports."""
    names = ref.actor_inbox.system.names.of(ref)
    return tuple(plain(name) if really(name, str) else show(name) for name in names) if names else ()


def _key(via: Via) -> tuple[int, Hashable]:
    return id(via.registry), via.name  # a registry need not be hashable


def _registry_of(via: Via) -> Registry:
    if really(via.registry, DuplicateRegistry):
        raise UsageError(
            f"a registry with duplicate keys cannot keep the name {show(via.name)}: several may have it"
        )
    return via.registry


def _release(via: Via, ref: ActorRef[Any]) -> None:
    try:
        if via.registry.whereis(via.name) is ref:  # else it has been given to another
            via.registry.unregister(via.name)
    except BaseException as error:
        if exit_in(error) is not None:
            raise
        logger.exception(
            "registry failed",
            text=f"The registry of {show(via.name)} failed when {ref} had ended",
            name=show(via.name),
            **ref.actor_inbox.account(),
        )
