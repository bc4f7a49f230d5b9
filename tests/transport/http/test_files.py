"""Which files can be asked for over HTTP, and what nobody can ask for."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from urllib.parse import quote

import pytest

from cometary.app import App
from cometary.errors import UsageError
from cometary.transport.http.files import FileTable
from cometary.transport.http.router import Router
from tests.protocol.client import serving as world_serving
from tests.transport.wire import get, post, serving

SECRET = b"outside of the directory"
MODIFIED = 1_700_000_000
BEFORE, AFTER = b"Tue, 14 Nov 2023 22:13:19 GMT", b"Tue, 14 Nov 2023 22:13:20 GMT"

ORDINARY = [
    *(
        "icon@2x.png",
        "a+b.js",
        "chunk(1).js",
        "[id].js",
        "a,b.css",
        "a=b.css",
        "it's.txt",
        "a;b.txt",
        "a&b.txt",
    ),
    *(
        "$x.js",
        "wow!.txt",
        "a:b.txt",
        "~a.txt",
        "100%.txt",
        "%41.txt",
        "a*b.txt",
        "a b.txt",
        "ü.txt",
        "日本.txt",
    ),
    *("a#b.txt", "a?b.txt", 'a"b.txt', "a|b.txt", "{a}.txt", "a^b.txt", "a`b.txt", "a\\b.txt", "<a>.txt"),
]


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
    for name in ORDINARY:
        (public / name).write_bytes(name.encode())
    (public / "inside.txt").symlink_to("LICENSE")
    (public / "outside.txt").symlink_to(tmp_path / "secret.txt")
    (public / "up").symlink_to(tmp_path)
    (public / "broken").symlink_to("nowhere")
    os.utime(public / "LICENSE", (MODIFIED, MODIFIED))
    files = FileTable()
    files.add("/site/", public)
    return Router(files)


@pytest.mark.parametrize(
    ("path", "body", "content_type"),
    [
        (b"/site/", b"<!doctype html>", "text/html; charset=utf-8"),
        (b"/site/index.html", b"<!doctype html>", "text/html; charset=utf-8"),
        (b"/site/js/main.js?version=2", b"export {};", "text/javascript; charset=utf-8"),
        (b"/site/a%20picture.svg", b"<svg/>", "image/svg+xml"),
        (b"/site/LICENSE", b"MIT", "application/octet-stream"),
        (b"/site/inside.txt", b"MIT", "text/plain; charset=utf-8"),
        (b"/%73ite/js/main.js", b"export {};", "text/javascript; charset=utf-8"),
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
        b"/site/outside.txt",
        b"/site/up/secret.txt",
        b"/site/broken",
        b"/site/js%2fmain.js",
        b"/site/%ff",
        b"/site/%",
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


def escaped_as_urls_are(name: str) -> str:
    """As browsers do in a path (the URL standard, "path percent-encode set"): only what they must."""
    return quote(name, safe="!$&'()*+,-./:;=@[]_~|\\^")


@pytest.mark.parametrize("name", ORDINARY)
async def test_ordinary_names_are_found_however_they_are_escaped(site: Router, name: str) -> None:
    everything = "".join(f"%{byte:02x}" for byte in name.encode())
    async with serving(site) as server:
        client = await server.connect()
        for spelt in (escaped_as_urls_are(name), quote(name, safe=""), everything):
            response = await client.ask(get(b"/site/" + spelt.encode()))
            assert (response.status, response.body) == (200, name.encode())


def test_what_leads_out_of_the_directory_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "public").mkdir()
    (tmp_path / "public/passwd").symlink_to("/etc/passwd")
    with caplog.at_level(logging.WARNING, "cometary.transport"):
        FileTable().add("/", tmp_path / "public")
    assert "leads out of" in caplog.text


async def test_links_are_followed_if_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    (tmp_path / "a.txt").write_bytes(b"a")
    (tmp_path / "public/a.txt").symlink_to(tmp_path / "a.txt")
    files = FileTable()
    files.add("/", tmp_path / "public", follow_links=True)
    async with serving(files) as server:
        assert (await (await server.connect()).ask(get(b"/a.txt"))).body == b"a"


async def test_a_directory_may_be_a_link_itself(tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    (tmp_path / "public/a.txt").write_bytes(b"a")
    (tmp_path / "link").symlink_to("public")
    files = FileTable()
    files.add("/", tmp_path / "link")
    async with serving(files) as server:
        assert (await (await server.connect()).ask(get(b"/a.txt"))).body == b"a"


async def test_browsers_may_keep_a_file_and_ask_whether_it_is_the_same(site: Router) -> None:
    async with serving(site) as server:
        client = await server.connect()
        first = await client.ask(get(b"/site/LICENSE"))
        assert first.headers["cache-control"] == "no-cache"
        assert first.headers["last-modified"] == AFTER.decode().lower()
        tag = first.headers["etag"].encode()
        for known in (
            b"If-None-Match: " + tag,
            b"If-None-Match: W/" + tag,
            b'If-None-Match: "other", ' + tag,
            b"If-None-Match: *",
            b"If-Modified-Since: " + AFTER,
        ):
            response = await client.ask(get(b"/site/LICENSE", known))
            assert (response.status, response.body) == (304, b"")
            assert response.headers["etag"] == first.headers["etag"]
            assert "content-length" not in response.headers
        for other in (
            b'If-None-Match: "other"',
            b'If-None-Match: "other"\r\nIf-Modified-Since: ' + AFTER,
            b"If-Modified-Since: " + BEFORE,
            b"If-Modified-Since: yesterday",
            b"If-Modified-Since: Tue, 14 Nov 99999 22:13:20 GMT",
        ):
            response = await client.ask(get(b"/site/LICENSE", other))
            assert (response.status, response.body) == (200, b"MIT")


@pytest.mark.parametrize(
    ("asked", "status", "which", "body"),
    [
        (b"bytes=0-3", 206, "bytes 0-3/10", b"0123"),
        (b"bytes=8-", 206, "bytes 8-9/10", b"89"),
        (b"bytes=8-99", 206, "bytes 8-9/10", b"89"),
        (b"bytes=-3", 206, "bytes 7-9/10", b"789"),
        (b"bytes=-99", 206, "bytes 0-9/10", b"0123456789"),
        (b"bytes=10-", 416, "bytes */10", b""),
        (b"bytes=-0", 416, "bytes */10", b""),
        (b"bytes=5-3", 200, "", b"0123456789"),
        (b"bytes=0-1,5-6", 200, "", b"0123456789"),
        (b"bytes=-", 200, "", b"0123456789"),
        (b"lines=0-3", 200, "", b"0123456789"),
    ],
)
async def test_a_part_of_a_file_may_be_asked_for(
    tmp_path: Path, asked: bytes, status: int, which: str, body: bytes
) -> None:
    (tmp_path / "a.txt").write_bytes(b"0123456789")
    table = FileTable()
    table.add("/", tmp_path)
    async with serving(table) as server:
        client = await server.connect()
        response = await client.ask(get(b"/a.txt", b"Range: " + asked))
        assert (response.status, response.headers.get("content-range", ""), response.body) == (
            status,
            which,
            body,
        )
        assert response.headers["accept-ranges"] == "bytes"
        tag = response.headers["etag"].encode()
        parts = [
            await client.ask(get(b"/a.txt", b"Range: bytes=0-0", b"If-Range: " + version))
            for version in (tag, b'"another"')
        ]
        assert [part.status for part in parts] == [206, 200]


async def test_another_file_has_another_tag(tmp_path: Path) -> None:
    tags: set[str] = set()
    for body in (b"old", b"new"):
        (tmp_path / "a").write_bytes(body)
        files = FileTable()
        files.add("/", tmp_path)
        async with serving(files) as server:
            tags.add((await (await server.connect()).ask(get(b"/a"))).headers["etag"])
    assert len(tags) == 2


async def test_a_file_is_only_read(site: Router) -> None:
    async with serving(site) as server:
        response = await (await server.connect()).ask(post(path=b"/site/LICENSE"))
    assert (response.status, response.headers["allow"]) == (405, "get, head")


async def test_what_is_no_file_is_not_kept(site: Router) -> None:
    async with serving(site) as server:
        response = await (await server.connect()).ask(get(b"/site/missing"))
    assert (response.status, response.headers["cache-control"]) == (404, "no-store")


async def test_a_page_of_any_origin_is_given_files_but_no_permission_to_read_them(tmp_path: Path) -> None:
    """Fonts and module scripts are asked for with an Origin, and a proxy may have changed the Host."""
    (tmp_path / "main.js").write_bytes(b"export {};")
    app = App()
    app.files("/", tmp_path)
    async with world_serving(app) as world:
        connection = await world.connect()
        answer = await connection.wire.ask(get(b"/main.js", b"Origin: https://www.example.org"))
        assert answer.status == 200
        assert "access-control-allow-origin" not in answer.headers
        refused = await connection.ask({"rid": 1}, b"Origin: https://www.example.org")
        assert refused.error == (403, "forbidden")


def test_a_directory_that_is_not_there_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        FileTable().add("/", tmp_path / "missing")
