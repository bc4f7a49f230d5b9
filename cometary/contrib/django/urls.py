"""URLs for pages and for the push server: `path("comet/", include("cometary.contrib.django.urls"))`."""

from django.urls import path

from cometary.contrib.django import views

app_name = "cometary"
urlpatterns = [
    path("connect/", views.connect, name="connect"),
    path("disconnect/", views.disconnect, name="disconnect"),
    path("webhook/", views.webhook, name="webhook"),
]
