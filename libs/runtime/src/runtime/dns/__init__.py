"""Questions for DNS, and a cache of what it said."""
