"""A real ejabberd, on loopback, as `prosody` is: the real clients and components meet it by `make ejabberd`."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.doors.bosh.prosody import ACCOUNTS, PASSWORD, Prosody, prosody
from tests.servers import free_port

LIBRARY: Final = Path("/usr/lib")
"""Where Debian has it, below the name of the machine; what it needs, Erlang finds by itself."""

CONFIGURATION: Final = """
hosts: [localhost]
loglevel: warning
listen:
  - {{port: {port}, ip: "127.0.0.1", module: ejabberd_c2s, starttls_required: false, max_stanza_size: 1048576}}
  - {{port: {inner}, ip: "127.0.0.1", module: ejabberd_service, hosts: {{{hosts}}}}}
auth_method: internal
modules: {{mod_disco: {{}}, mod_ping: {{}}, mod_roster: {{}}}}
"""

BEGIN: Final = """
{{ok, _}} = application:ensure_all_started(ejabberd),
[ok = ejabberd_auth:try_register(Name, <<"localhost">>, <<"{password}">>) || Name <- [{names}]],
io:format("ready~n").
"""


@contextmanager
def ejabberd(folder: Path, *, components: Sequence[str] = ()) -> Generator[Prosody]:
    """Run ejabberd; for the arguments see `prosody`."""
    erl = shutil.which("erl")
    assert erl, "Debian: apt-get install ejabberd"
    port, inner = free_port(), free_port()
    hosts = ", ".join(f'"{domain}": {{password: "{PASSWORD}"}}' for domain in components)
    configuration = folder / "ejabberd.yml"
    configuration.write_text(CONFIGURATION.format(port=port, inner=inner, hosts=hosts), encoding="utf-8")
    places = [str(path) for path in LIBRARY.glob("*/ejabberd-*/ebin")]
    assert places, "Debian: apt-get install ejabberd"
    begin = BEGIN.format(password=PASSWORD, names=", ".join(f'<<"{name}">>' for name in ACCOUNTS))
    log = f'"{folder}/ejabberd.log"'
    command = [erl, "-noinput", "-mnesia", "dir", f'"{folder}/database"', "-ejabberd", "log_path", log]
    command += ["-ejabberd", "config", f'"{configuration}"', "-pa", *places, "-eval", begin]
    environment = {**os.environ, "EJABBERD_LOG_PATH": f"{folder}/ejabberd.log", "HOME": str(folder)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            assert "ready\n" in iter(process.stdout.readline, ""), "ejabberd does not start"
            yield Prosody(port, process.pid, inner)
        finally:
            process.terminate()
            process.communicate(timeout=30)


@contextmanager
def xmpp_server(folder: Path, *, components: Sequence[str] = ()) -> Generator[Prosody]:
    """Run Prosody, or ejabberd if XMPP_SERVER says so."""
    run = ejabberd if os.environ.get("XMPP_SERVER") == "ejabberd" else prosody
    with run(folder, components=components) as server:
        yield server
