"""Where the commands find bus and databases: a deployment's own variables first, else the local stack of this checkout.

In a deployment each machine has its variables in the environment. Beside a local stack they come from the state
folder: secrets from `secrets/stack.json`, ports from `running.json` of the stack that runs there now.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from renrakumo_cli.bus.nats_accounts import OPERATOR, password_variable
from renrakumo_cli.local.configuration import (
    DATABASE_URLS,
    NATS_URL,
    Configuration,
    check_names_no_user,
    role_url,
    state_folder,
)
from renrakumo_cli.local.services import SERVICES, Database, Owner
from renrakumo_cli.secret_store import DATABASE_ROLES, SecretsMissing, SecretStore


@dataclass(frozen=True, slots=True)
class BusLogin:
    """How to reach the bus as the operator."""

    url: str
    user: str
    password: str


def secret_store() -> SecretStore:
    """The secrets of the state folder."""
    return SecretStore(state_folder() / "secrets")


def running(variables: Mapping[str, str]) -> Configuration:
    """The stack that runs in the state folder, or how it would be started with these variables."""
    state = state_folder(variables)
    file = state / "running.json"
    if file.is_file():
        return _read(state, file, variables)
    return Configuration.from_environment(variables)


def _read(state: Path, file: Path, variables: Mapping[str, str]) -> Configuration:
    where: dict[str, Any] = json.loads(file.read_text())
    external = {kind: variables[name] for kind, name in DATABASE_URLS.items() if variables.get(name)}
    return Configuration(
        state=state,
        ports=where["ports"],
        settings=where["settings"],
        external_nats=variables.get(NATS_URL) or None,
        external_databases=external,
        nats_servers=where.get("nats_servers", 1),
    )


def operator_bus() -> BusLogin:
    """Login for the operator's work on the bus: RENRAKUMO_NATS_URL and RENRAKUMO_NATS_PASSWORD_OPERATOR where they are
    set, else the local stack. Raises SecretsMissing when neither tells."""
    password = os.environ.get(password_variable(OPERATOR))
    url = os.environ.get(NATS_URL)
    if password and url:
        return BusLogin(url, OPERATOR, password)
    return BusLogin(running(os.environ).nats_url, OPERATOR, secret_store().nats_passwords()[OPERATOR])


def owner_url(owner: Owner) -> str:
    """URL with which an owner of tables enters its database: RENRAKUMO_*_DATABASE_URL where it is set, else the local
    stack; its password from the environment, else from the state folder. Raises LocalError for a URL with a user,
    SecretsMissing when nobody tells the password."""
    password = os.environ.get(DATABASE_ROLES[owner.package]) or secret_store().database_passwords()[owner.package]
    url = os.environ.get(DATABASE_URLS[owner.database])
    if not url:
        return running(os.environ).database_url(owner.database, owner.package, password)
    check_names_no_user(owner.database, url)
    return role_url(url, owner.package, password)


def environment_of(service: str) -> dict[str, str]:
    """The variables with which a service runs, so that a command can do a piece of its work.

    A database URL with a user in the environment means a deployment: the environment is taken as it is.
    """
    spec = next(spec for spec in SERVICES if spec.name == service)
    if spec.database and "@" in os.environ.get(DATABASE_URLS[spec.database], ""):
        return dict(os.environ)
    store = secret_store()
    if not store.exists:
        raise SecretsMissing("No secrets yet: run `renrakumo keys init`, or start the local stack with `make up`.")
    configuration = running(os.environ)
    variables = {**configuration.service_variables(spec), **store.environment(service)}
    if spec.database:
        kind: Database = spec.database
        password = store.database_passwords()[spec.package]
        variables[DATABASE_URLS[kind]] = configuration.database_url(kind, spec.package, password)
    return variables
