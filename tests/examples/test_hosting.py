"""The example of a site beside the sessions."""

from __future__ import annotations

import httpx

from tests.servers import running_server


def test_files_and_a_site_are_served_beside_the_sessions() -> None:
    with (
        running_server("examples/hosting.py:app", "--wsgi", "examples.hosting:site") as server,
        httpx.Client(base_url=server.origin) as client,
    ):
        assert client.get("/anything").text == "This is /anything.\n"
        file = client.get("/static/app.py")
        assert "import" in file.text
        known = client.get("/static/app.py", headers={"If-None-Match": file.headers["etag"]})
        assert known.status_code == 304
        assert "sid" in client.post("/comet", json={"rid": 1}).json()
