"""The postmen: SMTP out, paced per carrier."""

NAME = "dispatcher"
"""This service on the bus, and in the boxes that are sealed for it."""
