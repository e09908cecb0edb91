"""One account's days in, a posterior for each of its entities out."""

import random
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from math import exp, isfinite, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meta_autonomous.decision.booking import DEFAULT_DELAY, Booking, Restatements
from meta_autonomous.decision.posterior import STARTING_PRIOR
from meta_autonomous.decision.roas_engine import Estimate, LevelEstimates, estimate_level
from meta_autonomous.domain.performance import DayFacts, Days

TODAY = date(2026, 3, 1)


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def facts(spend: float = 0.0, value: float = 0.0, orders: int = 0) -> DayFacts:
    return DayFacts(round(spend * 1e6), round(value * 1e6), orders, round(spend * 80))


def level_days(spend: float, orders: int, *, ages: range, worth: float = 50.0) -> Days:
    return {ago(age): facts(spend, orders * worth, orders) for age in ages}


def an_account(entities: int = 30, *, days: int = 28, seed: int = 1) -> dict[str, Days]:
    """Entities of different size and ROAS, with noise in spend, orders and values."""
    rng = random.Random(seed)
    account: dict[str, Days] = {}
    for i in range(entities):
        size, roas = rng.uniform(20.0, 600.0), exp(rng.gauss(log(1.6), 0.5))
        entity = {}
        for age in range(days, 0, -1):
            spend = size * rng.uniform(0.6, 1.4)
            expected = spend * roas / 50.0
            orders = max(0, round(rng.gauss(expected, expected**0.5)))
            value = sum(rng.uniform(20.0, 80.0) for _ in range(orders))
            entity[ago(age)] = facts(spend, value, orders)
        account[f"ad{i:03d}"] = entity
    return account


def estimated(entities: Mapping[str, Days], **options) -> LevelEstimates:
    return estimate_level(entities, **{"today": TODAY, "first_day": ago(28), **options})


def assert_sane(estimate: Estimate) -> None:
    posterior = estimate.posterior
    probabilities = [posterior.prob_below(threshold) for threshold in (0.8, 0.9, 1.5, 2.0)]
    assert probabilities == sorted(probabilities)
    assert all(0.0 <= probability <= 1.0 for probability in probabilities)
    low, high = posterior.interval()
    assert 0.0 < low < high
    numbers = (low, high, posterior.expected(), estimate.exposure, estimate.orders_at_one)
    assert all(isfinite(number) for number in numbers)


# --- Sums and exposure ------------------------------------------------------------------------


def test_the_window_is_the_seven_complete_days_before_today():
    days = {ago(age): facts(10.0 + age, 20.0 * age, age) for age in range(10)}
    estimate = estimated({"a": days}).estimates["a"]
    assert estimate.spend_micros == sum(10 + age for age in range(1, 8)) * 10**6
    assert estimate.purchases == sum(range(1, 8))
    assert estimate.value_micros == 20 * estimate.purchases * 10**6
    assert estimate.impressions == sum((10 + age) * 80 for age in range(1, 8))


def test_actual_roas_is_exact_and_unknown_without_spend():
    days = {ago(2): facts(30.0, 10.0, 1)}
    estimates = estimated({"a": days, "idle": {ago(2): facts(0.0, 10.0, 1)}}).estimates
    assert estimates["a"].actual_roas == Decimal(1) / Decimal(3)
    assert estimates["idle"].actual_roas is None


def test_level_spend_has_an_exposure_of_just_that_spend_however_late_orders_come():
    account = an_account() | {"level": level_days(100.0, 3, ages=range(1, 29))}
    assert estimated(account).estimates["level"].exposure == pytest.approx(700.0)


@pytest.mark.parametrize(
    ("spend_by_age", "exposure"),
    [
        pytest.param(dict.fromkeys((1, 2, 3), 100.0), (3, 2, 1), id="begun 3 days ago"),
        pytest.param(
            dict.fromkeys(range(3, 29), 100.0) | {1: 200.0, 2: 200.0},
            (9, 8, 7, 7, 7, 7, 7, 7),
            id="doubled 2 days ago",
        ),
        pytest.param(
            dict.fromkeys(range(4, 29), 100.0), (4, 5, 6, 7, 7, 7, 7, 7), id="paused 3 days ago"
        ),
    ],
)
def test_exposure_follows_changed_spend_by_the_accounts_own_delay(spend_by_age, exposure):
    days = {ago(age): facts(spend, spend, 2) for age, spend in spend_by_age.items()}
    found = estimated({"a": days})
    shares = zip(exposure, found.delay, strict=False)
    assert found.estimates["a"].exposure == pytest.approx(100.0 * sum(n * f for n, f in shares))


