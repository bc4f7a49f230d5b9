"""A ring of actors: messages a second, memory, and the cost of starting and stopping one."""
