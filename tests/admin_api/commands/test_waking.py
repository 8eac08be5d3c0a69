"""A request waits for the result of its command. It is woken by a notification of the database; when the connection that
listens for those is away, it looks by itself before it says that the command still waits."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from admin_api.kernel.context import COMMAND_RESULTS
from admin_api.kernel.notifications import Notifications
from contracts.commands import RemoveMember
from runtime.database.engine import create_engine
from simulator.servers import new_password
from tests.admin_api.service import AdminApi

U = "/v1/units/sakura"
LISTENER = "renrakumo_listening_in_a_test"
LISTENING = f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{LISTENER}' AND query LIKE 'LISTEN%'"
AT_ONCE = 20.0
"""Seconds, far fewer than the application waits for a result."""


class Listening:
    """The connection that listens, with a role of its own, so that a test can keep it away."""

    def __init__(self, api: AdminApi, superuser: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._api = api
        self._superuser = superuser

    async def go_away(self) -> None:
        """The connection ends, and no other one is let in."""
        await self._superuser.execute(f"ALTER ROLE {LISTENER} NOLOGIN")
        await self._superuser.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", LISTENER
        )
        while await self._superuser.fetchval(LISTENING):
            pass  # its process is just ending

    async def come_back(self) -> None:
        await self._superuser.execute(f"ALTER ROLE {LISTENER} LOGIN")
        await self.there()

    async def there(self) -> None:
        """Wait until it listens."""
        while not await self._superuser.fetchval(LISTENING):
            pass  # it tries each second

    def patience(self, seconds: float) -> None:
        """From now on a request waits so long for the result of its command."""
        self._api.context = dataclasses.replace(self._api.context, command_wait=timedelta(seconds=seconds))
        self._api.app.state.context = self._api.context


@pytest.fixture
async def listening(api: AdminApi) -> AsyncIterator[Listening]:
    """The application, woken by a connection that a test can take away; it is there."""
    server, database, password = api.databases.server, api.databases.general, new_password()
    superuser = await asyncpg.connect(server.url("postgres", database))
    await superuser.execute(f"CREATE ROLE {LISTENER} LOGIN PASSWORD '{password}'")
    await superuser.execute(f'GRANT CONNECT ON DATABASE "{database}" TO {LISTENER}')
    engine = create_engine(f"postgresql://{LISTENER}:{password}@127.0.0.1:{server.port}/{database}", service="test")
    notifications, stop = Notifications(engine, COMMAND_RESULTS), asyncio.Event()
    api.context = dataclasses.replace(api.context, command_results=notifications)
    api.app.state.context = api.context
    task = asyncio.create_task(notifications.run(stop))
    listening = Listening(api, superuser)
    await listening.there()
    yield listening
    stop.set()
    await task
    await engine.dispose()
    await superuser.execute(f"DROP OWNED BY {LISTENER}; DROP ROLE {LISTENER}")
    await superuser.close()


# Slow: the whole wait passes.
async def test_a_result_of_which_nobody_was_told_is_found_at_the_end_of_the_wait(
    api: AdminApi, listening: Listening
) -> None:
    headers = await api.as_("administrator")
    await listening.go_away()
    listening.patience(1)
    assert (await api.client.delete(f"{U}/members/11", headers=headers)).status_code == 204
    # The same for who waits until the subject is free: its first command has a result of which nobody is told.
    api.registry.away = True
    first = asyncio.create_task(api.client.delete(f"{U}/members/12", headers=headers))
    while len(await api.outbox(RemoveMember.name)) < 2:
        pass
    second = asyncio.create_task(api.client.delete(f"{U}/members/12", headers=headers))
    await api.registry.come_back()
    assert [(await each).status_code for each in (first, second)] == [204, 204]


async def test_without_a_result_the_request_says_where_the_command_waits_though_nothing_can_wake_it(
    api: AdminApi, listening: Listening
) -> None:
    headers = await api.as_("administrator")
    await listening.go_away()
    listening.patience(0.2)
    api.registry.away = True
    answer = await api.client.delete(f"{U}/members/11", headers=headers)
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    assert answer.headers["location"] == f"{U}/commands/{answer.json()['id']}"
    await api.registry.come_back()
    assert (await api.client.get(answer.headers["location"], headers=headers)).json()["state"] == "done"


# Slow: a lost connection is tried again after a second.
async def test_once_the_connection_is_back_requests_are_woken_again(api: AdminApi, listening: Listening) -> None:
    headers = await api.as_("administrator")
    await listening.go_away()
    listening.patience(1)
    assert (await api.client.delete(f"{U}/members/11", headers=headers)).status_code == 204
    await listening.come_back()
    listening.patience(3 * AT_ONCE)
    async with asyncio.timeout(AT_ONCE):
        assert (await api.client.delete(f"{U}/members/12", headers=headers)).status_code == 204
        api.registry.away = True
        waiting = asyncio.create_task(api.client.delete(f"{U}/members/13", headers=headers))
        while len(await api.outbox(RemoveMember.name)) < 3:
            pass
        await api.registry.come_back()
        assert (await waiting).status_code == 204


# Slow: a lost connection is tried again after a second.
async def test_a_result_that_came_while_the_connection_was_away_wakes_with_its_return(
    api: AdminApi, listening: Listening
) -> None:
    headers = await api.as_("administrator")
    await listening.go_away()
    listening.patience(3 * AT_ONCE)
    waiting = asyncio.create_task(api.client.delete(f"{U}/members/11", headers=headers))
    async with asyncio.timeout(AT_ONCE):
        while not api.registry.given:  # noqa: ASYNC110 (a task looks at the outbox)
            await asyncio.sleep(0)  # the registry works
        await listening.come_back()
        assert (await waiting).status_code == 204
