"""What is pushed, and who may hear it."""

from django.http import HttpRequest

from cometary.contrib.django import authorize, pushes
from todos.models import Todo


@pushes(Todo, to=lambda todo: f"todos/{todo.owner_id}")
def record(todo: Todo) -> dict[str, object]:
    """Push a to-do to its owner, whenever it is saved or deleted."""
    return todo.record()


@authorize("todos/*")
def is_own(request: HttpRequest, path: str) -> bool:
    """Let each user hear their own list."""
    return path == f"todos/{request.user.pk}"
