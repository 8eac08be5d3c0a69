"""Messages of the bus that a service gave up: seen with their reason, retried or dropped by the operator."""
