"""The SMTP server: sockets, connections, commands; what they mean is asked of the handlers."""
