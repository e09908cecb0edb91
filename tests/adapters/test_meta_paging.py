"""Walking pages: to the last one, or not at all."""

import asyncio
import json
from typing import Any

import pytest

from meta_autonomous.adapters.meta_api import MetaApi
from meta_autonomous.adapters.meta_errors import PassingTrouble
from meta_autonomous.domain.entities import Level
from meta_autonomous.ports.errors import BadAnswer, Unreachable
from meta_autonomous.ports.platform import ReadPlan
from tests.adapters.fault_server import (
    ACCOUNT,
    AD,
    CAMPAIGN,
    TODAY,
    Asked,
    Deed,
    FaultServer,
    Json,
    Part,
    account,
    account_row,
    ad_row,
    ask,
    campaign_row,
    day_row,
    days_asked,
    graph_error,
    hang,
    page,
    reset,
    say,
    what,
)

WEEK = ReadPlan(days=7, window_days=7)
TOO_MUCH = graph_error(1, status=500, message="Please reduce the amount of data you're asking for")


def read(options: Json | None = None, **parts: Part) -> tuple[Any, FaultServer]:
    async def question(api: MetaApi, server: FaultServer) -> tuple[Any, FaultServer]:
        return await api.read_account(ACCOUNT, WEEK), server

    return ask(account(**parts), question, **(options or {}))


def asked_for(server: FaultServer, part: str) -> list[Asked]:
    return [one for one in server.asked if what(one) == part]


def test_pages_are_walked_by_cursor_until_there_is_no_next() -> None:
    pages = [
        page([campaign_row("101")], after="c1"),
        page([campaign_row("102"), campaign_row("103")], after="c2"),
        page([campaign_row("104")]),
    ]
    snapshot, server = read(campaigns=pages)
    assert sorted(snapshot.campaigns) == ["101", "102", "103", "104"]
    cursors = [one.params.get("after") for one in asked_for(server, "campaigns")]
    assert cursors == [None, "c1", "c2"]


def test_a_cursor_without_next_is_the_end() -> None:
    document = {"data": [campaign_row()], "paging": {"cursors": {"after": "more?"}}}
    _, server = read(campaigns=[say(document)])
    assert len(asked_for(server, "campaigns")) == 1


def test_a_short_or_empty_page_is_not_the_end() -> None:
    pages = [page([], after="c1"), page([campaign_row()], after="c2"), page([])]
    snapshot, _ = read(campaigns=pages)
    assert set(snapshot.campaigns) == {CAMPAIGN}


def test_an_empty_page_that_leads_to_itself_is_asked_again() -> None:
    pages = [
        page([campaign_row()], after="c1"),
        page([], after="c1"),
        page([campaign_row("102")]),
    ]
    snapshot, _ = read(campaigns=pages)
    assert set(snapshot.campaigns) == {CAMPAIGN, "102"}


def test_an_empty_page_that_leads_to_itself_for_ever_refuses_the_read() -> None:
    with pytest.raises(BadAnswer, match="circle"):
        read(campaigns=[page([campaign_row()], after="c1"), page([], after="c1")])


def test_a_cursor_that_comes_back_refuses_the_read() -> None:
    pages = [
        page([campaign_row("101")], after="c1"),
        page([campaign_row("102")], after="c2"),
        page([campaign_row("103")], after="c1"),
    ]
    with pytest.raises(BadAnswer, match="circle"):
        read(campaigns=pages)


def test_a_list_that_never_ends_refuses_the_read() -> None:
    def endless(asked: Asked) -> Deed:
        number = int(asked.params.get("after", "1000"))
        return page([campaign_row(str(number))], after=str(number + 1))

    with pytest.raises(BadAnswer, match="within 5 pages"):
        read({"max_pages": 5}, campaigns=endless)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"data": None},
        {"data": {"id": "1"}},
        {"paging": {}},
        [],
        "data",
        {"data": [campaign_row()], "paging": {"next": "https://x"}},
        {"data": [campaign_row()], "paging": {"next": "https://x", "cursors": {}}},
        {"data": [campaign_row()], "paging": {"next": "https://x", "cursors": {"after": ""}}},
    ],
    ids=str,
)
def test_a_page_that_is_none_refuses_the_read_at_once(document: object) -> None:
    async def question(api: MetaApi, server: FaultServer) -> None:
        with pytest.raises(BadAnswer):
            await api.read_account(ACCOUNT, WEEK)
        assert len(asked_for(server, "campaigns")) == 1

    ask(account(campaigns=[say(document)]), question)


