"""A Graph API that misbehaves to order: real sockets, raw bytes, in the test's own event loop.

    async with FaultServer(account(campaigns=[hang()])) as server:
        api = meta(server.base_url)

A deed answers one request, or fails to. `account` scripts a small honest ad account, any part of
which a test replaces by deeds of its own: one per request, the last of them for all that follow.
"""

import asyncio
import json
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Self, TypeVar
from urllib.parse import parse_qsl, urlsplit

from meta_autonomous.adapters.meta_api import MetaApi
from meta_autonomous.domain.entities import Level
from meta_autonomous.domain.intent import Change, ChangedField

Json = dict[str, Any]
T = TypeVar("T")

TOKEN = "EAAtestTokenThatNobodyMaySee123456789"
SECRET = "app-secret-that-nobody-may-see"
#: In the middle of an account day in Berlin, so that a slow test never crosses midnight.
NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
TODAY = NOON.date()
ACCOUNT, CAMPAIGN, ADSET, AD = "1", "101", "201", "301"


# --- requests and deeds -------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    method: str
    target: str
    headers: Mapping[str, str]
    body: str

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def params(self) -> dict[str, str]:
        text = self.body if self.method == "POST" else urlsplit(self.target).query
        return dict(parse_qsl(text, keep_blank_values=True))


Deed = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]
Script = Callable[[Asked], Deed]


def http(body: bytes, status: int = 200, headers: Mapping[str, str | None] | None = None) -> bytes:
    """A complete answer; a header set to None is left out."""
    all_headers: dict[str, str | None] = {
        "Content-Type": "application/json; charset=UTF-8",
        "Content-Length": str(len(body)),
        "Date": format_datetime(NOON, usegmt=True),
        "facebook-api-version": "v26.0",
        "x-fb-trace-id": "Trace1",
        **(headers or {}),
    }
    lines = [f"{name}: {value}" for name, value in all_headers.items() if value is not None]
    return "\r\n".join([f"HTTP/1.1 {status} X", *lines, "", ""]).encode("latin-1") + body


def say(
    document: object, status: int = 200, headers: Mapping[str, str | None] | None = None
) -> Deed:
    """Answer with JSON (or with the very bytes given), and keep the connection."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return send(http(body, status, headers), closes=False)


def send(raw: bytes, *, closes: bool = True) -> Deed:
    async def deed(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()
        if closes:
            writer.close()

    return deed


def graph_error(code: int, subcode: int | None = None, status: int = 400, **more: object) -> Deed:
    error: Json = {"message": "Injected", "type": "OAuthException", "code": code, **more}
    if subcode is not None:
        error["error_subcode"] = subcode
    return say({"error": {**error, "fbtrace_id": "Trace2"}}, status)


def page(rows: Sequence[object], after: str | None = None, **more: object) -> Deed:
    """A page of a list; with `after` there is a next one."""
    document: Json = {"data": list(rows), **more}
    if after is not None:
        next_url = f"https://graph.facebook.com/next?access_token={TOKEN}&after={after}"
        document["paging"] = {"cursors": {"before": "b", "after": after}, "next": next_url}
    else:
        document["paging"] = {"cursors": {"before": "b", "after": "last"}}
    return say(document)


def reset() -> Deed:
    async def deed(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return deed


def hang() -> Deed:
    async def deed(_asked: Asked, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    return deed


def drip(raw: bytes, *, after: int, seconds: float = 0.02) -> Deed:
    """The first `after` bytes at once, then one at a time: each read succeeds, none is the end."""

    async def deed(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(raw[:after])
        for index in range(after, len(raw)):
            await writer.drain()
            await asyncio.sleep(seconds)
            writer.write(raw[index : index + 1])

    return deed


def flood(size: int) -> Deed:
    """A body of `size` bytes of valid JSON, so far."""

    async def deed(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(http(b"", headers={"Content-Length": str(size)}))
        chunk = b'{"data":[' + b" " * 1_000_000
        for _ in range(size // len(chunk) + 1):
            writer.write(chunk)
            await writer.drain()

    return deed


# --- the server ---------------------------------------------------------------------------------


class _Dated:
    """A writer that tells the time of now, where an answer was written with NOON."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)

    def write(self, raw: bytes) -> None:
        dates = (format_datetime(at, usegmt=True).encode() for at in (NOON, datetime.now(UTC)))
        self._writer.write(raw.replace(*dates))


