"""The same ring on each runtime; each is a program that prints one JSON object."""