def test_data_with_an_error_beside_it_is_not_a_page() -> None:
    document = {"data": [], "error": {"message": "An unknown error occurred", "code": 1}}
    with pytest.raises(Unreachable):
        read(campaigns=[say(document)])


def test_the_same_object_on_two_pages_counts_once() -> None:
    pages = [page([campaign_row()], after="c1"), page([campaign_row(), campaign_row("102")])]
    snapshot, _ = read(campaigns=pages)
    assert set(snapshot.campaigns) == {CAMPAIGN, "102"}


def test_one_id_with_two_contents_refuses_the_read() -> None:
    pages = [page([campaign_row()], after="c1"), page([campaign_row(daily_budget="7000")])]
    with pytest.raises(BadAnswer, match="101 came twice"):
        read(campaigns=pages)


def test_one_id_once_odd_and_once_not_refuses_the_read() -> None:
    for first, second in (("?", "5000"), ("5000", "?"), ("?", "!")):
        rows = [campaign_row(daily_budget=first), campaign_row(daily_budget=second)]
        with pytest.raises(BadAnswer, match="101 came twice"):
            read(campaigns=[page(rows)])


def test_the_same_insight_row_on_two_pages_counts_once() -> None:
    def twice(asked: Asked) -> Deed:
        days = days_asked(asked)
        rows = [day_row(day) for day in days]
        return page(rows[:1], after="c1") if "after" not in asked.params else page(rows)

    snapshot, _ = read(ad_days=twice)
    assert {facts.spend_micros for facts in snapshot.days_of(snapshot.ads[AD]).values()} == {
        10_000_000
    }


def test_one_ad_and_day_with_two_spends_refuses_the_read() -> None:
    def twice(asked: Asked) -> Deed:
        return page([day_row(days_asked(asked)[0], spend=spend) for spend in ("10", "11")])

    with pytest.raises(BadAnswer, match=f"ad {AD}: came twice"):
        read(ad_days=twice)


def test_one_ad_in_two_ad_sets_refuses_the_read() -> None:
    def within_one_answer(asked: Asked) -> Deed:
        first, *others = days_asked(asked)
        return page([day_row(first), *(day_row(day, adset_id="202") for day in others)])

    def from_answer_to_answer(asked: Asked) -> Deed:
        days = days_asked(asked)
        return page([day_row(day, adset_id=f"20{len(days)}") for day in days])

    for ad_days in (within_one_answer, from_answer_to_answer):
        with pytest.raises(BadAnswer, match="two ad sets"):
            read(ad_days=ad_days)


def test_a_page_lost_on_the_way_is_asked_again_by_its_cursor() -> None:
    pages = [page([campaign_row()], after="c1"), reset(), page([campaign_row("102")])]
    snapshot, server = read(campaigns=pages)
    assert set(snapshot.campaigns) == {CAMPAIGN, "102"}
    cursors = [one.params.get("after") for one in asked_for(server, "campaigns")]
    assert cursors == [None, "c1", "c1"]


def test_a_walk_that_breaks_off_is_no_read() -> None:
    with pytest.raises(Unreachable):
        read(campaigns=[page([campaign_row()], after="c1"), reset()])


# --- too much data ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "refusal",
    [TOO_MUCH, graph_error(100, 1487534), graph_error(100, 1504018), graph_error(2, 1504038)],
)
def test_too_much_data_halves_the_page_and_goes_on_from_there(refusal: Deed) -> None:
    def campaigns(asked: Asked) -> Deed:
        if asked.params.get("after") == "c1" and int(asked.params["limit"]) > 125:
            return refusal
        return page([campaign_row()], after="c1") if "after" not in asked.params else page([])

    _, server = read(campaigns=campaigns)
    seen = [
        (one.params.get("after"), one.params["limit"]) for one in asked_for(server, "campaigns")
    ]
    assert seen == [(None, "500"), ("c1", "500"), ("c1", "250"), ("c1", "125")]


def test_insights_that_stay_too_much_are_asked_for_in_fewer_days() -> None:
    def ad_days(asked: Asked) -> Deed:
        days = days_asked(asked)
        return TOO_MUCH if len(days) > 2 else page([day_row(day) for day in days])

    snapshot, server = read(ad_days=ad_days)
    days = snapshot.days_of(snapshot.ads[AD])
    assert len(days) == 8
    spans = {len(days_asked(one)) for one in asked_for(server, "ad_days")}
    assert spans == {7, 4, 3, 2, 1}


