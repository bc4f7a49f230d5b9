"""The documentation keeps to the code: what it shows runs, what it lists is all, what it links to is there.

A comment before a block of code says where it comes from: `file:` is the whole of a file, `part of:` a piece of one.
"""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest

from cometary import errors
from cometary.cluster.owner import OwnerMachine
from cometary.doors.control.acting import acting
from cometary.doors.control.endpoint import ControlEndpoint
from cometary.doors.control.shapes import PacketBody
from cometary.doors.control.watching import watching
from cometary.errors import CONDITIONS
from cometary.packets.contract import DEFAULT_LIMIT, DEFAULT_TTL, POLICIES
from cometary.sessions import Receipt, SessionMachine
from cometary.sessions.tracking import Outcome
from cometary.settings import OPTIONS
from tests.servers import ROOT

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
GUIDES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("tutorial/*.md")),
    *sorted((ROOT / "docs").glob("how-to/*.md")),
]
FRAMEWORK = ("actors", "actors.sys", "behaviours", "fsm", "statem", "supervision", "testing")
OTHERS = ("authentication", "client", "connector", "xmpp", "xmpp.pubsub")
PUBLIC = ["cometary", *(f"cometary.{name}" for name in (*FRAMEWORK, *OTHERS))]
BLOCK = re.compile(
    r"(?:<!-- (?P<what>file|part of): (?P<file>\S+) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)```\n",
    re.DOTALL,
)
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)]+))?\)")
SOURCE = re.compile(r"`((?:cometary|clients|examples|tests|docs)/[\w/.-]+)`")

page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@page
def test_code_is_what_the_file_says(page: Path) -> None:
    for block in BLOCK.finditer(page.read_text()):
        if block["what"] == "file":
            assert block["text"] == (ROOT / block["file"]).read_text()
        elif block["what"] == "part of":
            assert block["text"] in (ROOT / block["file"]).read_text()


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: str(guide.relative_to(ROOT)))
def test_guides_show_only_code_that_runs(guide: Path) -> None:
    loose = [block["text"] for block in BLOCK.finditer(guide.read_text()) if not block["what"]]
    languages = [block["language"] for block in BLOCK.finditer(guide.read_text()) if not block["what"]]
    assert not {"python", "html", "nginx", "haproxy", "ini"} & set(languages), loose


@page
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text()):
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"{target} is not there"
        if anchor:
            assert anchor in anchors(path), f"{target} has no heading #{anchor}"


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as forges make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@page
def test_files_that_are_named_exist(page: Path) -> None:
    for name in SOURCE.findall(page.read_text()):
        assert (ROOT / name).exists(), f"{name} is not there"


def read(page: str) -> str:
    return (ROOT / "docs" / page).read_text()


def test_every_page_is_in_the_index() -> None:
    linked = {target for target, _ in LINK.findall(read("index.md"))}
    pages = {str(page.relative_to(ROOT / "docs")) for page in PAGES if ROOT / "docs" in page.parents}
    assert pages - {"index.md"} == linked


def test_every_attack_of_the_threat_model_has_a_test_that_exists() -> None:
    tables, _, _ = read("explanation/threat-model.md").partition("## Not withstood")
    rows = [line for line in tables.splitlines() if line.startswith("| ")]
    attacks = [row for row in rows if not row.startswith(("| attack |", "| --- |"))]
    assert attacks
    for attack in attacks:
        named = re.search(r"\| `(tests/[\w/]+\.py)::(test_\w+)` \|$", attack)
        assert named, f"no test: {attack}"
        assert re.search(rf"^(async )?def {named[2]}\(", (ROOT / named[1]).read_text(), re.MULTILINE), attack


def test_the_protocol_shows_the_table_and_the_diagram_of_the_machine() -> None:
    text = read("protocol.md")
    for shown in (SessionMachine.table(), SessionMachine.mermaid()):
        assert shown in text, f"docs/protocol.md has to show this:\n{shown}"


def test_the_page_on_clusters_shows_the_table_of_the_owner() -> None:
    assert OwnerMachine.table() in read("explanation/cluster.md"), OwnerMachine.table()


@pytest.mark.parametrize("name", ["protocol.md", "reference/errors.md"])
def test_every_condition_is_listed_with_its_status(name: str) -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \|", read(name), re.MULTILINE)
    assert {condition: int(status) for condition, status in rows} == CONDITIONS


