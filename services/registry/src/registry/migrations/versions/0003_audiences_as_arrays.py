"""Audiences: a row of arrays for each batch, instead of two rows and four entries of indexes for each copy."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# A full row has 2.5 kB. Kept whole in its page (PLAIN): compressing numbers would cost more than the room they take.
# Numbers of copies are unique because no two audiences' blocks of numbers overlap.
UP = """
CREATE TABLE batches (
    message bigint,
    wave integer,
    batch integer,
    carrier varchar NOT NULL,
    copies bigint[] STORAGE PLAIN NOT NULL,
    members bigint[] STORAGE PLAIN NOT NULL,
    children bigint[] STORAGE PLAIN NOT NULL,
    PRIMARY KEY (message, wave, batch)
);
INSERT INTO batches (message, wave, batch, carrier, copies, members, children)
SELECT planned.message, planned.wave, planned.batch, coalesce(max(addresses.carrier), 'other'),
       array_agg(copies.copy_ref ORDER BY copies.copy_ref), array_agg(copies.member ORDER BY copies.copy_ref),
       array_agg(copies.child ORDER BY copies.copy_ref)
FROM planned_copies AS planned
JOIN copies USING (copy_ref)
LEFT JOIN addresses ON addresses.id = copies.address_id
GROUP BY planned.message, planned.wave, planned.batch;
DROP TABLE planned_copies;
DROP TABLE copies;
ALTER TABLE audiences ADD COLUMN first_copy bigint;
ALTER TABLE audiences ADD CONSTRAINT audiences_own_numbers
    EXCLUDE USING gist (int8range(first_copy, first_copy + batches * 100) WITH &&) WHERE (first_copy IS NOT NULL);
CREATE VIEW copies AS
SELECT copy.copy_ref, audiences.message, audiences.unit, copy.member, copy.child, batches.batch
FROM audiences
JOIN batches USING (message, wave)
CROSS JOIN LATERAL unnest(batches.copies, batches.members, batches.children) AS copy(copy_ref, member, child)
WHERE audiences.wave = 1
"""

# What an address was when a copy was made isn't kept any more: the member's present one stands for it.
DOWN = """
DROP VIEW copies;
ALTER TABLE audiences DROP CONSTRAINT audiences_own_numbers;
ALTER TABLE audiences DROP COLUMN first_copy;
CREATE TABLE copies (
    copy_ref bigint PRIMARY KEY,
    message bigint NOT NULL,
    unit varchar NOT NULL,
    member bigint NOT NULL,
    address_id bigint NOT NULL,
    child bigint,
    CONSTRAINT copies_once_a_member UNIQUE NULLS NOT DISTINCT (message, member, child),
    CONSTRAINT copies_once_an_address UNIQUE NULLS NOT DISTINCT (message, address_id, child)
);
CREATE TABLE planned_copies (
    message bigint,
    wave integer,
    batch integer,
    copy_ref bigint,
    PRIMARY KEY (message, wave, batch, copy_ref)
);
INSERT INTO copies
SELECT copy.copy_ref, audiences.message, audiences.unit, copy.member, coalesce(members.address_id, -copy.member),
       copy.child
FROM audiences
JOIN batches USING (message, wave)
CROSS JOIN LATERAL unnest(batches.copies, batches.members, batches.children) AS copy(copy_ref, member, child)
JOIN members ON members.id = copy.member
WHERE audiences.wave = 1;
INSERT INTO planned_copies
SELECT message, wave, batch, unnest(copies) FROM batches;
DROP TABLE batches
"""


def upgrade() -> None:
    for statement in UP.split(";"):
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN.split(";"):
        op.execute(statement)
