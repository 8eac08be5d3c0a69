"""Ask a health port how things are, without a HTTP library."""

import asyncio

from renrakumo_cli.local.services import LOCAL_HOST

_LARGEST_ANSWER = 65_536


async def ask(port: int, path: str, *, host: str = LOCAL_HOST, timeout: float = 3.0) -> tuple[int, str]:
    """HTTP status and body of GET `path`; status 0 when nobody answers there in time."""
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                answer = (await reader.read(_LARGEST_ANSWER)).decode(errors="replace")
                while more := await reader.read(_LARGEST_ANSWER):
                    answer += more.decode(errors="replace")
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return 0, ""
    head, _, body = answer.partition("\r\n\r\n")
    words = head.split(maxsplit=2)
    return (int(words[1]), body) if len(words) > 1 and words[1].isdigit() else (0, "")
