"""What a real Prometheus makes of the metrics, and of the alerts and the dashboard that are offered for them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

import httpx

from tests.servers import ECHO, ROOT, free_port, running_server

MONITORING: Final = ROOT / "examples/monitoring"
PATIENCE: Final = 60.0
"""Seconds."""


def program(name: str) -> str:
    found = shutil.which(name)
    assert found is not None, f"{name} is not installed; scripts/programs.sh does it"
    return found


def expressions() -> list[str]:
    """All that the alerts and the dashboard ask for."""
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    alerts = re.findall(r"^ +expr: (.*)$", (MONITORING / "alerts.yml").read_text(), re.MULTILINE)
    targets = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return [*alerts, *targets]


def test_alerts_and_dashboard_ask_for_nothing_that_there_is_not() -> None:
    page = (ROOT / "docs/reference/metrics.md").read_text()
    known = set(re.findall(r"^\| `(cometary_\w+)`", page, re.MULTILINE))
    asked = {name for each in expressions() for name in re.findall(r"\bcometary_\w+", each)}
    assert {re.sub(r"_bucket$", "", name) for name in asked} <= known


def test_the_alerts_are_valid_and_explained() -> None:
    for kind, name in (("rules", "alerts.yml"), ("config", "prometheus.yml")):
        subprocess.run([program("promtool"), "check", kind, str(MONITORING / name)], check=True)
    alerts = re.findall(r"- alert: (\w+)", (MONITORING / "alerts.yml").read_text())
    page = (ROOT / "docs/how-to/monitor.md").read_text()
    assert re.findall(r"`(Cometary\w+)`", page) == alerts


@contextmanager
def prometheus(folder: Path, target: str) -> Generator[str]:
    """Run Prometheus with our configuration, reading the server at `target`; yields its URL."""
    config = (MONITORING / "prometheus.yml").read_text()
    config = config.replace("127.0.0.1:8081", target).replace("15s", "1s")
    (folder / "prometheus.yml").write_text(config)
    shutil.copy(MONITORING / "alerts.yml", folder)
    port = free_port()
    options = [
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    process = subprocess.Popen([program("prometheus"), *options])
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=60)


def ask(url: str, expression: str) -> list[dict[str, Any]]:
    """Return what Prometheus says; nothing while it starts."""
    try:
        answer = httpx.get(f"{url}/api/v1/query", params={"query": expression})
    except httpx.TransportError:
        return []
    assert answer.status_code in {200, 503}, answer.text
    result: list[dict[str, Any]] = answer.json()["data"]["result"] if answer.status_code == 200 else []
    return result


def test_a_real_prometheus_reads_the_server_and_understands_the_dashboard(tmp_path: Path) -> None:
    with (
        running_server(ECHO) as server,
        prometheus(tmp_path, server.control.removeprefix("http://")) as url,
    ):
        deadline = monotonic() + PATIENCE
        while not (found := ask(url, "cometary_build_info")):
            assert monotonic() < deadline, "it has not read the server"
            sleep(0.1)  # another program's start, of which nothing else tells
        assert found[0]["metric"]["job"] == "cometary"
        assert ask(url, 'up{job="cometary"}')[0]["value"][1] == "1"
        for expression in expressions():
            concrete = expression.replace("$__rate_interval", "1m").replace("$instance", ".*")
            ask(url, concrete)  # it would be answered 400 if it could not be read
