"""Real Django and real Flask beside the sessions, in a process as anybody would run it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.servers import RunningServer, running_server

NUMBERS = "".join(f"{number}\n" for number in range(100))


@pytest.fixture(scope="module")
def django() -> Iterator[RunningServer]:
    with running_server("", "--wsgi", "tests.doors.hosting.django_site:application") as server:
        yield server
        server.stop()


@pytest.fixture(scope="module")
def flask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    log = tmp_path_factory.mktemp("flask") / "log"
    with (
        log.open("wb") as file,
        running_server("", "--wsgi", "tests.doors.hosting.flask_site:application", log=file) as server,
    ):
        yield server
        server.stop()
    assert b"ValueError: a view that fails" in log.read_bytes()


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client() as client:
        yield client


def test_django_answers_what_is_not_the_servers_own(django: RunningServer, client: httpx.Client) -> None:
    response = client.get(f"{django.origin}/echo/%C3%A9", params={"a": "1"})
    assert response.json() == {"name": "é", "get": {"a": "1"}, "url": f"{django.origin}/"}
    assert response.headers["x-content-type-options"] == "nosniff"
    assert client.get(f"{django.origin}/nowhere").status_code == 404
    assert "sid" in client.post(django.comet, json={"rid": 1}).json()


def test_django_takes_files_and_gives_them(
    django: RunningServer, client: httpx.Client, tmp_path: Path
) -> None:
    file = tmp_path / "photo.jpg"
    file.write_bytes(b"x" * 200_000)
    with file.open("rb") as opened:
        response = client.post(f"{django.origin}/upload", files={"file": opened})
    assert response.json() == {"name": "photo.jpg", "size": 200_000}
    assert client.get(f"{django.origin}/download").content == b"x" * 300_000
    assert client.head(f"{django.origin}/download").headers["content-length"] == "300000"


def test_django_takes_an_upload_longer_than_the_servers_own_bodies(
    django: RunningServer, client: httpx.Client
) -> None:
    response = client.post(f"{django.origin}/upload", files={"file": ("a.bin", b"x" * 5_000_000)})
    assert response.json() == {"name": "a.bin", "size": 5_000_000}


def test_django_guards_its_own_forms(django: RunningServer, client: httpx.Client) -> None:
    assert client.post(f"{django.origin}/echo/a").status_code == 403


def test_django_streams(django: RunningServer, client: httpx.Client) -> None:
    assert client.get(f"{django.origin}/pieces").text == NUMBERS


def test_django_answers_by_asgi_too(client: httpx.Client) -> None:
    with running_server("", "--asgi", "tests.doors.hosting.django_site:asgi") as server:
        response = client.get(f"{server.origin}/echo/%C3%A9", params={"a": "1"})
        assert response.json() == {"name": "é", "get": {"a": "1"}, "url": f"{server.origin}/"}
        assert client.get(f"{server.origin}/download").content == b"x" * 300_000
        assert client.post(f"{server.origin}/echo/a").status_code == 403
        assert "sid" in client.post(server.comet, json={"rid": 1}).json()
        server.stop()


def test_flask_answers_what_is_not_the_servers_own(flask: RunningServer, client: httpx.Client) -> None:
    response = client.post(f"{flask.origin}/echo/a", json=[1, 2])
    assert response.json() == {"name": "a", "json": [1, 2], "url": f"{flask.origin}/pieces"}
    assert client.get(f"{flask.origin}/pieces").text == NUMBERS
    assert client.get(f"{flask.origin}/fail").status_code == 500
    assert "sid" in client.post(flask.comet, json={"rid": 1}).json()
