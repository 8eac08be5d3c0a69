"""Persons, their addresses and groups: the only service that knows them."""