def test_every_exception_is_listed_with_its_fault() -> None:
    text = read("reference/errors.md")
    for name, error in inspect.getmembers(errors, inspect.isclass):
        if issubclass(error, errors.CometaryError):
            fault = (inspect.getdoc(error) or "").splitlines()[0]
            row = f"| `{name}` | `{error.__bases__[0].__name__}` | {fault} |"
            assert row in text, f"docs/reference/errors.md has to have this row: {row}"


def test_every_option_of_the_command_line_is_listed() -> None:
    text = read("reference/command-line.md")
    for option in OPTIONS:
        if option.name != "app" and not option.secret:
            assert f"`--{option.name}`" in text


def test_every_limit_that_can_be_set_is_explained() -> None:
    text = read("how-to/limits.md")
    for name in (
        "max-sessions",
        "opens-per-minute",
        "queue-packets",
        "queue-bytes",
        "response-bytes",
        "body-bytes",
        "request-packets",
        "packets-per-second",
        "packet-burst",
        "address-packets-per-second",
        "address-packet-burst",
    ):
        assert f"`{name}`" in text


def test_every_call_of_the_control_interface_is_listed() -> None:
    nothing: Any = None
    hub: Any = SimpleNamespace(packet=nothing)
    endpoint = ControlEndpoint(
        hub,
        nothing,
        nothing,
        sessions=nothing,
        receipts=nothing,
        metrics=nothing,
        operations=nothing,
        watching=watching(nothing, nothing),
        acting=acting(nothing, nothing, nothing),
        secrets=nothing,
    )
    calls = {
        f"{method} {path}"
        for path, methods in endpoint._router._paths.items()
        for method in methods
        if method != "HEAD"
    }
    assert set(re.findall(r"^\| `((?:GET|POST) /\w+)", read("reference/control.md"), re.MULTILINE)) == calls


def test_every_member_of_a_receipt_and_of_a_packet_of_a_back_end_is_explained() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", read("reference/control.md"), re.MULTILINE))
    assert set(Receipt._fields) <= rows
    assert set(PacketBody.__struct_fields__) - {"path", "message"} <= rows


def test_every_policy_and_its_default_is_explained() -> None:
    text = read("how-to/slow-clients.md")
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == ["when_full", *POLICIES]
    assert f"`limit` is {DEFAULT_LIMIT} unless given" in text
    assert DEFAULT_TTL == 60
    assert "it is a minute unless given" in text


def test_every_outcome_is_explained() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", read("how-to/receipts.md"), re.MULTILINE)
    assert set(rows) - {"outcome"} == set(get_args(Outcome))


@pytest.mark.parametrize("package", PUBLIC)
def test_every_public_name_is_in_the_reference(package: str) -> None:
    pages = "".join(page.read_text() for page in PAGES if page.parent.name == "reference")
    code = " ".join(re.findall(r"`[^`]+`|```.*?```", pages, re.DOTALL))
    public = [name for name in importlib.import_module(package).__all__ if name != "__version__"]
    assert [name for name in public if not re.search(rf"\b{name}\b", code)] == []


def test_every_public_package_has_a_page_from_its_docstrings() -> None:
    pages = {re.sub(r"^cometary\.", "", package) for package in PUBLIC} | {"errors"}
    assert {page.stem for page in (ROOT / "docs/api").glob("*.rst")} == pages


def test_every_public_name_of_the_package_itself_is_on_its_page() -> None:
    page = (ROOT / "docs/api/cometary.rst").read_text()
    public = [name for name in importlib.import_module("cometary").__all__ if name != "__version__"]
    assert [name for name in public if not re.search(rf"\b{name}\b", page)] == []


def test_every_machine_that_is_drawn_is_there() -> None:
    for name in re.findall(r"^\.\. machine:: (\S+)$", (ROOT / "docs/machines.rst").read_text(), re.MULTILINE):
        module, _, machine = name.rpartition(".")
        assert getattr(importlib.import_module(module), machine).mermaid().startswith("stateDiagram-v2")


def test_the_index_of_actors_has_each_name_once_and_fits_on_a_page() -> None:
    index = read("reference/actors.md").partition("## Index")[2].partition("\n## ")[0]
    names = [name for name in re.findall(r"`(\w+)`", index) if name[0] != "_"]
    assert sorted(names) == sorted(importlib.import_module("cometary.actors").__all__)
    assert len(index.splitlines()) < 40
