"""`renrakumo classify`: what the system would make of mails, one JSON object a line."""

import json
from collections.abc import Iterator
from pathlib import Path

import typer

from mail.reading import read
from renrakumo_cli.classification import classify

app = typer.Typer()

_FILE = typer.Argument(default=None, exists=True, dir_okay=False, help="Mails, each a file.")
_FOLDER = typer.Option(None, "--jsonl", exists=True, file_okay=False, help="A folder: every *.eml below it.")
_SENT = typer.Option(None, exists=True, dir_okay=False, help="The text that had been sent, as text or as a mail.")


@app.command(name="classify")
def command(
    files: list[Path] | None = _FILE,
    jsonl: Path | None = _FOLDER,
    sent: Path | None = _SENT,
    choices: str = typer.Option("", help="The choices that had been offered, separated by commas."),
    envelope_from: str | None = typer.Option(None, help="The envelope sender; default: the header From."),
    envelope_to: str | None = typer.Option(None, help="The envelope recipient; shown with the result."),
) -> None:
    """Show charset, subject, text, answer, choice, whether a machine wrote it, and whether it is a bounce."""
    offered = tuple(part.strip() for part in choices.split(",") if part.strip())
    text = _sent_text(sent) if sent else None
    for file in _wanted(files or [], jsonl):
        result = classify(file, sent=text, choices=offered, envelope_from=envelope_from)
        if envelope_to is not None:
            result["envelope_to"] = envelope_to
        typer.echo(json.dumps(result, ensure_ascii=False))


def _wanted(files: list[Path], folder: Path | None) -> Iterator[Path]:
    if not files and folder is None:
        typer.echo("renrakumo: name the mails to classify, or a folder with --jsonl", err=True)
        raise typer.Exit(2)
    yield from files
    if folder is not None:
        yield from sorted(folder.rglob("*.eml"))


def _sent_text(file: Path) -> str:
    raw = file.read_bytes()
    if file.suffix == ".eml":
        return read(raw).text
    return raw.decode("utf-8", "replace")
