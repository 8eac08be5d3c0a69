"""`renrakumo dkim`: the keys that sign mail (DKIM), and the DNS records that let others check the signatures."""

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from typing import NoReturn

import typer

from mail.outgoing.dkim_keys import ALGORITHMS, EACH_UNIT, DkimKey, DkimKeyError, DkimKeys, character_strings
from renrakumo_cli import context, signing_keys
from renrakumo_cli.local.paths import LocalError
from renrakumo_cli.secret_store import DKIM_HOLDER, SecretsMissing, SecretStore
from renrakumo_cli.signing_keys import SigningError

app = typer.Typer(help="Signatures on mail (DKIM): keys and their DNS records.", no_args_is_help=True)

_DOMAIN = typer.Option(
    None, "--domain", help="The d= of the signature: default the base domain; * for each unit's own."
)
_UNIT = typer.Option(None, "--unit", help="Show a key that is each unit's own (*) as this unit's.")


@app.command()
def generate(
    domain: str | None = _DOMAIN,
    algorithm: str = typer.Option("rsa", help=f"One of: {', '.join(ALGORITHMS)}"),
    days: int = typer.Option(0, min=0, help="Begin to sign in so many days (0: with the dispatcher's next start)."),
) -> None:
    """Make a domain's first key of an algorithm and show the record to publish."""
    if algorithm not in ALGORITHMS:
        _fail(f"{algorithm} is none of {', '.join(ALGORITHMS)}", 2)
    now = _now()
    store, keys = _held()
    since = now + timedelta(days=days) if days else None
    try:
        new = signing_keys.generate(keys, domain or _base_domain(), algorithm, since, now)
        _keep(store, [*keys, new])
    except (SigningError, DkimKeyError) as error:
        _fail(str(error))
    _show_new([new])


@app.command()
def rotate(
    domain: str | None = _DOMAIN,
    days: int = typer.Option(2, min=0, help="The new key begins to sign in so many days: time for the DNS."),
) -> None:
    """Make a successor for each key of a domain. The older one goes on until then, and stays published after."""
    now = _now()
    store, keys = _held()
    try:
        new = signing_keys.rotate(keys, domain or _base_domain(), now + timedelta(days=days), now)
        _keep(store, [*keys, *new])
    except SigningError as error:
        _fail(str(error))
    _show_new(new)


@app.command()
def records(unit: str | None = _UNIT, as_json: bool = typer.Option(False, "--json", help="For a program.")) -> None:
    """Print the TXT record of every key as it stands in a zone file, and what the key does just now."""
    now = _now()
    _, keys = _held()
    standings = signing_keys.standings(keys, now)
    if as_json:
        typer.echo(json.dumps([_as_json(one, unit, now) for one in standings], indent=2))
        return
    for one in standings:
        typer.echo(f"; {one.key.domain}, {one.key.algorithm}: {one.words(now)}\n{_zone_line(one.key, unit)}\n")
    if not standings:
        typer.echo("; no keys: mail goes out unsigned. `renrakumo dkim generate` makes one.")


@app.command()
def check(unit: str | None = _UNIT) -> None:
    """Ask the DNS for the record of every key; exit code 1 when one is missing or wrong."""
    _, keys = _held()
    named = _unit_domain(unit) if unit else None
    found = asyncio.run(signing_keys.published(list(keys), signing_keys.SystemTxtLookup(), unit_domain=named))
    for one in found:
        typer.echo(f"{'ok  ' if one.well else 'BAD '} {one.name}  {one.words}")
    if len(found) < len(keys):
        typer.echo("A key for * is looked up with --unit CODE, for one unit at a time.")
    if not found:
        typer.echo("nothing to look up")
    if not all(one.well for one in found):
        raise typer.Exit(1)


@app.command()
def retire(
    selector: str = typer.Argument(help="Of the key to remove."),
    domain: str | None = _DOMAIN,
    force: bool = typer.Option(False, "--force", help="Even if it signs or mails that it signed may still be checked."),
) -> None:
    """Remove a key that signs no more. Its DNS record may go as well."""
    store, keys = _held()
    try:
        left = signing_keys.without(keys, domain or _base_domain(), selector, _now(), force=force)
    except SigningError as error:
        _fail(str(error))
    store.keep_dkim_keys(left)
    typer.echo(f"removed. Hand out {DKIM_HOLDER}.env, restart {DKIM_HOLDER}, and take the record of {selector} away.")


def _held() -> tuple[SecretStore, DkimKeys]:
    try:
        store = context.secret_store()
        return store, store.dkim_keys()
    except (LocalError, SecretsMissing) as error:
        _fail(str(error))


def _keep(store: SecretStore, keys: list[DkimKey]) -> None:
    kept = DkimKeys(keys)
    if strangers := kept.strangers(_base_domain()):
        _fail(f"no mail of ours is from {strangers[0].domain}: set RENRAKUMO_BASE_DOMAIN, or name another domain")
    store.keep_dkim_keys(kept)


def _show_new(keys: list[DkimKey]) -> None:
    typer.echo("Publish:\n")
    for key in keys:
        typer.echo(f"{_zone_line(key, None)}\n")
    when = f"sign from {keys[0].since:%Y-%m-%d %H:%M} UTC" if keys[0].since else "sign with its next start"
    typer.echo(
        f"Then `renrakumo dkim check`; when it finds them, hand out {DKIM_HOLDER}.env and restart {DKIM_HOLDER}.\n"
        f"They {when}."
    )


def _zone_line(key: DkimKey, unit: str | None) -> str:
    strings = " ".join(f'"{piece}"' for piece in character_strings(key.record()))
    return f"{_name(key, unit)}. IN TXT ( {strings} )"


def _name(key: DkimKey, unit: str | None) -> str:
    return key.record_name(_unit_domain(unit or "<unit>") if key.domain == EACH_UNIT else None)


def _as_json(one: signing_keys.KeyStage, unit: str | None, now: datetime) -> dict[str, object]:
    key = one.key
    return {
        "domain": key.domain,
        "selector": key.selector,
        "algorithm": key.algorithm,
        "state": one.words(now),
        "name": _name(key, unit),
        "strings": character_strings(key.record()),
    }


def _unit_domain(unit: str) -> str:
    return f"{unit}.{_base_domain()}"


def _base_domain() -> str:
    return context.running(os.environ).base_domain


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _fail(words: str, code: int = 1) -> NoReturn:
    typer.echo(f"renrakumo: {words}", err=True)
    raise typer.Exit(code)
