"""URLs of the project."""

from django.contrib import admin
from django.urls import include, path
from todos import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", views.index),
    path("todos/", views.todos),
    path("todos/<int:pk>/", views.todo),
    path("comet/", include("cometary.contrib.django.urls")),
]
