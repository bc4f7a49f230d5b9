"""`cometary new`: the project that it writes runs, and its test passes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from cometary.cli import main
from cometary.cli.new import FILES, TEMPLATE
from tests.servers import ENVIRONMENT, RunningServer, running_server


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "lobby"]) == 0
    return tmp_path / "lobby"


@pytest.fixture
def server(project: Path) -> Iterator[RunningServer]:
    with running_server("app:app", cwd=project) as server:
        yield server


@pytest.mark.browser
def test_its_page_talks_to_its_application(server: RunningServer, browser_page: Page) -> None:
    browser_page.goto(server.origin)
    expect(browser_page).to_have_title("lobby")
    expect(browser_page.locator("#hello")).to_contain_text("You are ")
    browser_page.fill("#text", "Good morning")
    browser_page.press("#text", "Enter")
    expect(browser_page.locator("#said li")).to_contain_text([": Good morning"])


def test_its_test_passes(project: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        command, cwd=project, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_it_has_all_files_and_its_own_name(project: Path) -> None:
    files = [file for file in TEMPLATE.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    assert sorted(FILES) == sorted(file.relative_to(TEMPLATE).as_posix() for file in files)
    for file in FILES:
        assert (project / file).read_text() == (TEMPLATE / file).read_text().replace("PROJECT", "lobby")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("lobby", "NAME: lobby exists already"),
        ("../up", "NAME: must be a name of letters, digits, dots, dashes and underscores, not '../up'"),
        ("-x", "the following arguments are required: NAME (see cometary new --help)"),
    ],
)
def test_it_is_refused_in_one_line(
    project: Path, name: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "app.py").write_text("mine")
    try:
        status = main(["new", name])
    except SystemExit as left:
        status = int(str(left.code))
    assert (status, capsys.readouterr().err) == (2, f"cometary: {problem}\n")
    assert (project / "app.py").read_text() == "mine"
    assert [path.name for path in project.parent.iterdir()] == ["lobby"]


def test_what_cannot_be_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert main(["new", "lobby"]) == 2
    assert capsys.readouterr().err == "cometary: NAME: lobby cannot be written: No such file or directory\n"
