"""Writes: sent once, and what we know afterwards, in favour of doubt."""

import asyncio
import gzip
import json
import socket
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from meta_autonomous.adapters.meta_api import MetaApi
from meta_autonomous.domain.entities import Level
from meta_autonomous.domain.intent import ChangedField
from meta_autonomous.ports.errors import Penalised
from meta_autonomous.ports.platform import Answer, AnswerKind, ReadPlan, Throttle
from tests.adapters.fault_server import (
    ACCOUNT,
    CAMPAIGN,
    NOON,
    Deed,
    FaultServer,
    account,
    ask,
    budget_change,
    drip,
    flood,
    graph_error,
    hang,
    http,
    meta,
    reset,
    say,
    send,
)

YES = http(b'{"success":true}')
HTML = {"Content-Type": "text/html"}
UNKNOWN, REFUSED, THROTTLED = AnswerKind.UNKNOWN, AnswerKind.REFUSED, AnswerKind.THROTTLED


def write(*deeds: Deed, **options: Any) -> Answer:
    """One write; it must have been asked for exactly once."""

    async def question(api: MetaApi, server: FaultServer) -> Answer:
        began = time.monotonic()
        answer: Answer = await api.write(budget_change())
        assert server.count() == 1
        assert time.monotonic() - began < 5
        return answer

    return ask(account(write=deeds), question, **options)


def test_an_accepted_write_is_one_field_in_one_form_on_a_fresh_connection() -> None:
    async def question(api: MetaApi, server: FaultServer) -> None:
        await api.read_account(ACCOUNT, ReadPlan(days=7, window_days=7))
        before = server.connections
        for new in ("5500", "6000"):
            answer = await api.write(budget_change(new))
            assert answer.kind is AnswerKind.ACCEPTED
            assert answer.trace_id == "Trace1"
        assert server.connections == before + 2
        asked = server.asked[-1]
        assert (asked.method, asked.path) == ("POST", f"/v26.0/{CAMPAIGN}")
        assert asked.params == {"daily_budget": "6000"}
        assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
        assert api.requests_made() == len(server.asked)

    ask(account(), question)


@pytest.mark.parametrize(
    ("field", "new"),
    [
        (ChangedField.STATUS, "PAUSED"),
        (ChangedField.STATUS, "ACTIVE"),
        (ChangedField.LIFETIME_BUDGET, "90000"),
    ],
)
def test_every_kind_of_change_is_sent_as_meta_names_it(field: ChangedField, new: str) -> None:
    async def question(api: MetaApi, server: FaultServer) -> dict[str, str]:
        await api.write(budget_change(new, field=field, level=Level.ADSET))
        return server.asked[0].params

    assert ask(account(), question) == {field.value: new}


@pytest.mark.parametrize(
    "changes",
    [
        {"entity_id": "1/../me"},
        {"entity_id": ""},
        {"new": "0"},
        {"new": "-5"},
        {"new": "55.5"},
        {"new": "9" * 20},
        {"field": ChangedField.STATUS, "new": "DELETED"},
        {"field": ChangedField.STATUS, "new": "ARCHIVED"},
        {"field": ChangedField.STATUS, "new": "5500"},
    ],
    ids=str,
)
def test_a_change_that_we_never_make_is_not_sent(changes: Mapping[str, Any]) -> None:
    async def question(api: MetaApi, server: FaultServer) -> Answer:
        answer: Answer = await api.write(budget_change(**{"new": "5500", **changes}))
        assert server.asked == []
        return answer

    assert ask(account(), question).kind is AnswerKind.NOT_SENT


