"""Composes every automatic mail."""
