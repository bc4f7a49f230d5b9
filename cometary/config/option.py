"""Options: what one row of a section says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cometary.config.kinds import Kind
from cometary.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Option:
    """One row of a section.

    Attributes:
        name: The key in a file, and the command line's option without its dashes.
        kind: What values it can have.
        default: The value when nobody gives one.
        text: What it is for, in one sentence.
        secret: Whether its value is never shown, and never taken from the command line, where
            every user of the machine could read it.
        live: Whether a running server takes another value when it reads its configuration again.
    """

    name: str
    kind: Kind[Any]
    default: object
    text: str
    secret: bool
    live: bool

    @property
    def field(self) -> str:
        """The attribute of the section."""
        return self.name.replace("-", "_")

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"COMETARY_{self.field.upper()}"


def option(
    default: object,
    kind: Kind[Any],
    text: str,
    *,
    secret: bool = False,
    shown: bool = True,
    live: bool = False,
) -> Any:
    """Make a field of a section a row: an option.

    Args:
        default: its value when nobody gives one.
        kind: what values it can have.
        text: what it is for, in one sentence.
        secret: whether its value is never shown, and never taken from the command line.
        shown: whether the section's `repr` shows it.
        live: whether a running server takes another value when it reads its configuration again; what goes by it
            has to ask anew, or be told (`Door.reload`).
    """
    return field(
        default=default,
        repr=shown and not secret,
        metadata={"kind": kind, "text": text, "secret": secret, "live": live},
    )


def not_allowed(option: Option, where: str, value: object) -> ConfigError:
    """The error for a value that is not of its option's kind.

    Args:
        option: The option.
        where: What gave the value.
        value: The value, which the message repeats unless it is secret.
    """
    shown = "" if option.secret else f", not {value!r}"
    return ConfigError(where, f"must be {option.kind.allowed}{shown}")
