"""Nobody sees an address. A small story is lived in a trial, then every address and name that was used is looked for in
all logs, on the bus, in both databases and their files, in metrics and in answers."""

import base64
import json
import quopri
from collections.abc import AsyncIterator, Iterable, Sequence
from urllib.parse import quote

import pytest
import pytest_asyncio

from mail.addresses import normalise
from renrakumo_cli.local.services import SERVICES
from simulator import bus_view, databases
from simulator.behaviour import Behaviour, resetting
from simulator.school import open_school
from simulator.trial import Trial
from tests.system.story import AYA, MITARAI, PEOPLE, SCHOOL, Story, addresses, live, names
from tests.system.traces import Search, Trace

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]


# Slow: a whole trial is started, and all that can happen in a school happens in it.
@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def story(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Story]:
    carriers = {"au": resetting(every=4), "gmail": Behaviour()}
    async with await Trial.build(
        tmp_path_factory.mktemp("privacy"), people=PEOPLE, carriers=carriers, say=print
    ) as trial:
        school = await open_school(trial, "hoshi", "ほし小学校", receipts=True, groups={"g1": "1年"})
        nursery = await open_school(trial, "tsuki", "つき保育園", receipts=False, groups={"n1": "ほし組"})
        async with bus_view.listening(trial.stack, "inbound.>") as mail:
            told = Story(trial, school, nursery, mail)
            await live(told)
        yield told


def none(traces: Iterable[Trace]) -> None:
    """Fails with where and in what form, if there are any."""
    found = list(traces)
    shown = "\n".join(f"{trace.text!r} as {trace.form} in {trace.place}" for trace in found[:20])
    assert not found, f"{len(found)} traces:\n{shown}"


@pytest.fixture(scope="module")
def everything() -> Search:
    """Addresses and names, in every form."""
    return Search([*addresses(), *names()])


@pytest.mark.parametrize("text", ["勅使河原", "tessy..saku@docomo.ne.jp", "綾小路 輝之進"])
async def test_the_search_finds_a_text_in_whatever_form_it_was_written(text: str) -> None:
    search = Search([text])
    octets = text.encode()
    written = {
        "log line": json.dumps({"error": f"cannot write to {text}"}, ensure_ascii=False).encode(),
        "escaped JSON": json.dumps({"error": f"x{text}"}).encode(),
        "upper case": text.upper().encode(),
        "Python repr": repr(b"x" + octets).encode(),
        "dump of bytes": b"\\\\x" + (b"ab" + octets).hex().encode(),
        "quoted-printable": quopri.encodestring(b"=" * 60 + octets),
        "URL": quote(f"?q={text}").encode(),
        "phone mail": text.encode("iso2022_jp") if not text.isascii() else octets,
        "old phone": text.encode("cp932"),
        **{f"base64 {n}": base64.encodebytes(b"a" * (50 + n) + octets + b"b") for n in range(3)},
        **{f"base64url {n}": base64.urlsafe_b64encode(b"?" * n + octets) for n in range(3)},
    }
    missed = [form for form, data in written.items() if not list(search.in_bytes(form, b"before " + data + b" after"))]
    assert not missed
    assert not list(search.in_bytes("innocent", b"before and after"))


async def test_the_search_finds_what_stands_in_the_parents_own_mailboxes(story: Story, everything: Search) -> None:
    mails = [mail for carrier in story.trial.carriers.values() for mail in carrier.received]
    raw = b"\n".join(mail.raw for mail in mails)
    found = {trace.text.lower() for trace in everything.in_bytes("mailboxes", raw)}
    print(f"\n{len(everything)} forms of {len(addresses())} addresses and {len(names())} names; {len(mails)} mails")
    assert {normalise(one.address) for one in PEOPLE} <= found
    for child in (one.children[0] for one in SCHOOL):
        assert {child.given, child.given_romaji.lower(), child.given_kana} & found, child.given


async def test_no_file_that_a_service_or_the_bus_wrote_holds_an_address_or_a_name(
    story: Story, everything: Search
) -> None:
    state = story.trial.stack.configuration.state
    assert (state / "nats" / "store").is_dir()
    assert all(path.is_file() for path in story.trial.stack.log_paths().values())
    none(everything.in_folder(state, leave_out=frozenset({"postgres", "secrets"})))
    log = state / "postgres" / "postgres.log"
    none(everything.in_bytes("postgres.log", log.read_bytes()))


async def test_no_message_on_the_bus_holds_an_address_or_a_name(story: Story, everything: Search) -> None:
    messages = [*await bus_view.messages(story.trial.stack), *story.mail]
    streams = {message.stream for message in messages}
    print(f"\n{len(messages)} messages in {sorted(streams)}")
    assert {message.subject for message in story.mail} >= {f"inbound.{kind}" for kind in ("entry", "reply", "post")}
    assert {"EVENTS", "OUTCOMES", "PROGRESS", "KV_directory", "KV_content"} <= streams
    for message in messages:
        none(everything.in_bytes(f"{message.stream}/{message.sequence} {message.subject}", message.raw()))


@pytest.mark.parametrize("database", [databases.GENERAL_DATABASE, databases.PERSONAL_DATABASE])
async def test_no_dump_of_a_database_holds_an_address_or_a_name(
    story: Story, everything: Search, database: str
) -> None:
    dump = await databases.dump(story.trial.stack, database)
    assert b"CREATE TABLE" in dump
    none(everything.in_bytes(f"dump of {database}", dump))


# Slow: every octet of both databases is searched for every form of every address and name.
async def test_no_file_of_the_databases_holds_an_address_or_a_name(story: Story) -> None:
    plain = Search([*addresses(), *names()], plain=True)
    await databases.rows(story.trial.stack, databases.PERSONAL_DATABASE, "CHECKPOINT")
    none(plain.in_folder(story.trial.stack.configuration.state / "postgres"))


async def test_metrics_health_openapi_and_public_pages_hold_none(story: Story, everything: Search) -> None:
    assert len(story.said) > 3 * len(SERVICES)
    for place, text in story.said.items():
        none(everything.in_bytes(place, text.encode()))


async def test_no_answer_of_the_office_holds_an_address(story: Story) -> None:
    search = Search(addresses())
    for school in (story.school, story.nursery):
        for number, text in enumerate(school.office.said):
            none(search.in_bytes(f"answer {number} to {school.code}", text.encode()))


async def test_names_are_shown_only_where_the_receipts_option_is(story: Story, everything: Search) -> None:
    shown = _found(Search(names()), story.school.office.said)
    assert AYA.children[0].given in shown
    assert MITARAI.children[0].given not in shown
    assert not _found(everything, story.nursery.office.said)


def _found(search: Search, texts: Sequence[str]) -> set[str]:
    return {trace.text for text in texts for trace in search.in_bytes("answers", text.encode())}
