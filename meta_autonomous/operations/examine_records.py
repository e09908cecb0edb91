"""What `doctor` reads in the database: is it whole, does it work, and if not, why."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from meta_autonomous.decision.limits import PolicyBook
from meta_autonomous.decision.selftest import selftest
from meta_autonomous.domain.action import ActionStatus
from meta_autonomous.domain.entities import Level
from meta_autonomous.domain.exit_code import ExitCode
from meta_autonomous.domain.intent import AttemptState
from meta_autonomous.operations.alerts_check import AT_LEAST_SILENT, DOUBT_LASTS, INTERVALS_SILENT
from meta_autonomous.operations.doctor import Check
from meta_autonomous.ports.errors import MetaAutoError
from meta_autonomous.ports.people import System
from meta_autonomous.ports.store import Store
from meta_autonomous.ports.words import Json

NAMES: Final = (
    "ledger",
    "switches",
    "last_tick",
    "actions_generated",
    "actions_blocked",
    "guards",
    "in_doubt",
    "alerts",
)
_A_DAY: Final = timedelta(hours=24)
_MOST: Final = 5


def examine_records(
    store: Store, system: System, book: PolicyBook, *, now: datetime
) -> tuple[Check, ...]:
    """`now` is the local clock; on the sandbox its own. Writes nothing."""
    examinations: dict[str, Callable[[], Check]] = {
        "ledger": lambda: _ledger(store),
        "switches": lambda: _switches(store, system),
        "last_tick": lambda: _last_tick(store, system, now),
        "actions_generated": lambda: _generated(store, now),
        "actions_blocked": lambda: _blocked(store, now),
        "guards": lambda: _guards(store, system, book, now),
        "in_doubt": lambda: _in_doubt(store, now),
        "alerts": lambda: _alerts(store),
    }
    return tuple(_examined(name, examine) for name, examine in examinations.items())


def _examined(name: str, examine: Callable[[], Check]) -> Check:
    try:
        return examine()
    except MetaAutoError as error:
        return Check.of_error(name, error)


def _ledger(store: Store) -> Check:
    found = store.verify_ledger()
    if not found.ok:
        return Check.fail(
            "ledger",
            f"the audit trail is broken at entry {found.first_broken}: {found.message}",
            "Stop the timer, keep a copy of the database as it is, and look with "
            "`meta-auto ledger verify`.",
            code=ExitCode.REFUSED,
        )
    return Check.ok("ledger", f"{found.entries:,} entries, an unbroken chain")


def _switches(store: Store, system: System) -> Check:
    runtime = store.runtime()
    mode = runtime.mode or system.mode
    if not system.is_enabled:
        return Check.warn(
            "switches", "META_AUTO_ENABLED is false: ticks do nothing", "Set it to true."
        )
    if not runtime.is_started:
        return Check.warn(
            "switches",
            f"stopped by {runtime.changed_by or 'somebody'}: ticks do nothing",
            "Run `meta-auto start`.",
        )
    return Check.ok("switches", f"enabled and started, in {mode} mode")


def _last_tick(store: Store, system: System, now: datetime) -> Check:
    name = "last_tick"
    last = store.last_tick()
    if last is None:
        return Check.warn(
            name, "no tick has completed yet", "Run `meta-auto tick`, then let a timer do so."
        )
    completed = datetime.fromisoformat(str(last["tick_completed_at"]))
    interval = timedelta(seconds=system.interval_seconds)
    age = now - completed
    told = f"the last tick completed at {completed:%Y-%m-%d %H:%M} UTC"
    is_on = system.is_enabled and store.runtime().is_started
    look = "Look at the timer and its log (journalctl -u 'meta-auto*'), or run `meta-auto tick`."
    if is_on and age > max(AT_LEAST_SILENT, INTERVALS_SILENT * interval):
        return Check.fail(
            name, f"{told}, {age // interval} intervals ago", look, code=ExitCode.PARTLY
        )
    if is_on and age > 2 * interval:
        return Check.warn(name, f"{told}, more than two intervals ago", look)
    errors = tuple(str(error) for error in last.get("errors", ()))
    if not last.get("success", True):
        return Check.warn(
            name,
            f"{told}, not everything in it worked",
            "Each of its errors names its own remedy.",
            details=errors[:_MOST],
        )
    return Check.ok(name, told, details=errors[:_MOST])


def _generated(store: Store, now: datetime) -> Check:
    """The seed's "no actions generated": what stands in the way, campaign by campaign."""
    name = "actions_generated"
    ticks = [tick for tick in store.ticks_since(now - _A_DAY) if tick.get("accounts")]
    if not ticks:
        return Check.unknown(name, "no tick has worked an ad account in 24 hours")
    generated = sum(_count(tick, "actions_generated") for tick in ticks)
    if generated:
        return Check.ok(name, f"{generated:,} generated in 24 hours, in {len(ticks)} of its ticks")
    gates = Counter(
        trace.first_binding or "no threshold was crossed"
        for trace in store.traces(level=Level.CAMPAIGN)
    )
    if not gates:
        return Check.warn(
            name,
            "no campaign was found in 24 hours",
            "Check that campaigns exist and are ACTIVE, that META_AD_ACCOUNT_IDS names their "
            "account, and that [scope] lets them in.",
        )
    return Check.warn(
        name,
        f"no action in {len(ticks)} ticks of 24 hours",
        "`meta-auto explain ID` names what binds: a campaign younger than MIN_AGE_HOURS, less "
        "than MIN_IMPRESSIONS or MIN_SPEND_USD, or a ROAS that asks for nothing.",
        details=tuple(f"{count} campaigns: {gate}" for gate, count in gates.most_common(_MOST)),
    )


