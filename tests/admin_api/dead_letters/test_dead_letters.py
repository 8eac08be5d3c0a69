"""Dead letters: what could not be processed is seen with its reason, handled once more, dropped, and erased in time."""

import base64
import itertools
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import generate_latest

from admin_api.dead_letters import cleaner, handlers
from admin_api.dead_letters.explanations import BY_ANYBODY, KNOWN, explain_dead_letter
from admin_api.dead_letters.handlers import BOUNDS
from admin_api.dead_letters.model import Filter, RowLimits, code_of
from contracts.events import DeadLetter, DeadLetterRetry
from tests.admin_api.service import AdminApi

PATH = "/v1/dead-letters"
LIFE = timedelta(days=30)
SOURCES = Path(__file__).parents[3]
_sequences = itertools.count(1)


def letter(
    number: int, *, reason: str = "PermanentError: unknown_registration", service: str = "registry", **fields: Any
) -> DeadLetter:
    said = b'{"unit": "sakura", "message": 42, "mail": {"box": "c2VhbGVk"}}'
    values: dict[str, Any] = {
        "id": f"EVENTS-{number}-{service}-events",
        "occurred_at": "2026-04-08T00:00:00Z",
        "service": service,
        "consumer": f"{service}-events",
        "subject": "confirmation.given",
        "reason": reason,
        "attempts": 1,
        "headers": {"Renrakumo-Sequence": "7"},
        "payload": base64.b64encode(said).decode(),
    }
    return DeadLetter.model_validate({**values, **fields})


async def arrive(api: AdminApi, *letters: DeadLetter, bounds: RowLimits = BOUNDS) -> None:
    for each in letters:
        data = each.model_dump_json().encode()
        await handlers.arrived(api.context.database, next(_sequences), each.bus_subject(), data, bounds=bounds)


