"""Starts each server on loopback, drives it with swarm, and writes the tables."""
