"""Settings that differ from the recorded ones, for a replay: judged as the program's own are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from meta_autonomous.config.checking import Origin, wrong_values
from meta_autonomous.config.fields import KEYS
from meta_autonomous.config.keys import FX, FX_PREFIX
from meta_autonomous.config.overrides import Reader
from meta_autonomous.config.problems import Problem, SettingsError
from meta_autonomous.config.settings import AutonomousSettings
from meta_autonomous.decision.limits import Limits
from meta_autonomous.decision.tick_case import Circumstances
from meta_autonomous.domain.likeness import nearest

_MODE: Final = "meta_auto_mode"
_LIMITS: Final = tuple(item.name for item in fields(Limits))
_WHERE: Final = "--set"


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """Changed settings by lower-case name, as somebody wrote them. Without any: as it was."""

    changes: Mapping[str, str]

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> "WhatIf":
        """Raises SettingsError for what is no setting, decides nothing, or has a wrong value."""
        problems: list[Problem] = []
        changes: dict[str, str] = {}
        for spelled, value in pairs:
            name = spelled.strip().lower()
            problem = _refused(spelled.strip(), name)
            if problem is None and name in changes:
                problem = Problem(key=spelled, where=_WHERE, says="is given twice")
            if problem is not None:
                problems.append(problem)
            changes[name] = value
        problems += [] if problems else wrong_values(changes, _origins(changes))
        if problems:
            raise SettingsError(problems)
        return cls(changes=changes)

    def applied(self, recorded: Circumstances) -> Circumstances:
        """The circumstances of a tick under these settings; what they leave out is as it was.

        Raises SettingsError when they can't be meant together with the rest of its policy.
        """
        if not self.changes:
            return recorded
        book = recorded.book
        given: dict[str, Any] = {name: getattr(book.limits, name) for name in _LIMITS}
        given |= {FX: dict(recorded.rates.usd_per_unit), **self.changes}
        origins = _origins(self.changes)
        settings = AutonomousSettings.of(given, origins)
        reader = Reader(settings=settings, origins=origins, where="the recorded policy")
        reader.check(book.overrides)
        if reader.problems:
            raise SettingsError(reader.problems)
        is_auto = settings.meta_auto_mode == "auto" if _MODE in self.changes else recorded.is_auto
        return replace(
            recorded,
            book=replace(book, limits=settings.limits()),
            rates=settings.rates(),
            is_auto=is_auto,
        )


def _origins(changes: Mapping[str, str]) -> dict[str, Origin]:
    return {name: Origin(spelled=name.upper(), where=_WHERE) for name in changes}


def _refused(spelled: str, name: str) -> Problem | None:
    if name in _LIMITS or name == _MODE or (name.startswith(FX_PREFIX) and name != FX_PREFIX):
        return None
    if name in KEYS:
        return Problem(
            key=spelled,
            where=_WHERE,
            says="changes no decision that was recorded",
            allowed="limits, META_AUTO_MODE, META_AUTO_FX_<CUR>",
        )
    guess = nearest(name, (*_LIMITS, _MODE))
    says = f"is no setting; {guess}" if guess else "is no setting"
    return Problem(key=spelled, where=_WHERE, says=says, remedy="Correct or remove it.")
