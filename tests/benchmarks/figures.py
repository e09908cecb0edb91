"""What a benchmark yields: a number, what it is a multiple of, and the goal that it was set."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound that holds on any machine for a ratio or a count, and on this one for the rest."""

    of: Literal["value", "ratio"]
    at_most: float | None = None
    at_least: float | None = None

    def is_met(self, figure: "Figure") -> bool:
        number = figure.value if self.of == "value" else figure.ratio
        if number is None:
            return False
        return (self.at_most is None or number <= self.at_most) and (
            self.at_least is None or number >= self.at_least
        )

    def text(self, unit: str) -> str:
        sign, bound = ("≤", self.at_most) if self.at_least is None else ("≥", self.at_least)
        assert bound is not None
        return f"{sign} {shown(bound)} {unit if self.of == 'value' else '×'}".rstrip()


@dataclass(frozen=True, slots=True)
class Figure:
    """`name` is unique in the suite. `ratio` is this figure divided by that of what `against`
    names, always this way round, and `other` that figure itself where it says something. One
    without a value could not be measured, and `note` says why."""

    name: str
    value: float | None
    unit: str = ""
    ratio: float | None = None
    against: str = ""
    other: float | None = None
    goal: Goal | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to measure: all of it, or just enough to see that every figure comes out."""

    is_quick: bool

    def of(self, full: T, quick: T) -> T:
        return quick if self.is_quick else full


@dataclass(frozen=True, slots=True)
class Benchmark:
    name: str
    says: str
    run: Callable[[Effort], Iterator[Figure]]


def multiple(ratio: float, against: str = "", other: float | None = None) -> str:
    """`0.43 × SDK script (101)`"""
    told = f"{shown(ratio)} × {against}".rstrip()
    return told if other is None else f"{told} ({shown(other)})"


def shown(number: float) -> str:
    """Three digits are all that such a number is worth."""
    if number == 0:
        return "0"
    if abs(number) >= 100:
        return f"{number:,.0f}"
    if abs(number) >= 10:
        return f"{number:.1f}".removesuffix(".0")
    return f"{number:.3g}"


def at_most(bound: float) -> Goal:
    return Goal("value", at_most=bound)


def at_least(bound: float) -> Goal:
    return Goal("value", at_least=bound)


def ratio_at_most(bound: float) -> Goal:
    return Goal("ratio", at_most=bound)
