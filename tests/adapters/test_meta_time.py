"""Trusted time: Meta's Date, with the local clock as a witness."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from meta_autonomous.adapters.meta_api import MetaApi
from meta_autonomous.ports.errors import BadAnswer
from meta_autonomous.ports.platform import ReadPlan
from tests.adapters.fault_server import (
    ACCOUNT,
    CAMPAIGN,
    NOON,
    FaultServer,
    account,
    account_row,
    ask,
    say,
)

PLAN = ReadPlan(days=7, window_days=7)


def dated(date: str | datetime | None) -> dict[str, str | None]:
    text = format_datetime(date, usegmt=True) if isinstance(date, datetime) else date
    return {"Date": text}


async def now(api: MetaApi, _server: FaultServer) -> datetime:
    return await api.trusted_now()


def test_the_time_is_metas_and_passes() -> None:
    ticks = iter(range(1000))

    async def question(api: MetaApi, server: FaultServer) -> timedelta:
        first = await api.trusted_now()
        assert first >= NOON
        later = await api.trusted_now()
        assert server.count() == 1  # one cheap read, and none when an answer is there
        return later - first

    passed = ask(
        account(), question, monotonic=lambda: float(next(ticks)) / 10, clock=lambda: NOON
    )
    assert timedelta(0) < passed < timedelta(seconds=2)


@pytest.mark.parametrize("skew", [timedelta(seconds=119), timedelta(seconds=-119)])
def test_a_small_difference_of_clocks_is_no_matter(skew: timedelta) -> None:
    assert ask(account(), now, clock=lambda: NOON + skew) - NOON < timedelta(seconds=5)


@pytest.mark.parametrize(
    "skew", [timedelta(seconds=130), timedelta(seconds=-130), timedelta(days=400)]
)
def test_clocks_too_far_apart_are_not_trusted_but_reads_go_on(skew: timedelta) -> None:
    async def question(api: MetaApi, _server: FaultServer) -> None:
        snapshot = await api.read_account(ACCOUNT, PLAN)
        assert CAMPAIGN in snapshot.campaigns
        assert snapshot.observed_at - NOON < timedelta(seconds=10)
        with pytest.raises(BadAnswer, match="this machine's clock says") as caught:
            await api.trusted_now()
        assert "clock" in caught.value.remedy

    ask(account(), question, clock=lambda: NOON + skew)


@pytest.mark.parametrize("date", [None, "", "yesterday", "Sun, 99 Nov 2026 12:00:00 GMT", "0"])
def test_without_a_date_there_is_no_trusted_time_but_reads_go_on(date: str | None) -> None:
    async def question(api: MetaApi, _server: FaultServer) -> None:
        with pytest.raises(BadAnswer, match="no usable Date"):
            await api.trusted_now()

    ask(account(me=[say({"id": "1"}, headers=dated(date))]), question)


def test_the_latest_answer_counts() -> None:
    async def question(api: MetaApi, _server: FaultServer) -> None:
        await api.trusted_now()
        with pytest.raises(BadAnswer):
            await api.read_account(ACCOUNT, PLAN)
        with pytest.raises(BadAnswer, match="no usable Date"):
            await api.trusted_now()

    ask(account(account=[say(account_row(currency="LKR"), headers=dated(None))]), question)


def test_a_read_without_any_date_takes_the_local_clock() -> None:
    local = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

    async def question(api: MetaApi, _server: FaultServer) -> datetime:
        return (await api.read_account(ACCOUNT, PLAN)).observed_at

    script = account(account=[say(account_row(), headers=dated(None))])
    assert ask(script, question, clock=lambda: local) == local


def test_a_simulated_servers_clock_is_taken_as_it_stands() -> None:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    script = account(me=[say({"id": "1"}, headers=dated(long_ago))])
    assert ask(script, now, checks_clock=False, clock=lambda: NOON) == long_ago


def test_a_version_that_ends_is_a_warning() -> None:
    text = "The call has been auto-upgraded to v27.0 as v26.0 will be deprecated"
    headers = {"X-Ad-Api-Version-Warning": text, "facebook-api-version": "v27.0"}

    async def question(api: MetaApi, _server: FaultServer) -> tuple[str, ...]:
        await api.trusted_now()
        await api.trusted_now()
        return api.warnings

    warnings = ask(account(me=[say({"id": "1"}, headers=headers)]), question)
    assert len(warnings) == 1
    assert text in warnings[0]


def test_another_version_than_asked_for_is_a_warning() -> None:
    async def question(api: MetaApi, _server: FaultServer) -> tuple[str, ...]:
        await api.trusted_now()
        return api.warnings

    script = account(me=[say({"id": "1"}, headers={"facebook-api-version": "v27.0"})])
    assert "v27.0" in ask(script, question)[0]
