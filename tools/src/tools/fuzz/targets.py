"""What is fuzzed, one function a target: octets in, and whatever must hold of any mail asserted.

Nothing may raise, so nothing is caught here but what the functions promise to raise.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from contracts.directory import GroupEntry, UnitEntry
from ingress_smtp import model
from mail import addresses, names
from mail.automatic.decision import decide, is_our_automatic
from mail.mime import charsets, headers
from mail.mime.parts import Limits
from mail.mime.reading import ParsedMail, read
from mail.reply import answers
from mail.reports import bounces, feedback
from mail.reports.classification import Classification
from mail.sender.authentication import Examiner, Origin, conclude
from mail.sender.dmarc import Organisations
from mail.sender.dns_answers import DnsAnswer, DnsQuestion
from tools.fuzz.pieces import assembled

LIMITS = Limits(size=200_000, parts=40, depth=20, headers=50, line=500, text=20_000)
CHOICES = ("良好", "せきあり", "発熱あり", "12月3日（火）")
SENT = "{{child}}さんの体調はいかがですか。\n1 良好\n2 せきあり\n3 発熱あり\n返信してください。"
_ADDRESS = re.compile(r"[a-z0-9]@[a-z0-9-]{1,63}\.[a-z]{2,24}", re.IGNORECASE)
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_EXAMINER = Examiner(Organisations())
_RECORDS: dict[str, DnsAnswer] = {
    "TXT": (
        "v=spf1 mx a/8 ptr include:a.example exists:%{ir}.x -all",
        "v=DMARC1; p=reject; sp=none",
        "v=DKIM1; p=MIIB",
    ),
    "A": ("192.0.2.1",),
    "AAAA": None,
    "MX": ("10 mx.example",),
    "PTR": ("mx.example",),
}
_UNIT = UnitEntry(unit="sakura", name="さくら", groups={"xx1": GroupEntry(name="1年", post_secrets=("0" * 64,))})


def reading(data: bytes) -> None:
    raw = assembled(data)
    parsed = read(raw, LIMITS)
    assert parsed.raw_size == len(raw)
    _is_clean(parsed.text)
    assert len(parsed.text) <= LIMITS.text * 2
    assert all(len(line) <= LIMITS.line for line in parsed.text.split("\n"))
    _is_clean(parsed.subject)
    assert "\n" not in parsed.subject
    assert len(parsed.references) <= 100
    if parsed.sender:
        assert addresses.normalise(parsed.sender) == parsed.sender
    for name, values in parsed.headers.items():
        assert name == name.lower()
        for value in values:
            _is_clean(value)
            assert "\n" not in value
    assert parsed.tree is not None
    parts = list(parsed.tree.walk())
    assert len(parts) <= LIMITS.parts
    for part in parts:
        _is_clean(part.text(2000)[0])
    text, _ = charsets.decode(raw, parsed.charset)
    text.encode()
    headers.parameters(raw)


def answer(data: bytes) -> None:
    parsed = _parsed(data)
    for sent, subject in ((None, None), (SENT, "健康調査 {{child}}")):
        written = answers.answer_text(parsed, sent, sent_subject=subject)
        _is_clean(written)
        assert len(written) <= len(parsed.text) + len(parsed.subject)
        redacted = answers.redact(written)
        assert not _ADDRESS.search(redacted)


def choice(data: bytes) -> None:
    text = assembled(data).decode("utf-8", "replace")
    choices: tuple[str, ...] = CHOICES
    if "|" in text:
        first, *rest = text.split("|")
        text, choices = first, tuple(rest[:8])
    found = answers.recognise(text, choices)
    assert found.number is None or 1 <= found.number <= len(choices)
    assert not (found.number and found.needs_look)
    names.parse_all(text)


def bounce(data: bytes) -> None:
    found = bounces.read(assembled(data))
    assert found.is_bounce or not found.hard
    for recipient in found.recipients:  # may be of a kind that we couldn't write to
        _is_clean(recipient)
        assert "@" in recipient
        assert not any(char.isspace() for char in recipient)
    assert found.status is None or _STATUS.fullmatch(found.status)
    assert found.classification in set(Classification)


def complaint(data: bytes) -> None:
    raw = assembled(data)
    found = feedback.read(raw)
    if found is not None:
        assert feedback.may_be_feedback(raw)
        assert all(addresses.normalise(address) == address for address in found.recipients)
        assert all(named.token.isascii() for named in found.tokens)


def robot(data: bytes) -> None:
    parsed = _parsed(data)
    for sender in ("", "<>", parsed.sender, "taro@docomo.ne.jp"):
        decision = decide(parsed, sender)
        assert decision.count_answer or not decision.reply_allowed
    is_our_automatic(parsed)


def origin(data: bytes) -> None:
    raw = assembled(data)
    for peer in ("192.0.2.1", ""):
        examination = _EXAMINER.examine(raw, Origin(peer, "mx.example", "taro@docomo.ne.jp"))
        found = conclude(examination, _answer)
        assert peer or found.spf == "none"


def _answer(question: DnsQuestion) -> DnsAnswer:
    return _RECORDS[question.kind]


def address(data: bytes) -> None:
    text = assembled(data)[:3000].decode("utf-8", "surrogateescape")
    for given in (text, addresses.tidy(text)):
        try:
            stored = addresses.normalise(given)
        except addresses.AddressError:
            continue
        assert addresses.normalise(stored) == stored
        assert stored.isascii()
        assert stored.isprintable()
        assert stored.count("@") == 1
        assert addresses.normalise(addresses.wire_form(stored)) == stored
        addresses.carrier_of(stored.partition("@")[2])


def path(data: bytes) -> None:
    argument = assembled(data)[:3000].decode("utf-8", "surrogateescape")
    found = model.split_path(argument)
    if found is None:
        return
    given, _ = found
    sender = model.read_sender(given)
    assert not sender.address or addresses.normalise(sender.address) == sender.address
    for who in (sender, model.EnvelopeSender("", "")):
        told = model.resolve(
            given, who, "school.example", {"sakura": _UNIT}.get, lambda unit, group, secret, hashes: len(secret) == 9
        )
        if isinstance(told, model.Recipient):
            assert told.unit in ("sakura", model.OPERATOR_UNIT)
            assert told.key.isascii()


TARGETS: dict[str, Callable[[bytes], None]] = {
    "reading": reading,
    "answers": answer,
    "choices": choice,
    "bounces": bounce,
    "feedback": complaint,
    "automatic": robot,
    "authentication": origin,
    "addresses": address,
    "paths": path,
}


def _parsed(data: bytes) -> ParsedMail:
    return read(assembled(data), LIMITS)


def _is_clean(text: str) -> None:
    text.encode()
    assert "\r" not in text
    assert "\0" not in text
