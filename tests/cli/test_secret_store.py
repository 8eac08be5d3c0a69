"""Secrets are made once, dealt out sparingly, and rotated without losing what older keys made."""

import base64
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nacl.public import PrivateKey

from contracts.permissions import SERVICES
from mail.outgoing.dkim_keys import DkimKey, DkimKeys, write_key
from renrakumo_cli.secret_store import ROTATABLE, SECRET_VARIABLES, SecretsMissing, SecretStore
from runtime.crypto.keys import KeyRing, parse_public_keys

NOW = datetime(2026, 12, 1, tzinfo=UTC)
HOLDERS = {
    "RENRAKUMO_TOKEN_KEYS": {"dispatcher", "receipts"},
    "RENRAKUMO_ADDRESS_KEYS": {"registry"},
    "RENRAKUMO_LOOKUP_KEY": {"registry"},
    "RENRAKUMO_CONTENT_KEYS": {"admin-api", "receipts"},
    "RENRAKUMO_SENDER_KEY": {"ingress-smtp", "registry"},
    "RENRAKUMO_POST_SECRET_KEY": {"ingress-smtp", "admin-api"},
    "RENRAKUMO_SEAL_PRIVATE_KEYS": {"registry", "dispatcher", "receipts"},
    "RENRAKUMO_SEAL_PUBLIC_KEYS": set(SERVICES),
    "RENRAKUMO_NATS_USER": set(SERVICES),
    "RENRAKUMO_NATS_PASSWORD": set(SERVICES),
}


@pytest.fixture
def store(tmp_path: Path) -> SecretStore:
    """A store with all secrets."""
    made = SecretStore(tmp_path / "secrets")
    made.init()
    return made


def test_each_secret_is_held_by_exactly_those_who_need_it(store: SecretStore) -> None:
    told = {service: store.environment(service) for service in SERVICES}
    for variable, holders in HOLDERS.items():
        assert {service for service in SERVICES if variable in told[service]} == holders, variable
    assert {name for variables in told.values() for name in variables} == set(HOLDERS)


def test_those_who_share_a_key_hold_the_same_one(store: SecretStore) -> None:
    for variable, holders in HOLDERS.items():
        if variable.endswith(("_KEY", "TOKEN_KEYS", "CONTENT_KEYS", "PUBLIC_KEYS")):
            assert len({store.environment(service)[variable] for service in holders}) == 1, variable
    private = {store.environment(s)["RENRAKUMO_SEAL_PRIVATE_KEYS"] for s in ("registry", "dispatcher", "receipts")}
    assert len(private) == 3


def test_only_the_owner_can_read_the_files(store: SecretStore) -> None:
    files = list(store.folder.iterdir())
    assert {file.name for file in files} == {"stack.json", "nats.env", "postgres.env", *(f"{s}.env" for s in SERVICES)}
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)


def test_making_them_again_changes_nothing(store: SecretStore) -> None:
    before = {file.name: file.read_bytes() for file in store.folder.iterdir()}
    assert store.init() == []
    assert {file.name: file.read_bytes() for file in store.folder.iterdir()} == before


def test_two_installations_share_no_secret(store: SecretStore, tmp_path: Path) -> None:
    other = SecretStore(tmp_path / "other")
    other.init()
    for service in SERVICES:
        mine, theirs = store.environment(service), other.environment(service)
        assert all(mine[name] != theirs[name] for name in mine if name != "RENRAKUMO_NATS_USER")


@pytest.mark.parametrize(
    ("purpose", "service", "variable"),
    [
        ("token", "dispatcher", "RENRAKUMO_TOKEN_KEYS"),
        ("address", "registry", "RENRAKUMO_ADDRESS_KEYS"),
        ("content", "admin-api", "RENRAKUMO_CONTENT_KEYS"),
        ("seal", "receipts", "RENRAKUMO_SEAL_PRIVATE_KEYS"),
    ],
)
def test_a_new_key_comes_first_and_the_older_ones_stay(
    store: SecretStore, purpose: str, service: str, variable: str
) -> None:
    before = KeyRing.parse(store.environment(service)[variable], size=32)
    restart = store.rotate(purpose)
    after = KeyRing.parse(store.environment(service)[variable], size=32)
    assert service in restart
    assert after.current != before.current
    assert list(after)[1:] == list(before)


def test_after_rotating_the_public_keys_fit_the_new_private_ones(store: SecretStore) -> None:
    store.rotate("seal")
    public = parse_public_keys(store.environment("info-site")["RENRAKUMO_SEAL_PUBLIC_KEYS"])
    for service in ("registry", "dispatcher", "receipts"):
        key_id, private = KeyRing.parse(store.environment(service)["RENRAKUMO_SEAL_PRIVATE_KEYS"]).current
        assert public[service] == (key_id, bytes(PrivateKey(private).public_key))


def test_keys_that_sign_mail_are_the_dispatchers_alone_and_none_are_made_unasked(store: SecretStore) -> None:
    assert list(store.dkim_keys()) == []
    key = DkimKey("renraku.example", "e1", Ed25519PrivateKey.generate())
    store.keep_dkim_keys(DkimKeys([key]))
    holders = [service for service in SERVICES if "RENRAKUMO_DKIM_KEYS" in store.environment(service)]
    assert holders == ["dispatcher"]
    assert DkimKeys.parse(store.environment("dispatcher")["RENRAKUMO_DKIM_KEYS"]).signing("renraku.example", NOW) == (
        key,
    )
    assert f"RENRAKUMO_DKIM_KEYS={write_key(key)}\n" in (store.folder / "dispatcher.env").read_text()
    assert store.init() == []
    assert len(store.dkim_keys()) == 1
    assert "RENRAKUMO_DKIM_KEYS" in SECRET_VARIABLES


def test_readers_of_tokens_restart_before_the_writer(store: SecretStore) -> None:
    assert store.rotate("token") == ["receipts", "dispatcher"]
    assert set(ROTATABLE) == {"token", "address", "content", "seal"}


def test_before_they_are_made_the_command_to_make_them_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretsMissing, match="renrakumo keys init"):
        SecretStore(tmp_path).environment("registry")


def test_keys_are_32_random_bytes(store: SecretStore) -> None:
    assert len(base64.b64decode(store.environment("registry")["RENRAKUMO_LOOKUP_KEY"])) == 32
