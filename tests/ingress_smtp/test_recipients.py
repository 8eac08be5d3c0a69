"""Whom the server knows, and how it refuses the rest."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from ingress_smtp import model
from ingress_smtp.model import EnvelopeSender, Recipient, SmtpReply, read_sender, resolve, split_path
from mail.addresses import MailboxKind
from runtime.bus.client import KvChange
from tests.ingress_smtp.smtp_server import (
    BASE,
    BOUNCE_TOKEN,
    SECRET,
    TOKEN,
    full_directory,
    settings,
)

PARENT = EnvelopeSender("foo..bar@docomo.ne.jp", "foo..bar@docomo.ne.jp")


def look_up(address: str, sender: EnvelopeSender = PARENT) -> Recipient | SmtpReply:
    directory = full_directory()
    return resolve(address, sender, BASE, directory.active_unit, lambda unit, group, secret, hashes: secret == SECRET)


def test_every_kind_of_address_of_a_unit_is_understood() -> None:
    cases = {
        "1nen-entry": Recipient(MailboxKind.ENTRY, "minami", "1nen"),
        "1nen-ent": Recipient(MailboxKind.ENTRY, "minami", "1nen"),
        "1nen-leave": Recipient(MailboxKind.LEAVE, "minami", "1nen"),
        "leave": Recipient(MailboxKind.LEAVE, "minami"),
        "info": Recipient(MailboxKind.INFO, "minami"),
        "2nen-info": Recipient(MailboxKind.INFO, "minami", "2nen"),
        f"1nen-{SECRET}": Recipient(MailboxKind.POST, "minami", "1nen"),
        TOKEN: Recipient(MailboxKind.REPLY, "minami", token=TOKEN),
        BOUNCE_TOKEN: Recipient(MailboxKind.BOUNCE, "minami", token=BOUNCE_TOKEN),
        "postmaster": Recipient(MailboxKind.OPERATOR, "minami", mailbox="postmaster"),
    }
    for local, wanted in cases.items():
        assert look_up(f"{local}@minami.{BASE}") == wanted
        assert look_up(f"{local}@minami.{BASE}".upper()) == wanted
        assert look_up(f'"{local}"@minami.{BASE}.') == wanted


def test_what_does_not_exist_is_unknown_at_once() -> None:
    for address in (
        f"3nen-entry@minami.{BASE}",
        f"3nen-{SECRET}@minami.{BASE}",
        f"1nen-wrongsecret@minami.{BASE}",
        f"1nen@minami.{BASE}",
        f"headmaster@minami.{BASE}",
        f"info@kita.{BASE}",  # not active any more
        f"info@higashi.{BASE}",
        f"info@a.minami.{BASE}",
        f"info@{BASE}",
        "info@minami.elsewhere.example",
        f"r-short@minami.{BASE}",
        "nobody",
        "",
    ):
        assert look_up(address) == model.UNKNOWN


def test_postmaster_and_abuse_of_the_base_domain_reach_the_operator() -> None:
    for address in (f"Postmaster@{BASE}", "Postmaster", f"postmaster@{BASE.upper()}."):
        assert look_up(address) == Recipient(MailboxKind.OPERATOR, "operator", mailbox="postmaster")
    assert look_up(f"abuse@{BASE}", EnvelopeSender("", "")) == Recipient(
        MailboxKind.OPERATOR, "operator", mailbox="abuse"
    )


def test_eight_bit_recipients_are_refused_in_clear_words() -> None:
    for address in (f"\udc83\udc41@minami.{BASE}", f"入会@minami.{BASE}", f"info@みなみ.{BASE}", f"in\x00fo@{BASE}"):
        assert look_up(address) == model.MALFORMED
        assert str(model.MALFORMED).startswith("553 5.1.3")


def test_a_sender_whom_we_could_not_answer_may_reply_but_not_register() -> None:
    unusable = read_sender("山田@docomo.ne.jp")
    assert unusable.unusable
    for local in ("1nen-entry", "leave", "info", f"1nen-{SECRET}"):
        assert look_up(f"{local}@minami.{BASE}", unusable) == model.UNUSABLE_SENDER
    for local in (TOKEN, BOUNCE_TOKEN, "abuse"):
        assert isinstance(look_up(f"{local}@minami.{BASE}", unusable), Recipient)
    assert isinstance(look_up(f"1nen-entry@minami.{BASE}", read_sender("")), Recipient)


def test_addresses_that_carriers_gave_out_are_usable_senders() -> None:
    for address in ("foo..bar@docomo.ne.jp", "foo.@ezweb.ne.jp", ".foo@docomo.ne.jp", '"foo.."@docomo.ne.jp'):
        assert not read_sender(address).unusable
    assert read_sender('"Foo.."@docomo.ne.jp') == EnvelopeSender("foo..@docomo.ne.jp", '"Foo.."@docomo.ne.jp')


def test_a_path_is_taken_apart_whatever_its_dots() -> None:
    assert split_path("<foo..bar.@docomo.ne.jp> SIZE=100 BODY=8BITMIME") == (
        "foo..bar.@docomo.ne.jp",
        "SIZE=100 BODY=8BITMIME",
    )
    assert split_path("<>") == ("", "")
    assert split_path("<@relay.example,@b.example:a@c.example>") == ("a@c.example", "")
    assert split_path('<"a> b"@c.example> X=1') == ('"a> b"@c.example', "X=1")
    assert split_path("a@b.example") == ("a@b.example", "")
    assert split_path("<a@b.example") is None
    assert split_path("<a@b.example>junk") is None
    assert split_path("<" + "(" * 5_000 + "a@b.example>") is None
    assert split_path("") is None


@given(st.text())
@example('<"\\')
@example("<@")
def test_no_argument_of_a_command_breaks_the_reader(argument: str) -> None:
    found = split_path(argument)
    if found is not None:
        assert isinstance(look_up(found[0]), Recipient | SmtpReply)
        assert isinstance(look_up(f"{found[0]}@minami.{BASE}", read_sender(found[0])), Recipient | SmtpReply)


@given(
    st.sampled_from(["1nen", "2nen", "3nen", ""]),
    st.sampled_from(["-", "--", "_", ""]),
    st.sampled_from(["entry", "ent", "leave", "info", SECRET, "secret1", "x"]),
    st.sampled_from([f"minami.{BASE}", f"kita.{BASE}", BASE, "minami.other.example"]),
)
def test_an_address_is_known_only_when_group_suffix_and_unit_are_right(
    group: str, dash: str, suffix: str, domain: str
) -> None:
    known = domain == f"minami.{BASE}" and (
        (group in ("1nen", "2nen") and dash == "-" and suffix in ("entry", "ent", "leave", "info", SECRET))
        or (not group and not dash and suffix in ("leave", "info"))
    )
    assert isinstance(look_up(f"{group}{dash}{suffix}@{domain}"), Recipient) == known


def test_a_fingerprint_tells_mails_senders_and_recipients_apart_and_nothing_else() -> None:
    entry = Recipient(MailboxKind.ENTRY, "minami", "1nen")
    same = model.digest(b"mail", PARENT, entry)
    assert model.digest(b"mail", PARENT, Recipient(MailboxKind.ENTRY, "minami", "1nen")) == same
    others = {
        model.digest(b"mail2", PARENT, entry),
        model.digest(b"mail", EnvelopeSender("", ""), entry),
        model.digest(b"mail", PARENT, Recipient(MailboxKind.LEAVE, "minami", "1nen")),
        model.digest(b"mail", PARENT, Recipient(MailboxKind.ENTRY, "minami", "2nen")),
    }
    assert len(others | {same}) == 5
    assert 0 < model.reference(same) < 2**63


def test_an_entry_of_the_directory_that_makes_no_sense_changes_nothing() -> None:
    directory = full_directory()
    directory.apply(KvChange("unit.minami", b"{"))
    directory.apply(KvChange("unit.kita", b'{"unit": "minami", "name": "x"}'))
    directory.apply(KvChange("other.key", b"?"))
    unit = directory.active_unit("minami")
    assert unit is not None
    assert unit.name == "みなみ小学校"
    directory.apply(KvChange("unit.minami", None))
    assert directory.active_unit("minami") is None


def test_the_operators_mailbox_may_not_lie_in_the_base_domain() -> None:
    for address in (f"ops@{BASE}", f"ops@minami.{BASE}"):
        with pytest.raises(ValidationError):
            settings(operator_address=address)