@dataclass
class FaultServer:
    """Works a script; everything that was asked is on record. `is_dated`: its clock goes, for a
    client that compares it with its own."""

    script: Script
    is_dated: bool = False
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    base_url: str = ""
    _open: dict[asyncio.Task[None], asyncio.StreamWriter] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.base_url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task, writer in tuple(self._open.items()):
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await asyncio.sleep(0)  # an aborted transport closes its socket in the next turn

    def count(self, path: str = "") -> int:
        return sum(path in one.target for one in self.asked)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._open[task] = writer
        task.add_done_callback(self._open.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                asked = await _receive(reader)
                if asked is None:
                    break
                self.asked.append(asked)
                await self.script(asked)(asked, _Dated(writer) if self.is_dated else writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has gone
        finally:
            writer.close()


async def _receive(reader: asyncio.StreamReader) -> Asked | None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in head[1:] if line)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, target, headers, body.decode())


# --- an honest account --------------------------------------------------------------------------


def account_row(**changes: object) -> Json:
    return {
        "id": f"act_{ACCOUNT}",
        "account_id": ACCOUNT,
        "name": "Shop",
        "currency": "EUR",
        "timezone_name": "Europe/Berlin",
        "account_status": 1,
        "min_daily_budget": 100,
    } | changes


def campaign_row(entity_id: str = CAMPAIGN, **changes: object) -> Json:
    return {
        "id": entity_id,
        "account_id": ACCOUNT,
        "name": f"Campaign {entity_id}",
        "status": "ACTIVE",
        "effective_status": "ACTIVE",
        "objective": "OUTCOME_SALES",
        "daily_budget": "5000",
        "bid_strategy": "LOWEST_COST_WITHOUT_CAP",
        "created_time": "2026-10-01T09:12:33+0200",
    } | changes


def adset_row(entity_id: str = ADSET, **changes: object) -> Json:
    return {
        "id": entity_id,
        "account_id": ACCOUNT,
        "campaign_id": CAMPAIGN,
        "name": f"Ad set {entity_id}",
        "status": "ACTIVE",
        "effective_status": "ACTIVE",
        "optimization_goal": "OFFSITE_CONVERSIONS",
        "promoted_object": {"pixel_id": "9", "custom_event_type": "PURCHASE"},
        "targeting": {"age_min": 18, "geo_locations": {"countries": ["ES"]}},
        "created_time": "2026-10-01T09:12:33+0200",
    } | changes


def ad_row(entity_id: str = AD, **changes: object) -> Json:
    return {
        "id": entity_id,
        "account_id": ACCOUNT,
        "campaign_id": CAMPAIGN,
        "adset_id": ADSET,
        "name": f"Ad {entity_id}",
        "status": "ACTIVE",
        "effective_status": "ACTIVE",
        "created_time": "2026-10-01T09:12:33+0200",
        "creative": {"id": "401"},
    } | changes


def day_row(day: date, ad_id: str = AD, spend: str = "10.00", **changes: object) -> Json:
    return {
        "campaign_id": CAMPAIGN,
        "adset_id": ADSET,
        "ad_id": ad_id,
        "date_start": str(day),
        "date_stop": str(day),
        "account_currency": "EUR",
        "spend": spend,
        "impressions": "1000",
        "actions": [
            {"action_type": "link_click", "value": "20"},
            {"action_type": "omni_purchase", "value": "2"},
            {"action_type": "purchase", "value": "2"},
        ],
        "action_values": [{"action_type": "omni_purchase", "value": "50.5"}],
    } | changes


