"""What is released: the tag that is checked out, and nothing of which the changelog is silent."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

from scripts.release import SECTION, TAG, NotReadyError, changes, version_of
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
    assert odd_sections((ROOT / "CHANGELOG.md").read_text()) == []


def test_a_release_and_a_candidate_for_one_have_their_sections_with_a_date() -> None:
    good = "## [Unreleased]\n## [1.3.0] - 2026-12-01\n## [1.3.0rc1] - 2026-11-01\n"
    assert odd_sections(good) == []
    assert odd_sections(f"{good}## [1.2] - 2026-10-01\n## [1.1.0]\n") == [
        "## [1.2] - 2026-10-01",
        "## [1.1.0]",
    ]


def odd_sections(changelog: str) -> list[str]:
    """Return the headings of sections that are not what is to be released, or was on a day."""
    first, *others = re.findall(r"^## .*$", changelog, re.MULTILINE)
    assert first == "## [Unreleased]"
    return [each for each in others if not is_of_a_release(each)]


def is_of_a_release(heading: str) -> bool:
    found = SECTION.fullmatch(heading)
    return (
        found is not None and found["date"] is not None and TAG.fullmatch(f"v{found['version']}") is not None
    )


def test_only_a_commit_with_a_version_s_tag_and_nothing_besides_is_released(repository: Path) -> None:
    with pytest.raises(NotReadyError, match="one tag"):
        version_of(repository)
    git(repository, "tag", "good")
    git(repository, "tag", "v1.3.0")
    assert version_of(repository) == "1.3.0"
    (repository / "new.py").touch()
    with pytest.raises(NotReadyError, match="not committed"):
        version_of(repository)
    (repository / "new.py").unlink()
    (repository / "pyproject.toml").write_text("")
    with pytest.raises(NotReadyError, match="not committed"):
        version_of(repository)
