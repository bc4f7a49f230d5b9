"""`cometary attach` from another machine: by the system's own SSH, with a key that is good for the prompt alone."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from getpass import getuser
from typing import Final

import pytest

from cometary.app import App
from cometary.config.kinds import Address
from cometary.server import BackgroundServer
from cometary.settings import Settings
from tests.servers import ROOT

SSHD: Final = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
PAGE: Final = ROOT / "docs/how-to/open-a-prompt.md"

CONFIGURATION: Final = """
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized_keys
PasswordAuthentication no
StrictModes no
PidFile none
UsePAM no
"""

QUIET: Final = (
    "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes"
)


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """The command that reaches the machine of a server, as whoever has the key of the page may."""
    assert SSHD is not None, "sshd is not installed; scripts/programs.sh does it"
    folder = tmp_path_factory.mktemp("ssh")
    for key in ("host", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)  # noqa: S607
    attach = f"env PYTHONPATH={ROOT} {sys.executable} -m cometary attach {folder}/m.sock"
    [granted] = re.findall(
        r'^    (restrict,\S* ?command="[^"]*") ssh-ed25519', PAGE.read_text(), re.MULTILINE
    )
    line = re.sub(r'command="[^"]*"', f'command="{attach}"', granted)
    (folder / "authorized_keys").write_text(f"{line} {(folder / 'key.pub').read_text()}")
    (folder / "sshd").write_text(CONFIGURATION.format(folder=folder))
    daemon = f"{SSHD} -i -f {folder}/sshd"  # it serves one connection, that of its standard input
    if os.geteuid() == 0:  # then it wants a directory for those whom it has not let in, here one of its own
        daemon = f"unshare -m sh -c 'mount -t tmpfs none /run && mkdir /run/sshd && exec {daemon}'"
    with BackgroundServer(
        Settings(port=0, control=Address("127.0.0.1", 0), manhole=f"{folder}/m.sock"), App()
    ):
        options = [*shlex.split(QUIET), "-i", str(folder / "key"), "-o", f"ProxyCommand={daemon}"]
        yield ["ssh", *options, f"{getuser()}@push.example.org"]


def said(command: list[str], typed: str) -> str:
    done = subprocess.run(command, input=typed, stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    return done.stdout


def test_lines_of_a_script_are_run_in_the_server(ssh: list[str]) -> None:
    assert said(ssh, "tree().id\nlen(sessions)\n") == "'cometary'\n0\n"


def test_the_key_is_good_for_the_prompt_and_nothing_else(ssh: list[str]) -> None:
    assert said([*ssh, "cat", "/etc/passwd"], "40 + 2\n") == "42\n"
