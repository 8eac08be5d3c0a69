"""Tokens: whoever holds one is known by it, and nobody can make one up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mail.addresses import parse_local
from mail.tokens import (
    Forged,
    Malformed,
    Minter,
    Token,
    TokenError,
    TokenKind,
    check,
    expired,
    find,
    hour_of,
    message_id,
    mint,
)

KEY = b"k" * 32
OLD_KEY = b"o" * 32
references = st.integers(0, 2**63 - 1)
tokens = st.builds(Token, st.sampled_from(TokenKind), references, references, st.integers(0, 2**24 - 1))


@given(tokens)
def test_a_token_says_what_was_put_into_it(token: Token) -> None:
    text = mint(KEY, "midori", token)
    assert check([KEY], "midori", text) == token
    assert check([KEY], "midori", text.upper()) == token
    assert check([OLD_KEY, KEY], "midori", text) == token
    assert len(text) == 50
    assert parse_local(text).token == text


@given(st.binary(min_size=1, max_size=200), st.lists(st.sampled_from(TokenKind), max_size=3), references, references)
def test_tokens_minted_together_are_those_minted_one_by_one(
    key: bytes, kinds: list[TokenKind], message_ref: int, recipient_ref: int
) -> None:
    minted = Minter(key, "midori", kinds, message_ref, 491_000).mint(recipient_ref)
    said = [Token(kind, message_ref, recipient_ref, 491_000) for kind in kinds]
    assert minted == [mint(key, "midori", token) for token in said]
    assert [check([key], "midori", text) for text in minted] == said


@given(tokens, st.integers(2, 49), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_any_changed_character_is_noticed(token: Token, at: int, char: str) -> None:
    text = mint(KEY, "midori", token)
    assume(text[at] != char)
    with pytest.raises(Forged):
        check([KEY], "midori", text[:at] + char + text[at + 1 :])


@given(tokens)
def test_a_token_of_another_unit_or_key_is_forged(token: Token) -> None:
    text = mint(KEY, "midori", token)
    with pytest.raises(Forged):
        check([KEY], "midor", text)
    with pytest.raises(Forged):
        check([OLD_KEY], "midori", text)


@given(tokens, st.integers(0, 49))
def test_a_cut_token_is_malformed(token: Token, length: int) -> None:
    with pytest.raises(Malformed):
        check([KEY], "midori", mint(KEY, "midori", token)[:length])


@given(st.text(max_size=80))
def test_no_text_is_taken_for_a_token(text: str) -> None:
    with pytest.raises(TokenError):
        check([KEY], "midori", text)


@given(tokens)
def test_a_reply_token_is_no_bounce_token(token: Token) -> None:
    text = mint(KEY, "midori", token)
    other = ("r" if text[0] == "b" else "b") + text[1:]
    with pytest.raises(Forged):
        check([KEY], "midori", other)


def test_a_prefix_that_contradicts_the_kind_is_an_error_at_once() -> None:
    token = Token(TokenKind.BOUNCE, 1, 2, 3)
    assert mint(KEY, "midori", token, "b").startswith("b-")
    with pytest.raises(ValueError, match="prefix"):
        mint(KEY, "midori", token, "r")


def test_the_token_is_found_in_the_ids_that_a_reply_refers_to() -> None:
    text = mint(KEY, "midori", Token(TokenKind.ANSWER, 1, 2, 3))
    ours = message_id(text, 2, "midori.example.jp")
    assert find(["<other@example.com>", ours.upper()]) == text
    assert find([f"<{text}@midori.example.jp>"]) == text
    assert find(["<other@example.com>", ""]) is None
    assert find([f"<x{text}@midori.example.jp>"]) is None
    assert find([]) is None


def test_a_token_lives_as_long_as_it_was_given() -> None:
    issued = datetime(2026, 4, 8, 9, 30, tzinfo=UTC)
    token = Token(TokenKind.POST, 1, 2, hour_of(issued))
    assert not expired(token, issued + timedelta(hours=24), timedelta(hours=24))
    assert expired(token, issued + timedelta(hours=26), timedelta(hours=24))
