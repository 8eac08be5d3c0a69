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
from tests.admin_api.service import START, AdminApi

POSTER = 11


def _recognised(api: AdminApi, **changed: Any) -> PostRecognised:
    sealed = api.context.sealer.seal(RecipientCards(cards=()), "dispatcher")
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


async def _hold(api: AdminApi, **changed: Any) -> PostHeld:
    await posts.recognised(api.context, _recognised(api, **changed))
    return PostHeld.model_validate((await api.outbox("post.held"))[-1])


async def _approved(api: AdminApi) -> list[MessageApproved]:
    return [MessageApproved.model_validate(event) for event in await api.outbox("message.approved")]


async def _closed(api: AdminApi) -> list[PostClosed]:
    return [PostClosed.model_validate(event) for event in await api.outbox("post.closed")]


async def test_a_post_is_held_and_its_sender_is_shown_what_goes_to_how_many(api: AdminApi) -> None:
    api.bus.answers[requests.POST] = PostContent(subject="緊急　下校", text="あ" * 500)
    held = await _hold(api)
    assert (held.group, held.poster, held.recipients, held.to.carrier) == ("xx1", POSTER, 3, "docomo")
    shown = api.open("dispatcher", CardFields, held.excerpt.model_dump())
    assert shown.fields["subject"] == "緊急 下校"
    assert shown.fields["excerpt"] == "あ" * 200 + "…"
    assert await _approved(api) == []
    headers = await api.as_("administrator")
    (message,) = (await api.client.get("/v1/units/sakura/messages?state=held", headers=headers)).json()["items"]
    assert (message["id"], message["lane"], message["groups"]) == (str(held.message), "urgent", ["xx1"])
    assert message["posted_by"] == str(POSTER)


async def test_the_reply_sends_it_once_and_tells_the_sender_to_how_many(api: AdminApi) -> None:
    held = await _hold(api)
    api.bus.answers[requests.AUDIENCE] = AudienceSize(people=5, copies=5)
    confirmation = _confirmed(held.message)
    await posts.confirmed(api.context, confirmation)
    await posts.confirmed(api.context, confirmation)
    (approved,) = await _approved(api)
    assert (approved.message, approved.groups, approved.lane) == (held.message, ("xx1",), "ordinary")
    assert approved.content_key in api.bus.bucket("content")
    (closed,) = await _closed(api)
    assert (closed.outcome, closed.recipients, closed.to) == ("sent", 5, held.to)


async def test_a_second_reply_is_told_that_it_went_already(api: AdminApi) -> None:
    held = await _hold(api)
    await posts.confirmed(api.context, _confirmed(held.message, 1))
    await posts.confirmed(api.context, _confirmed(held.message, 2))
    assert len(await _approved(api)) == 1
    assert [closed.outcome for closed in await _closed(api)] == ["sent", "already_sent"]


async def test_a_reply_that_comes_too_late_sends_nothing(api: AdminApi) -> None:
    held = await _hold(api)
    await posts.confirmed(api.context, _confirmed(held.message, 1, expired=True))
    await posts.confirmed(api.context, _confirmed(held.message, 2))
    assert await _approved(api) == []
    assert [closed.outcome for closed in await _closed(api)] == ["expired", "cancelled"]


async def test_a_reply_that_waited_for_days_sends_nothing(api: AdminApi) -> None:
    held = await _hold(api)
    api.clock.forward(timedelta(hours=25))
    await posts.confirmed(api.context, _confirmed(held.message))
    assert await _approved(api) == []
    assert [closed.outcome for closed in await _closed(api)] == ["expired"]


@pytest.mark.parametrize("changed", [{"recipient_ref": 12}, {"message_ref": 999}, {"unit": "momo"}])
async def test_somebody_elses_confirmation_sends_nothing(api: AdminApi, changed: dict[str, Any]) -> None:
    held = await _hold(api)
    with pytest.raises(PermanentError):
        await posts.confirmed(api.context, _confirmed(held.message).model_copy(update=changed))
    assert await _approved(api) == []


async def test_the_same_post_told_twice_is_held_once(api: AdminApi) -> None:
    await _hold(api)
    await _hold(api)
    assert len(await api.outbox("post.held")) == 1
    assert len(await api.sql("SELECT id FROM office.messages")) == 1


async def test_while_registry_is_away_the_post_waits_on_the_bus(api: AdminApi) -> None:
    api.bus.away = True
    with pytest.raises(BusUnavailable):
        await posts.recognised(api.context, _recognised(api))
    api.bus.away = False
    await _hold(api)


async def test_a_post_that_registry_no_longer_has_is_given_up(api: AdminApi) -> None:
    api.bus.answers[requests.POST] = RequestRefused("unknown-post")
    with pytest.raises(PermanentError):
        await posts.recognised(api.context, _recognised(api))


