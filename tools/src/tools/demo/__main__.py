"""`make demo`: run the story, show what was promised and what was seen, exit 0 only when every promise was kept.

KEEP=1 leaves everything running to look at, until Ctrl-C.
"""

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from renrakumo_cli.local.paths import LocalError
from tools.demo.report import Report
from tools.demo.setting import DemoSetting
from tools.demo.story import tell

WORDS_WHEN_KEPT = """
Everything is still running (Ctrl-C stops it):
  office (REST)   http://{web}/docs
  info site       http://{info}/higashi/
  mail in         {smtp}
  administrator   {login}   password {password}   TOTP secret {totp_secret}
  state and logs  {state}
"""


async def demo(console: Console, state: Path, *, keep: bool) -> bool:
    report = Report(console)
    report.chapter("Starting servers, services and carriers")
    async with DemoSetting.build(report, state) as town:
        await tell(town)
        report.show()
        if keep:
            stack = town.trial.stack
            console.print(
                WORDS_WHEN_KEPT.format(
                    web=stack.host("RENRAKUMO_WEB_PORT"),
                    info=stack.host("RENRAKUMO_INFO_PORT"),
                    smtp=stack.host("RENRAKUMO_SMTP_PORT"),
                    state=state,
                    **town.trial.accounts["higashi-admin"],
                ),
                markup=False,
            )
            await stack.failed()
    return report.kept


def main() -> int:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    keep = os.environ.get("KEEP", "") not in ("", "0")
    state = Path(tempfile.mkdtemp(prefix="renrakumo-demo-"))
    kept = False
    try:
        kept = asyncio.run(demo(console, state, keep=keep))
    except LocalError as error:
        console.print(f"The demonstration cannot run: {error}", style="red", markup=False)
    except KeyboardInterrupt:
        return 130
    finally:
        if kept or keep:
            shutil.rmtree(state, ignore_errors=True)
        else:
            console.print(f"Logs of what went wrong: {state / 'logs'}", markup=False)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
