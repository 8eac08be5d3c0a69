"""Commands among real processes: answered at once, kept while registry is away, undone, and lost by no kill."""

import asyncio
import signal
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from simulator import seeding
from simulator.crowd import make_crowd
from simulator.quiet import quiet
from simulator.school import School, open_school
from simulator.trial import Trial

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

PEOPLE = make_crowd(7, 4, silent=1.0, vacation=0, late_answers=0)


# Slow: a whole trial is started.
@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trial(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Trial]:
    async with await Trial.build(tmp_path_factory.mktemp("commands"), people=PEOPLE, say=print) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def school(trial: Trial) -> School:
    return await open_school(trial, "kita", "きた小学校", receipts=False, groups={"g1": "1年", "g2": "2年"})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def members(trial: Trial, school: School) -> list[int]:
    return list(await seeding.enter(trial.stack, school.code, "g1", PEOPLE))


async def active(school: School) -> set[int]:
    return {int(each["id"]) for each in await school.members(state="active")}


async def newest(school: School) -> dict[str, Any]:
    """The newest command of the unit."""
    page: dict[str, Any] = await school.office.get(school.path("commands"), limit=1)
    given: dict[str, Any] = page["items"][0]
    return given


async def done(school: School, command: str) -> bool:
    given = await school.office.get(school.path(f"commands/{command}"))
    return bool(given["state"] == "done")


async def audited(school: School, member: int) -> list[str]:
    """What the audit log says of a member, oldest first."""
    rows = await school.office.all_of(school.path("audit"))
    return [row["action"] for row in reversed(rows) if row["object"] == f"member/{member}"]


async def test_a_removal_is_done_and_undone_while_somebody_waits(school: School, members: list[int]) -> None:
    member = members[0]
    assert await school.office.delete(school.path(f"members/{member}")) is None
    assert member not in await active(school)
    removal = await newest(school)
    assert (removal["state"], removal["subject"]) == ("done", f"member/{member}")
    undo = await school.office.post(school.path(f"commands/{removal['id']}/undo"))
    assert (undo["state"], undo["undoes"]) == ("done", removal["id"])
    assert member in await active(school)


async def test_a_group_goes_only_when_registry_says_that_nobody_is_in_it(school: School, members: list[int]) -> None:
    assert len(members) == len(await active(school))
    with pytest.raises(RuntimeError, match=f"group-not-empty.*members: {len(members)}"):
        await school.office.delete(school.path("groups/g1"))
    assert await school.office.delete(school.path("groups/g2")) is None
    codes = [group["code"] for group in (await school.office.get(school.path("groups")))["items"]]
    assert codes == ["g1"]


# Slow: a service is halted and started again.
async def test_while_registry_is_away_a_command_waits_for_it(trial: Trial, school: School, members: list[int]) -> None:
    member = members[1]
    await trial.stack.halt("registry")
    given = await school.office.delete(school.path(f"members/{member}"))
    assert given["state"] == "waiting"
    await trial.stack.resume("registry")
    assert await trial.until("the removal is done", lambda: done(school, given["id"]))
    assert member not in await active(school)
    assert await audited(school, member) == ["member.removal-requested", "member.removed"]


# Slow: services are killed and come back.
async def test_whoever_is_killed_in_between_neither_trace_nor_effect_is_lost(
    trial: Trial, school: School, members: list[int]
) -> None:
    member = members[2]
    await trial.stack.halt("registry")
    given = await school.office.delete(school.path(f"members/{member}"))
    trial.stack.kill("admin-api", signal.SIGKILL)
    await trial.stack.resume("registry")
    trial.stack.kill("registry", signal.SIGKILL)
    await trial.stack.ready("registry")
    await trial.stack.ready("admin-api")
    assert await trial.until("the removal is done", lambda: done(school, given["id"]))
    assert member not in await active(school)
    assert await audited(school, member) == ["member.removal-requested", "member.removed"]


# Slow: services are killed and come back.
async def test_a_kill_while_somebody_waits_for_the_answer_loses_nothing(
    trial: Trial, school: School, members: list[int]
) -> None:
    member = members[3]
    await trial.stack.halt("registry")
    asking = asyncio.create_task(school.office.delete(school.path(f"members/{member}")))

    async def given() -> bool:
        return bool((await newest(school))["subject"] == f"member/{member}")

    assert await trial.until("the command is committed", given)
    trial.stack.kill("admin-api", signal.SIGKILL)
    with pytest.raises(httpx.TransportError):
        await asking
    await trial.stack.ready("admin-api")
    await trial.stack.resume("registry")
    await quiet(trial)
    assert (await newest(school))["state"] == "done"
    assert member not in await active(school)
    assert await audited(school, member) == ["member.removal-requested", "member.removed"]
