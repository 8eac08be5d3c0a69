"""Phone posts: who may post, and what the office is given."""

import pytest

from contracts.commands import ChangePoster, RemoveMember
from contracts.events import Authentication, CommandDone, PostRecognised, PostRefused
from contracts.requests import PostAsk, PostersAsk
from registry import handlers
from runtime.errors import PermanentError
from runtime.ids import new_id
from tests.registry.harness import NO_REPLY, Harness, single

TEACHER = "teacher@au.com"


async def enrol(harness: Harness, member: int, *, group: str = "g1", enrolled: bool = True) -> CommandDone:
    return await harness.give(harness.command(ChangePoster, group=group, member=member, enrolled=enrolled))


async def test_an_enrolled_posters_mail_is_kept_for_the_office(harness: Harness) -> None:
    member = await harness.register(TEACHER, group="g2")
    await enrol(harness, member)
    recognised = single(await harness.post(TEACHER, "早帰り", "正午に下校します。"), PostRecognised)
    assert (recognised.poster, harness.to(recognised.to).copy_ref) == (member, member)
    assert harness.to(recognised.to).address == TEACHER
    ask = PostAsk(unit="sakura", actor="account-1", post=recognised.post)
    content = await handlers.questions.post(harness.context, ask)
    assert (content.subject, content.text) == ("早帰り", "正午に下校します。")
    with pytest.raises(PermanentError, match="unknown-post"):
        await handlers.questions.post(harness.context, ask.model_copy(update={"unit": "momiji"}))
    assert "下校".encode() not in await harness.dump()


async def test_nobody_else_may_post(harness: Harness) -> None:
    member = await harness.register(TEACHER)
    assert single(await harness.post(TEACHER, "件名", "本文"), PostRefused).reason == "not_enrolled"
    assert single(await harness.post("stranger@example.jp", "件名", "本文"), PostRefused).reason == "not_enrolled"
    assert single(await harness.post("", "件名", "本文"), PostRefused).reason == "not_enrolled"
    await enrol(harness, member, group="g2")
    assert single(await harness.post(TEACHER, "件名", "本文", group="g1"), PostRefused).reason == "not_enrolled"
    assert await harness.rows("SELECT * FROM posts") == []


async def test_a_machine_and_an_empty_mail_post_nothing(harness: Harness) -> None:
    member = await harness.register(TEACHER)
    await enrol(harness, member)
    assert single(await harness.post(TEACHER, "件名", "本文", automatic=NO_REPLY), PostRefused).reason == "automatic"
    assert single(await harness.post(TEACHER, " ", "\n"), PostRefused).reason == "empty"


async def test_who_forges_a_posters_mail_is_refused_before_the_poster_is_asked(harness: Harness) -> None:
    await enrol(harness, await harness.register(TEACHER))
    forged = Authentication(spf="fail", dmarc="fail", policy="reject")
    refused = single(await harness.post(TEACHER, "件名", "本文", authentication=forged), PostRefused)
    assert (refused.reason, refused.authentication) == ("not_authentic", forged)
    # What it says of a stranger's mail is the same: nobody learns who is enrolled.
    stranger = single(await harness.post("x@example.jp", "件名", "本文", authentication=forged), PostRefused)
    assert stranger.reason == "not_authentic"


@pytest.mark.parametrize(
    "shown",
    [
        Authentication(),
        Authentication(spf="pass", dkim="pass", dmarc="pass", policy="reject", sender_proven=True),
        Authentication(spf="softfail", dmarc="fail", policy="none"),
        Authentication(spf="fail", dmarc="fail", policy="quarantine"),
        Authentication(spf="fail", dkim="temperror", dmarc="temperror", policy="reject"),
        Authentication(spf="fail", dkim="fail", dmarc="policy", arc="pass", policy="reject"),
    ],
    ids=["nothing shown", "genuine", "p=none", "p=quarantine", "DNS in trouble", "a trusted forwarder vouches"],
)
async def test_the_poster_is_asked_unless_his_domain_says_that_it_cannot_be_him(
    harness: Harness, shown: Authentication
) -> None:
    await enrol(harness, await harness.register(TEACHER))
    recognised = single(await harness.post(TEACHER, "件名", "本文", authentication=shown), PostRecognised)
    assert recognised.authentication == shown


async def test_the_right_ends_with_the_enrolment_and_with_the_membership(harness: Harness) -> None:
    member = await harness.register(TEACHER)
    await enrol(harness, member)
    ask = PostersAsk(unit="sakura", actor="account-1", group="g1")
    assert [each.member for each in (await handlers.posters.posters(harness.context, ask)).members] == [member]
    await enrol(harness, member, enrolled=False)
    assert single(await harness.post(TEACHER, "件名", "本文"), PostRefused).reason == "not_enrolled"
    await enrol(harness, member)
    await harness.give(harness.command(RemoveMember, member=member))
    assert (await handlers.posters.posters(harness.context, ask)).members == ()
    assert single(await harness.post(TEACHER, "件名", "本文"), PostRefused).reason == "not_enrolled"


async def test_only_members_of_existing_groups_can_be_enrolled(harness: Harness) -> None:
    assert (await enrol(harness, new_id())).reason == "unknown-member"
    member = await harness.register(TEACHER)
    assert (await enrol(harness, member, group="g9")).reason == "unknown-group"


async def test_a_poster_who_confirms_proves_that_his_address_lives(harness: Harness) -> None:
    member = await harness.register(TEACHER)
    async with harness.engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE addresses SET state = 'undeliverable', reason = 'unknown_user'")
    await handlers.posts.confirm(harness.context, harness.confirmation("post", new_id(), member))
    assert await harness.rows("SELECT state, reason FROM addresses") == [("active", None)]
