"""The SMTP client: connections with next hops, the copies that go over them, and what servers reply."""