IN_DOUBT: Mapping[str, Deed] = {
    "reset": reset(),
    "closed without an answer": send(b""),
    "hang": hang(),
    "headers dripping": drip(YES, after=20),
    "body dripping": drip(YES, after=len(YES) - 9, seconds=0.1),
    "truncated, with a length": send(YES[:-3]),
    "truncated, without a length": send(
        http(b'{"success":true', headers={"Content-Length": None, "Connection": "close"})
    ),
    "200 with HTML": say(b"<html>success: true</html>", headers=HTML),
    "200 with text": say(b"Service Unavailable"),
    "200 and empty": say(b""),
    "200 with something else": say({"id": CAMPAIGN}),
    "200 with a list": say([{"success": True}]),
    "true alone": say(b"true"),
    "success: false": say({"success": False}),
    "success: 1": say({"success": 1}),
    'success: "true"': say({"success": "true"}),
    "success twice": say(b'{"success":false,"success":true}'),
    "success and an error": say({"success": True, "error": {"code": 100, "message": "no"}}),
    "success with NaN beside it": say(b'{"success":true,"x":NaN}'),
    "nested deeply": say(b'{"success":true,"x":' + b"[" * 200_000),
    "201": say({"success": True}, 201),
    "204": say(b"", 204),
    "redirect": say(b"", 307, {"Location": "http://127.0.0.1:9/"}),
    "success in a redirect": say({"success": True}, 302, {"Location": "http://127.0.0.1:9/"}),
    "400 with HTML": say(b"<html>", 400, HTML),
    "429 without a Graph code": say(b"", 429),
    "500 and empty": say(b"", 500),
    "502 with HTML": say(b"<html>Bad Gateway</html>", 502, HTML),
    "an error without a code": say({"error": {"message": "Oops"}}, 400),
    "an error whose code is text": say({"error": {"message": "Oops", "code": "100"}}, 400),
    "code 1": graph_error(1, status=500),
    "code 1/99": graph_error(1, 99, 500),
    "code 2": graph_error(2, status=503),
    "code 2, not transient": graph_error(2, status=400, is_transient=False),
    "code 100/1487390, not transient": graph_error(100, 1487390, is_transient=False),
    "code 100, transient": graph_error(100, is_transient=True),
    "code 190, transient": graph_error(190, is_transient=True),
    "code 100/1504018": graph_error(100, 1504018),
    "code 1487390": graph_error(1487390),
    "code 960": graph_error(960),
    "code -1": graph_error(-1),
    "a code nobody knows": graph_error(123456),
    "compressed": say(gzip.compress(b'{"success":true}'), headers={"Content-Encoding": "gzip"}),
    "200 MB": flood(200_000_000),
    "not HTTP": send(b"+OK POP3 ready\r\n"),
}


@pytest.mark.parametrize("name", IN_DOUBT)
def test_whatever_is_no_clear_yes_and_no_clear_no_is_in_doubt_and_not_sent_again(
    name: str,
) -> None:
    timeout = 3.0 if name == "200 MB" else 0.3
    answer = write(IN_DOUBT[name], write_timeout=timeout)
    assert answer.kind is UNKNOWN
    assert answer.detail


@pytest.mark.parametrize(
    ("code", "subcode", "status"),
    [
        (100, None, 400),
        (100, None, 500),  # Meta sends validation errors with 500 too
        (100, 33, 400),
        (100, 1885272, 400),
        (100, 1885621, 400),
        (100, 1885650, 400),
        (100, 2238055, 400),
        (190, 463, 401),
        (190, None, 400),
        (102, None, 400),
        (104, None, 400),
        (10, None, 403),
        (3, None, 400),
        (200, None, 403),
        (294, None, 403),
        (2635, None, 400),
        (1487901, None, 400),
        (1487056, None, 400),
        (1885088, None, 400),
        (2238055, None, 400),
        (2446307, None, 400),
        (1404078, None, 400),
        (1404163, None, 400),
    ],
)
def test_a_validation_code_proves_that_nothing_changed(
    code: int, subcode: int | None, status: int
) -> None:
    answer = write(graph_error(code, subcode, status, is_transient=False))
    assert answer.kind is REFUSED
    assert str(code) in answer.detail
    assert answer.trace_id == "Trace2"


def test_metas_own_words_are_in_the_detail() -> None:
    answer = write(
        graph_error(
            100,
            1885272,
            message="Invalid parameter",
            error_user_title="Budget is too low",
            error_user_msg="Your ad set budget must be more than\n€1.00.",
            error_data='{"blame_field_specs":[["daily_budget"]]}',
        )
    )
    assert answer.detail == (
        "Meta answered code 100/1885272: Invalid parameter Budget is too low "
        "Your ad set budget must be more than €1.00."
    )


