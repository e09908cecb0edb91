"""What `doctor` finds out from Meta, on the served sandbox with something wrong."""

from datetime import timedelta
from decimal import Decimal

import pytest

from meta_autonomous.adapters.sandbox import changes, faults
from meta_autonomous.domain.quantities import Rates
from meta_autonomous.operations.doctor import Check, State
from meta_autonomous.operations.examine_platform import NAMES, examine_platform
from tests.operations.live_world import Live

pytestmark = pytest.mark.slow


def examined(live: Live, rates: Rates | None = None) -> dict[str, Check]:
    async def look(world):
        return await examine_platform(
            world.platform,
            [live.account_id],
            rates or Rates({}),
            version="v26.0",
            now=live.sandbox.now(),
        )

    return {check.name: check for check in live.inside(look)}


def token_says(live: Live, **facts: object) -> None:
    live.sandbox.inject(
        faults.altered(lambda document: document["data"].update(facts)), match="debug_token"
    )


def account_says(live: Live, **facts: object) -> None:
    change = faults.altered(lambda document: document.update(facts))
    live.sandbox.inject(change, match=rf"/act_{live.account_id}\?")


def test_a_healthy_account_has_but_one_remark(live):
    found = examined(live)
    assert set(found) == set(NAMES)
    assert {name for name, check in found.items() if check.state is not State.OK} == {
        "other_controllers"
    }
    assert "'Protect loyalty ROAS' is on" in found["other_controllers"].details[0]


@pytest.mark.parametrize(
    ("left", "state", "told"),
    [
        (timedelta(days=15), State.OK, "expires in 15 d"),
        (timedelta(days=14), State.WARN, "expires in 14 d"),
        (timedelta(hours=30), State.WARN, "expires in 30 h"),
        (timedelta(0), State.FAIL, "expired at"),
    ],
    ids=str,
)
def test_the_token_is_counted_down(live, left, state, told):
    token_says(live, expires_at=int((live.sandbox.now() + left).timestamp()))
    token = examined(live)["token"]
    assert token.state is state
    assert told in token.message
    assert bool(token.remedy) == (state is not State.OK)
    assert token.code == (4 if state is State.FAIL else 0)


def test_a_permission_that_lacks_fails(live):
    token_says(live, scopes=["ads_read"])
    token = examined(live)["token"]
    assert (token.state, token.code) == (State.FAIL, 4)
    assert "ads_management" in token.message


def test_a_token_that_meta_calls_invalid_fails(live):
    token_says(live, is_valid=False, error={"message": "Session has expired"})
    token = examined(live)["token"]
    assert token.state is State.FAIL
    assert "Session has expired" in token.message


def test_a_platform_that_does_not_tell_of_tokens_leaves_it_unknown(live):
    live.sandbox.inject(faults.error(100), match="debug_token")
    token = examined(live)["token"]
    assert token.state is State.UNKNOWN
    assert "does not tell when it expires; what it may do was not told" in token.message


def test_a_refused_token_fails_and_the_rest_is_not_examined(live):
    live.sandbox.inject(faults.unauthorised(), times=100)
    found = examined(live)
    assert found["token"].state is State.FAIL
    assert "expired" in found["token"].remedy
    assert {check.state for name, check in found.items() if name != "token"} == {State.UNKNOWN}


@pytest.mark.parametrize(
    ("facts", "state", "told"),
    [
        ({"account_status": 9}, State.OK, "1 can be read"),
        ({"account_status": 2}, State.WARN, "disabled (2)"),
        ({"account_status": 55}, State.WARN, "unknown status (55)"),
        ({"user_tasks": ["ANALYZE"]}, State.FAIL, "but not change them"),
    ],
    ids=str,
)
def test_an_accounts_status_and_the_tokens_tasks_are_told(live, facts, state, told):
    account_says(live, **facts)
    accounts = examined(live)["accounts"]
    assert accounts.state is state
    assert told in accounts.message


def test_an_account_that_the_token_can_not_see_fails(live):
    live.sandbox.inject(faults.error(100, subcode=33), match=rf"/act_{live.account_id}\?", times=9)
    found = examined(live)
    assert found["accounts"].code == 4
    assert found["accounts"].remedy
    assert found["currency_rates"].state is State.UNKNOWN


def test_a_currency_without_a_rate_names_the_variable(live):
    account_says(live, currency="EUR")
    rates = examined(live)["currency_rates"]
    assert (rates.state, rates.code) == (State.FAIL, 78)
    assert "META_AUTO_FX_EUR" in rates.remedy
    account_says(live, currency="EUR")
    assert examined(live, Rates({"EUR": Decimal("1.08")}))["currency_rates"].state is State.OK


def test_a_version_that_meta_upgrades_is_a_warning(live):
    live.sandbox.inject(
        faults.Fault(
            spoil=lambda _, honest: type(honest)(
                honest.status,
                honest.body,
                {**honest.headers, "X-Ad-Api-Version-Warning": "auto-upgraded to v27.0"},
            )
        )
    )
    version = examined(live)["graph_version"]
    assert version.state is State.WARN
    assert "v27.0" in version.details[0]


def test_another_application_that_changes_budgets_is_named_and_a_person_is_not(live):
    change = faults.altered(
        lambda document: [
            row.update(
                application_id="42",
                application_name="BudgetBot",
                event_type="update_ad_set_budget",
            )
            for row in document["data"][:3]
        ]
    )
    live.sandbox.inject(change, match="/activities")
    told = " ".join(examined(live)["other_controllers"].details)
    assert "'BudgetBot' made 3 changes" in told
    assert changes.PERSON.application_name not in told


@pytest.mark.parametrize("fault", [faults.missing_date(), faults.wrong_date(timedelta(hours=1))])
def test_a_clock_that_can_not_be_trusted_fails(live, fault):
    live.sandbox.inject(fault)

    async def look(world):
        return await examine_platform(
            world.platform, [], Rates({}), version="v26.0", now=live.sandbox.now()
        )

    checks = {one.name: one for one in live.inside(look, clock=live.sandbox.now)}
    assert (checks["clock"].state, checks["clock"].code) == (State.FAIL, 4)
