"""Running the pieces of Python that pages show, and reading those of JavaScript."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import trio
from trio.testing import MockClock

from cometary.actors import system
from cometary.connector import Connector
from tests.examples.block_commands import bash
from tests.examples.block_contexts import CONTEXTS
from tests.examples.code_blocks import Block, where
from tests.examples.sessions import ClientSession
from tests.servers import ROOT, running_server


def run_python(block: Block, _: Path) -> None:
    """Run a piece of Python in its context."""
    assert where(block) in CONTEXTS, f"a piece of Python without a context: {block.text}"
    context = CONTEXTS[where(block)]
    module = sys.modules["piece"] = ModuleType("piece")  # a dataclass looks itself up there
    names = vars(module)
    if context is None:
        exec(block.text, names)  # noqa: S102 - it is the documentation's
    else:
        trio.run(_run_piece, context, block.text, names, clock=MockClock(autojump_threshold=0))


async def _run_piece(context: str, piece: str, names: dict[str, Any]) -> None:
    with trio.move_on_after(5):
        async with system():
            for text in (context, piece):
                code = compile(text, "piece", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
                outcome = eval(code, names)  # noqa: S307 - the same
                if inspect.isawaitable(outcome):
                    await outcome


def serve_in_python(block: Block, _: Path) -> None:
    """Run a program that serves, on any ports, until its application stops it."""
    any_port = block.text.replace("port=8080", 'port=0, control=Address("127.0.0.1", 0)')
    assert any_port != block.text
    program = (
        "from cometary import App\nfrom cometary.config import Address\napp = App()\n"
        "@app.task\nasync def end(running): running.stop()\n"
    )
    exec(program + any_port, {})  # noqa: S102 - the same


def connect_in_python(block: Block, _: Path) -> None:
    """Run a piece that calls a server."""
    with (
        running_server("") as server,
        ClientSession(server.comet) as session,
        Connector(server.control) as connector,
    ):
        names: dict[str, Any] = {"sid": session.sid, "Connector": Connector, "connector": connector}
        text = block.text.replace("http://127.0.0.1:8081", server.control)
        code = compile(text, "piece", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        outcome = eval(code, names)  # noqa: S307 - the same

        async def finish() -> None:
            await outcome

        if inspect.isawaitable(outcome):
            trio.run(finish)
        assert connector.healthz() == "ok"
        for name in ("connector",):
            made = names.get(name)
            if isinstance(made, Connector):
                made.close()


def look_inside(block: Block, tmp_path: Path) -> None:
    """Run the line for other threads in one."""
    line = "print(sys.get_state(ref))"
    assert f"\n{line}" in block.text
    in_thread = block.text.replace(
        f"\n{line}", "\nawait trio.to_thread.run_sync(lambda: print(sys.get_state(ref)))"
    )
    context = CONTEXTS[where(block)]
    assert context is not None
    trio.run(_run_piece, context, in_thread, dict[str, Any]())


READER: Final = """
declare function show(...what: any[]): void;
declare function showAll(...what: any[]): void;
declare const process: { env: Record<string, string> };
declare const sid: string;
"""


def read_javascript(block: Block, tmp_path: Path) -> None:
    """Have TypeScript read it, with the types of the client itself."""
    text = block.text.replace('from "cometary"', 'from "./src/comet.js"')
    text = text.replace('from "/comet.js"', 'from "./src/all.js"')
    text = text.replace('from "cometary/tabs"', 'from "./src/tabs.js"')
    text = text.replace('from "cometary/cbor"', 'from "./src/cbor.js"')
    text = text.replace('from "cometary/asking"', 'from "./src/asking.js"')
    text = text.replace('from "cometary/paths"', 'from "./src/paths.js"')
    text = text.replace('from "cometary/connector"', 'from "./src/connector.js"')
    if "import " not in text:
        text = f'import {{ Comet }} from "./src/comet.js";\n{text}'
    (tmp_path / "src").symlink_to(ROOT / "clients/javascript/src")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "block.ts").write_text(READER + text)
    language = "--target es2022 --module nodenext --lib es2023,dom,dom.iterable"
    options = "--noEmit --strict --noImplicitAny false --allowJs --types '' --preserveSymlinks"
    said = bash(f"{ROOT}/node_modules/.bin/tsc {options} {language} block.ts", tmp_path)
    assert said == ""


def run_alone(block: Block, tmp_path: Path) -> None:
    """Run a program in a process of its own, which it changes for good."""
    program = tmp_path / "program.py"
    program.write_text(block.text)
    bash(f"{sys.executable} {program}", tmp_path)


PYTHON: Final[dict[tuple[str, str], Callable[[Block, Path], None]]] = {
    ("docs/reference/application.md", "import trio"): serve_in_python,
    ("docs/reference/connectors.md", "from cometary import Connector"): connect_in_python,
    ("docs/reference/connectors.md", "from cometary import AsyncConnector"): connect_in_python,
    ("docs/reference/connectors.md", "from cometary import Outbox"): connect_in_python,
    ("docs/reference/connectors.md", "from functools import cache"): connect_in_python,
    ("docs/reference/logging.md", "import logging"): run_alone,
    ("docs/reference/sys.md", "from cometary.actors import sys"): look_inside,
}
"""Pieces of Python that need more than a context."""
