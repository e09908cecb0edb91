"""Quota headers: slowing down before the limit, and how long to leave an account alone."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from meta_autonomous.adapters.meta_api import MetaApi
from meta_autonomous.domain.entities import Level
from meta_autonomous.ports.errors import Throttled
from meta_autonomous.ports.platform import AnswerKind, ReadPlan
from tests.adapters.fault_server import (
    ACCOUNT,
    CAMPAIGN,
    NOON,
    FaultServer,
    account,
    account_row,
    ask,
    budget_change,
    graph_error,
    page,
    say,
)

PLAN = ReadPlan(days=7, window_days=7, with_activities_since=NOON - timedelta(days=1))


def business(*usages: dict[str, object]) -> dict[str, str]:
    full = [{"type": "ads_insights", "call_count": 1, **usage} for usage in usages]
    return {"X-Business-Use-Case-Usage": json.dumps({"1": full[:1], "2": full[1:]})}


def first_answer(**headers: str) -> Any:
    """The account's own row, with these headers; the first thing that is read."""
    return [say(account_row(), headers={k.replace("_", "-"): v for k, v in headers.items()})]


FULL = {
    "business, calls": business({"call_count": 95}),
    "business, time, second entry": business({}, {"total_time": 99.5}),
    "business, cpu": business({"total_cputime": 100}),
    "business, regain time": business({}, {"estimated_time_to_regain_access": 3}),
    "account": {"X-Ad-Account-Usage": '{"acc_id_util_pct": 96.2, "reset_time_duration": 120}'},
    "app": {"X-App-Usage": '{"call_count": 10, "total_time": 97, "total_cputime": 5}'},
    "insights": {"X-FB-Ads-Insights-Throttle": '{"app_id_util_pct": 95, "acc_id_util_pct": 1}'},
}


@pytest.mark.parametrize("headers", FULL.values(), ids=FULL.keys())
def test_a_read_stops_before_the_limit(headers: dict[str, str]) -> None:
    async def question(api: MetaApi, server: FaultServer) -> None:
        with pytest.raises(Throttled) as caught:
            await api.read_account(ACCOUNT, PLAN)
        assert len(server.asked) == 1
        assert caught.value.until is not None
        assert caught.value.until > NOON
        assert (await api.write(budget_change())).kind is AnswerKind.THROTTLED
        assert len(server.asked) == 1

    ask(account(account=[say(account_row(), headers=headers)]), question)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        (business({"estimated_time_to_regain_access": 7}), timedelta(minutes=7)),
        (
            business(
                {"estimated_time_to_regain_access": 2}, {"estimated_time_to_regain_access": 9}
            ),
            timedelta(minutes=9),
        ),
        (
            {"X-Ad-Account-Usage": '{"acc_id_util_pct": 100, "reset_time_duration": 90}'},
            timedelta(seconds=90),
        ),
        (business({"call_count": 100}), timedelta(minutes=5)),
        (business({"estimated_time_to_regain_access": 10**12}), timedelta(days=1)),
    ],
)
def test_the_headers_say_until_when(headers: dict[str, str], wait: timedelta) -> None:
    async def question(api: MetaApi, _server: FaultServer) -> datetime:
        with pytest.raises(Throttled) as caught:
            await api.read_account(ACCOUNT, PLAN)
        assert caught.value.until is not None
        return caught.value.until

    until = ask(account(account=[say(account_row(), headers=headers)]), question)
    assert abs(until - NOON - wait) < timedelta(seconds=10)


def test_a_refusals_own_header_counts_before_the_default() -> None:
    refusal = {"error": {"message": "slow down", "code": 80004}}
    deed = say(refusal, 400, business({"estimated_time_to_regain_access": 42}))

    async def question(api: MetaApi, _server: FaultServer) -> datetime | None:
        return (await api.write(budget_change())).until

    until = ask(account(write=[deed]), question)
    assert until is not None
    assert abs(until - NOON - timedelta(minutes=42)) < timedelta(seconds=10)


