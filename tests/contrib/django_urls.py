"""Its URLs."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import include, path

urlpatterns = [
    path("comet/", include("cometary.contrib.django.urls")),
    path("logout/", LogoutView.as_view(next_page="/")),
]
