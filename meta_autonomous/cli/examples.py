"""What each command is used for: a few command lines that run as they stand.

`--help` and the manual page show them first. Each line is short enough for a terminal of 60
columns.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Example:
    """What it is for, and what to type."""

    purpose: str
    line: str


def _examples(*told: tuple[str, str]) -> tuple[Example, ...]:
    return tuple(Example(purpose, f"meta-auto {words}") for purpose, words in told)


#: By the words of the command; the program itself is "".
EXAMPLES: Final[Mapping[str, tuple[Example, ...]]] = {
    "": _examples(
        ("See what it would do; nothing is written", "tick --dry-run"),
        ("What waits for a person's decision", "suggestions list"),
        ("A configuration of your own", "init"),
    ),
    "tick": _examples(
        ("See what it would do; nothing is written", "tick --dry-run"),
        ("From cron: silent unless something is wrong", "tick -q"),
        ("One ad account, for a script", "tick --account act_1184736205518823 --json"),
    ),
    "status": _examples(
        ("The dashboard, once", "status"),
        ("The dashboard, kept up to date until Ctrl-C", "status --watch"),
    ),
    "suggestions": _examples(
        ("What waits, most urgent first", "suggestions list"),
        ("Decide one after the other, by one key each", "suggestions review"),
    ),
    "suggestions list": _examples(
        ("What waits, most urgent first", "suggestions list"),
        ("What nobody decided in time", "suggestions list --status expired"),
    ),
    "suggestions show": _examples(
        ("The evidence and every rule's verdict", "suggestions show 12"),
        ("The same for a script", "suggestions show 12 --json"),
    ),
    "suggestions approve": _examples(
        ("Approve two of them", "suggestions approve 10 12"),
        ("Approve, but a smaller change", "suggestions approve 12 --budget 550"),
        ("Approve whatever waits, without a question", "suggestions approve --all --yes"),
    ),
    "suggestions reject": _examples(
        ("Not now", "suggestions reject 12"),
        ("Say why, for the audit trail", 'suggestions reject 10 --reason "sale ends today"'),
    ),
    "suggestions review": _examples(
        ("Decide one after the other, by one key each", "suggestions review"),
        ("Without a terminal: look, then approve by id", "suggestions list"),
    ),
    "actions": _examples(
        ("What was decided and done in a day", "actions list --since 24h"),
        ("Take one back", "actions undo 12"),
    ),
    "actions list": _examples(
        ("What was executed in a week", "actions list --status executed --since 7d"),
        ("The history of one campaign", "actions list --entity 120231870001092516"),
    ),
    "actions undo": _examples(
        ("Put back what one action replaced", "actions undo 12"),
        ("Everything that was executed today", "actions undo --since 24h"),
    ),
    "actions resolve": _examples(
        (
            "You saw the new budget in Ads Manager",
            'actions resolve 12 --applied --reason "seen"',
        ),
        (
            "The budget is still the old one",
            'actions resolve 12 --not-applied --reason "old"',
        ),
    ),
    "campaigns": _examples(
        ("ROAS, budget and last decision of each", "campaigns list"),
        ("The same for the ad sets", "campaigns list --level adset"),
    ),
    "campaigns list": _examples(
        ("Everything under control", "campaigns list"),
        ("Only the ad sets, for a script", "campaigns list --level adset --json"),
    ),
    "creatives": _examples(
        ("What waits for approval", "creatives list --status pending"),
        ("Keep more money from one", "creatives reject 120231870000450148"),
    ),
    "creatives list": _examples(
        ("What waits for approval", "creatives list --status pending"),
        ("All of them, for a script", "creatives list --json"),
    ),
    "creatives approve": _examples(
        ("Once it was rejected: money again", "creatives approve 120231870000450148"),
        ("Another one, for a script", "creatives approve 120231870000470222 --json"),
    ),
    "creatives reject": _examples(
        ("What runs it gets no more money", "creatives reject 120231870000450148"),
        ("Another one, for a script", "creatives reject 120231870000470222 --json"),
    ),
    "explain": _examples(
        ("Why it was done, or why nothing was", "explain 120231870001092516"),
        ("Every gate with its numbers, for a script", "explain 120231870001092516 --json"),
    ),
    "mode": _examples(
        ("Who decides now, and who said so", "mode show"),
        ("Let it execute what is safe", "mode set auto"),
    ),
    "mode show": _examples(
        ("Who decides now, and who said so", "mode show"),
        ("For a script", "mode show --json"),
    ),
    "mode set": _examples(
        ("A person decides everything", "mode set suggest"),
        ("Let it execute what is safe", "mode set auto"),
        ("Although a guard can't fire", "mode set auto --accept safety.daily_spend"),
    ),
    "start": _examples(
        ("Let ticks work again", "start"),
        ("Then see whether all is well", "doctor"),
    ),
    "stop": _examples(
        ("Stop now, after the write in hand", "stop"),
        ("See that it is stopped", "status"),
    ),
    "policies": _examples(
        ("The limits in force, and where each is from", "policies show"),
        ("Prove that every guard fires", "policies selftest"),
    ),
    "policies show": _examples(
        ("Every limit, and where it is from", "policies show"),
        ("The limits of one campaign", "policies show --for 120231870001092516"),
        ("For an audit", "policies show --json"),
    ),
    "policies check": _examples(
        ("May this campaign be created?", "policies check campaign.json"),
        ("The same from a pipe", "policies check - --json < campaign.json"),
    ),
    "policies selftest": _examples(
        ("See each guard fire", "policies selftest"),
        ("Under limits that you think of", "--config draft.toml policies selftest"),
    ),
    "calibration": _examples(
        ("Are 80 % sure decisions right 80 % of the time?", "calibration"),
        ("For a plot of your own", "calibration --json"),
    ),
    "alerts": _examples(
        ("What wants attention", "alerts list"),
        ("From a timer of its own", "alerts check"),
    ),
    "alerts list": _examples(
        ("What is open, and its keys", "alerts list"),
        ("For a script", "alerts list --json"),
    ),
    "alerts check": _examples(
        ("Are there ticks at all? From a timer of its own", "alerts check"),
        ("For a monitor", "alerts check --json"),
    ),
    "alerts ack": _examples(
        ("Took note: do not repeat it", "alerts ack hard_stop:120231870001092516"),
        ("See the keys", "alerts list"),
    ),
    "ledger": _examples(
        ("Who did what in a day", "ledger list --since 24h"),
        ("Prove that nothing was changed later", "ledger verify"),
    ),
    "ledger list": _examples(
        ("The latest entries", "ledger list"),
        ("A week of them", "ledger list --since 7d --limit 500"),
    ),
    "ledger verify": _examples(
        ("Prove the chain whole", "ledger verify"),
        ("With the archived months", "ledger verify --archive ~/ledger-archive"),
    ),
    "ledger export": _examples(
        ("Everything, as it was hashed", "ledger export > ledger.jsonl"),
        ("A month as a table", "ledger export --format csv --since 30d > l.csv"),
    ),
    "report": _examples(
        ("The last four weeks", "report"),
        ("A page with plots, to be mailed", "report --html report.html --days 7"),
    ),
    "replay": _examples(
        ("Does every decision come out as recorded?", "replay"),
        ("What a smaller step would have done", "replay --set MAX_AUTO_CHANGE_PCT=0.05"),
    ),
    "backfill": _examples(
        ("Four weeks to replay, before the first tick", "backfill --days 28"),
        ("Then look at them", "replay --since 28d"),
    ),
    "doctor": _examples(
        ("What is wrong, and what to do", "doctor"),
        ("Does a message reach you?", "doctor --notify-test"),
        ("Only failures and warnings", 'doctor | grep -E "fail|warn"'),
    ),
    "init": _examples(
        ("On a terminal: a few questions", "init"),
        ("From a script: no question", "init --set max_daily_spend_usd=1000"),
        ("Somewhere else", "--config /etc/meta-auto/config.toml init"),
    ),
    "db": _examples(
        ("After an update of the program", "db upgrade"),
        ("A copy while it is in use", "db backup meta-auto-copy.sqlite3"),
    ),
    "db upgrade": _examples(
        ("First a copy", "db backup before-upgrade.sqlite3"),
        ("After an update of the program", "db upgrade"),
    ),
    "db backup": _examples(
        ("A copy while it is in use", "db backup meta-auto-copy.sqlite3"),
        ("For a script", "db backup meta-auto-copy.sqlite3 --json"),
    ),
    "db prune": _examples(
        ("What would go", "db prune --dry-run"),
        ("Keep two years", "db prune --older-than 730"),
    ),
    "units": _examples(
        ("Look at them", "units"),
        ("Install them", "units --write /etc/systemd/system"),
    ),
    "estimate": _examples(
        ("True ROAS from your own export", "estimate export.csv --plot"),
        ("Of one day, against your margin", "estimate export.csv --margin 0.4"),
        ("From a pipe, for a script", "estimate - --json < export.csv"),
    ),
    "demo": _examples(
        ("A week in half a minute", "demo"),
        ("Two days, kept to look around in", "demo --days 2 --keep /tmp/meta-auto-demo"),
    ),
    "sandbox": _examples(
        ("The simulated Graph API, until Ctrl-C", "sandbox serve"),
        ("On a port that you know", "sandbox serve --port 8765"),
    ),
    "sandbox serve": _examples(
        ("On a port that you know", "sandbox serve --port 8765"),
        ("A world that outlives it", "sandbox serve --file world.sqlite3"),
    ),
}
