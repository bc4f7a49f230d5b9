"""The control interface: what back-ends in any language tell the server by HTTP."""
