"""The tables of the personal database, as the migrations make them. Nobody but registry knows them.

What names a person is encrypted (a column and beside it the id of its key; the context is `table.column:id`) or a
keyed hash to look it up by. Opaque numbers, group codes, class numbers and times are in clear. A row of `addresses` is
the lock of whatever happens to that address: who changes something about a person locks it.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    text,
)

from runtime.database.outbox import inbox_table, outbox_table

metadata = MetaData()

outbox = outbox_table(metadata, None)
inbox = inbox_table(metadata, None)


def _id(name: str = "id") -> Column[int]:
    return Column(name, BigInteger, primary_key=True, autoincrement=False)


def _time(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


def _encrypted(name: str, *, nullable: bool = False) -> tuple[Column[str], Column[bytes]]:
    return Column(f"{name}_key_id", String, nullable=nullable), Column(name, LargeBinary, nullable=nullable)


addresses = Table(
    "addresses",
    metadata,
    _id(),
    Column("key_id", String, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("lookup", LargeBinary, nullable=False, unique=True),
    Column("carrier", String, nullable=False),
    Column("mailbox", LargeBinary),
    Column("state", String, nullable=False),
    Column("reason", String),
    Column("hard_count", Integer, nullable=False),
    Column("soft_count", Integer, nullable=False),
    Column("hard_message", BigInteger),
    _time("hard_at", nullable=True),
    _time("last_outcome_at", nullable=True),
    Index("addresses_mailbox", "mailbox"),
)
"""One row an address, whatever units it belongs to. `mailbox`: keyed hash that all names of one mailbox share; null in
rows from before that was known. `state`: active | undeliverable, with `reason`. `hard_message` is the last message
that counted in `hard_count`, at `hard_at`."""

members = Table(
    "members",
    metadata,
    _id(),
    Column("unit", String, nullable=False),
    Column("address_id", BigInteger, ForeignKey("addresses.id", ondelete="SET NULL")),
    *_encrypted("name", nullable=True),
    *_encrypted("original", nullable=True),
    _time("since"),
    _time("left_at", nullable=True),
    Column("left_reason", String),
    UniqueConstraint("unit", "address_id", name="members_unit_address"),
    Index("members_address", "address_id"),
)
"""A person in a unit. `name` is how the screen shows him, `original` what he wrote. Stays when he leaves, without the
address unless another unit still writes to it; `left_reason` is `complaint` when he called the mail unwanted."""

memberships = Table(
    "memberships",
    metadata,
    Column("member", BigInteger, ForeignKey("members.id"), primary_key=True),
    Column("group_code", String, primary_key=True),
    _time("since"),
    _time("left_at", nullable=True),
)

children = Table(
    "children",
    metadata,
    _id(),
    Column("unit", String, nullable=False),
    Column("lookup", LargeBinary, nullable=False, unique=True),
    *_encrypted("name"),
    Column("class_number", String),
)
"""A child of a unit. `lookup` hashes unit, class number and name, so that two guardians' same child is one child."""

guardians = Table(
    "guardians",
    metadata,
    Column("member", BigInteger, ForeignKey("members.id"), primary_key=True),
    Column("child", BigInteger, ForeignKey("children.id"), primary_key=True),
    Column("group_code", String, primary_key=True),
    Column("relation", String),
)

posters = Table(
    "posters",
    metadata,
    Column("unit", String, primary_key=True),
    Column("group_code", String, primary_key=True),
    Column("member", BigInteger, ForeignKey("members.id"), primary_key=True),
    _time("since"),
)

registrations = Table(
    "registrations",
    metadata,
    _id(),
    Column("unit", String, nullable=False),
    Column("group_code", String, nullable=False),
    Column("address_id", BigInteger, ForeignKey("addresses.id", ondelete="CASCADE"), nullable=False),
    *_encrypted("text"),
    Column("sender_key", String, nullable=False),
    Column("state", String, nullable=False),
    _time("opened_at"),
    Column("invited_by", String),
    Column("guided_at", DateTime(timezone=True)),
    Index("registrations_address", "address_id"),
    Index(
        "registrations_one_open",
        "unit",
        "group_code",
        "address_id",
        unique=True,
        postgresql_where=text("state = 'open'"),
    ),
)
"""`state`: open | done | expired. Opened anew, an open one keeps its number. `guided_at`: when its last guide mail was
written; one without still waits for its turn."""

