"""The local stack: embedded servers, child processes and ports, and what holds them together on one machine."""