def test_an_entity_that_spends_on_a_late_files_first_day_is_not_young():
    """A file of the last seven days shows none of the spend that its orders came from."""
    week = level_days(100.0, 3, ages=range(1, 8))
    short = estimated({"a": week}, first_day=ago(7)).estimates["a"]
    young = estimated({"a": week}, first_day=ago(28)).estimates["a"]
    assert short.exposure == pytest.approx(700.0)
    assert young.exposure < 650.0
    assert (short.spend_micros, short.purchases) == (young.spend_micros, young.purchases)


def test_spend_before_the_file_is_the_mean_of_its_first_three_days_with_spend():
    days = {ago(7): facts(90.0, 50.0, 1), ago(4): facts(60.0), ago(3): facts(30.0)}
    found = estimated({"a": days | {ago(1): facts(500.0)}}, first_day=ago(7))
    before = 60.0  # for the seven days before the file
    spend = [before] * 7 + [90.0, 0.0, 0.0, 60.0, 30.0, 0.0, 500.0]
    expected = sum(
        spend[day - k] * share for day in range(7, 14) for k, share in enumerate(found.delay)
    )
    assert found.estimates["a"].exposure == pytest.approx(expected)


def test_an_entity_that_starts_after_the_files_first_day_is_young():
    first = {"first": level_days(100.0, 3, ages=range(1, 8))}
    later = level_days(100.0, 3, ages=range(1, 7))
    assert estimated(first | {"a": later}, first_day=ago(7)).estimates["a"].exposure < 590.0


def test_days_that_the_read_did_not_cover_are_not_counted_as_days_without_orders():
    account = {"a": level_days(100.0, 3, ages=range(1, 4))}
    found = estimated(account, first_day=ago(3)).estimates["a"]
    assert found.exposure == pytest.approx(300.0)


def test_outage_days_leave_the_sums_and_the_exposure_but_their_spend_still_brings_orders():
    days = level_days(100.0, 3, ages=range(1, 29))
    outage = {**days, ago(3): facts(100.0), ago(2): facts(100.0)}
    found = estimated({"a": outage}, excluded_days=frozenset({ago(3), ago(2)}))
    estimate = found.estimates["a"]
    assert estimate.exposure == pytest.approx(500.0)
    assert (estimate.spend_micros, estimate.purchases) == (500 * 10**6, 15)
    unaware = estimated({"a": outage}).estimates["a"]
    assert estimate.posterior.expected() > 1.1 * unaware.posterior.expected()


@pytest.mark.parametrize("window_days", [1, 3, 7, 14, 28, 40])
def test_any_lookback_works(window_days):
    account = an_account() | {"level": level_days(100.0, 3, ages=range(1, 60))}
    found = estimated(account, first_day=ago(60), window_days=window_days)
    level = found.estimates["level"]
    assert level.exposure == pytest.approx(100.0 * window_days)
    assert level.purchases == 3 * window_days
    assert len(found.completeness) == window_days
    for estimate in found.estimates.values():
        assert_sane(estimate)


@pytest.mark.parametrize("options", [{"window_days": 0}, {"order_history_days": 0}])
def test_a_window_of_no_days_is_refused(options):
    with pytest.raises(ValueError, match="at least 1"):
        estimated({}, **options)


def test_order_values_come_from_four_weeks_not_from_the_window_alone():
    account = an_account()
    dear_last_month = {
        **level_days(100.0, 3, ages=range(8, 29), worth=200.0),
        **level_days(100.0, 0, ages=range(1, 8)),
    }
    found = estimated(account | {"a": dear_last_month})
    only_window = estimated(account | {"a": dear_last_month}, order_history_days=7)
    assert found.estimates["a"].orders_at_one < 0.5 * only_window.estimates["a"].orders_at_one


