"""What every service needs to live, and nothing about any of them.

settings -> logs -> lifecycle is the way a process starts; bus and consumer are how it talks; database and outbox/inbox
are how its effects happen once; sealing and ciphers keep personal data unreadable on the way and at rest.
"""
