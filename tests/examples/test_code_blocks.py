"""Every block of code of every page is run, or read by what reads it, and what it prints is what the page says.

Blocks with a comment that names a file are compared with it (`test_documentation.py`), and that file is run by its
own tests. `NOT_RUN` has the few that nothing runs, each with the reason.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from configparser import ConfigParser
from pathlib import Path
from typing import Final, cast

import pytest

from cometary.config import Address
from cometary.config.kinds import UnixAddress
from cometary.sessions import SessionMachine
from cometary.settings import load
from examples.code_lock.lock import CodeLock
from examples.door_lock import DoorLock
from tests.examples.block_commands import COMMAND, run_commands
from tests.examples.block_contexts import CONTEXTS
from tests.examples.block_outputs import OUTPUTS, outputs_of
from tests.examples.block_pieces import PYTHON, read_javascript, run_python
from tests.examples.code_blocks import INDENTED, LOOSE, Block, where
from tests.servers import ROOT

FOLLOWED: Final = "test_django_tutorial.py follows the whole page"
OPERATED: Final = "test_operating.py follows the whole page"
ELSEWHERE: Final = "needs another machine"
CONTAINED: Final = "needs Docker; test_deployment.py looks at the files"
COPIED: Final = "test_deployment_of_nodes.py copies, and looks at what is there"
SERVED: Final = "serves for ever; test_notes.py runs it"

NOT_RUN: Final = {
    ("docs/explanation/architecture.md", "cometary             one_for_one"): "a drawing",
    ("docs/how-to/bosh.md", "c2s_require_encryption = false"): "Prosody runs with these in tests/doors/bosh",
    ("docs/how-to/cappuccino.md", 'comet = [[Comet alloc] initWithURL:@"/comet"'): (
        "the calls of examples/cappuccino, which Chromium runs"
    ),
    ("docs/how-to/monitor.md", "prometheus --config.file=examples/monitoring/prometheus.yml"): (
        "run by test_monitoring, at ports of its own"
    ),
    ("docs/how-to/bosh.md", "listen:"): "ejabberd runs with these in tests/doors/bosh, by make ejabberd",
    (
        "docs/how-to/publish-over-xmpp.md",
        "listen:",
    ): "ejabberd runs with these in tests/doors/bosh, by make ejabberd",
    ("docs/how-to/publish-over-xmpp.md", "component_ports = { 5347 }"): (
        "Prosody runs with these in tests/xmpp, at a port of its own"
    ),
    ("docs/reference/logging.md", "ProcessorFormatter(foreign_pre_chain=[cometary.log.structured, …], …)"): (
        "half a call: the rest is the reader's own"
    ),
    ("docs/reference/testing.md", "AssertionError: probe expected 'a book', but got None"): (
        "the page has no test that would fail so; the line about the seed is compared in the tutorial"
    ),
    ("docs/tutorial/django.md", "python3 -m venv venv"): FOLLOWED,
    ("docs/tutorial/django.md", "../venv/bin/python manage.py makemigrations todos"): FOLLOWED,
    ("docs/tutorial/django.md", "../venv/bin/python manage.py comet"): FOLLOWED,
    ("docs/tutorial/flask.md", "python3 -m venv venv"): "installs; the tests have what it installs",
    ("docs/tutorial/flask.md", "venv/bin/flask --app flask_app run --port 8000"): SERVED,
    ("docs/tutorial/fastapi.md", "python3 -m venv venv"): "the same",
    ("docs/tutorial/fastapi.md", "venv/bin/uvicorn fastapi_app:app --port 8000"): SERVED,
    (
        "CONTRIBUTING.md",
        'longest_nap: float = option(60, kinds.seconds(1, 3600), "How long a session may be away.")',
    ): ("a row of a section; those that there are are tested with the configuration"),
    ("CONTRIBUTING.md", '[project.entry-points."cometary.doors"]'): (
        "a piece of a pyproject.toml; tests/doors runs the package that it is of"
    ),
    ("docs/how-to/outlive-a-restart.md", "redis-server --port 6400 --save '' --appendonly no &"): (
        "serve for ever; tests/cluster/test_resuming.py starts both and kills the second"
    ),
    ("docs/how-to/outlive-a-restart.md", "python examples/lasting_client.py 60"): (
        "takes half a minute; test_lasting.py runs it, faster"
    ),
    ("docs/how-to/systemd.md", "python3 -m venv /srv/push/venv"): "installs for the whole machine",
    ("docs/how-to/systemd.md", "systemctl enable --now cometary.socket"): "the same",
    (
        "docs/how-to/inspect-a-server.md",
        "journalctl -u cometary --since -2h | grep 'session ended' | grep ada@example.org",
    ): ("needs systemd"),
    (
        "docs/how-to/open-a-prompt.md",
        "ssh -t root@www.example.org /srv/push/venv/bin/cometary attach /run/cometary/manhole.sock",
    ): ("done by test_attaching_by_ssh.py"),
    (
        "docs/how-to/open-a-prompt.md",
        'restrict,pty,command="/srv/push/venv/bin/cometary attach /run/cometary/manhole.sock" ssh-ed25519 AAAA… ada',
    ): ("the same"),
    ("docs/how-to/operate.md", "cometary check-config"): OPERATED,
    ("docs/how-to/operate.md", "cometary ended ada"): OPERATED,
    ("docs/how-to/operate.md", "cometary reload"): OPERATED,
    ("docs/how-to/operate.md", "cometary drain"): OPERATED,
    ("docs/how-to/operate.md", "cometary crashes"): "run by tests/cli/test_looking.py",
    ("docs/how-to/operate.md", "ssh -L 8081:127.0.0.1:8081 www.example.org"): ELSEWHERE,
    (
        "docs/how-to/operate.md",
        "openssl s_client -connect www.example.org:8443 </dev/null | openssl x509 -noout -enddate",
    ): (ELSEWHERE),
    ("docs/how-to/services.md", "mkdir push && cd push"): COPIED,
    (
        "docs/how-to/services.md",
        "cp -r cometary/examples/deployment/{Dockerfile,.dockerignore,chat.py,prometheus-secrets} .",
    ): (COPIED),
    ("docs/how-to/services.md", "docker compose exec node-a cometary check-config"): CONTAINED,
    ("docs/how-to/services.md", "chgrp -R 10001 conf && chmod 2750 conf"): CONTAINED,
    ("docs/how-to/compile.md", "pip install ."): "tests/test_packaging.py builds what it installs",
    ("docs/how-to/compile.md", "venv/bin/pip install cometary-*.whl"): (
        "installs a wheel that takes minutes to make; scripts/compile.py checks what is in it"
    ),
    ("docs/tutorial/first-push.md", ".venv/bin/python examples/first_push/backend.py"): (
        "runs for ever; test_first_push.py runs it"
    ),
}
"""Each of them with the reason."""


def kind(block: Block) -> Callable[[Block, Path], None] | None:
    """What reads or runs a block; None if nothing does."""
    if where(block) in NOT_RUN:
        return None
    for compare in outputs_of(block):
        return compare
    if where(block) in CONTEXTS or block.language == "python":
        return PYTHON.get(where(block), run_python)
    if block.language == INDENTED and block.first.startswith("{"):
        return read_json
    if block.language == INDENTED and COMMAND.match(block.first):
        return run_commands
    return {
        "toml": read_toml,
        "json": read_json,
        "mermaid": read_diagram,
        "js": read_javascript,
        "ts": read_javascript,
    }.get(block.language)


def test_the_tables_name_only_blocks_that_there_are() -> None:
    there = {where(block) for block in LOOSE}
    assert {*NOT_RUN, *CONTEXTS, *PYTHON} - there == set()
    assert [len(outputs_of(block)) for block in LOOSE].count(1) == len(OUTPUTS)
    assert len(there) == len(LOOSE), "two blocks of one page begin alike"
    assert len(there) > 80


@pytest.mark.parametrize("block", LOOSE, ids=lambda block: f"{block.page}:{block.line}")
def test_a_block_does_what_it_says(block: Block, tmp_path: Path) -> None:
    run = kind(block)
    assert run or where(block) in NOT_RUN, f"nothing runs {block.text}"
    if run:
        run(block, tmp_path)


def read_json(block: Block, _: Path) -> None:
    """Parse it; `…` in a list stands for more of the same."""
    json.loads(block.text.replace(", …]", "]"))


def read_toml(block: Block, tmp_path: Path) -> None:
    """Have the server's own configuration read it."""
    file = tmp_path / "cometary.toml"
    file.write_text(block.text)
    settings = load({"config": str(file)}, {})
    for name, value in tomllib.loads(block.text).items():
        shown = getattr(settings, name.replace("-", "_"))
        assert (str(shown) if isinstance(shown, Address | UnixAddress) else shown) == (
            tuple(cast("list[object]", value)) if isinstance(value, list) else value
        )


def read_diagram(block: Block, _: Path) -> None:
    assert block.text in {machine.mermaid() for machine in (SessionMachine, DoorLock, CodeLock)}


@pytest.mark.parametrize("kind", ["Service", "Socket"])
def test_the_unit_is_one_that_systemd_reads(tmp_path: Path, kind: str) -> None:
    unit = (ROOT / f"examples/deployment/cometary.{kind.lower()}").read_text()
    parser = ConfigParser(interpolation=None, strict=True)
    parser.read_string(unit)
    assert parser.sections() == ["Unit", kind, "Install"]
    if analyzer := shutil.which("systemd-analyze"):  # where there is one: its own parser knows every key
        (tmp_path / "cometary.service").write_text("[Service]\nExecStart=/bin/sh\n")  # a socket has one
        copy = tmp_path / f"cometary.{kind.lower()}"
        copy.write_text(unit.replace("/srv/push/venv/bin/cometary", "/bin/sh"))
        said = subprocess.run(
            [analyzer, "verify", "--recursive-errors=no", "--man=no", copy],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        ).stdout
        assert "Unknown key" not in said
        assert "Failed to parse" not in said
