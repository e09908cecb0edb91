"""The tables, their documented names and columns. Users' scripts read them: never rename one.

Times are UTC: `timestamptz` on PostgreSQL, ISO text ending in Z on SQLite. Budgets are whole
minor units of `currency`, by Meta's offsets; spend and value are micros (millionths of the major
unit); USD amounts, ratios and probabilities have six places. Every row belongs to one `platform`
(`meta` or `sandbox`), and no query of ours crosses it.
"""

from typing import Any, Final

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    text,
)
from sqlalchemy.types import TypeEngine

from meta_autonomous.adapters.database.columns import Bytes, Exact, Instant, Whole

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

_Type = TypeEngine[Any] | type[TypeEngine[Any]]


def _must(name: str, kind: _Type, comment: str, **options: Any) -> Column[Any]:
    return Column(name, kind, nullable=False, comment=comment, **options)


def _may(name: str, kind: _Type, comment: str, **options: Any) -> Column[Any]:
    return Column(name, kind, nullable=True, comment=comment, **options)


def _key(name: str, kind: _Type, comment: str) -> Column[Any]:
    return Column(name, kind, primary_key=True, nullable=False, comment=comment)


_PLATFORM: Final = "meta or sandbox"


def _platform() -> Column[Any]:
    return _must("platform", Text, _PLATFORM)


def _platform_key() -> Column[Any]:
    return _key("platform", Text, _PLATFORM)


optimization_actions = Table(
    "optimization_actions",
    metadata,
    Column("id", Whole, primary_key=True, autoincrement=True, comment="never used again"),
    _platform(),
    _must("account_id", Text, "ad account, without act_"),
    _must("created_at", Instant, "when it was decided first"),
    _must("last_seen_at", Instant, "the last tick that decided the same"),
    _must("created_by", Text, "autonomous_worker, or the person whose undo it is"),
    _must(
        "status",
        Text,
        "suggested, approved, executing, executed, failed, blocked, deferred, in_doubt, rejected, "
        "expired, superseded, undone",
    ),
    _must("action_type", Text, "pause, scale_up, scale_down, reallocate, resume"),
    _must("level", Text, "campaign, adset, ad"),
    _must("entity_id", Text, "what is changed (a reallocation: its campaign or first ad set)"),
    _must("entity_name", Text, "its name when decided"),
    _must("entity_ids", Text, "JSON list of all that is changed: two for a reallocation"),
    _must("campaign_id", Text, "the campaign it is, or is in"),
    _may("adset_id", Text, "the ad set it is, or is in"),
    _may("ad_id", Text, "the ad it is"),
    _must("reason", Text, "why; of a blocked one the first blocking rule's fixed sentence"),
    _must("guard_rails_passed", Boolean, "false: a rule blocks it"),
    _may("blocked_by", Text, "the first rule that blocks or defers it"),
    _may("roas_value", Exact, "actual ROAS of the window"),
    _may("expected_roas", Exact, "the estimate of the true ROAS"),
    _may("confidence", Exact, "probability of the claim that justifies it"),
    _may("amount_usd", Exact, "new minus old budget per day in USD, signed"),
    _must("currency", Text, "of the budgets"),
    _may("budget_before_minor", Whole, "budget per day, minor units (first leg)"),
    _may("budget_after_minor", Whole, "budget per day asked for, minor units (first leg)"),
    _may("change_pct", Exact, "signed fraction of the budget before"),
    _must("legs", Text, "JSON: each budget, before and after"),
    _must("verdicts", Text, "JSON: each rule's verdict with its numbers"),
    _must("evidence", Text, "JSON: what it was decided from"),
    _must("route", Text, "auto, person, undo: who decides"),
    _must("is_urgent", Boolean, "a person should look now"),
    _must("is_hard_stop", Boolean, "an emergency pause"),
    _must("identity", Text, "equal for two rows that are the same distinct action"),
    _may("expires_at", Instant, "a suggestion's end"),
    _may("decided_at", Instant, "approved or rejected at"),
    _may("decided_by", Text, "by whom"),
    _may("executed_at", Instant, "seen to have taken effect at"),
    _may("tick_id", Text, "the tick that last decided it"),
    _may("undoes", Whole, "the action that this one takes back"),
    _must("message", Text, "what became of it, in words", server_default=""),
    sqlite_autoincrement=True,
)
Index(None, *(optimization_actions.c[name] for name in ("platform", "identity")))
Index(
    None,
    *(
        optimization_actions.c[name]
        for name in ("platform", "status", "account_id", "last_seen_at")
    ),
)
Index(None, *(optimization_actions.c[name] for name in ("platform", "account_id", "decided_at")))
Index(None, *(optimization_actions.c[name] for name in ("platform", "executed_at")))
_UNDOES: Final = text("undoes IS NOT NULL")
Index(
    "ix_optimization_actions_undoes",
    optimization_actions.c.undoes,
    sqlite_where=_UNDOES,
)
Index(None, *(optimization_actions.c[name] for name in ("platform", "last_seen_at")))
Index(None, *(optimization_actions.c[name] for name in ("platform", "entity_id")))
Index(None, *(optimization_actions.c[name] for name in ("platform", "tick_id")))

