"""The voice: composes every automatic mail."""
