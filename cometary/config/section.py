"""Sections: the options of one room of the server, declared in that room.

1.  A section is a frozen dataclass, a direct subclass of `Section`. Each field made by `option` is a row, and the
    command line, the environment, the file and the reference page follow from it.
2.  The settings of a server are one object that is an instance of all its sections: a class that inherits from
    them. A room takes its own section, and is handed the whole.
3.  Values are checked when the object is made: each against its kind, and then whether they go together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field, fields, make_dataclass
from typing import Any, TypeVar, cast

from cometary.config.option import Option, not_allowed
from cometary.errors import ConfigError

S = TypeVar("S", bound="Section")


class Section:
    """The options of one room.

    Raises:
        ConfigError: a value is not allowed; `where` is the name of the field's option.
    """

    def __post_init__(self) -> None:
        for option in options_of(type(self)):
            value = getattr(self, option.field)
            if value is not option.default:
                object.__setattr__(self, option.field, _checked(option, value))
        for declared in type(self).__mro__:
            if "check" in vars(declared):
                cast("type[Section]", declared).check(self)

    def check(self) -> None:
        """Check whether values go together; each class looks at its own, and calls no other.

        Raises:
            ConfigError: they do not; `where` is the name of an option.
        """


def _checked(option: Option, value: object) -> object:
    try:
        return option.kind.check(value)
    except ValueError:
        raise not_allowed(option, option.name, value) from None


def sections_of(table: type[Section]) -> list[type[Section]]:
    """Return the sections that a class is made of, in the order in which they are explained."""
    return [base for base in table.__mro__ if Section in base.__bases__]


def options_of(table: type[Section]) -> tuple[Option, ...]:
    """Return every option of a section, or of a class that is made of several, in the order of explanation."""
    return tuple(option for section in sections_of(table) for option in _rows(section))


def _rows(section: type[Section]) -> Iterator[Option]:
    declared: tuple[Field[Any], ...] = fields(section)  # type: ignore[arg-type]  # rule 1
    for entry in declared:
        if "kind" in entry.metadata:
            yield Option(entry.name.replace("_", "-"), default=entry.default, **entry.metadata)


def extended(table: type[S], *more: type[Section]) -> type[S]:
    """Return a class of settings that is made of further sections as well.

    Raises:
        ConfigError: two sections declare an option of the same name; their authors' fault.
    """
    new = [section for section in dict.fromkeys(more) if not issubclass(table, section)]
    taken: dict[str, type[Section]] = {option.name: table for option in options_of(table)}
    for section in new:
        for option in options_of(section):
            if option.name in taken:
                problem = f"{taken[option.name].__name__} and {section.__name__} both declare this option"
                raise ConfigError(option.name, problem)
            taken[option.name] = section
    if not new:
        return table
    made = make_dataclass(table.__name__, [], bases=(table, *new), frozen=True, kw_only=True)
    return cast("type[S]", made)


def section_of(settings: Section, wanted: type[S]) -> S:
    """Return the part of the settings that one room goes by; its defaults if they have no such part."""
    return settings if isinstance(settings, wanted) else wanted()