attempts = Table(
    "attempts",
    metadata,
    Column("id", Whole, primary_key=True, autoincrement=True, comment="never used again"),
    _platform(),
    Column(
        "action_id",
        Whole,
        ForeignKey(optimization_actions.c.id),
        nullable=False,
        index=True,
        comment="the action it belongs to",
    ),
    _must("account_id", Text, "ad account"),
    _must("entity_id", Text, "what is changed"),
    _must("level", Text, "campaign, adset, ad"),
    _must("field", Text, "status, daily_budget, lifetime_budget"),
    _must("old", Text, "Meta's text before: a status word, or minor units"),
    _must("new", Text, "the value asked for"),
    _must("state", Text, "see domain/intent.py"),
    _must("intended_at", Instant, "the record was committed, nothing sent yet"),
    _must("effect_at", Instant, "latest moment at which the request may have been under way"),
    _must("updated_at", Instant, "the last change of state"),
    _must("intended_by", Text, "autonomous_worker or a person"),
    _must("extra_usd", Exact, "USD per day that it may add"),
    _must("unsettled_reads", Integer, "reads that could not settle it", server_default="0"),
    _must("detail", Text, "Meta's answer, for people", server_default=""),
    _may("blocked_until", Instant, "Meta takes no other budget for the entity until then"),
    CheckConstraint(
        "state IN ('dispatching', 'accepted', 'unknown', 'refused', 'not_sent', 'confirmed', "
        "'applied_overridden', 'not_applied', 'needs_human', 'resolved_applied', "
        "'resolved_not_applied')",
        name="state",
    ),
    sqlite_autoincrement=True,
)
#: In these words and no others: a database takes the index below only for a query that says them.
OPEN_ATTEMPTS: Final = text("state IN ('dispatching', 'accepted', 'unknown', 'needs_human')")
Index(
    "uq_attempts_open",
    attempts.c.platform,
    attempts.c.entity_id,
    unique=True,
    sqlite_where=OPEN_ATTEMPTS,
)
Index(None, *(attempts.c[name] for name in ("platform", "account_id", "effect_at")))

ledger = Table(
    "ledger",
    metadata,
    _platform_key(),
    Column("seq", Whole, primary_key=True, autoincrement=False, comment="1, 2, 3 … without gaps"),
    _must("at", Instant, "trusted time; stands in the body too"),
    _must("event", Text, "its name; stands in the body too"),
    _must("body", Text, "canonical JSON, hashed as it stands here"),
    _must("hash", Text, 'hex SHA-256("meta-auto/1\\0", previous hash, seq as 8 bytes, body)'),
    sqlite_with_rowid=False,
)

ledger_head = Table(
    "ledger_head",
    metadata,
    _platform_key(),
    _must("seq", Whole, "entries written so far"),
    _must("hash", Text, "hash of the last one"),
)

ledger_segments = Table(
    "ledger_segments",
    metadata,
    _platform_key(),
    Column("first_seq", Whole, primary_key=True, autoincrement=False, comment="its first entry"),
    _must("last_seq", Whole, "its last entry"),
    _must("month", Text, "of its entries, UTC: 2026-03"),
    _must("previous", Text, "hash of the entry before the first"),
    _must("head", Text, "hash of the last entry"),
    _must("sha256", Text, "of the archive file"),
    _must("file", Text, "name of the archive file"),
    _must("sealed_at", Instant, "when it was sealed"),
    _must("sealed_by", Text, "by whom"),
    _may("removed_at", Instant, "when its entries left the ledger; empty: they are there still"),
)

