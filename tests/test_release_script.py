"""What is released: the tag that is checked out, and nothing of which the changelog is silent."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

from scripts.release import NotReadyError, changes, version_of
from tests.servers import ROOT

CHANGELOG: Final = """# Changelog

## [Unreleased]

## [1.3.0] - 2026-12-01

### Added

- Something.

## [1.2.0]

- Nobody knows since when.

## [1.1.0] - 2026-11-01
"""


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)  # noqa: S607


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of one commit, of what says which version there is."""
    for name in (".gitattributes", ".git_archival.txt", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "Begin")
    return tmp_path


def test_the_changelog_says_what_is_new_in_a_version() -> None:
    assert changes("1.3.0", CHANGELOG) == "### Added\n\n- Something."


@pytest.mark.parametrize("version", ["1.2.0", "1.1.0", "1.0.0", "Unreleased"])
def test_a_version_of_which_it_does_not_is_not_released(version: str) -> None:
    with pytest.raises(NotReadyError):
        changes(version, CHANGELOG)


def test_the_changelog_of_today_has_one_place_for_what_is_to_be_released() -> None:
    sections = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert sections[0] == "[Unreleased]"
    assert [
        each for each in sections[1:] if not re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", each)
    ] == []


def test_only_a_commit_with_a_version_s_tag_and_nothing_besides_is_released(repository: Path) -> None:
    with pytest.raises(NotReadyError, match="one tag"):
        version_of(repository)
    git(repository, "tag", "good")
    git(repository, "tag", "v1.3.0")
    assert version_of(repository) == "1.3.0"
    (repository / "pyproject.toml").write_text("")
    with pytest.raises(NotReadyError, match="not committed"):
        version_of(repository)
