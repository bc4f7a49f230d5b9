"""What a delivery takes: instructions and system calls, layer by layer; and the guard against its taking more."""
