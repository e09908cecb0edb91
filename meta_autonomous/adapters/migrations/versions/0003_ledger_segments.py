"""Months of the ledger may leave the database, once they are sealed."""

import sqlalchemy as sa
from alembic import op

from meta_autonomous.adapters.database.columns import Instant, Whole

revision = "0003"
down_revision = "0001"

_SEALED_MAY_LEAVE = {
    "sqlite": (
        "DROP TRIGGER ledger_no_delete",
        """CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger
        WHEN NOT EXISTS (SELECT 1 FROM ledger_segments AS sealed
        WHERE sealed.platform = OLD.platform
        AND OLD.seq BETWEEN sealed.first_seq AND sealed.last_seq)
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    ),
    "postgresql": (
        """CREATE OR REPLACE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN
        IF TG_OP = 'DELETE' AND TG_LEVEL = 'ROW' THEN
            IF EXISTS (SELECT 1 FROM ledger_segments AS sealed
            WHERE sealed.platform = OLD.platform
            AND OLD.seq BETWEEN sealed.first_seq AND sealed.last_seq) THEN RETURN OLD; END IF;
        END IF;
        RAISE EXCEPTION 'the ledger is append-only'; END $$""",
    ),
}


def upgrade() -> None:
    op.create_table(
        "ledger_segments",
        sa.Column("platform", sa.Text(), nullable=False, comment="meta or sandbox"),
        sa.Column(
            "first_seq", Whole, autoincrement=False, nullable=False, comment="its first entry"
        ),
        sa.Column("last_seq", Whole, nullable=False, comment="its last entry"),
        sa.Column("month", sa.Text(), nullable=False, comment="of its entries, UTC: 2026-03"),
        sa.Column(
            "previous", sa.Text(), nullable=False, comment="hash of the entry before the first"
        ),
        sa.Column("head", sa.Text(), nullable=False, comment="hash of the last entry"),
        sa.Column("sha256", sa.Text(), nullable=False, comment="of the archive file"),
        sa.Column("file", sa.Text(), nullable=False, comment="name of the archive file"),
        sa.Column("sealed_at", Instant(), nullable=False, comment="when it was sealed"),
        sa.Column("sealed_by", sa.Text(), nullable=False, comment="by whom"),
        sa.Column(
            "removed_at",
            Instant(),
            nullable=True,
            comment="when its entries left the ledger; empty: they are there still",
        ),
        sa.PrimaryKeyConstraint("platform", "first_seq", name=op.f("pk_ledger_segments")),
    )
    for statement in _SEALED_MAY_LEAVE[op.get_bind().dialect.name]:
        op.execute(statement)