def days_asked(asked: Asked) -> list[date]:
    span = json.loads(asked.params["time_range"])
    since, until = date.fromisoformat(span["since"]), date.fromisoformat(span["until"])
    return [since + timedelta(days=n) for n in range((until - since).days + 1)]


def _ad_days(asked: Asked) -> Deed:
    return page([day_row(day) for day in days_asked(asked)])


def _totals(asked: Asked) -> Deed:
    return page(
        [
            {"date_start": str(day), "date_stop": str(day), "spend": "10"}
            for day in days_asked(asked)
        ]
    )


def _countries(asked: Asked) -> Deed:
    days = days_asked(asked)
    span = {"date_start": str(days[0]), "date_stop": str(days[-1])}
    return page([{"adset_id": ADSET, "country": "ES", "spend": "70", **span}])


_HONEST: Mapping[str, Callable[[Asked], Deed]] = {
    "me": lambda _: say({"id": "42"}),
    "adaccounts": lambda _: page([{"account_id": ACCOUNT, "id": f"act_{ACCOUNT}"}]),
    "account": lambda _: say(account_row()),
    "campaigns": lambda _: page([campaign_row()]),
    "adsets": lambda _: page([adset_row()]),
    "ads": lambda _: page([ad_row()]),
    "ad_days": _ad_days,
    "totals": _totals,
    "countries": _countries,
    "rules": lambda _: page([]),
    "activities": lambda _: page([]),
    "entity": lambda _: say(campaign_row()),
    "write": lambda _: say({"success": True}),
}


def what(asked: Asked) -> str:
    """Which part of an account a request is about."""
    if asked.method == "POST":
        return "write"
    last = asked.path.rsplit("/", 1)[-1]
    if last == "insights":
        params = asked.params
        if "breakdowns" in params:
            return "countries"
        return "ad_days" if params["level"] == "ad" else "totals"
    if last == "adrules_library":
        return "rules"
    if last.startswith("act_"):
        return "account"
    return last if last in _HONEST else "entity"


Part = Sequence[Deed] | Callable[[Asked], Deed]


def account(**parts: Part) -> Script:
    """A script for a whole account. A part is a function of the request, or deeds in turn."""
    assert set(parts) <= set(_HONEST)
    turns: dict[str, int] = {}

    def script(asked: Asked) -> Deed:
        name = what(asked)
        part = parts.get(name, _HONEST[name])
        if callable(part):
            return part(asked)
        turn = turns.get(name, 0)
        turns[name] = turn + 1
        return part[min(turn, len(part) - 1)]

    return script


# --- the client under test ----------------------------------------------------------------------


def meta(base_url: str, **options: Any) -> MetaApi:
    """A client with short patience. Its local clock agrees with the server's."""
    defaults: Json = {
        "base_url": base_url,
        "token": TOKEN,
        "clock": lambda: NOON,
        "monotonic": time.monotonic,
        "retry_wait": 0.001,
    }
    return MetaApi(**defaults | options)


def ask(
    script: Script,
    question: Callable[[MetaApi, FaultServer], Coroutine[Any, Any, T]],
    **options: Any,
) -> T:
    """Serve the script, put one question to it, and see to it that it ends soon."""

    async def run() -> T:
        async with (
            asyncio.timeout(20),
            FaultServer(script) as server,
            meta(server.base_url, **options) as api,
        ):
            return await question(api, server)

    return asyncio.run(run())


def budget_change(new: str = "5500", **changes: Any) -> Change:
    values: Json = {
        "account_id": ACCOUNT,
        "entity_id": CAMPAIGN,
        "level": Level.CAMPAIGN,
        "field": ChangedField.DAILY_BUDGET,
        "old": "5000",
        "new": new,
    }
    return Change(**values | changes)
