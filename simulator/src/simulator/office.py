"""A teacher at the office's screen: the REST API as the web front end uses it, and the operator's command line."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Self

import httpx
import pyotp

RENRAKUMO = Path(sys.executable).parent / "renrakumo"


async def command(environment: dict[str, str], *arguments: str) -> dict[str, Any]:
    """Run `renrakumo ... --json` and give its answer; RuntimeError with its words when it fails."""
    process = await asyncio.create_subprocess_exec(
        str(RENRAKUMO),
        *arguments,
        "--json",
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"renrakumo {arguments[0]} {arguments[1]} failed: {err.decode()[-2000:]}")
    answer: dict[str, Any] = json.loads(out)
    return answer


class Office:
    """A signed-in account. All answers ever given are kept as text in `said`, to look for addresses in."""

    def __init__(self, base_url: str) -> None:
        self._client = httpx.AsyncClient(base_url=base_url, timeout=30)
        self.said: list[str] = []

    async def sign_in(self, login: str, password: str, totp_secret: str) -> Self:
        """Password and one-time password. A code is good for one sign-in, so each account signs in once."""
        code = pyotp.TOTP(totp_secret).now()
        answer = await self._client.post("/v1/session", json={"login": login, "password": password, "totp": code})
        answer.raise_for_status()
        self._client.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        return self

    async def get(self, path: str, **parameters: str | int) -> Any:
        return self._kept(await self._client.get(path, params=parameters))

    async def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return self._kept(await self._client.post(path, json=body or {}))

    async def delete(self, path: str, **parameters: str | int) -> Any:
        return self._kept(await self._client.delete(path, params=parameters))

    async def all_of(self, path: str, **parameters: str | int) -> list[dict[str, Any]]:
        """Every page of a list."""
        items: list[dict[str, Any]] = []
        after: str | int | None = None
        while True:
            page = await self.get(path, **parameters, **({"after": after} if after else {}))
            items += page["items"]
            after = page.get("next")
            if not after:
                return items

    async def close(self) -> None:
        await self._client.aclose()

    def _kept(self, answer: httpx.Response) -> Any:
        self.said.append(answer.text)
        if answer.is_error:
            raise RuntimeError(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None
