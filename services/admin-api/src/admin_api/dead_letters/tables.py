"""Tables of dead letters."""

from sqlalchemy import BigInteger, Column, DateTime, Integer, LargeBinary, Table, Text, text

from admin_api.kernel.tables import metadata, number_column

dead_letters = Table(
    "dead_letters",
    metadata,
    number_column(),
    Column("first", Text, nullable=False, unique=True),
    Column("newest", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("last_at", DateTime(timezone=True), nullable=False),
    Column("service", Text, nullable=False),
    Column("consumer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("unit", Text),
    Column("message", BigInteger),
    Column("size", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("times_back", Integer, nullable=False, server_default=text("0")),
    Column("decided_at", DateTime(timezone=True)),
    Column("decided_by", Text),
    Column("dead_letter_key_id", Text),
    Column("dead_letter_blob", LargeBinary),
)
"""What services gave up on. `first`: id of the first dead letter of a message; `newest`: of its newest
one. `dead_letter_blob`: that one itself, encrypted (what is personal in it is sealed besides); null once it
was decided about or erased. `unit` and `message`: what the message says in clear that it is about."""

dead_letter_counts = Table(
    "dead_letter_counts",
    metadata,
    Column("service", Text, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("total", BigInteger, nullable=False),
    Column("let_go", BigInteger, nullable=False, server_default=text("0")),
    Column("first_at", DateTime(timezone=True), nullable=False),
    Column("last_at", DateTime(timezone=True), nullable=False),
)
"""How many dead letters came, by reason. `let_go`: so many of them were the oldest when there were too many to keep."""
