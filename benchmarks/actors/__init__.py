"""Actors on several runtimes: messages, asking, starting and stopping, memory, restarts."""
