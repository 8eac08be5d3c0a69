"""From a domain to the servers that take its mail: routes that the operator fixed, else MX, kept to by MTA-STS."""