ticks = Table(
    "ticks",
    metadata,
    _platform_key(),
    _key("tick_id", Text, "sorts by time"),
    _must("started_at", Instant, "trusted time"),
    _may("completed_at", Instant, "empty while it runs, or when it died"),
    _must("mode", Text, "suggest or auto"),
    _may("report", Text, "JSON, as `meta-auto tick --json` printed it"),
)
Index(None, ticks.c.platform, ticks.c.started_at)

meta_roas_metrics = Table(
    "meta_roas_metrics",
    metadata,
    _platform_key(),
    _key("entity_id", Text, "campaign, ad set or ad"),
    _key("created_at", Instant, "the tick from which these numbers hold"),
    _must("account_id", Text, "ad account"),
    _must("level", Text, "campaign, adset, ad"),
    _may("campaign_id", Text, "the campaign it is, or is in"),
    _may("replaced_at", Instant, "the tick until which they held; empty: the latest"),
    _may("tick_id", Text, "that tick"),
    _may("window_since", Date, "first day of the window, the account's days"),
    _may("window_until", Date, "last day of the window"),
    _may("spend", Exact, "major units of currency"),
    _may("revenue", Exact, "purchase value, major units"),
    _may("conversions", Whole, "purchases"),
    _may("impressions", Whole, "impressions"),
    _may("currency", Text, "of spend and revenue"),
    _may("actual_roas", Exact, "revenue / spend; empty without spend"),
    _may("expected_roas", Exact, "estimate of the true ROAS"),
    _may("roas_low", Exact, "the true ROAS lies in low..high with 90 %"),
    _may("roas_high", Exact, "the true ROAS lies in low..high with 90 %"),
    _may("confidence_score", Exact, "probability that the true ROAS is where the actual one is"),
    _must("details", Text, "JSON: further numbers", server_default="{}"),
    _must("digest", Bytes, "of the row: the same again is not written again"),
)
_LATEST: Final = text("replaced_at IS NULL")
Index(
    "ix_meta_roas_metrics_latest",
    meta_roas_metrics.c.platform,
    meta_roas_metrics.c.account_id,
    sqlite_where=_LATEST,
)

entity_snapshots = Table(
    "entity_snapshots",
    metadata,
    _platform_key(),
    _key("entity_id", Text, "campaign, ad set or ad"),
    _key("valid_from", Instant, "the read that first found it so"),
    _may("replaced_at", Instant, "the read that first found it otherwise; empty: the latest"),
    _may("changed_after", Instant, "the read before; empty: this is the first we saw of it"),
    _must("account_id", Text, "ad account"),
    _must("level", Text, "campaign, adset, ad"),
    _must("campaign_id", Text, "the campaign it is, or is in"),
    _may("adset_id", Text, "the ad set it is, or is in"),
    _must("name", Text, "its name"),
    _must("status", Text, "configured status, Meta's word"),
    _must("effective_status", Text, "status with its parents', Meta's word"),
    _may("budget_kind", Text, "daily, lifetime; empty: it has no budget of its own"),
    _may("budget_minor", Whole, "its amount, minor units"),
    _must("currency", Text, "of the budget"),
    _may("bid", Text, "bid, as read"),
    _may("creative_id", Text, "an ad's creative"),
    _may("creative_changed_at", Instant, "the last change of the creative that we saw"),
    _must("known_since", Instant, "since when its budget is on record without a gap"),
    _may("tick_id", Text, "the tick that read it"),
)
Index(
    None,
    entity_snapshots.c.platform,
    entity_snapshots.c.account_id,
    entity_snapshots.c.replaced_at,
)

insights_seen = Table(
    "insights_seen",
    metadata,
    _platform_key(),
    _key("account_id", Text, "ad account"),
    _key("day", Date, "the account's day"),
    _key("ad_id", Text, "ad, archived and deleted ones too"),
    _key("seen_at", Instant, "the read that first gave these numbers"),
    _must("seen_on", Date, "the account's day of that read"),
    _may("replaced_at", Instant, "the read that gave other numbers; empty: the latest"),
    _must("spend_micros", Whole, "spend"),
    _must("value_micros", Whole, "purchase value; refunds may make it negative"),
    _must("purchases", Whole, "purchases"),
    _must("impressions", Whole, "impressions"),
    sqlite_with_rowid=False,
)
account_reads = Table(
    "account_reads",
    metadata,
    _platform_key(),
    _key("account_id", Text, "ad account"),
    _key("read_on", Date, "the account's day of the read"),
    _must("first_day", Date, "first day of insights that a read of that day covered"),
    _must("last_day", Date, "last one"),
)

