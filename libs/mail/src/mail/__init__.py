"""Reading and writing mail: pure functions, no I/O."""
