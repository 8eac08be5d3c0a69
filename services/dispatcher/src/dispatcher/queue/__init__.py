"""Copies that wait, by carrier, next hop and lane, and the workers that carry them over SMTP connections."""