def test_from_three_quarters_on_optional_reads_are_left_out() -> None:
    async def question(api: MetaApi, server: FaultServer) -> None:
        snapshot = await api.read_account(ACCOUNT, PLAN)
        assert snapshot.activities is None
        assert server.count("/adrules_library") == server.count("/activities") == 0
        assert len(api.warnings) == 2

    ask(account(account=[say(account_row(), headers=business({"call_count": 75}))]), question)


def test_below_that_everything_is_read() -> None:
    async def question(api: MetaApi, _server: FaultServer) -> None:
        snapshot = await api.read_account(ACCOUNT, PLAN)
        assert snapshot.activities == ()
        assert api.warnings == ()

    ask(account(account=[say(account_row(), headers=business({"call_count": 74}))]), question)


@pytest.mark.parametrize(
    "value",
    ["", "{", "[]", "[" * 5000, '{"1": 5}', '{"1": [5, null]}', '{"1": [{"call_count": "99"}]}',
     '{"1": [{"call_count": NaN}]}', '{"1": [{"call_count": true}]}', '{"call_count": -5}'],
)  # fmt: skip
def test_a_header_that_says_nothing_stops_nothing(value: str) -> None:
    headers = {"X-Business-Use-Case-Usage": value, "X-App-Usage": value}

    async def question(api: MetaApi, _server: FaultServer) -> None:
        assert (await api.read_account(ACCOUNT, PLAN)).campaigns

    ask(account(account=[say(account_row(), headers=headers)]), question)


def test_a_write_can_still_be_settled_close_to_the_limit() -> None:
    async def question(api: MetaApi, _server: FaultServer) -> str:
        with pytest.raises(Throttled):
            await api.read_account(ACCOUNT, PLAN)
        entity = await api.read_entity(ACCOUNT, CAMPAIGN, Level.CAMPAIGN)
        await api.read_activities(ACCOUNT, since=NOON)
        return str(entity.id)

    assert ask(
        account(account=[say(account_row(), headers=business({"call_count": 96}))]), question
    )


def test_after_metas_own_word_nothing_is_asked_of_that_account() -> None:
    async def question(api: MetaApi, server: FaultServer) -> None:
        with pytest.raises(Throttled):
            await api.read_account(ACCOUNT, PLAN)
        before = len(server.asked)
        for _ in range(3):
            with pytest.raises(Throttled):
                await api.read_entity(ACCOUNT, CAMPAIGN, Level.CAMPAIGN)
        assert len(server.asked) == before

    ask(account(ads=[graph_error(17, 2446079)]), question, concurrency=1)


def test_a_throttled_account_does_not_stop_another() -> None:
    async def question(api: MetaApi, _server: FaultServer) -> None:
        with pytest.raises(Throttled):
            await api.read_account(ACCOUNT, PLAN)
        assert (await api.write(budget_change(account_id="2"))).kind is AnswerKind.ACCEPTED

    ask(account(campaigns=[graph_error(80004), page([])]), question)


def test_a_429_without_a_body_is_metas_own_word_too() -> None:
    async def question(api: MetaApi, server: FaultServer) -> None:
        for _ in range(3):
            with pytest.raises(Throttled) as caught:
                await api.read_entity(ACCOUNT, CAMPAIGN, Level.CAMPAIGN)
            assert caught.value.until is not None
            assert abs(caught.value.until - NOON - timedelta(minutes=5)) < timedelta(seconds=10)
        assert server.count(f"/{CAMPAIGN}") == 1

    ask(account(entity=[say(b"", 429)]), question)


def test_a_throttle_of_an_optional_read_stops_the_whole_read() -> None:
    async def question(api: MetaApi, server: FaultServer) -> None:
        with pytest.raises(Throttled):
            await api.read_account(ACCOUNT, PLAN)
        assert server.asked[-1].path.endswith("/activities")  # everything else had been read

    ask(account(activities=[graph_error(4)]), question, concurrency=1)