ad_parents = Table(
    "ad_parents",
    metadata,
    _platform_key(),
    _key("account_id", Text, "ad account"),
    _key("ad_id", Text, "ad with insights, archived and deleted ones too"),
    _must("adset_id", Text, "the ad set it is in"),
    _must("campaign_id", Text, "the campaign it is in"),
)

case_files = Table(
    "case_files",
    metadata,
    _platform_key(),
    _key("tick_id", Text, "the tick; of a day that was read later: its time and `backfill`"),
    _key("account_id", Text, "ad account; empty: the tick's own circumstances and decisions"),
    _must("at", Instant, "trusted time of the tick, or the past day that it stands for"),
    _may("base_tick_id", Text, "the file that this one differs from; empty: it stands alone"),
    _must("body", Bytes, "zlib of JSON, see adapters/database/case_files.py"),
)
Index(None, case_files.c.platform, case_files.c.at)

activities = Table(
    "activities",
    metadata,
    _platform_key(),
    _key("object_id", Text, "campaign, ad set or ad"),
    _key("at", Instant, "when, by Meta's log"),
    _key("event_type", Text, "Meta's word"),
    _must("account_id", Text, "ad account"),
    _may("actor_id", Text, "who, by Meta's log"),
    _may("application_id", Text, "with which application"),
    _may("old", Text, "value before"),
    _may("new", Text, "value after"),
)
Index(None, activities.c.platform, activities.c.account_id, activities.c.at)

accounts = Table(
    "accounts",
    metadata,
    _platform_key(),
    _key("account_id", Text, "ad account, without act_"),
    _may("first_read_at", Instant, "the first complete read"),
    _may("last_read_at", Instant, "the last complete read"),
    _may("last_read_on", Date, "the account's day of it"),
    _may("last_full_read_on", Date, "the account's day of the last read of all 28 days"),
    _may("projected_usd", Exact, "projected spend of that day"),
    _may("budgets_usd", Exact, "sum of its daily budgets"),
    _may("currency", Text, "the account's currency"),
    _may("blocked_until", Instant, "Meta takes no requests until then"),
    _may("last_error", Text, "why the last read failed"),
    _may("observed_at", Instant, "the last read on record"),
    _may("known_since", Instant, "since when reads follow each other within a day"),
    _may("baseline_at", Instant, "when the creatives then in use were taken as approved"),
    _may("traced_tick_id", Text, "the last tick that decided on its entities"),
    _may("restatements_on", Date, "the account's day of the next column"),
    _may("restatements", Text, "JSON: purchases by age of a day, as seen and in the end"),
)

creative_approvals = Table(
    "creative_approvals",
    metadata,
    _platform_key(),
    _key("creative_id", Text, "creative"),
    _must("account_id", Text, "ad account"),
    _must("status", Text, "approved, rejected, pending"),
    _must("source", Text, "baseline (in use at the first read), person, or seen"),
    _must("first_seen_at", Instant, "when it was first read"),
    _may("decided_at", Instant, "when it was approved or rejected"),
    _may("decided_by", Text, "by whom"),
)
Index(None, creative_approvals.c.platform, creative_approvals.c.account_id)

entity_traces = Table(
    "entity_traces",
    metadata,
    _platform_key(),
    _key("entity_id", Text, "campaign, ad set or ad"),
    _must("account_id", Text, "ad account"),
    _must("digest", Bytes, "of the trace: the same again is not written again"),
    _must("tick_id", Text, "the tick from which it holds"),
    _must("at", Instant, "when that was"),
    _may("last_tick_id", Text, "the last tick that had it; empty: the account's last"),
    _may("evaluated_at", Instant, "a campaign's last turn at the full evaluation"),
    _must("level", Text, "campaign, adset, ad"),
    _must("name", Text, "its name"),
    _must("campaign_id", Text, "the campaign it is, or is in"),
    _must("decision", Text, "what was decided, or why nothing"),
    _may("first_binding", Text, "the first rule that held it back"),
    _may("eligible_again_at", Instant, "when waiting alone would help"),
    _must("trace", Text, "JSON: every gate with its numbers, and the evidence"),
)
Index(None, entity_traces.c.platform, entity_traces.c.account_id)

