"""`renrakumo classify --dns` looks up where a mail comes from."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from renrakumo_cli.main import app
from simulator.dns_server import DnsServer, Zone
from simulator.signing import key_zone, new_key, signed

KEY = new_key("docomo.ne.jp")
ZONE: Zone = {
    "docomo.ne.jp": {"TXT": ['"v=spf1 mx -all"'], "MX": ["10 mail.docomo.ne.jp."]},
    "mail.docomo.ne.jp": {"A": ["192.0.2.5"]},
    "_dmarc.docomo.ne.jp": {"TXT": ['"v=DMARC1; p=reject"']},
    **key_zone(KEY),
}
RAW = b"From: parent@docomo.ne.jp\r\nTo: r@xx.example\r\nSubject: Re: survey\r\n\r\n2\r\n"


async def shown(tmp_path: Path, raw: bytes, *options: str) -> dict[str, Any]:
    file = tmp_path / "mail.eml"
    file.write_bytes(raw)
    async with DnsServer(ZONE) as dns:
        arguments = ["classify", "--dns", f"127.0.0.1:{dns.port}", *options, str(file)]
        result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)["authentication"]
    return found


async def test_a_signed_mail_is_shown_as_proven(tmp_path: Path) -> None:
    assert await shown(tmp_path, signed(RAW, KEY)) == {
        "spf": "none",
        "dkim": "pass",
        "dmarc": "pass",
        "arc": "none",
        "policy": "reject",
        "sender_proven": True,
    }


@pytest.mark.parametrize(
    "peer, spf, dmarc", [("192.0.2.5", "pass", "pass"), ("203.0.113.9", "fail", "fail")], ids=["his carrier", "another"]
)
async def test_with_the_peer_it_is_told_what_ingress_smtp_would_say(
    tmp_path: Path, peer: str, spf: str, dmarc: str
) -> None:
    found = await shown(tmp_path, RAW, "--peer", peer, "--helo", "h.example", "--envelope-from", "<p@docomo.ne.jp>")
    assert (found["spf"], found["dmarc"]) == (spf, dmarc)


@pytest.mark.parametrize("options", [["--dns", "nobody"], ["--dns", "system", "--peer", "x"]])
def test_what_is_no_address_is_refused(tmp_path: Path, options: list[str]) -> None:
    file = tmp_path / "mail.eml"
    file.write_bytes(RAW)
    assert CliRunner().invoke(app, ["classify", *options, str(file)]).exit_code == 2
