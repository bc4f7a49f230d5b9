"""The wires: the Trio HTTP/1.1 front end, the codecs, and the endpoints behind them.

`Switchboard` serves connections, `Router` finds the endpoint for a request, and an endpoint
answers an `Exchange`. Nothing in here knows what an application does with its packets.
"""
