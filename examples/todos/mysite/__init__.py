"""The project of docs/tutorial/django.md."""
