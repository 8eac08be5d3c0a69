"""Tools for development: the demo, benchmarks beside peers, soak runs, the rush, and hostile mail."""
