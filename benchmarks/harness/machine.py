"""What the figures were measured on: the machine, and the build of an interpreter."""

from __future__ import annotations

import json
import os
import platform
import sys
from pathlib import Path

from benchmarks.harness.workspace import output_of

# Runs in the interpreter that is asked about. Distributions differ in where they leave the
# flags of a profile-guided build: configure, the compiler, or (Debian) nowhere, hence "on record".
ASK_BUILD = """
import json, platform, sysconfig
config = sysconfig.get_config_vars()
flags = " ".join(str(config.get(name, "")) for name in (
    "CONFIG_ARGS", "PY_CFLAGS", "PY_CFLAGS_NODIST", "PY_CORE_CFLAGS", "PY_LDFLAGS", "PY_LDFLAGS_NODIST"))
print(json.dumps({
    "implementation": platform.python_implementation(),
    "version": platform.python_version(),
    "compiler": platform.python_compiler(),
    "pgo": "--enable-optimizations" in flags or "-fprofile-use" in flags,
    "lto": "--with-lto" in flags or "-flto" in flags,
    "free_threaded": bool(config.get("Py_GIL_DISABLED")),
}))
"""


def interpreter(python: str) -> dict[str, str | bool]:
    """Returns what is to be known of an interpreter's build.

    Raises:
        UnavailableError: It does not run.
    """
    build: dict[str, str | bool] = json.loads(output_of([python, "-c", ASK_BUILD], seconds=20))
    return build


def build_name(build: dict[str, str | bool]) -> str:
    """Returns an interpreter's build in words, as it stands beside every figure."""
    with_pgo = "PGO" if build["pgo"] else "no PGO on record"
    with_lto = "LTO" if build["lto"] else "no LTO on record"
    return f"{build['implementation']} {build['version']} ({with_pgo}, {with_lto}, {build['compiler']})"


def facts() -> dict[str, str | int]:
    """Returns what is to be known of this machine."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "kernel": f"{platform.system()} {platform.release()}",
        "load_average": f"{os.getloadavg()[0]:.2f}",
        "harness": f"CPython {platform.python_version()}"
        if sys.implementation.name == "cpython"
        else sys.version,
    }


def _cpu_model() -> str:
    """Returns the processor's name; virtual machines often give no more than its family."""
    fields = dict[str, str]()
    for line in Path("/proc/cpuinfo").read_text("utf-8").split("\n\n")[0].splitlines():
        name, _, value = line.partition(":")
        fields[name.strip()] = value.strip()
    model = fields.get("model name", platform.machine())
    return f"{model} (family {fields.get('cpu family', '?')}, model {fields.get('model', '?')})"
