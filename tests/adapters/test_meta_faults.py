"""Reads, pages and writes when the network or the server misbehaves: the class, and how soon."""

import asyncio
import json
import socket
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from meta_autonomous.adapters.meta_api import MetaApi
from meta_autonomous.domain.entities import Level
from meta_autonomous.ports.errors import AuthFailed, BadAnswer, PlatformError, Unreachable
from meta_autonomous.ports.platform import AnswerKind, ReadPlan
from tests.adapters.fault_server import (
    ACCOUNT,
    CAMPAIGN,
    TOKEN,
    Asked,
    Deed,
    FaultServer,
    account,
    ask,
    budget_change,
    campaign_row,
    day_row,
    days_asked,
    graph_error,
    hang,
    http,
    meta,
    page,
    reset,
    say,
    send,
)
from tests.adapters.http_faults import FAULTS, Fault

PLAN = ReadPlan(days=7, window_days=7)

Tried = Callable[[MetaApi, FaultServer], Any]
SECOND_PAGE = json.dumps({"data": [campaign_row("102")], "paging": {}}).encode()


async def read(api: MetaApi, _server: FaultServer) -> object:
    return await api.read_entity(ACCOUNT, CAMPAIGN, Level.CAMPAIGN)


async def listing(api: MetaApi, _server: FaultServer) -> object:
    return set((await api.read_account(ACCOUNT, PLAN)).campaigns)


async def write(api: MetaApi, _server: FaultServer) -> object:
    return (await api.write(budget_change())).kind


def served(fault: Fault, where: str) -> dict[str, Any]:
    """The parts of an account in which the fault stands: an entity, a second page, a write."""
    match where:
        case "read":
            return {"entity": [fault.deed(json.dumps(campaign_row()).encode())]}
        case "page":
            return {"campaigns": [page([campaign_row()], after="c1"), fault.deed(SECOND_PAGE)]}
        case _:
            return {"write": [fault.deed(b'{"success":true}')]}


@pytest.mark.parametrize("where", ["read", "page", "write"])
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_of_its_class_and_ends_soon(name: str, where: str) -> None:
    fault = FAULTS[name]
    tried: Tried = {"read": read, "page": listing, "write": write}[where]
    wanted = {"read": fault.read, "page": fault.page}.get(where)

    async def question(api: MetaApi, server: FaultServer) -> None:
        began = time.monotonic()
        attempts = 1
        if wanted is None:
            found = await tried(api, server)
            if where == "write":
                assert found is fault.write
        else:
            with pytest.raises(PlatformError) as caught:
                await tried(api, server)
            assert type(caught.value).__mro__[:-1].count(wanted) == 1, repr(caught.value)
            assert caught.value.message
            assert TOKEN not in f"{caught.value.message} {caught.value.remedy}"
            attempts = fault.attempts
        spent = time.monotonic() - began
        assert spent < attempts * fault.patience + 2
        asked = [one for one in server.asked if _is_about(one.target, one.params, where)]
        assert len(asked) == attempts
        if where == "page" and wanted is None:
            assert CAMPAIGN in found

    options = {"request_timeout": fault.patience, "write_timeout": fault.patience}
    ask(account(**served(fault, where)), question, **options)


def _is_about(target: str, params: dict[str, str], where: str) -> bool:
    if where == "page":
        return "/campaigns" in target and params.get("after") == "c1"
    return f"/{CAMPAIGN}" in target


def test_an_answer_that_nobody_asked_for_is_never_taken_for_the_next() -> None:
    """Two answers to one request: on a connection that is kept, the second waits there."""

    async def question(api: MetaApi, _server: FaultServer) -> None:
        for _ in range(3):
            assert (await api.read_entity(ACCOUNT, CAMPAIGN, Level.CAMPAIGN)).name == "honest"

    stale = http(json.dumps(campaign_row(name="stale")).encode())
    honest = http(json.dumps(campaign_row(name="honest")).encode())
    script = account(entity=[send(honest + stale, closes=False)])
    ask(script, question, concurrency=1)


def test_the_table_has_at_least_25_faults() -> None:
    assert len(FAULTS) >= 25


#: What a client may take beyond its idle size: the cap of 16 MB, twice while it is put together,
#: and what it makes of it.
MEMORY_MB = 100


@pytest.mark.parametrize("where", ["read", "page", "write"])
@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.is_large])
def test_what_is_large_takes_little_memory(name: str, where: str) -> None:
    fault = FAULTS[name]

    async def run() -> tuple[str, int]:
        async with FaultServer(account(**served(fault, where))) as server:
            asking = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.adapters.one_question"),
                *(server.base_url, where, str(max(fault.patience, 1.0))),
                stdout=asyncio.subprocess.PIPE,
            )
            out, _ = await asyncio.wait_for(asking.communicate(), 30)
            said, grown = out.decode().split()
            return said, int(grown)

    said, grown = asyncio.run(run())
    problem = {"read": fault.read, "page": fault.page}.get(where)
    wanted = fault.write.value if where == "write" else problem.__name__ if problem else "read"
    assert said == wanted
    assert grown < MEMORY_MB


# --- no server to speak of ----------------------------------------------------------------------


def nobody_listens() -> str:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{closed.getsockname()[1]}"


def nobody_is_called_so() -> str:
    return "https://graph.invalid"


