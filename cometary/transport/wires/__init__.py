"""Wires: what carries sessions, one package a wire."""
