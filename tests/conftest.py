"""Fixtures that everybody uses: real servers, started once a session when somebody first asks for them."""

import logging
from collections.abc import Callable, Iterator

import pytest
import structlog
from hypothesis import settings

from renrakumo_cli.local.nats import NatsServer
from renrakumo_cli.local.postgres import PostgresServer
from renrakumo_cli.local.services import OWNERS
from runtime import logs
from runtime.database import migrations
from simulator import servers
from simulator.servers import Databases

_SCORE = "score"

# One profile for the whole tree: a busy machine is no failure, and what failed can be replayed from its printed blob.
settings.register_profile("renrakumo", deadline=None, print_blob=True)
settings.load_profile("renrakumo")

# structlog's own traceback draws a frame around every local variable: some ten seconds for a surprise in the web.
structlog.configure(
    [
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)


@pytest.fixture
def configure_logs() -> Iterator[Callable[[str, str], None]]:
    """`runtime.logs.configure` for one test: afterwards structlog and the standard library are as they were before."""
    ours = structlog.get_config()
    loggers = [logging.getLogger(name) for name in (None, *logs.LIBRARIES)]
    theirs = [(each.level, each.propagate, each.handlers[:]) for each in loggers]

    def configure(service: str, level: str) -> None:
        logs.configure(service, level)
        # A logger that keeps what it was made with would never hear that this is over.
        structlog.configure(cache_logger_on_first_use=False)

    yield configure
    structlog.configure(**ours)
    for each, (level, propagate, handlers) in zip(loggers, theirs, strict=True):
        each.setLevel(level)
        each.propagate = propagate
        each.handlers[:] = handlers


@pytest.fixture
def score(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Tell a figure that is shown when all tests are through, also by those that passed in another process."""
    return lambda line: record_property(_SCORE, line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [each for outcome in ("passed", "failed") for each in terminalreporter.stats.get(outcome, [])]
    lines = [line for each in reports if each.when == "call" for name, line in each.user_properties if name == _SCORE]
    if lines:
        terminalreporter.section("scores on mail that others wrote")
        for line in lines:
            terminalreporter.write_line(str(line))


# Slow: a cluster is initialised, once a session.
@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """PostgreSQL with both databases and all roles; `personal_url()`, `general_url(role)`."""
    server = servers.start_postgres(tmp_path_factory.mktemp("postgres"))
    yield server
    server.stop()


@pytest.fixture
def fresh_databases(postgres_server: PostgresServer) -> Iterator[Databases]:
    """A pair of empty databases for one test; `personal_url()`, `general_url(role)`."""
    pair = servers.new_databases(postgres_server)
    yield pair
    postgres_server.drop(pair.personal, pair.general)


# Slow: both schemas are migrated, once a session.
@pytest.fixture(scope="session")
def template(postgres_server: PostgresServer) -> Iterator[Databases]:
    """Databases of which the general one has all tables, to be copied and never written to."""
    pair = servers.new_databases(postgres_server)
    for owner in OWNERS:
        if owner.database == "general":
            migrations.upgrade(pair.general_url(owner.package), owner.package, owner.schema)
    yield pair
    postgres_server.drop(pair.personal, pair.general)


@pytest.fixture
def migrated_databases(postgres_server: PostgresServer, template: Databases) -> Iterator[Databases]:
    """A pair of databases for one test, the general one with all tables; `general_url(role)`."""
    pair = servers.new_databases(postgres_server, like=template)
    yield pair
    postgres_server.drop(pair.personal, pair.general)


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """nats-server with all accounts, streams, consumers and buckets; `url`, `passwords[service]`."""
    server = servers.start_nats(tmp_path_factory.mktemp("nats"))
    yield server
    server.stop()


@pytest.fixture
def fresh_nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A nats-server of its own for one test: empty streams, may be killed and started again."""
    server = servers.start_nats(tmp_path_factory.mktemp("nats"))
    yield server
    server.stop()
