"""What is offered for several nodes in containers: it is of the schemas of its tools, and the server takes it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from cometary.cli import main
from cometary.config import Address
from cometary.doors.control.endpoint import READINESS
from cometary.settings import OPTIONS, Settings, load
from tests.servers import ROOT

DEPLOYMENT: Final = ROOT / "examples/deployment"
NODES: Final = DEPLOYMENT / "nodes"
CONTAINERS: Final = NODES / "containers"
MONITORING: Final = ROOT / "examples/monitoring"
CONFIG: Final = CONTAINERS / "conf/cometary.toml"

COMPOSE: Final = [DEPLOYMENT / "compose.yml", CONTAINERS / "compose.yml"]
KUBERNETES: Final = [DEPLOYMENT / "kubernetes.yml", NODES / "kubernetes.yml"]
OF_A_POD: Final = {"metadata.name": "push-1", "status.podIP": "10.1.2.3"}
"""What Kubernetes knows of it."""

SERVICES: Final[dict[str, dict[str, Any]]] = yaml.safe_load(COMPOSE[1].read_text())["services"]
PUSH: Final = {name: service for name, service in SERVICES.items() if name.startswith("node-")}
HAPROXY: Final = (CONTAINERS / "haproxy/haproxy.cfg").read_text()


def objects(file: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(file.read_text()))


def named(kind: str, name: str) -> dict[str, Any]:
    [found] = [
        each for each in objects(KUBERNETES[1]) if (each["kind"], each["metadata"]["name"]) == (kind, name)
    ]
    return found


def container(kind: str, name: str) -> dict[str, Any]:
    [found] = named(kind, name)["spec"]["template"]["spec"]["containers"]
    return dict(found)


def said_by(program: str, *words: str | Path) -> tuple[int, str]:
    command = [str(Path(sys.executable).with_name(program)), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_compose_files_are_of_its_schema() -> None:
    said = said_by("check-jsonschema", "--builtin-schema", "vendor.compose-spec", *COMPOSE)
    assert said == (0, "ok -- validation done\n")


def test_objects_are_of_the_schemas_of_kubernetes_and_a_slip_would_be_found(tmp_path: Path) -> None:
    assert said_by("kubernetes-validate", "--strict", "--quiet", *KUBERNETES) == (0, "")
    slip = tmp_path / "slip.yml"
    slip.write_text(KUBERNETES[1].read_text().replace("replicas:", "replica:"))
    status, said = said_by("kubernetes-validate", "--strict", "--quiet", slip)
    assert status == 1
    assert "'replica' was unexpected" in said


def environment_in_a_pod() -> dict[str, str]:
    found: dict[str, str] = {}
    for each in container("StatefulSet", "push")["env"]:
        field = each["valueFrom"]["fieldRef"]["fieldPath"] if "valueFrom" in each else None
        value = OF_A_POD[field] if field else each["value"]
        found[each["name"]] = re.sub(r"\$\((\w+)\)", lambda name: found[name[1]], value)
    return found


ENVIRONMENTS: Final = {
    **{name: service["environment"] for name, service in PUSH.items()},
    "a pod": environment_in_a_pod(),
}


@pytest.mark.parametrize("environment", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_the_server_takes_the_configuration_of_each_node(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(DEPLOYMENT)  # where chat.py is, as in the image
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(["check-config", "--config", str(CONFIG)]) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("cometary: the configuration is right\n", "")
    assert {name for name in environment if name.startswith("COMETARY_")} <= {
        option.variable for option in OPTIONS
    }


def settings_of(environment: dict[str, str]) -> Settings:
    return load({"config": str(CONFIG)}, environment)


def control_port(settings: Settings) -> int:
    assert isinstance(settings.control, Address)
    return settings.control.port


def test_each_node_has_a_name_of_its_own_and_is_found_under_that_of_its_container() -> None:
    settings = [settings_of(service["environment"]) for service in PUSH.values()]
    assert len({each.node for each in settings}) == len(PUSH) == 3
    assert [str(each.node_address) for each in settings] == [f"{name}:7000" for name in PUSH]
    assert {str(each.node_listen) for each in settings} == {"0.0.0.0:7000"}


def test_nodes_find_the_redis_that_is_beside_them() -> None:
    settings = settings_of(PUSH["node-a"]["environment"])
    assert settings.engine == "redis://redis:6379/0"
    assert "redis" in SERVICES
    assert "redis://push-redis:6379/0" in KUBERNETES[1].read_text().partition("apiVersion")[0]
    assert named("Service", "push-redis")["spec"]["ports"][0]["port"] == 6379


@pytest.mark.parametrize(
    "command",
    [SERVICES["redis"]["command"], container("Deployment", "push-redis")["args"]],
    ids=["compose", "kubernetes"],
)
def test_the_redis_refuses_when_it_is_full_and_does_not_forget(command: list[str]) -> None:
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


def test_the_proxy_leads_to_each_node_and_asks_whether_it_is_ready() -> None:
    settings = settings_of(PUSH["node-a"]["environment"])
    assert re.findall(r"^    server \w (\S+)$", HAPROXY, re.MULTILINE) == [
        f"{name}:{settings.port}" for name in PUSH
    ]
    assert f"uri {READINESS}\n" in HAPROXY
    assert f"check port {control_port(settings)} " in HAPROXY
    assert SERVICES["proxy"]["ports"] == ["8080:8080"]
    [waits] = re.findall(r"timeout server (\d+)s", HAPROXY)
    assert int(waits) > settings.wait


def test_prometheus_reads_each_node_by_a_secret_that_can_read() -> None:
    file = MONITORING / "prometheus.nodes.yml"
    [job] = yaml.safe_load(file.read_text())["scrape_configs"]
    settings = settings_of(PUSH["node-a"]["environment"])
    assert job["static_configs"][0]["targets"] == [f"{name}:{control_port(settings)}" for name in PUSH]
    assert settings.secrets == (f"{(DEPLOYMENT / 'prometheus-secrets/cometary').read_text()} read",)
    assert f"./monitoring/{file.name}:/etc/prometheus/prometheus.yml:ro" in SERVICES["prometheus"]["volumes"]


def test_pods_are_replaced_one_after_the_other_and_have_time_to_stop() -> None:
    spec = named("StatefulSet", "push")["spec"]
    assert (spec["podManagementPolicy"], spec["updateStrategy"]["type"]) == ("OrderedReady", "RollingUpdate")
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] > Settings().stop_grace + 5
    assert all(service["stop_grace_period"] == "15s" for service in PUSH.values())


def test_services_and_policies_name_ports_that_the_pods_have() -> None:
    ports = {
        kind: {port["name"]: port["containerPort"] for port in container(*kind)["ports"]}
        for kind in (("StatefulSet", "push"), ("Deployment", "push-redis"))
    }
    there = {name: port for each in ports.values() for name, port in each.items()}
    for each in objects(KUBERNETES[1]):
        if each["kind"] == "Service":
            assert all(there[port["targetPort"]] == port["port"] for port in each["spec"]["ports"])
        if each["kind"] == "NetworkPolicy":
            assert all(port["port"] in there for rule in each["spec"]["ingress"] for port in rule["ports"])
    settings = settings_of(environment_in_a_pod())
    assert ports["StatefulSet", "push"] == {
        "clients": settings.port,
        "control": control_port(settings),
        "nodes": settings.node_listen.port if settings.node_listen else None,
    }


@pytest.mark.parametrize(("section", "compose"), [("In a container", 0), ("Several nodes in containers", 1)])
def test_what_the_guide_has_copied_is_all_that_compose_needs(
    section: str, compose: int, tmp_path: Path
) -> None:
    page = (ROOT / "docs/how-to/services.md").read_text()
    commands = re.findall(
        r"^    (cp .+)$", page.partition(f"## {section}\n")[2].partition("\n## ")[0], re.MULTILINE
    )
    (tmp_path / "cometary").symlink_to(ROOT)
    subprocess.run(["bash", "-ec", "\n".join(commands)], cwd=tmp_path, check=True)  # noqa: S607
    assert (tmp_path / "compose.yml").read_bytes() == COMPOSE[compose].read_bytes()
    services = yaml.safe_load(COMPOSE[compose].read_text())["services"].values()
    mounted = {volume.partition(":")[0] for service in services for volume in service.get("volumes", [])}
    copied = re.findall(r"^COPY ([\w.]+) ", (DEPLOYMENT / "Dockerfile").read_text(), re.MULTILINE)
    assert all((tmp_path / name).exists() for name in {*mounted, *copied, ".dockerignore"})
    assert len(mounted) >= 4
