"""Says which version of everything was measured."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.harness.provision import Kit
from benchmarks.harness.workspace import PEERS, ROOT, UnavailableError, output_of

ASK_SECONDS = 20

PACKAGE_VERSIONS = """
import sys
from importlib.metadata import version
print(", ".join(f"{name} {version(name)}" for name in sys.argv[1:]))
"""

ERLANG_VERSION = 'io:format("OTP ~s", [erlang:system_info(otp_release)]), halt().'

ERLANG_VERSIONS = """
[application:load(A) || A <- [mochiweb, jiffy]],
Of = fun(A) -> {ok, V} = application:get_key(A, vsn), V end,
io:format("OTP ~s (erts ~s), mochiweb ~s, jiffy ~s",
    [erlang:system_info(otp_release), erlang:system_info(version), Of(mochiweb), Of(jiffy)]),
halt().
"""


def packages(interpreter: Callable[[Kit], str], names: Sequence[str], kit: Kit) -> str:
    """Returns the versions of packages in one of the kit's environments."""
    return _packages(interpreter(kit), names)


def _packages(python: str, packages: Sequence[str]) -> str:
    return output_of([python, "-c", PACKAGE_VERSIONS, *packages], seconds=ASK_SECONDS).strip()


def cometary(kit: Kit) -> str:
    """Returns the revision of this checkout and the versions of what it stands on."""
    return f"{_revision()}; {_packages(kit.subject(), ['trio', 'pykka', 'httptools'])}"


def _revision() -> str:
    try:
        return output_of(
            ["git", "describe", "--always", "--dirty", "--tags"], cwd=ROOT, seconds=ASK_SECONDS
        ).strip()
    except UnavailableError:
        return "unknown revision"


def compiler(_kit: Kit) -> str:
    """Returns the version of the C compiler."""
    return output_of(["gcc", "--version"], seconds=ASK_SECONDS).splitlines()[0]


def erlang_runtime(_kit: Kit) -> str:
    """Returns the version of Erlang alone."""
    return output_of(["erl", "-noshell", "-eval", ERLANG_VERSION], seconds=ASK_SECONDS).strip()


def nginx(_kit: Kit) -> str:
    """Returns the versions of nginx and nchan, which only their packages know."""
    packages = ("nginx", "libnginx-mod-nchan")
    show = ["dpkg-query", "--show", "--showformat=${Package} ${Version}\n", *packages]
    return ", ".join(output_of(show, seconds=ASK_SECONDS).splitlines())


def socketio_node(_kit: Kit) -> str:
    """Returns the versions of Node and of the Socket.IO that is installed."""
    installed = Path(PEERS, "socketio-node", "node_modules", "socket.io", "package.json")
    socketio = json.loads(installed.read_text("utf-8"))["version"]
    node = output_of(["node", "--version"], seconds=ASK_SECONDS).strip()
    return f"socket.io {socketio}, Node {node}"


def erlang(_kit: Kit) -> str:
    """Returns the versions of Erlang and of what its server uses."""
    return output_of(["erl", "-noshell", "-eval", ERLANG_VERSIONS], seconds=ASK_SECONDS).strip()
