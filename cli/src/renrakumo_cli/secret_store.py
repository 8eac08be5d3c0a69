"""All secrets of an installation: made once, kept in one file, dealt out so that each service holds only its own.

`<folder>/stack.json` is the original (mode 0600). From it are written, each time, `<service>.env` for every service,
and `nats.env`, `postgres.env` with the passwords that the two servers must know. Rotating puts a new key in front
of a ring and keeps the older ones, so that what was made with them is still understood. Keys that sign mail (DKIM)
are not made by `init`: their other half has to be in the DNS first.
"""

import base64
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nacl.public import PrivateKey

from contracts.permissions import SERVICES
from mail.outgoing.dkim_keys import DkimKeys, write_key
from renrakumo_cli.bus.nats_accounts import USERS, password_variable

SEALING_SERVICES = ("registry", "dispatcher", "receipts")
"""Services that open sealed boxes: each has a private key of its own."""

DATABASE_ROLES: Mapping[str, str] = {
    "registry": "RENRAKUMO_REGISTRY_DATABASE_PASSWORD",
    "admin_api": "RENRAKUMO_ADMIN_API_DATABASE_PASSWORD",
    "receipts": "RENRAKUMO_RECEIPTS_DATABASE_PASSWORD",
    "info_site": "RENRAKUMO_INFO_SITE_DATABASE_PASSWORD",
    "responder": "RENRAKUMO_RESPONDER_DATABASE_PASSWORD",
}
"""Role of a service -> variable in which deploy/postgres/roles.sql finds its password."""

NATS_CLUSTER_VARIABLE = "RENRAKUMO_NATS_CLUSTER_PASSWORD"
"""Of the password by which the NATS servers of a cluster know each other."""

_KEY_BYTES = 32
_PRIVATE = 0o600


@dataclass(frozen=True, slots=True)
class _Purpose:
    """What a key is for: the variable that carries it and the services that hold it."""

    variable: str
    holders: tuple[str, ...]


_RINGS: Mapping[str, _Purpose] = {
    "token": _Purpose("RENRAKUMO_TOKEN_KEYS", ("dispatcher", "receipts")),
    "address": _Purpose("RENRAKUMO_ADDRESS_KEYS", ("registry",)),
    "content": _Purpose("RENRAKUMO_CONTENT_KEYS", ("admin-api", "receipts")),
}
_SINGLE_KEYS: Mapping[str, _Purpose] = {
    "sender": _Purpose("RENRAKUMO_SENDER_KEY", ("ingress-smtp", "registry")),
    "lookup": _Purpose("RENRAKUMO_LOOKUP_KEY", ("registry",)),
    "post_secret": _Purpose("RENRAKUMO_POST_SECRET_KEY", ("ingress-smtp", "admin-api")),
}

DKIM_VARIABLE = "RENRAKUMO_DKIM_KEYS"
DKIM_HOLDER = "dispatcher"

ROTATABLE: tuple[str, ...] = (*_RINGS, "seal")

SECRET_VARIABLES: frozenset[str] = frozenset(
    {
        *(purpose.variable for purpose in (*_RINGS.values(), *_SINGLE_KEYS.values())),
        *(password_variable(user) for user in USERS),
        *DATABASE_ROLES.values(),
        DKIM_VARIABLE,
        "RENRAKUMO_SEAL_PRIVATE_KEYS",
        "RENRAKUMO_SEAL_PUBLIC_KEYS",
        "RENRAKUMO_NATS_USER",
        "RENRAKUMO_NATS_PASSWORD",
        NATS_CLUSTER_VARIABLE,
        "RENRAKUMO_NATS_ROUTES",  # holds it
    }
)
"""Variables that only the store hands out, to whom they belong."""


class SecretsMissing(Exception):
    """There is no stack.json yet: `renrakumo keys init` makes it."""