@pytest.mark.parametrize("where", ["read", "page", "write"])
@pytest.mark.parametrize("url", [nobody_listens, nobody_is_called_so], ids=lambda at: at.__name__)
def test_without_a_connection_nothing_was_sent(url: Callable[[], str], where: str) -> None:
    async def run() -> object:
        tried: Tried = {"read": read, "page": listing, "write": write}[where]
        async with asyncio.timeout(10), meta(url(), request_timeout=2.0) as api:
            server = FaultServer(account())
            if where == "write":
                return await tried(api, server)
            with pytest.raises(Unreachable, match="can't connect"):
                await tried(api, server)
            return api.requests_made()

    assert asyncio.run(run()) == (AnswerKind.NOT_SENT if where == "write" else 4)


@pytest.mark.parametrize("where", ["read", "page", "write"])
def test_a_server_that_goes_away_between_two_pages_is_unreachable(where: str) -> None:
    """Its first answer is its last: it closes the connection, and takes no other."""
    going: list[FaultServer] = []

    def last(deed: Deed) -> Deed:
        async def done(asked: Asked, writer: asyncio.StreamWriter) -> None:
            going[0]._server.close()
            await deed(asked, writer)

        return done

    async def question(api: MetaApi, server: FaultServer) -> None:
        going.append(server)
        await api.trusted_now()
        if where == "write":
            assert (await api.write(budget_change())).kind is AnswerKind.NOT_SENT
            return
        with pytest.raises(Unreachable):
            await (read if where == "read" else listing)(api, server)

    closing = say({"id": "42"}, headers={"Connection": "close"})
    ask(account(me=[last(closing)]), question)


@pytest.mark.parametrize("where", ["read", "page", "write"])
def test_a_tls_handshake_that_hangs_sends_nothing(where: str) -> None:
    tried: Tried = {"read": read, "page": listing, "write": write}[where]

    async def question(_api: MetaApi, server: FaultServer) -> None:
        url = server.base_url.replace("http:", "https:")
        began = time.monotonic()
        async with meta(url, request_timeout=0.4, write_timeout=0.4) as api:
            if where == "write":
                assert await tried(api, server) is AnswerKind.NOT_SENT
            else:
                with pytest.raises(Unreachable):
                    await tried(api, server)
        assert server.asked == []
        assert time.monotonic() - began < 4

    ask(account(), question)


# --- where the token must not go ----------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["read", "page", "write"])
def test_a_redirect_is_never_followed_so_the_token_stays(where: str, status: int) -> None:
    tried: Tried = {"read": read, "page": listing, "write": write}[where]

    async def question(api: MetaApi, _server: FaultServer) -> None:
        if where == "write":
            assert await tried(api, _server) is AnswerKind.UNKNOWN
        else:
            with pytest.raises(BadAnswer, match="never followed"):
                await tried(api, _server)

    async def run() -> list[Any]:
        async with FaultServer(account()) as thief:
            elsewhere = say(b"", status, {"Location": f"{thief.base_url}/v26.0/me"})
            fault = Fault(deed=lambda _: elsewhere)
            async with (
                FaultServer(account(**served(fault, where))) as server,
                meta(server.base_url) as api,
            ):
                await question(api, server)
            return thief.asked

    assert asyncio.run(run()) == []


# --- pages that lie -----------------------------------------------------------------------------


def _endless(asked: Asked) -> Deed:
    number = int(asked.params.get("after", "1000"))
    return page([campaign_row(str(number))], after=str(number + 1))


def _totals(spend: str) -> Callable[[Asked], Deed]:
    def deed(asked: Asked) -> Deed:
        days = days_asked(asked)
        return page([{"date_start": str(d), "date_stop": str(d), "spend": spend} for d in days])

    return deed


def _days_twice(asked: Asked) -> Deed:
    day = days_asked(asked)[0]
    return page([day_row(day, spend="10"), day_row(day, spend="11")])


FIRST = page([campaign_row()], after="c1")

#: Which part lies, how, and what is said of it. No decision may rest on any of these.
LIES: Mapping[str, tuple[dict[str, Any], str]] = {
    "it leads to itself": ({"campaigns": [page([campaign_row()], after="c1")]}, "circle"),
    "it leads back": (
        {"campaigns": [FIRST, page([campaign_row("102")], after="c2"), FIRST]},
        "circle",
    ),
    "it says there is more, and gives nothing, for ever": (
        {"campaigns": [FIRST, page([], after="c1")]},
        "circle",
    ),
    "it says there is more, and not where": (
        {"campaigns": [say({"data": [campaign_row()], "paging": {"next": "https://x"}})]},
        "no cursor",
    ),
    "it never ends": ({"campaigns": _endless}, "did not end within"),
    "one id with two contents": (
        {"campaigns": [FIRST, page([campaign_row(daily_budget="7000")])]},
        "came twice",
    ),
    "one ad's day with two spends": ({"ad_days": _days_twice}, "came twice"),
    "a row without an id": (
        {"campaigns": [page([{"name": "x"}])]},
        "without a usable id",
    ),
    "rows that add up to less than the account spent": ({"totals": _totals("20")}, "spen"),
    "rows that add up to more than the account spent": ({"totals": _totals("1")}, "spen"),
    "no data at all": ({"campaigns": [say({"paging": {}})]}, "not what Meta documents"),
    "data that is no list": ({"campaigns": [say({"data": {"id": "1"}})]}, "not what Meta"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_list_that_lies_refuses_the_whole_read(name: str) -> None:
    parts, words = LIES[name]

    async def question(api: MetaApi, server: FaultServer) -> None:
        began = time.monotonic()
        with pytest.raises(BadAnswer, match=words):
            await api.read_account(ACCOUNT, PLAN)
        assert len(server.asked) < 40
        assert time.monotonic() - began < 4

    ask(account(**parts), question, max_pages=10)


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