# --- Booking ----------------------------------------------------------------------------------


def test_without_history_orders_are_taken_to_be_booked_on_the_day_they_happen():
    found = estimated(an_account())
    assert found.booking is Booking.CONVERSION_DAY
    assert found.completeness == (1.0,) * 7


def test_rows_that_were_always_complete_change_nothing():
    account = an_account()
    whole = Restatements((500,) * 7, (500,) * 7)
    assert estimated(account, restatements=whole) == estimated(account)


def test_slightly_late_rows_lower_the_exposure_of_the_youngest_days():
    account = {"a": level_days(100.0, 3, ages=range(1, 29))}
    late = Restatements((920, 990, 1000), (1000, 1000, 1000))
    found = estimated(account, restatements=late)
    assert found.booking is Booking.CONVERSION_DAY
    missing = 80.0 / 1200.0 + 10.0 / 1200.0
    assert found.estimates["a"].exposure == pytest.approx(700.0 - 100.0 * missing)


def test_rows_that_fill_up_later_are_booked_on_their_impressions_day():
    account = {"a": level_days(100.0, 3, ages=range(1, 4))}
    filling = Restatements((6000, 7500, 8500), (10_000,) * 3)
    found = estimated(account, restatements=filling)
    assert found.booking is Booking.IMPRESSION_DAY
    assert found.delay == DEFAULT_DELAY
    assert found.estimates["a"].exposure == pytest.approx(60.0 + 75.0 + 85.0, abs=1.0)


