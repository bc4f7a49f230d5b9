"""The gate: who may open a session, and prove that it is theirs; the same for every wire."""
