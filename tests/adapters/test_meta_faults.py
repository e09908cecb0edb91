"""Reads when the network or the server misbehaves: the class of error, and how soon."""

import asyncio
import gzip
import socket
import time
from collections.abc import Mapping

import pytest

from meta_autonomous.adapters.meta_api import MetaApi
from meta_autonomous.domain.entities import Level
from meta_autonomous.ports import AuthFailed, BadAnswer, PlatformError, ReadPlan, Unreachable
from tests.adapters.fault_server import (
    ACCOUNT,
    CAMPAIGN,
    Deed,
    FaultServer,
    account,
    ask,
    campaign_row,
    drip,
    flood,
    graph_error,
    hang,
    http,
    meta,
    page,
    reset,
    say,
    send,
)

PLAN = ReadPlan(days=7, window_days=7)
WHOLE = http(b'{"data":[]}')
HTML = {"Content-Type": "text/html"}
PATIENCE = 0.25

#: Deed -> what a read makes of it, and how often it asks (4: retried to the end).
FAULTS: Mapping[str, tuple[Deed, type[PlatformError], int]] = {
    "reset": (reset(), Unreachable, 4),
    "closed without an answer": (send(b""), Unreachable, 4),
    "hang": (hang(), Unreachable, 4),
    "headers dripping": (drip(WHOLE, after=20), Unreachable, 4),
    "body dripping": (drip(WHOLE, after=len(WHOLE) - 9, seconds=0.1), Unreachable, 4),
    "truncated, with a length": (send(WHOLE[:-3]), Unreachable, 4),
    "truncated, without a length": (
        send(http(b'{"data":[', headers={"Content-Length": None, "Connection": "close"})),
        Unreachable,
        4,
    ),
    "truncated, chunked": (
        send(
            http(
                b'5\r\n{"dat\r\n',
                headers={"Content-Length": None, "Transfer-Encoding": "chunked"},
            )
        ),
        Unreachable,
        4,
    ),
    "200 with HTML": (say(b"<html>Service Unavailable</html>", headers=HTML), Unreachable, 4),
    "200 and empty": (say(b""), Unreachable, 4),
    "502 with HTML": (say(b"<html>Bad Gateway</html>", 502, HTML), Unreachable, 4),
    "500 and empty": (say(b"", 500), Unreachable, 4),
    "503 with JSON that is no error": (say({"status": "down"}, 503), Unreachable, 4),
    "403 of a proxy": (say(b"<html>Forbidden</html>", 403, HTML), Unreachable, 1),
    "not HTTP": (send(b"SSH-2.0-OpenSSH_9.2\r\n"), Unreachable, 4),
    "20 000 headers": (
        send(b"HTTP/1.1 200 OK\r\n" + b"X-Header: 1\r\n" * 20_000 + b"\r\n"),
        Unreachable,
        4,
    ),
    "NaN": (say(b'{"data":[{"id":NaN}]}'), Unreachable, 4),
    "bytes that are no UTF-8": (say(b'{"data":[],"paging":{"next":"\xff\xfe"}}'), Unreachable, 4),
    "nested deeply": (say(b'{"data":' + b"[" * 200_000), Unreachable, 4),
    "nested deeply, in what is skipped": (
        say(b'{"data":[],"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
        Unreachable,
        4,
    ),
    "compressed": (
        say(gzip.compress(b'{"data":[]}'), headers={"Content-Encoding": "gzip"}),
        BadAnswer,
        1,
    ),
    "gzip bomb": (
        say(gzip.compress(b" " * 50_000_000), headers={"Content-Encoding": "GZIP"}),
        BadAnswer,
        1,
    ),
    "200 MB": (flood(200_000_000), BadAnswer, 1),
    "redirect": (
        say(b"", 307, {"Location": "http://127.0.0.1:9/steal"}),
        BadAnswer,
        1,
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_while_listing_is_classified_and_ends_soon(name: str) -> None:
    deed, expected, attempts = FAULTS[name]

    async def question(api: MetaApi, server: FaultServer) -> None:
        began = time.monotonic()
        with pytest.raises(PlatformError) as caught:
            await api.read_account(ACCOUNT, PLAN)
        assert isinstance(caught.value, expected)
        assert caught.value.remedy or caught.value.message
        assert server.count("/campaigns") == attempts
        assert time.monotonic() - began < 8

    patience = 3.0 if name in ("200 MB", "gzip bomb") else PATIENCE
    ask(account(campaigns=[deed]), question, request_timeout=patience)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_while_reading_one_entity_is_classified_too(name: str) -> None:
    deed, expected, attempts = FAULTS[name]

    async def question(api: MetaApi, server: FaultServer) -> None:
        with pytest.raises(PlatformError) as caught:
            await api.read_entity(ACCOUNT, CAMPAIGN, Level.CAMPAIGN)
        assert isinstance(caught.value, expected)
        assert server.count(f"/{CAMPAIGN}") == attempts

    patience = 3.0 if name in ("200 MB", "gzip bomb") else PATIENCE
    ask(account(entity=[deed]), question, request_timeout=patience)


STRICT = {
    "a key twice": b'{"id":"101","daily_budget":"5000","daily_budget":"1"}',
    "NaN": b'{"id":"101","daily_budget":NaN}',
    "Infinity": b'{"id":"101","x":-Infinity}',
    "beyond a double": b'{"id":"101","daily_budget":1e999}',
    "5 000 digits": b'{"id":"101","daily_budget":' + b"9" * 5000 + b"}",
    "nested deeply": b'{"id":"101","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "two documents": b'{"id":"101"}{"id":"101"}',
    "UTF-16": '{"id":"101"}'.encode("utf-16"),
}


@pytest.mark.parametrize("body", STRICT.values(), ids=STRICT.keys())
def test_what_a_write_will_be_measured_against_is_read_strictly(body: bytes) -> None:
    async def question(api: MetaApi, _server: FaultServer) -> None:
        with pytest.raises(Unreachable):
            await api.read_entity(ACCOUNT, CAMPAIGN, Level.CAMPAIGN)

    ask(account(entity=[say(body)]), question)


@pytest.mark.parametrize("number", ["1e999", "9" * 5000, "9" * 30, "1.5"])
def test_numbers_beyond_all_bounds_cost_only_the_entity_that_has_them(number: str) -> None:
    one = str(campaign_row("102", daily_budget=0)).replace("'", '"')
    body = f'{{"data":[{one.replace(": 0", ": " + number)}]}}'.encode()

    async def question(api: MetaApi, _server: FaultServer) -> set[str]:
        return set((await api.read_account(ACCOUNT, PLAN)).skipped)

    assert "102" in ask(account(campaigns=[say(body)]), question)


def test_a_refused_connection_is_unreachable() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]

    async def run() -> None:
        async with meta(f"http://127.0.0.1:{port}") as api:
            with pytest.raises(Unreachable, match="can't connect"):
                await api.read_account(ACCOUNT, PLAN)
            assert api.requests_made() == 4

    asyncio.run(run())


def test_an_unknown_host_is_unreachable() -> None:
    async def run() -> None:
        async with meta("https://graph.invalid", request_timeout=2.0) as api:
            with pytest.raises(Unreachable):
                await api.trusted_now()

    asyncio.run(run())


def test_a_fault_that_passes_is_not_noticed() -> None:
    for fault in (reset(), say(b"<html>", 502), hang(), graph_error(2, status=503)):

        async def question(api: MetaApi, _server: FaultServer) -> set[str]:
            return set((await api.read_account(ACCOUNT, PLAN)).campaigns)

        script = account(campaigns=[fault, page([campaign_row()])])
        assert ask(script, question, request_timeout=1.0) == {CAMPAIGN}


def test_a_connection_that_the_server_dropped_between_two_reads_is_replaced() -> None:
    closing = {"Connection": "close"}

    async def question(api: MetaApi, server: FaultServer) -> int:
        await api.read_account(ACCOUNT, PLAN)
        return server.connections

    assert (
        ask(
            account(
                account=[
                    say(b"<", 502, closing),
                    say(b"<", 502, closing),
                    say(
                        {
                            "account_id": "1",
                            "name": "S",
                            "currency": "EUR",
                            "timezone_name": "Europe/Berlin",
                            "account_status": 1,
                        },
                        headers=closing,
                    ),
                ]
            ),
            question,
        )
        >= 3
    )


def test_the_first_failing_chain_ends_the_others() -> None:
    async def question(api: MetaApi, _server: FaultServer) -> None:
        began = time.monotonic()
        with pytest.raises(AuthFailed):
            await api.read_account(ACCOUNT, PLAN)
        assert time.monotonic() - began < 5

    script = account(ads=[graph_error(190, 463, 401)], ad_days=[hang()], adsets=[hang()])
    ask(script, question)


def test_the_deadline_of_a_read_bounds_all_its_retries() -> None:
    async def question(api: MetaApi, _server: FaultServer) -> None:
        began = time.monotonic()
        with pytest.raises(Unreachable):
            await api.read_account(ACCOUNT, PLAN)
        assert time.monotonic() - began < 2

    ask(account(campaigns=[hang()]), question, request_timeout=30.0, read_deadline=0.5)


def test_past_the_deadline_of_the_run_nothing_is_asked() -> None:
    async def question(api: MetaApi, server: FaultServer) -> None:
        with pytest.raises(Unreachable, match="time for reading"):
            await api.read_account(ACCOUNT, PLAN)
        assert server.asked == []

    ask(account(), question, deadline_at=time.monotonic() - 1)


def test_retries_have_a_budget_over_the_life_of_the_client() -> None:
    async def question(api: MetaApi, server: FaultServer) -> int:
        for _ in range(10):
            with pytest.raises(Unreachable):
                await api.read_account(ACCOUNT, PLAN)
        return len(server.asked)

    # Ten reads of four attempts would be 40 requests; ten retries are all there is.
    assert ask(account(account=[say(b"", 500)]), question) == 20


def test_a_cancelled_read_ends_as_cancelled() -> None:
    async def question(api: MetaApi, _server: FaultServer) -> None:
        reading = asyncio.create_task(api.read_account(ACCOUNT, PLAN))
        await asyncio.sleep(0.1)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    ask(account(campaigns=[hang()]), question)
