"""What is wrong with a configuration, told so that it can be put right."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from meta_autonomous.ports.errors import ConfigError

_LONGEST = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong: the key, what was given, what is allowed.

    `given` is None where there is nothing to show, or where showing it would tell a secret.
    """

    key: str
    given: str | None = None
    where: str = ""
    says: str = ""
    allowed: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        head = self.key if self.given is None else f"{self.key} = {self.given}"
        parts = [f"{head} ({self.where})" if self.where else head]
        if self.says:
            parts[0] += f" {self.says}"
        if self.allowed:
            parts.append(f"allowed: {self.allowed}")
        return "; ".join(parts)


class SettingsError(ConfigError, ValueError):
    """A wrong setting (or several). A ValueError too, as a wrong argument in Python is one."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(_message(problems), remedy=_remedy(problems))
        self.problems = tuple(problems)


def _message(problems: Sequence[Problem]) -> str:
    if len(problems) == 1:
        return str(problems[0])
    told = ", ".join(f"({n}) {problem}" for n, problem in enumerate(problems, start=1))
    return f"{len(problems)} settings are wrong: {told}"


def _remedy(problems: Sequence[Problem]) -> str:
    remedies = [problem.remedy or _correct(problem.where) for problem in problems]
    if len(set(remedies)) == 1:
        return remedies[0]
    return "Correct each of them where it is set."


def _correct(where: str) -> str:
    match where:
        case "environment":
            return "Correct it in the environment."
        case "command line":
            return "Correct it on the command line."
        case _:
            return f"Correct it in {where}." if where.startswith("/") else "Correct it."


def written(value: Any) -> str:
    """A given value, short enough for one line and without control characters."""
    match value:
        case bool():
            text = str(value).lower()
        case Decimal():
            text = str(value)
        case (str(), *_):
            text = repr(",".join(map(str, value)))
        case _:
            text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
