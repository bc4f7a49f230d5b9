"""A real Prosody, on loopback, with accounts `alice` and `bob` at `localhost` and guests at `anon.localhost`."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from tests.servers import free_port

PASSWORD: Final = "secret"
ACCOUNTS: Final = ("alice", "bob")

CONFIGURATION: Final = """
run_as_root = true
daemonize = false
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
certificates = "{folder}"
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
http_interfaces = {{ "127.0.0.1" }}
http_ports = {{ {http} }}
https_ports = {{}}
s2s_ports = {{}}
modules_enabled = {{ "saslauth", "roster", "disco", "ping", {modules} }}
modules_disabled = {{ "s2s", "offline" }}
c2s_require_encryption = {tls}
allow_unencrypted_plain_auth = true
consider_bosh_secure = true
bosh_max_inactivity = 30
authentication = "internal_plain"
log = {{ info = "*console" }}
VirtualHost "localhost"
    {certificate}
VirtualHost "anon.localhost"
    authentication = "anonymous"
"""

COMPONENTS: Final = """
component_interfaces = {{ "127.0.0.1" }}
component_ports = {{ {port} }}
"""

COMPONENT: Final = """
Component "{domain}"
    component_secret = "{secret}"
"""


class Prosody(NamedTuple):
    """One that runs: the port where it takes clients, its process, and the port where it takes components."""

    port: int
    pid: int
    components: int = 0


@contextmanager
def prosody(
    folder: Path,
    *,
    certificate: tuple[Path, Path] | None = None,
    http: int = 0,
    components: Sequence[str] = (),
    modules: Sequence[str] = (),
) -> Generator[Prosody]:
    """Run Prosody.

    Args:
        folder: where it has its files.
        certificate: that of `localhost`, and its key, if it is to demand TLS.
        http: the port of its own BOSH, if it is to have one.
        components: the domains of external components, whose secret is the password, too.
        modules: more modules.
    """
    program = shutil.which("prosody") or shutil.which("prosody", path="/usr/bin:/usr/sbin")
    assert program, "Debian: apt-get install prosody"
    port = free_port()
    accounts = folder / "data/localhost/accounts"
    accounts.mkdir(parents=True)
    for name in ACCOUNTS:
        (accounts / f"{name}.dat").write_text(f'return {{ ["password"] = "{PASSWORD}" }};\n')
    shown = (
        ""
        if certificate is None
        else f'ssl = {{ certificate = "{certificate[0]}", key = "{certificate[1]}" }}'
    )
    configuration = folder / "prosody.cfg.lua"
    configuration.write_text(
        CONFIGURATION.format(
            folder=folder,
            port=port,
            http=http or "",
            modules=", ".join(
                [
                    f'"{name}"'
                    for name in (*modules, "tls" if certificate else "", "bosh" if http else "")
                    if name
                ]
            ),
            tls="true" if certificate else "false",
            certificate=shown,
        )
    )
    inner = free_port() if components else 0
    if components:
        text = configuration.read_text() + "".join(
            COMPONENT.format(domain=domain, secret=PASSWORD) for domain in components
        )
        # What is said of all hosts comes before the first one.
        configuration.write_text(COMPONENTS.format(port=inner) + text)
    command = [program, "--config", str(configuration), "-F"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            said: list[str] = []
            for line in process.stdout:
                said.append(line)
                if "Activated service 'c2s' on [127.0.0.1]" in line:
                    break
            else:
                raise AssertionError("Prosody does not start:\n" + "".join(said))
            yield Prosody(port, process.pid, inner)
        finally:
            process.terminate()
            process.communicate(timeout=30)
