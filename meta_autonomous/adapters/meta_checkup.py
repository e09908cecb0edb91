"""What `doctor` asks of Meta: the token, the accounts, and who else acts on them.

Meta tells of a token only at `debug_token`, which takes the token to look at as a parameter and
has no other way to take it. The request goes to Meta over TLS, our own transport logs no
parameters, and nobody else sees it. Where Meta refuses it, `me/permissions` still tells what the
token may do.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec import Struct

from meta_autonomous.adapters import meta_wire
from meta_autonomous.adapters.meta_errors import InvalidRequest
from meta_autonomous.adapters.meta_foreign import ONLY_TELLS
from meta_autonomous.adapters.meta_read import Errand, GraphReader
from meta_autonomous.adapters.meta_time import TrustedTime
from meta_autonomous.adapters.meta_wire import Text, known
from meta_autonomous.domain.condition import AccountFacts, OtherHands, TokenFacts
from meta_autonomous.domain.entities import DELIVERING_ACCOUNT_STATUSES
from meta_autonomous.ports.errors import AuthFailed, BadAnswer, Gone

_EXPIRED: Final = "create a new system-user token and put it in META_ACCESS_TOKEN"
#: What changes an entity's delivery, among the many things that the log tells of.
_CONCERNING: Final = ("budget", "run_status", "bid")
#: Where people work. Their changes are on record as a person's, and start the cooldown.
_HUMAN: Final = ("ads manager", "power editor", "business suite", "facebook")


class _TokenError(Struct):
    message: str | None = None


class _Token(Struct):
    is_valid: bool = True
    scopes: list[str] | None = None
    expires_at: int | None = None
    app_id: Text = None
    error: _TokenError | None = None


class _TokenBody(Struct):
    data: _Token


class _Permission(Struct):
    permission: str
    status: str


class _AccountRow(Struct):
    name: str
    currency: str
    account_status: int
    user_tasks: list[str] | None = None


class _Execution(Struct):
    execution_type: str | None = None


class _Rule(Struct):
    name: str | None = None
    status: str | None = None
    execution_spec: _Execution = msgspec.field(default_factory=_Execution)


class _Change(Struct):
    event_type: str
    application_id: Text = None
    application_name: str | None = None


@dataclass(frozen=True, slots=True)
class Checkup:
    """Reads through one GraphReader. Raises PlatformError."""

    graph: GraphReader
    time: TrustedTime
    token: str = field(repr=False)

    async def token_facts(self, errand: Errand) -> TokenFacts:
        """Raises AuthFailed for a token that Meta does not take."""
        try:
            told = await self.graph.get(
                "debug_token", {"input_token": self.token}, _token_body, errand=errand
            )
        except (InvalidRequest, Gone, BadAnswer):
            return TokenFacts(scopes=None, knows_expiry=False)
        facts = told.data
        if not facts.is_valid:
            said = facts.error.message if facts.error is not None else None
            raise AuthFailed(said or "Meta says that the token is not valid", remedy=_EXPIRED)
        return TokenFacts(
            scopes=None if facts.scopes is None else frozenset(facts.scopes),
            knows_expiry=facts.expires_at is not None,
            expires_at=_moment(facts.expires_at),
            application_id=known(facts.app_id),
        )

    async def permissions(self, errand: Errand) -> frozenset[str] | None:
        """What the token's holder granted; None where Meta does not tell."""
        granted: set[str] = set()
        try:
            async for rows in self.graph.pages("me/permissions", {}, _Permission, errand=errand):
                granted |= {row.permission for row in rows if row.status == "granted"}
        except (InvalidRequest, Gone, BadAnswer):
            return None
        return frozenset(granted)

    async def account_facts(self, errand: Errand) -> AccountFacts:
        account_id = str(errand.account_id)
        params = {"fields": meta_wire.fields_of(_AccountRow)}
        body = await self.graph.get(
            f"act_{account_id}", params, meta_wire.whole_object, errand=errand
        )
        row = meta_wire.decode_row(_AccountRow, body, BadAnswer)
        return AccountFacts(
            account_id=account_id,
            name=row.name,
            currency=row.currency,
            status=row.account_status,
            can_deliver=row.account_status in DELIVERING_ACCOUNT_STATUSES,
            tasks=None if row.user_tasks is None else frozenset(row.user_tasks),
        )

    async def other_hands(
        self, errand: Errand, *, since: datetime, ours: str | None
    ) -> OtherHands:
        act = f"act_{errand.account_id}"
        rules: list[str] = []
        asked = {"fields": meta_wire.fields_of(_Rule)}
        async for page in self.graph.pages(f"{act}/adrules_library", asked, _Rule, errand=errand):
            rules += [rule.name or "without a name" for rule in page if _acts(rule)]
        changes: Counter[str] = Counter()
        asked = {
            "fields": meta_wire.fields_of(_Change),
            "since": str(int(since.timestamp())),
            "until": str(int(self.time.best().timestamp()) + 60),
        }
        async for log in self.graph.pages(f"{act}/activities", asked, _Change, errand=errand):
            changes.update(_by_other_programs(log, ours))
        return OtherHands(rules=tuple(rules), applications=dict(changes.most_common()))


def _token_body(body: bytes) -> _TokenBody:
    return meta_wire.decode_row(_TokenBody, meta_wire.whole_object(body), BadAnswer)


def _moment(seconds: int | None) -> datetime | None:
    """0 is never."""
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _acts(rule: _Rule) -> bool:
    return rule.status == "ENABLED" and rule.execution_spec.execution_type not in ONLY_TELLS


def _by_other_programs(log: Iterable[_Change], ours: str | None) -> Iterable[str]:
    """The application of each such change. Without knowing ours none can be called another."""
    for change in log if ours is not None else ():
        name = change.application_name or f"application {change.application_id}"
        if known(change.application_id) is None or known(change.application_id) == ours:
            continue
        is_persons = any(word in name.lower() for word in _HUMAN)
        if not is_persons and any(word in change.event_type for word in _CONCERNING):
            yield name
