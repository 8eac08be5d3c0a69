"""What DNS said is remembered for as long as it may be, and shared by all who ask at the same time."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from runtime.dns.cache import MAX_OCTETS, AnswerCache, DnsCache
from runtime.dns.client import DnsTrouble, Found, SystemDns
from simulator.dns_server import DnsServer


class Clock:
    """Time that a test moves on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def dns() -> AsyncIterator[DnsServer]:
    async with DnsServer(
        {"a.example": {"MX": ["10 mx.example."], "A": ["192.0.2.1"], "TXT": ['"one " "text"']}}
    ) as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def memory(dns: DnsServer, clock: Clock) -> DnsCache:
    return DnsCache(SystemDns([dns.address]), now=clock)


async def test_all_kinds_of_answers_are_remembered_apart(dns: DnsServer, memory: DnsCache) -> None:
    for _ in range(2):
        assert [one.host for one in (await memory.mx("a.example")).records] == ["mx.example"]
        assert (await memory.addresses("a.example", "A")).records == ("192.0.2.1",)
        assert (await memory.addresses("a.example", "AAAA")).records == ()
        assert (await memory.texts("a.example")).records == ("one text",)
    assert set(dns.asked.values()) == {1}


@pytest.mark.parametrize("ttl, kept", [(300, 300), (0, 60), (5, 60), (86_400, 3600)])
async def test_an_answer_is_kept_for_its_ttl_within_bounds(
    dns: DnsServer, memory: DnsCache, clock: Clock, ttl: int, kept: int
) -> None:
    dns.ttl = ttl
    await memory.mx("a.example")
    clock.now = kept - 1
    await memory.mx("a.example")
    assert dns.asked["a.example", "MX"] == 1
    clock.now = kept
    await memory.mx("a.example")
    assert dns.asked["a.example", "MX"] == 2


@pytest.mark.parametrize("name", ["gone.example", "empty.example"])
@pytest.mark.parametrize("minimum, kept", [(120, 120), (1, 30), (86_400, 900)])
async def test_a_no_is_kept_for_as_long_as_its_zone_says_within_bounds(
    dns: DnsServer, memory: DnsCache, clock: Clock, name: str, minimum: int, kept: int
) -> None:
    dns.zone["empty.example"] = {"TXT": ['"-"']}
    dns.no_ttl = minimum
    assert not (await memory.mx(name)).records
    clock.now = kept - 1
    assert not (await memory.mx(name)).records
    assert dns.asked[name, "MX"] == 1
    clock.now = kept
    await memory.mx(name)
    assert dns.asked[name, "MX"] == 2


async def test_trouble_is_remembered_for_moments_only(dns: DnsServer, memory: DnsCache, clock: Clock) -> None:
    dns.servfail.add("a.example")
    for _ in range(3):
        with pytest.raises(DnsTrouble):
            await memory.mx("a.example")
    assert dns.asked["a.example", "MX"] == 1
    dns.servfail.clear()
    clock.now = 5
    assert (await memory.mx("a.example")).records


async def test_many_who_ask_at_once_share_one_question(dns: DnsServer, memory: DnsCache) -> None:
    dns.hold = asyncio.Event()
    waiting = [asyncio.create_task(memory.mx("a.example")) for _ in range(50)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # one that gives up takes the answer from nobody else
    dns.hold.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert all(not isinstance(answer, BaseException) for answer in answers[1:])
    assert dns.asked["a.example", "MX"] == 1


async def test_long_answers_are_forgotten_before_they_fill_the_memory() -> None:
    asked: list[str] = []

    async def long(name: str) -> Found[str]:
        asked.append(name)
        return Found(("x" * 1_000_000,), 300)

    answers = AnswerCache(long, lambda: 0.0)
    for number in (*range(20), 0, 19):
        await answers.get(f"{number}.example")
    assert asked == [f"{number}.example" for number in (*range(20), 0)]
    assert sum(answers.has(f"{number}.example") for number in range(20)) == MAX_OCTETS // 1_000_000


async def test_behind_names_that_never_answer_nobody_waits_without_end(dns: DnsServer) -> None:
    dns.silent |= {f"{number}.silent.example" for number in range(600)}
    asked = SystemDns([dns.address], seconds=0.5)
    answers = await asyncio.gather(
        *(asked.texts(f"{number}.silent.example") for number in range(600)), return_exceptions=True
    )
    assert all(isinstance(answer, DnsTrouble) for answer in answers)
    assert len(dns.asked) <= 400
    assert (await asked.texts("a.example")).records


async def test_while_dns_is_away_an_old_answer_stands_in_for_a_day(
    dns: DnsServer, memory: DnsCache, clock: Clock
) -> None:
    await memory.mx("a.example")
    dns.servfail.add("a.example")
    clock.now = 301
    assert (await memory.mx("a.example")).records
    clock.now = 301 + 86_400
    # The old answer no longer stands in, and who asks now waits for DNS itself.
    with pytest.raises(DnsTrouble):
        await memory.mx("a.example")


async def test_an_old_answer_that_stands_in_is_given_at_once_and_renewed_beside(
    dns: DnsServer, memory: DnsCache, clock: Clock
) -> None:
    await memory.mx("a.example")
    dns.servfail.add("a.example")
    clock.now = 301
    await memory.mx("a.example")
    dns.servfail.clear()
    dns.zone["a.example"]["MX"] = ["10 new.example."]
    dns.hold = asyncio.Event()
    clock.now = 310
    assert [one.host for one in (await memory.mx("a.example")).records] == ["mx.example"]
    dns.hold.set()
    await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()}, timeout=10)
    assert [one.host for one in (await memory.mx("a.example")).records] == ["new.example"]


async def test_a_no_never_stands_in(dns: DnsServer, memory: DnsCache, clock: Clock) -> None:
    assert not (await memory.mx("gone.example")).exists
    dns.servfail.add("gone.example")
    clock.now = 1000
    with pytest.raises(DnsTrouble):
        await memory.mx("gone.example")
