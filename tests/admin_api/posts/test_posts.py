"""A message written on a phone is held, shown to its sender, and sent only when he replies, once."""

from datetime import timedelta
from typing import Any

import pytest

from admin_api.posts import handlers as posts
from contracts import requests
from contracts.events import (
    Addressee,
    Authentication,
    ConfirmationGiven,
    InboundSecretProbe,
    MessageApproved,
    PostClosed,
    PostHeld,
    PostRecognised,
    PostRefused,
)
from contracts.requests import AudienceSize, PostContent
from contracts.sealed import CardFields, RecipientCards
from runtime.errors import BusUnavailable, PermanentError, RequestRefused
from tests.admin_api.service import START, Desk

POSTER = 11


def _recognised(desk: Desk, **changed: Any) -> PostRecognised:
    sealed = desk.office.sealer.seal(RecipientCards(cards=()), "dispatcher")
    values = {
        "id": "inbound-1/post-recognised",
        "occurred_at": START,
        "unit": "sakura",
        "group": "xx1",
        "post": 501,
        "poster": POSTER,
        "to": Addressee(recipient=sealed, carrier="docomo", sender_key="a" * 64),
    }
    return PostRecognised.model_validate({**values, **changed})


def _confirmed(message: int, number: int = 1, **changed: Any) -> ConfirmationGiven:
    values = {
        "id": f"inbound-{number + 10}/confirmed",
        "occurred_at": START,
        "unit": "sakura",
        "kind": "post",
        "message_ref": message,
        "recipient_ref": POSTER,
        "issued_at": START,
    }
    return ConfirmationGiven.model_validate({**values, **changed})


async def _hold(desk: Desk, **changed: Any) -> PostHeld:
    await posts.recognised(desk.office, _recognised(desk, **changed))
    return PostHeld.model_validate((await desk.outbox("post.held"))[-1])


async def _approved(desk: Desk) -> list[MessageApproved]:
    return [MessageApproved.model_validate(event) for event in await desk.outbox("message.approved")]


async def _closed(desk: Desk) -> list[PostClosed]:
    return [PostClosed.model_validate(event) for event in await desk.outbox("post.closed")]


async def test_a_post_is_held_and_its_sender_is_shown_what_goes_to_how_many(desk: Desk) -> None:
    desk.bus.answers[requests.POST] = PostContent(subject="緊急　下校", text="あ" * 500)
    held = await _hold(desk)
    assert (held.group, held.poster, held.recipients, held.to.carrier) == ("xx1", POSTER, 3, "docomo")
    shown = desk.open("dispatcher", CardFields, held.excerpt.model_dump())
    assert shown.fields["subject"] == "緊急 下校"
    assert shown.fields["excerpt"] == "あ" * 200 + "…"
    assert await _approved(desk) == []
    headers = await desk.as_("administrator")
    (message,) = (await desk.client.get("/v1/units/sakura/messages?state=held", headers=headers)).json()["items"]
    assert (message["id"], message["lane"], message["groups"]) == (str(held.message), "urgent", ["xx1"])
    assert message["posted_by"] == str(POSTER)


async def test_the_reply_sends_it_once_and_tells_the_sender_to_how_many(desk: Desk) -> None:
    held = await _hold(desk)
    desk.bus.answers[requests.AUDIENCE] = AudienceSize(people=5, copies=5)
    confirmation = _confirmed(held.message)
    await posts.confirmed(desk.office, confirmation)
    await posts.confirmed(desk.office, confirmation)
    (approved,) = await _approved(desk)
    assert (approved.message, approved.groups, approved.lane) == (held.message, ("xx1",), "ordinary")
    assert f"content/{approved.content_key}" in desk.bus.bucket
    (closed,) = await _closed(desk)
    assert (closed.outcome, closed.recipients, closed.to) == ("sent", 5, held.to)


async def test_a_second_reply_is_told_that_it_went_already(desk: Desk) -> None:
    held = await _hold(desk)
    await posts.confirmed(desk.office, _confirmed(held.message, 1))
    await posts.confirmed(desk.office, _confirmed(held.message, 2))
    assert len(await _approved(desk)) == 1
    assert [closed.outcome for closed in await _closed(desk)] == ["sent", "already_sent"]


async def test_a_reply_that_comes_too_late_sends_nothing(desk: Desk) -> None:
    held = await _hold(desk)
    await posts.confirmed(desk.office, _confirmed(held.message, 1, expired=True))
    await posts.confirmed(desk.office, _confirmed(held.message, 2))
    assert await _approved(desk) == []
    assert [closed.outcome for closed in await _closed(desk)] == ["expired", "cancelled"]


async def test_a_reply_that_was_held_for_days_sends_nothing(desk: Desk) -> None:
    held = await _hold(desk)
    desk.clock.forward(timedelta(hours=25))
    await posts.confirmed(desk.office, _confirmed(held.message))
    assert await _approved(desk) == []
    assert [closed.outcome for closed in await _closed(desk)] == ["expired"]


@pytest.mark.parametrize("changed", [{"recipient_ref": 12}, {"message_ref": 999}, {"unit": "momo"}])
async def test_somebody_elses_confirmation_sends_nothing(desk: Desk, changed: dict[str, Any]) -> None:
    held = await _hold(desk)
    with pytest.raises(PermanentError):
        await posts.confirmed(desk.office, _confirmed(held.message).model_copy(update=changed))
    assert await _approved(desk) == []