def _blocked(store: Store, now: datetime) -> Check:
    """The seed's "all actions blocked"."""
    name = "actions_blocked"
    records = store.actions(since=now - _A_DAY)
    blocked = [record for record in records if record.status is ActionStatus.BLOCKED]
    if not records:
        return Check.unknown(name, "there was no action in 24 hours")
    told = f"{len(blocked)} of {len(records)} actions of 24 hours were blocked"
    reasons = Counter(record.reason for record in blocked)
    details = tuple(f"{count} × {reason}" for reason, count in reasons.most_common(_MOST))
    if len(blocked) == len(records):
        return Check.warn(
            name,
            told,
            "See `meta-auto actions list --status blocked`: the limits may be too tight, "
            "MAX_DAILY_SPEND_USD used up, the budgets changed by hand, or the data too thin.",
            details=details,
        )
    return Check.ok(name, told, details=details)


def _guards(store: Store, system: System, book: PolicyBook, now: datetime) -> Check:
    name = "guards"
    runtime = store.runtime()
    accepted = runtime.tested.accepted if runtime.tested is not None else ()
    dead = [guard.rule for guard in selftest(book, now=now).dead if guard.rule not in accepted]
    if not dead:
        return Check.ok(name, "every guard that is on can fire")
    told = f"with these settings nothing can make these guards fire: {', '.join(dead)}"
    remedy = "See `meta-auto policies selftest` and mend the settings."
    if (runtime.mode or system.mode) == "auto":
        return Check.fail(
            name,
            told,
            f"{remedy} If you mean it: `meta-auto mode set auto --accept {dead[0]}`.",
            code=ExitCode.REFUSED,
        )
    return Check.warn(name, told, remedy)


def _in_doubt(store: Store, now: datetime) -> Check:
    name = "in_doubt"
    attempts = store.open_attempts()
    if not attempts:
        return Check.ok(name, "no change is in doubt")
    details = tuple(
        f"action {one.action_id}: {one.change.field} of {one.change.level} "
        f"{one.change.entity_id} since {one.effect_at:%Y-%m-%d %H:%M} UTC"
        for one in attempts[:_MOST]
    )
    stuck = [one for one in attempts if one.state is AttemptState.NEEDS_HUMAN]
    if stuck:
        return Check.fail(
            name,
            f"{len(stuck)} changes could not be settled by reading",
            "Look at them in Ads Manager, then `meta-auto actions resolve ID --applied` or "
            "`--not-applied`.",
            code=ExitCode.PARTLY,
            details=details,
        )
    told = f"{len(attempts)} changes are in doubt, and settled by reading"
    if any(now - one.effect_at > DOUBT_LASTS for one in attempts):
        return Check.fail(
            name,
            f"{told}, yet no tick has settled them for more than an hour",
            "See why no tick can read: `last_tick`, `token` and `accounts` here.",
            code=ExitCode.PARTLY,
            details=details,
        )
    return Check.warn(name, told, "Nothing to do: the next ticks settle them.", details=details)


def _alerts(store: Store) -> Check:
    standing = store.open_alerts()
    fresh = [alert for alert in standing if alert.acknowledged_by is None]
    if not fresh:
        count = len(standing)
        return Check.ok("alerts", f"none is open that nobody took note of ({count} in all)")
    return Check.warn(
        "alerts",
        f"{len(fresh)} are open",
        "`meta-auto alerts list` tells what each is about; `alerts ack KEY` takes note.",
        details=tuple(f"{alert.severity}: {alert.key}" for alert in fresh[:_MOST]),
    )


def _count(tick: Json, name: str) -> int:
    return int(tick.get(name, 0))
