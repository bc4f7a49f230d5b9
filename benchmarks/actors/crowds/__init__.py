"""The same tasks for many actors on each runtime; each program does one and prints one JSON object."""
