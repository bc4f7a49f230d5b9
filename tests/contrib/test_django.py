"""The Django application, in a project of its own, against a stand-in for the control interface."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest

import tests.contrib.django_project  # noqa: F401  # isort: skip  # pyright: ignore[reportUnusedImport] - it has to be there before anything of Django's is imported

from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.core.management.base import SystemCheckError
from django.db import transaction
from django.http import HttpRequest
from django.template import Context, Template
from django.test import Client, RequestFactory, override_settings

from cometary.authentication.signature import read_secret, signed_headers
from cometary.connector import Connector
from cometary.contrib.django import authorize, connector, outbox, pushes, update
from cometary.contrib.django.permissions import RULES
from cometary.contrib.django.signals import BY_TYPE, signed_on
from cometary.contrib.events import TYPES
from tests.connector.stand_in import StandIn, stand_in

__all__ = ["stand_in"]
WEBHOOK_SECRET = "whsec_" + "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4"
WAIT = 10


@pytest.fixture(scope="module")
def database() -> None:
    call_command("migrate", verbosity=0)


@pytest.fixture
def push(database: None, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """The push server, as Django finds it; no rules yet, and everything undone afterwards."""
    monkeypatch.setattr(RULES, "_rules", [])
    stand_in.answers({"updates": 1, "paths": []})
    given = {"URL": stand_in.url, "WEBHOOK_SECRET": WEBHOOK_SECRET}
    with override_settings(COMETARY=given), transaction.atomic():
        yield stand_in
        outbox().close()
        connector().close()
        transaction.set_rollback(True)


@pytest.fixture
def ada(push: StandIn) -> Client:
    client = Client()
    client.force_login(User.objects.create_user("ada"))
    return client


def ask(client: Client, verb: str, body: Any) -> int:
    return int(client.post(f"/comet/{verb}/", body, content_type="application/json").status_code)


def own(request: HttpRequest, path: str) -> bool:
    return path == f"todos/{request.user.pk}"


# -- who may hear what ----------------------------------------------------------------------


def test_a_user_hears_what_a_rule_permits_and_nothing_else(ada: Client, push: StandIn) -> None:
    authorize("todos/*")(own)
    mine = f"todos/{User.objects.get().pk}"
    assert ask(ada, "connect", {"sid": "s", "paths": ["todos/0"]}) == HTTPStatus.FORBIDDEN
    assert ask(ada, "connect", {"sid": "s", "paths": [mine, "news"]}) == HTTPStatus.FORBIDDEN
    assert push.received == []
    assert ask(ada, "connect", {"sid": "s", "paths": [mine]}) == HTTPStatus.NO_CONTENT
    assert json.loads(push.received[0].body) == {"sid": "s", "paths": [mine]}


def test_a_pattern_is_refused_where_a_path_is_wanted(ada: Client, push: StandIn) -> None:
    authorize("**")(lambda request, path: True)
    for wrong in ("todos/*", "**", "", "::connect", "x" * 2000):
        assert ask(ada, "connect", {"sid": "s", "paths": [wrong]}) == HTTPStatus.FORBIDDEN, wrong
    assert push.received == []


def test_who_has_not_logged_in_is_refused_unless_the_rule_is_for_them_as_well(push: StandIn) -> None:
    authorize("todos/*")(lambda request, path: True)
    authorize("news", anonymous=True)(lambda request, path: True)
    assert ask(Client(), "connect", {"sid": "s", "paths": ["todos/1"]}) == HTTPStatus.FORBIDDEN
    assert ask(Client(), "connect", {"sid": "s", "paths": ["news"]}) == HTTPStatus.NO_CONTENT


def test_what_is_not_a_wish_is_a_bad_request(ada: Client) -> None:
    deep = "[" * 100_000
    for wrong in ("", "[]", '{"sid": 1, "paths": ["a"]}', '{"sid": "s", "paths": []}', deep, "x" * 300_000):
        assert ask(ada, "connect", wrong) == HTTPStatus.BAD_REQUEST
        assert ask(ada, "disconnect", wrong) == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize(
    ("condition", "status", "answered"),
    [
        ("unknown-session", 404, HTTPStatus.NOT_FOUND),
        ("too-many-requests", 429, HTTPStatus.SERVICE_UNAVAILABLE),
        ("internal-error", 500, HTTPStatus.SERVICE_UNAVAILABLE),
    ],
)
def test_a_page_learns_whether_to_ask_again(
    ada: Client, push: StandIn, *, condition: str, status: int, answered: HTTPStatus
) -> None:
    authorize("news")(lambda request, path: True)
    push.answers({"error": condition, "detail": ""}, status=status)
    assert ask(ada, "connect", {"sid": "s", "paths": ["news"]}) == answered
    assert ask(ada, "disconnect", {"sid": "s", "paths": ["news"]}) == answered


def test_what_a_form_can_post_is_not_a_wish(ada: Client, push: StandIn) -> None:
    authorize("news")(lambda request, path: True)
    body = json.dumps({"sid": "s", "paths": ["news"]})
    answer = ada.post("/comet/connect/", body, content_type="text/plain")
    assert (answer.status_code, push.received) == (HTTPStatus.BAD_REQUEST, [])


def test_the_csrf_token_is_asked_for(push: StandIn) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert ask(strict, "connect", {"sid": "s", "paths": ["news"]}) == HTTPStatus.FORBIDDEN
    assert push.received == []


def test_who_logs_out_stops_hearing_in_all_windows(ada: Client, push: StandIn) -> None:
    authorize("news")(lambda request, path: True)
    for sid in ("one", "other", "one"):
        ask(ada, "connect", {"sid": sid, "paths": ["news"]})
    ada.post("/logout/")
    kicked = [json.loads(each.body)["sid"] for each in push.received if each.path == "/kick"]
    assert kicked == ["other", "one"]


# -- what is pushed -------------------------------------------------------------------------


def pushed(stand_in: StandIn) -> list[Any]:
    assert outbox().flush(WAIT)
    bodies = [json.loads(each.body) for each in stand_in.received if each.path == "/update"]
    return [update for body in bodies for update in body]


@pytest.fixture(scope="module")
def pushing_groups() -> None:
    pushes(Group, to=lambda group: f"groups/{group.pk}")(lambda group: {"name": group.name})


def test_what_is_saved_and_deleted_is_pushed_after_the_commit(
    database: None, pushing_groups: None, stand_in: StandIn
) -> None:
    stand_in.answers({"updates": 1})
    with override_settings(COMETARY={"URL": stand_in.url}):
        with transaction.atomic():
            group = Group.objects.create(name="editors")
            assert pushed(stand_in) == []
        path = f"groups/{group.pk}"
        assert pushed(stand_in) == [{"path": path, "message": {"name": "editors"}}]
        group.delete()
        assert pushed(stand_in)[1:] == [{"path": path, "message": {"name": "editors", "DELETE": True}}]
        outbox().close()


def test_what_is_rolled_back_is_not_pushed(database: None, pushing_groups: None, stand_in: StandIn) -> None:
    with override_settings(COMETARY={"URL": stand_in.url}):
        with transaction.atomic():
            Group.objects.create(name="nobody")
            update("news", "never")
            transaction.set_rollback(True)
        assert pushed(stand_in) == []


def test_saving_does_not_fail_and_does_not_wait_because_push_is_away(
    database: None, pushing_groups: None, caplog: pytest.LogCaptureFixture
) -> None:
    with override_settings(COMETARY={"URL": "http://127.0.0.1:9"}):  # where nobody listens
        Group.objects.create(name="saved all the same").delete()
        outbox().close()
        assert outbox().given_up == 2


# -- what the push server tells ---------------------------------------------------------------


def test_a_genuine_webhook_is_a_signal_and_any_other_is_refused(push: StandIn) -> None:
    heard: list[dict[str, Any]] = []

    def hear(event: dict[str, Any], **_: Any) -> None:
        heard.append(event)

    signed_on.connect(hear)
    body = json.dumps({"id": "1", "type": "signon", "session": "a"}).encode()
    headers = signed_headers(read_secret(WEBHOOK_SECRET), "1", int(time.time()), body)
    options: Any = {"content_type": "application/json", "headers": headers}
    assert Client().post("/comet/webhook/", body, **options).status_code == HTTPStatus.NO_CONTENT
    assert Client().post("/comet/webhook/", body + b" ", **options).status_code == HTTPStatus.UNAUTHORIZED
    assert heard == [{"id": "1", "type": "signon", "session": "a"}]
    signed_on.disconnect(hear)


def test_each_type_of_event_has_a_signal() -> None:
    assert set(BY_TYPE) == set(TYPES)


# -- pages, settings, the command -------------------------------------------------------------


def test_a_page_is_told_where_to_ask_and_brings_the_script() -> None:
    request = RequestFactory().get("/")
    page = Template("{% load cometary %}{% comet %}").render(Context({"request": request}))
    facts = json.loads(page.partition('type="application/json">')[2].partition("</script>")[0])
    token = facts.pop("csrfToken")
    assert len(token) > 30
    assert facts == {
        "endpoint": "http://127.0.0.1:8080/comet",
        "connectUrl": "/comet/connect/",
        "disconnectUrl": "/comet/disconnect/",
        "csrfHeader": "X-CSRFTOKEN",
    }
    assert 'href="/static/cometary/django.js"' in page


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("http://127.0.0.1:8081", "COMETARY has to be a dict"),
        ({"SECERT": "x"}, "Did you mean 'SECRET'"),
        ({"URL": "127.0.0.1:8081"}, "is not a URL"),
        ({"ENDPOINT": "comet"}, "is not a URL"),
        ({"TIMEOUT": 0}, "more than 0"),
        ({"URL": "http://push.example.org:8081"}, "has no secret"),
        ({"WEBHOOK_SECRET": "secret"}, "begins with whsec_"),
    ],
)
def test_a_wrong_setting_is_said_when_django_starts(given: Any, said: str) -> None:
    with override_settings(COMETARY=given), pytest.raises(SystemCheckError, match=said):
        call_command("check")


def test_a_right_setting_is_not_complained_of() -> None:
    with override_settings(
        COMETARY={"URL": "http://push.example.org:8081", "SECRET": "x", "ENDPOINT": "/comet"}
    ):
        call_command("check", "--fail-level", "WARNING", verbosity=0)


def test_a_project_without_the_urls_is_warned() -> None:
    with (
        override_settings(ROOT_URLCONF="django.contrib.auth.urls", MIDDLEWARE=[]),
        pytest.raises(SystemCheckError, match=r"AuthenticationMiddleware(.|\n)*nowhere to ask"),
    ):
        call_command("check")


def test_a_command_that_cannot_run_says_so_and_fails() -> None:
    with pytest.raises(CommandError):
        call_command("comet", "--", "--port", "no port")


def test_a_process_has_one_connector() -> None:
    assert isinstance(connector(), Connector)
    assert connector() is connector()
