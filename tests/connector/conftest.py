"""Fixtures of the connectors' tests."""

from tests.connector.stand_in import stand_in

__all__ = ["stand_in"]