@pytest.mark.parametrize(
    ("code", "subcode", "minutes"),
    [
        (4, None, 5),
        (17, 2446079, 5),
        (32, None, 5),
        (341, None, 5),
        (613, None, 5),
        (613, 1487742, 5),
        (613, 5044001, 1),
        (613, 1487632, 60),
        (368, None, 240),
        (80000, 2446079, 5),
        (80004, 2446079, 5),
        (80014, None, 5),
    ],
)
def test_a_throttle_says_until_when(code: int, subcode: int | None, minutes: int) -> None:
    answer = write(graph_error(code, subcode, is_transient=True))
    assert answer.kind is THROTTLED
    assert answer.until is not None
    expected = NOON + timedelta(minutes=minutes)
    assert abs(answer.until - expected) < timedelta(seconds=10)


def test_after_a_throttle_nothing_more_is_sent_to_that_account() -> None:
    async def question(api: MetaApi, server: FaultServer) -> None:
        for _ in range(3):
            assert (await api.write(budget_change())).kind is THROTTLED
        assert server.count() == 1

    ask(account(write=[graph_error(17, 2446079)]), question)


def test_a_penalty_blocks_the_account_for_hours_whatever_the_headers_say() -> None:
    async def question(api: MetaApi, server: FaultServer) -> None:
        for _ in range(2):
            answer = await api.write(budget_change())
            assert (answer.kind, answer.throttle) == (THROTTLED, Throttle.PENALTY)
            assert "code 368" in answer.detail
            assert answer.until is not None
            assert answer.until > NOON + timedelta(hours=3)
        with pytest.raises(Penalised, match="code 368"):
            await api.read_entity(ACCOUNT, CAMPAIGN, Level.CAMPAIGN)
        assert server.count() == 1

    usage = [{"type": "ads_management", "estimated_time_to_regain_access": 1}]
    headers = {"X-Business-Use-Case-Usage": json.dumps({"1": usage})}
    error = {"error": {"code": 368, "message": "temporarily blocked"}}
    ask(account(write=[say(error, 400, headers)]), question)


def test_one_ad_sets_hourly_limit_does_not_stop_the_account() -> None:
    async def question(api: MetaApi, _server: FaultServer) -> AnswerKind:
        answer = await api.write(budget_change())
        assert (answer.kind, answer.throttle) == (THROTTLED, Throttle.ENTITY)
        return (await api.write(budget_change(entity_id="102"))).kind

    script = account(write=[graph_error(613, 1487632), say({"success": True})])
    assert ask(script, question) is AnswerKind.ACCEPTED


# --- nothing left this machine ------------------------------------------------------------------


def send_to(base_url: str, **options: Any) -> Answer:
    async def run() -> Answer:
        async with asyncio.timeout(10), meta(base_url, **options) as api:
            return await api.write(budget_change())

    return asyncio.run(run())


def test_a_refused_connection_sent_nothing() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    assert send_to(f"http://127.0.0.1:{port}").kind is AnswerKind.NOT_SENT


def test_an_unknown_host_sent_nothing() -> None:
    assert send_to("https://graph.invalid", write_timeout=2.0).kind is AnswerKind.NOT_SENT


def test_a_connection_that_is_never_taken_sent_nothing() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(3)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", port))
            answer = send_to(f"http://127.0.0.1:{port}", write_timeout=0.4)
        finally:
            for filler in fillers:
                filler.close()
    assert answer.kind is AnswerKind.NOT_SENT


def test_a_tls_handshake_that_hangs_sent_nothing() -> None:
    async def question(_api: MetaApi, server: FaultServer) -> Answer:
        base_url = server.base_url.replace("http:", "https:")
        async with meta(base_url, write_timeout=0.4) as api:
            answer: Answer = await api.write(budget_change())
        assert server.connections == 1
        return answer

    assert ask(account(), question).kind is AnswerKind.NOT_SENT


def test_past_the_deadline_of_the_run_nothing_is_sent() -> None:
    async def question(api: MetaApi, server: FaultServer) -> Answer:
        answer: Answer = await api.write(budget_change())
        assert server.asked == []
        return answer

    past = time.monotonic() - 1
    assert ask(account(), question, deadline_at=past).kind is AnswerKind.NOT_SENT


def test_a_write_under_way_at_the_deadline_of_the_run_gets_its_answer() -> None:
    slow = drip(YES, after=len(YES) - 3, seconds=0.4)
    answer = write(slow, deadline_at=time.monotonic() + 0.7)
    assert answer.kind is AnswerKind.ACCEPTED
