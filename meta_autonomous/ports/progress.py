"""What a tick is at, for whoever looks on while it works."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    STARTING = "starting"
    READING = "reading"
    DECIDING = "deciding"
    RECORDING = "recording"
    EXECUTING = "executing"
    REPORTING = "reporting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """At the `place`-th of `of` accounts (reading) or writes (executing). `subject` is foreign
    text: an entity's name."""

    stage: Stage
    place: int = 0
    of: int = 0
    subject: str = ""


#: Never raises, and returns at once.
Progress = Callable[[Step], None]


def unseen(_: Step) -> None:
    """Nobody looks on."""
