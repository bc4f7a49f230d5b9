"""Which files can be asked for over HTTP, and what nobody can ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from cometary.errors import UsageError
from cometary.transport.files import file_endpoints
from cometary.transport.router import Router
from tests.transport.wire import get, serving

SECRET = b"outside of the directory"


@pytest.fixture
def site(tmp_path: Path) -> Router:
    """The directory `public`, served below `/site/`; the file `secret.txt` lies beside it."""
    (tmp_path / "secret.txt").write_bytes(SECRET)
    public = tmp_path / "public"
    (public / "js").mkdir(parents=True)
    (public / ".git").mkdir()
    (public / ".git/config").write_bytes(SECRET)
    (public / ".htpasswd").write_bytes(SECRET)
    (public / "index.html").write_bytes(b"<!doctype html>")
    (public / "js/main.js").write_bytes(b"export {};")
    (public / "a picture.svg").write_bytes(b"<svg/>")
    (public / "LICENSE").write_bytes(b"MIT")
    router = Router()
    for path, endpoint in file_endpoints("/site/", public).items():
        router.add("GET", path, endpoint)
    return router


@pytest.mark.parametrize(
    ("path", "body", "content_type"),
    [
        (b"/site/", b"<!doctype html>", "text/html; charset=utf-8"),
        (b"/site/index.html", b"<!doctype html>", "text/html; charset=utf-8"),
        (b"/site/js/main.js?version=2", b"export {};", "text/javascript; charset=utf-8"),
        (b"/site/a%20picture.svg", b"<svg/>", "image/svg+xml"),
        (b"/site/LICENSE", b"MIT", "application/octet-stream"),
    ],
)
async def test_a_file_is_served_as_what_it_is(
    site: Router, path: bytes, body: bytes, content_type: str
) -> None:
    async with serving(site) as server:
        response = await (await server.connect()).ask(get(path))
    assert (response.status, response.body) == (200, body)
    assert response.headers["content-type"] == content_type
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        b"/site/../secret.txt",
        b"/site/js/../../secret.txt",
        b"/site/%2e%2e/secret.txt",
        b"/site/..%2fsecret.txt",
        b"/site//secret.txt",
        b"/site/.htpasswd",
        b"/site/.git/config",
        b"/site/js",
        b"/site/js/",
        b"/site",
    ],
)
async def test_nothing_else_is_there(site: Router, path: bytes) -> None:
    async with serving(site) as server:
        response = await (await server.connect()).ask(get(path))
    assert response.status == 404
    assert SECRET not in response.body


def test_a_directory_that_is_not_there_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        file_endpoints("/", tmp_path / "missing")
