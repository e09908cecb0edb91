"""What an order is worth, to the account and to each entity."""

import pytest

from meta_autonomous.decision.order_value import order_values

Rows = tuple[tuple[int, float], ...]


def rows(*orders_and_values: tuple[int, float]) -> Rows:
    """Orders and their value in major units, day by day."""
    return orders_and_values


class Learned:
    """The order values of entities that are called by name."""

    def __init__(self, **entities: Rows) -> None:
        self.values = order_values(
            [[orders for orders, _ in days] for days in entities.values()],
            [[round(value * 1e6) for _, value in days] for days in entities.values()],
        )
        self.average = self.values.average
        self.order_variance = self.values.order_variance
        self.spread = self.values.spread
        self.entities = dict(zip(entities, self.values.entities, strict=True))
        self._known = dict(zip(entities, self.values.of_entities(), strict=True))

    def of_entity(self, name: str) -> tuple[float, float]:
        return self._known[name]


learned = Learned


def worth(values: Learned, name: str) -> float:
    """In major units."""
    return values.of_entity(name)[0] / 1e6


def test_the_average_is_all_value_over_all_orders():
    values = learned(a=rows((3, 90.0), (1, 50.0)), b=rows((6, 300.0)))
    assert values.average == pytest.approx(44e6)


def test_an_entity_without_orders_is_given_the_accounts_average_and_the_full_doubt():
    values = learned(a=rows((10, 400.0)), idle=())
    worth_micros, doubt = values.of_entity("idle")
    assert worth_micros == pytest.approx(40e6)
    assert doubt == pytest.approx(values.spread)


def test_the_more_orders_the_nearer_to_the_entitys_own_value():
    common = {f"common{i}": rows(*[(10, 400.0)] * 10) for i in range(20)}
    values = learned(**common, few=rows((1, 80.0)), many=rows(*[(10, 800.0)] * 20))
    average = values.average / 1e6
    assert average < worth(values, "few") < worth(values, "many") < 80.0
    assert worth(values, "many") == pytest.approx(80.0, rel=0.05)
    assert values.of_entity("many")[1] < values.of_entity("few")[1]


def test_one_huge_order_is_credited_to_the_account_not_to_the_ad_that_got_it():
    ordinary = {f"ad{i}": rows(*[(2, 100.0)] * 10) for i in range(30)}
    plain = learned(**ordinary, lucky=rows(*[(2, 100.0)] * 10))
    struck = learned(**ordinary, lucky=rows(*[(2, 100.0)] * 9, (2, 50_100.0)))
    assert struck.average > 2.0 * plain.average
    assert worth(struck, "lucky") < 2.5 * worth(struck, "ad0")
    credited = sum(value for _, value in struck.entities.values())
    assert credited == pytest.approx(31 * 1000e6 + 50_000e6)


def test_value_without_orders_counts_for_the_account():
    values = learned(a=rows((2, 100.0)), b=rows((0, 20.0)))
    assert values.average == pytest.approx(60e6)
    assert worth(values, "b") == pytest.approx(60.0)


def test_orders_without_any_value_are_worth_nothing_known():
    assert learned(a=rows((2, 0.0), (1, 0.0))).average == 0.0
    assert learned().average == 0.0


def test_when_only_rows_without_orders_have_value_there_is_nothing_to_credit():
    values = learned(a=rows((2, 0.0)), b=rows((0, 20.0)))
    assert values.average == pytest.approx(10e6)
    assert values.entities["a"] == (2, 0.0)


def test_the_scatter_of_single_orders_is_learned():
    even = learned(**{f"ad{i}": rows(*[(1, 50.0)] * 28) for i in range(40)})
    wild = learned(**{f"ad{i}": rows(*[(1, 5.0), (1, 400.0)] * 14) for i in range(40)})
    assert even.order_variance < 0.3 < wild.order_variance < 1.0
