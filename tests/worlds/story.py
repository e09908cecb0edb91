"""What came of a world, or of many."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.worlds.invariants.found import Found


@dataclass(slots=True)
class Story:
    """What came of one world."""

    violations: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)  # names of invariants
    judged: Counter[str] = field(default_factory=Counter)
    near: Counter[str] = field(default_factory=Counter)
    writes: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    log: list[str] = field(default_factory=list)

    def note(self, name: str, found: Iterable[Found], what: object) -> None:
        for one in found:
            self.judged[name] += 1
            self.near[name] += one.is_near
            if not one.holds:
                self.broken.add(name)
                self.violations.append(f"{name}: {what}: {one.told}")
                self.log.append(f"  !! {name}: {one.told}")

    def add(self, other: "Story") -> None:
        self.violations += other.violations
        self.broken |= other.broken
        for mine, theirs in (
            (self.judged, other.judged),
            (self.near, other.near),
            (self.writes, other.writes),
            (self.outcomes, other.outcomes),
        ):
            mine.update(theirs)
