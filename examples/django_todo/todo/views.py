"""The pages, the list as JSON, and who may hear what."""

import json

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods, require_POST

from cometary.errors import ConnectorError, UnknownSessionError
from todo.models import Todo
from todo.push import connector, path_of


@login_required
def index(request: HttpRequest) -> HttpResponse:
    """Return the page."""
    page = {"endpoint": settings.PUSH_ENDPOINT, "path": path_of(request.user.pk)}
    return render(request, "todo/index.html", {"page": page})


@login_required
@require_http_methods(["GET", "POST"])
def todos(request: HttpRequest) -> HttpResponse:
    """Return the user's list, or add to it."""
    if request.method == "POST":
        Todo.objects.create(owner=request.user, text=json.loads(request.body)["text"])
        return HttpResponse(status=201)
    mine = Todo.objects.filter(owner=request.user).order_by("pk")
    return JsonResponse({"todos": [todo.record() for todo in mine]})


@login_required
@require_http_methods(["PUT", "DELETE"])
def todo(request: HttpRequest, pk: int) -> HttpResponse:
    """Change or delete one of the user's to-dos."""
    mine = get_object_or_404(Todo, pk=pk, owner=request.user)
    if request.method == "DELETE":
        mine.delete()
    else:
        mine.done = json.loads(request.body)["done"]
        mine.save()
    return HttpResponse(status=204)


@login_required
@require_POST
def connect(request: HttpRequest) -> HttpResponse:
    """Let a push session of this user hear the user's own list, and nothing else."""
    wish = json.loads(request.body)
    if wish["paths"] != [path_of(request.user.pk)]:
        return HttpResponse(status=403)
    try:
        connector().connect(wish["sid"], wish["paths"])
    except UnknownSessionError:
        return HttpResponse(status=404)
    except ConnectorError:
        return HttpResponse(status=503)
    return HttpResponse(status=204)
