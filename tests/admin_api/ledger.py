"""Rows in receipts' ledger, written as receipts writes them."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from runtime.crypto.ciphers import FieldCipher
from runtime.crypto.keys import KeyRing
from tests.admin_api.service import START, AdminApi


@dataclass
class Ledger:
    """The ledger beside an office."""

    api: AdminApi
    cipher: FieldCipher = field(default_factory=lambda: FieldCipher(KeyRing({"k1": b"c" * 32})))
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def copy(
        self, message: int, copy_ref: int, *, member: int, child: int | None = None, state: str = "delivered"
    ) -> None:
        await self.api.sql(
            "INSERT INTO ledger.sent_copies (copy_ref, message, unit, member, child, carrier, wave, state, code, "
            "attempt, updated_at) VALUES ($1, $2, 'sakura', $3, $4, 'docomo', 1, $5, 250, 1, $6)",
            copy_ref,
            message,
            member,
            child,
            state,
            START,
            role="receipts",
        )

    async def attempt(self, copy_ref: int, outcome: str, reason: str, *, attempt: int = 1) -> None:
        await self.api.sql(
            "UPDATE ledger.sent_copies SET attempt = $2, updated_at = $3, state = $4, stage = 'rcpt', reason = $5 "
            "WHERE copy_ref = $1",
            copy_ref,
            attempt,
            START,
            outcome,
            reason,
            role="receipts",
        )

    async def bounce(self, message: int, copy_ref: int, state: str, classification: str | None = None) -> None:
        await self.api.sql(
            "INSERT INTO ledger.bounces (copy_ref, event_id, message, classification, state, hard, at) "
            "VALUES ($1, $2, $3, $4, $5, false, $6)",
            copy_ref,
            f"bounce-{copy_ref}",
            message,
            classification or state,
            state,
            START + timedelta(hours=1),
            role="receipts",
        )

    async def answer(
        self, message: int, copy_ref: int, *, choice: int | None, text: str, needs_look: bool = False
    ) -> int:
        number = next(self.numbers)
        key_id, blob = self.cipher.encrypt(text, context="ledger.answers.text")
        await self.api.sql(
            "INSERT INTO ledger.recorded_answers (id, message, copy_ref, unit, received_at, choice, needs_look, why, "
            "text_key_id, text_blob) VALUES ($1, $2, $3, 'sakura', $4, $5, $6, '', $7, $8)",
            number,
            message,
            copy_ref,
            START + timedelta(minutes=number),
            choice,
            needs_look,
            key_id,
            blob,
            role="receipts",
        )
        return number
