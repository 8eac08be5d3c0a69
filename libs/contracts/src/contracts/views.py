"""Views of the general database that one service provides and others read: their columns, types and readers.

The owner's migrations make exactly these and grant them to exactly these readers; a reader's SQL names no other view
and no other column. A column may be added; one that is here goes only when no reader of any running release names it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_TIME = "timestamp with time zone"
_TEXT = "character varying"


@dataclass(frozen=True, slots=True)
class DatabaseView:
    """A view. `columns`: SQL types by name, in their order; `readers`: services whose role may select from it."""

    schema: str
    name: str
    owner: str
    readers: tuple[str, ...]
    columns: Mapping[str, str]

    @property
    def qualified(self) -> str:
        """Name with its schema, as SQL has it."""
        return f"{self.schema}.{self.name}"


def _office(name: str, readers: tuple[str, ...], /, **columns: str) -> DatabaseView:
    return DatabaseView("office", name, "admin-api", readers, MappingProxyType(columns))


def _ledger(name: str, /, **columns: str) -> DatabaseView:
    return DatabaseView("ledger", name, "receipts", ("admin-api",), MappingProxyType(columns))


_BOARD_READERS = ("info-site", "responder")

OFFICE_REVISION = "0013"
"""Newest step of the office's migrations: who only reads its views waits until the office's tables are there, too."""

OFFICE_VERSION = _office("alembic_version", _BOARD_READERS, version_num="character varying(32)")
"""At which revision the office's tables are: one row, written by its migrations."""

PUBLIC_UNITS = _office("public_units", _BOARD_READERS, unit="text", name="text")

PUBLIC_NOTICES = _office(
    "public_notices",
    _BOARD_READERS,
    id="bigint",
    unit="text",
    group_code="text",
    title="text",
    body="text",
    published_at=_TIME,
    expires_at=_TIME,
)

PUBLIC_EVENTS = _office(
    "public_events",
    _BOARD_READERS,
    id="bigint",
    unit="text",
    group_code="text",
    starts_on="date",
    ends_on="date",
    starts_at="time without time zone",
    title="text",
    note="text",
    place="text",
)

PUBLIC_BOARD_CHANGES = _office("public_board_changes", _BOARD_READERS, unit="text", revision="bigint")

SENT_MESSAGES = _office(
    "sent_messages",
    ("receipts",),
    id="bigint",
    unit="text",
    asks="text",
    choices="text[]",
    about_child="boolean",
    sent_key_id="text",
    sent_text="bytea",
    state="text",
    subject_key_id="text",
    subject_blob="bytea",
    synonyms="jsonb",
)
"""What receipts needs to read a reply; `sent_text` and `subject_blob` are encrypted (contracts.cipher_contexts)."""

COPIES = _ledger(
    "copies",
    message="bigint",
    copy_ref="bigint",
    unit=_TEXT,
    member="bigint",
    child="bigint",
    carrier=_TEXT,
    wave="integer",
    state=_TEXT,
    stage=_TEXT,
    code="integer",
    enhanced=_TEXT,
    attempts="integer",
    next_attempt_at=_TIME,
    updated_at=_TIME,
    answered="boolean",
    last_host=_TEXT,
    last_reason=_TEXT,
    last_reply=_TEXT,
    accepted_at=_TIME,
    returned_at=_TIME,
    returned_reason="text",
)

ATTEMPTS = _ledger(
    "attempts",
    copy_ref="bigint",
    wave="integer",
    attempt="integer",
    at=_TIME,
    outcome=_TEXT,
    stage=_TEXT,
    code="integer",
    enhanced=_TEXT,
    host=_TEXT,
    reason=_TEXT,
    reply=_TEXT,
)

ANSWERS = _ledger(
    "answers",
    id="bigint",
    message="bigint",
    copy_ref="bigint",
    member="bigint",
    child="bigint",
    received_at=_TIME,
    choice="integer",
    needs_look="boolean",
    why=_TEXT,
    text_key_id=_TEXT,
    text_blob="bytea",
    latest="boolean",
    authentication="jsonb",
)
"""Every answer; `latest` is the one of its copy that counts, `text_blob` is encrypted (contracts.cipher_contexts)."""

COUNTS = _ledger(
    "counts",
    message="bigint",
    planned="integer",
    delivered="integer",
    deferred="integer",
    failed="integer",
    answered="integer",
    children="integer",
    children_answered="integer",
    expired="integer",
    superseded="integer",
)

VIEWS: tuple[DatabaseView, ...] = (
    OFFICE_VERSION,
    PUBLIC_UNITS,
    PUBLIC_NOTICES,
    PUBLIC_EVENTS,
    PUBLIC_BOARD_CHANGES,
    SENT_MESSAGES,
    COPIES,
    ATTEMPTS,
    ANSWERS,
    COUNTS,
)
