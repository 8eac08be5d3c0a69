"""`renrakumo classify`: what the system would make of mails, one JSON object a line."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer

from mail import charsets
from mail.reading import read
from renrakumo_cli.classification import Known, classify_file

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
    )
    for file in _wanted(files or [], jsonl):
        line = json.dumps(classify_file(file, known), ensure_ascii=False).translate(_LINE_ENDS)
        # UTF-8 whatever the locale says.
        sys.stdout.buffer.write(line.encode() + b"\n")
    sys.stdout.buffer.flush()


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
        letter = read(raw)
        return letter.text, letter.subject
    return charsets.decode(raw.removeprefix(b"\xef\xbb\xbf"))[0].replace("\r\n", "\n"), None