async def test_an_administrator_may_decide_for_a_held_post_and_its_sender_hears_it(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    first = await _hold(api)
    second = await _hold(api, id="inbound-2/post-recognised", post=502)
    path = "/v1/units/sakura/messages"
    assert (await api.client.post(f"{path}/{first.message}/approve", headers=headers)).status_code == 200
    assert (await api.client.post(f"{path}/{second.message}/cancel", headers=headers)).status_code == 200
    assert [closed.outcome for closed in await _closed(api)] == ["sent", "cancelled"]
    assert [approved.message for approved in await _approved(api)] == [first.message]


async def test_refused_posts_are_seen_by_administrators_without_who_it_was(api: AdminApi) -> None:
    event = PostRefused(id="e/1", occurred_at=START, unit="sakura", group="xx1", reason="not_enrolled")
    await posts.refused(api.context, event)
    await posts.refused(api.context, event)
    headers = await api.as_("administrator")
    (seen,) = (await api.client.get("/v1/units/sakura/post-attempts", headers=headers)).json()["items"]
    assert (seen["group"], seen["reason"]) == ("xx1", "not_enrolled")
    assert set(seen) == {"id", "group", "reason", "at", "tries", "explanation", "authentication"}
    assert "登録されていない" in seen["explanation"]["ja"]
    assert seen["authentication"] is None


async def test_administrators_read_why_a_forged_post_was_refused(api: AdminApi) -> None:
    forged = Authentication(spf="fail", dkim="none", dmarc="fail", policy="reject")
    event = PostRefused(
        id="e/2", occurred_at=START, unit="sakura", group="xx1", reason="not_authentic", authentication=forged
    )
    await posts.refused(api.context, event)
    headers = await api.as_("administrator")
    (seen,) = (await api.client.get("/v1/units/sakura/post-attempts", headers=headers)).json()["items"]
    assert seen["reason"] == "not_authentic"
    assert "差出人を名のる偽のメールでした（DMARC: fail、ポリシー: reject）" in seen["explanation"]["ja"]
    assert "forged" in seen["explanation"]["en"]
    assert seen["authentication"]["explanation"]["ja"].startswith("差出人の証明：SPF 不合格、DKIM なし、DMARC 不合格。")
    assert {**forged.model_dump()}.items() <= seen["authentication"].items()


async def test_a_held_post_shows_where_it_came_from_and_the_confirmation_is_on_record(api: AdminApi) -> None:
    genuine = Authentication(spf="pass", dkim="pass", dmarc="pass", policy="none", sender_proven=True)
    held = await _hold(api, authentication=genuine)
    headers = await api.as_("administrator")
    path = f"/v1/units/sakura/messages/{held.message}"
    shown = (await api.client.get(path, headers=headers)).json()["authentication"]
    assert shown["sender_proven"] is True
    assert shown["explanation"]["ja"] == (
        "差出人の証明：SPF 合格、DKIM 合格、DMARC 合格。差出人のドメインから送られたことが確かめられました。"
    )
    # The reply came through a carrier that signs nothing, in a way that his domain would want refused: the token counts.
    forwarded = Authentication(spf="fail", dmarc="fail", policy="reject")
    await posts.confirmed(api.context, _confirmed(held.message, authentication=forwarded))
    assert [closed.outcome for closed in await _closed(api)] == ["sent"]
    log = (await api.client.get("/v1/units/sakura/audit", headers=headers)).json()["items"]
    (entry,) = [row for row in log if row["action"] == "message.confirmed"]
    assert entry["detail"] == {"outcome": "sent", "spf": "fail", "dkim": "none", "dmarc": "fail"}


async def test_administrators_see_that_somebody_tries_out_a_post_address(api: AdminApi) -> None:
    event = InboundSecretProbe(id="secret-probe-1", occurred_at=START, unit="sakura", group="xx1", tries=30)
    for _ in range(2):
        await posts.probed(api.context, event)
    headers = await api.as_("administrator")
    (seen,) = (await api.client.get("/v1/units/sakura/post-attempts", headers=headers)).json()["items"]
    assert (seen["group"], seen["reason"], seen["tries"]) == ("xx1", "secret-probe", 30)


async def test_confirmations_of_other_kinds_are_none_of_ours(api: AdminApi) -> None:
    await posts.confirmed(api.context, _confirmed(1, kind="leave"))
    assert await api.outbox("post.closed") == []


async def test_text_and_poster_of_a_held_post_are_not_readable_in_the_database(api: AdminApi) -> None:
    await _hold(api)
    (row,) = await api.sql("SELECT messages::text AS text FROM office.messages")
    assert "遠足" not in row["text"]
    assert "無事に着きました".encode().hex() not in row["text"]
