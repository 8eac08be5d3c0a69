"""The front door: SMTP in, classify, store on the bus, 250."""
