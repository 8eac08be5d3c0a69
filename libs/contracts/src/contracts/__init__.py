"""The language of the bus: subjects, streams, events, commands, requests. Pure data, no I/O."""
