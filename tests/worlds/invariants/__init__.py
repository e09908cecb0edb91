"""What no write may do, whatever the world: each promise is one small function.

An invariant yields what it found of a write (or of a tick): whether it holds, and how near the
limit it was. It yields nothing of a write that it does not concern. The arithmetic is its own,
from the operator's settings and the shop's past.
"""

from typing import Final

from tests.worlds.invariants import evidence, moments, money, routes, sending, ticks
from tests.worlds.invariants.found import TickInvariant, WriteInvariant

WRITE_INVARIANTS: Final[tuple[WriteInvariant, ...]] = (
    money.a_raise_stays_within_a_step_of_the_lowest_budget_of_24_hours,
    money.a_cut_stays_within_a_step_of_the_highest_budget_of_24_hours,
    money.a_lifetime_budget_is_not_raised_in_its_last_24_hours,
    money.a_campaign_stays_under_its_cap,
    money.the_days_spend_stays_under_its_cap,
    moments.nothing_young_is_touched,
    moments.a_change_rests_until_its_cooldown_is_over_whoever_made_it,
    moments.nothing_but_a_pause_happens_in_a_freeze,
    moments.no_ad_sets_budget_is_sent_more_than_three_times_an_hour,
    moments.a_cut_leaves_a_tenth_above_what_was_spent,
    moments.what_is_in_doubt_gets_no_other_write,
    evidence.nothing_is_changed_on_too_little_data,
    evidence.the_returns_justify_the_direction,
    evidence.what_is_surely_in_hard_stop_gets_no_more_money,
    evidence.what_is_learning_is_not_raised,
    evidence.money_goes_only_to_approved_creatives,
    evidence.the_countries_are_not_pushed_further_out,
    routes.a_tick_never_reallocates_or_resumes_by_itself,
    routes.a_tick_does_only_the_types_that_are_automatic,
    routes.a_tick_scales_only_when_it_is_sure_enough,
    routes.in_suggest_mode_a_tick_writes_nothing_by_itself,
    routes.a_tick_that_is_stopped_or_dry_writes_nothing,
    routes.nothing_outside_the_scope_is_touched,
    routes.automatic_pauses_do_not_take_most_of_an_account_in_a_day,
    sending.every_write_has_its_own_committed_intent,
    sending.an_undo_puts_back_exactly_what_was_replaced,
)
TICK_INVARIANTS: Final[tuple[TickInvariant, ...]] = (
    ticks.a_ticks_counts_add_up,
    ticks.a_tick_does_no_more_than_its_most,
    ticks.what_a_tick_calls_executed_stands_at_the_server,
)
EVERY_INVARIANT: Final = tuple(one.__name__ for one in (*WRITE_INVARIANTS, *TICK_INVARIANTS))