leave_requests = Table(
    "leave_requests",
    metadata,
    _id(),
    Column("unit", String, nullable=False),
    Column("group_code", String),
    Column("member", BigInteger, ForeignKey("members.id"), nullable=False),
    *_encrypted("address"),
    Column("state", String, nullable=False),
    _time("opened_at"),
    Column("guided_at", DateTime(timezone=True)),
    Index(
        "leave_requests_one_open",
        "member",
        "group_code",
        unique=True,
        postgresql_where=text("state = 'open'"),
        postgresql_nulls_not_distinct=True,
    ),
)
"""`state`: open | done. Keeps its asker's address for a while, to answer a second reply after the person is gone."""

posts = Table(
    "posts",
    metadata,
    _id(),
    Column("unit", String, nullable=False),
    Column("group_code", String, nullable=False),
    Column("member", BigInteger, ForeignKey("members.id"), nullable=False),
    *_encrypted("subject"),
    *_encrypted("text"),
    _time("at"),
)

audiences = Table(
    "audiences",
    metadata,
    _id("message"),
    Column("wave", Integer, primary_key=True, autoincrement=False),
    Column("unit", String, nullable=False),
    _time("frozen_at"),
    Column("copies", Integer, nullable=False),
    Column("batches", Integer, nullable=False),
    Column("published", Integer, nullable=False),
    Column("first_copy", BigInteger),
)
"""One row a message and wave: frozen once. Batches 1 to `published` are on the bus, the rest is still to do.
`first_copy`, of a first wave: where the numbers of its copies begin, a block of 100 for each batch; no two audiences'
blocks overlap (an exclusion constraint)."""

batches = Table(
    "batches",
    metadata,
    _id("message"),
    Column("wave", Integer, primary_key=True, autoincrement=False),
    Column("batch", Integer, primary_key=True, autoincrement=False),
    Column("carrier", String, nullable=False),
    Column("copies", ARRAY(BigInteger), nullable=False),
    Column("members", ARRAY(BigInteger), nullable=False),
    Column("children", ARRAY(BigInteger), nullable=False),
)
"""One row for at most 100 copies that go out together: their numbers, members and children (NULL where none is asked
about), place by place. A first wave makes its copies, a later one names some of them again. The view `copies` shows
those of first waves one by one; it is for people, too slow for a program."""

undo = Table(
    "undo",
    metadata,
    _id(),
    Column("command", String, nullable=False, unique=True),
    Column("unit", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("member", BigInteger, ForeignKey("members.id")),
    *_encrypted("inverse", nullable=True),
    _time("at"),
    _time("undone_at", nullable=True),
    Index("undo_member", "member"),
    Index("undo_at", "at"),
)
"""What would undo the command with that id: an `Inverse`, as JSON. NULL when it was used, or must not be any more."""

closed_groups = Table(
    "closed_groups",
    metadata,
    Column("unit", String, primary_key=True),
    Column("group_code", String, primary_key=True),
    Column("command", String, nullable=False),
    _time("at"),
)
"""Groups that take nobody any more, by the command that closed them."""

access_log = Table(
    "access_log",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _time("at"),
    Column("actor", String, nullable=False),
    Column("action", String, nullable=False),
    Column("unit", String, nullable=False),
    Column("subject", BigInteger),
    Column("count", Integer, nullable=False),
    Column("granted", Boolean, nullable=False),
)
"""Who read or changed persons, when, how many."""

Index(
    "addresses_in_doubt",
    addresses.c.id,
    postgresql_where=text("state <> 'active' OR hard_count > 0 OR soft_count > 0"),
)
Index("members_unit", members.c.unit, members.c.id)
Index("memberships_group", memberships.c.group_code, memberships.c.member, postgresql_where=text("left_at IS NULL"))
Index("guardians_child", guardians.c.child)
Index("posters_member", posters.c.member)
