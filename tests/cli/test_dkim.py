"""`renrakumo dkim`: from the first key to the last mail that an old one signed."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dns.asyncresolver
import pytest
from typer.testing import CliRunner, Result

from mail.outgoing.dkim_keys import DkimKey, DkimKeys, character_strings
from renrakumo_cli import signing_keys
from renrakumo_cli.main import app
from renrakumo_cli.secret_store import SecretStore
from renrakumo_cli.signing_keys import READABLE, SigningError
from simulator.dns_server import DnsServer

BASE = "renrakumo.example"
NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SecretStore:
    """Secrets of an installation that `renrakumo` finds."""
    monkeypatch.setenv("RENRAKUMO_STATE_DIR", str(tmp_path))
    store = SecretStore(tmp_path / "secrets")
    store.init()
    return store


def run(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, ["dkim", *arguments])
    assert result.exit_code == code, result.output
    return result


def listed(*arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("records", "--json", *arguments).stdout)
    return found


def first_key(algorithm: str = "ed25519", domain: str = BASE) -> DkimKey:
    return signing_keys.generate(DkimKeys(), domain, algorithm, None, NOW)


def selectors(standings: list[signing_keys.KeyStage]) -> list[tuple[str, str]]:
    return [(one.key.selector, one.words(NOW)) for one in standings]


def test_a_first_key_is_kept_and_its_record_shown_and_nothing_secret(store: SecretStore) -> None:
    shown = run("generate").stdout
    (key,) = store.dkim_keys()
    assert (key.domain, key.algorithm, key.since) == (BASE, "rsa", None)
    pieces = re.findall(r'"([^"]*)"', shown)
    assert "".join(pieces) == key.record()
    assert all(len(piece) <= 255 for piece in pieces)
    assert f"{key.record_name()}. IN TXT (" in shown
    secret = store.environment("dispatcher")["RENRAKUMO_DKIM_KEYS"].split(":")[3]
    assert secret[30:80] not in shown + run("records").stdout


def test_a_second_first_key_is_refused_but_another_algorithm_is_not(store: SecretStore) -> None:
    run("generate")
    assert "rotate" in run("generate", code=1).stderr
    run("generate", "--algorithm", "ed25519")
    assert [one["algorithm"] for one in listed()] == ["rsa", "ed25519"]
    run("generate", "--algorithm", "dsa", code=2)


def test_a_domain_that_no_mail_comes_from_is_refused(store: SecretStore) -> None:
    assert "no mail of ours" in run("generate", "--domain", "elsewhere.example", code=1).stderr
    assert len(store.dkim_keys()) == 0
    run("generate", "--domain", "sakura.renrakumo.example")


def test_a_successor_waits_for_the_dns_and_the_older_key_for_its_mails(store: SecretStore) -> None:
    run("generate", "--algorithm", "ed25519")
    run("rotate")
    older, newer = listed()
    assert older["state"] == "signs"
    assert newer["state"].startswith("signs from ")
    assert "has not begun" in run("rotate", code=1).stderr
    assert "--force" in run("retire", older["selector"], code=1).stderr
    run("retire", newer["selector"], "--force")
    assert [one["selector"] for one in listed()] == [older["selector"]]


def test_both_algorithms_are_rotated_together(store: SecretStore) -> None:
    run("generate")
    run("generate", "--algorithm", "ed25519")
    run("rotate", "--days", "0")
    assert sorted(one["algorithm"] for one in listed()) == ["ed25519", "ed25519", "rsa", "rsa"]


def test_a_key_that_is_each_units_own_is_shown_for_a_unit(store: SecretStore) -> None:
    run("generate", "--domain", "*", "--algorithm", "ed25519")
    assert listed()[0]["name"].endswith("._domainkey.<unit>.renrakumo.example")
    assert listed("--unit", "sakura")[0]["name"].endswith("._domainkey.sakura.renrakumo.example")


def test_before_there_are_secrets_the_command_that_makes_them_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RENRAKUMO_STATE_DIR", str(tmp_path))
    assert "renrakumo keys init" in run("records", code=1).stderr


def test_without_keys_the_records_say_so(store: SecretStore) -> None:
    assert "unsigned" in run("records").stdout
    assert run("check").stdout == "nothing to look up\n"


def test_the_life_of_a_key() -> None:
    old = first_key()
    (new,) = signing_keys.rotate(DkimKeys([old]), BASE, NOW + 2 * DAY, NOW)
    keys = DkimKeys([new, old])
    assert selectors(signing_keys.standings(keys, NOW)) == [
        (old.selector, "signs"),
        (new.selector, "signs from 2026-12-03 09:00 UTC"),
    ]
    later = NOW + 3 * DAY
    standings = signing_keys.standings(keys, later)
    assert [one.signs for one in standings] == [False, True]
    assert standings[0].words(later) == "signs no more, needed until 2027-01-02"
    with pytest.raises(SigningError, match="needed until 2027-01-02"):
        signing_keys.without(keys, BASE, old.selector, later, force=False)
    last = NOW + 2 * DAY + READABLE
    assert signing_keys.standings(keys, last)[0].words(last) == "signs no more, may go"
    assert list(signing_keys.without(keys, BASE, old.selector, last, force=False)) == [new]
    with pytest.raises(SigningError, match="no key with the selector"):
        signing_keys.without(keys, BASE, "none", last, force=True)


def test_the_only_key_is_not_taken_away_by_mistake() -> None:
    key = first_key()
    with pytest.raises(SigningError, match="signs: --force"):
        signing_keys.without(DkimKeys([key]), BASE, key.selector, NOW, force=False)


def test_selectors_tell_the_day_and_never_clash() -> None:
    keys = [first_key("rsa"), first_key()]
    keys += signing_keys.rotate(DkimKeys(keys), BASE, NOW, NOW)
    keys += signing_keys.rotate(DkimKeys(keys), BASE, NOW, NOW)
    assert [key.selector for key in keys] == [
        "r20261201", "e20261201", "r20261201-2", "e20261201-2", "r20261201-3", "e20261201-3"
    ]  # fmt: skip


async def test_what_the_dns_says_is_compared_with_our_keys() -> None:
    good, missing, wrong, twice, broken = (
        first_key(domain=domain) for domain in ("a.example", "b.example", "c.example", "d.example", "e.example")
    )
    own = first_key("rsa", "*")

    def zone(key: DkimKey, *records: str, domain: str | None = None) -> dict[str, dict[str, list[str]]]:
        texts = [" ".join(f'"{piece}"' for piece in character_strings(record)) for record in records]
        return {key.record_name(domain): {"TXT": texts}}

    server = DnsServer(
        zone(good, good.record().replace("; ", ";"))
        | zone(wrong, good.record())
        | zone(twice, twice.record(), good.record())
        | zone(own, own.record(), domain="sakura.renrakumo.example")
    )
    server.servfail.add(broken.record_name())
    async with server:
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], server.port
        keys = [good, missing, wrong, twice, broken, own]
        ours = signing_keys.SystemTxtLookup(resolver)
        found = await signing_keys.published(keys, ours, unit_domain="sakura.renrakumo.example")
        assert len(await signing_keys.published(keys, ours)) == 5, "of no particular unit"
    assert [(one.well, one.words) for one in found] == [
        (True, "published"),
        (False, "no TXT record"),
        (False, "another key than ours"),
        (False, "2 TXT records where only one may be"),
        (False, "no answer from DNS (NoNameservers)"),
        (True, "published"),
    ]
