"""Reading from the Graph API: retries, classification of what comes back, and page walks.

Only reads are here, because only a read may be repeated. Each public operation of the platform
is an `Errand` with its own deadline; retries also have a budget over the life of the client, so
that an outage of Meta's is not answered with a multiple of our usual load.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final, Generic, NoReturn, TypeVar

import msgspec
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_random_exponential,
)

from meta_autonomous.adapters.meta_errors import (
    PENALTY,
    GraphError,
    InvalidRequest,
    PassingTrouble,
    TooMuchData,
    Trouble,
    default_wait,
    describe,
    graph_error,
    remedy_for,
    trouble,
)
from meta_autonomous.adapters.meta_http import GraphHttp, HttpAnswer, Loss, NoAnswer
from meta_autonomous.adapters.meta_json import NotJson, mend, refuse_repeated_keys
from meta_autonomous.adapters.meta_pace import Pace
from meta_autonomous.adapters.meta_time import TrustedTime
from meta_autonomous.adapters.meta_wire import WholeRow
from meta_autonomous.ports.errors import (
    AuthFailed,
    BadAnswer,
    Gone,
    Penalised,
    Throttled,
    Unreachable,
)

LOG: Final = logging.getLogger("meta_auto.meta")

#: Reads under way, of all accounts together.
MOST_AT_ONCE: Final = 32
_MAX_ATTEMPTS: Final = 4
_MAX_RETRY_WAIT: Final = 20.0
_MAX_STALLS: Final = 3
_MIN_RETRIES: Final = 10
_RETRY_SHARE: Final = 0.2
_VERSION_WARNING: Final = "x-ad-api-version-warning"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """For which account a read is made, by when (monotonic), and whether it settles a write."""

    account_id: str | None
    deadline: float
    settles: bool = False


#: A field of any kind; in msgspec only Raw itself takes all of them.
_NULL: Final = msgspec.Raw(b"null")


class _Cursors(msgspec.Struct, omit_defaults=True):
    after: str | None = None
    before: str | None = None


class _Paging(msgspec.Struct, omit_defaults=True):
    cursors: _Cursors | None = None
    next: str | None = None  # only whether it is there counts: the URL may hold the token
    previous: str | None = None


class Page(msgspec.Struct, Generic[T], omit_defaults=True):
    """One page of a list. `error` is here because Meta also sends errors with HTTP 200."""

    data: list[T]
    paging: _Paging | None = None
    error: msgspec.Raw = _NULL


Decode = Callable[[bytes], T]


class GraphReader:
    """All GETs of one client. Raises the PlatformErrors of `ports`, nothing else."""

    def __init__(
        self,
        http: GraphHttp,
        pace: Pace,
        time: TrustedTime,
        *,
        monotonic: Callable[[], float],
        request_timeout: float,
        concurrency: int,
        page_limit: int,
        max_pages: int,
        retry_wait: float,
    ) -> None:
        self._http = http
        self._pace = pace
        self._time = time
        self._monotonic = monotonic
        self._request_timeout = request_timeout
        self._concurrency = concurrency
        self._all_slots = asyncio.Semaphore(MOST_AT_ONCE)
        self._slots: dict[str | None, asyncio.Semaphore] = {}
        self._page_limit = page_limit
        self._max_pages = max_pages
        self._retry_wait = retry_wait
        self._retries = 0
        self._warnings: dict[str, None] = {}
        self._penalties: dict[str | None, GraphError] = {}
        self.requests = 0

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(self._warnings)

    def warn(self, message: str) -> None:
        """Note, once, something that a person should know but that stops nothing."""
        if message not in self._warnings:
            self._warnings[message] = None
            LOG.warning("meta warning=%r", message)

    async def get(
        self, path: str, params: Mapping[str, str], decode: Decode[T], *, errand: Errand
    ) -> T:
        """One object, with retries."""
        retrying = AsyncRetrying(
            retry=retry_if_exception(self._is_worth_a_retry),
            stop=stop_after_attempt(_MAX_ATTEMPTS)
            | stop_before_delay(max(errand.deadline - self._monotonic(), 0.0)),
            wait=wait_random_exponential(multiplier=self._retry_wait, max=_MAX_RETRY_WAIT),
            before_sleep=self._count_retry,
            reraise=True,
        )
        return await retrying(self._attempt, path, params, decode, errand)

    async def pages(
        self,
        path: str,
        params: Mapping[str, str],
        row: type[T],
        *,
        errand: Errand,
        min_limit: int = 1,
        days: int = 1,
        by_row: Decode[T] | None = None,
    ) -> AsyncIterator[list[T]]:
        """Every page of a list, to the last. A walk that can't be finished raises; so rows seen
        so far mean nothing until the iteration has ended by itself. Raises TooMuchData when Meta
        wants less than `min_limit` rows a page. A list of so many `days` may have so many times
        the pages of one. `by_row` reads the rows of a page one by one when they are not all of
        type `row`."""
        decode = _page_decoder(row, by_row)
        limit = self._page_limit
        cursor: str | None = None
        seen: set[str | None] = {None}
        stalls = 0
        most = self._max_pages * days
        for _ in range(most):
            page, limit = await self._page(
                path, dict(params), decode, cursor, limit, min_limit=min_limit, errand=errand
            )
            yield page.data
            if page.paging is None or page.paging.next is None:
                return
            onward = page.paging.cursors.after if page.paging.cursors else None
            if not page.data and (onward or None) == cursor and stalls < _MAX_STALLS:
                stalls += 1  # nothing was handed out: the same place again loses nothing
                continue
            if not onward:
                raise BadAnswer(f"a page of {path} has a next page, but no cursor to it")
            if onward in seen:
                raise BadAnswer(f"the pages of {path} run in a circle")
            seen.add(onward)
            cursor = onward
        raise BadAnswer(f"{path} did not end within {most} pages")

    async def _page(
        self,
        path: str,
        asked: dict[str, str],
        decode: Decode[Page[T]],
        cursor: str | None,
        limit: int,
        *,
        min_limit: int,
        errand: Errand,
    ) -> tuple[Page[T], int]:
        """One page and the limit it took: halved for as long as Meta finds it too much."""
        if cursor is not None:
            asked["after"] = cursor
        while True:
            asked["limit"] = str(limit)
            try:
                return await self.get(path, asked, decode, errand=errand), limit
            except TooMuchData:
                if limit // 2 < min_limit:
                    raise
                limit //= 2
                LOG.debug("halved path=%s limit=%d", path, limit)

    def throttled(self, account_id: str | None, why: str) -> Throttled:
        """The error for an account that Meta wants to be left alone."""
        wait = self._pace.wait_seconds(account_id)
        until = self._time.best() + timedelta(seconds=wait)
        penalty = self._penalties.get(account_id)
        if penalty is not None:
            says = self._http.scrubbed(describe(penalty))
            return Penalised(says, remedy=remedy_for(penalty), until=until)
        remedy = f"nothing to do: a tick after {until:%H:%M} UTC will work it again"
        return Throttled(why, remedy=remedy, until=until)

    def took(self, account_id: str | None, answer: HttpAnswer) -> None:
        """Learn from an answer's headers: time, quota, version."""
        self._time.observe(answer.headers.get("date"))
        self._pace.observe(account_id, answer.headers)
        warning = answer.headers.get(_VERSION_WARNING)
        if warning:
            self.warn(f"Meta on the API version: {self._http.scrubbed(warning)[:300]}")
        served = answer.headers.get("facebook-api-version")
        if served and served != self._http.version and not warning:
            self.warn(f"asked for Graph {self._http.version}, served by {served[:20]!r}")

    async def _attempt(
        self, path: str, params: Mapping[str, str], decode: Decode[T], errand: Errand
    ) -> T:
        async with self._slots_of(errand.account_id), self._all_slots:
            if self._pace.wait_seconds(errand.account_id, settles=errand.settles) > 0:
                raise self.throttled(
                    errand.account_id, "Meta's quota for this account is used up for now"
                )
            left = errand.deadline - self._monotonic()
            if left <= 0:
                raise Unreachable(
                    "the time for reading from Meta is over",
                    remedy="if this happens often, look at Meta's status page and the network",
                )
            self.requests += 1
            began_at = self._monotonic()
            try:
                answer = await self._http.get(
                    path, params, seconds=min(self._request_timeout, left)
                )
            except NoAnswer as lost:
                LOG.debug("request method=GET path=%s loss=%s", path, lost.loss)
                self._raise_lost(lost)
        LOG.debug(
            "request method=GET path=%s status=%d ms=%.0f bytes=%d trace=%s",
            path,
            answer.status,
            (self._monotonic() - began_at) * 1000,
            len(answer.body),
            answer.trace_id,
        )
        self.took(errand.account_id, answer)
        return self._understand(answer, path, decode, errand)

    def _slots_of(self, account_id: str | None) -> asyncio.Semaphore:
        """An account's own, so that one that dawdles holds up no other."""
        return self._slots.setdefault(account_id, asyncio.Semaphore(self._concurrency))

    def _understand(self, answer: HttpAnswer, path: str, decode: Decode[T], errand: Errand) -> T:
        if answer.is_ok:
            try:
                value = _decoded(answer.body, decode)
            except msgspec.ValidationError as misfit:
                self._raise_graph(answer, errand)
                raise BadAnswer(f"{path}: not what Meta documents: {misfit}") from None
            except (msgspec.DecodeError, NotJson, UnicodeDecodeError, RecursionError):
                raise PassingTrouble(f"Meta's answer to {path} is not whole JSON") from None
            if not isinstance(value, Page) or bytes(value.error) == bytes(_NULL):
                return value
        self._raise_graph(answer, errand)
        status = f"HTTP {answer.status} without a Graph answer"
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            self._pace.block(errand.account_id, 300.0)
            raise self.throttled(errand.account_id, status)
        if answer.is_server_error or answer.is_ok:
            raise PassingTrouble(f"{path}: {status}")
        if answer.is_redirect:
            raise BadAnswer(
                f"{path}: the server redirects elsewhere, which is never followed",
                remedy="check META_GRAPH_URL, and whether a proxy or portal is in between",
            )
        raise Unreachable(f"{path}: {status}", remedy="look for a proxy between here and Meta")

    def _raise_graph(self, answer: HttpAnswer, errand: Errand) -> None:
        """Raise what a Graph error body says; return when there is none."""
        error = graph_error(answer.body)
        if error is None:
            return
        says = self._http.scrubbed(describe(error))
        LOG.debug(
            "refused code=%d subcode=%s trace=%s",
            error.code,
            error.error_subcode,
            error.fbtrace_id or answer.trace_id,
        )
        match trouble(error):
            case Trouble.PASSING:
                raise PassingTrouble(says)
            case Trouble.TOO_MUCH:
                raise TooMuchData(says)
            case Trouble.THROTTLED:
                raise self.refused_for_now(errand.account_id, error, says)
            case Trouble.AUTH:
                raise AuthFailed(says, remedy=remedy_for(error))
            case Trouble.GONE:
                raise Gone(says, remedy="check that the id exists and the token may see it")
            case Trouble.INVALID:
                raise InvalidRequest(says, error=error)

    def refused_for_now(self, account_id: str | None, error: GraphError, says: str) -> Throttled:
        """Meta throttles: nobody asks for this account again before the time is over."""
        is_penalty = error.code == PENALTY
        if is_penalty:
            self._penalties[account_id] = error
        self._pace.block(account_id, default_wait(error).total_seconds(), at_least=is_penalty)
        return self.throttled(account_id, says)

    def _raise_lost(self, lost: NoAnswer) -> NoReturn:
        match lost.loss:
            case Loss.CERTIFICATE:
                raise AuthFailed(
                    lost.message,
                    remedy="check META_GRAPH_URL, this machine's clock and its CA certificates",
                ) from None
            case Loss.ENCODED | Loss.TOO_LARGE:
                raise BadAnswer(lost.message) from None
            case Loss.NOT_CONNECTED | Loss.BROKEN | Loss.TOO_LATE:
                raise PassingTrouble(
                    f"Meta can't be reached: {lost.message}",
                    remedy="check the network, DNS and firewall of this machine",
                ) from None

    def _is_worth_a_retry(self, error: BaseException) -> bool:
        budget = max(_MIN_RETRIES, _RETRY_SHARE * self.requests)
        return isinstance(error, PassingTrouble) and self._retries < budget

    def _count_retry(self, state: RetryCallState) -> None:
        self._retries += 1
        LOG.debug("retry attempt=%d wait=%.1f", state.attempt_number, state.upcoming_sleep or 0.0)


def _page_decoder(row: type[T], by_row: Decode[T] | None) -> Decode[Page[T]]:
    """Reads a whole page, or refuses it; raises NotJson when an object in it has a key twice."""
    read: Decode[Page[T]] = msgspec.json.Decoder(Page[row]).decode  # type: ignore[valid-type]
    keeps_all = issubclass(row, WholeRow)

    def decode(body: bytes) -> Page[T]:
        try:
            page = read(body)
        except msgspec.ValidationError:
            if by_row is None:
                raise
            refuse_repeated_keys(body)
            raw = _decode_rows(body)
            rows = [by_row(bytes(one)) for one in raw.data]
            return Page(data=rows, paging=raw.paging, error=raw.error)
        is_plain = keeps_all and page.error is _NULL
        refuse_repeated_keys(body, page if is_plain else None)
        return page

    return decode


_decode_rows: Final = msgspec.json.Decoder(Page[msgspec.Raw]).decode


def _decoded(body: bytes, decode: Decode[T]) -> T:
    try:
        return decode(body)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        mended = mend(body)
        if mended == body:
            raise
        return decode(mended)
