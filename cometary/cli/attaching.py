"""The command `cometary attach`: a prompt in a running server, at its manhole.

At a terminal prompt_toolkit, an extra (`cometary[prompt]`), reads the lines, with highlighting, completion and a
history. Without it, or where the input is not a terminal, lines are read as they come.
"""

from __future__ import annotations

import ast
import codeop
import json
import socket
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, Self

from cometary.errors import ConfigError, ConnectorError
from cometary.settings import load

HELP: Final = "open a prompt in a running server, at its manhole"
FIRST: Final = ">>> "
MORE: Final = "... "

Ask = Callable[[str], str]
"""Reads a line, given the text to show before it; an `EOFError` means the end."""


def add_options(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "path", metavar="PATH", nargs="?", help="The Unix socket. Default: as for `cometary serve`."
    )
    parser.add_argument("--config", metavar="FILE", help="the TOML file of the server")


def run(given: Mapping[str, Any], environment: Mapping[str, str]) -> int:
    """Stay at the prompt until it is closed, or the input ends.

    Returns:
        The exit status: 0, or 1 if the server cannot be reached.

    Raises:
        ConfigError: nothing says where the socket is.
    """
    path = given["path"]
    if path is None:
        path = load({} if given["config"] is None else {"config": given["config"]}, environment).manhole
    if path is None:
        raise ConfigError("manhole", "is not set: give the path of the Unix socket")
    try:
        with Manhole(path) as manhole:
            talk(manhole, asking(manhole))
    except ConnectorError as error:
        sys.stderr.write(f"cometary: {error}\n")
        return 1
    return 0


class Manhole:
    """The connection to a prompt.

    Args:
        path: the Unix socket.

    Raises:
        ConnectorError: it cannot be reached.
    """

    def __init__(self, path: str) -> None:
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._sock.connect(path)
        except OSError as error:
            self._sock.close()
            raise ConnectorError(f"{path} cannot be reached: {error.strerror}") from None
        self._file = self._sock.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._sock.close()

    def run(self, source: str) -> Iterator[str]:
        """Run a line, and yield what it shows; Ctrl+C interrupts it.

        Raises:
            EOFError: the prompt was closed.
        """
        self._send({"run": source})
        while True:
            try:
                told = self._read()
            except KeyboardInterrupt:
                self._send({"interrupt": True})
                continue
            if "text" in told:
                yield told["text"]
            if "closed" in told:
                raise EOFError
            if "done" in told:
                return

    def complete(self, text: str) -> list[str]:
        """Return the names that begin with `text`."""
        self._send({"complete": text})
        while "completions" not in (told := self._read()):
            pass
        completions: list[str] = told["completions"]
        return completions

    def _send(self, order: dict[str, Any]) -> None:
        with suppress(BrokenPipeError):  # then there is nothing more to be read, either
            self._sock.sendall(json.dumps(order).encode() + b"\n")

    def _read(self) -> dict[str, Any]:
        line = self._file.readline()
        if not line:
            raise ConnectorError("the server has closed the prompt")
        told: dict[str, Any] = json.loads(line)
        return told


def talk(manhole: Manhole, ask: Ask) -> None:
    """Read lines, run them, and print what they show, until one closes the prompt or there are no more."""
    with suppress(EOFError):
        for source in sources(ask):
            for text in manhole.run(source):
                sys.stdout.write(text)
                sys.stdout.flush()


def sources(ask: Ask) -> Iterator[str]:
    """Yield complete inputs: one line, or as many as belong together, up to an empty one."""
    compiler = codeop.CommandCompiler()
    compiler.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    lines: list[str] = []
    while True:
        try:
            lines.append(ask(MORE if lines else FIRST))
        except KeyboardInterrupt:
            lines = []
            continue
        source = "\n".join(lines)
        try:
            whole = compiler(source, "<manhole>", "single") is not None
        except (SyntaxError, ValueError, OverflowError):
            whole = True  # the prompt says what is wrong with it
        if whole:
            lines = []
            if source.strip():
                yield source


def asking(manhole: Manhole) -> Ask:
    """Return the function that reads lines."""
    if not sys.stdin.isatty():
        return _next_line(iter(sys.stdin))
    try:
        from cometary.cli.terminal import terminal  # noqa: PLC0415 - an extra
    except ImportError:
        sys.stderr.write("cometary: highlighting and completion need pip install 'cometary[prompt]'\n")
        return input
    return terminal(manhole.complete)


def _next_line(lines: Iterable[str]) -> Ask:
    def ask(_: str) -> str:
        for line in lines:
            return line.rstrip("\n")
        raise EOFError

    return ask
