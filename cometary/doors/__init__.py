"""Doors: the other ways in, for back-ends; one package a door."""
