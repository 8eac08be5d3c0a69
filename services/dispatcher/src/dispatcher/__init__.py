"""The dispatchers: SMTP out, paced per carrier."""

SERVICE = "dispatcher"
"""This service on the bus, and in the boxes that are sealed for it."""
