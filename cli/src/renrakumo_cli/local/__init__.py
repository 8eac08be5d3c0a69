"""The whole house on one machine: embedded servers, child processes, ports and the stack that holds them together."""
