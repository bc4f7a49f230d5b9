"""Paths, the patterns over them, and the table that says who gets what."""
