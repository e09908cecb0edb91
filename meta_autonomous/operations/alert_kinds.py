"""The kinds of alerts. A key is a kind, or a kind and what it is about: ``hard_stop:1202…``."""

from typing import Final

#: Each kind with what it means, in the order in which people want to see them.
ALERT_KINDS: Final = {
    "hard_stop": "a campaign, ad set or ad that loses money",
    "spend_over_cap": "today's spend is over MAX_DAILY_SPEND_USD",
    "spend_near_cap": "today's spend is over 90 % of it",
    "runaway_day": "Meta spent more than 1.75 times a daily budget",
    "auth": "the token or a permission was refused",
    "token_expiring": "the token expires soon",
    "tracking_outage": "impossibly few purchases for the spend",
    "blast_radius": "automatic pauses would cover half of an account's spend",
    "no_purchases": "an account without a purchase in 28 days",
    "account_status": "an account whose ads can't run",
    "penalised": "Meta blocks the account for breaking its rules",
    "in_doubt": "a change whose outcome nobody could settle",
    "overridden": "somebody changed back what was just set",
    "dead_guard": "a guard that can't fire, in auto mode",
    "ledger_broken": "the audit trail was changed",
    "no_ticks": "no tick has run for too long",
    "actions_failing": "more than 10 % of what was tried failed",
    "actions_blocked": "more than half of what was wanted was blocked",
}


def kind_of(key: str) -> str:
    return key.partition(":")[0]