class Operator:
    """Who looks after dead letters, signed in."""

    def __init__(self, api: AdminApi, headers: dict[str, str]) -> None:
        self.api = api
        self._headers = headers

    async def ask(self, method: str, path: str = "", **options: Any) -> httpx.Response:
        return await self.api.client.request(method, PATH + path, headers=self._headers, **options)

    async def listed(self, query: str = "") -> list[dict[str, Any]]:
        answer = await self.ask("GET", query)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    async def decide(self, number: str, word: str) -> dict[str, Any]:
        answer = await self.ask("POST", f"/{number}/{word}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def said(self) -> list[DeadLetterRetry]:
        """What waits to go out to services."""
        rows = await self.api.outbox()
        return [
            DeadLetterRetry.model_validate(payload)
            for subject, payload in rows
            if subject.startswith("dead-letter-retry.")
        ]


@pytest.fixture
async def operator(api: AdminApi) -> Operator:
    return Operator(api, await api.as_("operator", None))


async def test_what_a_service_gave_up_is_seen_with_its_reason_in_words(api: AdminApi, operator: Operator) -> None:
    await arrive(api, letter(1))
    (row,) = await operator.listed()
    assert (row["service"], row["reason"], row["unit"], row["message"]) == (
        "registry",
        "unknown_registration",
        "sakura",
        "42",
    )
    assert (row["state"], row["kept"], row["times_back"], row["decided_at"]) == ("undecided", True, 0, None)
    assert "登録" in row["explanation"]["ja"]
    assert "registration" in row["explanation"]["en"]
    assert (await operator.ask("GET", f"/{row['id']}")).json() == row
    counts = (await operator.ask("GET", "/counts")).json()["items"]
    assert [(each["reason"], each["total"], each["undecided"]) for each in counts] == [("unknown_registration", 1, 1)]


async def test_a_dead_letter_that_is_delivered_twice_is_one(api: AdminApi, operator: Operator) -> None:
    await arrive(api, letter(1), letter(1))
    assert len(await operator.listed()) == 1
    assert (await operator.ask("GET", "/counts")).json()["items"][0]["total"] == 1


async def test_the_list_can_be_narrowed_and_is_read_page_by_page(api: AdminApi, operator: Operator) -> None:
    await arrive(api, *(letter(number) for number in range(5)))
    await arrive(api, letter(9, service="receipts", reason="PermanentError: token_not_ours"))
    assert [row["service"] for row in await operator.listed("?service=receipts")] == ["receipts"]
    assert len(await operator.listed("?reason=unknown_registration&unit=sakura&state=undecided")) == 5
    assert await operator.listed("?unit=momo") == []
    seen: list[str] = []
    after = ""
    while True:
        answer = (await operator.ask("GET", f"?limit=4{after}")).json()
        seen += [row["id"] for row in answer["items"]]
        if answer["next"] is None:
            break
        after = f"&after={answer['next']}"
    assert len(seen) == len(set(seen)) == 6
    assert seen == sorted(seen, key=int, reverse=True)


async def test_a_retry_gives_the_message_back_to_who_gave_it_up_and_keeps_nothing(
    api: AdminApi, operator: Operator
) -> None:
    first = letter(1)
    await arrive(api, first)
    (row,) = await operator.listed()
    shown = await operator.decide(row["id"], "retry")
    assert (shown["state"], shown["kept"]) == ("retried", False)
    assert shown["decided_by"].startswith("account/")
    await operator.decide(row["id"], "retry")  # the same request again
    (again,) = await operator.said()
    assert (again.dead_letter, again.given_up, again.bus_subject()) == (first, False, "dead-letter-retry.registry")
    assert (await operator.ask("POST", f"/{row['id']}/drop")).status_code == 409
    audited = await api.sql("SELECT action, unit FROM office.audit_log WHERE action LIKE 'dead_letter%'")
    assert [tuple(each) for each in audited] == [("dead_letter.retried", "sakura")]


async def test_what_fails_again_is_the_same_entry_with_the_new_reason(api: AdminApi, operator: Operator) -> None:
    first = letter(1)
    await arrive(api, first)
    (row,) = await operator.listed()
    for number in (1, 2, 3):
        await operator.decide(row["id"], "retry")
        back = letter(
            1, id=f"DEADLETTER_RETRIES-{number}-registry-again", reason="SealError: sealed_with_unknown_key", attempts=2
        )
        back = back.model_copy(update={"retry_of": first.id})
        await arrive(api, back, back)
        (now,) = await operator.listed()
        assert (now["id"], now["state"], now["reason"]) == (row["id"], "undecided", "sealed_with_unknown_key")
        assert (now["times_back"], now["attempts"], now["kept"]) == (number, 2, True)
    await arrive(api, first)  # the very first one, delivered late once more
    assert (await operator.listed())[0]["reason"] == "sealed_with_unknown_key"
    said = await operator.said()
    assert len({each.id for each in said}) == 3
    assert {each.dead_letter.first for each in said} == {first.id}


async def test_what_is_dropped_is_gone_for_good(api: AdminApi, operator: Operator) -> None:
    await arrive(api, letter(1))
    (row,) = await operator.listed()
    assert (await operator.decide(row["id"], "drop"))["state"] == "dropped"
    assert (await operator.decide(row["id"], "drop"))["state"] == "dropped"
    assert (await operator.ask("POST", f"/{row['id']}/retry")).status_code == 409
    assert await operator.said() == [], "nobody waits for it"
    blobs = await api.sql("SELECT dead_letter_blob FROM office.dead_letters")
    assert [each["dead_letter_blob"] for each in blobs] == [None]


async def test_copies_of_a_dropped_batch_get_their_outcome_by_the_dispatcher(api: AdminApi, operator: Operator) -> None:
    await arrive(api, letter(1, service="dispatcher", reason="PermanentError: batch_without_content"))
    (row,) = await operator.listed()
    await operator.decide(row["id"], "drop")
    (again,) = await operator.said()
    assert (again.given_up, again.bus_subject()) == (True, "dead-letter-retry.dispatcher")


async def test_many_of_one_kind_are_decided_about_at_once(api: AdminApi, operator: Operator) -> None:
    await arrive(api, *(letter(number) for number in range(4)), letter(9, reason="KeyError"))
    assert (await operator.ask("POST", "/retry", json={})).status_code == 422
    done = (await operator.ask("POST", "/retry", json={"reason": "unknown_registration"})).json()
    assert (done["done"], done["left"]) == (4, 0)
    assert len(await operator.said()) == 4
    assert [row["reason"] for row in await operator.listed("?state=undecided")] == ["KeyError"]
    done = (await operator.ask("POST", "/drop", json={"service": "registry"})).json()
    assert (done["done"], done["left"]) == (1, 0)
    audited = await api.sql("SELECT action, detail->>'count' AS count FROM office.audit_log WHERE object='dead_letter'")
    assert [tuple(each) for each in audited] == [("dead_letter.retried", "4"), ("dead_letter.dropped", "1")]


async def test_a_retry_of_all_reaches_each_once_however_soon_some_fail_again(api: AdminApi, operator: Operator) -> None:
    letters = [letter(number) for number in range(5)]
    await arrive(api, *letters)
    reached: list[str] = []
    after = 0
    for number in range(4):
        part = await handlers.decide_many(
            api.context.database, "test", Filter("registry"), "retried", after=after, at_once=2
        )
        if part.last is None:
            break
        after = part.last
        for again in (await operator.said())[len(reached) :]:
            reached.append(again.dead_letter.first)
            back = again.dead_letter.model_copy(
                update={"id": f"DEADLETTER_RETRIES-{number}-{again.id}", "retry_of": again.dead_letter.first}
            )
            await arrive(api, back)
    assert reached == [each.id for each in letters]
    assert (part.done, part.left) == (0, 5)
    asked = {"service": "registry", "after": str(after)}
    answer = (await operator.ask("POST", "/retry", json=asked)).json()
    assert answer == {"done": 0, "left": 5, "next": None}


async def test_a_message_too_large_to_keep_can_only_be_dropped(api: AdminApi, operator: Operator) -> None:
    await arrive(api, letter(1, payload=""), letter(2))
    (row,) = [each for each in await operator.listed() if not each["kept"]]
    assert (await operator.ask("POST", f"/{row['id']}/retry")).status_code == 409
    done = (await operator.ask("POST", "/retry", json={"service": "registry"})).json()
    assert (done["done"], done["left"]) == (1, 1)
    assert (await operator.decide(row["id"], "drop"))["state"] == "dropped"


async def test_a_flood_that_anybody_can_send_keeps_its_newest_and_counts_the_rest(
    api: AdminApi, operator: Operator
) -> None:
    forged = [letter(number, service="receipts", reason="PermanentError: token_not_ours") for number in range(35)]
    await arrive(api, letter(99), *forged, bounds=RowLimits(anybodys=10))
    rows = await operator.listed("?reason=token_not_ours&limit=200")
    assert len(rows) == 10
    counts = {each["reason"]: each for each in (await operator.ask("GET", "/counts")).json()["items"]}
    flood = counts["token_not_ours"]
    assert (flood["total"], flood["undecided"], flood["let_go"]) == (35, 10, 25)
    assert counts["unknown_registration"]["undecided"] == 1, "others are not crowded out"
    assert BOUNDS.anybodys == 1_000


async def test_how_much_waits_is_shown_on_the_metrics(api: AdminApi) -> None:
    await arrive(api, letter(1), letter(2), letter(3, service="dispatcher"))
    await cleaner.clean(api.context.database, LIFE)
    shown = generate_latest()
    for service, waiting in (("dispatcher", 1), ("registry", 2)):
        sample = f'renrakumo_dead_letters{{reason="unknown_registration",service="{service}"}} {waiting}.0'
        assert sample.encode() in shown


async def test_what_nobody_decides_about_is_erased_in_time(api: AdminApi, operator: Operator) -> None:
    await arrive(api, letter(1), letter(2, service="dispatcher"))
    api.clock.forward(LIFE - timedelta(hours=1))
    assert await handlers.tidy(api.context.database, LIFE) == 0
    api.clock.forward(timedelta(hours=2))
    assert await handlers.tidy(api.context.database, LIFE) == 2
    rows = await api.sql("SELECT state, decided_by, dead_letter_blob FROM office.dead_letters")
    assert {tuple(row) for row in rows} == {("dropped", "time", None)}
    assert [each.bus_subject() for each in await operator.said()] == ["dead-letter-retry.dispatcher"], (
        "no copy waits for ever"
    )
    api.clock.forward(handlers.REMEMBERED)
    await handlers.tidy(api.context.database, LIFE)
    assert await api.sql("SELECT 1 FROM office.dead_letters UNION ALL SELECT 1 FROM office.dead_letter_counts") == []


async def test_what_cannot_be_decrypted_any_more_is_erased_too_and_keeps_nothing_else(
    api: AdminApi, operator: Operator
) -> None:
    await arrive(api, letter(1, service="dispatcher"), letter(2, service="dispatcher"))
    await api.sql("UPDATE office.dead_letters SET dead_letter_key_id = 'lost' WHERE first LIKE 'EVENTS-1-%'")
    (lost,) = await api.sql("SELECT id FROM office.dead_letters WHERE dead_letter_key_id = 'lost'")
    assert (await operator.ask("POST", f"/{lost['id']}/retry")).status_code == 409
    part = await handlers.decide_many(api.context.database, "test", Filter("dispatcher"), "retried")
    assert (part.done, part.left) == (1, 1)
    await arrive(api, letter(3, service="dispatcher"))
    api.clock.forward(LIFE + timedelta(hours=1))
    assert await handlers.tidy(api.context.database, LIFE) == 2
    rows = await api.sql("SELECT state, dead_letter_blob FROM office.dead_letters")
    assert sorted(tuple(row) for row in rows) == [("dropped", None), ("dropped", None), ("retried", None)]


async def test_what_is_no_dead_letter_at_all_is_kept_too(api: AdminApi, operator: Operator) -> None:
    await handlers.arrived(api.context.database, 77, "dead.receipts", b"{not json")
    (row,) = await operator.listed()
    assert (row["service"], row["reason"], row["unit"]) == ("receipts", "dead_letter_not_understood", None)


async def test_nothing_of_a_message_can_be_read_in_the_database(api: AdminApi) -> None:
    secret = base64.b64encode(b'{"unit": "sakura", "text": "hanako@docomo.ne.jp"}').decode()
    await arrive(api, letter(1, payload=secret, headers={"X": "hanako@docomo.ne.jp"}, reason="OSError: a@b.example"))
    rows = await api.sql("SELECT dead_letters::text AS line, dead_letter_blob FROM office.dead_letters")
    for row in rows:
        assert "@" not in row["line"]
        assert "hanako" not in row["line"]
        assert b"hanako" not in row["dead_letter_blob"]
        assert secret.encode() not in row["dead_letter_blob"]


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("PermanentError: token_not_ours", "token_not_ours"),
        ("KeyError", "KeyError"),
        ("IntegrityError (SQLSTATE 23505)", "IntegrityError"),
        ("TypeError: 'NoneType' object is not iterable", "TypeError"),
        ("", "unknown"),
    ],
)
def test_reasons_are_counted_by_static_codes(reason: str, code: str) -> None:
    assert code_of(reason) == code


def test_every_reason_with_which_a_service_gives_up_has_words() -> None:
    raised = re.compile(r"\b(?:PermanentError|SealError|CipherError|UnknownKey|BusRefused)\(\s*\"([a-z_0-9]+)\"")
    sources = [*SOURCES.glob("services/*/src/**/*.py"), *SOURCES.glob("libs/runtime/src/**/*.py")]
    found = {code for source in sources for code in raised.findall(source.read_text())}
    assert len(found) > 25
    assert found <= KNOWN
    assert found | {"token_not_ours"} >= BY_ANYBODY
    for code in (*KNOWN, "KeyError"):
        words = explain_dead_letter(code, f"PermanentError: {code}")
        assert words.ja.endswith("。"), code
        assert words.en.endswith("."), code


def test_what_registry_refused_is_told_with_its_word_and_in_the_counts_not_called_a_mistake() -> None:
    assert "unknown-post" in explain_dead_letter("RequestRefused", "RequestRefused: unknown-post").en
    assert explain_dead_letter("RequestRefused", "").en.startswith("Registry refused")
    assert not explain_dead_letter("KeyError", "").en.startswith("Registry refused")
