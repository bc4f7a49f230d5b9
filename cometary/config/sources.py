"""Where values come from: the command line beats the environment, which beats the file.

A wrong value is refused even where a stronger source overrules it: its author believes that it
is in force somewhere.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeVar

from cometary.config.option import Option, not_allowed
from cometary.config.section import Section, options_of
from cometary.errors import ConfigError

CONFIG_VARIABLE: Final = "COMETARY_CONFIG"

S = TypeVar("S", bound=Section)

Given = tuple[Option, str, object]
"""An option that was given, what gave it, and the value, which is allowed."""


def load(table: type[S], arguments: Mapping[str, str], environment: Mapping[str, str]) -> S:
    """Build the settings from all that was given.

    Args:
        table: The sections: a class that is made of them.
        arguments: What the command line says, as text, by the option's name; `config`, which
            is no option itself, names the TOML file.
        environment: The environment variables. Of those with our prefix only the options' are
            read: Kubernetes, for one, makes more of them for a service that is called cometary.

    Raises:
        ConfigError: a value is wrong; `where` says which source it came from.
    """
    given = _given(table, arguments, environment)
    sources = {option.name: where for option, where, _ in given}
    try:
        return table(**{option.field: value for option, _, value in given})
    except ConfigError as error:
        raise ConfigError(sources.get(error.where, error.where), error.problem) from None


def is_given(
    table: type[Section], name: str, arguments: Mapping[str, str], environment: Mapping[str, str]
) -> bool:
    """Whether any source gives the option of that name; arguments and errors are those of `load`."""
    return any(option.name == name for option, _, _ in _given(table, arguments, environment))


def _given(table: type[Section], arguments: Mapping[str, str], environment: Mapping[str, str]) -> list[Given]:
    options = options_of(table)
    return [
        *_from_file(options, arguments, environment),
        *_from_environment(options, environment),
        *_from_arguments(options, arguments),
    ]


def _from_arguments(options: Sequence[Option], arguments: Mapping[str, str]) -> Iterator[Given]:
    for option in options:
        if option.name in arguments:
            where = "MODULE:APP" if option.name == "app" else f"--{option.name}"
            yield _read(option, where, arguments[option.name], option.kind.parse)


def _from_environment(options: Sequence[Option], environment: Mapping[str, str]) -> Iterator[Given]:
    for option in options:
        if option.variable in environment:
            yield _read(option, option.variable, environment[option.variable], option.kind.parse)


def _from_file(
    options: Sequence[Option], arguments: Mapping[str, str], environment: Mapping[str, str]
) -> Iterator[Given]:
    path = arguments.get("config", environment.get(CONFIG_VARIABLE))
    if path is None:
        return
    by_name = {option.name: option for option in options}
    for key, value in _parse_file(path).items():
        where = f"{path}: {key}"
        if key not in by_name:
            raise ConfigError(where, f"there is no such option{_guess(key, [*by_name])}")
        yield _read(by_name[key], where, value, by_name[key].kind.check)


def _parse_file(path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(path, f"cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(path, f"is not TOML: {error}") from None


def _guess(key: str, names: list[str]) -> str:
    """A hint at the option that was probably meant, if one is near."""
    near = get_close_matches(key.replace("_", "-"), names, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _read(option: Option, where: str, value: Any, read: Callable[[Any], object]) -> Given:
    try:
        return option, where, read(value)
    except ValueError:
        raise not_allowed(option, where, value) from None
