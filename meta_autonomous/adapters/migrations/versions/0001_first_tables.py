# ruff: noqa: E501
"""The first tables, and the triggers that keep the ledger append-only."""

import sqlalchemy as sa
from alembic import op

from meta_autonomous.adapters.database.columns import Bytes, Exact, Instant, Whole

revision = "0001"
down_revision = None

_APPEND_ONLY = {
    "sqlite": (
        """CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
        """CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
        """CREATE TRIGGER ledger_no_replace BEFORE INSERT ON ledger
        WHEN EXISTS (SELECT 1 FROM ledger WHERE platform = NEW.platform AND seq = NEW.seq)
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    ),
    "postgresql": (
        """CREATE OR REPLACE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$""",
        """CREATE TRIGGER ledger_no_change BEFORE UPDATE OR DELETE ON ledger
        FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only()""",
        """CREATE TRIGGER ledger_no_truncate BEFORE TRUNCATE ON ledger
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()""",
    ),
}


def upgrade() -> None:
    op.create_table(
        "account_reads",
        sa.Column("platform", sa.Text(), nullable=False, comment="meta or sandbox"),
        sa.Column("account_id", sa.Text(), nullable=False, comment="ad account"),
        sa.Column("read_on", sa.Date(), nullable=False, comment="the account's day of the read"),
        sa.Column(
            "first_day",
            sa.Date(),
            nullable=False,
            comment="first day of insights that a read of that day covered",
        ),
        sa.Column("last_day", sa.Date(), nullable=False, comment="last one"),
        sa.PrimaryKeyConstraint(
            "platform", "account_id", "read_on", name=op.f("pk_account_reads")
        ),
    )
    op.create_table(
        "accounts",
        sa.Column("platform", sa.Text(), nullable=False, comment="meta or sandbox"),
        sa.Column("account_id", sa.Text(), nullable=False, comment="ad account, without act_"),
        sa.Column("first_read_at", Instant(), nullable=True, comment="the first complete read"),
        sa.Column("last_read_at", Instant(), nullable=True, comment="the last complete read"),
        sa.Column("last_read_on", sa.Date(), nullable=True, comment="the account's day of it"),
        sa.Column(
            "last_full_read_on",
            sa.Date(),
            nullable=True,
            comment="the account's day of the last read of all 28 days",
        ),
        sa.Column("projected_usd", Exact(), nullable=True, comment="projected spend of that day"),
        sa.Column("budgets_usd", Exact(), nullable=True, comment="sum of its daily budgets"),
        sa.Column("currency", sa.Text(), nullable=True, comment="the account's currency"),
        sa.Column(
            "blocked_until", Instant(), nullable=True, comment="Meta takes no requests until then"
        ),
        sa.Column("last_error", sa.Text(), nullable=True, comment="why the last read failed"),
        sa.Column("observed_at", Instant(), nullable=True, comment="the last read on record"),
        sa.Column(
            "known_since",
            Instant(),
            nullable=True,
            comment="since when reads follow each other within a day",
        ),
        sa.Column(
            "baseline_at",
            Instant(),
            nullable=True,
            comment="when the creatives then in use were taken as approved",
        ),
        sa.Column(
            "traced_tick_id",
            sa.Text(),
            nullable=True,
            comment="the last tick that decided on its entities",
        ),
        sa.Column(
            "restatements_on",
            sa.Date(),
            nullable=True,
            comment="the account's day of the next column",
        ),
        sa.Column(
            "restatements",
            sa.Text(),
            nullable=True,
            comment="JSON: purchases by age of a day, as seen and in the end",
        ),
        sa.PrimaryKeyConstraint("platform", "account_id", name=op.f("pk_accounts")),
    )
    op.create_table(
        "activities",
        sa.Column("platform", sa.Text(), nullable=False, comment="meta or sandbox"),
        sa.Column("object_id", sa.Text(), nullable=False, comment="campaign, ad set or ad"),
        sa.Column("at", Instant(), nullable=False, comment="when, by Meta's log"),
        sa.Column("event_type", sa.Text(), nullable=False, comment="Meta's word"),
        sa.Column("account_id", sa.Text(), nullable=False, comment="ad account"),
        sa.Column("actor_id", sa.Text(), nullable=True, comment="who, by Meta's log"),
        sa.Column("application_id", sa.Text(), nullable=True, comment="with which application"),
        sa.Column("old", sa.Text(), nullable=True, comment="value before"),
        sa.Column("new", sa.Text(), nullable=True, comment="value after"),
        sa.PrimaryKeyConstraint(
            "platform", "object_id", "at", "event_type", name=op.f("pk_activities")
        ),
    )
    op.create_index(
        op.f("ix_activities_platform_account_id_at"),
        "activities",
        ["platform", "account_id", "at"],
        unique=False,
    )
    op.create_table(
        "alerts",
        sa.Column("id", Whole, autoincrement=True, nullable=False, comment="never used again"),
        sa.Column("platform", sa.Text(), nullable=False, comment="meta or sandbox"),
        sa.Column(
            "key", sa.Text(), nullable=False, comment="what it is about: one open alert per key"
        ),
        sa.Column("severity", sa.Text(), nullable=False, comment="critical, warning"),
        sa.Column("message", sa.Text(), nullable=False, comment="in words"),
        sa.Column("entity_id", sa.Text(), nullable=True, comment="campaign, ad set or ad"),
        sa.Column("raised_at", Instant(), nullable=False, comment="when it was raised"),
        sa.Column("told_at", Instant(), nullable=False, comment="when people were last told"),
        sa.Column("cleared_at", Instant(), nullable=True, comment="when it was over"),
        sa.Column("acknowledged_at", Instant(), nullable=True, comment="when someone took note"),
        sa.Column("acknowledged_by", sa.Text(), nullable=True, comment="who took note"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_alerts_open",
        "alerts",
        ["platform", "key"],
        unique=True,
        sqlite_where=sa.text("cleared_at IS NULL"),
        postgresql_where=sa.text("cleared_at IS NULL"),
    )
    op.create_table(
        "creative_approvals",
        sa.Column("platform", sa.Text(), nullable=False, comment="meta or sandbox"),
        sa.Column("creative_id", sa.Text(), nullable=False, comment="creative"),
        sa.Column("account_id", sa.Text(), nullable=False, comment="ad account"),
        sa.Column("status", sa.Text(), nullable=False, comment="approved, rejected, pending"),
        sa.Column(
            "source",
            sa.Text(),
            nullable=False,
            comment="baseline (in use at the first read), person, or seen",
        ),
        sa.Column("first_seen_at", Instant(), nullable=False, comment="when it was first read"),
        sa.Column(
            "decided_at", Instant(), nullable=True, comment="when it was approved or rejected"
        ),
        sa.Column("decided_by", sa.Text(), nullable=True, comment="by whom"),
        sa.PrimaryKeyConstraint("platform", "creative_id", name=op.f("pk_creative_approvals")),
    )
    op.create_index(
        op.f("ix_creative_approvals_platform_account_id"),
        "creative_approvals",
        ["platform", "account_id"],
        unique=False,
    )
    op.create_table(
        "entity_snapshots",
        sa.Column("platform", sa.Text(), nullable=False, comment="meta or sandbox"),
        sa.Column("entity_id", sa.Text(), nullable=False, comment="campaign, ad set or ad"),
        sa.Column(
            "valid_from", Instant(), nullable=False, comment="the read that first found it so"
        ),
        sa.Column(
            "replaced_at",
            Instant(),
            nullable=True,
            comment="the read that first found it otherwise; empty: the latest",
        ),
        sa.Column(
            "changed_after",
            Instant(),
            nullable=True,
            comment="the read before; empty: this is the first we saw of it",
        ),
        sa.Column("account_id", sa.Text(), nullable=False, comment="ad account"),
        sa.Column("level", sa.Text(), nullable=False, comment="campaign, adset, ad"),
        sa.Column(
            "campaign_id", sa.Text(), nullable=False, comment="the campaign it is, or is in"
        ),
        sa.Column("adset_id", sa.Text(), nullable=True, comment="the ad set it is, or is in"),
        sa.Column("name", sa.Text(), nullable=False, comment="its name"),
        sa.Column("status", sa.Text(), nullable=False, comment="configured status, Meta's word"),
        sa.Column(
            "effective_status",
            sa.Text(),
            nullable=False,
            comment="status with its parents', Meta's word",
        ),
        sa.Column(
            "budget_kind",
            sa.Text(),
            nullable=True,
            comment="daily, lifetime; empty: it has no budget of its own",
        ),
        sa.Column("budget_minor", Whole, nullable=True, comment="its amount, minor units"),
        sa.Column("currency", sa.Text(), nullable=False, comment="of the budget"),
        sa.Column("bid", sa.Text(), nullable=True, comment="bid, as read"),
        sa.Column("creative_id", sa.Text(), nullable=True, comment="an ad's creative"),
        sa.Column(
            "creative_changed_at",
            Instant(),
            nullable=True,
            comment="the last change of the creative that we saw",
        ),
        sa.Column(
            "known_since",
            Instant(),
            nullable=False,
            comment="since when its budget is on record without a gap",
        ),
        sa.Column("tick_id", sa.Text(), nullable=True, comment="the tick that read it"),
        sa.PrimaryKeyConstraint(
            "platform", "entity_id", "valid_from", name=op.f("pk_entity_snapshots")
        ),
    )
    op.create_index(
        op.f("ix_entity_snapshots_platform_account_id_replaced_at"),
        "entity_snapshots",
        ["platform", "account_id", "replaced_at"],
        unique=False,
    )
    op.create_table(
        "entity_traces",
        sa.Column("platform", sa.Text(), nullable=False, comment="meta or sandbox"),
        sa.Column("entity_id", sa.Text(), nullable=False, comment="campaign, ad set or ad"),
        sa.Column("account_id", sa.Text(), nullable=False, comment="ad account"),
        sa.Column(
            "digest",
            Bytes(),
            nullable=False,
            comment="of the trace: the same again is not written again",
        ),
        sa.Column("tick_id", sa.Text(), nullable=False, comment="the tick from which it holds"),
        sa.Column("at", Instant(), nullable=False, comment="when that was"),
        sa.Column(
            "last_tick_id",
            sa.Text(),
            nullable=True,
            comment="the last tick that had it; empty: the account's last",
        ),
        sa.Column(
            "evaluated_at",
            Instant(),
            nullable=True,
            comment="a campaign's last turn at the full evaluation",
        ),
        sa.Column("level", sa.Text(), nullable=False, comment="campaign, adset, ad"),
        sa.Column("name", sa.Text(), nullable=False, comment="its name"),
        sa.Column(
            "campaign_id", sa.Text(), nullable=False, comment="the campaign it is, or is in"
        ),
        sa.Column(
            "decision", sa.Text(), nullable=False, comment="what was decided, or why nothing"
        ),
        sa.Column(
            "first_binding", sa.Text(), nullable=True, comment="the first rule that held it back"
        ),
        sa.Column(
            "eligible_again_at", Instant(), nullable=True, comment="when waiting alone would help"
        ),
        sa.Column(
            "trace",
            sa.Text(),
            nullable=False,
            comment="JSON: every gate with its numbers, and the evidence",
        ),
        sa.PrimaryKeyConstraint("platform", "entity_id", name=op.f("pk_entity_traces")),
    )
    op.create_index(
        op.f("ix_entity_traces_platform_account_id"),
        "entity_traces",
        ["platform", "account_id"],
        unique=False,
    )
    op.create_table(
        "insights_seen",
        sa.Column("platform", sa.Text(), nullable=False, comment="meta or sandbox"),
        sa.Column("account_id", sa.Text(), nullable=False, comment="ad account"),
        sa.Column("day", sa.Date(), nullable=False, comment="the account's day"),
        sa.Column("ad_id", sa.Text(), nullable=False, comment="ad, archived and deleted ones too"),
        sa.Column(
            "seen_at", Instant(), nullable=False, comment="the read that first gave these numbers"
        ),
        sa.Column("seen_on", sa.Date(), nullable=False, comment="the account's day of that read"),
        sa.Column(
            "replaced_at",
            Instant(),
            nullable=True,
            comment="the read that gave other numbers; empty: the latest",
        ),
        sa.Column("spend_micros", Whole, nullable=False, comment="spend"),
        sa.Column(
            "value_micros",
            Whole,
            nullable=False,
            comment="purchase value; refunds may make it negative",
        ),
        sa.Column("purchases", Whole, nullable=False, comment="purchases"),
        sa.Column("impressions", Whole, nullable=False, comment="impressions"),
        sa.PrimaryKeyConstraint(
            "platform", "account_id", "day", "ad_id", "seen_at", name=op.f("pk_insights_seen")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ledger",
        sa.Column("platform", sa.Text(), nullable=False, comment="meta or sandbox"),
        sa.Column(
            "seq", Whole, autoincrement=False, nullable=False, comment="1, 2, 3 … without gaps"
        ),
        sa.Column("at", Instant(), nullable=False, comment="trusted time; stands in the body too"),
        sa.Column("event", sa.Text(), nullable=False, comment="its name; stands in the body too"),
        sa.Column(
            "body", sa.Text(), nullable=False, comment="canonical JSON, hashed as it stands here"
        ),
        sa.Column(
            "hash",
            sa.Text(),
            nullable=False,
            comment='hex SHA-256("meta-auto/1\\0", previous hash, seq as 8 bytes, body)',
        ),
        sa.PrimaryKeyConstraint("platform", "seq", name=op.f("pk_ledger")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ledger_head",
        sa.Column("platform", sa.Text(), nullable=False, comment="meta or sandbox"),
        sa.Column("seq", Whole, nullable=False, comment="entries written so far"),
        sa.Column("hash", sa.Text(), nullable=False, comment="hash of the last one"),
        sa.PrimaryKeyConstraint("platform", name=op.f("pk_ledger_head")),
    )
    op.create_table(
        "meta_roas_metrics",
        sa.Column("platform", sa.Text(), nullable=False, comment="meta or sandbox"),
        sa.Column("entity_id", sa.Text(), nullable=False, comment="campaign, ad set or ad"),
        sa.Column(
            "created_at",
            Instant(),
            nullable=False,
            comment="the tick from which these numbers hold",
        ),
        sa.Column("account_id", sa.Text(), nullable=False, comment="ad account"),
        sa.Column("level", sa.Text(), nullable=False, comment="campaign, adset, ad"),
        sa.Column("campaign_id", sa.Text(), nullable=True, comment="the campaign it is, or is in"),
        sa.Column(
            "replaced_at",
            Instant(),
            nullable=True,
            comment="the tick until which they held; empty: the latest",
        ),
        sa.Column("tick_id", sa.Text(), nullable=True, comment="that tick"),
        sa.Column(
            "window_since",
            sa.Date(),
            nullable=True,
            comment="first day of the window, the account's days",
        ),
        sa.Column("window_until", sa.Date(), nullable=True, comment="last day of the window"),
        sa.Column("spend", Exact(), nullable=True, comment="major units of currency"),
        sa.Column("revenue", Exact(), nullable=True, comment="purchase value, major units"),
        sa.Column("conversions", Whole, nullable=True, comment="purchases"),
        sa.Column("impressions", Whole, nullable=True, comment="impressions"),
        sa.Column("currency", sa.Text(), nullable=True, comment="of spend and revenue"),
        sa.Column(
            "actual_roas", Exact(), nullable=True, comment="revenue / spend; empty without spend"
        ),
        sa.Column("expected_roas", Exact(), nullable=True, comment="estimate of the true ROAS"),
        sa.Column(
            "roas_low", Exact(), nullable=True, comment="the true ROAS lies in low..high with 90 %"
        ),
        sa.Column(
            "roas_high",
            Exact(),
            nullable=True,
            comment="the true ROAS lies in low..high with 90 %",
        ),
        sa.Column(
            "confidence_score",
            Exact(),
            nullable=True,
            comment="probability that the true ROAS is where the actual one is",
        ),
        sa.Column(
            "details",
            sa.Text(),
            server_default="{}",
            nullable=False,
            comment="JSON: further numbers",
        ),
        sa.Column(
            "digest",
            Bytes(),
            nullable=False,
            comment="of the row: the same again is not written again",
        ),
        sa.PrimaryKeyConstraint(
            "platform", "entity_id", "created_at", name=op.f("pk_meta_roas_metrics")
        ),
    )
    op.create_index(
        "ix_meta_roas_metrics_latest",
        "meta_roas_metrics",
        ["platform", "account_id"],
        unique=False,
        sqlite_where=sa.text("replaced_at IS NULL"),
        postgresql_where=sa.text("replaced_at IS NULL"),
    )
    op.create_table(
        "optimization_actions",
        sa.Column("id", Whole, autoincrement=True, nullable=False, comment="never used again"),
        sa.Column("platform", sa.Text(), nullable=False, comment="meta or sandbox"),
        sa.Column("account_id", sa.Text(), nullable=False, comment="ad account, without act_"),
        sa.Column("created_at", Instant(), nullable=False, comment="when it was decided first"),
        sa.Column(
            "last_seen_at",
            Instant(),
            nullable=False,
            comment="the last tick that decided the same",
        ),
        sa.Column(
            "created_by",
            sa.Text(),
            nullable=False,
            comment="autonomous_worker, or the person whose undo it is",
        ),
        sa.Column(
            "status",
            sa.Text(),
            nullable=False,
            comment="suggested, approved, executing, executed, failed, blocked, deferred, in_doubt, rejected, expired, superseded, undone",
        ),
        sa.Column(
            "action_type",
            sa.Text(),
            nullable=False,
            comment="pause, scale_up, scale_down, reallocate, resume",
        ),
        sa.Column("level", sa.Text(), nullable=False, comment="campaign, adset, ad"),
        sa.Column(
            "entity_id",
            sa.Text(),
            nullable=False,
            comment="what is changed (a reallocation: its campaign or first ad set)",
        ),
        sa.Column("entity_name", sa.Text(), nullable=False, comment="its name when decided"),
        sa.Column(
            "entity_ids",
            sa.Text(),
            nullable=False,
            comment="JSON list of all that is changed: two for a reallocation",
        ),
        sa.Column(
            "campaign_id", sa.Text(), nullable=False, comment="the campaign it is, or is in"
        ),
        sa.Column("adset_id", sa.Text(), nullable=True, comment="the ad set it is, or is in"),
        sa.Column("ad_id", sa.Text(), nullable=True, comment="the ad it is"),
        sa.Column(
            "reason",
            sa.Text(),
            nullable=False,
            comment="why; of a blocked one the first blocking rule's fixed sentence",
        ),
        sa.Column(
            "guard_rails_passed", sa.Boolean(), nullable=False, comment="false: a rule blocks it"
        ),
        sa.Column(
            "blocked_by",
            sa.Text(),
            nullable=True,
            comment="the first rule that blocks or defers it",
        ),
        sa.Column("roas_value", Exact(), nullable=True, comment="actual ROAS of the window"),
        sa.Column(
            "expected_roas", Exact(), nullable=True, comment="the estimate of the true ROAS"
        ),
        sa.Column(
            "confidence",
            Exact(),
            nullable=True,
            comment="probability of the claim that justifies it",
        ),
        sa.Column(
            "amount_usd",
            Exact(),
            nullable=True,
            comment="new minus old budget per day in USD, signed",
        ),
        sa.Column("currency", sa.Text(), nullable=False, comment="of the budgets"),
        sa.Column(
            "budget_before_minor",
            Whole,
            nullable=True,
            comment="budget per day, minor units (first leg)",
        ),
        sa.Column(
            "budget_after_minor",
            Whole,
            nullable=True,
            comment="budget per day asked for, minor units (first leg)",
        ),
        sa.Column(
            "change_pct", Exact(), nullable=True, comment="signed fraction of the budget before"
        ),
        sa.Column(
            "legs", sa.Text(), nullable=False, comment="JSON: each budget, before and after"
        ),
        sa.Column(
            "verdicts",
            sa.Text(),
            nullable=False,
            comment="JSON: each rule's verdict with its numbers",
        ),
        sa.Column("evidence", sa.Text(), nullable=False, comment="JSON: what it was decided from"),
        sa.Column("route", sa.Text(), nullable=False, comment="auto, person, undo: who decides"),
        sa.Column("is_urgent", sa.Boolean(), nullable=False, comment="a person should look now"),
        sa.Column("is_hard_stop", sa.Boolean(), nullable=False, comment="an emergency pause"),
        sa.Column(
            "identity",
            sa.Text(),
            nullable=False,
            comment="equal for two rows that are the same distinct action",
        ),
        sa.Column("expires_at", Instant(), nullable=True, comment="a suggestion's end"),
        sa.Column("decided_at", Instant(), nullable=True, comment="approved or rejected at"),
        sa.Column("decided_by", sa.Text(), nullable=True, comment="by whom"),
        sa.Column("executed_at", Instant(), nullable=True, comment="seen to have taken effect at"),
        sa.Column("tick_id", sa.Text(), nullable=True, comment="the tick that last decided it"),
        sa.Column("undoes", Whole, nullable=True, comment="the action that this one takes back"),
        sa.Column(
            "message",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="what became of it, in words",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_optimization_actions")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_optimization_actions_platform_account_id_decided_at"),
        "optimization_actions",
        ["platform", "account_id", "decided_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_optimization_actions_platform_entity_id"),
        "optimization_actions",
        ["platform", "entity_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_optimization_actions_platform_executed_at"),
        "optimization_actions",
        ["platform", "executed_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_optimization_actions_platform_identity"),
        "optimization_actions",
        ["platform", "identity"],
        unique=False,
    )
    op.create_index(
        op.f("ix_optimization_actions_platform_last_seen_at"),
        "optimization_actions",
        ["platform", "last_seen_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_optimization_actions_platform_status_account_id_last_seen_at"),
        "optimization_actions",
        ["platform", "status", "account_id", "last_seen_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_optimization_actions_platform_tick_id"),
        "optimization_actions",
        ["platform", "tick_id"],
        unique=False,
    )
    op.create_index(
        "ix_optimization_actions_undoes",
        "optimization_actions",
        ["undoes"],
        unique=False,
        sqlite_where=sa.text("undoes IS NOT NULL"),
        postgresql_where=sa.text("undoes IS NOT NULL"),
    )
    op.create_table(
        "policies",
        sa.Column("id", Whole, autoincrement=True, nullable=False, comment="never used again"),
        sa.Column("platform", sa.Text(), nullable=False, comment="meta or sandbox"),
        sa.Column("digest", sa.Text(), nullable=False, comment="of the effective policy"),
        sa.Column("policy", sa.Text(), nullable=False, comment="JSON: the effective policy"),
        sa.Column("at", Instant(), nullable=False, comment="in force from"),
        sa.Column(
            "who", sa.Text(), nullable=False, comment="who ran the command that found it so"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policies")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_policies_platform_id"), "policies", ["platform", "id"], unique=False)
    op.create_table(
        "runtime_switches",
        sa.Column("platform", sa.Text(), nullable=False, comment="meta or sandbox"),
        sa.Column(
            "mode",
            sa.Text(),
            nullable=True,
            comment="suggest or auto, as set by `mode set`; empty: the configured one",
        ),
        sa.Column("is_started", sa.Boolean(), nullable=False, comment="false after `stop`"),
        sa.Column("changed_by", sa.Text(), nullable=True, comment="who changed it last"),
        sa.Column("changed_at", Instant(), nullable=True, comment="when"),
        sa.Column(
            "tested",
            sa.Text(),
            nullable=True,
            comment="the policy that was self-tested last, its dead guards, those accepted",
        ),
        sa.PrimaryKeyConstraint("platform", name=op.f("pk_runtime_switches")),
    )
    op.create_table(
        "ticks",
        sa.Column("platform", sa.Text(), nullable=False, comment="meta or sandbox"),
        sa.Column("tick_id", sa.Text(), nullable=False, comment="sorts by time"),
        sa.Column("started_at", Instant(), nullable=False, comment="trusted time"),
        sa.Column(
            "completed_at",
            Instant(),
            nullable=True,
            comment="empty while it runs, or when it died",
        ),
        sa.Column("mode", sa.Text(), nullable=False, comment="suggest or auto"),
        sa.Column(
            "report",
            sa.Text(),
            nullable=True,
            comment="JSON, as `meta-auto tick --json` printed it",
        ),
        sa.PrimaryKeyConstraint("platform", "tick_id", name=op.f("pk_ticks")),
    )
    op.create_index(
        op.f("ix_ticks_platform_started_at"), "ticks", ["platform", "started_at"], unique=False
    )
    op.create_table(
        "attempts",
        sa.Column("id", Whole, autoincrement=True, nullable=False, comment="never used again"),
        sa.Column("platform", sa.Text(), nullable=False, comment="meta or sandbox"),
        sa.Column("action_id", Whole, nullable=False, comment="the action it belongs to"),
        sa.Column("account_id", sa.Text(), nullable=False, comment="ad account"),
        sa.Column("entity_id", sa.Text(), nullable=False, comment="what is changed"),
        sa.Column("level", sa.Text(), nullable=False, comment="campaign, adset, ad"),
        sa.Column(
            "field", sa.Text(), nullable=False, comment="status, daily_budget, lifetime_budget"
        ),
        sa.Column(
            "old",
            sa.Text(),
            nullable=False,
            comment="Meta's text before: a status word, or minor units",
        ),
        sa.Column("new", sa.Text(), nullable=False, comment="the value asked for"),
        sa.Column("state", sa.Text(), nullable=False, comment="see domain/intent.py"),
        sa.Column(
            "intended_at",
            Instant(),
            nullable=False,
            comment="the record was committed, nothing sent yet",
        ),
        sa.Column(
            "effect_at",
            Instant(),
            nullable=False,
            comment="latest moment at which the request may have been under way",
        ),
        sa.Column("updated_at", Instant(), nullable=False, comment="the last change of state"),
        sa.Column(
            "intended_by", sa.Text(), nullable=False, comment="autonomous_worker or a person"
        ),
        sa.Column("extra_usd", Exact(), nullable=False, comment="USD per day that it may add"),
        sa.Column(
            "unsettled_reads",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="reads that could not settle it",
        ),
        sa.Column(
            "detail",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="Meta's answer, for people",
        ),
        sa.Column(
            "blocked_until",
            Instant(),
            nullable=True,
            comment="Meta takes no other budget for the entity until then",
        ),
        sa.CheckConstraint(
            "state IN ('dispatching', 'accepted', 'unknown', 'refused', 'not_sent', 'confirmed', 'applied_overridden', 'not_applied', 'needs_human', 'resolved_applied', 'resolved_not_applied')",
            name=op.f("ck_attempts_state"),
        ),
        sa.ForeignKeyConstraint(
            ["action_id"], ["optimization_actions.id"], name=op.f("fk_attempts_action_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_attempts_action_id"), "attempts", ["action_id"], unique=False)
    op.create_index(
        op.f("ix_attempts_platform_account_id_effect_at"),
        "attempts",
        ["platform", "account_id", "effect_at"],
        unique=False,
    )
    op.create_index(
        "uq_attempts_open",
        "attempts",
        ["platform", "entity_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('dispatching', 'accepted', 'unknown', 'needs_human')"),
        postgresql_where=sa.text("state IN ('dispatching', 'accepted', 'unknown', 'needs_human')"),
    )
    for statement in _APPEND_ONLY[op.get_bind().dialect.name]:
        op.execute(statement)
