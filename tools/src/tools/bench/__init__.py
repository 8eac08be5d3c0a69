"""Benchmarks: how fast, and at what cost, on the machine they run on."""
