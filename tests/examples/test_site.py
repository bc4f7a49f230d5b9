"""The site of the documentation: what a release adds to it. `make docs` builds it, strictly."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from tests.servers import ROOT


@pytest.fixture(scope="module")
def build() -> Any:
    spec = importlib.util.spec_from_file_location("build", ROOT / "docs/site/build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("built", "listed", "newest"),
    [
        (["development"], ["development"], "development"),
        (["0.9.0", "0.10.0", "development"], ["development", "0.10.0", "0.9.0"], "0.10.0"),
        (["1.0.0", "1.1.0rc1"], ["1.1.0rc1", "1.0.0"], "1.0.0"),
        (["1.1.0", "1.1.0rc1", "1.1.0rc10"], ["1.1.0", "1.1.0rc10", "1.1.0rc1"], "1.1.0"),
        (["1.1.0rc10", "1.1.0rc1", "1.1.0"], ["1.1.0", "1.1.0rc10", "1.1.0rc1"], "1.1.0"),
    ],
)
def test_the_newest_version_is_listed_first_and_the_newest_release_is_what_is_shown(
    build: Any, tmp_path: Path, built: list[str], listed: list[str], newest: str
) -> None:
    for version in built:
        (tmp_path / version / "docs").mkdir(parents=True)
        (tmp_path / version / "docs/index.html").touch()
    build.list_versions(tmp_path, "/manual/")
    versions = json.loads((tmp_path / "versions.json").read_text())
    assert [version["name"] for version in versions] == listed
    assert [version["url"] for version in versions if version["preferred"]] == [f"/manual/{newest}/"]
    assert f"url={newest}/docs/index.html" in (tmp_path / "index.html").read_text()
