"""What `renrakumo doctor` looks at: each finding says what was looked at, whether it is well, and what to do if not."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncpg
import nats.errors
from nats.js import JetStreamContext
from sqlalchemy.exc import DBAPIError

from contracts.streams import BUCKETS, STREAMS, consumers
from renrakumo_cli import bus, context, signing_keys
from renrakumo_cli.bus.cluster import lagging, streams
from renrakumo_cli.local import paths, probe
from renrakumo_cli.local.configuration import Configuration
from renrakumo_cli.local.paths import LocalError
from renrakumo_cli.local.services import OWNERS, SERVICES, Database, Owner
from renrakumo_cli.secret_store import DATABASE_ROLES, SecretsMissing
from runtime.database import migrations
from runtime.database.schema import described

_SECONDS = 5.0
_UNDECIDED = """
    SELECT service, reason, count(*) AS number FROM office.dead_letters WHERE state = 'undecided'
    GROUP BY service, reason ORDER BY service <> 'dispatcher', number DESC LIMIT 8
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    well: bool
    detail: str


async def examine() -> list[Finding]:
    """Look at programs, secrets, bus, databases and services. Never raises for what it finds."""
    configuration = context.running(os.environ)
    looks: list[Callable[[Configuration], Awaitable[list[Finding]]]] = [
        _programs,
        _secrets,
        _bus,
        _databases,
        _schemas,
        _dead_letters,
        _services,
        _signatures,
    ]
    findings: list[Finding] = []
    for look in looks:
        findings += await look(configuration)
    return findings


