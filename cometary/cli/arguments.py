"""What the command line looks like. Values stay text here: `cometary.config` knows what is allowed."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser
from collections.abc import Sequence
from typing import Any, Final, NoReturn, cast

from cometary.cli import attaching, calls, chaos, looking, new, operating, tokens
from cometary.config import Option
from cometary.config.section import options_of
from cometary.settings import all_settings
from cometary.version import version

RELOAD: Final = "reload"
"""The flag that has the server restarted; not an option of the server itself."""


class _Parser(ArgumentParser):
    """argparse, but with errors of one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"cometary: {message} (see {self.prog} --help)\n")


def parse(arguments: Sequence[str] | None = None) -> tuple[str, dict[str, Any]]:
    """Read the command line, or leave the process as argparse does after `--help` or an error.

    Returns:
        The command, such as `serve`, and what was given, as text by the option's name.

    Raises:
        ConfigError: a door that is installed cannot be loaded.
    """
    given = vars(_parser().parse_args(arguments))
    return given.pop("command"), given


def _parser() -> ArgumentParser:
    options = options_of(all_settings())
    parser = _Parser(prog="cometary", description="A push server, and the framework to build one with.")
    parser.add_argument("--version", action="version", version=version())
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    serve = commands.add_parser("serve", help="run the server", allow_abbrev=False)
    demo = commands.add_parser("demo", help="run the server with the demo application", allow_abbrev=False)
    check = commands.add_parser(
        "check-config", help="check a configuration, and start nothing", allow_abbrev=False
    )
    for command in (serve, check):
        command.add_argument("app", metavar="MODULE:APP", nargs="?", default=SUPPRESS, help=_help(options[0]))
    for command in (serve, demo, check):
        _add_options(command, options)
    for command in (serve, demo):
        command.add_argument(
            f"--{RELOAD}",
            action="store_true",
            default=SUPPRESS,
            help="for development: start the server again whenever a file changes; needs cometary[reload]",
        )
    new.add_options(commands.add_parser("new", help="write a small project that runs", allow_abbrev=False))
    trouble = commands.add_parser(
        "chaos", help="break a server's connections, and count what is lost", allow_abbrev=False
    )
    chaos.add_options(trouble)
    token = commands.add_parser(
        "token", help="make a signed token, to try things out with", allow_abbrev=False
    )
    tokens.add_options(token)
    attaching.add_options(commands.add_parser("attach", help=attaching.HELP, allow_abbrev=False))
    for name, text in looking.HELP.items():
        looking.add_options(name, commands.add_parser(name, help=text, allow_abbrev=False))
    for name, text in operating.HELP.items():
        operating.add_options(commands.add_parser(name, help=text, allow_abbrev=False))
    for name, text in calls.HELP.items():
        calls.add_options(name, commands.add_parser(name, help=text, allow_abbrev=False))
    return parser


def _add_options(parser: ArgumentParser, options: Sequence[Option]) -> None:
    """Add every option that a command line may have."""
    for option in options:
        if option.name != "app" and not option.secret:
            parser.add_argument(
                f"--{option.name}", dest=option.name, metavar="VALUE", default=SUPPRESS, help=_help(option)
            )
    parser.add_argument("--config", metavar="FILE", default=SUPPRESS, help="a TOML file with more options")


def _help(option: Option) -> str:
    default: Any = option.default
    if type(default) is tuple:
        default = ",".join(cast("tuple[str, ...]", default))
    return f"{option.text} Allowed: {option.kind.allowed}. Default: {default or 'none'}."
