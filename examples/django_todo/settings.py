"""Settings of the to-do example: what Django needs, and at the end where the push server is."""

import os
from pathlib import Path

HERE = Path(__file__).parent

DEBUG = True
SECRET_KEY = "an example has no secrets"  # noqa: S105
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "todo.apps.TodoConfig",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
ROOT_URLCONF = "urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("TODO_DATABASE", HERE / "todos.sqlite3"),
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_REDIRECT_URL = "/"
STATIC_URL = "/static/"
STATICFILES_DIRS = [("cometary", HERE.parents[1] / "clients/javascript/src")]

PUSH_ENDPOINT = os.environ.get("PUSH_ENDPOINT", "http://127.0.0.1:8080/comet")  # for browsers
PUSH_CONTROL = os.environ.get("PUSH_CONTROL", "http://127.0.0.1:8081")  # for this back-end alone
PUSH_SECRET = os.environ.get("COMETARY_SECRET")
