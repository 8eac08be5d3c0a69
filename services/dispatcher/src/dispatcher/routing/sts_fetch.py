"""Fetches MTA-STS policies: one HTTPS request to a web server that the recipient's domain names (RFC 8461 3.3).

The server is a stranger's: its addresses come from our DNS and must be public ones, its certificate must be valid for
the name, redirects are not followed, and size and time are bounded.
"""

import asyncio
import random
import ssl
from collections.abc import Awaitable, Callable

import httpx

from dispatcher.routing.mta_sts import PolicyUnavailable, StsPolicy, read_policy
from dispatcher.routing.mx import Addresses, DnsTrouble

HTTPS_PORT = 443
MOST_OCTETS = 64 * 1024
_SECONDS_FOR_A_STEP = 5.0
_MOST_ADDRESSES = 4
_AT_ONCE = 20


class PolicyFetcher:
    """`addresses` gives those of a host's addresses that may be used (MxLookup.addresses)."""

    def __init__(
        self,
        addresses: Callable[[str], Awaitable[Addresses]],
        *,
        trust: ssl.SSLContext | None = None,
        port: int = HTTPS_PORT,
        seconds: float = 20.0,
    ) -> None:
        self._addresses = addresses
        self._trust = trust or ssl.create_default_context()
        self._port = port
        self._seconds = seconds
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def __call__(self, domain: str) -> StsPolicy:
        """The domain's policy. Raises PolicyUnavailable or PolicyError."""
        host = f"mta-sts.{domain}"
        try:
            async with self._room, asyncio.timeout(self._seconds):
                addresses = (await self._addresses(host)).in_order(_MOST_ADDRESSES, random.random)
                if not addresses:
                    raise PolicyUnavailable("web server has no usable address")
                return read_policy(await self._get_from_any(host, addresses))
        except DnsTrouble as trouble:
            raise PolicyUnavailable(str(trouble)) from None
        except TimeoutError:
            raise PolicyUnavailable("web server too slow") from None

    async def _get_from_any(self, host: str, addresses: tuple[str, ...]) -> str:
        limits = httpx.Timeout(_SECONDS_FOR_A_STEP)
        async with httpx.AsyncClient(
            verify=self._trust, trust_env=False, follow_redirects=False, timeout=limits
        ) as client:
            for address in addresses:
                try:
                    return await self._get(client, host, address)
                except (httpx.ConnectError, httpx.ConnectTimeout):
                    continue  # without a valid certificate, too
                except (httpx.HTTPError, httpx.InvalidURL, ValueError):
                    # Without "from": the texts name the server.
                    raise PolicyUnavailable("web server gives no policy") from None
        raise PolicyUnavailable("no trusted connection to the web server")

    async def _get(self, client: httpx.AsyncClient, host: str, address: str) -> str:
        place = f"[{address}]" if ":" in address else address
        async with client.stream(
            "GET",
            f"https://{place}:{self._port}/.well-known/mta-sts.txt",
            headers={"Host": host, "Accept-Encoding": "identity", "User-Agent": "Renrakumo"},
            extensions={"sni_hostname": host},  # also the name that the certificate must be valid for
        ) as response:
            if response.status_code != httpx.codes.OK:
                raise PolicyUnavailable("web server has no policy")
            if response.headers.get("content-type", "").partition(";")[0].strip().lower() != "text/plain":
                raise PolicyUnavailable("policy is not plain text")
            body = b""
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > MOST_OCTETS:
                    raise PolicyUnavailable("policy too large")
        return body.decode("utf-8", "replace")