def test_countries_that_stay_too_much_add_up_from_fewer_days() -> None:
    def countries(asked: Asked) -> Deed:
        days = days_asked(asked)
        if len(days) > 3:
            return TOO_MUCH
        span = {"date_start": str(days[0]), "date_stop": str(days[-1])}
        return page([{"adset_id": "201", "country": "ES", "spend": f"{len(days)}", **span}])

    snapshot, _ = read(countries=countries)
    assert snapshot.countries == {"201": {"ES": 7_000_000}}


def test_what_is_too_much_for_one_row_a_page_is_a_bad_answer() -> None:
    with pytest.raises(BadAnswer, match="reduce the amount of data"):
        read(campaigns=[TOO_MUCH])
    with pytest.raises(BadAnswer, match="reduce the amount of data"):
        read(ad_days=[TOO_MUCH])
    with pytest.raises(BadAnswer, match="reduce the amount of data"):
        read(countries=[TOO_MUCH])


def test_a_row_for_a_day_that_was_not_asked_for_refuses_the_read() -> None:
    with pytest.raises(BadAnswer, match="asked for"):
        read(
            totals=[page([{"date_start": "2026-11-01", "date_stop": "2026-11-01", "spend": "1"}])]
        )
    outside = {"date_start": "2026-10-01", "date_stop": str(TODAY), "spend": "1"}
    with pytest.raises(BadAnswer, match="asked for"):
        read(countries=[page([{"adset_id": "201", "country": "ES", **outside}])])


def test_ads_are_paged_beside_each_other() -> None:
    def ads(asked: Asked) -> Deed:
        number = int(asked.params.get("after", "0"))
        rows = [ad_row(str(3000 + 10 * number + n)) for n in range(10)]
        return page(rows, after=str(number + 1)) if number < 9 else page(rows)

    snapshot, server = read({"concurrency": 2}, ads=ads)
    assert len(snapshot.ads) == 100
    assert server.connections <= 2


def test_an_account_that_dawdles_holds_up_no_other() -> None:
    honest = account()
    all_it_may_have = asyncio.Event()
    waiting: list[Asked] = []

    def script(asked: Asked) -> Deed:
        if "/act_2/" in asked.path:
            waiting.append(asked)
            if len(waiting) == 8:
                all_it_may_have.set()
            return hang()
        if asked.path.endswith("/act_2"):
            return say(account_row(id="act_2", account_id="2"))
        return honest(asked)

    async def question(api: MetaApi, _server: FaultServer) -> Any:
        slow = asyncio.create_task(api.read_account("2", WEEK))
        await all_it_may_have.wait()
        snapshot = await asyncio.wait_for(api.read_account(ACCOUNT, WEEK), 5)
        assert not slow.done()
        slow.cancel()
        await asyncio.wait([slow])
        return snapshot

    assert set(ask(script, question).campaigns) == {CAMPAIGN}


def test_a_week_may_have_seven_times_the_pages_of_a_day() -> None:
    def one_row_a_page(asked: Asked) -> Deed:
        days = days_asked(asked)
        place = int(asked.params.get("after", "0"))
        onward = str(place + 1) if place + 1 < len(days) else None
        return page([day_row(days[place])], after=onward)

    snapshot, _ = read({"max_pages": 2}, ad_days=one_row_a_page)
    assert len(snapshot.days[Level.AD][AD]) == 8


@pytest.mark.parametrize("place", ["the row", "a purchase", "the paging"])
@pytest.mark.parametrize("spelling", ['"%s":"9"', '"%s"\t:"9"', '"%s"  : "9"'])
def test_a_key_that_comes_twice_refuses_the_page(place: str, spelling: str) -> None:
    """Of two parsers one takes the first and one the other: neither is believed."""
    before, key = {
        "the row": ('"account_currency"', "spend"),
        "a purchase": ('"action_type": "omni_purchase"', "value"),
        "the paging": ('"cursors"', "next"),
    }[place]

    def twice(asked: Asked) -> Deed:
        rows = [day_row(day) for day in days_asked(asked)]
        document = {"data": rows, "paging": {"next": "more", "cursors": {"after": "c"}}}
        whole = json.dumps(document)
        assert before in whole
        return say(whole.replace(before, f"{spelling % key}, {before}", 1).encode())

    with pytest.raises(PassingTrouble, match="not whole JSON"):
        read(ad_days=twice)
