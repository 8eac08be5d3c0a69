"""Reports are told from mail at the server: no delivery report is answered, counted as an answer or forwarded one by one,
and a complaint reaches those who can check its token, whichever address it came to."""

import pytest

from contracts.events import (
    InboundBounce,
    InboundEntry,
    InboundFeedback,
    InboundInfo,
    InboundOperator,
    InboundPost,
    InboundReply,
)
from contracts.sealed import RawMail
from simulator import mailer
from simulator.behaviour import LateDsn
from simulator.complaints import arf, jmrp, sent_copy
from simulator.dsn import delivery_report
from tests.ingress_smtp.smtp_server import (
    BASE,
    BOUNCE_TOKEN,
    NOW,
    SECRET,
    TOKEN,
    mail,
    open_server,
    opened,
)
from tests.support.fake_bus import FakeBus

HOST = "127.0.0.1"
PARENT = "parent@docomo.ne.jp"
COPY = sent_copy("minami", reply=TOKEN, bounce=BOUNCE_TOKEN, base=BASE)
REPORT = delivery_report(
    carrier="docomo.example",
    envelope_from=f"x@minami.{BASE}",
    recipient="gone@docomo.example",
    raw=COPY,
    plan=LateDsn(HOST, 25),
    at=NOW,
    number=1,
)
ELSEWHERE = ["info", "1nen-info", "1nen-entry", "leave", f"1nen-{SECRET}", TOKEN, "postmaster", "abuse"]


def at(local: str, unit: str = "minami") -> str:
    return f"{local}@{unit}.{BASE}"


async def test_a_delivery_report_at_a_copys_own_address_keeps_its_token() -> None:
    bus = FakeBus()
    async with open_server(bus) as server:
        await mailer.send(HOST, server.port, "", [at(BOUNCE_TOKEN)], REPORT)
    (event,) = bus.events(InboundBounce)
    assert event.token == BOUNCE_TOKEN


@pytest.mark.parametrize("local", ELSEWHERE)
async def test_a_delivery_report_anywhere_else_is_a_report_without_a_token(local: str) -> None:
    bus = FakeBus()
    async with open_server(bus) as server:
        await mailer.send(HOST, server.port, "", [at(local)], REPORT)
    assert bus.subjects == ["inbound.bounce"]
    (event,) = bus.events(InboundBounce)
    assert event.token is None


async def test_a_report_that_a_mail_system_sends_in_its_own_name_is_one_too() -> None:
    raw = (
        b"From: MAILER-DAEMON@isp.example\r\nSubject: Undelivered Mail Returned to EnvelopeSender\r\nX-Failed-Recipients: a@b.example\r\n"
        b"\r\nThis message was created automatically.\r\n\r\n  a@b.example\r\n    550 5.1.1 User unknown\r\n"
    )
    bus = FakeBus()
    async with open_server(bus) as server:
        await mailer.send(HOST, server.port, "MAILER-DAEMON@isp.example", [at("info"), at("postmaster")], raw)
    assert sorted(bus.subjects) == ["inbound.bounce", "inbound.bounce"]


async def test_of_a_report_without_a_token_only_the_beginning_is_kept() -> None:
    bus = FakeBus()
    async with open_server(bus) as server:
        await mailer.send(HOST, server.port, "", [at("info"), at(BOUNCE_TOKEN)], REPORT + b"x" * 70 + b"\r\n" * 60_000)
    kept = {event.token: len(opened(event.mail, RawMail).raw) for event in bus.events(InboundBounce)}
    assert kept[None] < 90_000 < kept[BOUNCE_TOKEN]


@pytest.mark.parametrize("raw", [arf(COPY), jmrp(COPY), arf(COPY, top="multipart/mixed", report_type="")])
@pytest.mark.parametrize("local", [*ELSEWHERE, BOUNCE_TOKEN])
async def test_a_feedback_report_is_one_wherever_it_comes(local: str, raw: bytes) -> None:
    bus = FakeBus()
    async with open_server(bus) as server:
        await mailer.send(HOST, server.port, "feedback@carrier.example", [at(local)], raw)
    assert bus.subjects == ["inbound.feedback"]
    (event,) = bus.events(InboundFeedback)
    assert (event.unit, event.token) == ("minami", local if local in (TOKEN, BOUNCE_TOKEN) else None)


async def test_feedback_for_the_abuse_address_of_the_domain_itself_is_taken() -> None:
    bus = FakeBus()
    async with open_server(bus) as server:
        await mailer.send(HOST, server.port, "", [f"abuse@{BASE}"], arf(COPY))
    assert [event.unit for event in bus.events(InboundFeedback)] == ["operator"]


async def test_a_persons_mail_about_a_report_is_a_persons_mail() -> None:
    bus = FakeBus()
    raw = mail("こういうメールが届きました。", subject="Fwd: Undelivered Mail Returned to EnvelopeSender")
    async with open_server(bus) as server:
        await mailer.send(HOST, server.port, PARENT, [at("info"), at(TOKEN), at("postmaster")], raw)
    assert sorted(bus.subjects) == ["inbound.info", "inbound.operator", "inbound.reply"]


async def test_a_read_receipt_is_no_delivery_report() -> None:
    raw = (
        b'From: <parent@docomo.ne.jp>\r\nSubject: Read: x\r\nContent-Type: multipart/report; boundary="b";\r\n'
        b" report-type=disposition-notification\r\n\r\n--b\r\n\r\nread\r\n--b\r\n"
        b"Content-Type: message/disposition-notification\r\n\r\nDisposition: manual-action/MDN-sent-manually; displayed\r\n"
        b"--b--\r\n"
    )
    bus = FakeBus()
    async with open_server(bus) as server:
        await mailer.send(HOST, server.port, "", [at(TOKEN), at("info")], raw)
    assert sorted(bus.subjects) == ["inbound.info", "inbound.reply"]
    assert not bus.events(InboundReply)[0].automatic.count_answer
    assert not bus.events(InboundInfo)[0].automatic.reply_allowed


async def test_mail_in_doubt_is_marked_so() -> None:
    bus = FakeBus()
    async with open_server(bus) as server:
        await mailer.send(HOST, server.port, PARENT, [at(TOKEN)], mail("3", subject="自動応答: 健康調査"))
    (event,) = bus.events(InboundReply)
    assert (event.automatic.count_answer, event.automatic.needs_look) == (True, True)


@pytest.mark.parametrize("sender", [at("info", "kita"), at("1nen-entry", "kita"), at(TOKEN, "kita")])
async def test_mail_from_an_address_of_ours_is_never_answered(sender: str) -> None:
    bus = FakeBus()
    async with open_server(bus) as server:
        await mailer.send(HOST, server.port, sender, [at("info"), at("1nen-entry")], mail(sender=sender))
        # A forwarder has put its own name on the envelope.
        await mailer.send(HOST, server.port, "forwarder@example.org", [at("info")], mail("x", sender=sender))
    assert not any(event.automatic.reply_allowed for event in bus.events(InboundInfo))
    assert not any(event.automatic.reply_allowed for event in bus.events(InboundEntry))


async def test_what_a_post_says_does_not_make_it_a_machines() -> None:
    bus = FakeBus()
    raw = mail("お急ぎの場合は担当者より折り返しご連絡します。", subject="年末年始休業のお知らせ")
    async with open_server(bus) as server:
        await mailer.send(HOST, server.port, PARENT, [at(f"1nen-{SECRET}")], raw)
    (event,) = bus.events(InboundPost)
    assert event.automatic.reply_allowed
    assert not bus.events(InboundOperator)