async def test_the_same_post_told_twice_is_held_once(desk: Desk) -> None:
    await _hold(desk)
    await _hold(desk)
    assert len(await desk.outbox("post.held")) == 1
    assert len(await desk.sql("SELECT id FROM office.messages")) == 1


async def test_while_registry_is_away_the_post_waits_on_the_bus(desk: Desk) -> None:
    desk.bus.away = True
    with pytest.raises(BusUnavailable):
        await posts.recognised(desk.office, _recognised(desk))
    desk.bus.away = False
    await _hold(desk)


async def test_a_post_that_registry_no_longer_has_is_given_up(desk: Desk) -> None:
    desk.bus.answers[requests.POST] = RequestRefused("unknown-post")
    with pytest.raises(PermanentError):
        await posts.recognised(desk.office, _recognised(desk))


async def test_an_administrator_may_decide_for_a_held_post_and_its_sender_hears_it(desk: Desk) -> None:
    headers = await desk.as_("administrator")
    first = await _hold(desk)
    second = await _hold(desk, id="inbound-2/post-recognised", post=502)
    path = "/v1/units/sakura/messages"
    assert (await desk.client.post(f"{path}/{first.message}/approve", headers=headers)).status_code == 200
    assert (await desk.client.post(f"{path}/{second.message}/cancel", headers=headers)).status_code == 200
    assert [closed.outcome for closed in await _closed(desk)] == ["sent", "cancelled"]
    assert [approved.message for approved in await _approved(desk)] == [first.message]


async def test_refused_posts_are_seen_by_administrators_without_who_it_was(desk: Desk) -> None:
    event = PostRefused(id="e/1", occurred_at=START, unit="sakura", group="xx1", reason="not_enrolled")
    await posts.refused(desk.office, event)
    await posts.refused(desk.office, event)
    headers = await desk.as_("administrator")
    (seen,) = (await desk.client.get("/v1/units/sakura/post-attempts", headers=headers)).json()["items"]
    assert (seen["group"], seen["reason"]) == ("xx1", "not_enrolled")
    assert set(seen) == {"id", "group", "reason", "at", "tries", "explanation", "authentication"}
    assert "登録されていない" in seen["explanation"]["ja"]
    assert seen["authentication"] is None


async def test_administrators_read_why_a_forged_post_was_refused(desk: Desk) -> None:
    forged = Authentication(spf="fail", dkim="none", dmarc="fail", policy="reject")
    event = PostRefused(
        id="e/2", occurred_at=START, unit="sakura", group="xx1", reason="not_authentic", authentication=forged
    )
    await posts.refused(desk.office, event)
    headers = await desk.as_("administrator")
    (seen,) = (await desk.client.get("/v1/units/sakura/post-attempts", headers=headers)).json()["items"]
    assert seen["reason"] == "not_authentic"
    assert "差出人を名のる偽のメールでした（DMARC: fail、ポリシー: reject）" in seen["explanation"]["ja"]
    assert "forged" in seen["explanation"]["en"]
    assert seen["authentication"]["explanation"]["ja"].startswith("差出人の証明：SPF 不合格、DKIM なし、DMARC 不合格。")
    assert {**forged.model_dump()}.items() <= seen["authentication"].items()


async def test_a_held_post_shows_where_it_came_from_and_the_confirmation_is_on_record(desk: Desk) -> None:
    genuine = Authentication(spf="pass", dkim="pass", dmarc="pass", policy="none", sender_proven=True)
    held = await _hold(desk, authentication=genuine)
    headers = await desk.as_("administrator")
    path = f"/v1/units/sakura/messages/{held.message}"
    shown = (await desk.client.get(path, headers=headers)).json()["authentication"]
    assert shown["sender_proven"] is True
    assert shown["explanation"]["ja"] == (
        "差出人の証明：SPF 合格、DKIM 合格、DMARC 合格。差出人のドメインから送られたことが確かめられました。"
    )
    # The reply came through a carrier that signs nothing, in a way that his domain would want refused: the token counts.
    forwarded = Authentication(spf="fail", dmarc="fail", policy="reject")
    await posts.confirmed(desk.office, _confirmed(held.message, authentication=forwarded))
    assert [closed.outcome for closed in await _closed(desk)] == ["sent"]
    log = (await desk.client.get("/v1/units/sakura/audit", headers=headers)).json()["items"]
    (entry,) = [row for row in log if row["action"] == "message.confirmed"]
    assert entry["detail"] == {"outcome": "sent", "spf": "fail", "dkim": "none", "dmarc": "fail"}


async def test_administrators_see_that_somebody_tries_out_a_post_address(desk: Desk) -> None:
    event = InboundSecretProbe(id="guessed-1", occurred_at=START, unit="sakura", group="xx1", tries=30)
    for _ in range(2):
        await posts.guessed(desk.office, event)
    headers = await desk.as_("administrator")
    (seen,) = (await desk.client.get("/v1/units/sakura/post-attempts", headers=headers)).json()["items"]
    assert (seen["group"], seen["reason"], seen["tries"]) == ("xx1", "guessed", 30)


async def test_confirmations_of_other_kinds_are_none_of_ours(desk: Desk) -> None:
    await posts.confirmed(desk.office, _confirmed(1, kind="leave"))
    assert await desk.outbox("post.closed") == []


async def test_text_and_poster_of_a_held_post_are_not_readable_in_the_database(desk: Desk) -> None:
    await _hold(desk)
    (row,) = await desk.sql("SELECT messages::text AS text FROM office.messages")
    assert "遠足" not in row["text"]
    assert "無事に着きました".encode().hex() not in row["text"]
