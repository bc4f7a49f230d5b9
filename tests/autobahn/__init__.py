"""Autobahn's fuzzing client against the WebSockets of the front end: `make autobahn`."""
