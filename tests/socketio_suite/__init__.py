"""The tests of npm's socket.io-client against our server: `make socketio-suite`."""