async def _programs(configuration: Configuration) -> list[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    findings = [Finding("python", sys.version_info >= (3, 11), version)]
    try:
        found = [paths.nats_server(), paths.postgres_program("postgres")]
        findings.append(Finding("server programs", True, ", ".join(path.name for path in found)))
    except paths.LocalError as error:
        findings.append(Finding("server programs", False, str(error)))
    return findings


async def _secrets(configuration: Configuration) -> list[Finding]:
    folder = configuration.state / "secrets"
    if not context.secret_store().exists:
        return [Finding("secrets", False, "none yet: run `renrakumo keys init`")]
    open_files = [file.name for file in folder.iterdir() if file.stat().st_mode & 0o077]
    if open_files:
        return [Finding("secrets", False, f"readable by others, chmod 600: {', '.join(sorted(open_files))}")]
    return [Finding("secrets", True, "only their owner can read them")]


async def _bus(configuration: Configuration) -> list[Finding]:
    try:
        login = context.operator_bus()
        async with bus.connected(login.url, login.user, login.password) as client:
            return await _streams(client.jetstream(timeout=_SECONDS))
    except (OSError, nats.errors.Error, SecretsMissing) as error:
        return [Finding("bus", False, f"cannot be reached: {type(error).__name__}")]


async def _streams(js: JetStreamContext) -> list[Finding]:
    names = {info.config.name for info in await streams(js)}
    wanted = {spec.name for spec in STREAMS} | {f"KV_{bucket.name}" for bucket in BUCKETS}
    if missing := sorted(wanted - names):
        return [Finding("bus", False, f"missing: {', '.join(missing)}; run `renrakumo bus apply`")]
    existing = {(stream, info.name) for stream in names if stream for info in await js.consumers_info(stream)}
    if lost := sorted(spec.name for spec in consumers() if (spec.stream, spec.name) not in existing):
        return [Finding("bus", False, f"missing consumers: {', '.join(lost)}; run `renrakumo bus apply`")]
    dead = (await js.stream_info("DEADLETTERS")).state.messages
    return [
        Finding("bus", True, f"{len(wanted)} streams and buckets, all consumers"),
        *await _cluster(js),
        Finding("dead letters", dead == 0, f"{dead} on the bus that the office has not taken yet"),
    ]


async def _cluster(js: JetStreamContext) -> list[Finding]:
    copies = {str(info.config.name): info.config.num_replicas or 1 for info in await streams(js)}
    most = max(copies.values(), default=1)
    if most == 1:
        return []
    if fewer := sorted(name for name, number in copies.items() if number < most):
        return [Finding("bus cluster", False, f"fewer copies of {', '.join(fewer)}: `renrakumo bus apply --replicas`")]
    behind = await lagging(js, replicas=most)
    detail = (
        f"{most} servers hold everything"
        if not behind
        else f"not on {most} servers yet: {len(behind)} streams and consumers"
    )
    return [Finding("bus cluster", not behind, detail)]


async def _databases(configuration: Configuration) -> list[Finding]:
    try:
        passwords = context.secret_store().database_passwords()
    except SecretsMissing:
        return []
    findings: list[Finding] = []
    for role in DATABASE_ROLES:
        own, other = _databases_of(role)
        outcome = await _enter(configuration.database_url(own, role, passwords[role]))
        findings.append(Finding(f"database role {role}", outcome == "", outcome or "enters its own database"))
        wall = await _enter(configuration.database_url(other, role, passwords[role]))
        if wall == "":
            findings.append(Finding(f"wall before {role}", False, f"it enters the {other} database: run roles.sql"))
    return findings


async def _schemas(configuration: Configuration) -> list[Finding]:
    return [await asyncio.to_thread(_schema, owner) for owner in OWNERS]


def _schema(owner: Owner) -> Finding:
    """Are the tables of this owner those of this release?"""
    subject = f"tables {owner.name}"
    try:
        state = migrations.look(context.owner_url(owner), owner.package, owner.schema)
    except (LocalError, SecretsMissing, OSError, TimeoutError, DBAPIError, asyncpg.PostgresError) as error:
        return Finding(subject, False, f"cannot be looked at: {type(error).__name__}")
    return Finding(subject, state.current, described(state))


async def _dead_letters(configuration: Configuration) -> list[Finding]:
    """What waits for the operator's decision; first of all copies that were not sent."""
    try:
        password = context.secret_store().database_passwords()["admin_api"]
        connection = await asyncpg.connect(
            configuration.database_url("general", "admin_api", password), timeout=_SECONDS
        )
    except (SecretsMissing, OSError, TimeoutError, asyncpg.PostgresError):
        return []  # told among the databases
    try:
        rows = await connection.fetch(_UNDECIDED)
    except asyncpg.PostgresError as error:
        return [Finding("dead letters", False, f"cannot be counted: {type(error).__name__}")]
    finally:
        await connection.close()
    if not rows:
        return [Finding("dead letters", True, "nothing waits for a decision")]
    what = ", ".join(f"{row['number']} {row['reason']} ({row['service']})" for row in rows)
    return [Finding("dead letters", False, f"{what}; see `renrakumo dead-letters list`")]


def _databases_of(role: str) -> tuple[Database, Database]:
    """The database that the role lives in, and the one that it must not enter."""
    return ("personal", "general") if role == "registry" else ("general", "personal")


async def _enter(url: str) -> str:
    """Empty when the role gets in, else the kind of refusal (never the URL: it holds a password)."""
    try:
        connection = await asyncpg.connect(url, timeout=_SECONDS)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        return f"cannot enter: {type(error).__name__}"
    await connection.close()
    return ""


async def _services(configuration: Configuration) -> list[Finding]:
    answers = await asyncio.gather(
        *(probe.ask(configuration.ports[spec.health_variable], "/readyz") for spec in SERVICES)
    )
    return [
        Finding(f"service {spec.name}", status == 200, "ready" if status == 200 else body.strip() or "does not answer")
        for spec, (status, body) in zip(SERVICES, answers, strict=True)
    ]


async def _signatures(configuration: Configuration) -> list[Finding]:
    try:
        keys = context.secret_store().dkim_keys()
    except SecretsMissing:
        return []
    if not len(keys):
        to_the_world = "mx" in configuration.settings.get("RENRAKUMO_ROUTES", "")
        return [
            Finding("signatures", not to_the_world, "mail goes out unsigned; `renrakumo dkim generate` makes a key")
        ]
    found = await signing_keys.published(list(keys), signing_keys.SystemTxtLookup())
    return [
        Finding("signatures", True, f"{len(keys)} keys; `renrakumo dkim records` tells what each does"),
        *(Finding(f"record {one.name}", one.well, one.words) for one in found),
    ]
