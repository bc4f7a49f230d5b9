"""Freezing: a graph of objects as one hashable value, and back.

What a model checker needs: worlds that are alike freeze to equal values, and a frozen world thaws into a
new one that shares nothing with others. Machines, outboxes and the like need no code of their own for it:
every slot and attribute of an object counts, so one that is added later counts too.

1.  Atoms stand for themselves: numbers, strings, None, classes, functions, states of machines, enumerations,
    frozen dataclasses, and whatever else is said to.
2.  Anything else freezes to a tuple of its class and of what it holds: lists, tuples, deques and objects in
    order, a dict in the order of its keys' texts, a set as a set.
3.  An object that is reachable by two ways is two after thawing, and none may be reachable from itself. Where
    identity matters, say how to freeze and revive that class.

The functions that freeze and thaw a class with slots are generated when its first instance comes: an
exploration does little else, and generated code takes half the time.
"""

from __future__ import annotations

import enum
import types
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Final

from cometary.fsm import State

ATOMS: Final = frozenset(
    {
        *(int, float, complex, bool, str, bytes, type(None), type, State),
        *(types.FunctionType, types.BuiltinFunctionType),
    }
)
"""Classes whose instances stand for themselves, always."""

SEQUENCES: Final = frozenset({tuple, list, deque})
SETS: Final = frozenset({set, frozenset})

Special = tuple[Callable[[Any], Hashable], Callable[[Any], Any]]


class Loose:
    """Marks an object whose attributes are frozen by name: it has a `__dict__`, or slots that are not set."""


class Freezer:
    """Freezes and thaws.

    Args:
        atoms: further classes whose instances stand for themselves. They must never change.
        special: for some classes, what an instance freezes to, any hashable value, and what makes an instance
            of that again.
    """

    def __init__(self, atoms: Iterable[type] = (), special: Mapping[type, Special] | None = None) -> None:
        self._atoms = {*ATOMS, *atoms}
        self._special = dict(special or {})
        self._freezers: dict[type, Callable[[Any], Hashable]] = {}
        self._thawers: dict[type, Callable[[Any], Any]] = {}

    def freeze(self, value: Any) -> Hashable:
        """Return a hashable value that stands for `value`.

        Raises:
            TypeError: something in it, such as an atom, cannot be hashed; the caller's fault. Some of it is
                only found out when the value is hashed.
        """
        kind = value.__class__
        if kind in self._atoms:
            return value  # type: ignore[no-any-return]
        function = self._freezers.get(kind) or self._learn(kind)
        return value if function is None else function(value)

    def thaw(self, frozen: Any) -> Any:
        """Return an object like that which was frozen.

        Args:
            frozen: what `freeze` of this freezer returned.
        """
        return self._thawers[frozen[0]](frozen) if frozen.__class__ is tuple else frozen

    def _learn(self, kind: Any) -> Callable[[Any], Hashable] | None:
        """Find out how to freeze and thaw a class; None for an atom."""
        if kind not in self._special and stands_for_itself(kind):
            self._atoms.add(kind)
            return None
        self._freezers[kind], self._thawers[kind] = self._both_ways(kind)
        return self._freezers[kind]

    def _both_ways(self, kind: Any) -> Special:
        if kind in self._special:
            return self._for_special(kind)
        if issubclass(kind, tuple) or kind in SEQUENCES:
            return self._for_sequence(kind)
        if kind is dict:
            return self._freeze_dict, self._thaw_dict
        if kind in SETS:
            return self._for_set(kind)
        return self._for_object(kind)

    # -- one kind of object each ------------------------------------------------------------

    def _for_special(self, kind: Any) -> Special:
        essence, revive = self._special[kind]

        def freeze_special(one: Any) -> Hashable:
            return (kind, essence(one))

        def thaw_special(frozen: Any) -> Any:
            return revive(frozen[1])

        return freeze_special, thaw_special

    def _for_sequence(self, kind: Any) -> Special:
        atoms, freeze, thaw, make = self._atoms, self.freeze, self.thaw, getattr(kind, "_make", kind)
        return (
            lambda one: (kind, *[item if item.__class__ in atoms else freeze(item) for item in one]),
            lambda frozen: make([item if item.__class__ is not tuple else thaw(item) for item in frozen[1:]]),
        )

    def _freeze_dict(self, one: dict[Any, Any]) -> Hashable:
        items = sorted(one.items(), key=by_text) if len(one) > 1 else one.items()
        atoms, freeze = self._atoms, self.freeze
        parts = [part for item in items for part in item]
        return (dict, *[part if part.__class__ in atoms else freeze(part) for part in parts])

    def _thaw_dict(self, frozen: Any) -> Any:
        thaw = self.thaw
        parts = [part if part.__class__ is not tuple else thaw(part) for part in frozen[1:]]
        return dict(zip(parts[::2], parts[1::2], strict=True))

    def _for_set(self, kind: Any) -> Special:
        return (
            lambda one: (kind, frozenset([self.freeze(item) for item in one])),
            lambda frozen: kind([self.thaw(item) for item in frozen[1]]),
        )

    def _for_object(self, kind: Any) -> Special:
        self._thawers[Loose] = self._thaw_loose
        names = slots(kind)
        if "__dict__" in dir(kind):
            return self._freeze_loose, self._thaw_loose
        scope: dict[str, Any] = {"atoms": self._atoms, "freeze": self.freeze, "thaw": self.thaw, "kind": kind}
        scope |= {"create": kind.__new__, "loose": self._freeze_loose}
        exec(source(names), scope)  # noqa: S102 - the names of slots, nothing else comes from outside
        return scope["freeze_it"], scope["thaw_it"]

    def _freeze_loose(self, one: Any) -> Hashable:
        held = {name: getattr(one, name) for name in slots(one.__class__) if hasattr(one, name)}
        held.update(getattr(one, "__dict__", {}))
        return (Loose, one.__class__, self._freeze_dict(held))

    def _thaw_loose(self, frozen: Any) -> Any:
        _, kind, held = frozen
        new = kind.__new__(kind)
        for name, item in self._thaw_dict(held).items():
            setattr(new, name, item)
        return new


