"""The mail that everybody sends: what the office is told, and a copy of it as our dispatcher writes one.

The peers send the copy: as many octets, the same long headers. Who has no templates of his own sends the very same
octets to all; that is in his favour.
"""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime
from pathlib import Path

from simulator.crowd import DOMAINS
from simulator.trial import BASE_DOMAIN

UNIT = "minami"
SCHOOL = "みなみ小学校"
SUBJECT = "下校時刻の変更"
TEXT = "本日の下校時刻についてお知らせします。\n\n台風が近づいているため、全学年とも13時に下校します。\n" * 4
SENDER = f"info@{UNIT}.{BASE_DOMAIN}"
_TOKEN = 48
"""Characters of a reply token."""


@dataclass(frozen=True)
class BenchMail:
    """`text` has CRLF line ends."""

    text: bytes

    @property
    def octets(self) -> int:
        return len(self.text)

    def keep(self, folder: Path) -> Path:
        """Write it as a file with the LF line ends that programs read, for every user of this machine to read."""
        path = folder / "mail.eml"
        path.write_bytes(self.text.replace(b"\r\n", b"\n"))
        path.chmod(0o644)
        return path


def sample() -> BenchMail:
    """A copy for one recipient, with all header lines of ours, not signed."""
    token = "a" * _TOKEN
    domain = f"{UNIT}.{BASE_DOMAIN}"
    lines = (
        f"To: <{addresses(1)[0]}>",
        f"Reply-To: <r-{token}@{domain}>",
        f"Message-ID: <r-{token}.1@{domain}>",
        f"List-Unsubscribe: <mailto:r-{token}@{domain}>,",
        f" <http://127.0.0.1:18081/u/{UNIT}/r-{token}>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        f"Subject: {Header(SUBJECT, 'utf-8').encode()}",
        f"From: {Header(SCHOOL, 'utf-8').encode()} <{SENDER}>",
        f"Date: {format_datetime(datetime.now(UTC))}",
        f"List-Id: {Header(SCHOOL, 'utf-8').encode()} <{domain}>",
        f"Feedback-ID: 1:{domain.partition(chr(46))[0]}:ordinary:renrakumo",
        "X-Renrakumo: 1",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: base64",
        "",
        *base64.encodebytes(TEXT.replace("\n", "\r\n").encode()).decode("ascii").splitlines(),
        "",
    )
    return BenchMail("\r\n".join(lines).encode("ascii"))


def addresses(number: int) -> list[str]:
    """So many different ones, at the crowd's carriers in turn."""
    domains = [domain for hosted in DOMAINS.values() for domain in hosted]
    return [f"p{turn:06}.yamada@{domains[turn % len(domains)]}" for turn in range(1, number + 1)]
