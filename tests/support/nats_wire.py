"""The NATS protocol by hand: try subjects as a user and hear from the server itself which ones it refuses.

A client library would hide, delay or pre-check refusals. Here each attempt is one line on the wire, and a PING after
them makes the server answer everything before its PONG.
"""

import asyncio
import json
import re
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

_REFUSED = re.compile(r"-ERR 'Permissions Violation for (Publish|Subscription) to \"([^\"]*)\"")
_LOGIN_REFUSED = "-ERR 'Authorization Violation'"


class LoginRefused(Exception):
    """The server does not know this user and password."""


async def refused_publishes(url: str, user: str, password: str, subjects: Iterable[str]) -> set[str]:
    """Which of these subjects may the user not publish to?"""
    return await _refused(url, user, password, [f"PUB {subject} 2\r\n{{}}" for subject in subjects])


async def refused_subscriptions(url: str, user: str, password: str, subjects: Iterable[str]) -> set[str]:
    """Which of these subjects may the user not listen to?"""
    lines = [f"SUB {subject} {number}\r\nUNSUB {number}" for number, subject in enumerate(subjects, 1)]
    return await _refused(url, user, password, lines)


async def _refused(url: str, user: str, password: str, attempts: Sequence[str]) -> set[str]:
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        await reader.readline()  # INFO
        login = json.dumps({"user": user, "pass": password, "verbose": False, "pedantic": False})
        writer.write(f"CONNECT {login}\r\nPING\r\n".encode())
        await _until_pong(reader)
        writer.write("".join(f"{attempt}\r\n" for attempt in attempts).encode() + b"PING\r\n")
        return await _until_pong(reader)
    finally:
        writer.close()


async def _until_pong(reader: asyncio.StreamReader) -> set[str]:
    refused: set[str] = set()
    while (line := (await reader.readline()).decode().strip()) != "PONG":
        if not line or line == _LOGIN_REFUSED:
            raise LoginRefused
        if match := _REFUSED.match(line):
            refused.add(match[2])
    return refused
