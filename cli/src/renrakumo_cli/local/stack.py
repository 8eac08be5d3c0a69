"""The local stack: servers, migrations, streams and the seven services on this machine, and their end in good order.

Flow of `start`: all ports free? -> secrets -> PostgreSQL and NATS (unless they are external) -> migrations of each
owner -> streams -> services, each with its own variables only -> wait until all say ready. From then on who dies is
started again. `stop` goes backwards in stages: who takes work in, who does it, the servers. Only processes that were
started here are ever signalled.

`make up`, the demo and the system tests use this class. Start it from a thread that lives as long as the stack: the
system ends the children together with the thread that started them, so that nothing is left behind by a crash.
"""

import asyncio
import contextlib
import fcntl
import json
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from renrakumo_cli import bus
from renrakumo_cli.bus.nats_accounts import OPERATOR
from renrakumo_cli.local import ports, probe
from renrakumo_cli.local.configuration import DATABASE_URLS, Configuration
from renrakumo_cli.local.nats import NatsServer, of_stack
from renrakumo_cli.local.paths import LocalError
from renrakumo_cli.local.postgres import PostgresServer
from renrakumo_cli.local.process import ChildProcess
from renrakumo_cli.local.services import NATS, OWNERS, POSTGRES_PORT, Database, Owner, ServiceSpec
from renrakumo_cli.local.supervisor import SupervisedProcess
from renrakumo_cli.secret_store import SecretStore
from runtime.database import migrations

POSTGRES = "postgres"
_READY_WITHIN = 60.0
_CLUSTER_WITHIN = 60.0


