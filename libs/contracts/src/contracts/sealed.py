"""Sealed boxes and what lies in them.

Whatever on the bus is about a person stands inside a `Sealed`: a NaCl sealed box for the one service that may open it.
The models below are the contents of such boxes; they never travel in the clear.
"""

from typing import Annotated

from pydantic import AwareDatetime, Field

from contracts.base import Contract, Ref


class Sealed(Contract):
    """A sealed box. `recipient` is the service that can open it, `key_id` which of its keys; `box` is base64."""

    recipient: str
    key_id: str
    box: Annotated[str, Field(repr=False, max_length=16_000_000)]


class EntryMail(Contract):
    """For registry: who asks to enter or leave, and what the mail said."""

    sender: str
    subject: str = ""
    text: str = ""


class PostMail(Contract):
    """For registry: a message sent from a phone to a group's post address."""

    sender: str
    subject: str
    text: str


class ReportedRecipients(Contract):
    """For registry: the addresses that a report of non-delivery calls dead, normalised."""

    addresses: Annotated[tuple[str, ...], Field(max_length=50)]


class RawMail(Contract):
    """For receipts: a reply or a bounce as it arrived. `raw` is base64 of the mail's bytes."""

    sender: str
    raw: str


class ReplyText(Contract):
    """For registry: what a parent wrote in the reply that confirms (it may correct the name)."""

    text: str


class AddressCard(Contract):
    """For registry: an address typed by an administrator."""

    address: str
    name: str = ""


class RecipientCard(Contract):
    """For dispatcher: one copy's address, and what replaces the placeholders `{{key}}` of the text.

    `tries` counts the attempts so far at this very copy; before `due` it is not tried again, whatever brings its batch
    back earlier."""

    copy_ref: Ref
    address: str
    fields: dict[str, str] = Field(default_factory=dict)
    tries: Annotated[int, Field(ge=0)] = 0
    due: AwareDatetime | None = None


class RecipientCards(Contract):
    """For dispatcher: the recipients of a batch, sealed whole."""

    cards: tuple[RecipientCard, ...]


class CardFields(Contract):
    """For dispatcher: more placeholders for an automatic mail, from a service that doesn't know the address."""

    fields: dict[str, str]


class MessageContent(Contract):
    """For dispatcher: what all copies of a message share. `text` may hold placeholders `{{key}}`; lines end in LF.

    `list_name` is set for what goes to members (List-Id, List-Unsubscribe); `automatic` for mail that answers a mail
    (Auto-Submitted, RFC 3834).
    """

    from_name: str
    subject: str
    text: str
    list_name: str | None = None
    automatic: bool = False
