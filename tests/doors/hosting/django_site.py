"""A site in Django, in one file: by WSGI and by ASGI."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpRequest, JsonResponse, StreamingHttpResponse
from django.urls import path

settings.configure(
    DEBUG=False,
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="a test has no secrets",
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ],
    DATA_UPLOAD_MAX_MEMORY_SIZE=None,
)


def echo(request: HttpRequest, name: str) -> JsonResponse:
    """Tell what was sent."""
    return JsonResponse({"name": name, "get": request.GET.dict(), "url": request.build_absolute_uri("/")})


def upload(request: HttpRequest) -> JsonResponse:
    """Tell how long a file is."""
    file: Any = request.FILES["file"]
    return JsonResponse({"name": file.name, "size": file.size})


upload.csrf_exempt = True  # type: ignore[attr-defined]


def pieces(_: HttpRequest) -> StreamingHttpResponse:
    """Answer bit by bit."""
    return StreamingHttpResponse((f"{number}\n" for number in range(100)), content_type="text/plain")


def download(_: HttpRequest) -> FileResponse:
    """Answer with a file."""
    return FileResponse(BytesIO(b"x" * 300_000), filename="x.bin")


urlpatterns = [
    path("echo/<name>", echo),
    path("upload", upload),
    path("pieces", pieces),
    path("download", download),
]
application = get_wsgi_application()
asgi = get_asgi_application()