def test_orders_still_to_come_are_allowed_for():
    """Half of the orders that the spend will bring are there: the ROAS is not half."""
    account = an_account()
    halved = {
        entity_id: {
            day: row._replace(purchases=row.purchases // 2, value_micros=row.value_micros // 2)
            if day >= ago(7)
            else row
            for day, row in days.items()
        }
        for entity_id, days in account.items()
    }
    half = Restatements((500,) * 7, (1000,) * 7)
    corrected = estimated(halved, restatements=half)
    naive = estimated(halved)
    assert corrected.average_roas > 1.5 * naive.average_roas


# --- What the account teaches -----------------------------------------------------------------


def test_a_few_orders_are_drawn_to_the_account_and_many_are_not():
    account = an_account(60)
    account["lucky"] = level_days(10.0, 1, ages=range(1, 8), worth=100.0)
    account["proven"] = level_days(1000.0, 100, ages=range(1, 8), worth=100.0)
    found = estimated(account)
    lucky, proven = found.estimates["lucky"], found.estimates["proven"]
    assert lucky.actual_roas == proven.actual_roas == 10
    assert lucky.posterior.expected() < 0.8 * proven.posterior.expected()
    assert lucky.posterior.prob_at_least(2.0) < proven.posterior.prob_at_least(2.0)


def test_spend_without_orders_is_judged_by_what_it_should_have_brought():
    account = an_account()
    account["little"] = level_days(5.0, 0, ages=range(1, 29))
    account["much"] = level_days(400.0, 0, ages=range(1, 29))
    estimates = estimated(account).estimates
    assert estimates["little"].posterior.prob_below(0.9) < 0.7
    assert estimates["much"].posterior.prob_below(0.9) > 0.999


def test_idle_entities_do_not_hold_the_prior_back():
    account = an_account()
    idle = {f"idle{i}": {} for i in range(400)}
    with_idle, without = estimated(account | idle), estimated(account)
    assert (with_idle.mu, with_idle.tau, with_idle.pi) == (without.mu, without.tau, without.pi)
    assert with_idle.estimates["idle0"].posterior.x == without.mu


def test_the_average_entity_and_the_orders_that_it_would_have_brought():
    found = estimated(an_account() | {"a": level_days(100.0, 6, ages=range(1, 29))})
    assert found.average_roas == pytest.approx(exp(found.mu))
    expected = found.estimates["a"].orders_at_one * found.average_roas
    assert found.average_orders("a") == pytest.approx(expected)
    assert found.a0 == pytest.approx(50.0, rel=0.05)


def test_uneven_days_widen_the_posterior():
    even = {f"ad{i}": level_days(1000.0, 40, ages=range(1, 29)) for i in range(40)}
    uneven = {
        entity_id: {
            day: facts(1000.0, orders * 50.0, orders)
            for place, day in enumerate(days)
            for orders in [70 if place % 2 else 10]
        }
        for entity_id, days in even.items()
    }
    calm, restless = estimated(even), estimated(uneven)
    assert calm.day_noise < 0.06 < restless.day_noise
    assert calm.estimates["ad0"].posterior.s < restless.estimates["ad0"].posterior.s


def test_one_day_of_spend_tells_nothing_of_how_days_differ():
    account = {"a": {ago(3): facts(1000.0, 1500.0, 30)}}
    filling = Restatements((60, 75, 85), (100,) * 3)
    assert estimated(account, restatements=filling).day_noise == 0.0625


# --- What must not matter ---------------------------------------------------------------------


def test_the_order_of_entities_and_of_their_days_changes_no_bit():
    account = an_account()
    rng = random.Random(5)
    shuffled = {
        entity_id: dict(rng.sample(sorted(account[entity_id].items()), len(account[entity_id])))
        for entity_id in rng.sample(sorted(account), len(account))
    }
    assert list(shuffled) != list(account)
    again = estimated(shuffled)
    assert again == estimated(account)
    assert list(again.estimates) == sorted(account)


def test_the_same_facts_give_the_same_bits_again():
    assert repr(estimated(an_account())) == repr(estimated(an_account()))


@pytest.mark.parametrize("factor", [1000, 7, 0.01])
def test_the_currency_does_not_matter(factor):
    account = an_account()
    exchanged = {
        entity_id: {
            day: row._replace(
                spend_micros=round(row.spend_micros * factor),
                value_micros=round(row.value_micros * factor),
            )
            for day, row in days.items()
        }
        for entity_id, days in account.items()
    }
    here, there = estimated(account), estimated(exchanged)
    assert there.a0 == pytest.approx(here.a0 * factor, rel=1e-6)
    for entity_id, estimate in here.estimates.items():
        other = there.estimates[entity_id].posterior
        for threshold in (0.8, 0.9, 1.5, 2.0):
            expected = estimate.posterior.prob_below(threshold)
            assert other.prob_below(threshold) == pytest.approx(expected, abs=1e-6)


def test_days_outside_the_read_and_today_do_not_matter():
    account = an_account()
    padded = {
        entity_id: {
            **days,
            TODAY: facts(9e5, 9e6, 999),
            ago(-1): facts(9e5, 9e6, 999),
            ago(29): facts(9e5, 9e6, 999),
        }
        for entity_id, days in account.items()
    }
    assert estimated(padded) == estimated(account)


# --- Odd accounts -----------------------------------------------------------------------------


def test_no_entities_give_no_estimates_and_the_starting_prior():
    found = estimated({})
    assert not found.estimates
    assert (found.mu, found.tau, found.pi) == pytest.approx(STARTING_PRIOR)


@pytest.mark.parametrize(
    "days",
    [
        pytest.param({}, id="no rows"),
        pytest.param({ago(age): facts() for age in range(1, 29)}, id="rows of zeros"),
        pytest.param(level_days(200.0, 0, ages=range(1, 29)), id="no orders in the account"),
        pytest.param(level_days(200.0, 5, ages=range(1, 29), worth=0.0), id="orders of no value"),
        pytest.param(level_days(0.0, 5, ages=range(1, 29)), id="orders without spend"),
        pytest.param({ago(2): facts(0.0, 70.0, 0)}, id="value alone"),
    ],
)
def test_where_nothing_can_be_known_the_prior_is_told(days):
    found = estimated({"a": days, "b": days})
    for estimate in found.estimates.values():
        assert_sane(estimate)
        assert estimate.posterior.x == pytest.approx(log(1.5))
        assert estimate.posterior.prob_below(0.9) == pytest.approx(0.2307, abs=1e-4)
        assert estimate.lag_adjusted_roas is None or estimate.spend_micros > 0


@pytest.mark.parametrize(
    "days",
    [
        pytest.param(level_days(100.0, 4, ages=range(1, 29)), id="alone"),
        pytest.param(level_days(0.000001, 5000, ages=range(1, 8), worth=1e6), id="huge ROAS"),
        pytest.param(level_days(1e9, 1, ages=range(1, 8), worth=0.01), id="tiny ROAS"),
        pytest.param({ago(1): facts(5.0, 30.0, 1)}, id="one day, one order"),
        pytest.param({ago(9): facts(50.0, 30.0, 1)}, id="spent before the window only"),
        pytest.param({ago(20): facts(50.0), ago(1): facts(0.0, 30.0, 1)}, id="late order"),
        pytest.param(
            {**level_days(50.0, 1, ages=range(2, 20)), ago(1): facts(50.0, -4000.0, 1)},
            id="a refund beyond the window's value",
        ),
    ],
)
def test_odd_entities_give_finite_and_ordered_numbers(days):
    for account in ({"odd": days}, {"odd": days, **an_account()}):
        for estimate in estimated(account).estimates.values():
            assert_sane(estimate)


def test_a_refund_shows_in_the_actual_roas_and_not_in_the_order_values():
    days = {**level_days(50.0, 1, ages=range(2, 20)), ago(1): facts(50.0, -4000.0, 1)}
    found = estimated({"a": days})
    assert found.estimates["a"].actual_roas < 0
    assert found.a0 == pytest.approx(18 * 50.0 / 19)


@pytest.mark.parametrize("first_day", [ago(0), ago(-5)])
def test_a_read_that_covers_no_complete_day_tells_the_prior(first_day):
    found = estimated(an_account(), first_day=first_day)
    assert found.delay == DEFAULT_DELAY
    for estimate in found.estimates.values():
        assert estimate.exposure == 0.0
        assert estimate.lag_adjusted_roas is None
        assert estimate.posterior.x == pytest.approx(log(1.5))


def test_a_window_of_outage_days_only_tells_the_prior():
    every_day = frozenset(ago(age) for age in range(1, 29))
    found = estimated(an_account(), excluded_days=every_day)
    assert all(estimate.exposure == 0.0 for estimate in found.estimates.values())


def test_thousands_of_entities_share_one_prior():
    account = {
        f"ad{i:05d}": level_days(20.0 + i % 7, 1 + i % 2, ages=range(1, 8)) for i in range(2500)
    }
    found = estimated(account, first_day=ago(7))
    assert len(found.estimates) == 2500
    assert found.average_roas == pytest.approx(75.0 / 23.0, rel=0.1)


days_of_facts = st.dictionaries(
    st.integers(-2, 30).map(ago),
    st.builds(
        DayFacts,
        spend_micros=st.integers(0, 10**13),
        value_micros=st.integers(-(10**12), 10**14),
        purchases=st.integers(0, 10**5),
        impressions=st.integers(0, 10**7),
    ),
    max_size=12,
)
pairs_of_counts = st.lists(
    st.tuples(st.integers(0, 5000), st.integers(0, 5000)), min_size=3, max_size=9
)


@settings(deadline=None)
@given(
    account=st.dictionaries(st.text(max_size=3), days_of_facts, max_size=6),
    first_day=st.integers(-1, 40).map(ago),
    window_days=st.integers(1, 20),
    history=pairs_of_counts,
    excluded=st.frozensets(st.integers(0, 15).map(ago), max_size=6),
)
def test_no_account_whatever_gives_a_number_that_is_none(
    account, first_day, window_days, history, excluded
):
    found = estimate_level(
        account,
        today=TODAY,
        first_day=first_day,
        window_days=window_days,
        restatements=Restatements(*zip(*history, strict=True)),
        excluded_days=excluded,
    )
    assert list(found.estimates) == sorted(account)
    for estimate in found.estimates.values():
        assert_sane(estimate)
    assert found.tau > 0.0
    assert 0.0 < found.pi < 1.0
    assert sum(found.delay) == pytest.approx(1.0)
