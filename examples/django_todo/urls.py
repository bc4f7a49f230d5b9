"""URLs of the to-do example."""

from django.contrib.auth.views import LoginView
from django.urls import path
from todo import views

urlpatterns = [
    path("", views.index),
    path("todos/", views.todos),
    path("todos/<int:pk>/", views.todo),
    path("connect/", views.connect),
    path("accounts/login/", LoginView.as_view()),
]
