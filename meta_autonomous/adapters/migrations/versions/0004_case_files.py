"""What every tick decided on, kept for `replay`; the ad set and campaign of each ad."""

import sqlalchemy as sa
from alembic import op

from meta_autonomous.adapters.database.columns import Bytes, Instant

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "ad_parents",
        sa.Column("platform", sa.Text(), nullable=False, comment="meta or sandbox"),
        sa.Column("account_id", sa.Text(), nullable=False, comment="ad account"),
        sa.Column(
            "ad_id",
            sa.Text(),
            nullable=False,
            comment="ad with insights, archived and deleted ones too",
        ),
        sa.Column("adset_id", sa.Text(), nullable=False, comment="the ad set it is in"),
        sa.Column("campaign_id", sa.Text(), nullable=False, comment="the campaign it is in"),
        sa.PrimaryKeyConstraint("platform", "account_id", "ad_id", name=op.f("pk_ad_parents")),
    )
    op.create_table(
        "case_files",
        sa.Column("platform", sa.Text(), nullable=False, comment="meta or sandbox"),
        sa.Column(
            "tick_id",
            sa.Text(),
            nullable=False,
            comment="the tick; of a day that was read later: its time and `backfill`",
        ),
        sa.Column(
            "account_id",
            sa.Text(),
            nullable=False,
            comment="ad account; empty: the tick's own circumstances and decisions",
        ),
        sa.Column(
            "at",
            Instant(),
            nullable=False,
            comment="trusted time of the tick, or the past day that it stands for",
        ),
        sa.Column(
            "base_tick_id",
            sa.Text(),
            nullable=True,
            comment="the file that this one differs from; empty: it stands alone",
        ),
        sa.Column(
            "body",
            Bytes(),
            nullable=False,
            comment="zlib of JSON, see adapters/database/case_files.py",
        ),
        sa.PrimaryKeyConstraint("platform", "tick_id", "account_id", name=op.f("pk_case_files")),
    )
    op.create_index(op.f("ix_case_files_platform_at"), "case_files", ["platform", "at"])
    # Days are taken from the database only where it knows what their ads belong to.
    op.execute("UPDATE accounts SET last_full_read_on = NULL")