def by_text(item: tuple[Any, Any]) -> str:
    """Return what a dict's item is sorted by."""
    return str(item[0])


def slots(kind: type) -> tuple[str, ...]:
    """Return the names of all slots of a class and its bases, or of a compiled class's attributes."""
    found = set(getattr(kind, "__mypyc_attrs__", ())) - {"__dict__"}
    found |= {
        name
        for base in kind.__mro__
        for name, value in vars(base).items()
        if isinstance(value, types.MemberDescriptorType)
    }
    return tuple(sorted(found))


def stands_for_itself(kind: type) -> bool:
    """Whether instances of a class are values by what the class is."""
    params = getattr(kind, "__dataclass_params__", None)
    return (params is not None and params.frozen) or issubclass(kind, type | enum.Enum)


def source(names: tuple[str, ...]) -> str:
    """Return two functions for a class with these slots, as Python source."""
    get = [f"    v{place} = one.{name}" for place, name in enumerate(names)]
    items = [f"v{place} if v{place}.__class__ in atoms else freeze(v{place})" for place in range(len(names))]
    put = [
        f"    new.{name} = v{place} if v{place}.__class__ is not tuple else thaw(v{place})"
        for place, name in enumerate(names)
    ]
    return "\n".join(
        [
            "def freeze_it(one):",
            "  try:",
            *(get or ["    pass"]),
            "  except AttributeError:",
            "    return loose(one)",
            f"  return (kind, {', '.join(items)})",
            "def thaw_it(frozen):",
            "    new = create(kind)",
            f"    {', '.join(['_', *[f'v{place}' for place in range(len(names))]])}, = frozen",
            *put,
            "    return new",
        ]
    )


_PLAIN: Final = Freezer()


def freeze(value: Any) -> Hashable:
    """Return a hashable value that stands for `value`; see `Freezer.freeze`."""
    return _PLAIN.freeze(value)


def thaw(frozen: Any) -> Any:
    """Return an object like that which `freeze` was given."""
    return _PLAIN.thaw(frozen)
