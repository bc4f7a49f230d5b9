"""What web frameworks need of a push server: Django, Flask, FastAPI, each in the package of its name.

What they have in common is here: who may hear what (`rules`), how a page's wish is answered (`wishes`), what a process
talks to the push server with (`line`), and how webhooks are taken (`events`).
"""
