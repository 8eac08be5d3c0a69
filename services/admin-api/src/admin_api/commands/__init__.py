"""Commands to registry: what administrators change about persons and groups, its trace, its result, its undoing."""
