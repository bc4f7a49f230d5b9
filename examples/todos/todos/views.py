"""The page, and the list as JSON. Nothing here knows of the push server either."""

import json

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render

from todos.models import Todo


@login_required
def index(request: HttpRequest) -> HttpResponse:
    """Return the page."""
    return render(request, "todos/index.html")


@login_required
def todos(request: HttpRequest) -> HttpResponse:
    """Return the user's list, or add to it."""
    if request.method == "POST":
        Todo.objects.create(owner=request.user, text=json.loads(request.body)["text"])
        return HttpResponse(status=201)
    mine = Todo.objects.filter(owner=request.user).order_by("pk")
    return JsonResponse({"todos": [todo.record() for todo in mine]})


@login_required
def todo(request: HttpRequest, pk: int) -> HttpResponse:
    """Change or delete one of the user's to-dos."""
    mine = get_object_or_404(Todo, pk=pk, owner=request.user)
    if request.method == "DELETE":
        mine.delete()
    else:
        change = json.loads(request.body)
        mine.text = change.get("text", mine.text)
        mine.done = change.get("done", mine.done)
        mine.save()
    return HttpResponse(status=204)