class LocalStack:
    """Servers and services of one state folder."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        extra: Mapping[str, Mapping[str, str]] | None = None,
        services: Sequence[ServiceSpec] | None = None,
        owners: Sequence[Owner] = OWNERS,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        """`extra`: more variables for a service, by its name. `say` hears what happens, a line at a time."""
        self.configuration = configuration
        self.secrets = SecretStore(configuration.state / "secrets")
        self.nats: dict[str, NatsServer] = {}
        self.postgres: PostgresServer | None = None
        self._extra = {name: dict(variables) for name, variables in (extra or {}).items()}
        self.services = tuple(configuration.processes if services is None else services)
        self._owners = tuple(owners)
        self._say = say
        self._children: dict[str, SupervisedProcess] = {}
        self._watchers: list[asyncio.Task[None]] = []
        self._lock: IO[str] | None = None

    # -- life ----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start everything and wait until every service says ready. Raises LocalError; nothing is left running then."""
        self._take_folder()
        try:
            ports.check(self.configuration.wanted_ports())
            self.secrets.init()
            await self._start_servers()
            await self._migrate()
            await self._apply_streams()
            await self._start_services()
        except BaseException:
            await self.stop()
            raise
        self._watchers = [asyncio.create_task(child.keep_alive(self._say)) for child in self._children.values()]
        self._write_running()

    async def stop(self) -> None:
        """Stop everything that was started, in stages."""
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        self._watchers = []
        for stage in sorted({spec.stage for spec in self.services}):
            names = [spec.name for spec in self.services if spec.stage == stage and spec.name in self._children]
            await asyncio.gather(*(self._children[name].take_down() for name in names))
        await asyncio.gather(*(self._children[name].take_down() for name in self.nats if name in self._children))
        if POSTGRES in self._children:
            await self._children[POSTGRES].take_down()
        self._children.clear()
        self._running_file.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    async def failed(self) -> None:
        """Wait until a child cannot be kept alive; raises its LocalError. For ever as long as all is well."""
        await asyncio.gather(*self._watchers)

    # -- what tests do to it -------------------------------------------------------------------------------------

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Signal a service (or `nats`, `nats-2` ..., `postgres`). It is started again by itself when it dies of it."""
        self._children[name].process.send(number)

    async def restart(self, name: str, *, first: signal.Signals | None = None) -> None:
        """Stop (with `first`, default its own way of stopping), start, wait until ready."""
        await self.halt(name, first=first)
        await self.resume(name)

    async def restart_nats(self, *, first: signal.Signals | None = None) -> None:
        """Restart the bus."""
        await self.restart(NATS, first=first)

    async def restart_postgres(self, *, first: signal.Signals | None = None) -> None:
        """Restart the databases."""
        await self.restart(POSTGRES, first=first)

    async def halt(self, name: str, *, first: signal.Signals | None = None) -> None:
        """Stop a child and keep it stopped until `resume`."""
        await self._children[name].take_down(first=first)

    async def resume(self, name: str) -> None:
        """Start a child that was halted and wait until ready."""
        await self._children[name].bring_up(retry=True)

    async def ready(self, name: str, *, within: float = _READY_WITHIN) -> None:
        """Wait until a service's /readyz is 200. Raises LocalError with the last answer and the log's end."""
        child = self._children[name]
        await self._await_ready(self._spec(name), child.process, within, may_die=True)

    async def bus_in_sync(self, *, within: float = _CLUSTER_WITHIN) -> None:
        """Wait until every server of the bus holds everything, so that the next one may go. Raises LocalError."""
        configuration = self.configuration
        password = self.secrets.nats_passwords()[OPERATOR]
        try:
            await bus.in_sync(
                configuration.nats_url, OPERATOR, password, replicas=configuration.nats_servers, within=within
            )
        except TimeoutError as error:
            raise LocalError(f"the bus is not in sync after {within:.0f} s: {error}") from None

    def starts(self, name: str) -> int:
        """How often a child was started so far."""
        return self._children[name].starts

    def pid(self, name: str) -> int:
        """Process id of a child."""
        return self._children[name].process.pid

    # -- where things are ----------------------------------------------------------------------------------------

    def port(self, variable: str) -> int:
        """Port behind a variable such as RENRAKUMO_SMTP_PORT."""
        return self.configuration.ports[variable]

    def host(self, variable: str) -> str:
        """`host:port` of the service whose port this variable names."""
        host, port = self.configuration.wanted_ports()[variable]
        return f"{host}:{port}"

    def health_port(self, service: str) -> int:
        """Port of /healthz, /readyz and /metrics of a service."""
        return self.configuration.ports[self._spec(service).health_variable]

    def log_path(self, service: str) -> Path:
        """Log file of a service."""
        return self.configuration.state / "logs" / f"{service}.log"

    def log_paths(self) -> dict[str, Path]:
        """Log file of every child."""
        return {name: child.process.log_path for name, child in self._children.items()}

    def database_url(self, role: str) -> str:
        """URL with which a service's role reaches its database."""
        passwords = self.secrets.database_passwords()
        database: Database = "personal" if role == "registry" else "general"
        return self.configuration.database_url(database, role, passwords[role])

    def variables(self, service: str) -> dict[str, str]:
        """Everything that a service is told."""
        spec = self._spec(service)
        variables = {**self.configuration.service_variables(spec), **self.secrets.environment(spec.service)}
        if spec.database:
            variables[DATABASE_URLS[spec.database]] = self.database_url(spec.package)
        return {**variables, **self._extra.get(spec.service, {})}

    # -- steps ---------------------------------------------------------------------------------------------------

    async def _start_servers(self) -> None:
        configuration, state = self.configuration, self.configuration.state
        if not configuration.external_databases:
            self._say("starting PostgreSQL")
            postgres = self.postgres = PostgresServer(
                state / "postgres",
                port=configuration.ports[POSTGRES_PORT[0]],
                passwords=self.secrets.database_passwords(),
                durable=configuration.durable,
            )
            self._add(POSTGRES, postgres.process, postgres.spawn, postgres.wait_ready, signal.SIGINT)
            await self._children[POSTGRES].bring_up()
        if not configuration.external_nats:
            self._say("starting NATS" if configuration.nats_servers == 1 else "starting a cluster of NATS servers")
            self.nats = of_stack(configuration, self.secrets)
            for name, server in self.nats.items():
                self._add(name, server.process, server.spawn, server.wait_ready, signal.SIGTERM)
            await _all_or_first_error([self._children[name].bring_up() for name in self.nats])

    def _add(
        self,
        name: str,
        process: ChildProcess,
        spawn: Callable[[], None],
        wait_ready: Callable[[], None],
        stop_signal: signal.Signals,
    ) -> None:
        async def ready() -> None:
            await asyncio.to_thread(wait_ready)

        self._children[name] = SupervisedProcess(name, process, spawn, ready, stop_signal, stop_within=30)

    async def _migrate(self) -> None:
        for owner in self._owners:
            url = self.database_url(owner.package)
            try:
                done = await asyncio.to_thread(migrations.upgrade, url, owner.package, owner.schema)
            except migrations.SchemaNewer:
                raise LocalError(f"the tables {owner.name} were made by a later release than this one") from None
            if done.changed:
                self._say(f"tables {owner.name}: revision {done.before or 'none'} -> {done.after}")

    async def _apply_streams(self) -> None:
        password = self.secrets.nats_passwords()[OPERATOR]
        try:
            changes = await bus.apply(
                self.configuration.nats_url,
                OPERATOR,
                password,
                replicas=None if self.configuration.external_nats else self.configuration.nats_servers,
                within=_CLUSTER_WITHIN,
            )
        except bus.NotApplied as error:
            raise LocalError(str(error)) from error
        changed = [change for change in changes if change.outcome not in ("unchanged", "unknown")]
        self._say(f"streams: {len(changed)} of {len(changes)} created, updated or moved")

    async def _start_services(self) -> None:
        self._say("starting " + ", ".join(spec.name for spec in self.services))
        for spec in self.services:
            process = ChildProcess(
                spec.name,
                [sys.executable, "-m", spec.main],
                environment=self.variables(spec.name),
                log_path=self.log_path(spec.name),
            )
            self._children[spec.name] = self._service_child(spec, process)
        await _all_or_first_error([self._children[spec.name].bring_up() for spec in self.services])

    def _service_child(self, spec: ServiceSpec, process: ChildProcess) -> SupervisedProcess:
        async def ready() -> None:
            await self._await_ready(spec, process, _READY_WITHIN, may_die=False)

        return SupervisedProcess(spec.name, process, process.start, ready)

    async def _await_ready(self, spec: ServiceSpec, process: ChildProcess, within: float, *, may_die: bool) -> None:
        port = self.configuration.ports[spec.health_variable]
        status, body = 0, ""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while True:
                    if not may_die and not process.running:
                        code = process.exit_code
                        raise LocalError(f"{spec.name} ended with code {code} while starting:\n{process.log_tail()}")
                    status, body = await probe.ask(port, "/readyz")
                    if status == 200:
                        return
                    await asyncio.sleep(0.1)
        raise LocalError(f"{spec.name} is not ready after {within:.0f} s ({status}): {body}\n{process.log_tail()}")

    # -- the state folder ----------------------------------------------------------------------------------------

    @property
    def _running_file(self) -> Path:
        return self.configuration.state / "running.json"

    def _write_running(self) -> None:
        """Tell the other commands where the running stack is. No secrets."""
        configuration = self.configuration
        where = {
            "ports": dict(configuration.ports),
            "settings": dict(configuration.settings),
            "nats_servers": configuration.nats_servers,
        }
        self._running_file.write_text(json.dumps(where, indent=2) + "\n")

    def _take_folder(self) -> None:
        self.configuration.state.mkdir(parents=True, exist_ok=True)
        lock = (self.configuration.state / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise LocalError(
                f"another stack runs in {self.configuration.state}: stop it, or set RENRAKUMO_STATE_DIR"
            ) from None
        self._lock = lock

    def _spec(self, name: str) -> ServiceSpec:
        return next(spec for spec in self.services if spec.name == name)


async def _all_or_first_error(works: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run all at once; when one fails, end the others before raising its error."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
