"""A lean Graph API for benchmarks: it renders pages and nothing else, and can wait before each.

Run: python -m tests.benchmarks.graph CAMPAIGNS [--ads 10] [--days 14] [--accounts 1]
     [--latency 0.15]

It prints its URL and serves until it is killed. What it says is fixed by the sizes: each campaign
has a budget, one ad set and some ads; each ad has a row for every day asked for that is among the
last days, about as long as Meta's own. A write is answered with success and remembered.

`GET /asked` tells, and forgets, what was asked since the last such question: the requests, the
writes among them, and the longest chain of pages of one list, which no client can walk in less
time than one answer after the other takes.
"""

import argparse
import asyncio
import functools
import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

FIRST_ACCOUNT: Final = 7001
CREATED: Final = "2026-01-05T08:00:00+0000"
OTHER_ACTIONS: Final = (
    "link_click", "page_engagement", "post_engagement", "landing_page_view", "view_content",
    "add_to_cart", "initiate_checkout", "video_view", "post_reaction", "comment", "like",
)  # fmt: skip
#: Bytes of rendered pages that are kept to be sent again.
KEPT: Final = 64_000_000

Json = Mapping[str, Any]


class Shop:
    """What one account holds. Ids are a level's digit, the account's place, a number."""

    def __init__(self, place: int, campaigns: int, ads: int, days: int) -> None:
        self.place, self.campaigns, self.ads = place, campaigns, ads
        self.account_id = str(FIRST_ACCOUNT + place)
        self.first_day = datetime.now(UTC).date() - timedelta(days=days)
        self.written: dict[str, dict[str, str]] = {}
        self._noise = functools.lru_cache(maxsize=1024)(self._noise_of)

    def id(self, level: int, n: int) -> str:
        return f"{level}{self.place:02}{n:09}"

    # entities

    def campaign(self, n: int) -> str:
        return self._entity({
            "id": self.id(1, n), "account_id": self.account_id, "name": f"Campaign {n}",
            "status": "ACTIVE", "effective_status": "ACTIVE", "created_time": CREATED,
            "objective": "OUTCOME_SALES", "daily_budget": str(5000 + mix(n, 1) % 20000),
            "budget_remaining": "1000", "bid_strategy": "LOWEST_COST_WITHOUT_CAP",
        })  # fmt: skip

    def adset(self, n: int) -> str:
        return self._entity({
            "id": self.id(2, n), "account_id": self.account_id, "campaign_id": self.id(1, n),
            "name": f"Ad set {n}", "status": "ACTIVE", "effective_status": "ACTIVE",
            "created_time": CREATED, "optimization_goal": "OFFSITE_CONVERSIONS",
            "promoted_object": {"custom_event_type": "PURCHASE"},
            "targeting": {"geo_locations": {"countries": ["ES"]}},
            "learning_stage_info": {"status": "SUCCESS"},
        })  # fmt: skip

    def ad(self, n: int) -> str:
        of = n // self.ads
        return self._entity({
            "id": self.id(3, n), "account_id": self.account_id, "campaign_id": self.id(1, of),
            "adset_id": self.id(2, of), "name": f"Ad {n}", "status": "ACTIVE",
            "effective_status": "ACTIVE", "created_time": CREATED,
            "creative": {"id": self.id(4, n)},
        })  # fmt: skip

    def _entity(self, entity: Json) -> str:
        return encoded({**entity, **self.written.get(entity["id"], {})})

    def account(self) -> str:
        return encoded({
            "name": f"Benchmark {self.place}", "currency": "USD", "timezone_name": "UTC",
            "account_status": 1, "account_id": self.account_id, "min_daily_budget": 100,
        })  # fmt: skip

    # what they delivered

    def facts(self, n: int, day: date) -> tuple[int, int, int]:
        """An ad's spend and purchase value in cents, its purchases."""
        level = 60 + mix(n, 2) % 300  # ROAS 0.60 to 3.60
        spend = 400 + mix(n, day.toordinal()) % 1200
        value = spend * level // 100
        return spend, value, max(1, value // 2500)

    def ad_day(self, n: int, day: date) -> str:
        of = n // self.ads
        ids = f'"adset_id":"{self.id(2, of)}","ad_id":"{self.id(3, n)}",'
        return self._row(of, ids, n, day, self.facts(n, day))

    def campaign_day(self, n: int, day: date) -> str:
        ads = [self.facts(ad, day) for ad in range(n * self.ads, (n + 1) * self.ads)]
        spend, value, purchases = (sum(ad[i] for ad in ads) for i in range(3))
        return self._row(n, "", n * self.ads, day, (spend, value, purchases))

    def _row(self, of: int, ids: str, n: int, day: date, facts: tuple[int, int, int]) -> str:
        spend, value, purchases = facts
        return (
            f'{{"campaign_id":"{self.id(1, of)}",{ids}"spend":"{spend / 100:.2f}",'
            f'"impressions":"{spend * 8}","account_currency":"USD","actions":[{self._noise(n)}'
            f'{{"action_type":"omni_purchase","value":"{purchases}"}}],"action_values":'
            f'[{{"action_type":"omni_purchase","value":"{value / 100:.2f}"}}],'
            f'"date_start":"{day}","date_stop":"{day}"}}'
        )

    def _noise_of(self, n: int) -> str:
        return "".join(
            f'{{"action_type":"{kind}","value":"{mix(n, 3 + i) % 900}"}},'
            for i, kind in enumerate(OTHER_ACTIONS)
        )

    def total(self, day: date) -> str:
        spend = sum(self.facts(n, day)[0] for n in range(self.campaigns * self.ads))
        return encoded({
            "spend": f"{spend / 100:.2f}", "account_currency": "USD",
            "date_start": day.isoformat(), "date_stop": day.isoformat(),
        })  # fmt: skip

    def country(self, n: int, days: Sequence[date]) -> str:
        ads = range(n * self.ads, (n + 1) * self.ads)
        spend = sum(self.facts(ad, day)[0] for ad in ads for day in days)
        return encoded({
            "adset_id": self.id(2, n), "country": "ES", "spend": f"{spend / 100:.2f}",
            "date_start": days[0].isoformat(), "date_stop": days[-1].isoformat(),
        })  # fmt: skip

    # lists

    def page(self, of: str, edge: str, asked: Mapping[str, str]) -> str:
        count, row = self._rows(of, edge, asked)
        limit, start = int(asked.get("limit", 25)), int(asked.get("after", 0))
        end = min(start + limit, count)
        more = ',"next":"there is more"' if end < count else ""
        rows = ",".join([row(n) for n in range(start, end)])
        cursors = f'{{"before":"{start}","after":"{end}"}}'
        return f'{{"data":[{rows}],"paging":{{"cursors":{cursors}{more}}}}}'

    def _rows(  # noqa: PLR0911 - one line for each list that there is
        self, of: str, edge: str, asked: Mapping[str, str]
    ) -> tuple[int, Callable[[int], str]]:
        if edge == "insights":
            days = self._days(asked)
            per_day = len(days)
            match asked.get("level"):
                case "ad":
                    ads, first = self._ads(of)
                    return (
                        ads * per_day,
                        lambda n: self.ad_day(first + n // per_day, days[n % per_day]),
                    )
                case "account":
                    return per_day, lambda n: self.total(days[n])
                case "adset":
                    return self.campaigns if days else 0, lambda n: self.country(n, days)
                case _:
                    campaign = int(of[3:])
                    return per_day, lambda n: self.campaign_day(campaign, days[n])
        match edge:
            case "campaigns":
                return self.campaigns, self.campaign
            case "adsets":
                return self.campaigns, self.adset
            case "ads":
                return self.campaigns * self.ads, self.ad
        return 0, self.campaign

    def _ads(self, of: str) -> tuple[int, int]:
        """How many ads an account or a campaign has, and the first one's number."""
        if of.startswith("act_"):
            return self.campaigns * self.ads, 0
        return self.ads, int(of[3:]) * self.ads

    def _days(self, asked: Mapping[str, str]) -> list[date]:
        between = json.loads(asked["time_range"])
        since, until = (date.fromisoformat(between[end]) for end in ("since", "until"))
        since = max(since, self.first_day)
        return [since + timedelta(days=n) for n in range((until - since).days + 1)]


class Graph:
    """All the accounts, and what was asked."""

    def __init__(self, shops: Sequence[Shop]) -> None:
        self.shops = shops
        self._pages: dict[tuple[str, ...], bytes] = {}
        self._kept = 0
        self._forget()

    def _forget(self) -> None:
        self.requests = self.writes = 0
        self.lists: Counter[tuple[str, ...]] = Counter()

    def answer(self, method: str, path: str, asked: Mapping[str, str]) -> bytes:
        parts = path.strip("/").split("/")
        if parts == ["asked"]:
            told = {
                "requests": self.requests,
                "writes": self.writes,
                "chain": max(self.lists.values(), default=0),
            }
            self._forget()
            return encoded(told).encode()
        self.requests += 1
        node, *edge = parts[1:]  # after the version
        if method == "POST":
            return self._write(node, asked)
        return self._list(node, edge[0], asked) if edge else self._node(node).encode()

    def _write(self, node: str, asked: Mapping[str, str]) -> bytes:
        self.writes += 1
        self._shop(node).written.setdefault(node, {}).update(
            {key: value for key, value in asked.items() if key in ("status", "daily_budget")}
        )
        self._pages = {key: page for key, page in self._pages.items() if "insights" in key}
        return b'{"success":true}'

    def _node(self, node: str) -> str:
        if node == "me":
            return '{"id":"1"}'
        if node == "debug_token":
            return (
                '{"data":{"is_valid":true,"scopes":["ads_read","ads_management"],"expires_at":0}}'
            )
        shop = self._shop(node)
        if node.startswith("act_"):
            return shop.account()
        return (shop.campaign, shop.adset, shop.ad)[int(node[0]) - 1](int(node[3:]))

    def _list(self, node: str, edge: str, asked: Mapping[str, str]) -> bytes:
        rest = (f"{name}={asked[name]}" for name in sorted(asked) if name != "after")
        key = (node, edge, *rest)
        self.lists[key] += 1
        key = (*key, asked.get("after", ""))
        if key in self._pages:
            return self._pages[key]
        page = self._shop(node).page(node, edge, asked).encode()
        if self._kept + len(page) <= KEPT:
            self._kept += len(page)
            self._pages[key] = page
        return page

    def _shop(self, node: str) -> Shop:
        if node.startswith("act_"):
            return self.shops[int(node.removeprefix("act_")) - FIRST_ACCOUNT]
        return self.shops[int(node[1:3])]


def mix(n: int, salt: int) -> int:
    """The same number for the same two, on every machine, and quickly."""
    x = (n * 0x9E3779B1 + salt * 0x85EBCA77) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x2C1B3C6D) & 0xFFFFFFFF
    return x ^ (x >> 13)


def encoded(value: Json) -> str:
    return json.dumps(value, separators=(",", ":"))


async def serve(graph: Graph, latency: float) -> None:
    """HTTP/1.1 on loopback, connections kept alive."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, target, _ = head.split(" ", 2)
                size = 0
                for line in head.split("\r\n")[1:]:
                    name, _, value = line.partition(":")
                    if name.lower() == "content-length":
                        size = int(value)
                body = (await reader.readexactly(size)).decode()
                url = urlsplit(target)
                said = f"{url.query}&{body}"
                asked = {k: v[0] for k, v in parse_qs(said).items() if k != "access_token"}
                if latency:
                    await asyncio.sleep(latency)
                answer = graph.answer(method, unquote(url.path), asked)
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: "
                    + format_datetime(datetime.now(UTC), usegmt=True).encode()
                    + b"\r\nContent-Length: %d\r\n\r\n" % len(answer)
                )
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}", flush=True)
    async with server:
        await server.serve_forever()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("campaigns", type=int)
    options.add_argument("--ads", type=int, default=10)
    options.add_argument("--days", type=int, default=14)
    options.add_argument("--accounts", type=int, default=1)
    options.add_argument("--latency", type=float, default=0.0)
    chosen = options.parse_args()
    shops = [
        Shop(place, chosen.campaigns, chosen.ads, chosen.days) for place in range(chosen.accounts)
    ]
    try:
        asyncio.run(serve(Graph(shops), chosen.latency))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
