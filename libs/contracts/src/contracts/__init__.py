"""The language of the bus: subjects, streams, events, requests. Pure data, no I/O."""
