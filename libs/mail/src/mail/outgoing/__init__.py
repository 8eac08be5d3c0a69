"""The octets of what we send: header lines, bodies, a copy for each recipient, DKIM signatures."""
