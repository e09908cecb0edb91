"""What only the file can say: other limits for some, which campaigns, and when not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from meta_autonomous.config import values
from meta_autonomous.config.checking import (
    Origin,
    Origins,
    combination_problems,
    wrong_values,
)
from meta_autonomous.config.fields import KEYS
from meta_autonomous.config.problems import Problem, written
from meta_autonomous.config.settings import AutonomousSettings
from meta_autonomous.decision.limits import (
    OVERRIDABLE,
    Freeze,
    Override,
    PolicyBook,
    Scope,
    is_looser,
)
from meta_autonomous.domain.likeness import nearest

#: The keys of an [[override]] that are not limits.
_WHOSE: Final = ("account", "match", "allow_looser")
_ONE: Final = "-"


@dataclass(slots=True)
class Reader:
    """Reads the tables of one file, collecting what is wrong with them. `origins` tells where
    each global value is from."""

    settings: AutonomousSettings
    origins: Origins
    where: str
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def scope(self, table: Mapping[str, Any]) -> Scope:
        for name in table.keys() - {"include", "exclude"}:
            self._complain(f"[scope] {name}", "is no key of it", allowed="include, exclude")
        return Scope(
            include=self._patterns("include", table.get("include", [])),
            exclude=self._patterns("exclude", table.get("exclude", [])),
        )

    def overrides(self, tables: Sequence[Mapping[str, Any]]) -> tuple[Override, ...]:
        before = len(self.problems)
        read = [self._override(f"[[override]] {n}", each) for n, each in enumerate(tables, 1)]
        overrides = tuple(each for each in read if each is not None)
        if len(self.problems) == before:
            self.check(overrides)
        return overrides

    def check(self, overrides: Sequence[Override]) -> None:
        """What overrides and global values can't mean together."""
        for number, override in enumerate(overrides, 1):
            self._check(f"[[override]] {number}", override, overrides)

    def freezes(self, tables: Sequence[Mapping[str, Any]]) -> tuple[Freeze, ...]:
        read = [self._freeze(f"[[freeze]] {n}", each) for n, each in enumerate(tables, 1)]
        return tuple(each for each in read if each is not None)

    # --- parts ---

    def _patterns(self, name: str, given: Any) -> tuple[str, ...]:
        is_list = isinstance(given, list) and all(
            (isinstance(each, str) and each.strip()) or type(each) is int for each in given
        )
        if not is_list:
            self._complain(
                f"[scope] {name}",
                given=written(given),
                allowed='a list of campaign names (shell patterns) and ids, such as ["ES *"]',
            )
            return ()
        return tuple(str(each) for each in given)

    def _override(self, label: str, table: Mapping[str, Any]) -> Override | None:
        before = len(self.problems)
        account, match = self._account(label, table), self._match(label, table)
        allow_looser = table.get("allow_looser", False)
        if not isinstance(allow_looser, bool):
            self._complain(
                f"{label} allow_looser", given=written(allow_looser), allowed="true or false"
            )
        if "account" not in table and "match" not in table:
            self._complain(
                label, "concerns nobody", allowed="account = an ad account, match = a pattern"
            )
        limits = {name: value for name, value in table.items() if name not in _WHOSE}
        if not limits:
            self._complain(label, "changes nothing", allowed="at least one limit")
        for name, value in limits.items():
            self._check_limit(f"{label} {name}", name, value)
        if len(self.problems) > before:
            return None
        exact = {name: Decimal(value) for name, value in limits.items()}
        return Override(values=exact, account=account, match=match, allow_looser=allow_looser)

    def _account(self, label: str, table: Mapping[str, Any]) -> str | None:
        given = table.get("account")
        if given is None:
            return None
        try:
            return values.account_id(str(given))
        except ValueError:
            self._complain(
                f"{label} account",
                given=written(given),
                allowed="the digits of an ad account's id, with or without act_",
            )
            return None

    def _match(self, label: str, table: Mapping[str, Any]) -> str | None:
        given = table.get("match")
        if given is None or (isinstance(given, str) and given.strip()):
            return given
        self._complain(
            f"{label} match",
            given=written(given),
            allowed='a shell pattern for campaign names, such as "ES *"',
        )
        return None

    def _check_limit(self, label: str, name: str, value: Any) -> None:
        if name not in OVERRIDABLE:
            guess = nearest(name, (*OVERRIDABLE, *_WHOSE))
            says = "holds for everything or not at all" if name in KEYS else "is no limit"
            self._complain(label, f"{says}; {guess}" if guess and name not in KEYS else says)
        elif isinstance(value, bool) or not isinstance(value, (int, Decimal)):
            self._complain(label, given=written(value), allowed=KEYS[name].allowed)
        else:
            origin = Origin(spelled=label, where=self.where)
            self.problems.extend(wrong_values({name: value}, {name: origin}))

    def _check(self, label: str, override: Override, all_of_them: Sequence[Override]) -> None:
        """What an override and the others that surely concern the same campaigns add up to."""
        limits = self.settings.limits()
        for name, value in override.values.items():
            if not override.allow_looser and is_looser(name, value, getattr(limits, name)):
                self.warnings.append(
                    f"{label} ({override.label}): {name} = {value} is looser than "
                    f"{getattr(limits, name)} and counts only with allow_looser = true"
                )
        ours = self.settings.meta_ad_account_ids
        if override.account is not None and ours and override.account not in ours:
            self.warnings.append(
                f"{label}: account {override.account} is not in META_AD_ACCOUNT_IDS"
            )
        chain = {
            f"[[override]] {number}": replace(each, account=_ONE, match=None)
            for number, each in enumerate(all_of_them, 1)
            if each is override or (each.match is None and each.account == override.account)
        }
        book = PolicyBook(limits=limits, overrides=tuple(chain.values()))
        names = {id(each): name for name, each in chain.items()}
        from_overrides = {
            key: Origin(spelled=f"{names[id(source)]} {key}", where=self.where)
            for key, (_, source) in book.sources(_ONE, "").items()
        }
        found = combination_problems(book.limits_for(_ONE, ""), {**self.origins, **from_overrides})
        self.problems.extend(problem for problem in found if problem not in self.problems)

    def _freeze(self, label: str, table: Mapping[str, Any]) -> Freeze | None:
        before = len(self.problems)
        for name in table.keys() - {"from", "to", "reason"}:
            self._complain(f"{label} {name}", "is no key of it", allowed="from, to, reason")
        reason = table.get("reason", "no reason given")
        if not isinstance(reason, str) or not reason.strip():
            self._complain(f"{label} reason", given=written(reason), allowed="a text")
        starts_at = self._moment(f"{label} from", table.get("from"))
        ends_at = self._moment(f"{label} to", table.get("to"))
        if starts_at is None or ends_at is None or len(self.problems) > before:
            return None
        if ends_at <= starts_at:
            self._complain(
                f"{label} to",
                "is not after its from",
                given=ends_at.isoformat(),
                allowed=f"a time after {starts_at.isoformat()}",
            )
            return None
        return Freeze(starts_at=starts_at, ends_at=ends_at, reason=reason.strip())

    def _moment(self, label: str, given: Any) -> datetime | None:
        moment = given
        if isinstance(given, str):
            try:
                moment = datetime.fromisoformat(given.strip())
            except ValueError:
                moment = None
        if isinstance(moment, datetime) and moment.tzinfo is not None:
            return moment.astimezone(UTC)
        is_naive = isinstance(moment, datetime)
        self._complain(
            label,
            "is missing" if given is None else "has no offset from UTC" if is_naive else "",
            given=None if given is None else written(str(given)),
            allowed="a date and time with its offset, such as 2026-11-27T00:00:00+01:00",
        )
        return None

    def _complain(
        self, key: str, says: str = "", *, given: str | None = None, allowed: str = ""
    ) -> None:
        self.problems.append(
            Problem(key=key, given=given, where=self.where, says=says, allowed=allowed)
        )