class SecretStore:
    """The secrets in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._original = folder / "stack.json"

    @property
    def exists(self) -> bool:
        """Were secrets made here before?"""
        return self._original.is_file()

    def init(self) -> list[str]:
        """Make whatever is missing and write all files. Returns the names of what is new."""
        kept = self._read() if self.exists else {}
        new: list[str] = []

        def fill(section: str, name: str, value: Any) -> None:
            if name not in kept.setdefault(section, {}):
                kept[section][name] = value
                new.append(f"{section}/{name}")

        for user in USERS:
            fill("nats", user, _password())
        fill("cluster", "nats", _password())
        for role in ("postgres", *DATABASE_ROLES):
            fill("postgres", role, _password())
        for ring in (*_RINGS, *(f"seal-{service}" for service in SEALING_SERVICES)):
            fill("rings", ring, [f"k1:{_key()}"])
        for key in _SINGLE_KEYS:
            fill("keys", key, _key())
        self._write(kept)
        return new

    def rotate(self, purpose: str) -> list[str]:
        """Put a new key in front of the ring(s) of a purpose. Returns the services to restart, readers first.

        Raises KeyError for a purpose that is not in ROTATABLE, SecretsMissing before `init`.
        """
        kept = self._read()
        rings = [f"seal-{service}" for service in SEALING_SERVICES] if purpose == "seal" else [purpose]
        for ring in rings:
            keys: list[str] = kept["rings"][ring]
            keys.insert(0, f"k{_next_number(keys)}:{_key()}")
        self._write(kept)
        if purpose == "seal":
            return [*SEALING_SERVICES, *(service for service in SERVICES if service not in SEALING_SERVICES)]
        return list(reversed(_RINGS[purpose].holders))

    def dkim_keys(self) -> DkimKeys:
        """The keys that sign mail; none until they are made, for only the operator knows when the DNS is ready.
        Raises SecretsMissing before `init`."""
        return DkimKeys.parse(",".join(self._read().get("dkim", [])))

    def keep_dkim_keys(self, keys: DkimKeys) -> None:
        """Write these in place of those that were there. Raises SecretsMissing before `init`."""
        self._write({**self._read(), "dkim": [write_key(key) for key in keys]})

    def environment(self, service: str) -> dict[str, str]:
        """The secret variables of one service, only its own. Raises SecretsMissing before `init`."""
        return _environment(self._read(), service)

    def nats_passwords(self) -> dict[str, str]:
        """Password of each user of the bus, the operator's included."""
        return dict(self._read()["nats"])

    def nats_cluster_password(self) -> str:
        """Password by which the servers of a cluster know each other."""
        return str(self._read()["cluster"]["nats"])

    def database_passwords(self) -> dict[str, str]:
        """Password of each role, and of the superuser `postgres` of the embedded server."""
        return dict(self._read()["postgres"])

    def _read(self) -> dict[str, Any]:
        if not self.exists:
            raise SecretsMissing(f"{self._original} does not exist: run `renrakumo keys init`")
        kept: dict[str, Any] = json.loads(self._original.read_text())
        return kept

    def _write(self, kept: Mapping[str, Any]) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_private(self._original, json.dumps(kept, indent=2) + "\n")
        for service in SERVICES:
            self._write_variables(service, _environment(kept, service))
        self._write_variables("nats", _nats_variables(kept))
        self._write_variables("postgres", {name: kept["postgres"][role] for role, name in DATABASE_ROLES.items()})

    def _write_variables(self, name: str, variables: Mapping[str, str]) -> None:
        head = "# Written by `renrakumo keys` from stack.json: changes made here are lost.\n"
        _write_private(self.folder / f"{name}.env", head + "".join(f"{k}={v}\n" for k, v in variables.items()))


def _nats_variables(kept: Mapping[str, Any]) -> dict[str, str]:
    variables = {password_variable(user): kept["nats"][user] for user in USERS}
    if "cluster" in kept:  # secrets from before there were clusters get it from the next `init`
        variables[NATS_CLUSTER_VARIABLE] = kept["cluster"]["nats"]
    return variables


def _environment(kept: Mapping[str, Any], service: str) -> dict[str, str]:
    rings: Mapping[str, list[str]] = kept["rings"]
    public = ",".join(f"{owner}:{_public(rings[f'seal-{owner}'][0])}" for owner in SEALING_SERVICES)
    variables = {
        "RENRAKUMO_NATS_USER": service,
        "RENRAKUMO_NATS_PASSWORD": kept["nats"][service],
        "RENRAKUMO_SEAL_PUBLIC_KEYS": public,
    }
    if service in SEALING_SERVICES:
        variables["RENRAKUMO_SEAL_PRIVATE_KEYS"] = ",".join(rings[f"seal-{service}"])
    for name, purpose in _RINGS.items():
        if service in purpose.holders:
            variables[purpose.variable] = ",".join(rings[name])
    for name, purpose in _SINGLE_KEYS.items():
        if service in purpose.holders:
            variables[purpose.variable] = kept["keys"][name]
    if service == DKIM_HOLDER and kept.get("dkim"):
        variables[DKIM_VARIABLE] = ",".join(kept["dkim"])
    return variables


def _public(private: str) -> str:
    """`id:base64` of a private key -> the same of its public key."""
    key_id, _, encoded = private.partition(":")
    public = PrivateKey(base64.b64decode(encoded)).public_key
    return f"{key_id}:{base64.b64encode(bytes(public)).decode()}"


def _next_number(keys: Iterable[str]) -> int:
    return 1 + max(int(key.partition(":")[0].removeprefix("k")) for key in keys)


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def _password() -> str:
    """Letters and digits, a letter first: nats-server reads it as a word, a URL needs no escapes."""
    return f"p{secrets.token_hex(20)}"


def _write_private(path: Path, text: str) -> None:
    """Replace a file in one step; nobody else can read it at any moment."""
    new = path.with_name(f".{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(file.fileno(), _PRIVATE)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
