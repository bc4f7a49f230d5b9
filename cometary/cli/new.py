"""The command `cometary new`: writes a small project that runs, to start from."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cometary.config.kinds import matching
from cometary.errors import ConfigError

NAME: Final = matching(r"[A-Za-z0-9][\w.-]*", "a name of letters, digits, dots, dashes and underscores")
TEMPLATE: Final = Path(__file__).with_name("project")
FILES: Final = ("README.md", "app.py", "page/index.html", "test_app.py")
"""The files of a project; Python may put more beside these where the package is installed."""

WORD: Final = "PROJECT"
"""The placeholder for the project's name in them."""

NEXT: Final = """\
cometary: {name} is written. Next:

    cd {name}
    cometary serve app:app

and open the page in a browser. README.md says more."""


def add_options(parser: ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "name", metavar="NAME", help="The name of the project, and of the directory that is made for it."
    )


def run(given: Mapping[str, Any], environment: Mapping[str, str]) -> int:  # noqa: ARG001 - as of all commands
    """Write a project into a new directory.

    Args:
        given: the options, as text.
        environment: the environment variables; none matters here.

    Returns:
        The exit status, 0.

    Raises:
        ConfigError: the name is not valid, or exists already, or nothing can be written there.
    """
    name: str = given["name"]
    try:
        NAME.check(name)
    except ValueError:
        raise ConfigError("NAME", f"must be {NAME.allowed}, not {name!r}") from None
    try:
        write(Path(name))
    except FileExistsError:
        raise ConfigError("NAME", f"{name} exists already") from None
    except OSError as error:
        raise ConfigError("NAME", f"{error.filename} cannot be written: {error.strerror}") from None
    print(NEXT.format(name=name))
    return 0


def write(directory: Path) -> None:
    """Write a project.

    Raises:
        FileExistsError: something is there already; nothing was written.
        OSError: it cannot be written; the environment's fault.
    """
    directory.mkdir()
    for file in FILES:
        text = (TEMPLATE / file).read_text(encoding="utf-8")
        target = directory / file
        target.parent.mkdir(exist_ok=True)
        target.write_text(text.replace(WORD, directory.name), encoding="utf-8")
