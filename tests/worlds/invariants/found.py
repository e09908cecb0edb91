"""What an invariant says of one write or tick."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from tests.worlds.witness import Witness, Write

_AS_MUCH: Final = Fraction(95, 100)


@dataclass(frozen=True, slots=True)
class Found:
    """Whether it holds, and how near the limit it was."""

    holds: bool
    is_near: bool = False  # within 5 % of the limit
    told: str = ""


WriteInvariant = Callable[[Write, Witness], Iterator[Found]]
Report = Mapping[str, Any]
TickInvariant = Callable[[Report, Witness], Iterator[Found]]


def up_to(observed: Fraction | int, limit: Fraction | int, told: str = "") -> Found:
    return Found(
        observed <= limit,
        limit > 0 and observed >= limit * _AS_MUCH,
        told or f"{float(observed):.6f} > {float(limit):.6f}",
    )


def at_least(observed: Fraction | int, limit: Fraction | int, told: str = "") -> Found:
    return Found(
        observed >= limit,
        limit > 0 and observed * _AS_MUCH <= limit,
        told or f"{float(observed):.6f} < {float(limit):.6f}",
    )