policies = Table(
    "policies",
    metadata,
    Column("id", Whole, primary_key=True, autoincrement=True, comment="never used again"),
    _platform(),
    _must("digest", Text, "of the effective policy"),
    _must("policy", Text, "JSON: the effective policy"),
    _must("at", Instant, "in force from"),
    _must("who", Text, "who ran the command that found it so"),
    sqlite_autoincrement=True,
)
Index(None, policies.c.platform, policies.c.id)

runtime_switches = Table(
    "runtime_switches",
    metadata,
    _platform_key(),
    _may("mode", Text, "suggest or auto, as set by `mode set`; empty: the configured one"),
    _must("is_started", Boolean, "false after `stop`"),
    _may("changed_by", Text, "who changed it last"),
    _may("changed_at", Instant, "when"),
    _may("tested", Text, "the policy that was self-tested last, its dead guards, those accepted"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", Whole, primary_key=True, autoincrement=True, comment="never used again"),
    _platform(),
    _must("key", Text, "what it is about: one open alert per key"),
    _must("severity", Text, "critical, warning"),
    _must("message", Text, "in words"),
    _may("entity_id", Text, "campaign, ad set or ad"),
    _must("raised_at", Instant, "when it was raised"),
    _must("told_at", Instant, "when people were last told"),
    _may("cleared_at", Instant, "when it was over"),
    _may("acknowledged_at", Instant, "when someone took note"),
    _may("acknowledged_by", Text, "who took note"),
    sqlite_autoincrement=True,
)
_UNCLEARED: Final = text("cleared_at IS NULL")
Index(
    "uq_alerts_open",
    alerts.c.platform,
    alerts.c.key,
    unique=True,
    sqlite_where=_UNCLEARED,
)


def use_postgresql() -> None:
    """Make the partial indexes partial there too. Not said above, where each is: SQLAlchemy would
    load the whole dialect, asyncpg's and asyncio included, to check that it knows the word."""
    for table in metadata.tables.values():
        for index in table.indexes:
            only = index.dialect_options["sqlite"]["where"]
            if only is not None:
                index.dialect_options["postgresql"]["where"] = only


_STATEMENTS_SQLITE: Final = (
    """CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    # What is sealed may leave: `ledger verify` proves that its seal stands in the chain.
    """CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger
    WHEN NOT EXISTS (SELECT 1 FROM ledger_segments AS sealed
    WHERE sealed.platform = OLD.platform
    AND OLD.seq BETWEEN sealed.first_seq AND sealed.last_seq)
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    # INSERT OR REPLACE deletes without a DELETE trigger on connections that have
    # recursive_triggers off, so an insert over an existing entry is refused by itself.
    """CREATE TRIGGER ledger_no_replace BEFORE INSERT ON ledger
    WHEN EXISTS (SELECT 1 FROM ledger WHERE platform = NEW.platform AND seq = NEW.seq)
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
)
_STATEMENTS_POSTGRESQL: Final = (
    """CREATE OR REPLACE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN
    IF TG_OP = 'DELETE' AND TG_LEVEL = 'ROW' THEN
        IF EXISTS (SELECT 1 FROM ledger_segments AS sealed WHERE sealed.platform = OLD.platform
        AND OLD.seq BETWEEN sealed.first_seq AND sealed.last_seq) THEN RETURN OLD; END IF;
    END IF;
    RAISE EXCEPTION 'the ledger is append-only'; END $$""",
    """CREATE TRIGGER ledger_no_change BEFORE UPDATE OR DELETE ON ledger
    FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only()""",
    """CREATE TRIGGER ledger_no_truncate BEFORE TRUNCATE ON ledger
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()""",
)


def append_only_statements(dialect: str) -> tuple[str, ...]:
    """The triggers that keep the ledger from being changed by mistake."""
    return _STATEMENTS_SQLITE if dialect == "sqlite" else _STATEMENTS_POSTGRESQL
