"""The one path to Meta (or to the sandbox, which speaks the same language over real HTTP)."""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Final, Self

from meta_autonomous.adapters import meta_wire
from meta_autonomous.adapters.meta_checkup import Checkup
from meta_autonomous.adapters.meta_delivery import InsightReader
from meta_autonomous.adapters.meta_http import GraphHttp
from meta_autonomous.adapters.meta_pace import Pace
from meta_autonomous.adapters.meta_read import MOST_AT_ONCE, Errand, GraphReader
from meta_autonomous.adapters.meta_snapshot import AccountReader
from meta_autonomous.adapters.meta_time import TrustedTime
from meta_autonomous.adapters.meta_wire import AccountIdRow, Odd
from meta_autonomous.adapters.meta_write import Writer
from meta_autonomous.domain.condition import AccountFacts, OtherHands, TokenFacts
from meta_autonomous.domain.entities import Account, AccountSnapshot, Activity, Entity, Level
from meta_autonomous.domain.intent import Change
from meta_autonomous.ports.errors import BadAnswer, ConfigError
from meta_autonomous.ports.platform import Answer, ReadPlan

GRAPH_URL: Final = "https://graph.facebook.com"


class MetaApi:
    """Implements `ports.AdsPlatform`. One per run, used within one event loop:

        async with MetaApi(token=…, clock=…, monotonic=…) as platform:
            snapshot = await platform.read_account("123", ReadPlan(days=28, window_days=7))

    `clock` gives the local wall time (aware), `monotonic` seconds that no clock change moves.
    Each read operation ends within `read_deadline` seconds, and all of them by `deadline_at` (in
    terms of `monotonic`): past it nothing new is begun, but a write under way gets its answer.
    """

    def __init__(
        self,
        *,
        token: str,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        base_url: str = GRAPH_URL,
        version: str = "v26.0",
        app_secret: str | None = None,
        name: str = "meta",
        checks_clock: bool = True,
        application_id: str | None = None,
        account_ids: Sequence[str] = (),
        request_timeout: float = 30.0,
        write_timeout: float = 30.0,
        read_deadline: float = 240.0,
        deadline_at: float | None = None,
        concurrency: int = 8,
        page_limit: int = 500,
        max_pages: int = 1000,
        retry_wait: float = 1.0,
    ) -> None:
        self.name = name
        self._application_id = application_id
        try:
            self._account_ids = tuple(_account_id(one) for one in account_ids)
        except BadAnswer as bad:
            raise ConfigError(
                f"META_AD_ACCOUNT_IDS: {bad.message}", remedy="an id is digits, or act_ and digits"
            ) from None
        self._monotonic = monotonic
        self._read_deadline = read_deadline
        self._deadline_at = deadline_at
        self._accounts: dict[str, Account] = {}
        self._http = GraphHttp(base_url, version, token, app_secret, MOST_AT_ONCE)
        self._pace = Pace(monotonic)
        self._time = TrustedTime(clock=clock, monotonic=monotonic, checks_clock=checks_clock)
        self._graph = GraphReader(
            self._http,
            self._pace,
            self._time,
            monotonic=monotonic,
            request_timeout=request_timeout,
            concurrency=concurrency,
            page_limit=page_limit,
            max_pages=max_pages,
            retry_wait=retry_wait,
        )
        self._reader = AccountReader(
            self._graph, self._pace, self._time, InsightReader(self._graph)
        )
        self._checkup = Checkup(self._graph, self._time, token)
        self._writer = Writer(
            self._http,
            self._graph,
            self._pace,
            self._time,
            monotonic,
            write_timeout,
            deadline_at,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    @property
    def application_id(self) -> str | None:
        return self._application_id

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know of this run's answers, each once: a version that ends, an
        optional read left out."""
        return self._graph.warnings

    def requests_made(self) -> int:
        return self._graph.requests

    def quota_used(self) -> Decimal:
        return self._pace.quota_used

    async def account_ids(self) -> tuple[str, ...]:
        """The configured accounts, else all that the token can see."""
        if self._account_ids:
            return self._account_ids
        params = {"fields": meta_wire.fields_of(AccountIdRow)}
        errand = self._errand(None)
        found: dict[str, None] = {}
        async for rows in self._graph.pages("me/adaccounts", params, AccountIdRow, errand=errand):
            for row in rows:
                try:
                    found[meta_wire.valid_id(row.account_id, "account_id")] = None
                except Odd as odd:
                    raise BadAnswer(f"the list of ad accounts: {odd}") from None
        return tuple(found)

    async def trusted_now(self) -> datetime:
        if not self._time.has_answer:
            errand = self._errand(None)
            await self._graph.get("me", {"fields": "id"}, meta_wire.whole_object, errand=errand)
        return self._time.now()

    async def read_account(self, account_id: str, plan: ReadPlan) -> AccountSnapshot:
        snapshot = await self._reader.snapshot(plan, self._errand(account_id))
        self._accounts[snapshot.account.id] = snapshot.account
        return snapshot

    async def read_entity(self, account_id: str, entity_id: str, level: Level) -> Entity:
        errand = self._errand(account_id, settles=True)
        account = self._accounts.get(str(errand.account_id))
        if account is None:
            account = await self._reader.account(errand)
            self._accounts[account.id] = account
        params = {"fields": meta_wire.fields_of_level(level)}
        try:
            path = meta_wire.valid_id(entity_id, "entity id")
            body = await self._graph.get(path, params, meta_wire.whole_object, errand=errand)
            entity = meta_wire.entity(level, body, account)
        except Odd as odd:
            raise BadAnswer(f"{level} {entity_id[:30]}: {odd}") from None
        if entity.id != entity_id:
            raise BadAnswer(f"asked for {level} {entity_id}, got {entity.id}")
        return entity

    async def read_activities(
        self, account_id: str, *, since: datetime, entity_id: str | None = None
    ) -> tuple[Activity, ...]:
        errand = self._errand(account_id, settles=True)
        return await self._reader.activities(errand, since=since, entity_id=entity_id)

    async def token_facts(self) -> TokenFacts:
        return await self._checkup.token_facts(self._errand(None))

    async def permissions(self) -> frozenset[str] | None:
        return await self._checkup.permissions(self._errand(None))

    async def account_facts(self, account_id: str) -> AccountFacts:
        return await self._checkup.account_facts(self._errand(account_id))

    async def other_hands(
        self, account_id: str, *, since: datetime, our_application_id: str | None
    ) -> OtherHands:
        return await self._checkup.other_hands(
            self._errand(account_id), since=since, ours=our_application_id
        )

    async def write(self, change: Change) -> Answer:
        return await self._writer.write(change)

    def _errand(self, account_id: str | None, *, settles: bool = False) -> Errand:
        deadline = self._monotonic() + self._read_deadline
        if self._deadline_at is not None:
            deadline = min(deadline, self._deadline_at)
        plain_id = None if account_id is None else _account_id(account_id)
        return Errand(account_id=plain_id, deadline=deadline, settles=settles)


def _account_id(text: str) -> str:
    """An account id without ``act_``."""
    try:
        return meta_wire.valid_id(text.removeprefix("act_"), "ad account id")
    except Odd as odd:
        raise BadAnswer(str(odd)) from None
