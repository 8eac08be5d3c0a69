"""All SQL of registry, a file for each idea. Every function works within the caller's transaction."""
