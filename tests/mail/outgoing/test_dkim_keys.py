"""Keys for signatures: written and read, chosen by domain and date, and never shown."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import dkim as verifier  # type: ignore[import-untyped]
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from mail.outgoing.dkim_keys import DkimKey, DkimKeyError, DkimKeys, character_strings, write_key

BASE, UNIT = "renraku.example", "sakura.renraku.example"
NOW = datetime(2026, 12, 1, tzinfo=UTC)
BIG = generate_private_key(65537, 2048)


def ed25519(domain: str, selector: str, since: datetime | None = None) -> DkimKey:
    return DkimKey(domain, selector, Ed25519PrivateKey.generate(), since)


def rsa(domain: str, selector: str, since: datetime | None = None) -> DkimKey:
    return DkimKey(domain, selector, BIG, since)


def chosen(keys: DkimKeys, domain: str = UNIT, at: datetime = NOW) -> list[str]:
    return [f"{key.domain}:{key.selector}" for key in keys.signing(domain, at)]


def encoded(private: object) -> str:
    der = private.private_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return base64.b64encode(der).decode()


def test_keys_are_read_as_they_are_written() -> None:
    keys = [rsa(BASE, "r1"), ed25519("*", "e1", NOW), ed25519(UNIT, "sub.e2")]
    text = ",\n ".join(map(write_key, keys))
    again = list(DkimKeys.parse(text))
    assert again == keys
    assert [write_key(key) for key in again] == [write_key(key) for key in keys]
    assert text.split(",")[1].endswith(":20261201T000000Z")
    assert list(DkimKeys.parse("")) == []


@pytest.mark.parametrize(
    "text",
    [
        "geheim",
        "renraku.example:r1:rsa",
        "renraku.example:r1:rsa:",
        "renraku.example:r1:dsa:geheim",
        "renraku.example:r1:rsa:geheim!",
        f"renraku.example:r1:rsa:{encoded(BIG)[:-40]}",
        f"renraku.example:r1:ed25519:{encoded(BIG)}",
        f"renraku.example:r1:rsa:{encoded(BIG)}:geheim",
        f"renraku.example:r1:rsa:{encoded(BIG)}:20261201T000000Z:geheim",
        f"Renraku.example:r1:rsa:{encoded(BIG)}",
        f"renraku.example:r_1:rsa:{encoded(BIG)}",
        f"renraku.example:r1:rsa:{encoded(generate_private_key(65537, 1024))}",
        f"renraku.example:r1:rsa:{encoded(generate_ec(SECP256R1()))}",
        ",".join([write_key(rsa(BASE, "r1"))] * 2),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(DkimKeyError) as refused:
        DkimKeys.parse(text)
    assert "geheim" not in str(refused.value)
    assert encoded(BIG)[40:60] not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_key_never_shows_its_private_half() -> None:
    key = ed25519(BASE, "e1")
    assert "private" not in repr(key).lower()
    assert repr(DkimKeys([key])) == "DkimKeys(renraku.example:e1)"


def test_a_key_of_the_service_signs_for_every_unit() -> None:
    keys = DkimKeys([rsa(BASE, "r1")])
    assert chosen(keys) == ["renraku.example:r1"]
    assert chosen(keys, BASE) == ["renraku.example:r1"]
    assert chosen(keys, "sakura.elsewhere.example") == []
    assert chosen(DkimKeys([rsa("example", "r1")])) == [], "nobody signs for a top-level domain"


def test_a_units_own_key_comes_before_each_units_and_that_before_the_services() -> None:
    keys = DkimKeys([rsa(BASE, "base"), rsa("*", "each"), rsa(UNIT, "own")])
    assert chosen(keys) == [f"{UNIT}:own"]
    assert chosen(keys, f"midori.{BASE}") == [f"midori.{BASE}:each"]
    later = DkimKeys([rsa(BASE, "base"), rsa("*", "each", NOW + timedelta(days=1))])
    assert chosen(later) == [f"{BASE}:base"], "until the other is in force"


def test_both_algorithms_sign_rsa_first() -> None:
    keys = DkimKeys([ed25519(BASE, "e1"), rsa(BASE, "r1")])
    assert chosen(keys) == [f"{BASE}:r1", f"{BASE}:e1"]


def test_a_new_key_takes_over_at_its_time_and_an_older_mail_keeps_the_older_one() -> None:
    keys = DkimKeys([rsa(BASE, "r1"), rsa(BASE, "r2", NOW), rsa(BASE, "r3", NOW + timedelta(days=9))])
    assert chosen(keys, at=NOW - timedelta(seconds=1)) == [f"{BASE}:r1"]
    assert chosen(keys, at=NOW) == [f"{BASE}:r2"]
    assert chosen(keys, at=NOW + timedelta(days=10)) == [f"{BASE}:r3"]
    assert chosen(DkimKeys([rsa(BASE, "r2", NOW)]), at=NOW - timedelta(days=1)) == []


def test_keys_that_could_never_sign_are_found() -> None:
    keys = DkimKeys([rsa(domain, "r1") for domain in (BASE, "*", UNIT, "elsewhere.example", f"a.b.{BASE}")])
    assert [key.domain for key in keys.strangers(BASE)] == ["elsewhere.example", f"a.b.{BASE}"]
    assert DkimKeys([rsa(BASE, "r1")]).strangers(f"mail.{BASE}") == []


@pytest.mark.parametrize("key", [rsa(BASE, "r1"), ed25519(BASE, "e1")], ids=["rsa", "ed25519"])
def test_the_record_is_what_verifiers_understand_and_fits_into_strings(key: DkimKey) -> None:
    record = key.record()
    assert "".join(character_strings(record)) == record
    assert all(len(piece) <= 255 for piece in character_strings(record))
    _, bits, algorithm, _ = verifier.evaluate_pk(b"", record)
    assert (algorithm.decode(), bits) == (key.algorithm, 2048 if key.algorithm == "rsa" else 256)
    assert key.record_name() == f"{key.selector}._domainkey.{BASE}"
    assert DkimKey("*", key.selector, key.private).record_name(UNIT) == f"{key.selector}._domainkey.{UNIT}"
