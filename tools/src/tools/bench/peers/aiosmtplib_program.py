"""The program of aiosmtplib_alone.py: reads what to do as JSON, writes when it began and what it cost as JSON."""

import asyncio
import email
import email.policy
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

from aiosmtplib import SMTP


async def send(told: dict[str, Any]) -> None:
    """Every session takes the next recipient when it is done with the last."""
    message = email.message_from_string(told["mail"], policy=email.policy.SMTP)
    text = message.as_bytes()
    recipients = iter(told["recipients"])
    await asyncio.gather(*(_session(told, text, recipients) for _ in range(told["sessions"])))


async def _session(told: dict[str, Any], text: bytes, recipients: Iterator[str]) -> None:
    client = SMTP(hostname=told["host"], port=told["port"], start_tls=False, use_tls=False)
    async with client:
        for recipient in recipients:
            await client.sendmail(told["sender"], [recipient], text)


def main() -> None:
    told = json.load(sys.stdin)
    began, cpu = time.perf_counter(), time.process_time()
    asyncio.run(send(told))
    print(json.dumps({"began": began, "cpu": time.process_time() - cpu}))


if __name__ == "__main__":
    main()
