"""The audit log is read and checked. Every change writes it, by `kernel.audit`."""
