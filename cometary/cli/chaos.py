"""The command `cometary chaos`: its options, and the way from a plan to an exit status."""

from __future__ import annotations

import json
import shutil
import sys
from argparse import SUPPRESS, ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cometary.chaos.plan import OPTIONS, Option, Plan
from cometary.errors import ConfigError, TargetError

POSITIONAL: Final = frozenset({"mode", "url"})


def add_options(parser: ArgumentParser) -> None:
    """Add the options of the command."""
    for option in OPTIONS:
        if option.name in POSITIONAL:
            parser.add_argument(
                option.name, metavar=option.name.upper(), nargs="?", default=SUPPRESS, help=_help(option)
            )
        elif option.kind is None:
            parser.add_argument(
                f"--{option.name}", dest=option.name, action="store_true", default=SUPPRESS, help=option.text
            )
        else:
            parser.add_argument(
                f"--{option.name}", dest=option.name, metavar="VALUE", default=SUPPRESS, help=_help(option)
            )


def _help(option: Option) -> str:
    allowed = "" if option.kind is None else f" Allowed: {option.kind.allowed}."
    return f"{option.text}{allowed} Default: {'none' if option.default is None else option.default}."


def make_plan(given: Mapping[str, object]) -> Plan:
    """Read what the command line says.

    Raises:
        ConfigError: a value is not allowed, or some do not go together.
    """
    values = {option.field: _read(option, given[option.name]) for option in OPTIONS if option.name in given}
    return Plan(**values)


def _read(option: Option, value: object) -> Any:
    if option.kind is None:
        return value
    try:
        return option.kind.parse(str(value))
    except ValueError:
        where = option.name.upper() if option.name in POSITIONAL else f"--{option.name}"
        raise ConfigError(where, f"must be {option.kind.allowed}, not {value!r}") from None


def _remove(log: Path) -> None:
    """Remove a log, or a folder of several."""
    if log.is_dir():
        shutil.rmtree(log, ignore_errors=True)
    else:
        log.unlink()


def run(given: Mapping[str, object], environment: Mapping[str, str]) -> int:
    """Run the bench.

    Args:
        given: the options, as text.
        environment: `COMETARY_SECRET` is the control interface's, `COMETARY_CHAOS_TOKEN` what the
            server's authenticator gets.

    Returns:
        The exit status: 0 if everything arrived once and in order, although everything was done that the mode
        promises; 1 if not; 3 if the server could not be reached, or refused.

    Raises:
        ConfigError: something given was wrong.
    """
    plan = make_plan(given)
    import trio  # noqa: PLC0415 - `--help` or a wrong option need not wait for all of this

    from cometary.chaos.bench import Bench  # noqa: PLC0415

    bench = Bench(plan, environment.get("COMETARY_SECRET"), environment.get("COMETARY_CHAOS_TOKEN"))
    try:
        report = trio.run(bench.run)
    except TargetError as error:
        sys.stderr.write(f"cometary: {error}\n")
        return 3
    print(json.dumps(report.as_dict(), indent=2) if plan.json else report)
    if bench.log is not None and report.passed:
        _remove(bench.log)
    elif bench.log is not None:
        sys.stderr.write(f"The server's log is {bench.log}\n")
    return 0 if report.passed else 1
