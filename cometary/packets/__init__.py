"""Packets: what travels, the paths it travels by, and what becomes of it."""
