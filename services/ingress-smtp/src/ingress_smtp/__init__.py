"""The SMTP server for mail from outside: SMTP in, classify, store on the bus, 250."""
