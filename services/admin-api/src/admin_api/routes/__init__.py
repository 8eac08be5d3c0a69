"""The REST edge: one file a resource, each translating between JSON and plain calls of the handlers."""
