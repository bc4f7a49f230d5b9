"""The command `cometary check-config`: what keeps a server from starting, except for addresses that are taken."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from cometary.config.section import options_of
from cometary.settings import Settings, load

PREFIX: Final = "COMETARY_"
OTHERS: Final = frozenset({"COMETARY_CONFIG", "COMETARY_CHAOS_TOKEN", "COMETARY_BUILD"})
"""Variables that are no options."""


def run(given: Mapping[str, str], environment: Mapping[str, str]) -> int:
    """Check a configuration, and say that it is valid, or what is odd about it.

    Args:
        given: what the command line says, as for `cometary serve`.
        environment: the environment variables.

    Returns:
        The exit status: 0.

    Raises:
        ConfigError: it is wrong.
    """
    settings = load(given, environment)
    _check_parts(settings)
    for line in doubts(settings, environment):
        sys.stderr.write(f"cometary: {line}\n")
    print("cometary: the configuration is right")
    return 0


def _check_parts(settings: Settings) -> None:
    # These bring the whole server along, which `--help` or a wrong option need not wait for.
    from cometary.app import App  # noqa: PLC0415
    from cometary.cli.loading import load_all  # noqa: PLC0415
    from cometary.cli.workers import check_with_engine  # noqa: PLC0415
    from cometary.nodes.supported import check as check_node  # noqa: PLC0415
    from cometary.server.authenticator import choose_authenticator  # noqa: PLC0415
    from cometary.server.cluster import choose_cluster  # noqa: PLC0415
    from cometary.server.doors import Doors  # noqa: PLC0415
    from cometary.transport.net.certificate import Certificate  # noqa: PLC0415

    app = load_all(settings, settings.app) or App()
    choose_authenticator(settings, app)
    if settings.workers == 1:
        choose_cluster(settings)
    Doors(settings)
    if settings.workers > 1:
        check_with_engine(settings, app)
    if settings.node is not None:
        check_node(settings, app)
    if settings.files_of_tls is not None:
        Certificate(*settings.files_of_tls)


def doubts(settings: Settings, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return what a server accepts, though its author may have meant something else."""
    known = [option.variable for option in options_of(type(settings))]
    found: list[str] = []
    for name in sorted(environment):
        if not name.startswith(PREFIX) or name in known or name in OTHERS:
            continue
        near = get_close_matches(name, known, n=1, cutoff=0.8)
        if near:
            found.append(f"{name}: there is no such option, so it is not read; did you mean {near[0]}?")
    return found
