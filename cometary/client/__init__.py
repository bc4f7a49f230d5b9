"""The client's half of the protocol, without sockets: for chaos, simulations and examples."""
