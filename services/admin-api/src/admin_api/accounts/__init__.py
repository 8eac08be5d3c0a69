"""Accounts of those who sign in, and their sessions."""
