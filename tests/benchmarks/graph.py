"""A lean Graph API for benchmarks: pages rendered once, an optional wait per request, no world.

Run: python -m tests.benchmarks.graph CAMPAIGNS [--ads 10] [--latency 0.15]

It prints its URL and serves one account until it is killed. What it says is fixed by the sizes:
each campaign has a budget, one ad set and some ads; each ad has a row for every day asked for,
about as long as Meta's own. A write is answered with success and remembered.
"""

import argparse
import asyncio
import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

ACCOUNT: Final = "7001"
CREATED: Final = "2026-01-05T08:00:00+0000"
OTHER_ACTIONS: Final = (
    "link_click", "page_engagement", "post_engagement", "landing_page_view", "view_content",
    "add_to_cart", "initiate_checkout", "video_view", "post_reaction", "comment", "like",
)  # fmt: skip

Json = Mapping[str, Any]


class Shop:
    """What the account holds. Ids are numbered: campaigns 1.., ad sets 2.., ads 3.."""

    def __init__(self, campaigns: int, ads: int) -> None:
        self.campaigns, self.ads = campaigns, ads
        self.written: dict[str, dict[str, str]] = {}
        self.requests = 0
        self._pages: dict[tuple[str, ...], bytes] = {}

    # entities

    def campaign(self, n: int) -> Json:
        return self._with_writes({
            "id": f"1{n:09}", "account_id": ACCOUNT, "name": f"Campaign {n}", "status": "ACTIVE",
            "effective_status": "ACTIVE", "created_time": CREATED, "objective": "OUTCOME_SALES",
            "daily_budget": str(5000 + draw("budget", n) % 20000), "budget_remaining": "1000",
            "bid_strategy": "LOWEST_COST_WITHOUT_CAP",
        })  # fmt: skip

    def adset(self, n: int) -> Json:
        return self._with_writes({
            "id": f"2{n:09}", "account_id": ACCOUNT, "campaign_id": f"1{n:09}",
            "name": f"Ad set {n}", "status": "ACTIVE", "effective_status": "ACTIVE",
            "created_time": CREATED, "optimization_goal": "OFFSITE_CONVERSIONS",
            "promoted_object": {"custom_event_type": "PURCHASE"},
            "targeting": {"geo_locations": {"countries": ["ES"]}},
            "learning_stage_info": {"status": "SUCCESS"},
        })  # fmt: skip

    def ad(self, n: int) -> Json:
        of = n // self.ads
        return self._with_writes({
            "id": f"3{n:09}", "account_id": ACCOUNT, "campaign_id": f"1{of:09}",
            "adset_id": f"2{of:09}", "name": f"Ad {n}", "status": "ACTIVE",
            "effective_status": "ACTIVE", "created_time": CREATED,
            "creative": {"id": f"4{n:09}"},
        })  # fmt: skip

    def ad_day(self, n: int, day: date) -> Json:
        of = n // self.ads
        spend, value, purchases = self.facts(n, day)
        noise = [
            {"action_type": kind, "value": str(draw(kind, n) % 900)} for kind in OTHER_ACTIONS
        ]
        bought = {"action_type": "omni_purchase", "value": str(purchases)}
        worth = {"action_type": "omni_purchase", "value": f"{value / 100:.2f}"}
        return {
            "campaign_id": f"1{of:09}", "adset_id": f"2{of:09}", "ad_id": f"3{n:09}",
            "spend": f"{spend / 100:.2f}", "impressions": str(spend * 8),
            "account_currency": "USD", "actions": [*noise, bought], "action_values": [worth],
            "date_start": day.isoformat(), "date_stop": day.isoformat(),
        }  # fmt: skip

    def facts(self, n: int, day: date) -> tuple[int, int, int]:
        """Spend and purchase value in cents, purchases."""
        level = 60 + draw("level", n) % 300  # ROAS 0.60 to 3.60
        spend = 400 + draw("spend", n, day.toordinal()) % 1200
        value = spend * level // 100
        return spend, value, max(1, value // 2500)

    def _with_writes(self, entity: Json) -> Json:
        return {**entity, **self.written.get(entity["id"], {})}

    # answers

    def answer(self, method: str, path: str, asked: Mapping[str, str]) -> bytes:
        self.requests += 1
        parts = path.strip("/").split("/")[1:]  # the version
        if method == "POST":
            self.written.setdefault(parts[0], {}).update(
                {key: value for key, value in asked.items() if key in ("status", "daily_budget")}
            )
            self._pages.clear()
            return b'{"success":true}'
        if parts == ["me"]:
            return b'{"id":"1"}'
        if parts == [f"act_{ACCOUNT}"]:
            return encoded({
                "name": "Benchmark", "currency": "USD", "timezone_name": "UTC",
                "account_status": 1, "account_id": ACCOUNT, "min_daily_budget": 100,
            })  # fmt: skip
        if len(parts) == 1:
            return encoded(self._entity(parts[0]))
        key = (*parts, *(f"{name}={asked[name]}" for name in sorted(asked)))
        if key not in self._pages:
            self._pages[key] = self._page(parts[1], asked)
        return self._pages[key]

    def _entity(self, entity_id: str) -> Json:
        makers: dict[str, Callable[[int], Json]] = {
            "1": self.campaign, "2": self.adset, "3": self.ad,
        }  # fmt: skip
        return makers[entity_id[0]](int(entity_id[1:]))

    def _page(self, edge: str, asked: Mapping[str, str]) -> bytes:
        count, row = self._rows(edge, asked)
        limit, start = int(asked.get("limit", 25)), int(asked.get("after", 0))
        end = min(start + limit, count)
        paging: dict[str, Any] = {"cursors": {"before": str(start), "after": str(end)}}
        if end < count:
            paging["next"] = "there is more"
        return encoded({"data": [row(n) for n in range(start, end)], "paging": paging})

    def _rows(  # noqa: PLR0911 - one line for each list that there is
        self, edge: str, asked: Mapping[str, str]
    ) -> tuple[int, Callable[[int], Json]]:
        ads = self.campaigns * self.ads
        match edge, asked.get("level"):
            case "campaigns", _:
                return self.campaigns, self.campaign
            case "adsets", _:
                return self.campaigns, self.adset
            case "ads", _:
                return ads, self.ad
            case "insights", "ad":
                days = days_of(asked)
                return ads * len(days), lambda n: self.ad_day(n // len(days), days[n % len(days)])
            case "insights", "account":
                days = days_of(asked)
                return len(days), lambda n: self._total(days[n])
            case "insights", "adset":
                days = days_of(asked)
                return self.campaigns, lambda n: self._country(n, days)
        return 0, self.campaign

    def _total(self, day: date) -> Json:
        spend = sum(self.facts(n, day)[0] for n in range(self.campaigns * self.ads))
        return {
            "spend": f"{spend / 100:.2f}", "account_currency": "USD",
            "date_start": day.isoformat(), "date_stop": day.isoformat(),
        }  # fmt: skip

    def _country(self, n: int, days: Sequence[date]) -> Json:
        ads = range(n * self.ads, (n + 1) * self.ads)
        spend = sum(self.facts(ad, day)[0] for ad in ads for day in days)
        return {
            "adset_id": f"2{n:09}", "country": "ES", "spend": f"{spend / 100:.2f}",
            "date_start": days[0].isoformat(), "date_stop": days[-1].isoformat(),
        }  # fmt: skip


def draw(*seed: object) -> int:
    """The same number for the same seed, on every machine."""
    return int.from_bytes(hashlib.blake2b(repr(seed).encode(), digest_size=4).digest())


def days_of(asked: Mapping[str, str]) -> list[date]:
    between = json.loads(asked["time_range"])
    since, until = (date.fromisoformat(between[end]) for end in ("since", "until"))
    return [since + timedelta(days=n) for n in range((until - since).days + 1)]


def encoded(value: Json) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


async def serve(shop: Shop, latency: float) -> None:
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
                asked = {k: v[0] for k, v in parse_qs(url.query or body).items()}
                if latency:
                    await asyncio.sleep(latency)
                answer = shop.answer(method, unquote(url.path), asked)
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
    options.add_argument("--latency", type=float, default=0.0)
    chosen = options.parse_args()
    try:
        asyncio.run(serve(Shop(chosen.campaigns, chosen.ads), chosen.latency))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
