"""Contexts of the field ciphers whose columns one service encrypts and another decrypts, with the same content keys.

A ciphertext opens only under the context that it was made with, so these names are part of what is stored and never
change. A column that only its owner reads has its context in the owner's own store.
"""

from typing import Final

MESSAGE_SUBJECT: Final = "office.messages.subject"
"""Subject of a message: admin-api writes it, receipts reads it to know a reply's quotation from the reply."""

MESSAGE_SENT_TEXT: Final = "office.messages.sent_text"
"""Text of every copy of a message: admin-api writes it, receipts reads it to take quotations out of replies."""

ANSWER_TEXT: Final = "ledger.answers.text"
"""Text of an answer: receipts writes it, admin-api shows it."""
