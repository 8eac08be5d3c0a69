"""`renrakumo classify`: what the system would make of mails, one JSON object a line."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path

import typer

from mail.mime import charsets
from mail.mime.reading import read
from renrakumo_cli.mail_summary import Known, classify_file

app = typer.Typer()

# These three end a line for some programs, and stand unescaped in JSON otherwise.
_LINE_ENDS = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}

_FILE = typer.Argument(default=None, help="Mails, each a file.")
_FOLDER = typer.Option(None, "--jsonl", exists=True, file_okay=False, help="A folder: every *.eml below it.")
_SENT = typer.Option(
    None, exists=True, dir_okay=False, help="The text that had been sent: a text file, or *.eml, a mail."
)
_CHOICES = typer.Option(
    None, help="The choices that had been offered, separated by commas; or one each time, if one holds a comma."
)


@app.command(name="classify")
def command(
    files: list[Path] | None = _FILE,
    jsonl: Path | None = _FOLDER,
    sent: Path | None = _SENT,
    choices: list[str] | None = _CHOICES,
    envelope_from: str | None = typer.Option(None, help="The envelope sender; default: Return-Path or header From."),
    envelope_to: str | None = typer.Option(None, help="The envelope recipient."),
    dns: str | None = typer.Option(None, help="Look SPF, DKIM, DMARC and ARC up: `system`, or address:port."),
    peer: str = typer.Option("", help="With --dns: the address that handed the mails in."),
    helo: str = typer.Option("", help="With --dns: the name it greeted with."),
) -> None:
    """Show charset, subject, text, answer, choice, whether a machine wrote it, whether it is a bounce, and whether it
    is signed. Needs no server; exit code 0 whatever the mails hold."""
    if not files and jsonl is None:
        typer.echo("renrakumo: name the mails to classify, or a folder with --jsonl", err=True)
        raise typer.Exit(2)
    text, subject = _sent(sent) if sent else (None, None)
    known = Known(
        sent=text,
        sent_subject=subject,
        choices=_offered(choices or []),
        envelope_from=envelope_from,
        envelope_to=envelope_to,
        origin=_lookup(dns, peer, helo) if dns else None,
    )
    for file in _wanted(files or [], jsonl):
        line = json.dumps(classify_file(file, known), ensure_ascii=False).translate(_LINE_ENDS)
        # UTF-8 whatever the locale says.
        sys.stdout.buffer.write(line.encode() + b"\n")
    sys.stdout.buffer.flush()


def _lookup(dns: str, peer: str, helo: str) -> Callable[[bytes, str], dict[str, str | bool]]:
    from renrakumo_cli.origin import Lookup  # what it brings takes a while to load
    from runtime.dns.client import parse_servers

    try:
        servers = () if dns == "system" else parse_servers(dns)
        ip_address(peer or "192.0.2.1")
    except ValueError as error:
        typer.echo(f"renrakumo: --dns or --peer: {error}", err=True)
        raise typer.Exit(2) from None
    return Lookup(servers, peer=peer, helo=helo)


def _wanted(files: Sequence[Path], folder: Path | None) -> Iterator[Path]:
    yield from files
    if folder is not None:
        yield from sorted(file for file in folder.rglob("*.eml") if file.is_file() or not file.exists())


def _offered(given: Sequence[str]) -> tuple[str, ...]:
    """Given once it is a list with commas; given more often each is one choice."""
    parts = given[0].split(",") if len(given) == 1 else given
    return tuple(part.strip() for part in parts if part.strip())


def _sent(file: Path) -> tuple[str, str | None]:
    """The text, and the subject where it is known."""
    raw = file.read_bytes()
    if file.suffix == ".eml":
        parsed = read(raw)
        return parsed.text, parsed.subject
    return charsets.decode(raw.removeprefix(b"\xef\xbb\xbf"))[0].replace("\r\n", "\n"), None
