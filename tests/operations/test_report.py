"""What the report counts: all of its period, and nothing else."""

from meta_autonomous.operations.report import Report, report


def reported(live, days: int) -> Report:
    with live.database() as store:
        return report(store, live.system, live.book, live.rates, days=days, now=live.sandbox.now())


def test_what_is_wanted_since_before_the_period_has_its_place_in_it(live):
    live.tick()
    wanted = len(live.actions())
    live.passes(hours=20)
    live.tick()
    today = live.sandbox.now().date()
    assert any(action.created_at.date() < today for action in live.actions())
    for days in (1, 7):
        told = reported(live, days).to_json()
        drawn = [sum(day["actions"].values()) for day in told["days"]]
        assert sum(told["outcomes"].values()) == sum(drawn) >= wanted / 2
    assert drawn[-1] > 0
