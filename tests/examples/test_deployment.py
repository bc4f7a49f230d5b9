"""What is offered for containers can be read by the tools of their kind, and fits the server."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from cometary.app import App
from cometary.cli.loading import load_app
from cometary.doors.control.endpoint import OPEN
from cometary.settings import OPTIONS, Settings, load
from tests.servers import ROOT

DEPLOYMENT: Final = ROOT / "examples/deployment"
FILES: Final = [*sorted(DEPLOYMENT.rglob("*.yml")), *sorted((ROOT / "examples/monitoring").glob("*.yml"))]


def test_the_files_are_yaml_in_its_usual_form() -> None:
    prettier = ROOT / "node_modules/.bin/prettier"
    subprocess.run([str(prettier), "--check", *map(str, FILES)], check=True, timeout=60)


def test_the_container_file_is_as_those_who_lint_them_want_it() -> None:
    # Versions are not pinned: Debian keeps only the newest, and the wheels come from the stage before.
    hadolint = [str(Path(sys.executable).with_name("hadolint")), "--ignore", "DL3008", "--ignore", "DL3013"]
    said = subprocess.run(
        [*hadolint, DEPLOYMENT / "Dockerfile"], stdout=subprocess.PIPE, text=True, check=False
    )
    assert said.stdout == ""


@pytest.mark.parametrize("name", ["compose", "nodes"])
def test_prometheus_takes_what_compose_gives_it(name: str) -> None:
    promtool = shutil.which("promtool")
    assert promtool is not None
    file = ROOT / f"examples/monitoring/prometheus.{name}.yml"
    # The secret is there in the container only.
    subprocess.run([promtool, "check", "config", "--syntax-only", str(file)], check=True, timeout=60)


def test_variables_are_options_of_the_server() -> None:
    text = (DEPLOYMENT / "kubernetes.yml").read_text()
    variables = set(re.findall(r"name: (COMETARY_\w+)", text))
    assert variables <= {option.variable for option in OPTIONS}
    assert variables


def test_probes_ask_what_anybody_may_ask() -> None:
    text = (DEPLOYMENT / "kubernetes.yml").read_text()
    assert set(re.findall(r"httpGet: \{ path: (\S+), port: control \}", text)) == OPEN
    assert "/healthz'" in (DEPLOYMENT / "Dockerfile").read_text()


def test_the_image_and_the_pod_run_as_the_same_user_who_is_not_root() -> None:
    [user] = re.findall(r"^USER (\d+):\d+$", (DEPLOYMENT / "Dockerfile").read_text(), re.MULTILINE)
    assert int(user) > 0
    assert f"runAsUser: {user}" in (DEPLOYMENT / "kubernetes.yml").read_text()


def test_the_image_serves_what_is_beside_it_by_the_configuration_that_is_mounted() -> None:
    image = (DEPLOYMENT / "Dockerfile").read_text()
    [copied] = re.findall(r"^COPY (\S+) \./$", image, re.MULTILINE)
    [config] = re.findall(r"^ENV COMETARY_CONFIG=(\S+)$", image, re.MULTILINE)
    assert '\nCMD ["cometary", "serve"]\n' in image
    for name in ("compose.yml", "kubernetes.yml"):
        assert str(Path(config).parent) in (DEPLOYMENT / name).read_text()
    settings = load({}, {"COMETARY_CONFIG": str(DEPLOYMENT / "conf" / Path(config).name)})

    assert settings.app == f"{Path(copied).stem}:app"
    assert (settings.host, str(settings.control)) == ("0.0.0.0", "0.0.0.0:8081")
    assert isinstance(load_app(f"{DEPLOYMENT / copied}:app"), App)


def test_prometheus_shows_a_secret_that_can_read_and_nothing_else() -> None:
    settings = load({"config": str(DEPLOYMENT / "conf/cometary.toml")}, {})
    shown = (DEPLOYMENT / "prometheus-secrets/cometary").read_text()
    assert settings.secrets == (f"{shown} read",)
    assert shown != settings.secret


def test_what_compose_mounts_is_there() -> None:
    mounted = re.findall(r"\./([\w./-]+):", (DEPLOYMENT / "compose.yml").read_text())
    monitoring = {name.removeprefix("monitoring/") for name in mounted if name.startswith("monitoring/")}
    assert len(monitoring) == 2
    assert all((ROOT / "examples/monitoring" / name).is_file() for name in monitoring)
    assert all(
        (DEPLOYMENT / name).is_dir() for name in mounted if name.removeprefix("monitoring/") not in monitoring
    )


def test_there_is_time_to_stop() -> None:
    needed = Settings().stop_grace + 5
    [seconds] = re.findall(r"stop_grace_period: (\d+)s", (DEPLOYMENT / "compose.yml").read_text())
    assert int(seconds) > needed
    [seconds] = re.findall(
        r"terminationGracePeriodSeconds: (\d+)", (DEPLOYMENT / "kubernetes.yml").read_text()
    )
    assert int(seconds) > needed


def test_all_that_git_knows_goes_into_the_image_so_that_its_version_is_that_of_the_commit() -> None:
    lines = (DEPLOYMENT / ".dockerignore").read_text().splitlines()
    left_out = [line.removeprefix("cometary/") for line in lines if line.startswith("cometary/")]
    command = ["git", "ls-files", "--", *left_out]
    known = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    assert left_out
    assert known.stdout == ""
